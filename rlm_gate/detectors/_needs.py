"""Tell what every match of a regular expression has in it, read off re's own reading of it.

What is not known here needs nothing, so that nothing is ever missed.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product, takewhile
from math import prod
from typing import Any, Final, NamedTuple

from rlm_gate import kept

Texts = tuple[str, ...]

_MOST: Final = 48
"""Texts worth looking for one by one."""
_CLAUSES: Final = 3
_SET: Final = 8  # members of a class that are told apart
_LONG: Final = 4  # letters to which nothing optional is added: they are seldom enough
_NEWLINE: Final = ord("\n")
_SEARCHES: Final = 4  # times as often as the rarest texts may those stand that a match begins with
_SELDOM: Final = 1 / 500  # and where lines can't be searched one by one, so often at least
# How often a letter stands anywhere in code, roughly; a name's letters as good as equal.
_OFTEN: Final = {" ": 1 / 6, "(": 1 / 30, ")": 1 / 30, ".": 1 / 30, "=": 1 / 40, "_": 1 / 40}
_LETTER: Final = 1 / 20
_SIGN: Final = 1 / 80


class Needs(NamedTuple):
    """What a pattern's matches have: one text of each clause, the rarest clause first.

    ``starts`` are texts of which each match begins with one, () where none are known or they stand
    everywhere. With ``folded`` case does not count: all are in lower case and ASCII. ``in_line``
    says that no match reaches beyond a line, so that lines can be searched one by one;
    ``at_line`` that each begins with a line, which has one of the rarest texts.
    """

    clauses: tuple[Texts, ...] = ()
    folded: bool = False
    starts: Texts = ()
    in_line: bool = False
    at_line: bool = False


class _Part(NamedTuple):
    """What is known of a piece: all its texts if it is nothing else, and how it begins."""

    exact: Texts | None
    starts: Texts
    clauses: tuple[Texts, ...] = ()


_EMPTY: Final = _Part(("",), ("",))
_ANYTHING: Final = _Part(None, ("",))


@lru_cache(maxsize=8192)
def needs(pattern: str) -> Needs:
    """Return what each match of the pattern has, of one that is none nothing."""
    return kept.fact("needs", pattern, needs_anew, restored)


def restored(plain: Sequence[Any]) -> Needs:
    """Return the needs that JSON gave back."""
    clauses, folded, starts, *lines = plain
    return Needs(tuple(map(tuple, clauses)), folded, tuple(starts), *lines)


@lru_cache(maxsize=8192)
def needs_anew(pattern: str) -> Needs:
    """Return the same, and let no table keep it."""
    parser: Any = importlib.import_module("re._parser")
    try:
        parsed = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return Needs()
    if parsed.state.flags & re.VERBOSE:  # Rust's leaves out other blanks than this one
        return Needs()
    folded = bool(parsed.state.flags & re.IGNORECASE)
    part = _sequence(parsed)
    clauses = _rarest(part, folded=folded)
    starts = next(_folded([part.starts], folded=folded), ())
    in_line = not (parsed.state.flags & re.DOTALL) and not any(map(_crosses, _nodes(parsed)))
    most = _SEARCHES * _frequency(clauses[0]) if clauses else 0
    if _frequency(starts) > (most if in_line else max(most, _SELDOM)):
        starts = ()
    return Needs(
        clauses,
        folded and bool(clauses),
        _shortest(starts),
        in_line,
        bool(clauses) and clauses[0] in _of_first_line(parsed, folded=folded),
    )


def _rarest(part: _Part, *, folded: bool) -> tuple[Texts, ...]:
    found = [_least(one) for one in _folded(part.clauses, folded=folded)]
    return tuple(sorted({*found}, key=lambda one: (_frequency(one), one))[:_CLAUSES])


def _of_first_line(parsed: Any, *, folded: bool) -> tuple[Texts, ...]:
    """Return clauses that hold in the line a match begins with, () where it begins anywhere."""
    if parsed.state.flags & re.DOTALL or not len(parsed) or str(parsed[0][1]) != "AT_BEGINNING":
        return ()
    pieces = takewhile(lambda piece: not any(map(_crosses, _nodes([piece]))), parsed)
    return _rarest(_sequence(pieces), folded=folded)


def _folded(clauses: Iterable[Texts], *, folded: bool) -> Iterator[Texts]:
    """Yield those that a search can use: in lower case where case does not count."""
    for one in clauses:
        texts = {text.lower() for text in one} if folded else {*one}
        if "" not in texts and len(texts) <= _MOST and not (folded and not _plain(texts)):
            yield tuple(sorted(texts))


def _plain(texts: Iterable[str]) -> bool:
    return all(map(str.isascii, texts))


def _least(texts: Texts) -> Texts:
    """Return the texts without those that hold another of them."""
    return tuple(one for one in texts if not any(other in one for other in texts if other != one))


def _shortest(texts: Texts) -> Texts:
    """Return the texts without those that begin with another of them."""
    return tuple(
        one for one in texts if not any(one.startswith(other) for other in texts if other != one)
    )


def _frequency(texts: Iterable[str]) -> float:
    """Return how often one of the texts may stand at a place of some code."""
    return sum(prod(map(_of_letter, one)) for one in texts)


def _of_letter(letter: str) -> float:
    return _OFTEN.get(letter, _LETTER if letter.isalnum() else _SIGN)


def _sequence(pieces: Iterable[tuple[Any, Any]]) -> _Part:
    """Return what is known of pieces in a row: texts grow as long as each is a few texts."""
    grown: Texts = ("",)
    starts: Texts | None = None
    clauses: list[Texts] = []
    for kind, value in pieces:
        part = _part(kind, value)
        longer = _grown(grown, part.exact)
        if longer is not None:
            grown = longer
            continue
        ended = _grown(grown, part.starts) or grown
        starts = ended if starts is None else starts
        clauses += [ended, *part.clauses]
        grown = part.exact or ("",)
    known = tuple(one for one in (*clauses, grown) if "" not in one)
    return _Part(grown if starts is None else None, grown if starts is None else starts, known)


def _grown(texts: Texts, more: Texts | None) -> Texts | None:
    """Return each text with each of the others behind it, None where that is no help."""
    if more is None or len(texts) * len(more) > _MOST:
        return None
    if "" in more and len(more) > 1 and min(map(len, texts)) >= _LONG:
        return None
    return tuple(dict.fromkeys(map("".join, product(texts, more))))


def _part(kind: Any, value: Any) -> _Part:
    read = _READERS.get(str(kind))
    return read(value) if read else _ANYTHING


def _literal(value: int) -> _Part:
    return _Part((chr(value),), (chr(value),))


def _class(members: Sequence[tuple[Any, Any]]) -> _Part:
    """Return the members of a class of a few letters."""
    if len(members) > _SET or any(str(kind) != "LITERAL" for kind, _ in members):
        return _ANYTHING
    letters = tuple(chr(value) for _, value in members)
    return _Part(letters, letters)


def _branch(value: tuple[Any, Sequence[Any]]) -> _Part:
    parts = [_sequence(one) for one in value[1]]
    starts = _united(part.starts for part in parts)
    exact = [part.exact for part in parts if part.exact is not None]
    if len(exact) == len(parts) and (texts := _united(exact)):
        return _Part(texts, texts)
    best = [min(part.clauses, key=_frequency, default=()) for part in parts]
    clause = _united(best) if all(best) else ()
    return _Part(None, starts or ("",), (clause,) if clause else ())


def _united(many: Iterable[Texts]) -> Texts:
    """Return all of the texts, none where they are too many."""
    texts = tuple(dict.fromkeys(text for one in many for text in one))
    return texts if len(texts) <= _MOST else ()


def _group(value: tuple[Any, int, int, Any]) -> _Part:
    _, more, fewer, pieces = value
    return _ANYTHING if more or fewer else _sequence(pieces)


def _repeat(value: tuple[int, int, Any]) -> _Part:
    least, most, pieces = value
    part = _sequence(pieces)
    if (least, int(most)) == (0, 1) and part.exact:
        return _Part(("", *part.exact), ("", *part.exact))
    if not least:
        return _ANYTHING
    if least == int(most) and (exact := _times(part.exact, least)):
        return _Part(exact, exact)
    return _Part(None, part.starts, part.clauses)


def _times(texts: Texts | None, times: int) -> Texts:
    """Return all that so many of the texts in a row can be, () where that is not known."""
    if texts is None or len(texts) ** times > _MOST:
        return ()
    return tuple(dict.fromkeys(map("".join, product(texts, repeat=times))))


def _nothing(_value: Any) -> _Part:
    """Return what is known of a piece that takes no room: it says nothing of what stands there."""
    return _EMPTY


_READERS: Final[Mapping[str, Callable[[Any], _Part]]] = {
    "ASSERT": _nothing,
    "ASSERT_NOT": _nothing,
    "AT": _nothing,
    "ATOMIC_GROUP": _sequence,
    "BRANCH": _branch,
    "IN": _class,
    "LITERAL": _literal,
    "MAX_REPEAT": _repeat,
    "MIN_REPEAT": _repeat,
    "POSSESSIVE_REPEAT": _repeat,
    "SUBPATTERN": _group,
}


def _nodes(pieces: Any) -> Iterator[tuple[str, Any]]:
    """Yield every piece of a parsed expression, however deep; of a class only the class."""
    for kind, value in pieces:
        name = str(kind)
        yield name, value
        if name != "IN":
            for inner in _inner(value):
                yield from _nodes(inner)


def _inner(value: Any) -> Iterator[Any]:
    """Yield the parsed expressions that a piece holds."""
    if isinstance(value, tuple | list):
        for one in value:
            yield from _inner(one)
    elif hasattr(value, "getwidth"):
        yield value


def _crosses(node: tuple[str, Any]) -> bool:
    """Say whether a piece may match a newline, or tells the text's ends from a line's."""
    name, value = node
    if name == "LITERAL":
        return bool(value == _NEWLINE)
    if name == "NOT_LITERAL":
        return bool(value != _NEWLINE)
    if name == "IN":
        return _has_newline(value)
    if name == "AT":
        return str(value) in _ENDS
    return name == "SUBPATTERN" and bool(value[1] & re.DOTALL)


_ENDS: Final = frozenset(("AT_BEGINNING_STRING", "AT_END_STRING"))
_WITH_NEWLINE: Final = frozenset(("CATEGORY_SPACE", "CATEGORY_NOT_WORD", "CATEGORY_NOT_DIGIT"))


def _has_newline(members: Sequence[tuple[Any, Any]]) -> bool:
    inside = any(map(_is_newline, members))
    return inside is not any(str(kind) == "NEGATE" for kind, _ in members)


def _is_newline(member: tuple[Any, Any]) -> bool:
    kind, value = str(member[0]), member[1]
    if kind == "LITERAL":
        return bool(value == _NEWLINE)
    if kind == "RANGE":
        return bool(value[0] <= _NEWLINE <= value[1])
    return kind == "CATEGORY" and str(value) in _WITH_NEWLINE


def alternatives(pattern: str) -> bool:
    """Say whether the pattern has alternatives outside all groups."""
    depth = 0
    for piece in _GROUPING.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if piece[0] == "|" and not depth:
            return True
    return False


def branches(pattern: str) -> Sequence[str]:
    """Return patterns of which one matches wherever this one does: its alternatives, if it has any.

    Each has the flags that stand before all of them.
    """
    if _JOINED.search(pattern) or not alternatives(pattern):
        return (pattern,)
    flags = _FLAGS.match(pattern)
    start = flags.end() if flags else 0
    depth, ends = 0, []
    for piece in _GROUPING.finditer(pattern, start):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        ends += [piece.start()] if piece[0] == "|" and not depth else []
    starts = (start, *(end + 1 for end in ends))
    parts = (pattern[first:end] for first, end in zip(starts, (*ends, len(pattern)), strict=True))
    return [f"{pattern[:start]}{part}" for part in parts]


_FLAGS: Final = kept.expression(r"\(\?[aimsu]+\)")
_JOINED: Final = kept.expression(r"\\[1-9]|\(\?(?:P=|\(|[a-z]*x)")
"""What refers to other parts of the pattern, or has blanks that mean nothing."""
_GROUPING: Final = kept.expression(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|]", re.DOTALL)
