"""SARIF 2.1.0 with all there is: fixes, what people accepted, what is new beside a baseline.

For editors and viewers. GitHub would open an alert for each suppressed result: give it ``sarif``.
"""

from __future__ import annotations

from typing import Any

from rlm_gate.core import Accepted, Finding, Fix, Verdict
from rlm_gate.reports import sarif
from rlm_gate.reports._places import location
from rlm_gate.reports._plain import one_line, shown_path

HELP = "SARIF 2.1.0 with suppressions, baseline and fixes, for editors and viewers"

_Json = dict[str, Any]


def render(verdict: Verdict) -> bytes:
    """Return what ``sarif`` has, the accepted findings with who accepts them, and the fixes."""
    accepted = {id(one.finding): one for one in (*verdict.suppressed, *verdict.baselined)}
    baselined = {id(one.finding) for one in verdict.baselined}

    def more(finding: Finding) -> _Json:
        entry: _Json = {}
        if finding.fix:
            entry["fixes"] = [_fix(finding.fix)]
        if by := accepted.get(id(finding)):
            entry["suppressions"] = [_suppression(by)]
        if baselined:
            entry["baselineState"] = "unchanged" if id(finding) in baselined else "new"
        return entry

    others = [one.finding for one in accepted.values()]
    return sarif.written(sarif.document(verdict, more, others))


def _fix(fix: Fix) -> _Json:
    """Return the fix as SARIF's: a region of whole lines, with their ends where none is left."""
    start, end = max(1, fix.span.start), max(1, fix.span.end)
    region: _Json = {"startLine": start, "endLine": end}
    if not fix.text:
        region = {"startLine": start, "startColumn": 1, "endLine": end + 1, "endColumn": 1}
    place = location(fix.span.path)["physicalLocation"]["artifactLocation"]
    replacement = {"deletedRegion": region, "insertedContent": {"text": fix.text}}
    safe = "safe" if fix.safe else "may change what the code means"
    return {
        "description": {"text": f"{one_line(fix.what) or 'Replace the lines'} ({safe})"},
        "artifactChanges": [{"artifactLocation": place, "replacements": [replacement]}],
    }


def _suppression(accepted: Accepted) -> _Json:
    by = accepted.by
    until = f", until {by.until}" if by.until else ""
    owner = f", owner {by.owner}" if by.owner else ""
    reason = one_line(f"{by.reason or 'in the baseline'}{owner}{until}", 1000)
    inside = by.target is not None
    return {
        "kind": "inSource" if inside else "external",
        "status": "accepted",
        "justification": reason,
        "properties": {"writtenAt": f"{shown_path(by.place.path)}:{by.place.start}"},
    }
