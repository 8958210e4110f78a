"""Tell from a pattern's spelled out texts where it can't match: ``in`` is far faster than ``re``.

Only where one of them stands is a pattern tried: there, or in the lines that have it. ``Sought``
looks for the texts of many patterns at once.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

from rlm_gate import kept
from rlm_gate.detectors._needs import Needs, Texts, branches, needs, needs_anew, restored

_LINES: Final = 100
"""Lines that are worth looking at one by one."""
_PLACES: Final = 1000
"""Places that are worth looking at one by one."""
_RUN: Final = 4  # bytes of a run, which are one number
# What Python's re takes for an ASCII letter where case does not count, though lower() does not.
_FALSE_LETTERS: Final = {"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"}
_REPLACING: Final = str.maketrans(_FALSE_LETTERS)

Compile = Callable[[str], re.Pattern[str]]


def needed(pattern: str) -> tuple[Texts, bool]:
    """Return texts of which each match of the pattern has at least one, () if none is known.

    With True, case does not count: the texts are in lower case and ASCII.
    """
    wanted = needs(pattern)
    return next(iter(wanted.clauses), ()), wanted.folded


def possible(pattern: str, text: str) -> bool:
    """Say whether the pattern may match in the text; never wrong when it says no."""
    wanted = needs(pattern)
    return _has_each(wanted.clauses, in_lower_case(text) if wanted.folded else text)


def found(pattern: str, text: str, compiled: Compile) -> bool:
    """Say whether the pattern, as ``compiled`` in multi-line mode, matches somewhere in the text.

    An expression that has to try every letter of a text takes a hundred times as long as ``in``.
    """
    wanted = needs(pattern)
    if not wanted.clauses:
        return compiled(pattern).search(text) is not None
    places = in_lower_case(text) if wanted.folded else text
    there = [one for one in wanted.clauses[0] if one in places]
    return bool(there) and _matches(compiled(pattern), wanted, there, text, places)


class _Pieces(NamedTuple):
    """What a text has between blanks: each once, by lines, as it is and in lower case; its runs.

    A run is a few letters in a row, in lower case, of a piece and the newlines around it, as one
    number. Whether a text has some letters in a row is known a hundred times as fast by these as by
    ``in``, if it has not.
    """

    plain: str
    lowered: str
    runs: frozenset[int]


_Wanted = tuple[str, int, list[int], list[int]]
"""A text of some patterns: itself, where to look for it, their numbers, and runs it has."""


class Sought:
    """Lists of patterns to be looked for in many texts, all at once."""

    def __init__(self, lists: Iterable[tuple[str, ...]]) -> None:
        self._lists = sorted(lists)
        made = kept.entry("sought", json.dumps(self._lists), _sought)
        self._patterns: list[str] = made["patterns"]
        self._needs: list[Any] = made["needs"]
        self._of: list[list[int]] = made["of"]
        self._anywhere: list[int] = made["anywhere"]
        self._short: list[_Wanted] = made["short"]
        self._by_run: dict[int, list[_Wanted]] = dict(made["by_run"])

    def in_text(self, text: str, compiled: Compile) -> set[tuple[str, ...]]:
        """Return the lists of which one pattern is ``found`` in the text."""
        lowered = in_lower_case(text)
        matching: set[int] = set()
        for number, there in self._there(text, lowered).items():
            if not matching.issuperset(self._of[number]):
                pattern = self._patterns[number]
                wanted = restored(self._needs[number])
                places = lowered if wanted.folded else text
                if _matches(compiled(pattern), wanted, there, text, places):
                    matching.update(self._of[number])
        return {self._lists[number] for number in matching}

    def _there(self, text: str, lowered: str) -> dict[int, list[str]]:
        """Return which texts of each pattern are in this one, of those of which some are."""
        pieces = _pieces_of(text)
        places = (text, lowered, pieces.plain, pieces.lowered)
        has_runs = pieces.runs.issuperset
        there: dict[int, list[str]] = {number: [] for number in self._anywhere}
        found = self._by_run.keys() & pieces.runs
        for one, place, patterns, runs in chain(*map(self._by_run.__getitem__, found), self._short):
            if has_runs(runs) and one in places[place]:
                for number in patterns:
                    there.setdefault(number, []).append(one)
        return there


def _sought(lists: str) -> dict[str, Any]:
    """Return how lists of patterns, written in JSON, are looked for, in what JSON can hold."""
    of: dict[str, list[int]] = {}
    for number, many in enumerate(json.loads(lists)):
        for pattern in {one: None for each in many for one in branches(each)}:
            of.setdefault(pattern, []).append(number)
    known = [needs_anew(pattern) for pattern in of]
    wanting: dict[tuple[str, bool], list[int]] = {}
    for number, wanted in enumerate(known):
        for one in next(iter(wanted.clauses), ()):
            wanting.setdefault((one, wanted.folded), []).append(number)
    by_run: dict[int, list[_Wanted]] = {}
    short: list[_Wanted] = []
    for (one, folded), numbers in wanting.items():
        runs = _runs_of(one)
        own = next((run for run in runs if run not in by_run), runs[0]) if runs else 0
        same = by_run.setdefault(own, []) if runs else short
        same.append((one, _place(one, folded=folded), numbers, [*runs]))
    return {
        "patterns": [*of],
        "needs": known,
        "of": [*of.values()],
        "anywhere": [number for number, wanted in enumerate(known) if not wanted.clauses],
        "short": short,
        "by_run": [*by_run.items()],
    }


def _place(text: str, *, folded: bool) -> int:
    """Return where to look for a text: one without blanks stands in a piece."""
    return folded + 2 * (text.split() == [text])


def _matches(
    compiled: re.Pattern[str], wanted: Needs, there: Sequence[str], text: str, places: str
) -> bool:
    """Say whether it matches in a text that has some of its rarest texts ``there``."""
    if not _has_each(wanted.clauses[1:], places):
        return False
    if wanted.starts:
        starts = there if wanted.starts == wanted.clauses[0] else wanted.starts
        return _begins_with(starts, compiled, text, places)
    if there and wanted.at_line:
        return _at_a_line_with(there, compiled, text, places)
    if there and wanted.in_line:
        return _in_a_line_with(there, compiled, text, places)
    return compiled.search(text) is not None


def _has_each(clauses: Iterable[Texts], places: str) -> bool:
    return all(any(one in places for one in texts) for texts in clauses)


def _begins_with(starts: Iterable[str], compiled: re.Pattern[str], text: str, places: str) -> bool:
    for one in starts:
        place = places.find(one)
        for _ in range(_PLACES):
            if place < 0 or compiled.match(text, place):
                break
            place = places.find(one, place + 1)
        if place >= 0 and compiled.search(text, place):
            return True
    return False


def _in_a_line_with(
    texts: Iterable[str], compiled: re.Pattern[str], text: str, places: str
) -> bool:
    for number, (start, end) in enumerate(_lines(texts, places)):
        if number == _LINES:
            return compiled.search(text, start) is not None
        if compiled.search(text, start, end):
            return True
    return False


def _at_a_line_with(
    texts: Iterable[str], compiled: re.Pattern[str], text: str, places: str
) -> bool:
    for number, (start, _) in enumerate(_lines(texts, places)):
        if number == _PLACES:
            return compiled.search(text, start) is not None
        if compiled.match(text, start):
            return True
    return False


def _lines(texts: Iterable[str], places: str) -> Iterator[tuple[int, int]]:
    """Yield where the lines that have one of the texts begin and end, in order."""
    behind = len(places) + 1
    following = {one: places.find(one) for one in texts}
    while (first := min(following.values(), default=behind)) < behind:
        end = places.find("\n", first) % behind
        yield places.rfind("\n", 0, first) + 1, end
        for one, place in following.items():
            if place < end:
                following[one] = places.find(one, end) % behind
        following = {one: place for one, place in following.items() if place < len(places)}


@lru_cache(maxsize=1)
def _pieces_of(text: str) -> _Pieces:
    plain = "\n".join(("", *{*text.split()}, ""))
    lowered = in_lower_case(plain)
    return _Pieces(plain, lowered, _runs(lowered))


def _runs(text: str) -> frozenset[int]:
    """Return every few letters in a row; those beyond Latin-1 are all alike."""
    letters = memoryview(text.encode("latin-1", "replace"))
    lengths = (max(0, len(letters) - start) // _RUN * _RUN for start in range(_RUN))
    rows = (letters[start : start + length] for start, length in enumerate(lengths))
    return frozenset().union(*(row.cast("I") for row in rows))


def _runs_of(text: str) -> tuple[int, ...]:
    """Return some runs that stand wherever the text does; none where that is not certain."""
    if not text.isascii():
        return ()
    first, *others = f"x{text.lower()}x".split()  # its ends may stand within a piece
    if others:
        *inner, last = others
        wholes = (f"{first[1:]}\n", *(f"\n{one}\n" for one in inner), f"\n{last[:-1]}")
        letters = max(wholes, key=len).encode()
    else:
        letters = first[1:-1].encode()
    if (end := len(letters) - _RUN) < 0:
        return ()
    ends = {0, end // 2, end}
    return tuple(int.from_bytes(letters[at : at + _RUN], sys.byteorder) for at in ends)


@lru_cache(maxsize=4)
def in_lower_case(text: str) -> str:
    """Return the text letter by letter in lower case, for texts of ASCII to be looked for in it.

    What ``re`` takes for a letter of ASCII where case does not count is that letter here.
    """
    if not text.isascii() and any(letter in text for letter in _FALSE_LETTERS):
        text = text.translate(_REPLACING)
    return text.lower()
