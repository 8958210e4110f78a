"""Judge findings and coverage into one Verdict. Pure: no files, no clock, no environment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rlm_gate.core import (
    Audit,
    Corpus,
    Coverage,
    Finding,
    Notice,
    Origin,
    Rule,
    RulePack,
    Severity,
    Skip,
    SourceFile,
    Span,
    Status,
    Suppression,
    Usage,
    Verdict,
    Verification,
)
from rlm_gate.core.records import dataclass
from rlm_gate.elsewhere import weight
from rlm_gate.policy import accepting, yielding
from rlm_gate.policy.decided import Policy
from rlm_gate.policy.folding import folded

__all__ = ["Evidence", "Policy", "effect", "judge", "narrow", "unaccepted"]

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
class Evidence:
    """Everything a verdict is judged from.

    ``suppressions`` are what people accept: comments, file form and baseline entries. ``narrowed``:
    paths were given, so that what was not found may stand elsewhere. ``notices`` are what reading
    all that has already come to, ``projects`` the sub-folders with a configuration of their own.
    """

    corpus: Corpus
    packs: tuple[RulePack, ...]
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    skips: tuple[Skip, ...]
    coverage: Coverage
    audit: Audit
    usage: Usage
    interrupted: str = ""
    suppressions: tuple[Suppression, ...] = ()
    narrowed: bool = False
    notices: tuple[Notice, ...] = ()
    projects: tuple[str, ...] = ()


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
        if not _in_scope(finding, files, corpus.gone):
            continue
        rule, path = by_id[finding.rule_id], finding.span.path
        severity = policy.severity(rule, path, weight(finding, rule, corpus))
        if severity is None:
            continue
        key = (finding.rule_id, finding.span)
        worst = max(severity, kept[key].severity) if key in kept else severity
        chosen = finding if key not in kept or _outranks(finding, kept[key]) else kept[key]
        kept[key] = replace(chosen, severity=worst)
    return tuple(sorted(_without_echoes(kept.values()), key=lambda one: one.sort_key))


def _without_echoes(findings: Collection[Finding]) -> Iterator[Finding]:
    """Leave out what a detector remarks on lines of which its pack says something graver."""
    said: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    remarks: list[Finding] = []
    for one in findings:
        if one.severity is Severity.INFO and one.origin is Origin.DETECTOR:
            remarks.append(one)
        else:
            said[_pack(one), one.span.path].append(one.span)
            yield one
    for one in sorted(remarks, key=lambda one: one.sort_key):
        places = [*said[_pack(one), one.span.path], *said[one.rule_id, one.span.path]]
        if not any(one.span.overlaps(span) for span in places):
            said[one.rule_id, one.span.path].append(one.span)
            yield one


def _pack(finding: Finding) -> str:
    return finding.rule_id.partition("/")[0]


def unaccepted(evidence: Evidence, policy: Policy) -> frozenset[tuple[str, str]]:
    """Return the identities of the findings that nobody accepts. The coverage may still be open."""
    return frozenset(one.identity for one in accepting.settle(_question(evidence), policy).findings)


def judge(evidence: Evidence, policy: Policy) -> Verdict:
    """Return the verdict: FAIL outranks INCONCLUSIVE outranks PASS."""
    settled = accepting.settle(_question(evidence), policy)
    refuted = tuple(one for one in settled.findings if effect(one) == REFUTED)
    shown, baselined = yielding.settled(
        [one for one in settled.findings if effect(one) != REFUTED],
        settled.baselined,
        evidence.rules,
        _blocking(settled.findings, policy),
    )
    at_threshold = [one for one in shown if policy.reaches(one)]
    blocking = _blocking(shown, policy)
    missing = _missing(evidence, [one for one in at_threshold if effect(one) == LOST])
    status = Status.FAIL if blocking else Status.INCONCLUSIVE if missing else Status.PASS
    return Verdict(
        status=status,
        scope=evidence.corpus.scope,
        threshold=policy.threshold,
        findings=folded(shown, blocking, evidence.projects),
        refuted=refuted,
        blocking=blocking,
        skipped=tuple(sorted(evidence.skips, key=_skip_key)),
        coverage=evidence.coverage,
        usage=evidence.usage,
        audit=evidence.audit,
        rules=evidence.rules,
        packs=tuple((pack.name, pack.version) for pack in evidence.packs),
        reasons=missing,
        interrupted=evidence.interrupted,
        held=frozenset(one.identity for one in at_threshold) - blocking,
        thresholds=policy.others,
        suppressed=settled.suppressed,
        baselined=baselined,
        notices=tuple(sorted({*evidence.notices, *settled.notices})),
        projects=evidence.projects,
        text=_reader(evidence.corpus),
    )


def _blocking(findings: Iterable[Finding], policy: Policy) -> frozenset[tuple[str, str]]:
    return frozenset(
        one.identity for one in findings if policy.reaches(one) and effect(one) == BLOCKS
    )


def _question(evidence: Evidence) -> accepting.Question:
    return accepting.Question(
        corpus=evidence.corpus,
        packs=evidence.packs,
        rules=evidence.rules,
        coverage=evidence.coverage,
        asked=evidence.audit.mode == "models",
        complete=not evidence.interrupted,
        narrowed=evidence.narrowed,
        findings=evidence.findings,
        suppressions=evidence.suppressions,
        refuted=frozenset(one.identity for one in evidence.findings if effect(one) == REFUTED),
    )


def _reader(corpus: Corpus) -> Callable[[str], str | None]:
    """Return what reads a judged file that others would read alike: a note tells of a guess."""

    def read(path: str) -> str | None:
        file = corpus.file(path)
        return file.text if file and not file.notes and file.status != "deleted" else None

    return read


def _missing(evidence: Evidence, lost: Sequence[Finding]) -> tuple[str, ...]:
    reasons = [f"{skip.what}: {skip.why}" for skip in evidence.skips if skip.blocking]
    if evidence.coverage.required_missing:
        reasons.append(_lines_missing(evidence.coverage))
    if lost:
        reasons.append(f"{len(lost)} findings could not be verified")
    usage = evidence.usage
    if usage.failed_calls and not usage.calls:
        reasons.append(f"every model call failed ({usage.failed_calls})")
    return tuple(sorted(set(reasons)))


def _lines_missing(coverage: Coverage) -> str:
    files = len({gap.span.path for gap in coverage.gaps if gap.required})
    where = f" in {files:,} files" if files > 1 else ""
    return f"{coverage.required_missing} required line checks are missing{where}"


def _in_scope(finding: Finding, files: Mapping[str, SourceFile], gone: frozenset[str]) -> bool:
    """Code must touch the change itself; grounding has already placed what a model found.

    What a change takes away, others may have needed: the flow then ends in a path that is gone.
    """
    if finding.origin is Origin.MODEL:
        return True
    return any(
        end.path in gone or (end.path in files and files[end.path].touched(end.start, end.end))
        for end in (finding.span, *finding.flow[-1:])
    )


def _outranks(new: Finding, old: Finding) -> bool:
    """One place, one rule, one finding: code's word before a model's, then who shows the way."""
    if (new.origin is Origin.MODEL) != (old.origin is Origin.MODEL):
        return old.origin is Origin.MODEL
    if bool(new.flow) != bool(old.flow):
        return bool(new.flow)
    return (new.sort_key, new.engine) < (old.sort_key, old.engine)


def _skip_key(skip: Skip) -> tuple[str, str, str]:
    return (skip.what, skip.why, skip.path or "")
