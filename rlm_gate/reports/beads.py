"""Findings as Beads issues, one JSON object a line, for ``bd import FILE``.

``bd import`` creates and updates by id (steveyegge/beads, cmd/bd/import.go), and an id here is that
of the finding: a second import updates what the first has created.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rlm_gate.core import Finding, Rule, Severity, Verdict
from rlm_gate.reports import _digest as digest
from rlm_gate.reports._causes import also_at
from rlm_gate.reports._identity import identified
from rlm_gate.reports._plain import clip, disarm_json, one_line, plain, shown_path

HELP = "Beads issues as JSON lines for bd import, one for each finding"

_PRIORITY = {
    Severity.CRITICAL: 0,
    Severity.HIGH: 1,
    Severity.MEDIUM: 2,
    Severity.LOW: 3,
    Severity.INFO: 4,
}
_MAX_TITLE = 200  # bd refuses one of more than 500 characters
_MAX_QUOTE = 2000
_MAX_TEXT = 2000
_MAX_PLACES = 50
_ID_DIGITS = 12


def render(verdict: Verdict) -> bytes:
    """Return the lines, in the order of every report. No findings: no bytes."""
    rules = digest.named_rules(verdict)
    lines = (_line(_issue(*one, verdict, rules)) for one in identified(verdict.findings))
    return "".join(lines).encode()


def _line(issue: dict[str, Any]) -> str:
    return f"{disarm_json(json.dumps(issue, ensure_ascii=False, allow_nan=False))}\n"


def _issue(
    identity: str, finding: Finding, verdict: Verdict, rules: dict[str, Rule]
) -> dict[str, Any]:
    rule = rules[finding.rule_id]
    place = f"{shown_path(finding.span.path)}:{max(1, finding.span.start)}"
    return {
        "id": f"rlm-{identity[:_ID_DIGITS]}",
        "title": one_line(f"{rule.title} ({shown_path(finding.span.path)})", _MAX_TITLE),
        "description": "\n\n".join(_description(place, finding, rule)),
        "acceptance_criteria": (
            f"rlm-gate check reports no {one_line(finding.rule_id)} for this code any more."
        ),
        "notes": digest.trust(finding, verdict),
        "status": "open",
        "priority": _PRIORITY[finding.severity],
        "issue_type": "bug" if finding.severity >= Severity.MEDIUM else "chore",
        "external_ref": f"rlm-gate:{identity}",
        "labels": sorted({"rlm-gate", one_line(rule.pack), finding.severity.label}),
    }


def _description(place: str, finding: Finding, rule: Rule) -> Iterator[str]:
    yield f"{place}: {one_line(finding.rule_id)}: {one_line(finding.message, _MAX_TEXT)}"
    if finding.quote:
        quoted = plain(clip(finding.quote, _MAX_QUOTE)).split("\n")
        yield "\n".join(f"    {line}" for line in quoted)
    if finding.explanation:
        yield one_line(f"{finding.engine} says: {finding.explanation}", _MAX_TEXT)
    if places := also_at(finding, _MAX_PLACES):
        yield places
    yield one_line(f"How to fix: {rule.help.fix}", _MAX_TEXT)
