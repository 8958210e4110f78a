"""Find the lines a worker added: in unified diffs, edits of a transcript, and fenced code.

Every row of a text gets one class, so that the counts prove that each was looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

ADDED, REMOVED, CONTEXT, DIFF, PROSE = "added", "removed", "context", "diff header", "prose"
_HUNK: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NEW: Final = re.compile(r"\+\+\+ (?:b/)?(.+?)\t?$")
_TOOL: Final = re.compile(r"\[tool_use \w+\] (\S.*)")
_DIFF: Final = re.compile(
    r"diff --git |index [0-9a-f]+\.\.|--- |(?:new|deleted) file mode |Binary "
)
_FENCE: Final = re.compile(r"\s*```+\s*([\w+-]*)\s*([\w./-]*\.\w+)?")
_NAMED: Final = re.compile(r"([\w./-]*[\w-]+\.[a-z]{1,5})\W*$")


@dataclass(frozen=True, slots=True)
class Line:
    """A line added to or removed from a file: the row that shows it, and its number there."""

    row: int
    number: int
    text: str


@dataclass(slots=True)
class Block:
    """Lines added one after the other to ``file``, and the lines they stand in for.

    ``created``: the file was not there before.
    """

    worker: str
    path: str
    file: str
    added: list[Line] = field(default_factory=list)
    removed: list[Line] = field(default_factory=list)
    created: bool = False

    @property
    def code(self) -> str:
        """The added lines as one text."""
        return "\n".join(line.text for line in self.added) + "\n"


@dataclass(slots=True)
class Reading:
    """What a text showed: blocks, every file it changes, and how many rows of which class."""

    blocks: list[Block] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    classes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _State:
    worker: str
    path: str
    reading: Reading
    file: str = ""
    old: int = 0
    new: int = 0
    old_left: int = 0
    new_left: int = 0
    fenced: bool = False
    tool: bool = False
    created: bool = False
    block: Block | None = None


def read(worker: str, path: str, rows: Sequence[str]) -> Reading:
    """Classify every row, and gather what was added."""
    state = _State(worker, path, Reading())
    for number, row in enumerate(rows, 1):
        before = rows[number - 2] if number > 1 else ""
        state.reading.classes[_row(state, number, row, before)] += 1
    return state.reading


def _row(state: _State, number: int, row: str, before: str) -> str:
    if (state.old_left > 0 or state.new_left > 0) and row[:1] in {"", " ", "+", "-", "\\"}:
        return _in_hunk(state, number, row)
    if match := _HUNK.match(row):
        state.old, state.new = int(match[1]), int(match[3])
        state.old_left, state.new_left = int(match[2] or 1), int(match[4] or 1)
        state.block, state.created = None, match[1] == "0" and match[2] == "0"
        return DIFF
    if state.fenced or (state.tool and row[:2] in {"+ ", "- "}):
        return _shown(state, number, row)
    return _outside(state, number, row, before)


def _outside(state: _State, number: int, row: str, before: str) -> str:
    state.block, state.tool = None, False
    state.old_left = state.new_left = 0
    if match := _NEW.match(row):
        _open(state, match[1], number)
        return DIFF
    if match := _TOOL.match(row):
        _open(state, match[1], number)
        state.tool, state.new = True, 1
        return DIFF
    if _DIFF.match(row):
        return DIFF
    if row.lstrip().startswith("```") and (match := _FENCE.match(row)):
        named = _NAMED.search(before)
        state.fenced, state.new = True, 1
        state.file = match[2] or (named[1] if named else "")
    return PROSE


def _open(state: _State, file: str, number: int) -> None:
    state.file = "" if file == "/dev/null" else file
    if state.file:
        state.reading.files.setdefault(state.file, number)


def _in_hunk(state: _State, number: int, row: str) -> str:
    mark, text = row[:1], row[1:]
    if mark == "+":
        _add(state, number, text)
        state.new_left -= 1
        return ADDED
    if mark == "-":
        _remove(state, number, text)
        state.old_left -= 1
        return REMOVED
    if mark != "\\":
        state.old, state.new = state.old + 1, state.new + 1
        state.old_left, state.new_left = state.old_left - 1, state.new_left - 1
        state.block = None
    return CONTEXT


def _shown(state: _State, number: int, row: str) -> str:
    """Take a row of fenced code, or of an edit in a transcript."""
    if state.fenced and row.lstrip().startswith("```"):
        state.fenced, state.block = False, None
        return PROSE
    if state.tool and row.startswith("- "):
        _remove(state, number, row[2:])
        return REMOVED
    _add(state, number, row if state.fenced else row[2:])
    return ADDED


def _add(state: _State, number: int, text: str) -> None:
    _block(state).added.append(Line(number, state.new, text))
    state.new += 1


def _remove(state: _State, number: int, text: str) -> None:
    _block(state).removed.append(Line(number, state.old, text))
    state.old += 1


def _block(state: _State) -> Block:
    if state.block is None:
        state.block = Block(state.worker, state.path, state.file, created=state.created)
        state.reading.blocks.append(state.block)
    return state.block
