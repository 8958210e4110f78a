"""Read session logs, Claude Code transcripts and Gas Town events as one list of records.

Every line is read or noted as malformed; nothing a log holds, or lacks at its end, is an exception.
A record's rows are what people and models see of it; JSON is shown decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rlm_gate.core import split_lines
from rlm_gate.tasks._report import Sources, Text, parsed

SAYS: Final = "says"  # the agent's words
USER: Final = "user"  # a human's words
TOOL: Final = "tool"  # what the agent does
CAME: Final = "came"  # what a tool, or a program, printed
EVENT: Final = "event"
SEPARATOR: Final = "--- OUTPUT ---"
_EXIT: Final = re.compile(r"Exit Code: (-?\d+)\s*")
_SESSION: Final = re.compile(r"session-(?P<id>.+)-(?P<ms>\d+)\.log")
_FROM_MACHINE: Final = re.compile(
    r"\s*(?:<(?:command-|local-command|system-reminder|bash-|user-memory)|Caveat: |\[Request inter)"
)
_FEW_ROWS: Final = 40


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened. ``row`` is the text's first row of it, ``rows`` what they say.

    An edit has ``target`` (the file), ``old`` and ``new``; a command has it as ``target``; an event
    has its fields in ``event``. ``failed``: a tool's result that was an error.
    """

    path: str
    row: int
    kind: str
    rows: tuple[str, ...]
    tool: str = ""
    target: str = ""
    old: str = ""
    new: str = ""
    failed: bool = False
    event: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The rows as one text."""
        return "\n".join(self.rows)


@dataclass(slots=True)
class Log:
    """All records of a job in the order they happened, and the sessions' exit codes by path."""

    records: list[Record] = field(default_factory=list)
    exits: dict[str, int] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Record]:
        """Return the records of some kinds."""
        return [record for record in self.records if record.kind in kinds]


def read(texts: Mapping[str, str], sources: Sources) -> Log:
    """Parse the logs, path to content; their texts are added to the sources."""
    log = Log()
    for path in sorted(texts, key=_when):
        page = _Page(path, sources, log)
        _reader(path, texts[path])(page, texts[path])
        page.close()
    return log


def _when(path: str) -> tuple[str, int, str]:
    """Order sessions of one issue by their time, other logs by name."""
    match = _SESSION.fullmatch(path.rpartition("/")[2])
    return (match["id"], int(match["ms"]), path) if match else (path, 0, path)


def _reader(path: str, text: str) -> Callable[[_Page, str], None]:
    name = path.rpartition("/")[2]
    if _SESSION.fullmatch(name) or text.startswith("Exit Code:"):
        return _session
    first = parsed(next((line for line in split_lines(text[:100_000]) if line.strip()), ""))
    if name.endswith(".events.jsonl") or (
        isinstance(first, dict) and {"ts", "actor"} <= set(first)
    ):
        return _events
    if name.endswith((".jsonl", ".ndjson")) or isinstance(first, dict):
        return _transcript
    return _plain


@dataclass(slots=True)
class _Page:
    """One log as it is read: its rows so far, and the line each was made of."""

    path: str
    sources: Sources
    log: Log
    rows: list[str] = field(default_factory=list)
    origin: list[int] = field(default_factory=list)

    def add(self, line: int, kind: str, rows: Sequence[str], **more: Any) -> None:
        """Append a record made of one line of the file."""
        kept = tuple(rows) or ("",)
        self.log.records.append(Record(self.path, len(self.rows) + 1, kind, kept, **more))
        self.rows.extend(kept)
        self.origin.extend([line] * len(kept))

    def lines(self, start: int, lines: Sequence[str], kind: str) -> None:
        """Append lines as they are, as one record."""
        if lines:
            record = Record(self.path, len(self.rows) + 1, kind, tuple(lines))
            self.log.records.append(record)
            self.rows.extend(lines)
            self.origin.extend(range(start, start + len(lines)))

    def fault(self, line: int, why: str) -> None:
        """Note a line that can't be read, and show it all the same."""
        self.sources.malformed(self.path, line, why)

    def close(self) -> None:
        """Give the text to the sources."""
        self.sources.add(Text(self.path, "\n".join(self.rows), tuple(self.origin)))


def _session(page: _Page, text: str) -> None:
    """Read ``Exit Code: N``, the separator and what the agent printed."""
    lines = split_lines(text)
    match = _EXIT.fullmatch(lines[0]) if lines else None
    if match and len(match[1]) < 10:
        page.log.exits[page.path] = int(match[1])
    else:
        page.fault(1, "no 'Exit Code: N'")
    if SEPARATOR in lines:
        start = lines.index(SEPARATOR) + 1
    else:
        start = min(2, len(lines)) if match else 0
        page.fault(len(lines) or 1, f"no '{SEPARATOR}'")
    page.lines(1, lines[:start], EVENT)
    _printed(page, lines, start)


def _plain(page: _Page, text: str) -> None:
    lines = split_lines(text)
    page.fault(1, "neither a session log, a transcript nor events: read as an agent's output")
    _printed(page, lines, 0)


