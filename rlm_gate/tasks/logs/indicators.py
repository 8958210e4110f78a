"""Six signs that an agent should stop and a human should look: documented heuristics, no model.

Each returns findings whose evidence are rows of the log, so that a reader can check every one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rlm_gate.tasks.logs.errors import failures, is_error, normal
from rlm_gate.tasks.logs.formats import CAME, EVENT, SAYS, TOOL, USER, Log, Record
from rlm_gate.tasks.logs.phrases import (
    ASKS,
    BACK,
    COMMON,
    CREEP,
    DOUBT,
    SELF_RATED,
    SURE,
    SWITCH,
    TOUCHED,
)

VERSION: Final = 1  # of the heuristics, part of every cache key
TIMES: Final = 3
"""How often the same error counts as repeated."""
_QUOTED: Final = 5
_NEAR: Final = 3  # rows: one run prints an error twice


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a log's text, 1-based, as evidence."""

    path: str
    row: int
    text: str


@dataclass(frozen=True, slots=True)
class Sign:
    """An indicator that shows, how strongly (0 to 1), and the rows that show it."""

    indicator: str
    strength: float
    what: str
    rows: tuple[Row, ...]


def signs(log: Log, issue: str) -> list[Sign]:
    """Return every sign that shows in the log."""
    return [sign for look in INDICATORS.values() for sign in look(log, issue)]


def repeated_failure(log: Log, _issue: str) -> Iterator[Sign]:
    """Find the same error, line numbers, folders and times apart, three times or more.

    A tool's result, and a run that prints the same line twice in a few rows, count once.
    """
    seen: dict[str, list[Row]] = defaultdict(list)
    for record in log.of(SAYS, CAME):
        for key, row in _errors(record).items():
            last = seen[key][-1] if seen[key] else None
            close = last and last.path == row.path and row.row - last.row <= _NEAR
            if not (close and record.kind == SAYS):
                seen[key].append(row)
    for record in log.of(EVENT):
        if key := _failed_event(record):
            seen[key].append(_first(record))
    for key, rows in seen.items():
        if len(rows) >= TIMES:
            strength = min(0.95, 0.55 + 0.1 * (len(rows) - TIMES + 1))
            yield _sign("repeated_failure", strength, f"{len(rows)} times: {key}", rows)


def _errors(record: Record) -> dict[str, Row]:
    """Return the first row of each error that the record names."""
    rows = [row for row in _rows(record) if is_error(row.text)]
    return {normal(row.text): row for row in reversed(rows)}


def _failed_event(record: Record) -> str:
    payload, kind = record.event.get("payload", {}), record.event.get("type")
    if kind == "merge_failed":
        return f"merge_failed {payload.get('branch')}: {payload.get('reason')}"
    if kind == "session_death":
        return f"session_death {payload.get('agent')}: {payload.get('reason')}"
    return ""


_DROP: Final = 0.2


def confidence_drop(log: Log, _issue: str) -> Iterator[Sign]:
    """Find two or more statements of doubt that no two confident ones follow.

    Or a confidence that the agent itself puts in figures and that falls by 0.2 or more.
    """
    doubts: list[Row] = []
    sure = 0
    rated: list[tuple[float, Row]] = []
    for record in log.of(SAYS):
        for row in _rows(record):
            if DOUBT.search(row.text):
                doubts, sure = [*doubts, row], 0
            elif SURE.search(row.text):
                sure += 1
            if match := SELF_RATED.search(row.text):
                rated.append((float(match[1]) / (100 if match[2] else 1), row))
    if len(doubts) >= 2 and sure < 2:
        strength = min(0.8, 0.3 + 0.1 * len(doubts))
        yield _sign("confidence_drop", strength, f"{len(doubts)} statements of doubt", doubts)
    rated = [(value, row) for value, row in rated if value <= 1]
    if len(rated) >= 2 and rated[-1][0] <= max(value for value, _ in rated) - _DROP:
        what = f"the agent's own confidence fell to {rated[-1][0]:.2f}"
        yield _sign(
            "confidence_drop", 0.5, what, [max(rated, key=lambda one: one[0])[1], rated[-1][1]]
        )


