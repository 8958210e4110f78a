"""Flag a block of code that a change adds and that stands elsewhere already, line for line.

Compares lines without white space, comments, imports and lone brackets. Sees no copy whose names
were changed, and reads the files nearest to the change, not the whole of a large repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile
from rlm_gate.detectors import Complaint, Region, asked_of, entries, finding, unknown_keys

if TYPE_CHECKING:
    from rlm_gate.detectors._copies import Copy

READS_TREE = True

_ENGINE = "copies"
# Ten lines as SonarQube has it (docs.sonarsource.com, metric definitions); with its 100 tokens most
# blocks of Python are too short.
_LEAST = {"lines": 10, "tokens": 70}


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``lines`` and ``tokens``: the least that is worth a word."""
    del languages
    yield from unknown_keys(options, tuple(_LEAST))
    for key in _LEAST:
        value = options.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            yield (key,), f"{key}: write how many, a whole number from 1"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return None: lines are lines; the rule says in which languages copies matter."""
    del options
    return None


def version() -> str:
    """Return this module's own."""
    return "1"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Judge what a change adds. A whole scope adds nothing, so nothing in it is a copy."""
    for rule in rules:
        for entry in entries(rule, _ENGINE):
            least = {**_LEAST, **entry.options}
            files = [file for file, _ in asked_of(corpus, [rule]) if _adds(file, least["lines"])]
            if files:
                yield from _judge(corpus, files, rule, least)


def _adds(file: SourceFile, least: int) -> bool:
    return file.status != "whole" and any(len(span) >= least for span in file.changed)


def _judge(
    corpus: Corpus, files: Sequence[SourceFile], rule: Rule, least: Mapping[str, int]
) -> Iterator[Finding]:
    from rlm_gate.detectors import _copies

    for copy in _copies.found(corpus, files, rule, least["lines"], least["tokens"]):
        yield _finding(rule, copy)


def _finding(rule: Rule, copy: Copy) -> Finding:
    last = copy.lines[copy.end - 1]
    place = Region(copy.start, 1, copy.end, len(last) + 1)
    made = finding(rule, copy.path, copy.lines, place, _ENGINE)
    told = f"the same {copy.count} lines stand at {copy.of.path}:{copy.of.start}-{copy.of.end}"
    return replace(made, explanation=told)
