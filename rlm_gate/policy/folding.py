"""Fold findings of one cause into one with all its places. Reports tell how many."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from rlm_gate.core import Finding, Origin, Place, Severity, Span, project_of

_SYSTEMIC = 5  # places of the same text from which on a detector's finds are one cause
_TWICE = 2
_TOKEN = re.compile(r"\S{4}\N{HORIZONTAL ELLIPSIS}\S{4}")  # what quotes show of a secret token
_WARNED = Severity.MEDIUM  # more is told place by place, less is counted by rule as it is
_Identities = frozenset[tuple[str, str]]


def folded(
    findings: Iterable[Finding], blocking: _Identities, projects: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Return the findings, sorted, each cause once.

    One cause is: the same rule on the same text, said by the same kind of judge with the same
    outcome (by a detector: five times and more, but for a token, which is revoked once); what a
    detector warns of, by one rule in one file, five times and more, of one value that comes in at
    one place, or in a copy of the file; and what a model says about lines on which the same rule
    has already spoken. What blocks is never folded into what does not, and each of the
    sub-projects, given by their folders, keeps its own: their reports are told apart.
    """
    alike: defaultdict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for finding in _apart(sorted(findings, key=lambda one: one.sort_key), blocking):
        home = project_of(finding.span.path, projects)
        alike[home, *_cause(finding, blocking)].append(finding)
    causes = [one for group in alike.values() for one in _once(group)]
    for habit, least in ((_same_value, _TWICE), (_same_copy, _TWICE), (_same_file, _SYSTEMIC)):
        causes = _habits(causes, habit, least, blocking, projects)
    return tuple(sorted(causes, key=lambda one: one.sort_key))


def _habits(
    findings: Sequence[Finding],
    cause: Callable[[Finding], tuple[object, ...] | None],
    least: int,
    blocking: _Identities,
    projects: Sequence[str],
) -> list[Finding]:
    """Join what a detector warns of for one cause; what blocks or can be mended stays apart."""
    alike: defaultdict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        apart = finding.identity in blocking or finding.fix is not None
        apart = apart or finding.origin is not Origin.DETECTOR or finding.severity is not _WARNED
        said = None if apart else cause(finding)
        home = project_of(finding.span.path, projects)
        key = (finding.identity, finding.span) if said is None else (home, *said)
        alike[key].append(finding)
    groups = (group if len(group) < least else [_joined(group)] for group in alike.values())
    return [one for group in groups for one in group]


def _same_value(finding: Finding) -> tuple[object, ...] | None:
    """Return what findings of one value share: the rule, the file, and where the value came in."""
    source = finding.flow[0] if finding.flow else None
    if source is None or source.path != finding.span.path:
        return None
    return _alike(finding, source)


def _same_copy(finding: Finding) -> tuple[object, ...]:
    """Return what findings in copies of one file share: its folder's name, its own, the text."""
    near = tuple(finding.span.path.split("/")[-2:])
    said = (finding.rule_id, finding.severity, finding.message, finding.verification)
    return (near, _text(finding), *said)


def _same_file(finding: Finding) -> tuple[object, ...] | None:
    return _alike(finding, None)


def _alike(finding: Finding, source: Span | None) -> tuple[object, ...]:
    return (
        finding.rule_id,
        finding.span.path,
        source,
        finding.severity,
        finding.message,
        finding.verification,
    )


def _once(group: Sequence[Finding]) -> Sequence[Finding]:
    """Join the group, but leave a few facts of a detector on their own lines: each is a to-do."""
    always = group[0].origin is Origin.MODEL or _token(group[0])
    few = len(group) < _SYSTEMIC and not always
    return group if few else [_joined(group)]


def _cause(finding: Finding, blocking: _Identities) -> tuple[object, ...]:
    """Return what near-identical findings share; one whose way leaves its lines shares nothing."""
    return (
        finding.rule_id,
        _text(finding),
        finding.severity,
        finding.origin,
        finding.verification,
        finding.identity in blocking,
        finding.identity if any(not finding.span.overlaps(one) for one in finding.flow) else None,
    )


def _text(finding: Finding) -> str:
    """Return the lines without what only their layout says, or the token that was found there."""
    if token := _token(finding):
        return token
    return "\n".join(" ".join(line.split()) for line in finding.quote.split("\n"))


def _token(finding: Finding) -> str:
    """Return what may be shown of a secret token, with its length; "" for any other finding."""
    start, end = finding.columns or (1, 1)
    shown = _TOKEN.match(finding.quote, start - 1) if finding.engine == "secrets" else None
    return f"{shown[0]} {end - start}" if shown else ""


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
