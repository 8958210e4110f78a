"""Say in words what a schema found wrong, and where. Knows no pydantic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rlm_gate.errors import Problem
from rlm_gate.yamlmarks import NULLS, Document, Loc

EXPLANATIONS = {
    "bool_type": "true or false is wanted (yes, no, on and off are text)",
    "dict_type": "a mapping of 'key: value' lines is wanted",
    "float_type": "a number is wanted",
    "int_type": "a whole number is wanted",
    "list_type": "a list is wanted: [a, b], or one '- a' a line",
    "model_type": "a mapping of 'key: value' lines is wanted",
    "too_short": "at least one entry is needed",
}


def empty_values(document: Document) -> Iterator[Problem]:
    """Yield a problem for every key without a value."""
    for loc, source in document.sources.items():
        if source in NULLS:
            yield document.problem(loc, f"{dotted(loc)}empty; write a value or leave the key out")


def place(data: Any, loc: Sequence[str | int]) -> Loc:
    """Drop from pydantic's place what is no part of the file: the names of union members."""
    place: list[str | int] = []
    for index, step in enumerate(loc):
        if isinstance(data, list) and isinstance(step, int):
            data = data[step]
        elif isinstance(data, dict) and (
            step in data or (index == len(loc) - 1 and not str(step).startswith("<"))
        ):  # a last step may be a key that the file lacks
            data = data.get(step)
        else:
            continue
        place.append(step)
    return tuple(place)


def shown(value: Any) -> str:
    """Return a short value as it is."""
    return repr(value) if isinstance(value, str | int | float) else "this"


def dotted(loc: Loc) -> str:
    """Return the place as people write it, with a colon: ``detect[0].engine: ``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return "".join(steps).removeprefix(".") + ": " if loc else ""
