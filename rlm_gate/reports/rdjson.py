"""reviewdog's rdjson: findings with their places, 1-based, columns in bytes of UTF-8."""

from __future__ import annotations

import json
from typing import Any

from rlm_gate.core import Finding, Fix, Rule, Severity, Span, Verdict
from rlm_gate.reports import _digest as digest
from rlm_gate.reports._causes import spread
from rlm_gate.reports._plain import LINK, disarm_json, one_line, plain, shown_path

HELP = "reviewdog's rdjson: findings for a reviewer on any code host"

_MAX_TEXT = 1000
_MAX_FLOW = 20


def render(verdict: Verdict) -> bytes:
    """Return one DiagnosticResult: an error blocks, warnings and infos do not."""
    rules = digest.named_rules(verdict)
    document = {
        "source": {"name": "rlm-gate"},
        "diagnostics": [
            _diagnostic(one, verdict, rules[one.rule_id])
            for one in digest.ordered(spread(verdict.findings))
        ],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{disarm_json(text)}\n".encode()


def _diagnostic(finding: Finding, verdict: Verdict, rule: Rule) -> dict[str, Any]:
    diagnostic: dict[str, Any] = {
        "message": _message(finding, verdict, rule),
        "location": {"path": shown_path(finding.span.path), "range": _range(finding)},
        "severity": _severity(finding, verdict),
        "code": _code(rule),
    }
    if finding.fix:
        diagnostic["suggestions"] = [_suggestion(finding.fix)]
    flow = [span for span in finding.flow[:_MAX_FLOW] if not span.overlaps(finding.span)]
    if flow:
        steps = enumerate(flow, start=1)
        diagnostic["related_locations"] = [_step(number, span) for number, span in steps]
    return diagnostic


def _message(finding: Finding, verdict: Verdict, rule: Rule) -> str:
    lines = [one_line(finding.message) or one_line(finding.rule_id)]
    if finding.explanation:
        lines.append(one_line(f"{finding.engine} says: {finding.explanation}", _MAX_TEXT))
    if verdict.rule(finding.rule_id):
        lines.append(one_line(f"Fix: {rule.help.fix}", _MAX_TEXT))
    return "\n\n".join([*lines, digest.trust(finding, verdict)])


def _severity(finding: Finding, verdict: Verdict) -> str:
    if digest.blocks(finding, verdict):
        return "ERROR"
    return "WARNING" if finding.severity >= Severity.MEDIUM else "INFO"


def _code(rule: Rule) -> dict[str, str]:
    links = [link for link in rule.help.links if LINK.fullmatch(link)]
    return {"value": one_line(rule.id), **({"url": links[0]} if links else {})}


def _range(finding: Finding) -> dict[str, Any]:
    """Return the place; without columns whole lines, which reviewdog takes from lines alone."""
    start = max(1, finding.span.start)
    end = max(start, finding.span.end)
    lines = finding.quote.split("\n")
    if not finding.columns or len(lines) != len(finding.span):
        return {"start": {"line": start}, "end": {"line": end}}
    first, last = finding.columns
    return {
        "start": {"line": start, "column": _byte_column(lines[0], first)},
        "end": {"line": end, "column": _byte_column(lines[-1], last)},
    }


def _byte_column(line: str, column: int) -> int:
    """Return the 1-based column in bytes of UTF-8 of a 1-based column in code points."""
    before = line[: max(0, column - 1)]
    return len(before.encode("utf-8", "surrogatepass")) + max(0, column - 1 - len(before)) + 1


def _suggestion(fix: Fix) -> dict[str, Any]:
    """Return the fix as a change of whole lines; without lines left, of their ends too."""
    start, end = {"line": max(1, fix.span.start)}, {"line": max(1, fix.span.end)}
    if not fix.text:
        return {"range": {"start": {**start, "column": 1}, "end": _after(fix)}, "text": ""}
    return {"range": {"start": start, "end": end}, "text": plain(fix.text)}


def _after(fix: Fix) -> dict[str, int]:
    return {"line": max(1, fix.span.end) + 1, "column": 1}


def _step(number: int, span: Span) -> dict[str, Any]:
    line = max(1, span.start)
    return {
        "message": f"step {number} of the flow",
        "location": {
            "path": shown_path(span.path),
            "range": {"start": {"line": line}, "end": {"line": max(line, span.end)}},
        },
    }
