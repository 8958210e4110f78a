"""What a session came to and did, turn by turn, and what became of each of its calls.

Times are here and nowhere else: no report carries one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rlm_gate.core import Finding, Span, Usage
from rlm_gate.providers import Json, TokenUsage
from rlm_gate.rlm.calls import Recorder
from rlm_gate.rlm.loop import Step
from rlm_gate.rlm.prices import usd


@dataclass(frozen=True, slots=True)
class Fate:
    """How a call went. ``cost_usd`` is logical: what the reply cost when it was first given.

    None is unknown: no price, or no reply. ``cached``: an earlier run had paid for it.
    """

    cost_usd: float | None = None
    seconds: float | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class SubCall:
    """One sub-call of the root. ``error`` is its kind, "" if it answered as it was asked to."""

    key: str
    model: str
    prompt: str
    spans: tuple[Span, ...]
    answer: str
    error: str
    usage: TokenUsage
    fate: Fate = Fate()


@dataclass(frozen=True, slots=True)
class Branch:
    """A session that ``rlm_query`` opened. ``error`` is "" exactly if it came to its answer."""

    query: str
    answer: Any
    error: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the root, with the sub-calls and the sessions that its cell made."""

    step: Step
    sub_calls: tuple[SubCall, ...]
    branches: tuple[Branch, ...] = ()
    fate: Fate = Fate()


@dataclass(frozen=True, slots=True)
class RLMResult:
    """What a session came to. ``success`` only if ``done()`` ended it, else ``error`` says why.

    ``cost_usd`` is None when a model without a known price was called. ``coverage`` is the share of
    a Corpus' lines that were passed to a sub-call, None for other contexts. ``notes`` tell of a
    cache or a journal that could not be used.
    """

    answer: Any
    success: bool
    error: str
    findings: tuple[Finding, ...]
    iterations: int
    sub_calls: int
    usage: Usage
    coverage: float | None
    trajectory: tuple[Turn, ...]
    notes: tuple[str, ...] = ()

    @property
    def cost_usd(self) -> float | None:
        """Dollars spent, None if unknown."""
        return self.usage.usd

    def to_json(self) -> str:
        """Return all of it as JSON: docs/engine.md names the keys."""
        told = {
            "success": self.success,
            "error": self.error,
            "answer": _plain(self.answer),
            "iterations": self.iterations,
            "sub_calls": self.sub_calls,
            "usage": asdict(self.usage),
            "coverage": self.coverage,
            "findings": [_finding(one) for one in self.findings],
            "notes": self.notes,
            "trajectory": _turns(self.trajectory),
        }
        return json.dumps(told, indent=1)


@dataclass(slots=True)
class Tape:
    """Stands between a Caller and its journal, and remembers what became of each request."""

    journal: Recorder | None = None
    _fates: dict[str, Fate] = field(default_factory=dict)

    def record(self, kind: str, data: Mapping[str, Json]) -> None:
        """Pass the event on. Called from many threads."""
        if kind == "reply":
            cost = None if data["cost"] is None else usd(data["cost"])
            cached = data["source"] != "model"
            self._fates[data["key"]] = Fate(cost, data["seconds"], cached)
        if self.journal:
            self.journal.record(kind, data)

    def fate(self, key: str) -> Fate:
        """Return how the request with that key went."""
        return self._fates.get(key, Fate())

    def settled(self, call: SubCall) -> SubCall:
        """Return the sub-call with its fate."""
        return replace(call, fate=self.fate(call.key))


def _plain(answer: Any) -> Json:
    """Return a typed answer as the JSON it was made of."""
    return answer.model_dump(mode="json") if hasattr(answer, "model_dump") else answer


def _finding(finding: Finding) -> dict[str, Json]:
    return {
        "rule": finding.rule_id,
        "path": finding.span.path,
        "start": finding.span.start,
        "end": finding.span.end,
        "quote": finding.quote,
        "explanation": finding.explanation,
        "flow": [_span(span) for span in finding.flow],
    }


def _turns(turns: tuple[Turn, ...]) -> list[Json]:
    return [_turn(turn) for turn in turns]


def _turn(turn: Turn) -> dict[str, Json]:
    step = turn.step
    return {
        "turn": step.turn,
        "text": step.text,
        "cell": asdict(step.cell) if step.cell else None,
        "usage": asdict(step.usage),
        **asdict(turn.fate),
        "sub_calls": [_sub_call(call) for call in turn.sub_calls],
        "sessions": [_branch(branch) for branch in turn.branches],
    }


def _sub_call(call: SubCall) -> dict[str, Json]:
    return {
        "model": call.model,
        "prompt": call.prompt,
        "spans": [_span(span) for span in call.spans],
        "answer": call.answer,
        "error": call.error,
        "usage": asdict(call.usage),
        **asdict(call.fate),
    }


def _branch(branch: Branch) -> dict[str, Json]:
    return {
        "query": branch.query,
        "answer": branch.answer,
        "error": branch.error,
        "trajectory": _turns(branch.turns),
    }


def _span(span: Span) -> list[Json]:
    return [span.path, span.start, span.end]
