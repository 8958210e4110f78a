"""SARIF 2.1.0 in the profile GitHub code scanning reads; valid for any SARIF reader.

What people accepted is not in it: GitHub ignores suppressions and would open an alert for each.
``sarif-full`` has all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlm_gate import __version__
from rlm_gate.core import (
    Finding,
    Origin,
    Rule,
    Severity,
    Span,
    Status,
    Verdict,
    Verification,
    project_of,
)
from rlm_gate.reports import _digest as digest
from rlm_gate.reports._linehash import line_hashes
from rlm_gate.reports._notices import configuration_notices, execution_notices
from rlm_gate.reports._places import location, region
from rlm_gate.reports._plain import LINK, clip, disarm_json, one_line, plain

HELP = "SARIF 2.1.0 for GitHub code scanning and other SARIF readers"

_Json = dict[str, Any]
More = Callable[[Finding], _Json]
Others = Sequence[Finding]

# GitHub's limits (docs, "SARIF support for code scanning").
_MAX_RESULTS = 25_000
_MAX_RUNS = 20
_MAX_TAGS = 20
_MAX_TEXT = 1024
_MAX_NAME = 255
# Ours, where a file would only grow: GitHub keeps 1,000 places of a flow and shows no snippet.
_MAX_FLOW = 100
_MAX_HASHED = 1 << 20  # characters of a file; GitHub's action computes what is not here

_LEVEL = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_PROBLEM = {"error": "error", "warning": "warning", "note": "recommendation"}
# GitHub: over 9.0 critical, from 7.0 high, from 4.0 medium, from 0.1 low.
_SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.0",
    Severity.LOW: "2.0",
    Severity.INFO: "0.5",
}


def render(verdict: Verdict) -> bytes:
    """Return one run, and one for each sub-project, which GitHub keeps apart by their ids.

    Results are there even when empty: that is what closes old alerts.
    """
    return written(document(verdict))


def document(verdict: Verdict, more: More = lambda _finding: {}, others: Others = ()) -> _Json:
    """Return the report as JSON values; ``more`` is added to results, ``others`` to the list."""
    rules = digest.named_rules(replace(verdict, findings=(*verdict.findings, *others)))
    index = {rule_id: number for number, rule_id in enumerate(rules)}
    projects = verdict.projects[: _MAX_RUNS - 1]
    runs: dict[str, _Json] = {
        project: {
            "tool": {"driver": _driver(rules.values())},
            "automationDetails": {"id": _category(verdict, project)},
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": {
                "%SRCROOT%": {"description": {"text": "The repository's root."}}
            },
            "invocations": [_invocation(verdict, index)],
            "results": [],
            "properties": _properties(verdict),
        }
        for project in ("", *projects)
    }
    hashes = _Hashes(verdict)
    for finding in (*_kept(verdict), *digest.ordered(others)):
        results = runs[project_of(finding.span.path, projects)]["results"]
        results.append({**_result(finding, verdict, index, hashes), **more(finding)})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": list(runs.values()),
    }


def written(document: _Json) -> bytes:
    """Return the document's bytes."""
    text = json.dumps(_scrubbed(document), indent=1, ensure_ascii=False, allow_nan=False)
    return f"{disarm_json(text)}\n".encode()


def _driver(rules: Iterable[Rule]) -> _Json:
    return {
        "name": "rlm-gate",
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in rules],
    }


def _rule(rule: Rule) -> _Json:
    level = _LEVEL[rule.severity]
    entry: _Json = {
        "id": rule.id,
        "name": _pascal_case(rule.id),
        "shortDescription": {"text": clip(rule.title, _MAX_TEXT)},
        "fullDescription": {"text": clip(rule.message, _MAX_TEXT)},
        "help": _help(rule),
        "defaultConfiguration": {"level": level},
    }
    links = [link for link in rule.help.links if LINK.fullmatch(link)]
    if links:
        entry["helpUri"] = links[0]
    security = ["security"] if rule.pack == "security" else []
    properties: _Json = {
        "tags": [*security, *(tag for tag in rule.tags if tag not in security)][:_MAX_TAGS],
        "precision": rule.precision.value,
        "problem.severity": _PROBLEM[level],
    }
    if security:
        properties["security-severity"] = _SECURITY_SEVERITY[rule.severity]
    return {**entry, "properties": properties}


def _help(rule: Rule) -> _Json:
    why, fix, links = rule.help.why.strip(), rule.help.fix.strip(), rule.help.links
    text = "\n\n".join([why, f"How to fix: {fix}", *links])
    marked = "\n".join(f"- <{link}>" for link in links if LINK.fullmatch(link))
    markdown = f"{why}\n\n**How to fix**\n\n{fix}\n" + (f"\n{marked}\n" if marked else "")
    return {"text": text, "markdown": markdown}


def _kept(verdict: Verdict) -> list[Finding]:
    """Return the findings in order; of too many the least severe are left out."""
    findings = digest.ordered(verdict.findings)
    if len(findings) <= _MAX_RESULTS:
        return findings
    return digest.ordered(digest.worst_first(verdict)[:_MAX_RESULTS])