_FAR: Final = 3


def scope_creep(log: Log, issue: str) -> Iterator[Sign]:
    """Find work the agent itself calls a side job, and edits of files the issue has no word for.

    The issue is the text given, else a transcript's first human message. Of edits three files, or
    one that the agent names in prose beside a side job, are needed.
    """
    said = [row for record in log.of(SAYS) for row in _rows(record) if CREEP.search(row.text)]
    if said:
        yield _sign("scope_creep", 0.6, "the agent says that it does something else beside", said)
    asked = issue or next((record.text for record in log.of(USER)), "")
    words = _words(asked)
    if not words:
        return
    far = {path: row for path, row in _touched(log) if not _words(path) & words}
    if len(far) >= _FAR or (said and far):
        what = f"edits of {len(far)} files that the issue has no word for"
        yield _sign("scope_creep", 0.5, what, list(far.values()))


def _touched(log: Log) -> Iterator[tuple[str, Row]]:
    for record in log.records:
        if record.kind == TOOL and record.new and record.target:
            yield record.target, _first(record)
        elif record.kind == SAYS:
            for row in _rows(record):
                if match := TOUCHED.match(row.text):
                    yield match[1], row


def _words(text: str) -> set[str]:
    found = re.findall(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}", text)
    return {_stem(word.lower()) for word in found if word.lower() not in COMMON and len(word) > 2}


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


_ASK_TOOLS: Final = frozenset({"AskUserQuestion", "ask_user", "ExitPlanMode"})


def human_input(log: Log, _issue: str) -> Iterator[Sign]:
    """Find what the agent asks of a human with no human message after it in the same log.

    Of events: an escalation that nobody acknowledged or closed.
    """
    unanswered: dict[str, list[Row]] = defaultdict(list)
    for record in log.of(SAYS, USER, TOOL, CAME):
        if record.kind == USER:
            unanswered[record.path].clear()
        else:
            unanswered[record.path].extend(_asked(record))
    rows = [row for found in unanswered.values() for row in found]
    if rows:
        yield _sign("human_input", 0.75, "the agent asks for what only a human can give", rows)
    if waiting := _escalated(log):
        yield _sign("human_input", 0.8, "an escalation without an answer", waiting)


def _asked(record: Record) -> Iterator[Row]:
    if record.kind == TOOL and record.tool in _ASK_TOOLS:
        yield _first(record)
    elif record.kind == SAYS or record.failed:
        yield from (row for row in _rows(record) if ASKS.search(row.text))


def _escalated(log: Log) -> list[Row]:
    waiting: dict[tuple[str, str], Row] = {}
    for record in log.of(EVENT):
        payload, kind = record.event.get("payload", {}), record.event.get("type")
        about = (str(payload.get("rig")), str(payload.get("target")))
        if kind == "escalation_sent":
            waiting[about] = _first(record)
        elif kind in {"escalation_acked", "escalation_closed"}:
            waiting.pop(about, None)
    return list(waiting.values())


_RUNS: Final = 4
_STILL: Final = 3
_BUSY: Final = frozenset({"working", "done", "ok", "healthy", "active", "running", "completed"})


