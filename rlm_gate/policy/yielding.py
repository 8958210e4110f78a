"""Let a finding go into one that says the same and more, as the rules declare by ``yields_to``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rlm_gate.core import Accepted, Finding, Rule

_FAR = 1 << 30  # behind every column
Identities = frozenset[tuple[str, str]]


def settled(
    findings: Sequence[Finding],
    baselined: Sequence[Accepted],
    rules: Sequence[Rule],
    blocking: Identities,
) -> tuple[tuple[Finding, ...], tuple[Accepted, ...]]:
    """Return the findings without those that yield, and the baselined ones; both name who did.

    One yields to a finding of a rule it names, on overlapping text, that weighs no less: of its
    severity or worse, and blocking where it blocks itself, unless it is in the baseline. What
    people suppressed is no longer there, and nothing yields to it.
    """
    stronger = {rule.id: frozenset(rule.yields_to) for rule in rules if rule.yields_to}
    if not any(one.rule_id in stronger for one in findings):
        return tuple(findings), tuple(baselined)
    everyone = [*findings, *(one.finding for one in baselined)]
    weighty = blocking | {one.finding.identity for one in baselined}
    above = dict(_above(findings, everyone, stronger, weighty))
    heard: defaultdict[int, set[str]] = defaultdict(set)
    for number in above:
        heard[_top(number, above)].add(everyone[number].rule_id)
    kept = tuple(
        _told(one, heard[number]) for number, one in enumerate(findings) if number not in above
    )
    accepted = (
        replace(one, finding=_told(one.finding, heard[number]))
        for number, one in enumerate(baselined, len(findings))
    )
    return kept, tuple(accepted)


def _above(
    findings: Sequence[Finding],
    everyone: Sequence[Finding],
    stronger: Mapping[str, frozenset[str]],
    weighty: Identities,
) -> Iterator[tuple[int, int]]:
    """Yield who yields and the worst it yields to, as places in ``everyone``.

    ``weighty`` may take the word of one that blocks.
    """
    by_path: defaultdict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(everyone):
        by_path[one.span.path].append(number)
    for number, one in enumerate(findings):
        names = stronger.get(one.rule_id, frozenset())
        if over := [
            other
            for other in by_path[one.span.path]
            if everyone[other].rule_id in names and _covers(everyone[other], one, weighty)
        ]:
            yield number, max(over, key=lambda other: (everyone[other].severity, -other))


def _top(number: int, above: Mapping[int, int]) -> int:
    """Return who keeps the word in the end; rules that yield in a circle are not loaded."""
    while number in above:
        number = above[number]
    return number


def _told(finding: Finding, rules: set[str]) -> Finding:
    return replace(finding, also_matched=tuple(sorted(rules))) if rules else finding


def _covers(strong: Finding, weak: Finding, weighty: Identities) -> bool:
    """Say whether the two speak of overlapping text, and the strong one weighs no less."""
    lighter = weak.identity in weighty and strong.identity not in weighty
    (first, last), (begin, end) = _ends(strong), _ends(weak)
    return strong.severity >= weak.severity and not lighter and first < end and begin < last


def _ends(finding: Finding) -> tuple[tuple[int, int], tuple[int, int]]:
    start, end = finding.columns or (1, _FAR)
    return (finding.span.start, start), (finding.span.end, end)
