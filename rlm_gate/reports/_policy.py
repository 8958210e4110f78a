"""What people accepted, what is wrong with how they did it, and which severities fail the gate."""

from __future__ import annotations

from collections.abc import Iterator

from rlm_gate.core import Severity, Span, Verdict
from rlm_gate.phrases import counted, listed
from rlm_gate.reports._plain import one_line, shown_path

_NAMES = 8


def limits(verdict: Verdict) -> str:
    """Return the run's threshold, and those by pack and path: ``high; docs: never``."""
    named = [f"{one_line(what, 100)}: {_level(severity)}" for what, severity in verdict.thresholds]
    return "; ".join([_level(verdict.threshold), *([listed(named, _NAMES)] if named else [])])


def accepted(verdict: Verdict) -> Iterator[str]:
    """Say one by one what is suppressed and by whom, and in one line what is in the baseline."""
    for one in verdict.suppressed:
        finding, by = one.finding, one.by
        owner = f", owner {one_line(by.owner)}" if by.owner else ""
        until = f", until {by.until}" if by.until else ""
        reason = one_line(by.reason, 200) or "no reason is given"
        yield (
            f"{_spot(finding.span)}: {finding.severity.label} {one_line(finding.rule_id)}:"
            f" {reason} ({_spot(by.place)}{owner}{until})"
        )
    if verdict.baselined:
        yield f"{counted(len(verdict.baselined), 'finding')} in the baseline"


def notices(verdict: Verdict) -> Iterator[str]:
    """Say what is wrong with suppressions, baseline or policy, each with its place."""
    for notice in verdict.notices:
        yield f"{_spot(notice.place)}: {one_line(notice.text, 400)}"


def _spot(span: Span) -> str:
    return f"{shown_path(span.path)}:{span.start}" if span.start else shown_path(span.path)


def _level(severity: Severity | None) -> str:
    return "never" if severity is None else severity.label
