"""The graph score: what speaks for doing an issue next, in parts that each say their share.

The weights were chosen on one repository and checked on two others (benchmarks/prioritize.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rlm_gate import graphs
from rlm_gate.tasks.backlog.issues import Backlog, Issue

WEIGHTS: Final = {
    "momentum": 0.50,
    "priority": 0.15,
    "unblocks": 0.12,
    "pagerank": 0.08,
    "betweenness": 0.05,
    "staleness": 0.05,
    "due": 0.05,
}
"""Shares of the score; each part is 0 to 1, so the score is too."""
BLOCKED: Final = 0.15
"""Taken off an issue that waits for an open one: it can't be finished next."""
_RECENT = 10
_HOUR, _DAY = 3600.0, 86400.0
_STALE_DAYS = 30.0
_DUE_DAYS = 14.0


@dataclass(frozen=True, slots=True)
class Graph:
    """Who waits for whom among the open issues. ``needs`` and ``frees`` are each other's reverse.

    ``edges`` are (waiting, needed). Links that end nowhere or at a closed issue are not in it.
    """

    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    needs: Mapping[str, tuple[str, ...]]
    frees: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Score:
    """An issue's score, 0 to 1, and its parts before they are weighted."""

    total: float
    parts: Mapping[str, float]
    blocked: bool


def graph_of(backlog: Backlog) -> Graph:
    """Return the open work and its blocking links."""
    nodes = tuple(one.id for one in backlog.issues.values() if one.is_open and one.is_work)
    known = set(nodes)
    pairs = {
        (link.issue, link.needs)
        for link in backlog.links
        if link.blocks and link.issue in known and link.needs in known
    }
    edges = tuple(sorted(pairs))
    needs, frees = defaultdict(list), defaultdict(list)
    for waiting, needed in edges:
        needs[waiting].append(needed)
        frees[needed].append(waiting)
    return Graph(nodes, edges, _frozen(needs), _frozen(frees))


def _frozen(found: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(others)) for name, others in found.items()}


def scores(backlog: Backlog, graph: Graph, now: float) -> dict[str, Score]:
    """Return the score of every open issue. Raises MissingExtra without networkx."""
    rank = _scaled(graphs.pagerank(graph.nodes, graph.edges))
    between = _scaled(graphs.betweenness(graph.nodes, graph.edges))
    freed = {node: float(len(graphs.reach(node, graph.frees))) for node in graph.nodes}
    unblocks = _scaled(freed)
    recent = _recent(backlog)
    found = {}
    for node in graph.nodes:
        issue = backlog.issues[node]
        parts = {
            "momentum": _momentum(issue, recent),
            "priority": (4 - min(4, max(0, issue.priority))) / 4,
            "unblocks": unblocks[node],
            "pagerank": rank[node] if graph.edges else 0.0,
            "betweenness": between[node],
            "staleness": _staleness(issue, now),
            "due": _due(issue, now),
        }
        found[node] = _score(parts, blocked=waits(issue, graph, now))
    return found


def waits(issue: Issue, graph: Graph, now: float) -> bool:
    """Say whether it can't be done yet: something open comes first, or it was put off."""
    deferred = issue.deferred is not None and issue.deferred > now
    return deferred or issue.status == "deferred" or issue.id in graph.needs


def _score(parts: Mapping[str, float], *, blocked: bool) -> Score:
    total = sum(WEIGHTS[name] * part for name, part in parts.items()) - BLOCKED * blocked
    rounded = {name: round(part, 4) for name, part in parts.items()}
    return Score(round(max(0.0, total), 4), rounded, blocked)


def _scaled(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values as shares of the greatest."""
    most = max(values.values(), default=0.0)
    return {name: value / most if most else 0.0 for name, value in values.items()}


def _recent(backlog: Backlog) -> Sequence[Issue]:
    """Return what was closed last, the latest first."""
    closed = [one for one in backlog.issues.values() if one.closed is not None and not one.is_open]
    closed.sort(key=lambda one: (-(one.closed or 0.0), one.id))
    return closed[:_RECENT]


def _momentum(issue: Issue, recent: Sequence[Issue]) -> float:
    """Say how near it was filed to what was just finished: people and agents work in batches."""
    if issue.created is None or not recent:
        return 0.0
    near = (
        1 / (1 + abs(issue.created - one.created) / _HOUR)
        for one in recent
        if one.created is not None
    )
    return sum(near) / len(recent)


def _staleness(issue: Issue, now: float) -> float:
    touched = issue.updated if issue.updated is not None else issue.created
    return min(1.0, max(0.0, now - touched) / _DAY / _STALE_DAYS) if touched is not None else 0.0


def _due(issue: Issue, now: float) -> float:
    """Rise from 0, two weeks before it is due, to 1 on the day and after."""
    if issue.due is None:
        return 0.0
    return min(1.0, max(0.0, 1 - (issue.due - now) / _DAY / _DUE_DAYS))
