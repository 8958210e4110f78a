"""GitLab Code Quality: a JSON array, one entry for each finding.

GitLab shows no more than description, severity and place, and only the first entry of a
fingerprint; it never fails a job by this report.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rlm_gate.core import Finding, Severity, Verdict
from rlm_gate.reports import _digest as digest
from rlm_gate.reports._causes import spread
from rlm_gate.reports._identity import digest_of, identified
from rlm_gate.reports._plain import disarm_json, one_line, shown_path

HELP = "GitLab Code Quality: findings in the merge request's widget and diff"

_SEVERITY = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFO: "info",
}
_MAX_TEXT = 1000


def render(verdict: Verdict) -> bytes:
    """Return the array; files that could not be judged stand in it beside the findings."""
    entries = [*_findings(verdict), *_skips(verdict)]
    text = json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{disarm_json(text)}\n".encode()


def _findings(verdict: Verdict) -> Iterator[dict[str, Any]]:
    for identity, finding in identified(spread(verdict.findings)):
        yield {
            "description": _description(finding, verdict),
            "check_name": one_line(finding.rule_id),
            "fingerprint": identity,
            "severity": _SEVERITY[finding.severity],
            "location": {
                "path": shown_path(finding.span.path),
                "lines": {
                    "begin": max(1, finding.span.start),
                    "end": max(1, finding.span.start, finding.span.end),
                },
            },
        }


def _description(finding: Finding, verdict: Verdict) -> str:
    said = one_line(finding.message) or one_line(finding.rule_id)
    words = (
        f" {one_line(finding.engine)} says: {finding.explanation}" if finding.explanation else ""
    )
    mark = "[blocks] " if digest.blocks(finding, verdict) else ""
    return one_line(f"{mark}{said}{words}", _MAX_TEXT)


def _skips(verdict: Verdict) -> Iterator[dict[str, Any]]:
    """Yield an entry for each file without which the verdict is inconclusive."""
    untold = {(skip.path, skip.why) for skip in verdict.skipped if skip.blocking and skip.path}
    for path, why in sorted(untold):
        yield {
            "description": one_line(f"Not judged: {why}", _MAX_TEXT),
            "check_name": "gate/not-judged",
            "fingerprint": digest_of(path, why),
            "severity": "critical",
            "location": {"path": shown_path(path), "lines": {"begin": 1}},
        }
