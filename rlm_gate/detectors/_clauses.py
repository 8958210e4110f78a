"""What every match of an ast-grep rule has in its text, read off the rule itself.

ast-grep reads a rule anew for each search, which takes longer than searching a small file: a rule
whose words a text lacks is not searched for. What is not known here needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rlm_gate import kept
from rlm_gate.detectors import _flows
from rlm_gate.detectors._literals import in_lower_case, needed
from rlm_gate.detectors._needs import Texts

Clause = tuple[Texts, bool]
"""Texts of which a match has one; with True they are in lower case, and case does not count."""

_DEPTH = 8
_MOST = 48
# Words of a pattern that are no metavariables. Short ones are in every text.
_WORD = kept.expression(r"(?<![\w$])[A-Za-z_]\w{2,}")
# What ast-grep's regular expressions mean otherwise than Python's, or have alone.
_RUST = kept.expression(
    r"\\[pPxuU<>]|\\b\{|(?<=.)\(\?[a-zA-Z]*(?:-[a-zA-Z]+)?[):]|\[[^\]]*(?:\[|&&|--|~~)"
)
_PLAIN_GROUP = kept.expression(r"\(\?:")


def clauses(config: Mapping[str, Any]) -> tuple[Clause, ...]:
    """Return what a checked configuration needs: one text of each clause."""
    found = _of(config["rule"], config.get("utils", {}), _DEPTH)
    return tuple(sorted({*found}, key=lambda one: (len(one[0]), one)))


def fit(wanted: Iterable[Clause], texts: Sequence[str]) -> bool:
    """Say whether the texts, taken together, have what each of the clauses wants."""
    return all(any(_has(one, text) for text in texts) for one in wanted)


def words(pattern: str) -> Sequence[str]:
    """Return the words that all code has that ast-grep's pattern matches."""
    return _WORD.findall(pattern)


def is_plain(pattern: str) -> bool:
    """Say whether an expression has nothing that ast-grep reads otherwise than Python."""
    return not _RUST.search(_PLAIN_GROUP.sub("(", pattern))


def _has(clause: Clause, text: str) -> bool:
    words, folded = clause
    within = in_lower_case(text) if folded else text
    return any(word in within for word in words)


def _of(rule: Mapping[str, Any], utils: Mapping[str, Any], depth: int) -> Iterator[Clause]:
    if not depth:
        return
    if isinstance(pattern := rule.get("pattern"), str):
        yield from (((word,), False) for word in words(pattern))
    if "regex" in rule:
        yield from _of_regex(rule["regex"])
    if "has" in rule:
        yield from _of(rule["has"], utils, depth - 1)
    for one in rule.get("all", ()):
        yield from _of(one, utils, depth - 1)
    if "any" in rule:
        yield from _either([[*_of(one, utils, depth - 1)] for one in rule["any"]])
    name = rule.get("matches", _flows.NAME)
    if name in utils and not name.startswith(_flows.NAME):
        yield from _of(utils[name], utils, depth - 1)


def _of_regex(pattern: str) -> Iterator[Clause]:
    if not is_plain(pattern):
        return
    texts, folded = needed(pattern)
    if texts:
        yield texts, folded


def _either(alternatives: Sequence[Sequence[Clause]]) -> Iterator[Clause]:
    """Yield one clause for all of them: of each its rarest, if each has one."""
    if not all(alternatives):
        return
    best = [max(one, key=lambda clause: min(map(len, clause[0]))) for one in alternatives]
    folded = any(clause[1] for clause in best)
    texts = {text.lower() if folded else text for clause in best for text in clause[0]}
    if len(texts) <= _MOST and (not folded or all(map(str.isascii, texts))):
        yield tuple(sorted(texts)), folded
