"""Tell from a pattern's spelled out texts where it can't match: ``in`` is far faster than ``re``.

Only where one of them stands is a pattern tried: there, or in the lines that have it. ``Sought``
looks for the texts of many patterns at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from rlm_gate import kept
from rlm_gate.detectors._needs import Needs, Texts, needs

_LINES: Final = 100
"""Lines that are worth looking at one by one."""
_PLACES: Final = 1000
"""Places that are worth looking at one by one."""
_WORD: Final = kept.expression(r"\w+")
_RUN: Final = 4
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


class _Words(NamedTuple):
    """A text's words: each once, by lines, as they are and in lower case; and what runs they have.

    A run is a few letters in a row in a word, or at an end of it, in lower case. Whether a text of
    some length has some letters in a row is known a hundred times as fast by these as by ``in``.
    """

    plain: str
    lowered: str
    runs: frozenset[str]


class _Wanted(NamedTuple):
    """A text of some patterns: where to look for it, and what has to be there if it is."""

    text: str
    place: int
    patterns: list[str]
    runs: tuple[str, ...]


class Sought:
    """Lists of patterns to be looked for in many texts, all at once."""

    def __init__(self, lists: Iterable[tuple[str, ...]]) -> None:
        self._lists: dict[str, list[tuple[str, ...]]] = {}
        for many in lists:
            for pattern in many:
                self._lists.setdefault(pattern, []).append(many)
        self._anywhere = [one for one in self._lists if not needs(one).clauses]
        self._by_run: dict[str, list[_Wanted]] = {}
        self._short: list[_Wanted] = []
        wanting: dict[tuple[str, bool], list[str]] = {}
        for pattern in self._lists:
            texts, folded = needed(pattern)
            for one in texts:
                wanting.setdefault((one, folded), []).append(pattern)
        for (one, folded), patterns in wanting.items():
            self._add(_Wanted(one, _place(one, folded=folded), patterns, _runs_of(one)))

    def in_text(self, text: str, compiled: Compile) -> set[tuple[str, ...]]:
        """Return the lists of which one pattern is ``found`` in the text."""
        lowered = in_lower_case(text)
        matching: set[tuple[str, ...]] = set()
        for pattern, there in self._there(text, lowered).items():
            if not matching.issuperset(self._lists[pattern]):
                wanted = needs(pattern)
                places = lowered if wanted.folded else text
                if _matches(compiled(pattern), wanted, there, text, places):
                    matching.update(self._lists[pattern])
        return matching

    def _add(self, wanted: _Wanted) -> None:
        if wanted.runs:
            fewest = min(wanted.runs, key=lambda run: len(self._by_run.get(run, ())))
            self._by_run.setdefault(fewest, []).append(wanted)
        else:
            self._short.append(wanted)

    def _there(self, text: str, lowered: str) -> dict[str, list[str]]:
        """Return which texts of each pattern are in this one, of those of which some are."""
        words = _words_in(text)
        places = (text, lowered, words.plain, words.lowered)
        runs = words.runs
        there: dict[str, list[str]] = {pattern: [] for pattern in self._anywhere}
        found = self._by_run.keys() & runs
        for wanted in chain(*map(self._by_run.__getitem__, found), self._short):
            if runs.issuperset(wanted.runs) and wanted.text in places[wanted.place]:
                for pattern in wanted.patterns:
                    there.setdefault(pattern, []).append(wanted.text)
        return there


def _place(text: str, *, folded: bool) -> int:
    """Return where to look for a text: a word, or a part of one, among the words alone."""
    return folded + 2 * (_WORD.fullmatch(text) is not None)


def _matches(
    compiled: re.Pattern[str], wanted: Needs, there: Sequence[str], text: str, places: str
) -> bool:
    """Say whether it matches in a text that has some of its rarest texts ``there``."""
    if not _has_each(wanted.clauses[1:], places):
        return False
    if wanted.starts:
        starts = there if wanted.starts == wanted.clauses[0] else wanted.starts
        return _begins_with(starts, compiled, text, places)
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


@lru_cache(maxsize=2)
def _words_in(text: str) -> _Words:
    plain = "\n".join(("", *{*_WORD.findall(text)}, ""))
    lowered = in_lower_case(plain)
    starts = (lowered[start:] for start in range(_RUN))
    return _Words(plain, lowered, frozenset(map("".join, zip(*starts, strict=False))))


@lru_cache(maxsize=8192)
def _runs_of(text: str) -> tuple[str, ...]:
    """Return the runs that stand wherever the text does; none where that is not certain."""
    return tuple(_of_words(text.lower())) if text.isascii() else ()


def _of_words(text: str) -> Iterator[str]:
    for word in _WORD.finditer(text):
        whole = "\n" * (word.start() > 0) + word[0] + "\n" * (word.end() < len(text))
        yield from (whole[at : at + _RUN] for at in range(len(whole) - _RUN + 1))


@lru_cache(maxsize=4)
def in_lower_case(text: str) -> str:
    """Return the text letter by letter in lower case, for texts of ASCII to be looked for in it.

    What ``re`` takes for a letter of ASCII where case does not count is that letter here.
    """
    if not text.isascii() and any(letter in text for letter in _FALSE_LETTERS):
        text = text.translate(_REPLACING)
    return text.lower()
