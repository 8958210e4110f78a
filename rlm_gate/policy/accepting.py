"""Hold findings against what people accept: comments, the file form, the baseline.

Nothing is accepted by silence: what does not count, what nothing needs any more and what nobody
knows becomes a notice at the place where it is written.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from rlm_gate.core import (
    Acceptance,
    Accepted,
    Corpus,
    Coverage,
    Finding,
    Notice,
    Origin,
    Rule,
    RulePack,
    Suppression,
)
from rlm_gate.core.records import dataclass
from rlm_gate.policy.decided import Policy

_GATE = "gate"  # the pack of the host's own rules


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be settled. ``refuted`` are the findings that a second call refuted.

    ``rules`` are those that were judged, ``asked`` whether models took part, ``complete`` whether
    the run came to its end, ``narrowed`` whether paths were given.
    """

    corpus: Corpus
    packs: tuple[RulePack, ...]
    rules: tuple[Rule, ...]
    coverage: Coverage
    asked: bool
    complete: bool
    narrowed: bool
    findings: tuple[Finding, ...]
    suppressions: tuple[Suppression, ...]
    refuted: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Settled:
    """What still counts, what does not and why, and what is wrong with what people wrote."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Accepted, ...]
    baselined: tuple[Accepted, ...]
    notices: tuple[Notice, ...]


def settle(question: Question, policy: Policy) -> Settled:
    """Take the accepted findings out. Suppressions come first: they have reasons."""
    names = _Names(question)
    written = tuple(_checked(one, policy, names) for one in question.suppressions)
    entries = [one for one in written if one.kind is Acceptance.BASELINE]
    others = [one for one in written if one.kind is not Acceptance.BASELINE]
    suppressed, rest, forbidden = _suppress(question.findings, others, policy, names)
    baselined = _baseline(rest, entries, policy, question.corpus)
    taken = {one.finding.identity for one in baselined}
    used = {one.by for one in chain(suppressed, baselined)}
    notices = chain(
        (_notice(one, "refused-suppression", one.refused) for one in written if one.refused),
        (_notice(one, "unknown-rule", text) for one in others for text in names.unknown(one)),
        (_notice(one.by, "refused-suppression", policy.forbids(one.finding)) for one in forbidden),
        _Idle(question, names).notices(others, [*suppressed, *forbidden]),
        _Idle(question, names).stale(entries, used),
    )
    return Settled(
        findings=tuple(one for one in rest if one.identity not in taken),
        suppressed=tuple(one for one in suppressed if one.finding.identity not in question.refuted),
        baselined=tuple(one for one in baselined if one.finding.identity not in question.refuted),
        notices=tuple(sorted(set(notices))),
    )


class _Names:
    """What the names in suppressions stand for: ids, and former ids of renamed rules."""

    def __init__(self, question: Question) -> None:
        known = [rule for pack in question.packs for rule in pack.rules]
        self._ids = {alias: rule.id for rule in known for alias in rule.aliases}
        self._ids |= {rule.id: rule.id for rule in (*known, *question.rules)}
        self.packs = {pack.name for pack in question.packs}

    def rules(self, written: Suppression) -> tuple[str, ...]:
        """Return the ids of the rules it names, those nobody knows left out."""
        return tuple(self._ids.get(name, name) for name in written.rules if self._knows(name))

    def unknown(self, written: Suppression) -> Iterator[str]:
        """Say which of its names no loaded pack has."""
        for name in written.rules:
            if not self._knows(name):
                yield (
                    f"no rule {name!r} is known, so this accepts nothing of it;"
                    " 'rlm-gate rules list' has the names"
                )

    def gone(self, name: str) -> bool:
        """Say whether its pack is here and the rule is not: nothing can be found by it."""
        return not self._knows(name) and name.partition("/")[0] in self.packs

    def _knows(self, name: str) -> bool:
        return name in self._ids or name.startswith(f"{_GATE}/")


def _checked(written: Suppression, policy: Policy, names: _Names) -> Suppression:
    """Return the suppression, refused where it has expired or the policy wants more of it."""
    if written.refused or written.kind is Acceptance.BASELINE:
        return written
    return replace(written, refused=_refusal(written, policy, names))


def _refusal(written: Suppression, policy: Policy, names: _Names) -> str:
    accepting = policy.accepting
    in_file = written.kind is Acceptance.FILE
    forbidden = [
        name
        for name in names.rules(written)
        if {name, name.partition("/")[0]} & {*accepting.forbid_rules}
    ]
    if forbidden:
        return f"the policy forbids to accept {', '.join(forbidden)}; mend what it finds"
    if accepting.require_reason and not written.reason:
        how = "reason: why" if in_file else "-- why"
        return f"it has no reason; add one: {how} this is acceptable here"
    if written.until and written.until < policy.today:
        return f"it expired on {written.until}; mend the finding, or argue for a new date"
    if accepting.max_days is None:
        return ""
    from datetime import date, timedelta

    latest = (date.fromisoformat(policy.today) + timedelta(days=accepting.max_days)).isoformat()
    if not written.until or written.until > latest:
        until = f"until: {latest}" if in_file else f"until={latest}"
        return f"the policy wants an expiry of at most {accepting.max_days} days: {until}"
    return ""


def _suppress(
    findings: Sequence[Finding], written: Sequence[Suppression], policy: Policy, names: _Names
) -> tuple[list[Accepted], list[Finding], list[Accepted]]:
    """Return what is suppressed, what is not, and what would be if the policy did not forbid it."""
    by_rule: defaultdict[str, list[Suppression]] = defaultdict(list)
    for one in written:
        for rule_id in names.rules(one):
            by_rule[rule_id].append(one)
    suppressed, rest, forbidden = [], [], []
    for finding in findings:
        fitting = [one for one in by_rule[finding.rule_id] if _speaks_of(one, finding)]
        honoured = next((one for one in fitting if not one.refused), None)
        if honoured and not policy.forbids(finding):
            suppressed.append(Accepted(finding, honoured))
            continue
        rest.append(finding)
        if honoured:
            forbidden.append(Accepted(finding, honoured))
    return suppressed, rest, forbidden


def _speaks_of(written: Suppression, finding: Finding) -> bool:
    if written.fingerprint and written.fingerprint != finding.fingerprint:
        return False
    if written.target is None:
        return any(re.match(pattern, finding.span.path) for pattern in written.patterns)
    first = replace(finding.span, end=finding.span.start)
    last = replace(finding.span, start=finding.span.end)
    return written.target.overlaps(first) or written.target.overlaps(last)


def _baseline(
    findings: Sequence[Finding], entries: Sequence[Suppression], policy: Policy, corpus: Corpus
) -> list[Accepted]:
    """Match one for one: the same path first, then entries whose path is gone (design §9)."""
    at_place: defaultdict[tuple[str, str], list[Suppression]] = defaultdict(list)
    for entry in entries:
        if not entry.refused:
            at_place[entry.fingerprint, entry.path].append(entry)
    allowed = [one for one in findings if not policy.forbids(one)] if entries else []
    matched = [
        Accepted(one, at_place[one.identity].pop(0)) for one in allowed if at_place[one.identity]
    ]
    done = {one.finding.identity for one in matched}
    moved = _Moved([entry for left in at_place.values() for entry in left], corpus)
    for finding in allowed:
        found = moved.take(finding.fingerprint) if finding.identity not in done else None
        if found:
            matched.append(Accepted(finding, found))
    return matched


class _Moved:
    """The entries that matched nothing at their path, by fingerprint, while their path is gone."""

    def __init__(self, entries: Sequence[Suppression], corpus: Corpus) -> None:
        self._left: defaultdict[str, list[Suppression]] = defaultdict(list)
        self._corpus = corpus
        for entry in sorted(entries, key=lambda one: (one.path, one.place)):
            self._left[entry.fingerprint].append(entry)

    def take(self, fingerprint: str) -> Suppression | None:
        """Return an entry that was of a file which is no longer there, and forget it."""
        for entry in self._left.get(fingerprint, ()):
            if entry.path not in self._corpus.tree:
                self._left[fingerprint].remove(entry)
                return entry
        return None


class _Idle:
    """Tell what nothing needs any more, where this run could have needed it."""

    def __init__(self, question: Question, names: _Names) -> None:
        self._question = question
        self._names = names
        self._rules = {rule.id: rule for rule in question.rules}
        self._gaps = {(gap.rule_id, gap.span.path) for gap in question.coverage.gaps}
        self._gappy = {rule_id for rule_id, _ in self._gaps}
        self._judged = {file.path for file in question.corpus.files if file.status != "deleted"}

    def notices(
        self, written: Sequence[Suppression], suppressed: Sequence[Accepted]
    ) -> Iterator[Notice]:
        """Yield one for each rule of a suppression under which there is nothing to suppress."""
        used = {(one.by, one.finding.rule_id) for one in suppressed}
        for one in written:
            for rule_id in () if one.refused else self._names.rules(one):
                if (one, rule_id) not in used and self._would_be_known(one, rule_id):
                    text = f"nothing is found by {rule_id} here any more; take it out"
                    yield _notice(one, "unused-suppression", text)

    def stale(self, entries: Sequence[Suppression], used: set[Suppression]) -> Iterator[Notice]:
        """Yield one for each baseline entry whose finding is gone, and for each written twice."""
        seen: set[tuple[str, str]] = set()
        for entry in entries:
            key = (entry.fingerprint, entry.path)
            double = key in seen
            seen.add(key)
            if entry in used:
                continue
            if double or self._is_stale(entry):
                rule = entry.rules[0] if entry.rules else "a rule"
                what = "is written twice" if double else "is no longer found"
                text = f"what {rule} found in {entry.path} {what}; run 'rlm-gate baseline prune'"
                yield _notice(entry, "stale-baseline", text)

    def _is_stale(self, entry: Suppression) -> bool:
        question = self._question
        if not question.complete or not question.corpus.scope.whole:
            return False
        if any(map(self._names.gone, entry.rules)):
            return True
        rules = self._names.rules(entry)
        if not rules or any(not self._evaluated(one, entry.origin) for one in rules):
            return False
        if entry.path in self._judged:
            return all((one, entry.path) not in self._gaps for one in rules)
        vanished = entry.path not in question.corpus.tree
        return vanished and not question.narrowed and not {*rules} & self._gappy

    def _would_be_known(self, written: Suppression, rule_id: str) -> bool:
        question = self._question
        if not question.complete or not self._evaluated(rule_id, None):
            return False
        if written.target is None:
            whole = question.corpus.scope.whole and not question.narrowed
            return whole and rule_id not in self._gappy
        target = written.target
        file = question.corpus.file(target.path)
        touched = file is not None and file.touched(target.start, target.end)
        return touched and (rule_id, target.path) not in self._gaps

    def _evaluated(self, rule_id: str, origin: Origin | None) -> bool:
        """Say whether this run could find what that rule finds; a model's finding needs a model."""
        rule = self._rules.get(rule_id)
        if rule is None:
            return False
        by_model = rule.ask is not None and origin in {None, Origin.MODEL}
        return self._question.asked or not by_model


def _notice(written: Suppression, kind: str, text: str) -> Notice:
    return Notice(written.place, kind, text)
