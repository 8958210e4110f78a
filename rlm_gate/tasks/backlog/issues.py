"""Issues of Beads and of GitHub as one type, each with the line it was read from.

Lenient in what fields there are (every version of Beads has its own set), strict in what a field
means: a row that is no issue and no dependency becomes a Skip.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from rlm_gate.core import split_lines
from rlm_gate.tasks._report import Evidence, Sources

Row = Mapping[str, Any]
CLOSED = frozenset({"closed", "tombstone", "done", "resolved", "completed", "deleted", "cancelled"})
NO_WORK = frozenset({"agent", "convoy", "event", "message", "molecule", "rig", "role", "slot"})
"""Issue types in which Gas Town keeps its own state; nobody works on them."""
BLOCKING = frozenset({"blocks", "blocked-by", "conditional-blocks", "waits-for", "depends-on"})
DEFAULT_PRIORITY = 2
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Link:
    """``issue`` depends on ``needs``. ``kind`` as in Beads; ``created`` in seconds, if known."""

    issue: str
    needs: str
    kind: str
    place: Evidence = field(compare=False)
    created: float | None = field(default=None, compare=False)

    @property
    def blocks(self) -> bool:
        """Say whether the issue can't be done before what it needs."""
        return self.kind in BLOCKING


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue. Times are seconds since 1970, UTC; ``priority`` 0 is the highest, 4 the lowest."""

    id: str
    title: str
    status: str
    priority: int
    kind: str
    place: Evidence
    text: str = ""
    created: float | None = None
    updated: float | None = None
    started: float | None = None
    closed: float | None = None
    due: float | None = None
    deferred: float | None = None
    minutes: int | None = None
    assignee: str = ""
    labels: tuple[str, ...] = ()
    parent: str = ""
    ephemeral: bool = False

    @property
    def is_open(self) -> bool:
        """Say whether somebody still has to do it."""
        return self.status not in CLOSED

    @property
    def is_work(self) -> bool:
        """Say whether it is work at all, and not the state of some tool."""
        kinds = {self.kind, *(label.removeprefix("gt:") for label in self.labels)}
        return not kinds & NO_WORK and not self.ephemeral and self.status != "pinned"

    def days(self, now: float) -> float:
        """Return its age in days, 0 if unknown."""
        return max(0.0, now - self.created) / _DAY if self.created is not None else 0.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """Issues by id, sorted; their links; ids given more than once, and not alike."""

    issues: Mapping[str, Issue]
    links: tuple[Link, ...]
    twice: tuple[str, ...] = ()

    @property
    def newest(self) -> float:
        """The latest time in the data: "now" for a result that can be had again."""
        times = (
            time
            for issue in self.issues.values()
            for time in (issue.created, issue.updated, issue.closed)
            if time is not None
        )
        return max(times, default=0.0)


def read(sources: Sources) -> Backlog:
    """Return the issues of the texts. The order of files and lines does not matter.

    Lines that are no issue are noted in the sources as malformed.
    """
    reader = _Reader(sources)
    for path in sorted(sources.texts):
        reader.file(path, sources.texts[path].text)
    return reader.backlog()


class _Reader:
    """Collects rows of any kind; what belongs together meets at the end."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.issues: dict[str, Issue] = {}
        self.links: dict[Link, Link] = {}
        self.labels: dict[str, set[str]] = {}
        self.twice: set[str] = set()

    def file(self, path: str, text: str) -> None:
        for place, row in _rows(path, text):
            if isinstance(row, dict):
                self.row(row, place)
            else:
                self.skip(place, str(row))

    def skip(self, place: Evidence, why: str) -> None:
        self.sources.malformed(place.path, place.line, why)

    def row(self, row: Row, place: Evidence) -> None:
        if "depends_on_id" in row:
            self.link(_link(row, "", place))
        elif "number" in row and "title" in row:
            self.github(row, place)
        elif "issue_id" in row:
            if "label" in row:
                self.labels.setdefault(str(row["issue_id"]), set()).add(str(row["label"]))
        elif row.get("id") and "title" in row:
            self.add(_beads(row, place))
            self.link(_beads_links(row, place))
        elif row.get("_type", "issue") == "issue":
            self.skip(place, "no issue: it has no id and title")

    def github(self, row: Row, place: Evidence) -> None:
        if row.get("pull_request"):
            return
        issue = _github(row, place)
        self.add(issue)
        self.link(_github_links(issue))

    def add(self, issue: Issue) -> None:
        """Keep the latest of several versions of an issue, whatever order they come in."""
        known = self.issues.get(issue.id)
        if known and _version(known) != _version(issue):
            self.twice.add(issue.id)
        if not known or _version(known) < _version(issue):
            self.issues[issue.id] = issue

    def link(self, links: Iterator[Link]) -> None:
        """Keep one of equal links, the first by place, whatever order they come in."""
        for link in links:
            known = self.links.get(link)
            if not known or link.place < known.place:
                self.links[link] = link

    def backlog(self) -> Backlog:
        issues = {key: self._labelled(self.issues[key]) for key in sorted(self.issues)}
        kept = self.links.values()
        links = tuple(sorted(kept, key=lambda link: (link.issue, link.needs, link.kind)))
        return Backlog(issues, links, tuple(sorted(self.twice)))

    def _labelled(self, issue: Issue) -> Issue:
        more = self.labels.get(issue.id)
        return replace(issue, labels=tuple(sorted({*issue.labels, *more}))) if more else issue


