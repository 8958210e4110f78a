"""The verdict as JSON for other programs: everything in it, by the schema in schema.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rlm_gate.core import (
    Accepted,
    Coverage,
    Estimate,
    Finding,
    Fix,
    Notice,
    Rule,
    Severity,
    Skip,
    Span,
    Trajectory,
    Usage,
    Verdict,
)
from rlm_gate.reports import _digest as digest
from rlm_gate.reports._plain import disarm_json

HELP = "for programs: everything in the verdict, by a published, versioned schema"
SCHEMA = "rlm-gate/1"


def render(verdict: Verdict) -> bytes:
    """Return one JSON object, keys sorted. Pure ASCII, so that any path survives as it is."""
    text = json.dumps(_document(verdict), indent=2, sort_keys=True, allow_nan=False)
    return f"{disarm_json(text)}\n".encode("ascii")


def compact(verdict: Verdict) -> bytes:
    """Return the same object on one line, for programs: it is made in a fifth of the time."""
    text = json.dumps(_document(verdict), sort_keys=True, allow_nan=False, separators=(",", ":"))
    return disarm_json(text).encode("ascii")


def _document(verdict: Verdict) -> dict[str, Any]:
    findings, refuted = digest.ordered(verdict.findings), digest.ordered(verdict.refuted)
    return {
        "schema": SCHEMA,
        "status": verdict.status.value,
        "threshold": verdict.threshold.label if verdict.threshold is not None else None,
        "reasons": list(verdict.reasons),
        "interrupted": verdict.interrupted,
        "preface": list(verdict.preface),
        "projects": list(verdict.projects),
        "scope": _scope(verdict),
        "thresholds": [
            {"for": what, "severity": severity.label if severity is not None else None}
            for what, severity in verdict.thresholds
        ],
        "counts": _counts(one.severity for one in findings),
        "places": _counts(one.severity for one in findings for _ in one.places),
        "findings": [_finding(one, blocking=digest.blocks(one, verdict)) for one in findings],
        "refuted": [_finding(one, blocking=False) for one in refuted],
        "suppressed": [_accepted(one) for one in verdict.suppressed],
        "baselined": [_accepted(one) for one in verdict.baselined],
        "notices": [_notice(one) for one in verdict.notices],
        "skipped": [_skip(skip) for skip in sorted(verdict.skipped, key=repr)],
        "coverage": _coverage(verdict.coverage),
        "audit": _audit(verdict),
        "usage": _usage(verdict.usage),
        "rules": [_rule(rule) for rule in digest.rules_by_id(verdict).values()],
        "packs": [{"name": name, "version": version} for name, version in sorted(verdict.packs)],
        "trajectory": _trajectory(verdict.trajectory),
        "history": [{**asdict(run), "findings": dict(run.findings)} for run in verdict.history],
    }


def _scope(verdict: Verdict) -> dict[str, Any]:
    scope = verdict.scope
    return {"kind": scope.kind, "label": scope.label, "base": scope.base, "head": scope.head}


def _counts(severities: Iterable[Severity]) -> dict[str, int]:
    count = Counter(severities)
    return {severity.label: count[severity] for severity in Severity}


def _finding(finding: Finding, *, blocking: bool) -> dict[str, Any]:
    start, end = finding.columns or (None, None)
    return {
        **_span(finding.span),
        "rule": finding.rule_id,
        "severity": finding.severity.label,
        "confidence": finding.confidence.value,
        "message": finding.message,
        "start_column": start,
        "end_column": end,
        "quote": finding.quote,
        "origin": finding.origin.value,
        "engine": finding.engine,
        "explanation": finding.explanation,
        "owners": list(finding.owners),
        "verification": finding.verification.value,
        "flow": [_span(span) for span in finding.flow],
        "fingerprint": finding.fingerprint,
        "also": [{**_span(one.span), "fingerprint": one.fingerprint} for one in finding.also],
        "also_matched": list(finding.also_matched),
        "fix": _fix(finding.fix),
        "blocking": blocking,
    }


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    return {**_span(fix.span), "text": fix.text, "safe": fix.safe, "what": fix.what}


def _accepted(accepted: Accepted) -> dict[str, Any]:
    by = accepted.by
    return {
        "finding": _finding(accepted.finding, blocking=False),
        "by": {
            "kind": by.kind.value,
            "place": _span(by.place),
            "reason": by.reason,
            "owner": by.owner,
            "until": by.until or None,
            "new": by.new,
        },
    }


def _notice(notice: Notice) -> dict[str, Any]:
    return {"kind": notice.kind, "text": notice.text, "place": _span(notice.place)}


def _span(span: Span) -> dict[str, Any]:
    return {"path": span.path, "start_line": span.start, "end_line": span.end}


def _skip(skip: Skip) -> dict[str, Any]:
    return {
        "what": skip.what,
        "why": skip.why,
        "blocking": skip.blocking,
        "path": skip.path,
        "rules": list(skip.rule_ids),
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "files": coverage.files,
        "lines": coverage.lines,
        "required_missing": coverage.required_missing,
        "engines": {
            name: {"files": files, "lines": lines}
            for name, (files, lines) in coverage.engines.items()
        },
        "without_rules": dict(coverage.without_rules),
        "languages": [
            {
                "language": one.language,
                "files": one.files,
                "lines": one.lines,
                "rules": dict(one.rules),
            }
            for one in coverage.languages
        ],
        "rules": [
            {
                "rule": rule.rule_id,
                "in_scope": rule.in_scope,
                "not_applicable": rule.not_applicable,
                "prefiltered": rule.prefiltered,
                "applicable": rule.applicable,
                "detector": rule.detector,
                "model": rule.model,
                "missing": rule.missing,
            }
            for rule in sorted(coverage.rules, key=repr)
        ],
        "gaps": [
            {
                **_span(gap.span),
                "rule": gap.rule_id,
                "reason": gap.reason,
                "required": gap.required,
            }
            for gap in sorted(coverage.gaps, key=lambda gap: (gap.span, gap.rule_id, gap.reason))
        ],
        "by_file": [
            {**asdict(file), "engines": sorted(file.engines)}
            for file in sorted(coverage.by_file, key=lambda file: file.path)
        ],
    }


def _audit(verdict: Verdict) -> dict[str, Any]:
    audit = verdict.audit
    return {
        "mode": audit.mode,
        "root_model": audit.root_model,
        "sub_model": audit.sub_model,
        "not_evaluated": sorted(audit.not_evaluated),
        "refused": audit.refused,
        "playbook": list(audit.playbook),
        "sandbox": audit.sandbox,
        "estimate": _estimate(audit.estimate),
        "notes": list(audit.notes),
        "missing_keys": list(audit.missing_keys),
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {
        "calls": estimate.calls,
        "input_tokens": estimate.input_tokens,
        "output_tokens": estimate.output_tokens,
        "map_usd": estimate.map_usd,
        "turns": estimate.turns,
        "usd": estimate.usd,
        "root_model": estimate.root_model,
        "sub_model": estimate.sub_model,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "calls": usage.calls,
        "failed_calls": usage.failed_calls,
        "turns": usage.turns,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "usd": usage.usd,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.label,
        "precision": rule.precision.value,
        "languages": list(rule.languages),
        "tags": list(rule.tags),
        "aliases": list(rule.aliases),
        "yields_to": list(rule.yields_to),
        "message": rule.message,
        "help": {
            "why": rule.help.why,
            "fix": rule.help.fix,
            "links": list(rule.help.links),
        },
        "engines": sorted({detect.engine for detect in rule.detect}),
        "ask": rule.ask.over if rule.ask else None,
        "verify": rule.verify,
    }


def _trajectory(trajectory: Trajectory) -> dict[str, Any]:
    turns = [
        {
            **asdict(turn),
            "call": asdict(turn.call),
            "calls": [asdict(call) for call in turn.calls],
        }
        for turn in trajectory.turns
    ]
    return {"turns": turns, "calls": [asdict(call) for call in trajectory.calls]}
