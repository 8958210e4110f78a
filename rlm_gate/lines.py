"""Count lines, and translate git's line numbers: for git only a line feed ends a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from rlm_gate.core import Removed, Span, split_lines
from rlm_gate.decoding import Decoded, decode_part
from rlm_gate.patches import Hunk


def count_lines(text: str) -> int:
    """Return how many lines ``split_lines`` would give."""
    ends = text.count("\n")
    if "\r" in text:
        ends += text.count("\r") - text.count("\r\n")
    return ends + (text != "" and text[-1] not in "\n\r")


def whole(path: str, text: str) -> tuple[Span, ...]:
    """Return the span of all lines, none for an empty text."""
    lines = count_lines(text)
    return (Span(path, 1, lines),) if lines else ()


class Judged(NamedTuple):
    """The lines that a diff makes judged, and the blocks it removed."""

    changed: tuple[Span, ...] = ()
    removed: tuple[Removed, ...] = ()


def by_hunks(path: str, decoded: Decoded, hunks: Iterable[Hunk]) -> Judged | None:
    """Return what the hunks say in the lines of the text; None if they are not of this text."""
    ends = _line_ends(decoded.text)
    changed, removed = [], []
    for hunk in hunks:
        last = hunk.start + hunk.length - 1 if hunk.length else hunk.start
        if last >= len(ends):
            return None
        if hunk.length:
            changed.append(Span(path, ends[hunk.start - 1] + 1, ends[last]))
        if hunk.removed:
            text = decode_part(hunk.removed, decoded.encoding)
            removed.append(Removed(ends[hunk.after], text))
    return Judged(tuple(changed), tuple(removed))


def by_comparison(path: str, text: str, old: str) -> Judged:
    """Judge every line, and call removed what the new text no longer has anywhere."""
    left = Counter(split_lines(text))
    gone = []
    for line in split_lines(old):
        left[line] -= 1
        if left[line] < 0:
            gone.append(f"{line}\n")
    return Judged(whole(path, text), (Removed(0, "".join(gone)),) if gone else ())


def _line_ends(text: str) -> range | list[int]:
    """Return, for each of git's lines from 0 on, the number of our line that it ends with.

    The two differ only where a carriage return stands alone: git sees none there.
    """
    if text.count("\r") == text.count("\r\n"):
        return range(count_lines(text) + 1)
    ends = [0]
    *lines, last = text.split("\n")
    for line in (*(f"{line}\n" for line in lines), *([last] if last else [])):
        ends.append(ends[-1] + count_lines(line))
    return ends
