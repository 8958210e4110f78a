"""Who examined what, within which limits, and what it took or would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from rlm_gate.core.code import Span
from rlm_gate.core.records import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run. ``usd`` None means no dollar limit; seconds, tokens and counts otherwise.

    ``user_usd`` tells a limit the user set (an unpriced model is then an error) from the default.
    """

    usd: float | None = 1.0
    max_calls: int | None = None
    max_tokens: int | None = None
    max_turns: int = 20
    deadline: float = 600.0
    cell_timeout: float = 10.0
    call_timeout: float = 180.0
    user_usd: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent. ``usd`` is None when any call had no known price: unknown is never 0."""

    calls: int = 0
    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    failed_calls: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that a rule should have judged and nobody did, with the reason.

    ``required``: the rule's severity there reaches the threshold, so no verdict can pass over it.
    """

    rule_id: str
    span: Span
    reason: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """Counts of (line, rule) pairs for one rule. in_scope = not_applicable + the rest."""

    rule_id: str
    in_scope: int
    not_applicable: int
    prefiltered: int
    detector: int
    model: int
    missing: int

    @property
    def applicable(self) -> int:
        """Pairs that somebody had to judge."""
        return self.detector + self.model + self.missing


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """Who examined one file. ``lines`` are those in scope.

    ``engines`` are the detectors that finished on it. ``by_model`` and ``missing`` count lines:
    those that a model judged under some rule, and those that some rule should have seen and did
    not.
    """

    path: str
    lines: int
    engines: tuple[str, ...]
    by_model: int
    missing: int


@dataclass(frozen=True, slots=True)
class LanguageCoverage:
    """What judges one language in this run: files and lines in scope, and who reads them.

    ``rules`` counts, by pack, the rules that name the language and that a detector could judge at
    the path of some file of it. Rules for any text are not counted: they know no language.
    """

    language: str
    files: int
    lines: int
    rules: Mapping[str, int] = field(default_factory=dict)

    @property
    def own_rules(self) -> int:
        """Count the rules of all packs."""
        return sum(self.rules.values())


@dataclass(frozen=True, slots=True)
class Coverage:
    """Who examined what. ``gaps`` lists every missing line range.

    ``engines`` maps an engine to (files, lines) it finished; ``without_rules`` names languages in
    scope for which no deterministic rule exists, with their file counts; ``languages`` has a row
    for every language in scope, most lines first. ``by_file`` is sorted.
    """

    files: int
    lines: int
    rules: tuple[RuleCoverage, ...]
    gaps: tuple[Gap, ...] = ()
    engines: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    without_rules: Mapping[str, int] = field(default_factory=dict)
    by_file: tuple[FileCoverage, ...] = ()
    languages: tuple[LanguageCoverage, ...] = ()

    @property
    def required_missing(self) -> int:
        """Count the missing (line, rule) pairs without which no verdict can pass."""
        return sum(len(gap.span) for gap in self.gaps if gap.required)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An upper bound of what an audit with models would send, from its own plan.

    ``calls``, the tokens and ``map_usd`` are the map's: one call a chunk and group of rules.
    ``turns`` are the most that the root loop may take, 0 without one. ``usd`` is the most that the
    whole run can cost: the map alone where nothing follows it, else the run's limit, which it never
    exceeds. None is an unknown price or no limit.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    map_usd: float | None
    turns: int
    usd: float | None
    root_model: str
    sub_model: str
