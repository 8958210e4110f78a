"""Find a quote in the file it is said to be from. The host looks, never the model (design §7.4).

Grounded means the code stands there, not that the claim about it is true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rlm_gate.core import Removed, split_lines

MIN_EVIDENCE = 12
"""Non-space characters a quote needs, unless it is a whole line with an identifier (§7.4)."""
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
    lines = split_lines(text)
    for needle in _readings(quote):
        if not needle:
            continue
        places = _occurrences(lines, needle)
        if places:
            return _choose(lines, places, needle, line)
    return Refusal(f"the quote is not in the file; {_stands_there(lines, line)}")


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


def _readings(quote: str) -> tuple[list[str], ...]:
    """Return the quote as given, then without line numbers, then without a trailing ellipsis."""
    given = split_lines(quote)
    bare = [_NUMBER_PREFIX.sub("", line) for line in given]
    cut = [_ELLIPSIS.sub("", line) for line in bare]
    return (_normal(given), _normal(bare), _normal(cut))


def _normal(lines: list[str]) -> list[str]:
    return [collapsed for line in lines if (collapsed := " ".join(line.split()))]


def _occurrences(lines: list[str], needle: list[str]) -> list[tuple[int, int]]:
    """Return (start, end) of each place: inner lines equal, the outer ones by their ends."""
    rows = [(number, " ".join(line.split())) for number, line in enumerate(lines, 1)]
    rows = [row for row in rows if row[1]]
    places = []
    for index in range(len(rows) - len(needle) + 1):
        window = rows[index : index + len(needle)]
        if _matches([text for _, text in window], needle):
            places.append((window[0][0], window[-1][0]))
    return places


def _matches(window: list[str], needle: list[str]) -> bool:
    if len(needle) == 1:
        return needle[0] in window[0]
    return (
        window[0].endswith(needle[0])
        and window[-1].startswith(needle[-1])
        and window[1:-1] == needle[1:-1]
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
