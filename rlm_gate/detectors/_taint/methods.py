"""What calls of JavaScript, Java and Go return and change, where Python's own would not do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import calls
from rlm_gate.detectors._taint.folding import tried
from rlm_gate.detectors._taint.reading import Argument, Reading
from rlm_gate.detectors._taint.removal import is_counted, is_global, taken_out
from rlm_gate.detectors._taint.values import (
    ALL,
    TEXTUAL,
    UNSET,
    Value,
    built,
    constant,
    listed,
    mixed,
    text,
)
from rlm_gate.syntax import Node

_HOLES: Final = kept.expression(r"%[-+ #0]*(?:\d+\$)?[\d.*]*[a-zA-Z]|\{\d*\}")
_FILTERS: Final = kept.expression(r"(?i:sanit|purif)\w*\Z|\w[fF]ilter\Z|\bfilter[A-Z]\w*\Z")
_LOOKUPS: Final = kept.expression(
    r"\.(?:find|get|load|select|query|fetch|lookup|count|exists)\w*By\w*\Z"
)
_LONGEST_NAME: Final = 200
_NO_SIGNS: Final = frozenset({"hex", "base64url"})  # encodings in letters, digits, - and _ alone
_Method = Callable[[Reading, Value, Sequence[Value]], Value | None]


def result(
    reading: Reading, node: Node, name: str, receiver: Value, args: Sequence[Argument]
) -> Value:
    """Return what a call returns."""
    values = [argument.value for argument in args]
    made = _made(reading, name, receiver, values)
    if made is not None:
        return made
    if not reading.specs.clean.find(name) and not reading.source(f"{name}()", node):
        own = _OWN.get(name.rpartition(".")[2])
        found = own(reading, receiver, values) if own is not None else None
        if found is not None:
            return replace(found, name=found.name or f"{name}()"[:_LONGEST_NAME])
    if _LOOKUPS.search(name):
        return Value(name=f"{name}()"[:_LONGEST_NAME], taints=mixed([receiver]).unseen().taints)
    return _elsewhere(reading, name, values, calls.result(reading, node, name, receiver, args))


def _elsewhere(reading: Reading, name: str, values: Sequence[Value], made: Value) -> Value:
    """Judge what code that nobody sees made of these values, by its name and by them."""
    if _FILTERS.search(name):
        return made.cleaned({ALL})
    if reading.words.clean.find(name):
        return replace(made, fixed=True)
    schemas = reading.words.data.get("schemas")
    if schemas and re.search(schemas, name):
        return made.cleaned(TEXTUAL)
    if values and not made.tainted and all(one.fixed for one in values):
        return replace(made, fixed=made.items is None)  # what constants ask for is the author's
    return made


def _made(reading: Reading, name: str, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Return what a call makes that is known by its whole name: containers, builders, formats."""
    words = reading.words
    if name in words.data["containers"]:
        return _container(words.data["containers"][name], values)
    if words.builders.find(name):
        return replace(text(values) if values else constant(""), shape="text", const=UNSET)
    if words.formats.find(name):
        return formatted(values)
    if name in _ROOTED and len(values) == 1 and values[0].prefix.startswith("/"):
        return built(values).cleaned({"path"})  # nothing is above the root: it can only be joined
    return receiver if words.fluent.find(name) else None


def changed(reading: Reading, name: str, receiver: Value, args: Sequence[Argument]) -> Value | None:
    """Return what a method makes of its receiver, None where it changes nothing."""
    method = name.rpartition(".")[2]
    values = [argument.value for argument in args]
    if receiver.shape == "text" and method in _GROWING:
        return _grown(reading, receiver, values)
    if method in {"put", "set"} and len(values) == 2 and receiver.shape in {"dict", "list"}:
        return receiver.with_item(values[0].const, values[1])
    if method in _ROWS and receiver.items is None and not receiver.shape:
        return None  # of a database: what its table is given does not become the connection
    return calls.changed(_SAME.get(method, method), receiver, values)


def _container(shape: str, values: Sequence[Value]) -> Value:
    if shape == "elements":
        row = values[0] if len(values) == 1 else None
        return row if row is not None and row.shape == "list" else listed(values)
    if shape == "pairs":
        made = Value(items={}, shape="dict")
        for key, item in zip(values[::2], values[1::2], strict=False):
            made = made.with_item(key.const, item)
        return made
    if values and values[0].items is not None and values[0].shape == shape:
        return values[0]
    taints = mixed(values).taints
    return Value(items={}, shape=shape, taints=taints)


def formatted(values: Sequence[Value]) -> Value:
    """Put values into the holes of a text: ``%s`` or ``{0}``."""
    at = next((i for i, one in enumerate(values) if isinstance(one.const, str)), None)
    if at is None:
        return built(values)
    given = [*values[at + 1 :]]
    if len(given) == 1 and given[0].row is not None:
        given = [*given[0].row]
    written = values[at].const
    parts: list[Value] = []
    end = 0
    for hole in _HOLES.finditer(written.replace("%%", "  ")):
        parts.append(constant(written[end : hole.start()]))
        item = given.pop(0) if given else Value()
        number = hole[0][-1] in "dxfX" and not item.items
        parts.append(replace(item, taints=(), fixed=True, const=UNSET) if number else item)
        end = hole.end()
    return text([*parts, constant(written[end:]), *given])


