"""Fold findings of one cause into one with all its places. It hides none: counts are of places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rlm_gate.core import Finding, Origin, Place, project_of

_SYSTEMIC = 5  # places of the same text from which on a detector's finds are one cause
_Identities = frozenset[tuple[str, str]]


def folded(
    findings: Iterable[Finding], blocking: _Identities, projects: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Return the findings, sorted, each cause once.

    One cause is: the same rule on the same text, said by the same kind of judge with the same
    outcome (by a detector: five times and more); and what a model says about lines on which the
    same rule has already spoken. What blocks is never folded into what does not, and each of the
    sub-projects, given by their folders, keeps its own: their reports are told apart.
    """
    alike: defaultdict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for finding in _apart(sorted(findings, key=lambda one: one.sort_key), blocking):
        home = project_of(finding.span.path, projects)
        alike[home, *_cause(finding, blocking)].append(finding)
    causes = (one for group in alike.values() for one in _once(group))
    return tuple(sorted(causes, key=lambda one: one.sort_key))


def _once(group: Sequence[Finding]) -> Sequence[Finding]:
    """Join the group, but leave a few facts of a detector on their own lines: each is a to-do."""
    few = len(group) < _SYSTEMIC and group[0].origin is not Origin.MODEL
    return group if few else [_joined(group)]


def _cause(finding: Finding, blocking: _Identities) -> tuple[object, ...]:
    """Return what near-identical findings share; one whose way leaves its lines shares nothing."""
    text = "\n".join(" ".join(line.split()) for line in finding.quote.split("\n"))
    return (
        finding.rule_id,
        text,
        finding.severity,
        finding.origin,
        finding.verification,
        finding.identity in blocking,
        finding.identity if any(not finding.span.overlaps(one) for one in finding.flow) else None,
    )


def _joined(group: Sequence[Finding]) -> Finding:
    first, *others = group
    places = {place for one in others for place in (Place(one.span, one.fingerprint), *one.also)}
    if not places:
        return first
    matched = {rule for one in group for rule in one.also_matched}
    return replace(
        first, also=tuple(sorted({*first.also, *places})), also_matched=tuple(sorted(matched))
    )


def _apart(findings: Sequence[Finding], blocking: _Identities) -> Iterable[Finding]:
    """Fold a model's finding into one of the same rule that overlaps it and weighs no less."""
    kept: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in sorted(findings, key=lambda one: _weight(one, blocking)):
        near = kept[finding.rule_id, finding.span.path]
        index = next((n for n, one in enumerate(near) if finding.span.overlaps(one.span)), None)
        if index is None or finding.origin is not Origin.MODEL:
            near.append(finding)
        else:
            near[index] = _joined([near[index], finding])
    return sorted((one for near in kept.values() for one in near), key=lambda one: one.sort_key)


def _weight(finding: Finding, blocking: _Identities) -> tuple[bool, bool, tuple[object, ...]]:
    model = finding.origin is Origin.MODEL
    return (finding.identity not in blocking, model, finding.sort_key)
