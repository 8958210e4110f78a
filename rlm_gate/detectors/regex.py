"""Flag what a regular expression matches. Sees text only: no syntax, no scopes, no types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile
from rlm_gate.detectors import (
    Complaint,
    Text,
    applies,
    entries,
    finding,
    pattern_problem,
    unknown_keys,
)

_ENGINE = "regex"


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``pattern`` (multi-line mode) and ``not``, which the lines of a match must not have."""
    del languages  # a regular expression judges any text
    yield from unknown_keys(options, ("pattern", "not"))
    for key in ("pattern", "not"):
        problem = pattern_problem(options.get(key)) if key in options or key == "pattern" else None
        if problem:
            yield ((key,) if key in options else ()), f"{key}: {problem}"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return None: any text."""
    del options
    return None


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
            pattern, unless = _compiled(entry.options["pattern"], entry.options.get("not"))
            yield from _matches(rule, file.path, text, pattern, unless)


def _matches(
    rule: Rule, path: str, text: Text, pattern: re.Pattern[str], unless: re.Pattern[str] | None
) -> Iterator[Finding]:
    for match in pattern.finditer(text.text):
        if match.start() == match.end():
            continue
        found = finding(rule, path, text.lines, text.region(*match.span()), _ENGINE)
        if unless is None or not unless.search(found.quote):
            yield found


@lru_cache(maxsize=4096)
def _compiled(pattern: str, unless: str | None) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    compiled = re.compile(pattern, re.MULTILINE)
    return compiled, re.compile(unless, re.MULTILINE) if unless else None
