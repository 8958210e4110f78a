"""What the user decided: which severity a rule has where, and from which one on it fails the gate.

The one home of "does this rule block here": findings, coverage and reports ask the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from functools import lru_cache

from rlm_gate.config import EVERY_PACK, Accepting, Override, Settings
from rlm_gate.core import Applies, Finding, Narrowed, Rule, Severity
from rlm_gate.core.records import dataclass
from rlm_gate.supporting import is_supporting


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds (None: never fail) of the run and by pack, the overrides by path, and more.

    ``accepting`` and ``today`` (an ISO date) are for suppressions and baseline.
    """

    threshold: Severity | None
    overrides: tuple[Override, ...] = ()
    packs: Mapping[str, Severity | None] = field(default_factory=dict)
    accepting: Accepting = field(default_factory=Accepting)
    today: str = "1970-01-01"

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Return what the settings say."""
        return cls(
            threshold=settings.fail_on,
            overrides=settings.overrides,
            packs=settings.pack_fail_on,
            accepting=settings.accepting,
            today=settings.today,
        )

    def severity(
        self, rule: Rule, path: str, found: Severity = Severity.CRITICAL
    ) -> Severity | None:
        """Return the rule's severity for that path, the last override winning. None: ignored.

        ``found`` is what a finding shows of it, if less. Without an override it is less in
        supporting code, if the rule says so. Within an override the rule's own name outranks its
        pack's.
        """
        severity: Severity | None = _own_severity(rule, path, found)
        names = (rule.id, *rule.aliases, rule.pack)
        if _is_left_out(rule, self._overriding(path)):
            return None
        for override in self._overriding(path):
            if any(name in override.ignore for name in names):
                severity = None
            else:
                said = (override.severity[name] for name in names if name in override.severity)
                severity = next(said, severity)
        return severity

    def narrowed(self, applies: Applies) -> Applies:
        """Return ``applies`` with "path" where the policy takes a rule off a file."""
        if not self.overrides:
            return applies
        return Narrowed(
            applies,
            lambda rule, path: self.severity(rule, path) is None,
            lambda path: tuple(_matches(one.include, path) for one in self.overrides),
        )

    def threshold_at(self, rule_id: str, path: str) -> Severity | None:
        """Return the least severity that fails the gate for that rule there. None: never.

        The pack's threshold outranks the run's, a path's outranks both, the last one winning.
        """
        pack = rule_id.partition("/")[0]
        threshold = self.packs.get(pack, self.threshold)
        for override in self._overriding(path):
            said = override.fail_on
            threshold = said[pack] if pack in said else said.get(EVERY_PACK, threshold)
        return threshold

    def required(self, rule: Rule, path: str) -> bool:
        """Say whether this pair must have been examined: its severity reaches the threshold."""
        severity = self.severity(rule, path)
        return severity is not None and self._reached(rule.id, path, severity)

    def reaches(self, finding: Finding) -> bool:
        """Say whether the finding's severity reaches the threshold at its place."""
        return self._reached(finding.rule_id, finding.span.path, finding.severity)

    @property
    def others(self) -> tuple[tuple[str, Severity | None], ...]:
        """Return the thresholds beside the run's, each with what it holds for."""
        by_path = (
            (label if pack == EVERY_PACK else f"{pack} in {label}", severity)
            for label, said in ((one.label, one.fail_on) for one in self.overrides)
            for pack, severity in sorted(said.items())
        )
        return (*sorted(self.packs.items()), *by_path)

    def forbids(self, finding: Finding) -> str:
        """Say why nobody may accept this finding, "" if somebody may."""
        names = {finding.rule_id, finding.rule_id.partition("/")[0]}
        if names & {*self.accepting.forbid_rules}:
            return f"the policy forbids to accept {finding.rule_id}"
        if finding.severity in self.accepting.forbid_severities:
            return f"the policy forbids to accept findings of severity {finding.severity.label}"
        return ""

    def _reached(self, rule_id: str, path: str, severity: Severity) -> bool:
        threshold = self.threshold_at(rule_id, path)
        return threshold is not None and severity >= threshold

    def _overriding(self, path: str) -> Iterator[Override]:
        return (one for one in self.overrides if _matches(one.include, path))


def _own_severity(rule: Rule, path: str, found: Severity) -> Severity:
    """Return what the rule says of a find at that path; a doubted one is low in supporting code."""
    severity = min(rule.severity, found)
    if rule.supporting is None or not is_supporting(path):
        return severity
    return min(severity, Severity.LOW if found < rule.severity else rule.supporting)


def _is_left_out(rule: Rule, overriding: Iterable[Override]) -> bool:
    """Say whether the nearest sub-project chose other packs; the gate's own rules always hold."""
    chosen = [override.packs for override in overriding if override.packs is not None]
    return bool(chosen) and rule.pack not in {*chosen[-1], "gate"}


@lru_cache(maxsize=1024)  # every rule asks of a path what the one before it asked
def _matches(patterns: tuple[str, ...], path: str) -> bool:
    return any(re.match(pattern, path) for pattern in patterns)
