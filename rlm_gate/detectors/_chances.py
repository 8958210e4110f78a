"""Tell from a text alone that an ast-grep rule can't match in it: a closer look than ``_clauses``.

A rule's kinds of nodes have their keyword in the text, and what its expressions say of a node's
text holds somewhere in the text around it. What is not known here may always match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from rlm_gate import kept
from rlm_gate.detectors import _flows
from rlm_gate.detectors._clauses import is_plain, words
from rlm_gate.detectors._literals import found, possible

Chance = Callable[[str, str], bool]
"""Told a part of a text and all of it: whether the rule may match a node within the part."""

_DEPTH: Final = 8
# What kinds of nodes have in them. None of these can be made up by a parser that mends an error:
# it adds at most the last piece of a node.
_KEYWORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "python": {
        "assert_statement": "assert",
        "class_definition": "class",
        "conditional_expression": "if",
        "decorated_definition": "@",
        "decorator": "@",
        "default_parameter": "=",
        "dictionary_comprehension": "for",
        "dictionary_splat": "**",
        "except_clause": "except",
        "for_in_clause": "for",
        "for_statement": "for",
        "function_definition": "def",
        "generator_expression": "for",
        "if_statement": "if",
        "import_from_statement": "import",
        "import_statement": "import",
        "keyword_argument": "=",
        "lambda": "lambda",
        "list_comprehension": "for",
        "set_comprehension": "for",
        "try_statement": "try",
        "typed_default_parameter": "=",
        "while_statement": "while",
        "with_statement": "with",
    }
}
# What grammars call the whole text; of another language it may be a part.
_ROOTS: Final = frozenset(
    (
        *("chunk", "compilation_unit", "config_file", "document", "haskell", "module", "program"),
        *("source", "source_code", "source_file", "stream", "stylesheet", "translation_unit"),
    )
)
# A node's text begins and ends where the text around it goes on. What is called is no part of a
# word: digits alone may stand right before it.
_CALLED: Final = {"^": r"(?:(?<![A-Za-z_])|(?!\w))", "$": r"(?:(?<!\w)|(?!\w))"}
_EDGES: Final = kept.expression(r"(\\[^bBAzZ]|\[\^?\]?(?:\\.|[^\]\\])*\])|\\.|[\^$]", re.DOTALL)
# What Python reads otherwise than Rust, or not at all.
_SCOPED: Final = kept.expression(r"\(\?[is]+:")
_OTHERWISE: Final = kept.expression(r"\(\?[a-zA-Z]*[xURu]|\(\?-|\{,|[*+?}]\+|\\[0-9]")
# Loops in a loop where it begins: looked for everywhere in a file, that takes hours.
_ENDLESS: Final = kept.expression(r"\^(?:\(\?:)*\(\?:[^()]*[*+][^()]*\)[*+]")


class _Rules(NamedTuple):
    """What a rule may refer to."""

    utils: Mapping[str, Any]
    keywords: Mapping[str, str]


class Outlook(NamedTuple):
    """Whether a rule may match in a text, and the kinds of nodes it matches, () if not known."""

    chance: Chance
    kinds: tuple[str, ...]


# By a configuration and a language: the configuration, which is kept with it, and its outlook.
_MADE: dict[tuple[int, str], tuple[Mapping[str, Any], Outlook]] = {}
_MANY: Final = 4096


def outlook(config: Mapping[str, Any], language: str) -> Outlook:
    """Return what can be told of a checked configuration in texts of the language."""
    key = (id(config), language)
    if key not in _MADE or _MADE[key][0] is not config:
        if len(_MADE) >= _MANY:
            _MADE.clear()
        rules = _Rules(config.get("utils", {}), _KEYWORDS.get(language, {}))
        chance = _all([*_of(config["rule"], rules, _DEPTH)])
        kinds = sorted(_kinds(config["rule"], rules, _DEPTH))
        _MADE[key] = config, Outlook(chance, tuple(kinds))
    return _MADE[key][1]


def _of(rule: Mapping[str, Any], rules: _Rules, depth: int) -> Iterator[Chance]:
    """Yield what all has to hold where the rule matches."""
    if not depth:
        return
    yield from _of_node(rule, rules)
    for one in _inner(rule, rules):
        yield from _of(one, rules, depth - 1)
    if "any" in rule:
        either = [[*_of(one, rules, depth - 1)] for one in rule["any"]]
        if all(either):
            yield _any([_all(one) for one in either])
    if "inside" in rule:
        yield from _of_surroundings(rule["inside"], rules, depth - 1)


def _of_node(rule: Mapping[str, Any], rules: _Rules) -> Iterator[Chance]:
    if word := rules.keywords.get(rule.get("kind", "")):
        yield _has(word)
    if isinstance(pattern := rule.get("pattern"), str):
        yield from map(_has, words(pattern))
    if "regex" in rule:
        called = bool(rules.keywords) and rule.get("field") == "function"
        yield from _of_regex(rule["regex"], _CALLED if called else {})


def _inner(rule: Mapping[str, Any], rules: _Rules) -> Iterator[Mapping[str, Any]]:
    """Yield the rules that hold within any node that this one matches."""
    yield from rule.get("all", ())
    if "has" in rule:
        yield rule["has"]
    name = rule.get("matches", _flows.NAME)
    if name in rules.utils and not name.startswith(_flows.NAME):
        yield rules.utils[name]


def _of_surroundings(rule: Mapping[str, Any], rules: _Rules, depth: int) -> Iterator[Chance]:
    kinds = _kinds(rule, rules, depth)
    if kinds and kinds <= _ROOTS:
        tests = _all([*_of(rule, rules, depth)])
        yield lambda _part, whole: tests(whole, whole)
    elif kinds and kinds.isdisjoint(_ROOTS):  # it is within the part, then
        yield from _of(rule, rules, depth)


def _kinds(rule: Mapping[str, Any], rules: _Rules, depth: int) -> frozenset[str]:
    """Return the kinds of nodes that the rule may match, none where that is not known."""
    if not depth:
        return frozenset()
    if "kind" in rule:
        return frozenset((rule["kind"],))
    if rule.get("matches") in rules.utils:
        return _kinds(rules.utils[rule["matches"]], rules, depth - 1)
    either = [_kinds(one, rules, depth - 1) for one in rule.get("any", ())]
    if either and all(either):
        return frozenset().union(*either)
    known = (_kinds(one, rules, depth - 1) for one in rule.get("all", ()))
    return next(filter(None, known), frozenset())


def _of_regex(pattern: str, edges: Mapping[str, str]) -> Iterator[Chance]:
    if not is_plain(_SCOPED.sub("(?:", pattern)):
        return
    loose = _EDGES.sub(lambda piece: piece[1] or edges.get(piece[0], ""), pattern)
    if _OTHERWISE.search(pattern) or _ENDLESS.search(pattern) or not _is_known(loose):
        yield lambda part, _whole: possible(pattern, part)
    else:  # beyond ASCII, Rust's classes have other members
        yield (
            lambda part, _whole: (
                found(loose, part, _compiled) if part.isascii() else possible(pattern, part)
            )
        )


def _is_known(pattern: str) -> bool:
    try:
        _compiled(pattern)
    except re.error:
        return False
    return True


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return kept.expression(pattern)


def _has(word: str) -> Chance:
    return lambda part, _whole: word in part


def _all(chances: Sequence[Chance]) -> Chance:
    return lambda part, whole: all(one(part, whole) for one in chances)


def _any(chances: Sequence[Chance]) -> Chance:
    return lambda part, whole: any(one(part, whole) for one in chances)