def diminishing_returns(log: Log, _issue: str) -> Iterator[Sign]:
    """Find four or more test runs whose last three are no better than the best before them.

    Of events: a worker found in the same idle state, or nudged, three times in a row.
    """
    runs = [
        (count, row)
        for record in log.of(SAYS, CAME)
        for row in _rows(record)
        if (count := failures(row.text)) is not None
    ]
    if len(runs) >= _RUNS and runs[-1][0] > 0:
        before = min(count for count, _ in runs[:-_STILL])
        last = runs[-_STILL:]
        if min(count for count, _ in last) >= before - max(1, before // 10):
            what = f"{len(runs)} runs, the last with {runs[-1][0]} failures, {before} before"
            yield _sign("diminishing_returns", 0.55, what, [row for _, row in runs[-_QUOTED:]])
    yield from _stalled(log)


def _stalled(log: Log) -> Iterator[Sign]:
    streaks: dict[str, tuple[str, list[Row]]] = {}
    for record in log.of(EVENT):
        payload, kind = record.event.get("payload", {}), record.event.get("type")
        if kind == "polecat_checked":
            who, state = str(payload.get("polecat")), str(payload.get("status"))
        elif kind in {"polecat_nudged", "done"}:
            who = str(payload.get("target") or record.event.get("actor")).rpartition("/")[2]
            who, state = (who, "done") if kind == "done" else (f"nudged {who}", "nudged")
        else:
            continue
        before, rows = streaks.get(who, ("", []))
        if len(rows) < _STILL or state == before:
            streaks[who] = (state, [*rows, _first(record)] if state == before else [_first(record)])
    for who, (state, rows) in sorted(streaks.items()):
        if len(rows) >= _STILL and state not in _BUSY:
            yield _sign("diminishing_returns", 0.55, f"{who}: {state} {len(rows)} times", rows)


def circular(log: Log, _issue: str) -> Iterator[Sign]:
    """Find an edit that a later edit of the same file turns back: A to B, then B to A.

    In prose: a switch from A to B and one from B to A, or three steps back. Of events: a bead given
    to a worker, to another, and to the first again.
    """
    edits: dict[tuple[str, str, str], Row] = {}
    for record in log.of(TOOL):
        old, new = " ".join(record.old.split()), " ".join(record.new.split())
        if not old or not new or old == new:
            continue
        if earlier := edits.get((record.target, new, old)):
            what = f"an edit of {record.target} and its reverse"
            yield _sign("circular", 0.65, what, [earlier, _first(record)])
            return
        edits.setdefault((record.target, old, new), _first(record))
    yield from _said_circles(log)
    yield from _passed_on(log)


def _said_circles(log: Log) -> Iterator[Sign]:
    said = [row for record in log.of(SAYS) for row in _rows(record)]
    switches: dict[tuple[str, str], Row] = {}
    for row in said:
        for match in SWITCH.finditer(row.text):
            one, other = match[1].lower(), match[2].lower()
            if earlier := switches.get((other, one)):
                what = f"from {other} to {one} and back"
                yield _sign("circular", 0.6, what, [earlier, row])
                return
            switches.setdefault((one, other), row)
    back = [row for row in said if BACK.search(row.text)]
    if len(back) >= TIMES:
        yield _sign("circular", 0.55, f"{len(back)} steps back", back)


def _passed_on(log: Log) -> Iterator[Sign]:
    passed: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for record in log.of(EVENT):
        if record.event.get("type") == "sling":
            payload = record.event["payload"]
            bead, target = str(payload.get("bead")), str(payload.get("target"))
            if not passed[bead] or passed[bead][-1][0] != target:
                passed[bead].append((target, _first(record)))
    for bead, given in sorted(passed.items()):
        if max(Counter(target for target, _ in given).values()) >= 2:
            what = f"{bead} was passed on and came back"
            yield _sign("circular", 0.6, what, [row for _, row in given])


Look = Callable[[Log, str], Iterable[Sign]]
INDICATORS: Mapping[str, Look] = {
    "repeated_failure": repeated_failure,
    "confidence_drop": confidence_drop,
    "scope_creep": scope_creep,
    "human_input": human_input,
    "diminishing_returns": diminishing_returns,
    "circular": circular,
}


def _rows(record: Record) -> Iterator[Row]:
    return (Row(record.path, number, text) for number, text in enumerate(record.rows, record.row))


def _first(record: Record) -> Row:
    return Row(record.path, record.row, record.rows[0])


def _sign(indicator: str, strength: float, what: str, rows: Sequence[Row]) -> Sign:
    shown = [*rows[: _QUOTED - 1], rows[-1]] if len(rows) > _QUOTED else rows
    return Sign(indicator, strength, what, tuple(shown))
