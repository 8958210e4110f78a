"""Flag what a regular expression matches. Sees text only: no syntax, no scopes, no types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile
from rlm_gate.detectors import (
    LINE_OPTIONS,
    Complaint,
    Text,
    applies,
    entries,
    finding,
    language_complaints,
    line_complaints,
    lines_fit,
    listed,
    pattern_problem,
    possible,
    reads,
    unknown_keys,
)

_ENGINE = "regex"


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``pattern``, searched in multi-line mode, ``language`` if any, and the line options."""
    yield from unknown_keys(options, ("pattern", "language", *LINE_OPTIONS))
    if "language" in options:
        yield from language_complaints(options, languages)
    if problem := pattern_problem(options.get("pattern")):
        yield ("pattern",) if "pattern" in options else (), f"pattern: {problem}"
    yield from line_complaints(options)


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the languages the entry names, None where it names none: any text."""
    return frozenset(listed(options["language"])) if "language" in options else None


def version() -> str:
    """Return this module's own; ``re`` does not change its answers."""
    return "1"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Yield every match, file by file, in the order of the text."""
    for file in corpus.files:
        applicable = [rule for rule in rules if not applies(rule, file)]
        if applicable:
            yield from _judge(file, applicable)


def _judge(file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    text = Text.of(file.text)
    for rule in rules:
        for entry in entries(rule, _ENGINE):
            if "language" in entry.options and not reads(entry.options, file.language):
                continue
            for start, end in _matches(entry.options["pattern"], text.text):
                found = finding(rule, file.path, text.lines, text.region(start, end), _ENGINE)
                if lines_fit(entry.options, found.quote):
                    yield found


def _matches(pattern: str, text: str) -> Iterator[tuple[int, int]]:
    if possible(pattern, text):
        for match in _compiled(pattern).finditer(text):
            if match.end() > match.start():
                yield match.span()


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)
