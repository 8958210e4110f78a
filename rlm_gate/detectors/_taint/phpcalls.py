"""What PHP's own functions make of values, where a list of names would not tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint.reading import Reading
from rlm_gate.detectors._taint.removal import in_slashes, is_counted, taken_out
from rlm_gate.detectors._taint.values import ALL, UNSET, Value, built, constant, mixed, text

_NUMERIC: Final = kept.expression(r"VALIDATE_(?:INT|FLOAT|BOOL|IP|MAC|DOMAIN)|NUMBER_(?:INT|FLOAT)")
_ESCAPED: Final = kept.expression(r"SPECIAL_CHARS|SANITIZE_STRING|SANITIZE_ENCODED")


def _filtered(reading: Reading, values: Sequence[Value]) -> Value | None:
    """Read ``filter_var``: what its filter lets through."""
    del reading
    asked = " ".join(one.name for one in values[1:])
    if _NUMERIC.search(asked):
        return Value(fixed=True)
    made = built(values[:1])
    return made.cleaned({"xss"}) if _ESCAPED.search(asked) else made


def _asked(reading: Reading, values: Sequence[Value]) -> Value | None:
    """Read ``filter_input``, a source whose filter may leave no harm."""
    del reading
    asked = " ".join(one.name for one in values[2:])
    return Value() if _NUMERIC.search(asked) or _ESCAPED.search(asked) else None


def _each(reading: Reading, values: Sequence[Value]) -> Value | None:
    """Read ``array_map``: what the function makes of the elements."""
    if len(values) < 2:
        return None
    function, rows = values[0], mixed(values[1:])
    if isinstance(function.const, str):
        if reading.words.clean.find(function.const):
            return Value(items={UNSET: Value(fixed=True)}, shape="list")
        if kinds := reading.specs.clean.find(function.const):
            return Value(items={UNSET: rows.cleaned(kinds)}, shape="list")
        if function.const not in reading.words.data["wrappers"]:
            return rows.cleaned({"xss"})  # code of another file, which escapes in pages, mostly
    if function.shape == "function" and not function.element(UNSET).tainted:
        return Value(items={UNSET: function.element(UNSET)}, shape="list")
    return rows


def _glued(reading: Reading, values: Sequence[Value]) -> Value | None:
    """Read ``implode``: the elements, whichever argument is the list."""
    del reading
    rows = next((one for one in values if one.items is not None), None)
    if rows is None:
        return None
    glue = next((one for one in values if one is not rows), constant(""))
    parts: list[Value] = []
    for item in (rows.items or {}).values():
        parts.extend((glue, item) if parts else (item,))
    return replace(text(parts) if parts else Value(fixed=True), const=UNSET)


def _replaced(reading: Reading, values: Sequence[Value]) -> Value | None:
    """Read ``preg_replace``: what removes all but what it lists leaves nothing that harms."""
    pattern = values[0].const
    made = built(values[1:])
    if is_counted(values, 3):
        return made
    if isinstance(pattern, str) and re.search(r"\[\^|\\W|\\D", pattern):
        return made.cleaned({ALL})
    put = values[1].const if len(values) > 1 else None
    return made.cleaned(taken_out(reading.specs.replacing, in_slashes(pattern), put))


def _without(reading: Reading, values: Sequence[Value]) -> Value | None:
    """Read ``str_replace``: where the text that harms is taken out, the rest does none."""
    put = values[1].const if len(values) > 1 else None
    return built(values[1:]).cleaned(taken_out(reading.specs.replacing, values[0].const, put))


def _passed(reading: Reading, values: Sequence[Value]) -> Value | None:
    """Read ``apply_filters``: what it is given, unless somebody's plug-in makes something else."""
    del reading
    return replace(values[1].unseen(), const=UNSET, fixed=False) if len(values) > 1 else None


def _shortened(reading: Reading, values: Sequence[Value]) -> Value | None:
    """Read ``rtrim`` and ``substr``: of a statement what an end of it leaves says as much."""
    del reading
    if values[0].harmless or not values[0].written:
        return None
    return replace(built(values), written=values[0].written, prefix=values[0].prefix)


KNOWN: Final[Mapping[str, Callable[[Reading, Sequence[Value]], Value | None]]] = {
    "apply_filters": _passed,
    "array_map": _each,
    "chop": _shortened,
    "filter_input": _asked,
    "filter_var": _filtered,
    "implode": _glued,
    "join": _glued,
    "preg_replace": _replaced,
    "rtrim": _shortened,
    "str_replace": _without,
    "substr": _shortened,
    "trim": _shortened,
}
