"""Which functions of a file are worth reading: those that lead to a sink, near what changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache

from rlm_gate import kept
from rlm_gate.core import SourceFile
from rlm_gate.core.records import dataclass
from rlm_gate.detectors._taint.reading import Function

WORD = kept.expression(r"\w+")
_CALLED = kept.expression(r"(\w+)\(")


@dataclass(frozen=True, slots=True)
class Words:
    """Words of which a text may have one: looking up the text's own is faster than a search."""

    plain: frozenset[str]
    odd: re.Pattern[str] | None

    def among(self, words: Iterable[str], text: str) -> bool:
        """Say whether one of them is in the text, whose words these are."""
        return not self.plain.isdisjoint(words) or bool(self.odd and self.odd.search(text))


def any_of(words: frozenset[str]) -> Words:
    """Return what looks for one of these."""
    odd = frozenset(word for word in words if not word.isidentifier())
    return Words(words - odd, _odd(odd) if odd else None)


@lru_cache(maxsize=128)
def _odd(words: frozenset[str]) -> re.Pattern[str]:
    return kept.expression(rf"\b(?:{'|'.join(sorted(map(re.escape, words)))})\b")


class Looks:
    """What the texts of a file's functions hold, looked at once."""

    def __init__(self, sinks: Words) -> None:
        self._sinks = sinks
        self._known: dict[int, tuple[str, frozenset[str]]] = {}
        self._called: dict[int, frozenset[str]] = {}

    def words(self, function: Function) -> frozenset[str]:
        """Return the words of the function's text."""
        return self._text(function)[1]

    def has(self, function: Function) -> bool:
        """Say whether the function's text has a word of a sink."""
        text, words = self._text(function)
        return self._sinks.among(words, text)

    def calls(self, function: Function, names: frozenset[str]) -> bool:
        """Say whether the function calls one of the names."""
        text, words = self._text(function)
        if names.isdisjoint(words):
            return False
        start = function.place[0]
        if start not in self._called:
            self._called[start] = frozenset(_CALLED.findall(text))
        return not names.isdisjoint(self._called[start])

    def _text(self, function: Function) -> tuple[str, frozenset[str]]:
        start = function.place[0]
        if start not in self._known:
            text = function.node.text()
            self._known[start] = text, frozenset(WORD.findall(text))
        return self._known[start]


def near_change(
    file: SourceFile,
    found: Sequence[Function],
    functions: Mapping[str, Function],
    looks: Looks,
) -> Callable[[Function], bool]:
    """Say of a function whether a sink that the change touches can be met from it.

    That is a function with a changed line, or one that has the name of such a one somewhere. What
    changed outside of functions may concern each of them.
    """
    if file.status in {"whole", "added"} or _changed_outside(file, found):
        return lambda _function: True

    named = [(name.rpartition(".")[2], one) for name, one in functions.items()]

    @cache
    def names() -> frozenset[str]:
        words = {name: looks.words(one) for name, one in named}
        near = {name for name, one in named if _touched(file, one)}
        while more := {name for name, own in words.items() if name not in near and own & near}:
            near |= more
        return frozenset(near)

    return lambda function: (
        _touched(file, function) or not names().isdisjoint(looks.words(function))
    )


def _changed_outside(file: SourceFile, found: Sequence[Function]) -> bool:
    lines = file.lines
    inside = set[int]().union(*(range(*_lines(one)) for one in found))
    written = (line for span in file.changed for line in range(span.start, span.end + 1))
    return any(
        line not in inside and lines[line - 1].strip() for line in written if line <= len(lines)
    ) or any(block.after_line not in inside for block in file.removed)


def _touched(file: SourceFile, function: Function) -> bool:
    start, behind = _lines(function)
    return file.touched(start, behind - 1)


def _lines(function: Function) -> tuple[int, int]:
    """Return the first line of a function and the one behind its last."""
    span = function.node.range()
    return span.start.line + 1, span.end.line + 2


def leading_to(looks: Looks, functions: Mapping[str, Function]) -> frozenset[str]:
    """Return the names of the file's functions that hold a sink or call one that leads to it."""
    named = [(name.rpartition(".")[2], one) for name, one in functions.items()]
    found = frozenset(name for name, one in named if looks.has(one))
    while more := {name for name, one in named if name not in found and looks.calls(one, found)}:
        found |= more
    return found
