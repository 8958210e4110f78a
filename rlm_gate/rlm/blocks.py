"""Render repository text for a model: fenced, and numbered from 1 (design §7.3).

Text is data. A block says nothing about where in the file it stands, so a line inserted above
changes no prompt; the host translates row numbers back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from rlm_gate.core import Removed, SourceFile, Span, split_lines


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a block. ``line`` is None for a removed line, which stood after ``after``."""

    mark: str
    text: str
    line: int | None
    after: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one file, as a model sees them. Rows count from 1."""

    path: str
    rows: tuple[Row, ...]

    def line(self, row: int) -> int | None:
        """Translate a row number to the file's line; a removed row to the line before it."""
        if not 1 <= row <= len(self.rows):
            return None
        found = self.rows[row - 1]
        return found.line if found.line is not None else max(1, found.after)

    def row(self, line: int) -> int:
        """Translate a line of the file to its row, 0 where the block does not show it."""
        numbers = (number for number, row in enumerate(self.rows, 1) if row.line == line)
        return next(numbers, 0)

    def render(self) -> str:
        """Return the fenced, numbered block."""
        return fence(
            "\n".join(
                f"{number:>5}{row.mark}| {row.text}" for number, row in enumerate(self.rows, 1)
            )
        )


def fence(text: str) -> str:
    """Put text between markers that do not occur in it and depend on nothing else.

    Never random: the same text must give the same prompt, or no cache ever hits.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    mark = next(mark for start in range(49) if (mark := digest[start : start + 16]) not in text)
    return f"<<<{mark}\n{text}\n{mark}>>>"


def block(
    file: SourceFile, lines: Sequence[str], span: Span, removed: Sequence[Removed] = ()
) -> Block:
    """Return the block of ``span``: judged lines marked +, removed ones -, context unmarked.

    ``lines`` are the file's, masked; in a whole scope every line is judged, nothing is marked.
    """
    marked = {
        line
        for part in file.changed
        for line in range(max(part.start, span.start), min(part.end, span.end) + 1)
    }
    whole = file.status == "whole"
    rows: list[Row] = list(_removed_at(removed, 0)) if span.start == 1 else []
    for line in range(span.start, span.end + 1):
        if line <= len(lines):
            mark = "+" if line in marked and not whole else " "
            rows.append(Row(mark, lines[line - 1], line))
        rows.extend(_removed_at(removed, line))
    return Block(file.path, tuple(rows))


def excerpt(path: str, text: str, span: Span) -> Block:
    """Return the lines of a span of any text as context: nothing marked, nothing removed."""
    lines = split_lines(text)
    return Block(
        path,
        tuple(
            Row(" ", line, number)
            for number, line in enumerate(lines[span.start - 1 : span.end], span.start)
        ),
    )


def _removed_at(removed: Sequence[Removed], line: int) -> list[Row]:
    return [
        Row("-", text, None, after=line)
        for part in removed
        if part.after_line == line
        for text in split_lines(part.text)
    ]
