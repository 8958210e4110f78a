"""Flag what a regular expression matches. Sees text only: no syntax, no scopes, no types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile
from rlm_gate.detectors import (
    LINE_OPTIONS,
    Complaint,
    Text,
    applying,
    begins_lines,
    entries,
    finding,
    language_complaints,
    line_complaints,
    lines_fit,
    listed,
    multiline,
    pattern_problem,
    reads,
    unknown_keys,
)
from rlm_gate.detectors._literals import possible

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
        if applicable := applying(rules, file):
            yield from _judge(file, applicable)


def _judge(file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    text = Text.of(file.text)
    for rule in rules:
        for entry in entries(rule, _ENGINE):
            if "language" in entry.options and not reads(entry.options, file.language):
                continue
            for start, end in _matches(entry.options["pattern"], text):
                region = text.region(start, end)
                found = finding(rule, file.path, text.lines, region, _ENGINE, entry.options)
                if lines_fit(entry.options, found.quote):
                    yield found


def _matches(pattern: str, text: Text) -> Iterator[tuple[int, int]]:
    """Yield the places of all matches but empty ones, none within another."""
    if not possible(pattern, text.text):
        return
    compiled = multiline(pattern)
    found = _at_lines(compiled, text) if begins_lines(pattern) else compiled.finditer(text.text)
    yield from (match.span() for match in found if match.end() > match.start())


def _at_lines(pattern: re.Pattern[str], text: Text) -> Iterator[re.Match[str]]:
    """Do as ``finditer``, which would try every character and not only the first of each line."""
    done = 0
    for start in text.starts:
        match = pattern.match(text.text, start) if start >= done else None
        if match:
            done = match.end()
            yield match
