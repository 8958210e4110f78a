"""What one audit is about: what to judge, by which rules, within which limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rlm_gate.core import Applies, Corpus, Finding, Rule
from rlm_gate.rlm.flagged import Flagged
from rlm_gate.rlm.ledger import Ledger
from rlm_gate.rlm.slices import Dealing


@dataclass(frozen=True, slots=True)
class Limits:
    """What the audit may do, from the settings."""

    max_turns: int
    cell_timeout: float
    allow_reduced_sandbox: bool
    ci: bool
    never_send: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One audit: what to judge, by which rules, and where to book it."""

    corpus: Corpus
    rules: tuple[Rule, ...]
    candidates: tuple[Finding, ...]
    applies: Applies
    ledger: Ledger
    limits: Limits
    progress: Callable[[str, int, int], None]
    flagged: Flagged
    said: bool = False  # a judged commit's message addresses the reviewer
    dealing: Dealing | None = None
