"""How often the top ten of a ranking is what was really closed next, at rolling cuts in time.

    python benchmarks/prioritize.py NAME=issues.jsonl[,dependencies.jsonl] ...

At every cut the issues are put back to what was known then: later issues, links and closings are
hidden. What no export keeps (earlier priorities, titles, statuses) is taken as it is at the end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rlm_gate import graphs
from rlm_gate.tasks._report import Sources, Text
from rlm_gate.tasks.backlog.issues import Backlog, Issue, read
from rlm_gate.tasks.backlog.score import graph_of, scores

TOP = 10
STEP = 25
FIRST = 20
Ranker = Callable[[Backlog, float], Mapping[str, float]]


def graph_score(known: Backlog, now: float) -> Mapping[str, float]:
    """Return the score of rlm-gate prioritize."""
    return {name: one.total for name, one in scores(known, graph_of(known), now).items()}


def pagerank_alone(known: Backlog, _now: float) -> Mapping[str, float]:
    """Return the PageRank in the graph of open issues."""
    graph = graph_of(known)
    return graphs.pagerank(graph.nodes, graph.edges)


def priority_alone(known: Backlog, _now: float) -> Mapping[str, float]:
    """Return the priority, the highest first."""
    return {name: -float(known.issues[name].priority) for name in graph_of(known).nodes}


RANKERS: Mapping[str, Ranker] = {
    "graph score": graph_score,
    "PageRank alone": pagerank_alone,
    "priority alone": priority_alone,
}


def as_of(whole: Backlog, now: float) -> Backlog:
    """Return the backlog with nothing in it that came later."""
    kept = {}
    for issue in whole.issues.values():
        if issue.created is None or issue.created > now:
            continue
        done = issue.closed is not None and issue.closed <= now
        kept[issue.id] = replace(
            issue,
            status="closed" if done else "open",
            closed=issue.closed if done else None,
            updated=issue.updated if (issue.updated or 0) <= now else issue.created,
            started=issue.started if (issue.started or 0) <= now else None,
            deferred=None,
        )
    links = tuple(
        link
        for link in whole.links
        if link.issue in kept and link.needs in kept and (link.created or 0) <= now
    )
    return Backlog(kept, links)


def cuts(whole: Backlog) -> Iterator[tuple[Backlog, float, set[str]]]:
    """Yield what was known at a time, the time, and what was closed next of it."""
    order = sorted(_closed(whole), key=lambda one: (one.closed or 0, one.id))
    for number in range(FIRST, len(order) - TOP, STEP):
        now = order[number - 1].closed or 0.0
        known = as_of(whole, now)
        following = [one.id for one in order if (one.closed or 0) > now and one.id in known.issues]
        if len(graph_of(known).nodes) >= 2 * TOP and len(following) >= TOP:
            yield known, now, set(following[:TOP])


def _closed(whole: Backlog) -> list[Issue]:
    return [one for one in whole.issues.values() if one.closed is not None and one.is_work]


def main(specs: Sequence[str]) -> None:
    """Print a table, a row for each backlog."""
    print("| backlog | cuts | chance |", " | ".join(RANKERS), "| one ranking |")
    for spec in specs:
        name, _, files = spec.partition("=")
        sources = Sources()
        for path in files.split(","):
            sources.add(Text(path, Path(path).read_text(encoding="utf-8")))
        whole = read(sources)
        rows = list(cuts(whole))
        start = time.perf_counter()
        graph_score(whole, whole.newest)
        took = time.perf_counter() - start
        chance = sum(TOP / len(graph_of(known).nodes) for known, _, _ in rows) / len(rows)
        shares = [f"{_share(ranker, rows):.0%}" for ranker in RANKERS.values()]
        row = " | ".join([name, str(len(rows)), f"{chance:.0%}", *shares, f"{took:.2f} s"])
        print(f"| {row} |")


def _share(ranker: Ranker, rows: Sequence[tuple[Backlog, float, set[str]]]) -> float:
    hits = 0
    for known, now, following in rows:
        values = ranker(known, now)
        top = sorted(values, key=lambda one: (-values[one], one))[:TOP]
        hits += len(following & set(top))
    return hits / TOP / len(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
