"""Functions of Python that are handed over, and what they will be called with: partial, threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate.detectors._taint.reading import Argument
from rlm_gate.detectors._taint.values import UNSET, Value

_PARTIAL: Final = "functools.partial"
_SHAPE: Final = "partial"
_Call = tuple[Value, Sequence[Argument]]

# By the last part of the name of a call: the place of the function. Its arguments follow.
_FOLLOWED: Final = {
    "apply_sync": 0,
    "call_later": 1,
    "call_soon": 0,
    "call_soon_threadsafe": 0,
    "run_in_executor": 1,
    "run_in_threadpool": 0,
    "run_sync": 0,
    "submit": 0,
    "to_thread": 0,
}
_PACKED: Final = ("apply", "apply_async")  # the function, then a tuple
_MAPPED: Final = ("map", "imap", "imap_unordered", "map_async", "filter")  # and then a list
_TARGETED: Final = ("Thread", "Process")


def bound(name: str, arguments: Sequence[Argument]) -> Value | None:
    """Return what ``functools.partial`` makes: a function that remembers arguments."""
    if name != _PARTIAL or not arguments or arguments[0].place != 0:
        return None
    function, rest = _whole(arguments[0].value, _shifted(arguments, 1))
    if not function.name:
        return None
    items = {one.place: one.value for one in rest if one.place is not None}
    return Value(name=function.name, items=items, shape=_SHAPE)


def remembered(function: Value, arguments: Sequence[Argument]) -> Sequence[Argument]:
    """Return the arguments of a call with those that the function remembers before them."""
    return _whole(function, arguments)[1]


def handed(name: str, arguments: Sequence[Argument]) -> Iterator[_Call]:
    """Yield the functions that a call is handed to call, and what it calls them with."""
    method = name.rpartition(".")[2]
    given = {one.place: one.value for one in arguments}
    place = _FOLLOWED.get(method)
    if place is not None and place in given:
        yield _whole(given[place], _shifted(arguments, place + 1))
    elif method in _PACKED and 0 in given:
        packed = given.get(1, given.get("args"))
        named = given.get(2, given.get("kwds"))
        yield _whole(given[0], [*_unpacked(packed), *_unpacked(named)])
    elif method in _MAPPED and 0 in given and 1 in given:
        yield _whole(given[0], [Argument(0, given[1].element(UNSET))])
    elif method in _TARGETED and "target" in given:
        several = [*_unpacked(given.get("args")), *_unpacked(given.get("kwargs"))]
        yield _whole(given["target"], several)


def _whole(function: Value, arguments: Sequence[Argument]) -> _Call:
    if function.shape != _SHAPE or function.items is None:
        return function, arguments
    first = [Argument(place, value) for place, value in function.items.items()]
    places = sum(isinstance(one.place, int) for one in first)
    later = {one.place for one in arguments}
    kept = [one for one in first if isinstance(one.place, int) or one.place not in later]
    return replace(function, items=None, shape=""), [*kept, *_shifted(arguments, -places)]


def _shifted(arguments: Sequence[Argument], by: int) -> list[Argument]:
    """Return the arguments from that place on, counted from there; those by name stay."""
    return [
        one._replace(place=one.place - by) if isinstance(one.place, int) else one
        for one in arguments
        if not isinstance(one.place, int) or one.place >= by
    ]


def _unpacked(value: Value | None) -> Iterator[Argument]:
    for key, item in (value.items or {}).items() if value is not None else ():
        if isinstance(key, int | str):
            yield Argument(key, item)