def _printed(page: _Page, lines: Sequence[str], start: int) -> None:
    """Read what ``claude -p`` printed: text, one JSON result, or a stream of JSON lines."""
    for number, line in enumerate(lines[start:], start + 1):
        value = parsed(line) if line.startswith("{") else None
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            _entry(page, number, value)
        else:
            page.lines(number, [line], SAYS)


def _transcript(page: _Page, text: str) -> None:
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        value = parsed(line)
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            _entry(page, number, value)
        else:
            page.add(number, EVENT, [line[:2000]])
            page.fault(number, "no transcript entry (a JSON object with 'type')")


def _entry(page: _Page, line: int, entry: Mapping[str, Any]) -> None:
    """Read one transcript entry, or the result of a headless session."""
    kind = entry["type"]
    if kind == "result":
        _result(page, line, entry)
        return
    message = entry.get("message")
    if kind not in {"user", "assistant"}:
        shown = entry.get("summary") or entry.get("content") or entry.get("subtype") or ""
        page.add(line, EVENT, split_lines(f"[{kind}] {shown if isinstance(shown, str) else ''}"))
        return
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        page.add(line, EVENT, [f"[{kind}]"])
        page.fault(line, f"an entry of type {kind} without message.content")
        return
    human = kind == "user" and not entry.get("isMeta") and not entry.get("isSidechain")
    for part in content:
        _part(page, line, part, human=human, agent=kind == "assistant")


def _result(page: _Page, line: int, entry: Mapping[str, Any]) -> None:
    subtype = entry.get("subtype")
    page.add(line, EVENT, [f"[result {subtype if isinstance(subtype, str) else ''}]"])
    result = entry.get("result")
    if isinstance(result, str):
        for row in split_lines(result):
            page.add(line, SAYS, [row])
    elif subtype == "success":
        page.fault(line, "a result without its text")


def _part(page: _Page, line: int, part: Any, *, human: bool, agent: bool) -> None:
    if not isinstance(part, dict):
        page.add(line, EVENT, [str(part)[:200]])
        page.fault(line, "a content block that is no object")
        return
    kind = part.get("type")
    if kind in {"text", "thinking"}:
        text = part.get("text") if kind == "text" else part.get("thinking")
        rows = split_lines(text) if isinstance(text, str) else []
        machine = bool(rows) and bool(_FROM_MACHINE.match(rows[0]))
        said = SAYS if agent else USER if human and not machine else EVENT
        if rows and said == USER:
            rows = ["[user]", *rows]
        for one in [rows] if said != SAYS else [[row] for row in rows]:
            page.add(line, said, one)
    elif kind == "tool_use":
        _tool_use(page, line, part)
    elif kind == "tool_result":
        failed = part.get("is_error") is True
        rows = ["[tool_result error]" if failed else "[tool_result]", *_rows(part.get("content"))]
        page.add(line, CAME, rows, failed=failed)
    else:
        page.add(line, EVENT, [f"[{kind}]"])


def _tool_use(page: _Page, line: int, part: Mapping[str, Any]) -> None:
    name, given = part.get("name"), part.get("input")
    name = name if isinstance(name, str) else "?"
    given = given if isinstance(given, dict) else {}
    path = _string(given, "file_path", "path", "notebook_path")
    edits = list(_edits(given))
    for old, new in edits:
        rows = [f"[tool_use {name}] {path}", *_marked("- ", old), *_marked("+ ", new)]
        page.add(line, TOOL, rows, tool=name, target=path, old=old, new=new)
    if not edits:
        target = path or _string(given, "command", "pattern", "question", "description", "query")
        rows = split_lines(f"[tool_use {name}] {target}")[:_FEW_ROWS]
        page.add(line, TOOL, rows, tool=name, target=target)


def _edits(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (old, new) of each replacement; a written file replaces nothing that is shown."""
    edits = given.get("edits")
    for one in edits if isinstance(edits, list) else [given]:
        if isinstance(one, dict):
            old, new = one.get("old_string"), one.get("new_string", one.get("content"))
            if isinstance(new, str) and (isinstance(old, str) or "content" in one):
                yield old if isinstance(old, str) else "", new


def _marked(mark: str, text: str) -> Iterable[str]:
    return (f"{mark}{row}" for row in split_lines(text))


def _rows(content: Any) -> list[str]:
    if isinstance(content, str):
        return split_lines(content)
    if isinstance(content, list):
        texts = (one.get("text") for one in content if isinstance(one, dict))
        return [row for text in texts if isinstance(text, str) for row in split_lines(text)]
    return []


def _string(given: Mapping[str, Any], *names: str) -> str:
    return next((given[name] for name in names if isinstance(given.get(name), str)), "")


def _events(page: _Page, text: str) -> None:
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        value = parsed(line)
        if not (isinstance(value, dict) and isinstance(value.get("type"), str)):
            page.add(number, EVENT, [line[:2000]])
            page.fault(number, "no event (a JSON object with 'type')")
            continue
        payload = value.get("payload")
        page.add(number, EVENT, [line], event={**value, "payload": _dict(payload)})


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
