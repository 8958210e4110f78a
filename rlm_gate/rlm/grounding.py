"""Find a quote in the file it is said to be from. The host looks, never the model (design §7.4).

Grounded means the code stands there, not that the claim about it is true.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice

from rlm_gate.core import Removed, Span, split_lines

MIN_EVIDENCE = 12
"""Non-space characters a quote needs, unless it is a whole line with an identifier (§7.4)."""
LONGEST = 4000
"""Most characters of a quote: what stands on so many lines is shown by any of them."""
_FEW = 6
_IDENTIFIER = re.compile(r"[^\W\d]\w")
_NUMBER_PREFIX = re.compile(r"^\s*\d+\s*[-+ ]?(?:[:|]|\t)\s?")
_ELLIPSIS = re.compile(r"\s*(?:\.\.\.|…)\s*$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the quote stands: 1-based lines, and the lines themselves as the host read them."""

    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a quote is no evidence, in words its author can act on."""

    reason: str


def ground(text: str, line: int, quote: str) -> Place | Refusal:
    """Return where ``quote`` stands in ``text``, at ``line`` or, if unique, elsewhere.

    White space is collapsed; line-number prefixes (``12: ``, ``12 | ``) and a trailing ``...`` are
    dropped when the quote as given is not found.
    """
    page = _page(text)
    if len(quote) > LONGEST:
        return Refusal("the quote is too long; the line that shows it best is enough")
    for needle in _readings(quote):
        places = page.find(needle, line) if needle else []
        if places:
            return _choose(page.lines, places, needle, line)
    return Refusal(f"the quote is not in the file; {_stands_there(page.lines, line)}")


def ground_removed(removed: Sequence[Removed], line: int, quote: str, last: int) -> Place | Refusal:
    """Return the surviving line that a quote of deleted lines anchors on.

    ``last`` is the number of lines left in the file; an emptied or deleted file anchors on line 1.
    """
    hits = [
        (block, place)
        for block in removed
        if isinstance(place := ground(block.text, 1, quote), Place)
    ]
    if not hits:
        return Refusal("the quote is in no removed line either")
    block, place = min(hits, key=lambda hit: abs(hit[0].after_line - line))
    anchor = min(max(1, block.after_line), max(1, last))
    return Place(anchor, anchor, place.quote)


def is_meant(place: Place | Refusal, line: int, judged: Sequence[Span]) -> bool:
    """Say whether a quote stands at the line it is said to stand at, or among the judged ones.

    Elsewhere in the file the same words may be another place: the one meant may be removed.
    """
    return isinstance(place, Place) and (
        place.start <= line <= place.end
        or any(span.start <= place.end and place.start <= span.end for span in judged)
    )


def _readings(quote: str) -> tuple[list[str], ...]:
    """Return the quote as given, then without line numbers, then without a trailing ellipsis."""
    given = split_lines(quote)
    bare = [_NUMBER_PREFIX.sub("", line) for line in given]
    cut = [_ELLIPSIS.sub("", line) for line in bare]
    return (_normal(given), _normal(bare), _normal(cut))


def _normal(lines: list[str]) -> list[str]:
    return [collapsed for line in lines if (collapsed := " ".join(line.split()))]


@dataclass(frozen=True, slots=True)
class _Page:
    """A text made ready for many searches: ``rows`` are its lines that are not blank, collapsed.

    ``joined`` is all rows, ``offsets`` where each begins in it, ``numbers`` their lines.
    """

    lines: list[str]
    joined: str
    offsets: list[int]
    numbers: list[int]

    def find(self, needle: list[str], line: int) -> list[tuple[int, int]]:
        """Return (start, end) of the first place that holds ``line``, else of a few places.

        Inner lines of a quote are equal to the file's, the first and the last by their ends: so it
        is a substring of the rows.
        """
        sought = "\n".join(needle)
        first = bisect_left(self.numbers, line) - len(needle) + 1
        last = bisect_right(self.numbers, line)
        near = next(self._places(sought, len(needle), max(0, first), last), None)
        if near:
            return [near]
        return list(islice(self._places(sought, len(needle), 0, len(self.offsets)), _FEW))

    def _places(self, sought: str, rows: int, row: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the places that begin in a row from ``row`` to before ``stop``, one a row."""
        while row < stop:
            at = self.joined.find(sought, self.offsets[row])
            if at < 0:
                return
            row = bisect_right(self.offsets, at) - 1
            if row < stop:
                yield self.numbers[row], self.numbers[row + rows - 1]
            row += 1


@lru_cache(maxsize=8)
def _page(text: str) -> _Page:
    lines = split_lines(text)
    rows = [(" ".join(line.split()), number) for number, line in enumerate(lines, 1)]
    rows = [row for row in rows if row[0]]
    sizes = (len(row) + 1 for row, _ in rows)
    return _Page(
        lines,
        "\n".join(row for row, _ in rows),
        list(accumulate(sizes, initial=0))[:-1] if rows else [],
        [number for _, number in rows],
    )


def _choose(
    lines: list[str], places: list[tuple[int, int]], needle: list[str], line: int
) -> Place | Refusal:
    at_line = [place for place in places if place[0] <= line <= place[1]]
    if not _is_evidence(lines, needle, (at_line or places)[0]):
        return Refusal(f"the quote is too short to be evidence; {_stands_there(lines, line)}")
    if not at_line and len(places) > 1:
        numbers = ", ".join(str(start) for start, _ in places[:5])
        return Refusal(f"the quote stands on lines {numbers}; give the line that is meant")
    start, end = (at_line or places)[0]
    return Place(start, end, "\n".join(lines[start - 1 : end]))


def _is_evidence(lines: list[str], needle: list[str], place: tuple[int, int]) -> bool:
    quoted = "".join("".join(needle).split())
    if len(quoted) >= MIN_EVIDENCE:
        return True
    whole = "".join("".join(lines[place[0] - 1 : place[1]]).split())
    return quoted == whole and bool(_IDENTIFIER.search(quoted))


def _stands_there(lines: list[str], line: int) -> str:
    if not 1 <= line <= len(lines):
        return f"the file has {len(lines)} lines"
    return f"line {line} is: {lines[line - 1].strip()[:200]}"