def _grown(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading
    if receiver.shape != "text":
        return None
    return replace(text([receiver, *values[:1]]), shape="text", const=UNSET)


def _concat(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading
    return None if receiver.shape == "list" else text([receiver, *values])


def _char_at(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading
    if isinstance(receiver.const, str) and values and isinstance(values[0].const, int):
        return tried(lambda: receiver.const[values[0].const])
    return built([receiver])


def _cut(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Read a part of a text or list: where it begins and ends is not in it."""
    del reading
    begins = bool(values) and values[0].const == 0
    return replace(built([receiver]), prefix=receiver.prefix if begins else "")


def _replaced(
    reading: Reading, receiver: Value, values: Sequence[Value], *, expression: bool = False
) -> Value | None:
    """Read a replacement: what removes all but what it lists leaves nothing that harms."""
    texts = [one for one in values if isinstance(one.const, str)]
    pattern = texts[0].const if texts else ""
    made = built([receiver, *values])
    if calls.ALLOW_LIST.search(pattern):
        return made.cleaned({ALL})
    if receiver.known and len(texts) == len(values) == 2 and isinstance(receiver.const, str):
        return constant(receiver.const.replace(pattern, values[1].const))
    put = values[1].const if len(values) > 1 else None
    return made.cleaned(taken_out(reading.specs.replacing, pattern, put, expression=expression))


def _replaced_here(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Read ``replace``: JavaScript's leaves all but the first, unless its expression says g."""
    if "replace" not in reading.words.data.get("once", ()):
        return _replaced(reading, receiver, values)
    patterns = (one.const for one in values[:1])
    every = any(map(is_global, patterns))
    return (_replaced if every else _replaced_once)(reading, receiver, values)


def _replaced_all(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Read ``replaceAll``: Java's takes an expression, whatever it looks like."""
    expression = "replaceAll" in reading.words.data.get("expressions", ())
    return _replaced(reading, receiver, values, expression=expression)


def _replaced_once(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading
    texts = [one.const for one in (receiver, *values)]
    if receiver.known and len(texts) == 3 and all(isinstance(one, str) for one in texts):
        return constant(texts[0].replace(texts[1], texts[2], 1))
    return built([receiver, *values])


def _of_package(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Read Go's ``strings.ReplaceAll(text, old, new)``; ``Replace`` has a number beside it."""
    if len(values) == 2:  # C#'s own: text.Replace(old, new)
        return _replaced(reading, receiver, values)
    if len(values) < 3:
        return None
    made = _replaced_once if is_counted(values, 3) else _replaced
    return made(reading, values[0], values[1:3])


def _stringed(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading
    if len(values) == 1 and values[0].const in _NO_SIGNS:
        return receiver.cleaned({"path"})
    if values:  # Integer.toString(x)
        return None
    if receiver.name == "url.URL" and receiver.shape == "dict":
        return _address(receiver)
    return replace(receiver, shape="" if receiver.shape == "text" else receiver.shape)


def _address(made: Value) -> Value:
    """Return the text of Go's ``url.URL{Host: x, Path: y}``; without a host it names none."""
    fields = made.items or {}
    host = fields.get("Host") or fields.get("Opaque")
    parts = [fields[one] for one in ("Path", "RawPath", "RawQuery", "Fragment") if one in fields]
    if host is None:
        return text([constant("/"), *parts]).cleaned({"redirect", "ssrf"})
    scheme = fields.get("Scheme", constant("https"))
    return text([scheme, constant("://"), host, constant("/"), *parts])


def _mapped(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Read a function over all elements: a list of what it returns."""
    del reading
    if not values or values[0].shape != "function":
        return None
    returned = values[0].element(UNSET)
    return (
        Value(items={UNSET: returned}, shape="list")
        if returned.fixed or receiver.items
        else mixed([returned])
    )


def _kept(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading
    return receiver if values and values[0].shape == "function" else None


def _joined(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Read ``list.join(", ")`` and ``String.join(", ", list)``."""
    del reading
    rows = [one for one in (receiver, *values) if one.shape == "list" and one.items]
    if not rows:
        return None
    glue = next((one for one in values if one.known), constant(","))
    parts: list[Value] = []
    for item in (rows[0].items or {}).values():
        parts.extend((glue, item) if parts else (item,))
    return text(parts)


_ROOTED: Final = ("filepath.Clean", "path.Clean")
_GROWING: Final = frozenset(
    {
        "Append",
        "AppendLine",
        "AppendFormat",
        "Insert",
        "append",
        "insert",
        "WriteString",
        "WriteByte",
        "Write",
        "concat",
    }
)
_ROWS: Final = frozenset({"insert", "replace", "update"})
_SAME: Final = {
    "addAll": "extend",
    "addElement": "add",
    "addFirst": "add",
    "addLast": "add",
    "offer": "add",
    "push": "append",
    "putAll": "update",
    "remove": "pop",
    "removeFirst": "",
    "unshift": "appendleft",
}
_OWN: Final[dict[str, _Method]] = {
    "WriteString": _grown,
    "append": _grown,
    "charAt": _char_at,
    "concat": _concat,
    "filter": _kept,
    "flatMap": _mapped,
    "insert": _grown,
    "join": _joined,
    "map": _mapped,
    "replace": _replaced_here,
    "slice": _cut,
    "subSequence": _cut,
    "substr": _cut,
    "substring": _cut,
    "replaceAll": _replaced_all,
    "replaceFirst": _replaced_once,
    "Replace": _of_package,
    "ReplaceAll": _of_package,
    "ReplaceAllString": _replaced,
    "sort": _stringed,
    "String": _stringed,
    "toString": _stringed,
    "valueOf": _stringed,
}
