"""Decide who judges which rule in a run: an engine, a model, a playbook, or nobody."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_gate import detectors
from rlm_gate.config import Settings
from rlm_gate.core import Corpus, Rule
from rlm_gate.rlm.ledger import Judges
from rlm_gate.rlm.playbooks.audit import SERVED


def asks(settings: Settings) -> bool:
    """Say whether questions belong to this run: not offline, and without a key only in CI."""
    mode = settings.models.mode
    return mode == "on" or (mode == "no-key" and settings.ci)


def played(settings: Settings, corpus: Corpus) -> frozenset[str]:
    """Return the rules that a playbook serves where no model is asked about a whole scope."""
    return SERVED if corpus.scope.whole and not asks(settings) else frozenset()


def judges(settings: Settings, rules: Sequence[Rule], played: frozenset[str]) -> Judges:
    """Return who is to judge each of the rules; ``played`` are a playbook's."""
    asked = [rule for rule in rules if rule.ask] if asks(settings) else []
    return Judges(
        engines=detectors.readers(),
        chunk=frozenset(rule.id for rule in asked if rule.ask and rule.ask.over == "chunk"),
        corpus=frozenset(rule.id for rule in asked if rule.ask and rule.ask.over == "corpus"),
        playbook=played,
        unasked="no API key" if settings.models.mode == "no-key" else "not sent",
    )