def _version(issue: Issue) -> tuple[float, str, str, str]:
    return (issue.updated or 0.0, issue.status, issue.title, issue.text)


def _rows(path: str, text: str) -> Iterator[tuple[Evidence, Any]]:
    """Yield the rows of a JSON Lines file, or of a JSON array or object, with their places.

    A row that is no JSON is yielded as a str that says so.
    """
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        yield from _array(path, text)
        return
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        place = Evidence(path, number, line.strip()[:160])
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield place, f"no JSON: {error}"
            continue
        yield place, value if isinstance(value, dict) else "no JSON object"


def _array(path: str, text: str) -> Iterator[tuple[Evidence, Any]]:
    start = Evidence(path, 1, text.strip()[:80])
    try:
        values = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        yield start, f"no JSON: {error}"
        return
    lines = split_lines(text)
    for value in values:
        if isinstance(value, dict):
            yield _found(path, lines, value), value
        else:
            yield start, "no JSON object"


def _found(path: str, lines: list[str], row: Row) -> Evidence:
    """Find an array's row by its number or id: JSON gives no lines."""
    key = "number" if "number" in row else "id"
    shape = re.compile(rf'"{key}"\s*:\s*{re.escape(json.dumps(row.get(key)))}(?!\d)')
    for number, line in enumerate(lines, 1):
        found = shape.search(line)
        if found:
            return Evidence(path, number, _window(line, found.start()))
    return Evidence(path, 1, lines[0].strip()[:160] if lines else "")


def _window(line: str, at: int) -> str:
    return line[at : at + 160].strip()


def _beads(row: Row, place: Evidence) -> Issue:
    texts = ("description", "design", "acceptance_criteria", "notes")
    return Issue(
        id=str(row["id"]),
        title=str(row.get("title") or ""),
        status=str(row.get("status") or "open").lower(),
        priority=_int(row.get("priority"), DEFAULT_PRIORITY),
        kind=str(row.get("issue_type") or row.get("type") or "task").lower(),
        place=place,
        text="\n".join(str(row[name]) for name in texts if row.get(name)),
        created=_time(row.get("created_at")),
        updated=_time(row.get("updated_at")),
        started=_time(row.get("started_at")),
        closed=_time(row.get("closed_at")),
        due=_time(row.get("due_at")),
        deferred=_time(row.get("defer_until")),
        minutes=_int(row.get("estimated_minutes"), 0) or None,
        assignee=str(row.get("assignee") or ""),
        labels=tuple(sorted(map(str, row.get("labels") or ()))),
        parent=str(row.get("parent") or ""),
        ephemeral=bool(row.get("ephemeral")) or bool(row.get("is_template")),
    )