class _Hashes:
    """GitHub's hashes of the lines where findings stand; each file is read once."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._known: dict[str, list[str]] = {}

    def of(self, finding: Finding) -> dict[str, str]:
        """Return the entry for the finding's line, nothing where its file can't be read."""
        path = finding.span.path
        if path not in self._known:
            text = self._verdict.text(path)
            long = text is None or len(text) > _MAX_HASHED
            self._known[path] = [] if long else line_hashes(text or "")
        known, line = self._known[path], max(1, finding.span.start)
        return {"primaryLocationLineHash": known[line - 1]} if line <= len(known) else {}


def _result(finding: Finding, verdict: Verdict, index: Mapping[str, int], hashes: _Hashes) -> _Json:
    owners = {"owners": [one_line(owner) for owner in finding.owners]} if finding.owners else {}
    result: _Json = {
        "ruleId": finding.rule_id,
        "ruleIndex": index[finding.rule_id],
        "level": _level(finding),
        "message": {"text": _message(finding)},
        "locations": [location(finding.span.path, region(finding))],
        "partialFingerprints": {**hashes.of(finding), "rlmGate/v1": finding.fingerprint},
        "properties": {
            "severity": finding.severity.label,
            "confidence": finding.confidence.value,
            "origin": finding.origin.value,
            "engine": one_line(finding.engine),
            "verification": finding.verification.value,
            "blocking": digest.blocks(finding, verdict),
            **({"alsoMatched": list(finding.also_matched)} if finding.also_matched else {}),
            **owners,
        },
    }
    if finding.also:
        result["relatedLocations"] = _further(finding)
        result["occurrenceCount"] = len(finding.places)
    if finding.flow:
        result["codeFlows"] = [{"threadFlows": [{"locations": _flow(finding)}]}]
    return result


def _level(finding: Finding) -> str:
    """Return the level: no error where a model alone says so, which blocks nothing here either."""
    if finding.verification is Verification.REFUTED:
        return "note"
    level = _LEVEL[finding.severity]
    alone = finding.origin is Origin.MODEL and finding.verification is not Verification.CONFIRMED
    return "warning" if alone and level == "error" else level


def _further(finding: Finding) -> list[_Json]:
    return [
        {
            "id": number,
            **location(span.path, _lines(span)),
            "message": {"text": "the same here"},
        }
        for number, span in enumerate(finding.places[1 : _MAX_FLOW + 1], start=1)
    ]


def _message(finding: Finding) -> str:
    """Return the rule's sentence, which GitHub shows, and a model's words with no live links."""
    said = one_line(finding.message) or finding.rule_id
    sentence = said if said.endswith((".", "!", "?")) else f"{said}."
    words = f"{sentence}\n\n{plain(finding.explanation)}" if finding.explanation else sentence
    return words.replace("](", "] (")


def _flow(finding: Finding) -> list[_Json]:
    spans = finding.flow[:_MAX_FLOW]
    if not any(span.overlaps(finding.span) for span in spans):
        spans = (*spans[: _MAX_FLOW - 1], finding.span)
    return [
        {
            "location": {
                **location(span.path, _lines(span)),
                "message": {"text": f"step {number} of {len(spans)}{_role(finding, spans, span)}"},
            }
        }
        for number, span in enumerate(spans, start=1)
    ]


def _lines(span: Span) -> _Json:
    return {"startLine": max(1, span.start), "endLine": max(1, span.end)}


def _role(finding: Finding, flow: Sequence[Span], step: Span) -> str:
    """Return what happens there to a value that was followed."""
    if finding.engine != "taint":
        return ""
    if step is flow[-1]:
        return ": does harm"
    return ": comes in" if step is flow[0] else ""


def _category(verdict: Verdict, project: str) -> str:
    """Return the run's category: uploaded results close the older ones of their category alone.

    What judged a part must not close what a whole audit found, so it has one of its own.
    """
    part = "" if verdict.scope.kind in {"all", "rev"} else "part/"
    return f"rlm-gate/{part}{project}/" if project else f"rlm-gate/{part}"


def _invocation(verdict: Verdict, index: Mapping[str, int]) -> _Json:
    complete = verdict.status is not Status.INCONCLUSIVE and not verdict.interrupted
    return {
        "executionSuccessful": complete,
        "toolConfigurationNotifications": configuration_notices(verdict),
        "toolExecutionNotifications": execution_notices(verdict, index),
    }


def _properties(verdict: Verdict) -> _Json:
    coverage, audit = verdict.coverage, verdict.audit
    return {
        "status": verdict.status.value,
        "threshold": "never" if verdict.threshold is None else verdict.threshold.label,
        "scope": {"kind": verdict.scope.kind, "label": verdict.scope.label},
        "mode": audit.mode,
        "notEvaluated": sorted(audit.not_evaluated),
        "sandbox": audit.sandbox,
        "refused": audit.refused,
        "refuted": len(verdict.refuted),
        "notInThisFile": max(0, len(verdict.findings) - _MAX_RESULTS),
        "packs": dict(sorted(verdict.packs)),
        "coverage": {
            "files": coverage.files,
            "lines": coverage.lines,
            "requiredMissing": coverage.required_missing,
            "engines": {
                name: {"files": files, "lines": lines}
                for name, (files, lines) in sorted(coverage.engines.items())
            },
            "rules": {
                rule.rule_id: {
                    "inScope": rule.in_scope,
                    "applicable": rule.applicable,
                    "detector": rule.detector,
                    "model": rule.model,
                    "missing": rule.missing,
                }
                for rule in sorted(coverage.rules, key=repr)
            },
        },
    }


def _pascal_case(rule_id: str) -> str:
    words = re.split(r"[^0-9A-Za-z]+", rule_id.partition("/")[2] or rule_id)
    return "".join(word[:1].upper() + word[1:] for word in words)[:_MAX_NAME] or "Rule"


def _scrubbed(value: Any) -> Any:
    """Return the document with every string fit for UTF-8 and for people."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(key): _scrubbed(item) for key, item in value.items()}
    return [_scrubbed(item) for item in value] if isinstance(value, list) else value
