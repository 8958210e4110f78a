"""Check the form of ast-grep's rules, with the place of each mistake.

ast-grep itself reports a wrong shape without its place, as a bare Exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rlm_gate.detectors import Complaint, Place

Check = Callable[[Any, Place], Iterator[Complaint]]

CONFIG = ("rule", "constraints", "utils")
"""The parts of an entry that ast-grep reads itself."""


def complaints(options: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield what is wrong with the form of an entry's rule, constraints and utilities."""
    yield from _rule(options.get("rule"), ("rule",) if "rule" in options else ())
    for part in ("constraints", "utils"):
        rules = options.get(part, {})
        if not isinstance(rules, Mapping):
            yield (part,), f"{part}: write a mapping of names to ast-grep rules"
            continue
        for name, rule in rules.items():
            yield from _rule(rule, (part, name))


def _rule(rule: Any, place: Place, more: Mapping[str, Check] | None = None) -> Iterator[Complaint]:
    if not isinstance(rule, Mapping) or not rule:
        yield place, "rule: write an ast-grep rule, a mapping of pattern, kind, has, any, ..."
        return
    checks = {**_CHECKS, **(more or {})}
    for key, value in rule.items():
        if key in checks:
            yield from checks[key](value, (*place, key))
        else:
            from rlm_gate import mistakes

            remedy = mistakes.hint(key, checks)
            yield (*place, key), f"unknown key {key!r} in an ast-grep rule; {remedy}"


def _relation(value: Any, place: Place) -> Iterator[Complaint]:
    yield from _rule(value, place, {"stopBy": _stop, "field": _text})


def _stop(value: Any, place: Place) -> Iterator[Complaint]:
    if isinstance(value, Mapping):
        yield from _rule(value, place)
    elif value not in {"neighbor", "end"}:
        yield place, "stopBy: write neighbor, end, or a rule to stop at"


def _text(value: Any, place: Place) -> Iterator[Complaint]:
    if not isinstance(value, str) or not value:
        yield place, f"{place[-1]}: write a text"


def _nth(value: Any, place: Place) -> Iterator[Complaint]:
    if not isinstance(value, str | int):
        yield place, "nthChild: write a number or a formula such as 2n+1"


def _list(value: Any, place: Place) -> Iterator[Complaint]:
    if not isinstance(value, list | tuple) or not value:
        yield place, f"{place[-1]}: write a list of ast-grep rules"
        return
    for number, rule in enumerate(value):
        yield from _rule(rule, (*place, number))


def _pattern(value: Any, place: Place) -> Iterator[Complaint]:
    if isinstance(value, Mapping) and "context" in value:
        for key, part in value.items():
            yield from _text(part, (*place, key))
            if key not in _PATTERN or (key == "strictness" and part not in _STRICTNESS.split()):
                allowed = f"a pattern has {', '.join(_PATTERN)}; strictness is {_STRICTNESS}"
                yield (*place, key), allowed
    elif not isinstance(value, str) or not value:
        yield place, "pattern: write code, or a mapping of context, selector and strictness"


# What ast-grep's rule reference allows. Left out: ``range``, which no rule about code needs.
_PATTERN = ("context", "selector", "strictness")
_STRICTNESS = "cst smart ast relaxed signature template"
_CHECKS: dict[str, Check] = {
    **dict.fromkeys(("kind", "regex", "matches"), _text),
    **dict.fromkeys(("inside", "has", "precedes", "follows"), _relation),
    **dict.fromkeys(("all", "any"), _list),
    "not": _rule,
    "nthChild": _nth,
    "pattern": _pattern,
}
