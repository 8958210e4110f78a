"""Judge findings and coverage into one Verdict. Pure: no files, no clock, no environment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rlm_gate.config import Override
from rlm_gate.core import (
    Audit,
    Corpus,
    Coverage,
    Finding,
    Origin,
    Rule,
    RulePack,
    Severity,
    Skip,
    SourceFile,
    Span,
    Status,
    Usage,
    Verdict,
    Verification,
)

# Design §7.6, first table: what a finding does to the gate, by who says so and what the second
# call came to. "lost" is evidence that was asked for and did not come.
BLOCKS, SHOWN, REFUTED, LOST = "blocks", "shown", "refuted", "lost"
_ROWS = (
    (Verification.NOT_ASKED, BLOCKS, SHOWN),
    (Verification.CONFIRMED, BLOCKS, BLOCKS),
    (Verification.REFUTED, SHOWN, REFUTED),
    (Verification.UNCLEAR, BLOCKS, SHOWN),
    (Verification.FAILED, BLOCKS, LOST),
)
_EFFECT = {
    (origin, verification): by_model if origin is Origin.MODEL else by_code
    for verification, by_code, by_model in _ROWS
    for origin in Origin
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user decided: the threshold (None: never fail) and the overrides by path."""

    threshold: Severity | None
    overrides: tuple[Override, ...] = ()

    def severity(self, rule: Rule, path: str) -> Severity | None:
        """Return the rule's severity for that path, the last override winning. None: ignored."""
        severity: Severity | None = rule.severity
        for override in self.overrides:
            if not any(re.match(pattern, path) for pattern in override.include):
                continue
            if _names(override.ignore, rule) or rule.pack not in (override.packs or {rule.pack}):
                severity = None
            else:
                severity = override.severity.get(rule.id, severity)
        return severity

    def required(self, rule: Rule, path: str) -> bool:
        """Say whether this pair must have been examined: its severity reaches the threshold."""
        severity = self.severity(rule, path)
        return None not in (severity, self.threshold) and severity >= self.threshold  # type: ignore[operator]  # both are severities here

    def reaches(self, finding: Finding) -> bool:
        """Say whether the finding's severity reaches the threshold."""
        return self.threshold is not None and finding.severity >= self.threshold


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a verdict is judged from."""

    corpus: Corpus
    packs: tuple[RulePack, ...]
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    skips: tuple[Skip, ...]
    coverage: Coverage
    audit: Audit
    usage: Usage
    interrupted: str = ""


def effect(finding: Finding) -> str:
    """Return what the finding would do at or above the threshold (design §7.6)."""
    return _EFFECT[finding.origin, finding.verification]


def narrow(
    findings: Iterable[Finding], corpus: Corpus, rules: Sequence[Rule], policy: Policy
) -> tuple[Finding, ...]:
    """Keep what touches judged lines, with effective severities, sorted and each thing once."""
    by_id = {rule.id: rule for rule in rules}
    files = {file.path: file for file in corpus.files}
    kept: dict[tuple[str, Span], Finding] = {}
    for finding in findings:
        severity = policy.severity(by_id[finding.rule_id], finding.span.path)
        if severity is None or not _in_scope(finding, files):
            continue
        key = (finding.rule_id, finding.span)
        if key not in kept or _outranks(finding, kept[key]):
            kept[key] = replace(finding, severity=severity)
    return tuple(sorted(kept.values(), key=lambda one: one.sort_key))


def judge(evidence: Evidence, policy: Policy) -> Verdict:
    """Return the verdict: FAIL outranks INCONCLUSIVE outranks PASS."""
    refuted = tuple(one for one in evidence.findings if effect(one) == REFUTED)
    shown = tuple(one for one in evidence.findings if effect(one) != REFUTED)
    at_threshold = [one for one in shown if policy.reaches(one)]
    blocking = [one for one in at_threshold if effect(one) == BLOCKS]
    missing = _missing(evidence, [one for one in at_threshold if effect(one) == LOST])
    status = Status.FAIL if blocking else Status.INCONCLUSIVE if missing else Status.PASS
    return Verdict(
        status=status,
        scope=evidence.corpus.scope,
        threshold=policy.threshold,
        findings=shown,
        refuted=refuted,
        blocking=frozenset(one.fingerprint for one in blocking),
        skipped=tuple(sorted(evidence.skips, key=_skip_key)),
        coverage=evidence.coverage,
        usage=evidence.usage,
        audit=evidence.audit,
        rules=evidence.rules,
        packs=tuple((pack.name, pack.version) for pack in evidence.packs),
        reasons=missing,
        interrupted=evidence.interrupted,
    )


def _missing(evidence: Evidence, lost: Sequence[Finding]) -> tuple[str, ...]:
    reasons = [f"{skip.what}: {skip.why}" for skip in evidence.skips if skip.blocking]
    if evidence.coverage.required_missing:
        reasons.append(f"{evidence.coverage.required_missing} required line checks are missing")
    if lost:
        reasons.append(f"{len(lost)} findings could not be verified")
    usage = evidence.usage
    if usage.failed_calls and not usage.calls:
        reasons.append(f"every model call failed ({usage.failed_calls})")
    return tuple(sorted(set(reasons)))


def _in_scope(finding: Finding, files: Mapping[str, SourceFile]) -> bool:
    """Code must touch the change itself; grounding has already placed what a model found."""
    if finding.origin is Origin.MODEL:
        return True
    return any(
        end.path in files and files[end.path].touched(end.start, end.end)
        for end in (finding.span, *finding.flow[-1:])
    )


def _outranks(new: Finding, old: Finding) -> bool:
    """One place, one rule, one finding: code's word before a model's, then the sharper columns."""
    if (new.origin is Origin.MODEL) != (old.origin is Origin.MODEL):
        return old.origin is Origin.MODEL
    return new.sort_key < old.sort_key


def _names(names: Iterable[str], rule: Rule) -> bool:
    return any(name in (rule.id, rule.pack) for name in names)


def _skip_key(skip: Skip) -> tuple[str, str, str]:
    return (skip.what, skip.why, skip.path or "")
