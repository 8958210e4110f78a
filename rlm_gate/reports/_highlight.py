"""Quoted code as coloured pieces, by Pygments. Its home; imported when a page is rendered."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from rlm_gate.core import Finding
from rlm_gate.reports._plain import plain

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_LINES = 30
_WIDTH = 300  # characters of a line
_LEAD = 80  # of them before what is marked, when the line is longer
# Pygments' short names by their beginning, the longest first; "" is plain text.
_KINDS = (
    ("nf", "f"),
    ("nc", "f"),
    ("nd", "f"),
    ("nb", "b"),
    ("nt", "k"),
    ("na", "f"),
    ("k", "k"),
    ("s", "s"),
    ("c", "c"),
    ("m", "n"),
    ("o", "o"),
    ("g", ""),
)

Piece = list[Any]
"""``[text]``, ``[text, kind]`` or ``[text, kind, 1]``: 1 is what the finding marks."""


def quoted(finding: Finding) -> tuple[list[list[Piece]], int]:
    """Return the quoted lines as pieces, and how many lines were left out."""
    raw = finding.quote.split("\n") if finding.quote else []
    lines, marks = [], []
    for index, text in enumerate(raw[:_LINES]):
        start, end = _marked(finding, index, len(raw), len(text))
        shown, shift = _window(text, start)
        lines.append(shown)
        marks.append((max(0, start + shift), min(len(shown), end + shift)))
    return _coloured(finding.span.path, lines, marks), max(0, len(raw) - _LINES)


def coloured(text: str, path: str) -> list[list[Piece]]:
    """Return the lines of a text as pieces, as a file of that name would be coloured."""
    lines = [line[:_WIDTH] for line in text.split("\n")]
    return _coloured(path, lines, [(0, 0)] * len(lines))


def _coloured(path: str, lines: list[str], marks: list[tuple[int, int]]) -> list[list[Piece]]:
    found: list[list[Piece]] = [[] for _ in lines]
    line = column = 0
    for text, kind in _tokens(path, "\n".join(lines)):
        for number, part in enumerate(text.split("\n")):
            if number:
                line, column = line + 1, 0
            if part:
                found[line].extend(_pieces(part, kind, column, marks[line]))
                column += len(part)
    return found


def _pieces(text: str, kind: str, column: int, mark: tuple[int, int]) -> list[Piece]:
    """Cut one token at the ends of the mark."""
    first = min(max(mark[0] - column, 0), len(text))
    last = min(max(mark[1] - column, first), len(text))
    parts = ((text[:first], 0), (text[first:last], 1), (text[last:], 0))
    return [_piece(part, kind, marked) for part, marked in parts if part]


def _piece(text: str, kind: str, marked: int) -> Piece:
    shown = plain(text).replace("\n", "\\x0a")
    if marked:
        return [shown, kind, 1]
    return [shown, kind] if kind else [shown]


def _tokens(path: str, text: str) -> list[tuple[str, str]]:
    lexer = _lexer(PurePosixPath(path).name.rpartition(".")[2], PurePosixPath(path).name)
    if lexer is None or (not text.isprintable() and "\r" in text):
        return [(text, "")]
    from pygments.token import STANDARD_TYPES

    found = [(part, _kind(STANDARD_TYPES.get(token, ""))) for token, part in lexer.get_tokens(text)]
    whole = "".join(part for part, _ in found)
    return found if whole == text else [(text, "")]


def _kind(short: str) -> str:
    return next((kind for begin, kind in _KINDS if short.startswith(begin)), "")


@lru_cache(maxsize=256)
def _lexer(_suffix: str, name: str) -> Lexer | None:
    """Return what reads files of that name; None where Pygments knows none."""
    from pygments.lexers import find_lexer_class_for_filename

    kind = find_lexer_class_for_filename(name)
    return kind(stripnl=False, ensurenl=False) if kind else None


def _marked(finding: Finding, index: int, lines: int, length: int) -> tuple[int, int]:
    """Return what the finding marks of that quoted line, 0-based, end exclusive."""
    if not finding.columns or lines != len(finding.span):
        return 0, 0
    first, end = finding.columns
    start = max(first - 1, 0) if index == 0 else 0
    return min(start, length), min(max(end - 1, 0), length) if index == lines - 1 else length


def _window(text: str, start: int) -> tuple[str, int]:
    """Return the line as shown, and by how much its columns are moved."""
    if len(text) <= _WIDTH:
        return text, 0
    cut = max(0, min(start - _LEAD, len(text) - _WIDTH))
    before, after = "…" if cut else "", "…" if cut + _WIDTH < len(text) else ""
    return before + text[cut : cut + _WIDTH] + after, len(before) - cut
