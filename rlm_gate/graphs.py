"""Directed graphs and their measures, the only place that imports networkx (extra ``graph``).

PageRank is by power iteration here: networkx's own needs scipy, over 100 MB for one function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from rlm_gate.errors import MissingExtra

_DAMPING = 0.85
_ROUNDS = 100
_SETTLED = 1e-9
_EXACT = 1500
"""Nodes up to which betweenness is exact; above it, that many sources are sampled by a seed."""


def pagerank(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Return the PageRank of every node (Brin and Page 1998, damping 0.85); the sum is 1.

    What a node without edges holds is spread evenly, as networkx does. Nodes are taken sorted, so
    that the sums do not depend on the input's order.
    """
    names = sorted(set(nodes))
    if not names:
        return {}
    targets: dict[str, list[str]] = {name: [] for name in names}
    for source, target in sorted(set(edges)):
        targets[source].append(target)
    rank = dict.fromkeys(names, 1.0 / len(names))
    for _ in range(_ROUNDS):
        before, rank = rank, _spread(rank, targets)
        if sum(abs(rank[name] - before[name]) for name in names) < _SETTLED * len(names):
            break
    return rank


def _spread(rank: Mapping[str, float], targets: Mapping[str, list[str]]) -> dict[str, float]:
    size = len(rank)
    idle = sum(rank[name] for name, out in targets.items() if not out)
    after = dict.fromkeys(rank, (1 - _DAMPING + _DAMPING * idle) / size)
    for name, out in targets.items():
        for target in out:
            after[target] += _DAMPING * rank[name] / len(out)
    return after


def betweenness(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Return each node's share of the shortest paths (Brandes 2001), 0 to 1.

    Raises MissingExtra without networkx.
    """
    graph = _graph(nodes, edges)
    size = graph.number_of_nodes()
    found: dict[str, float] = _networkx().betweenness_centrality(
        graph, k=None if size <= _EXACT else _EXACT, seed=0
    )
    return found


def cycles(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of nodes that reach each other, and nodes that point at themselves.

    Groups are sorted. Raises MissingExtra without networkx.
    """
    pairs = sorted(set(edges))
    graph = _graph(nodes, pairs)
    knots = [tuple(sorted(knot)) for knot in _networkx().strongly_connected_components(graph)]
    loops = {(source,) for source, target in pairs if source == target}
    return tuple(sorted(loops | {knot for knot in knots if len(knot) > 1}))


def reach(start: str, edges: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return every node that the start leads to, with a shortest way there (start first).

    Of ways of the same length the first by name is taken. Needs no networkx.
    """
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    front = [start]
    while front:
        following: list[str] = []
        for node in sorted(front, key=lambda one: ways[one]):
            for target in sorted(set(edges.get(node, ()))):
                if target not in ways:
                    ways[target] = (*ways[node], target)
                    following.append(target)
        front = following
    del ways[start]
    return ways


def _graph(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> Any:
    graph = _networkx().DiGraph()
    graph.add_nodes_from(sorted(set(nodes)))
    graph.add_edges_from(sorted(set(edges)))
    return graph


def _networkx() -> ModuleType:
    try:
        import networkx as nx
    except ImportError as error:
        raise MissingExtra("graph measures need networkx") from error
    found: ModuleType = nx
    return found