def _beads_links(row: Row, place: Evidence) -> Iterator[Link]:
    own = str(row["id"])
    for given in row.get("dependencies") or ():
        if isinstance(given, dict):
            yield from _link(given, own, place)
        elif isinstance(given, str):  # "blocks:bd-12", or an id alone
            kind, _, needs = given.rpartition(":")
            yield Link(own, needs, kind or "blocks", place)
    for name in ("depends_on", "blocked_by"):
        yield from (Link(own, str(one), "blocks", place) for one in row.get(name) or ())
    if row.get("parent"):
        yield Link(own, str(row["parent"]), "parent-child", place)


def _link(row: Row, own: str, place: Evidence) -> Iterator[Link]:
    """Yield the link of a row; without both ends there is none."""
    issue, needs = str(row.get("issue_id") or own), str(row.get("depends_on_id") or "")
    kind = str(row.get("type") or row.get("dependency_type") or "blocks")
    if issue and needs:
        yield Link(issue, needs, kind, place, _time(row.get("created_at")))


_LEVELS = (
    (0, re.compile(r"(?i)\bp-?0\b|critical|urgent|blocker|highest")),
    (1, re.compile(r"(?i)\bp-?1\b|(?:priority|prio|importance)\W*high|^high$|high.priority")),
    (2, re.compile(r"(?i)\bp-?2\b|(?:priority|prio)\W*(?:medium|normal)|^medium$")),
    (3, re.compile(r"(?i)\bp-?3\b|(?:priority|prio)\W*low|^low$|low.priority|nice.to.have")),
    (4, re.compile(r"(?i)\bp-?4\b|backlog|lowest|wontfix|icebox")),
)
_KINDS = ("bug", "feature", "enhancement", "epic", "chore", "task", "documentation", "question")


def _github(row: Row, place: Evidence) -> Issue:
    """Read what ``gh issue list --json`` writes, or the REST API's issue."""
    labels = tuple(sorted(_label(one) for one in row.get("labels") or ()))
    owners = [row.get("assignee"), *(row.get("assignees") or ())]
    people = [str(one["login"]) for one in owners if isinstance(one, dict) and one.get("login")]
    return Issue(
        id=f"#{row['number']}",
        title=str(row.get("title") or ""),
        status=str(row.get("state") or "open").lower(),
        priority=_level(labels),
        kind=next((kind for kind in _KINDS for name in labels if kind in name.lower()), "task"),
        place=place,
        text=str(row.get("body") or ""),
        created=_time(row.get("createdAt") or row.get("created_at")),
        updated=_time(row.get("updatedAt") or row.get("updated_at")),
        closed=_time(row.get("closedAt") or row.get("closed_at")),
        assignee=people[0] if people else "",
        labels=labels,
    )


def _label(given: Any) -> str:
    return str(given.get("name", "")) if isinstance(given, dict) else str(given)


def _level(labels: tuple[str, ...]) -> int:
    found = (level for level, shape in _LEVELS for label in labels if shape.search(label))
    return next(found, DEFAULT_PRIORITY)


# GitHub has no dependencies in these formats; people write them in the text.
_NEEDS = re.compile(r"(?i)\b(?:blocked by|depends (?:up)?on|requires|waits? for)\W{0,3}#(\d+)")
_BLOCKS = re.compile(r"(?i)(?<!not )\bblocks\W{0,3}#(\d+)")
_PART = re.compile(r"(?m)^\s*[-*] \[[ xX]\] #(\d+)\b")


def _github_links(issue: Issue) -> Iterator[Link]:
    for found in _NEEDS.finditer(issue.text):
        yield Link(issue.id, f"#{found[1]}", "blocks", issue.place)
    for found in _BLOCKS.finditer(issue.text):
        yield Link(f"#{found[1]}", issue.id, "blocks", issue.place)
    for found in _PART.finditer(issue.text):
        yield Link(f"#{found[1]}", issue.id, "parent-child", issue.place)


def _int(value: Any, default: int) -> int:
    if isinstance(value, str):
        value = value.strip().lstrip("pP")
    try:
        return int(value) if value is not None else default
    except (TypeError, ValueError):
        return default


def _time(value: Any) -> float | None:
    """Return seconds since 1970; None for what is no time. A time without a zone is UTC."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
