"""Find text that speaks to a reviewer instead of a reader of the code, in lower case letters.

Phrases, not topics: naming a model is no crime, telling it what to answer is. A phrase of the first
sort is enough alone; an address counts only with an order near it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rlm_gate import kept
from rlm_gate.detectors import _alphabets, _loudness
from rlm_gate.detectors._phrases import ABROAD, ADDRESSES, COMMANDS, ORDER, WORDS, Phrase

Hit = tuple[int, int]
"""Start and end of what was said, as offsets into the text that was searched."""


class Said(NamedTuple):
    """Offsets of what was said; ``loud``: it can hardly be meant for anybody but a reviewer."""

    start: int
    end: int
    loud: bool


NEAR = 240
"""How far an order may stand from the address it belongs to, in characters."""

_REACH = 160  # no shape is longer, on either side of its key word
# One blank of a phrase: what may stand between two words in comments, strings, markup and names.
_GAP = r"(?:[^a-z0-9]|%20|\\[nrt]|&[a-z]{2,5};){1,20}?"
_END = r"(?![a-z])"
# A line that is one call, each argument a single word: "state = run(work, judge, [one])".
_CALL = kept.expression(
    r"[ \t]*(?:[\w., ]+=[ ]*)?(?:return |await |yield )*[\w.]+\("
    r"[*&]?[\w.]+(?:\[\w*\])?(?:, ?(?:\w+=)?[*&]?(?:[\w.]+|\[\w*\]))*\)[;:]?[ \t]*$"
)
_RETURN = kept.expression(r"\s*return [\w.]+(?:\[\w*\]|\(\w*\))?[ \t;]*$")
_LETTERS = bytes(code if chr(code).isalpha() or code > 127 else 32 for code in range(256))


def find(text: str) -> Iterator[Hit]:
    """Yield what speaks to the reviewer, in no order. ``text`` is lower case."""
    return ((one.start, one.end) for one in heard(text))


def heard(text: str) -> Iterator[Said]:
    """Yield what speaks to the reviewer, and how plainly. ``text`` is lower case."""
    words = WORDS.intersection(text.encode("utf-8", "replace").translate(_LETTERS).split())
    for start, end in _orders(text, words):
        yield Said(start, end, _loudness.of_order(text, start, end))
    for phrase in ADDRESSES if words else ():
        for start, end in _spoken(text, words, phrase):
            order = _order(text, start, end)
            if order:
                yield Said(start, order[1], _loudness.of_address(text, (start, end), order))


def _orders(text: str, words: frozenset[bytes]) -> Iterator[Hit]:
    """Yield the phrases that are enough alone."""
    for phrase in (*COMMANDS, *ABROAD) if words else ():
        yield from _spoken(text, words, phrase)
    if not text.isascii():
        for marks, shape in _alphabets.SHAPES:
            if any(mark in text for mark in marks):
                yield from (match.span() for match in _compiled(shape).finditer(text))


def _spoken(text: str, words: frozenset[bytes], phrase: Phrase) -> Iterator[Hit]:
    """Yield where the phrase stands; without its words it is not even compiled."""
    if any(map(words.isdisjoint, phrase.needs)):
        return
    first, *others = [[word.decode() for word in group & words] for group in phrase.needs]
    for start, end in _windows(text, first):
        if all(any(text.find(word, start, end) >= 0 for word in group) for group in others):
            yield from (one.span() for one in _compiled(phrase.shape).finditer(text, start, end))


def _windows(text: str, words: Iterable[str]) -> Iterator[Hit]:
    """Yield the surroundings of the words: a plain search is far faster than an expression."""
    places = []
    for word in words:
        place = text.find(word)
        while place >= 0:
            places.append(place)
            place = text.find(word, place + len(word))
    current: Hit | None = None
    for place in sorted(places):
        if current and place - _REACH <= current[1]:
            current = current[0], place + _REACH
            continue
        if current:
            yield current
        current = max(0, place - _REACH), place + _REACH
    if current:
        yield current


def _order(text: str, start: int, end: int) -> Hit | None:
    """Return the order that belongs to an address: it stands behind it.

    A name that is an argument of a call addresses nobody beyond the line after the call.
    """
    first = text.rfind("\n", 0, start) + 1
    line = text.find("\n", end) % (len(text) + 1)
    if not _CALL.match(text, first, line):
        behind = _compiled(ORDER).search(text, end, end + NEAR)
        return behind.span() if behind else None
    after = text.find("\n", line + 1) % (len(text) + 1)
    if _RETURN.match(text, line, after):
        return None
    behind = _compiled(ORDER).search(text, end, min(after, end + NEAR))
    return behind.span() if behind else None


@lru_cache(maxsize=128)
def _compiled(shape: str) -> re.Pattern[str]:
    return kept.expression(rf"(?<![a-z])(?:{shape}){_END}".replace(" ", _GAP))
