"""Small corpora, rules and findings for tests, without git."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rlm_gate.core import (
    Ask,
    Confidence,
    Corpus,
    Detect,
    Finding,
    Help,
    Origin,
    Removed,
    Rule,
    Scope,
    Severity,
    SourceFile,
    Span,
    Verification,
    split_lines,
)
from rlm_gate.languages import language_of

SHELL_RULE = """\
title: Shell command from a variable
severity: {severity}
precision: high
languages: [python]
prefilter: [import]
detect: [{{engine: regex, pattern: 'os\\.system\\(command'}}]
message: Pass a list.
help: {{why: It runs what it gets., fix: Pass a list.}}
tests:
  bad: ["import os; os.system(command)"]
  good: ["print(1)"]
"""
SHELL_CODE = "import os\n\n\ndef run(command):\n    os.system(command)\n"


def source(
    path: str,
    text: str,
    *,
    status: str = "whole",
    changed: Sequence[tuple[int, int]] | None = None,
    removed: Sequence[tuple[int, str]] = (),
) -> SourceFile:
    lines = len(split_lines(text))
    spans = [(1, lines)] if changed is None and lines else list(changed or [])
    return SourceFile(
        path=path,
        status=status,
        language=language_of(path),
        changed=tuple(Span(path, start, end) for start, end in spans),
        removed=tuple(Removed(after, gone) for after, gone in removed),
        line_count=lines,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        read=lambda: text,
    )


def corpus(*files: SourceFile, kind: str = "all") -> Corpus:
    return Corpus(
        scope=Scope(kind, kind),
        files=files,
        skipped=(),
        tree={file.path: file.text for file in files if file.status != "deleted"},
    )


def rule(
    rule_id: str = "security/example",
    *,
    severity: Severity = Severity.HIGH,
    ask: str | None = None,
    detect: Sequence[Detect] = (),
    languages: tuple[str, ...] = ("any",),
    prefilter: tuple[str, ...] = (),
) -> Rule:
    return Rule(
        id=rule_id,
        title=f"Title of {rule_id}",
        severity=severity,
        precision=Confidence.HIGH,
        languages=languages,
        message=f"Message of {rule_id}.",
        help=Help("why", "fix"),
        ask=Ask(ask, f"Question of {rule_id}?") if ask else None,
        detect=tuple(detect),
        prefilter=prefilter,
    )


def finding(
    rule_id: str = "security/example",
    path: str = "a.py",
    line: int = 1,
    *,
    severity: Severity = Severity.HIGH,
    origin: Origin = Origin.DETECTOR,
    verification: Verification = Verification.NOT_ASKED,
    quote: str = "quoted()",
    fingerprint: str = "f",
) -> Finding:
    return Finding(
        rule_id=rule_id,
        severity=severity,
        confidence=Confidence.HIGH,
        message="message",
        span=Span(path, line, line),
        quote=quote,
        origin=origin,
        engine="regex",
        verification=verification,
        fingerprint=fingerprint,
    )
