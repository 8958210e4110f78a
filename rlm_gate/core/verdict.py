"""The outcome of one run, with the story of its model calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from rlm_gate.core.code import Scope, Skip
from rlm_gate.core.evidence import Coverage, Estimate, Usage
from rlm_gate.core.findings import Accepted, Finding, Notice
from rlm_gate.core.levels import Severity, Status
from rlm_gate.core.records import dataclass
from rlm_gate.core.rules import Rule


@dataclass(frozen=True, slots=True)
class Audit:
    """What the model part was, for the first lines of a report.

    ``mode``: models, offline (asked for), no-key (a terminal without a key). ``not_evaluated`` are
    the rules whose question nobody put. ``refused`` counts findings whose evidence was not found.
    ``playbook`` lists what our own cells in the sandbox examined; ``sandbox`` is its level, "" when
    no sandbox ran. ``missing_keys`` are the variables that would have held the keys.
    """

    mode: str
    root_model: str = ""
    sub_model: str = ""
    not_evaluated: tuple[str, ...] = ()
    refused: int = 0
    playbook: tuple[str, ...] = ()
    sandbox: str = ""
    estimate: Estimate | None = None
    notes: tuple[str, ...] = ()
    missing_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One model call, as reports tell of it; long texts are cut, secrets masked.

    ``purpose``: map, sub or verify, or root for a turn. ``about`` is a place or the beginning of a
    prompt. ``error`` is "" if it answered. ``usd`` is the logical cost, the same whether a cache
    held the reply; None is unknown. ``seconds`` are None unless times were asked for: no two runs
    take equally long.
    """

    purpose: str
    model: str
    about: str
    answer: str = ""
    error: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RootTurn:
    """One turn of the root loop: its call, the cell it ran, and the sub-calls of that cell."""

    number: int
    call: ModelCall
    code: str = ""
    output: str = ""
    error: str = ""
    calls: tuple[ModelCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What the models did: the turns of the root loop, and the calls outside of it, in order."""

    turns: tuple[RootTurn, ...] = ()
    calls: tuple[ModelCall, ...] = ()


@dataclass(frozen=True, slots=True)
class PastRun:
    """One line of a history file. ``when`` is as written there; ``findings`` count by severity."""

    when: str
    commit: str
    status: str
    findings: tuple[tuple[str, int], ...]
    blocking: int
    lines: int
    usd: float | None


def _no_text(_path: str) -> str | None:
    """Know no text."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one run; every report renders this and nothing else.

    ``findings`` are sorted; ``blocking`` holds the identities of those that fail the gate, and
    ``held`` of those that reach their threshold and do not. ``threshold`` is the run's;
    ``thresholds`` are others, (for what, severity), None being never. ``rules`` are the selected
    ones, ``packs`` their (name, version). ``reasons`` say what makes the evidence incomplete;
    ``interrupted`` is what stopped the run, "" if nothing did. ``suppressed`` and ``baselined`` are
    in no count. ``text`` reads a judged file, None for one whose bytes may not be what UTF-8 makes
    of it. ``history`` are the runs before this one, oldest first, where a file of them was given.
    ``preface`` is what a report says first: whose policy holds, and what people newly accept.
    ``projects`` are the sub-folders with a configuration of their own.
    """

    status: Status
    scope: Scope
    threshold: Severity | None
    findings: tuple[Finding, ...]
    refuted: tuple[Finding, ...]
    blocking: frozenset[tuple[str, str]]
    skipped: tuple[Skip, ...]
    coverage: Coverage
    usage: Usage
    audit: Audit
    rules: tuple[Rule, ...]
    packs: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...] = ()
    interrupted: str = ""
    preface: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    trajectory: Trajectory = Trajectory()
    history: tuple[PastRun, ...] = ()
    held: frozenset[tuple[str, str]] = frozenset()
    thresholds: tuple[tuple[str, Severity | None], ...] = ()
    suppressed: tuple[Accepted, ...] = ()
    baselined: tuple[Accepted, ...] = ()
    notices: tuple[Notice, ...] = ()
    text: Callable[[str], str | None] = field(default=_no_text, repr=False, compare=False)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive (design: a format never changes it)."""
        return {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 3}[self.status]

    def rule(self, rule_id: str) -> Rule | None:
        """Return the selected rule of that id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)
