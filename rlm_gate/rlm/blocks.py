"""Render repository text for a model: fenced, and numbered from 1 (design §7.3).

Text is data. A block says nothing about where in the file it stands, so a line inserted above
changes no prompt; the host translates row numbers back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rlm_gate.core import Removed, SourceFile, Span, split_lines
from rlm_gate.languages import language_of

_ROWS = re.compile(
    r"\b(rows?)(\s+\d+(?:(?:\s*[-\u2013,]\s*|,?\s+(?:and|or|to)\s+)\d+)*)", re.IGNORECASE
)
_LINES = re.compile(_ROWS.pattern.replace("rows?", "lines?"), re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_TWICE = re.compile(r"\bremoved\s+(?=lines? removed after )", re.IGNORECASE)
_LEFT_OUT = "[lines that the change leaves as they are]"
_FILE = re.compile(r"([^\s,;:()'\"`]*\.\w{1,5})['\"`]?[,:]?\s+(?:at |in |on )?\Z")
"""A name right before the words: if it is a file's, its lines are meant and not the block's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a block. ``line`` is None for a removed line, which stood after ``after``.

    It is None as well for the unmarked row that stands for lines left out.
    """

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

    def is_removed(self, row: int) -> bool:
        """Say whether the row is one that the change removed."""
        return 1 <= row <= len(self.rows) and self.rows[row - 1].mark == "-"

    def removed_row(self, after: int, quote: str) -> int:
        """Return where removed rows with these words begin behind a line, 0 if there are none."""
        words = split_lines(quote)
        texts = [row.text for row in self.rows]
        behind = (
            number
            for number, row in enumerate(self.rows, 1)
            if row.mark == "-" and max(1, row.after) == after
        )
        return next((one for one in behind if texts[one - 1 : one - 1 + len(words)] == words), 0)

    def in_lines(self, text: str) -> str:
        """Translate "row 12" and "rows 3-5" in a reader's words to lines of the file.

        Of removed rows it is said where they stood: they have no line.
        """
        return _TWICE.sub("", _ROWS.sub(self._in_lines, text))

    def in_rows(self, text: str) -> str:
        """Translate "line 372" and "lines 3-5" to rows where the block shows all of them."""
        return _LINES.sub(self._in_rows, text)

    def _in_rows(self, found: re.Match[str]) -> str:
        rows = [self.row(int(number)) for number in _NUMBER.findall(found[2])]
        if not all(rows) or self._is_elsewhere(found):
            return found[0]
        said = iter(rows)
        word = "row" if found[1].lower() == "line" else "rows"
        return word + _NUMBER.sub(lambda _number: str(next(said)), found[2])

    def _in_lines(self, found: re.Match[str]) -> str:
        lines = [self.line(int(number)) for number in _NUMBER.findall(found[2])]
        if not all(lines) or self._is_elsewhere(found):
            return found[0]
        if all(self.is_removed(int(number)) for number in _NUMBER.findall(found[2])):
            one = len(lines) == 1
            return f"{'line' if one else 'lines'} removed after line {lines[0]}"
        said = iter(lines)
        word = "line" if found[1].lower() == "row" else "lines"
        return word + _NUMBER.sub(lambda _number: str(next(said)), found[2])

    def _is_elsewhere(self, found: re.Match[str]) -> bool:
        """Say whether another file is named right before the words."""
        named = _FILE.search(found.string, 0, found.start())
        if not named or ("/" not in named[1] and language_of(named[1]) == "text"):
            return False  # "after os.open row 12" names no file
        return not f"/{self.path}".endswith(f"/{named[1].lstrip('./')}")

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


def printable(path: str) -> str:
    """Return a path as a request can carry it: what is no UTF-8 becomes a question mark."""
    return path.encode("utf-8", "replace").decode()


def fence(text: str) -> str:
    """Put text between markers that do not occur in it and depend on nothing else.

    Never random: the same text must give the same prompt, or no cache ever hits.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    mark = next(mark for start in range(49) if (mark := digest[start : start + 16]) not in text)
    return f"<<<{mark}\n{text}\n{mark}>>>"


def block(
    file: SourceFile,
    lines: Sequence[str],
    span: Span,
    removed: Sequence[Removed] = (),
    left_out: Span | None = None,
) -> Block:
    """Return the block of ``span``: judged lines marked +, removed ones -, context unmarked.

    ``lines`` are the file's, masked; in a whole scope every line is judged, nothing is marked.
    One row stands for the lines that are ``left_out``.
    """
    marked = {
        line
        for part in file.changed
        for line in range(max(part.start, span.start), min(part.end, span.end) + 1)
    }
    whole = file.status == "whole"
    rows: list[Row] = list(_removed_at(removed, 0)) if span.start == 1 else []
    for line in range(span.start, span.end + 1):
        if left_out and left_out.start <= line <= left_out.end:
            rows += [Row(" ", _LEFT_OUT, None, after=line)] if line == left_out.start else []
            continue
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
