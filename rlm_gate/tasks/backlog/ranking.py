"""The offline answer: the top N with impact, reason, dependency chains, risk and effort.

It knows the graph and the fields, not what the issues' words mean: that is the model's part.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlm_gate import graphs
from rlm_gate.tasks._report import Evidence
from rlm_gate.tasks.backlog.defects import Defect, defects
from rlm_gate.tasks.backlog.issues import Backlog, Issue
from rlm_gate.tasks.backlog.score import WEIGHTS, Graph, Score, graph_of, scores, waits

_LEAST_CLOSED = 5  # a median of fewer says nothing
_LONG_STALE = 90


@dataclass(frozen=True, slots=True)
class Effort:
    """How long it may take. ``minutes`` None is unknown; ``basis`` says where it comes from."""

    size: str
    minutes: int | None
    basis: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """One place of the ranking. ``chains``: ways to open issues that wait, this one first.

    ``waits_for`` are the open issues that come before it. ``risk`` is low, medium or high, with the
    reasons in ``risks``.
    """

    issue: Issue
    score: Score
    impact: str
    reason: str
    chains: tuple[tuple[str, ...], ...]
    waits_for: tuple[str, ...]
    risk: str
    risks: tuple[str, ...]
    effort: Effort

    @property
    def place(self) -> Evidence:
        """Where the issue was read."""
        return self.issue.place


@dataclass(frozen=True, slots=True)
class Ranking:
    """The top of a backlog, its defects, and counts. ``now`` is in seconds since 1970, UTC."""

    top: tuple[Ranked, ...]
    defects: tuple[Defect, ...]
    now: float
    open: int
    ready: int
    total: int


@dataclass(frozen=True, slots=True)
class Advised:
    """A model's place of an issue, every claim of it with the lines it quoted."""

    id: str
    impact: str
    reason: str
    risk: str
    effort: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The ranking by the graph score, and what a model advised, in its order."""

    ranking: Ranking
    advised: tuple[Advised, ...] = ()


def rank(backlog: Backlog, *, top: int = 10, now: float | None = None) -> Ranking:
    """Rank the open issues. ``now`` is the newest time in the data unless given.

    Ties are broken by id, so that the order of the input does not matter. Raises MissingExtra
    without networkx.
    """
    moment = backlog.newest if now is None else now
    graph = graph_of(backlog)
    found = scores(backlog, graph, moment)
    wrong = defects(backlog)
    order = sorted(graph.nodes, key=lambda node: (-found[node].total, node))
    teller = _Teller(backlog, graph, found, wrong, moment)
    ready = sum(not waits(backlog.issues[node], graph, moment) for node in graph.nodes)
    return Ranking(
        tuple(teller.ranked(node) for node in order[:top]),
        wrong,
        moment,
        len(graph.nodes),
        ready,
        len(backlog.issues),
    )


@dataclass(frozen=True, slots=True)
class _Teller:
    """Says in words what the figures of one issue mean."""

    backlog: Backlog
    graph: Graph
    scores: Mapping[str, Score]
    defects: Sequence[Defect]
    now: float

    def ranked(self, node: str) -> Ranked:
        issue, score = self.backlog.issues[node], self.scores[node]
        ways = graphs.reach(node, self.graph.frees)
        first = self.graph.needs.get(node, ())
        risks = self._risks(issue, len(ways))
        return Ranked(
            issue=issue,
            score=score,
            impact=self._impact(node, ways),
            reason=_reason(issue, score, first),
            chains=_chains(ways),
            waits_for=first,
            risk=("low", "medium", "high")[min(2, len(risks))],
            risks=risks,
            effort=_effort(issue, self.backlog),
        )

    def _impact(self, node: str, ways: Mapping[str, Any]) -> str:
        if not ways:
            return "no open issue waits for it"
        direct = len(self.graph.frees.get(node, ()))
        best = min(self.backlog.issues[one].priority for one in ways)
        noun = "issue waits" if len(ways) == 1 else "issues wait"
        return f"{len(ways)} open {noun} for it, {direct} directly, the highest at P{best}"

    def _risks(self, issue: Issue, waiting: int) -> tuple[str, ...]:
        stale = round(issue.days(self.now))
        claims = {
            "it waits for open issues": issue.id in self.graph.needs,
            "it is in a dependency cycle": any(
                one.kind == "cycle" and issue.id in one.issues for one in self.defects
            ),
            "it has no description": not issue.text.strip(),
            f"it is {stale} days old": stale > _LONG_STALE,
            f"{waiting} issues wait for it": waiting >= 5,
        }
        return tuple(text for text, holds in claims.items() if holds)


def _reason(issue: Issue, score: Score, first: Sequence[str]) -> str:
    """Name the parts that gave most of the score, in their order."""
    words = {
        "momentum": "filed together with what was just finished",
        "priority": f"priority P{issue.priority}",
        "unblocks": "others wait for it",
        "pagerank": "much of the graph rests on it",
        "betweenness": "it lies between other issues",
        "staleness": "not touched for long",
        "due": "it is due",
    }
    shares = {name: WEIGHTS[name] * part for name, part in score.parts.items()}
    strongest = sorted(shares, key=lambda name: (-shares[name], name))[:3]
    said = [f"{words[name]} ({shares[name]:.2f})" for name in strongest if shares[name] >= 0.02]
    state = [f"waits for {', '.join(first)}"] if first else []
    if issue.status != "open":
        state.append(f"status {issue.status}")
    return "; ".join([*said, *state]) or "nothing speaks for it but being open"


def _chains(ways: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return the longest ways, at most three, without those that lead on."""
    inner = {way[:-1] for way in ways.values()}
    ends = [way for way in ways.values() if way not in inner]
    return tuple(sorted(ends, key=lambda way: (-len(way), way))[:3])


def _effort(issue: Issue, backlog: Backlog) -> Effort:
    if issue.minutes:
        return Effort(_size(issue.minutes), issue.minutes, "estimated_minutes")
    taken = [
        round((one.closed - one.started) / 60)
        for one in backlog.issues.values()
        if one.kind == issue.kind and one.closed and one.started and one.closed > one.started
    ]
    if len(taken) < _LEAST_CLOSED:
        return Effort("unknown", None, "no estimate, and too few finished issues with a start")
    minutes = int(statistics.median(taken))
    basis = f"median from start to closing of {len(taken)} issues of type {issue.kind}"
    return Effort(_size(minutes), minutes, basis)


def _size(minutes: int) -> str:
    return next((name for name, most in (("S", 60), ("M", 480)) if minutes <= most), "L")
