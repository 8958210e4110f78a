"""Flag routes that change data for anybody, where the routes beside them ask who is calling.

Compares the routes of one router or class, and those of the files beside it. Knows a check by its
name; what a framework asks for elsewhere (a mount, a global guard) it looks up in the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile, split_lines
from rlm_gate.detectors import (
    Complaint,
    Region,
    asked_of,
    choice_complaints,
    entries,
    finding,
)

if TYPE_CHECKING:
    from rlm_gate.detectors._routes.judge import Told
    from rlm_gate.detectors._routes.reading import Reading

READS_TREE = True
BY_FILE = True

_ENGINE = "routes"
_LANGUAGES = frozenset({"javascript", "typescript", "python", "csharp", "ruby", "php", "java"})


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``find``: unguarded."""
    yield from choice_complaints(options, "find", ("unguarded",))
    if not _LANGUAGES & {*languages}:
        yield (), f"routes reads {', '.join(sorted(_LANGUAGES))}; add one to the rule's languages"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the languages whose frameworks are known."""
    del options
    return _LANGUAGES


def version() -> str:
    """Return this module's own."""
    return "5"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Judge every file that a rule applies to and that has routes."""
    own = [rule for rule in rules if entries(rule, _ENGINE)]
    for file, wanted in asked_of(corpus, own):
        if file.language in _LANGUAGES and file.status != "deleted":
            told = [*_reading(corpus).told(file.path, file.text, file.language)]
            for rule in wanted if told else ():
                yield from _findings(file, rule, told)


def _reading(corpus: Corpus) -> Reading:
    """Return what is read around the files: pieces of a corpus share it."""
    from rlm_gate.detectors._routes.reading import Reading

    return corpus.once(_ENGINE, lambda whole: Reading(replace(whole)))


def _findings(file: SourceFile, rule: Rule, told: Sequence[Told]) -> Iterator[Finding]:
    lines = split_lines(file.text)
    whole = file.status == "whole"  # else each may be what the change brings
    for one in told if whole else _each(told):
        line = lines[one.route.line - 1]
        place = Region(one.route.line, 1, one.route.line, len(line) + 1)
        made = finding(rule, file.path, lines, place, _ENGINE)
        yield replace(made, severity=min(made.severity, one.severity), explanation=_why(one))


def _each(told: Sequence[Told]) -> Iterator[Told]:
    for one in told:
        yield from (replace(one, route=route, others=()) for route in (one.route, *one.others))


def _why(told: Told) -> str:
    more = ", ".join(f"{one.verb} in line {one.line}" for one in told.others)
    return f"{told.why}; nor does {more}" if more else told.why
