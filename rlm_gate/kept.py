"""What follows from a text alone, kept from one process to the next: a hook has no time to spare.

Compiled regular expressions, and facts about texts. Nothing that a change, a repository or a clock
could alter belongs here. Where nothing is open, and in a cache that can't be read, all is made.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from rlm_gate.cachedir import CacheDir, entry_key

_KIND: Final = "kept"
_MOST_BYTES: Final = 2 << 20
_ALL_BYTES: Final = 16 << 20  # of all tables and entries: those of older code go
_ANOTHER_RE: Final = (
    *(ImportError, AttributeError, KeyError),  # without what is used here
    *(TypeError, ValueError, OverflowError, RuntimeError),  # with another meaning of it
)
Fact = TypeVar("Fact")
_Form = tuple[int, int, int, int, dict[str, int]]
"""Where its code begins and ends, flags, groups, and the places of those that have a name."""


def expression(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return what ``re.compile`` does, without reading the pattern again if it can be helped."""
    table = _Table.current
    return table.expression(pattern, flags) if table else re.compile(pattern, flags)


def fact(
    kind: str, text: str, make: Callable[[str], Fact], read: Callable[[Any], Fact] | None = None
) -> Fact:
    """Return what ``make`` tells of the text: something JSON can hold, and of the text alone.

    ``read`` makes it of what JSON gives back, such as lists for tuples; no other form is held.
    """
    table = _Table.current
    return table.fact(f"{kind} {text}", text, make, read) if table else make(text)


def entry(kind: str, text: str, make: Callable[[str], Any]) -> Any:
    """Return a fact about a text in the shape that JSON gives it, kept apart from the others.

    For what is large, and of one language alone: it is read when it is asked for.
    """
    table = _Table.current
    return table.entry(kind, text, make) if table else json.loads(json.dumps(make(text)))


@contextmanager
def opened(cache: CacheDir, table: str = "") -> Iterator[None]:
    """Use what is kept there, and keep there what was new; within another, that one serves.

    All of a ``table`` is read at once: what is read often has one of its own.
    """
    if _Table.current:
        yield
        return
    _Table.current = made = _Table(cache, table)
    try:
        yield
    finally:
        _Table.current = None
        made.keep()


@contextmanager
def aside() -> Iterator[None]:
    """Keep nothing of what is asked for here: it is no part of the usual run."""
    table, _Table.current = _Table.current, None
    try:
        yield
    finally:
        _Table.current = table


class _Table:
    """All that is kept for the code that runs now."""

    current: _Table | None = None

    def __init__(self, cache: CacheDir, name: str) -> None:
        self._cache = cache
        self._key = entry_key(_KIND, name)
        head, _, self._codes = (cache.read(_KIND, self._key) or b"[{},{}]").partition(b"\n")
        self._forms: dict[str, _Form]
        self._forms, self._facts = json.loads(head)
        self._made: dict[str, tuple[str, int, re.Pattern[str]]] = {}
        self._told = False

    def expression(self, pattern: str, flags: int) -> re.Pattern[str]:
        name = f"{int(flags)} {pattern}"
        if name in self._made:
            return self._made[name][2]
        form = self._forms.get(name)
        if form is None:
            made = re.compile(pattern, flags)
            self._made[name] = pattern, int(flags), made
            return made
        start, end, own, groups, places = form
        return _built(pattern, self._codes[start:end], own, groups, places)

    def fact(
        self,
        name: str,
        text: str,
        make: Callable[[str], Fact],
        read: Callable[[Any], Fact] | None,
    ) -> Fact:
        if name not in self._facts:
            self._facts[name] = make(text)
            self._told = True
        elif read:
            self._facts[name] = read(self._facts[name])
        known: Fact = self._facts[name]
        return known

    def entry(self, kind: str, text: str, make: Callable[[str], Any]) -> Any:
        key = entry_key(_KIND, kind, text)
        stored = self._cache.read(_KIND, key)
        if stored is None:
            stored = json.dumps(make(text), separators=(",", ":")).encode()
            self._cache.write(_KIND, key, stored)
            self._cache.trim(_KIND, _ALL_BYTES)
        return json.loads(stored)

    def keep(self) -> None:
        """Write the table if it grew; one that would be too large stays as it was."""
        if not (self._made or self._told):
            return
        codes = bytearray(self._codes)
        for name, (pattern, flags, made) in self._made.items():
            with suppress(*_ANOTHER_RE):
                code = _code(pattern, flags, made)
                places = len(codes), len(codes) + len(code)
                self._forms[name] = (*places, made.flags, made.groups, dict(made.groupindex))
                codes += code
        head = json.dumps([self._forms, self._facts], separators=(",", ":")).encode()
        if len(head) + len(codes) <= _MOST_BYTES:
            self._cache.write(_KIND, self._key, head + b"\n" + codes)
            self._cache.trim(_KIND, _ALL_BYTES)


def _code(pattern: str, flags: int, made: re.Pattern[str]) -> bytes:
    """Return the code that ``re`` runs for the pattern. Raises ValueError if it makes another.

    ``re`` has no function for it; those it uses itself have been the same since Python 3.11.
    """
    from array import array

    parser: Any = importlib.import_module("re._parser")
    make = vars(importlib.import_module("re._compiler"))["_code"]
    code = array("I", make(parser.parse(pattern, flags), flags)).tobytes()
    if _built(pattern, code, made.flags, made.groups, dict(made.groupindex)) != made:
        raise ValueError(pattern)
    return code


def _built(
    pattern: str, code: bytes, flags: int, groups: int, places: dict[str, int]
) -> re.Pattern[str]:
    inner: Any = importlib.import_module("_sre")
    names: list[str | None] = [None] * (groups + 1)
    for name, place in places.items():
        names[place] = name
    built: re.Pattern[str] = inner.compile(
        pattern, flags, memoryview(code).cast("I").tolist(), groups, places, tuple(names)
    )
    return built
