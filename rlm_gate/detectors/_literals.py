"""Tell from a pattern's spelled out texts where it can't match: ``in`` is far faster than ``re``.

A pattern that stays within a line is searched only in the lines that have one of them. Reads
regular expressions only as far as that needs; what it does not know needs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from rlm_gate import kept

Texts = tuple[str, ...]

_MOST = 48
"""Alternatives worth looking for one by one."""

# The pieces of a regular expression, as far as they matter for finding plain text in it.
_PIECE = kept.expression(
    r"(?P<char>\\[^\w\s]|[\w \"'=:;,<>@#%&!/~`-])|(?P<optional>[?*]|\{\d*,?\d*\})"
    r"|(?P<open>\((?:\?(?:P<\w+>|:)|(?!\?)))|(?P<odd>\(\?)"
    r"|(?P<close>\))|(?P<either>\|)|(?P<other>\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|\d{1,3}|.)|.)",
    re.DOTALL,
)
# What may match a newline, or tells a line's end from the text's; and classes that never do.
_CROSSING = kept.expression(r"\\[sWDAZNnrvfxuU0-9]|\\[abt]-|\[\^|\n|\r")
_OTHERS = kept.expression(r"\[\^(?:\\.|[^\]\\])*\\[ns](?:\\.|[^\]\\])*\]")
_MANY = 100
"""Lines that are worth looking at one by one."""
_WORD = kept.expression(r"\w+")
_RUN = 4
_LONG = 2000
"""Letters of a text that is worth being cut into runs."""
_FLAGS = kept.expression(r"\(\?([a-z]+)\)")
_KNOWN_FLAGS = frozenset("aims")
# What Python's re takes for an ASCII letter where case does not count, though lower() does not.
_FALSE_LETTERS = "\u0130\u0131\u017f\u212a"


def possible(pattern: str, text: str) -> bool:
    """Say whether the pattern may match in the text; never wrong when it says no."""
    texts, folded = needed(pattern)
    if not texts:
        return True
    if folded:
        lowered = in_lower_case(text)
        return lowered is None or any(one in lowered for one in texts)
    return any(one in text for one in texts)


def found(
    pattern: str, text: str, compiled: Callable[[str], re.Pattern[str]], *, few: bool = False
) -> bool:
    """Say whether the pattern, as ``compiled`` in multi-line mode, matches somewhere in the text.

    An expression that has to try every letter of a text takes a hundred times as long as ``in``.
    ``few`` says that not many patterns are looked for, for which the text would be cut into runs.
    """
    texts, folded = needed(pattern)
    places = in_lower_case(text) if folded else text
    if not texts or places is None:
        return compiled(pattern).search(text) is not None
    there = _runs_in(text) if len(text) >= _LONG and not few else None
    texts = tuple(
        one
        for one, runs in zip(texts, _runs_of(texts), strict=True)
        if (there is None or there.issuperset(runs)) and one in places
    )
    if not texts:
        return False
    search = compiled(pattern).search
    if len(places) == len(text) and stays_in_line(pattern):
        for number, (start, end) in enumerate(_lines(texts, places)):
            if number == _MANY:
                return search(text, start) is not None
            if search(text, start, end):
                return True
        return False
    return search(text) is not None


@lru_cache(maxsize=2)
def _runs_in(text: str) -> frozenset[str]:
    """Return every few letters that stand in a row in a word, or at an end of it, in lower case.

    Whether a text of some length has some letters in a row is known a hundred times as fast by
    these as by ``in``, if it has not.
    """
    lowered = "\n".join(("", *{*_WORD.findall(text)}, "")).lower()
    return frozenset(map("".join, zip(*(lowered[start:] for start in range(_RUN)), strict=False)))


@lru_cache(maxsize=8192)
def _runs_of(texts: Texts) -> tuple[tuple[str, ...], ...]:
    """Return of each text the runs that stand wherever it does; none where that is not certain."""
    return tuple(tuple(_of_words(one.lower())) if one.isascii() else () for one in texts)


def _of_words(text: str) -> Iterator[str]:
    for word in _WORD.finditer(text):
        whole = "\n" * (word.start() > 0) + word[0] + "\n" * (word.end() < len(text))
        yield from (whole[at : at + _RUN] for at in range(len(whole) - _RUN + 1))


@lru_cache(maxsize=8192)
def stays_in_line(pattern: str) -> bool:
    """Say whether no match reaches beyond a line, so that lines can be searched one by one."""
    flags = _FLAGS.match(pattern)
    if flags and "s" in flags[1]:
        return False
    return not _CROSSING.search(_OTHERS.sub("", pattern))


def _lines(texts: Texts, places: str) -> Iterator[tuple[int, int]]:
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


@lru_cache(maxsize=8192)
def needed(pattern: str) -> tuple[Texts, bool]:
    """Return texts of which each match has at least one, () if none is known.

    With True, case does not count: the texts are in lower case and ASCII.
    """
    texts, folded = kept.fact("needed", pattern, _needed)
    return tuple(texts), folded


def _needed(pattern: str) -> tuple[Texts, bool]:
    flags = _FLAGS.match(pattern)
    given = frozenset(flags[1]) if flags else frozenset()
    if not given <= _KNOWN_FLAGS or "(?#" in pattern:
        return (), False
    texts, _ = _of_group(_PIECE.finditer(pattern, flags.end() if flags else 0))
    if "i" not in given:
        return _least(texts), False
    lowered = _least(tuple(sorted({one.lower() for one in texts})))
    return (lowered, True) if all(map(str.isascii, lowered)) else ((), False)


def _least(texts: Texts) -> Texts:
    """Return the texts without those that hold another of them."""
    return tuple(one for one in texts if not any(other in one for other in texts if other != one))


def alternatives(pattern: str) -> bool:
    """Say whether the pattern has alternatives outside all groups."""
    depth = 0
    for piece in _PIECE.finditer(pattern):
        kind = piece.lastgroup
        if kind == "either" and not depth:
            return True
        depth += (kind in {"open", "odd"}) - (kind == "close")
    return False


@lru_cache(maxsize=2)
def in_lower_case(text: str) -> str | None:
    """Return the text in lower case, None where that differs from what ``re`` makes of case."""
    if not text.isascii() and any(letter in text for letter in _FALSE_LETTERS):
        return None
    return text.lower()


def _of_group(pieces: Iterator[re.Match[str]]) -> tuple[Texts, bool]:
    """Return what a group needs, of each alternative the best of its parts. Reads to its end.

    With True, the group is these texts and nothing else.
    """
    branches: list[Texts] = []
    plain = True
    parts: list[Texts] = [("",)]  # a text that grows is the last one
    before = [*parts]  # as they were a piece ago
    for piece in pieces:
        kind = piece.lastgroup
        if kind == "close":
            break
        if kind == "either":
            branches.append(_best(parts))
            plain = plain and len(parts) == 1
            parts = [("",)]
        elif kind == "optional":
            parts = [*before, ("",)]
        else:
            before = [*parts]
            _extended(parts, piece, pieces)
    branches.append(_best(parts))
    texts = tuple(sorted({text for one in branches for text in one}))
    known = all(branches) and len(texts) <= _MOST
    return (texts if known else ()), known and plain and len(parts) == 1


def _extended(parts: list[Texts], piece: re.Match[str], pieces: Iterator[re.Match[str]]) -> None:
    """Let the last text grow by a letter or by each of a group's, or go on behind what is none."""
    kind = piece.lastgroup
    if kind == "char":
        parts[-1] = tuple(one + piece[0][-1] for one in parts[-1])
        return
    texts: Texts = ()
    if kind in {"open", "odd"}:
        texts, plain = _of_group(pieces)
        if kind == "odd":
            texts = ()  # it may look elsewhere, or forbid
        elif plain and len(texts) * len(parts[-1]) <= _MOST:
            parts[-1] = tuple(one + text for one in parts[-1] for text in texts)
            return
    parts += [texts, ("",)]


def _best(parts: Sequence[Texts]) -> Texts:
    fitting = [one for one in parts if one and all(one)]
    return max(fitting, key=lambda one: min(map(_rareness, one)) - min(len(one), 4), default=())


def _rareness(text: str) -> int:
    return len(text) + sum(not letter.isalnum() for letter in text)
