"""What is wrong with a backlog's dependencies: cycles, dangling ends, contradictions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from rlm_gate import graphs
from rlm_gate.tasks._report import Evidence
from rlm_gate.tasks.backlog.issues import Backlog, Issue, Link


@dataclass(frozen=True, slots=True, order=True)
class Defect:
    """One defect. ``kind``: cycle, dangling or contradiction; ``places`` are its evidence."""

    kind: str
    issues: tuple[str, ...]
    text: str
    places: tuple[Evidence, ...]


def defects(backlog: Backlog) -> tuple[Defect, ...]:
    """Return every defect, sorted. Raises MissingExtra without networkx."""
    return tuple(sorted({*_cycles(backlog), *_dangling(backlog), *_contradictions(backlog)}))


def _cycles(backlog: Backlog) -> Iterator[Defect]:
    """Yield issues that wait for each other, so that none of them can ever start."""
    links = [link for link in backlog.links if link.blocks]
    pairs = [(link.issue, link.needs) for link in links]
    for knot in graphs.cycles({end for pair in pairs for end in pair}, pairs):
        inside = [link for link in links if link.issue in knot and link.needs in knot]
        closed = not any(_is_open(backlog, one) for one in knot)
        text = f"{' and '.join(knot)} wait for each other" if len(knot) > 1 else "waits for itself"
        yield Defect("cycle", knot, text + (" (all closed)" if closed else ""), _places(inside))


def _dangling(backlog: Backlog) -> Iterator[Defect]:
    for link in backlog.links:
        for end in (link.issue, link.needs):
            if end not in backlog.issues and not end.startswith("external:"):
                text = f"{link.kind}: {end} is not in these files"
                yield Defect("dangling", (link.issue, link.needs), text, (link.place,))


def _contradictions(backlog: Backlog) -> Iterator[Defect]:
    for issue_id in backlog.twice:
        issue = backlog.issues[issue_id]
        yield _against(issue, "given more than once, and not alike; the latest counts")
    for issue in backlog.issues.values():
        yield from _with_itself(issue)
    for link in backlog.links:
        if link.issue in backlog.issues and link.needs in backlog.issues:
            yield from _between(backlog, link)
    yield from _both_ways(backlog)
    yield from _blocked_by_nothing(backlog)


def _with_itself(issue: Issue) -> Iterator[Defect]:
    if issue.is_open and issue.closed is not None:
        yield _against(issue, f"status is {issue.status}, yet it has a time of closing")
    if issue.closed is not None and issue.created is not None and issue.closed < issue.created:
        yield _against(issue, "closed before it was created")


def _between(backlog: Backlog, link: Link) -> Iterator[Defect]:
    waiting, needed = backlog.issues[link.issue], backlog.issues[link.needs]
    ends = (link.issue, link.needs)
    if link.blocks and not waiting.is_open and needed.is_open and waiting.status != "tombstone":
        text = "the first is closed, though what it waits for is open"
        yield Defect("contradiction", ends, text, (waiting.place, needed.place))
    if link.blocks and _both_open(waiting, needed) and waiting.priority < needed.priority:
        text = f"P{waiting.priority} waits for P{needed.priority}"
        yield Defect("contradiction", ends, text, (waiting.place, needed.place))
    if link.kind == "parent-child" and waiting.is_open and needed.status == "closed":
        text = "the first is open, though its parent is closed"
        yield Defect("contradiction", ends, text, (waiting.place, needed.place))


def _both_open(one: Issue, other: Issue) -> bool:
    return one.is_open and other.is_open


def _both_ways(backlog: Backlog) -> Iterator[Defect]:
    """Yield children that wait for their own parent, which is done only when they are."""
    by_pair: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in backlog.links:
        by_pair[(link.issue, link.needs)].append(link)
    for pair, links in by_pair.items():
        kinds = {link.kind for link in links}
        if "parent-child" in kinds and any(link.blocks for link in links):
            yield Defect("contradiction", pair, "a child waits for its own parent", _places(links))


def _blocked_by_nothing(backlog: Backlog) -> Iterator[Defect]:
    waiting = {
        link.issue for link in backlog.links if link.blocks and _is_open(backlog, link.needs)
    }
    for issue in backlog.issues.values():
        if issue.status == "blocked" and issue.id not in waiting:
            yield _against(issue, "status is blocked, yet nothing open blocks it")


def _is_open(backlog: Backlog, issue_id: str) -> bool:
    issue = backlog.issues.get(issue_id)
    return issue is not None and issue.is_open


def _against(issue: Issue, text: str) -> Defect:
    return Defect("contradiction", (issue.id,), text, (issue.place,))


def _places(links: list[Link]) -> tuple[Evidence, ...]:
    return tuple(sorted({link.place for link in links}))
