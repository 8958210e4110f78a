"""What a call of Python code returns and changes. Knows values, not how they were written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint.reading import Argument, Env, Reading
from rlm_gate.detectors._taint.removal import is_counted, taken_out
from rlm_gate.detectors._taint.values import (
    ALL,
    NOTHING,
    UNSET,
    Taint,
    Value,
    built,
    constant,
    join,
    joined,
    listed,
    mixed,
    text,
)
from rlm_gate.syntax import Node

ALLOW_LIST: Final = kept.expression(r"\[\^|\\W|\\D|\\S")
_ANSWERS: Final = kept.expression(
    r"(?:render|show|send|redirect|respond)"
)  # and reads nothing out of it
_MAX_TEXT: Final = 20_000
_BEFORE_QUERY: Final = ("?", b"?", "#", b"#")


def result(
    reading: Reading, node: Node, name: str, receiver: Value, args: Sequence[Argument]
) -> Value:
    """Return what a call of a library's function returns."""
    called = f"{name}()" if len(name) < 200 else "?"
    values = [argument.value for argument in args]
    if taints := reading.source(called, node):
        return Value(name=called, taints=taints)
    if reading.words.clean.find(name):
        return _measured(name, values, called)
    if kinds := reading.specs.clean.find(name):
        made = built([receiver, *values] if receiver.taints else values)
        return replace(made.cleaned(kinds), name=called, fixed=made.fixed or not made.taints)
    return _of_method(reading, node, name, receiver, args)


def _measured(name: str, values: Sequence[Value], called: str) -> Value:
    if name == "len" and len(values) == 1 and isinstance(values[0].const, str | bytes | tuple):
        return constant(len(values[0].const))
    return Value(name=called, fixed=bool(values) and all(value.harmless for value in values))


def _of_method(
    reading: Reading, node: Node, name: str, receiver: Value, args: Sequence[Argument]
) -> Value:
    method = name.rpartition(".")[2]
    values = [argument.value for argument in args]
    called = f"{name}()" if len(name) < 200 else "?"
    if carrier := _from_request(reading, node, method, receiver, values):
        return replace(carrier, name=called)
    # Paths.get reads no key of a table
    own = None if name == "Paths.get" else _METHODS.get(method)
    if own is not None and (found := own(reading, receiver, values)) is not None:
        return replace(found, name=found.name or called)
    if name in reading.words.data["wrappers"]:
        if name == "shlex.split" and values and values[0].taints:
            made = _words(values[0])
        else:
            shape = "dict" if name == "dict" else ""
            made = replace(built(values), name=called, shape=shape)
        return made.raw() if re.search(reading.words.data["decoders"], name) else made
    if method in reading.words.data["text_methods"]:
        return replace(built([receiver, *values]), name=called)
    if method in reading.words.lookups:
        return replace(mixed([receiver]), name=called)
    shape = "store" if name + "()" in _stores(reading) else ""
    made = mixed([receiver, *values], called).unseen()
    return replace(made, shape=shape, items={} if shape else None)


def _stores(reading: Reading) -> frozenset[str]:
    known = reading.words.data
    if "_stores" not in known:
        from rlm_gate.detectors._taint.spec import expanded

        names = (name for pattern in known["stores"] for name in expanded(pattern))
        known["_stores"] = frozenset(names)  # type: ignore[index]  # the vocabulary's own memory
    return known["_stores"]  # type: ignore[no-any-return]


def _from_request(
    reading: Reading, node: Node, method: str, receiver: Value, values: Sequence[Value]
) -> Value | None:
    """Return what an accessor of ours gets out of a request that it was given."""
    wrapped = receiver.shape == "request"
    given = any(is_request(reading, value) for value in values)
    if not wrapped and not given:
        return None
    if re.search(reading.words.data["accessors"], method) and not _ANSWERS.match(method):
        span = node.range()
        lines = (span.start.line + 1, span.end.line + 1)
        return Value(taints=(Taint("remote", span.start.index, (lines,), guessed=True),))
    return Value(shape="request") if given and not wrapped else None


def is_request(reading: Reading, value: Value) -> bool:
    """Say whether the value is the whole request."""
    return value.shape == "request" or bool(value.name and reading.words.requests.find(value.name))


def _get(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Read a key: of a dictionary, of a store by all keys, of what came from outside."""
    del reading
    if receiver.shape == "store":
        return receiver.element(tuple(value.const for value in values[:2]))
    if receiver.items is not None and values:
        return joined([receiver.element(values[0].const), *values[1:2]])
    if receiver.taints:
        key = values[0].const if values else UNSET
        return receiver.part(key) if isinstance(key, str) else mixed([receiver])
    return Value() if receiver.name and values else None


def _sub(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Read ``re.sub``: what removes all but what it lists leaves nothing that harms."""
    pattern, *others = (receiver, *values) if receiver.known else values or (NOTHING,)
    if is_counted(others, 2) or not isinstance(pattern.const, str):
        return built(values)
    if ALLOW_LIST.search(pattern.const):
        return built(values).cleaned({ALL})
    put = others[0].const if others else None
    gone = taken_out(reading.specs.replacing, pattern.const, put, expression=True)
    return built(values).cleaned(gone)


def _replace(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    texts = all(isinstance(one.const, str) for one in (receiver, *values))
    if texts and len(values) == 2 and len(receiver.const) < _MAX_TEXT:
        return constant(receiver.const.replace(values[0].const, values[1].const))
    made = built([receiver, *values])
    piece, put = (values[0].const, values[1].const) if len(values) > 1 else (None, None)
    if is_counted(values, 2):
        return made
    return made.cleaned(taken_out(reading.specs.replacing, piece, put))


def _join(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading
    if receiver.known and len(values) == 1 and values[0].shape == "list" and values[0].items:
        parts: list[Value] = []
        for item in values[0].items.values():
            parts.extend((receiver, item) if parts else (item,))
        return text(parts)
    return None


def _format(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading
    beginning = receiver.const.partition("{")[0] if isinstance(receiver.const, str) else ""
    return replace(built([receiver, *values]), prefix=beginning)


def _split(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Split a text. The query of an address is not what a check of its path was about."""
    del reading
    if receiver.taints and values and values[0].const in _BEFORE_QUERY:
        return listed([receiver.part(0), receiver.part(1)])
    if receiver.taints and not values:
        return _words(receiver)
    consts = [receiver.const, *(value.const for value in values)]
    if all(isinstance(one, str) for one in consts[:2]) and len(values) <= 1 and all(consts[1:]):
        return listed([constant(part) for part in receiver.const.split(*consts[1:])])
    return None


def _words(command: Value) -> Value:
    """Return the words of a text: the first one is the author's where the text begins with it."""
    own = command.prefix.split()
    begins = constant(own[0]) if own and command.prefix.lstrip() != own[0] else mixed([command])
    return Value(items={0: begins, UNSET: mixed([command])}, shape="list")


def _partition(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    parts = _split(reading, receiver, values) if receiver.taints else None
    return listed([parts.element(0), values[0], parts.element(1)]) if parts is not None else None


def _case(change: Callable[[str], str]) -> Callable[..., Value | None]:
    def apply(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
        del reading
        return (
            constant(change(receiver.const))
            if isinstance(receiver.const, str) and not values
            else None
        )

    return apply


def _pairs(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading, values
    if receiver.items is None or receiver.shape != "dict":
        return None
    rows = [listed([_key(key), item]) for key, item in receiver.items.items()]
    return Value(items={UNSET: joined(rows)} if rows else {}, shape="list")


def _values(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading, values
    if receiver.items is None or receiver.shape != "dict":
        return None
    return Value(
        items={UNSET: joined(receiver.items.values())} if receiver.items else {}, shape="list"
    )


def _keys(reading: Reading, receiver: Value, values: Sequence[Value]) -> Value | None:
    del reading, values
    if receiver.items is None or receiver.shape != "dict":
        return None
    keys = joined(_key(key) for key in receiver.items)
    return Value(items={UNSET: keys} if receiver.items else {}, shape="list")


def _key(key: object) -> Value:
    return NOTHING if key is UNSET else constant(key)


_METHODS: Final[dict[str, Callable[[Reading, Value, Sequence[Value]], Value | None]]] = {
    "format": _format,
    "get": _get,
    "getlist": _get,
    "items": _pairs,
    "iteritems": _pairs,
    "join": _join,
    "keys": _keys,
    "lower": _case(str.lower),
    "partition": _partition,
    "pop": _get,
    "replace": _replace,
    "rpartition": _partition,
    "rsplit": _split,
    "setdefault": _get,
    "split": _split,
    "strip": _case(str.strip),
    "sub": _sub,
    "upper": _case(str.upper),
    "values": _values,
}


def listing(name: str, written: Value) -> Value | None:
    """Return what a function of JavaScript lists of an object that is spelled out, else None."""
    if written.shape != "dict" or written.items is None or written.taints or UNSET in written.items:
        return None
    kept = [(_key(key), item) for key, item in written.items.items()]
    if name == "Object.entries":
        return listed([listed(one) for one in kept])
    if name in {"Object.keys", "Object.values"}:
        return listed([one[name == "Object.values"] for one in kept])
    return None


def changed(method: str, receiver: Value, values: Sequence[Value]) -> Value | None:
    """Return what a method makes of its receiver, None where it changes nothing."""
    change = _CHANGES.get(method)
    return change(receiver, values) if change and (values or method in {"pop", "clear"}) else None


def _append(receiver: Value, values: Sequence[Value]) -> Value:
    if receiver.shape == "list" and receiver.items is not None and UNSET not in receiver.items:
        return replace(receiver, items={**receiver.items, len(receiver.items): values[-1]})
    if receiver.items is not None:
        return receiver.with_item(UNSET, values[-1])
    return replace(receiver, taints=mixed([receiver, *values]).taints)


def _extend(receiver: Value, values: Sequence[Value]) -> Value | None:
    more = values[0]
    if receiver.items is None and isinstance(more.const, str):
        return None  # the rows of a database's table
    if receiver.row is not None and more.row is not None:
        return listed([*receiver.row, *more.row])
    if receiver.items is not None and more.items is not None and more.shape == "dict":
        return replace(receiver, items={**receiver.items, **more.items})
    return _append(receiver, [mixed(values)])


def _insert(receiver: Value, values: Sequence[Value]) -> Value | None:
    at = values[0].const
    items = receiver.items
    if items is None and isinstance(at, str):
        return None  # a row, into the table of a database
    if (
        receiver.shape == "list"
        and items is not None
        and isinstance(at, int)
        and UNSET not in items
    ):
        row = [*items.values()]
        row.insert(at, values[-1])
        return listed(row)
    return _append(receiver, values)


def _remove(receiver: Value, values: Sequence[Value]) -> Value | None:
    items = receiver.items
    if items is None or UNSET in items:
        return None
    at = values[0].const if values else -1
    row = [*items.values()]
    if receiver.shape == "list" and isinstance(at, int) and -len(row) <= at < len(row):
        row.pop(at)
        return listed(row)
    return None


def _put(receiver: Value, values: Sequence[Value]) -> Value | None:
    if receiver.shape != "store" or len(values) < 2:
        return None
    return receiver.with_item(tuple(value.const for value in values[:-1]), values[-1])


def _write(receiver: Value, values: Sequence[Value]) -> Value | None:
    if not receiver.name.startswith("io."):
        return None
    return join(receiver, replace(mixed([receiver, *values]), name=receiver.name))


_CHANGES: Final[dict[str, Callable[[Value, Sequence[Value]], Value | None]]] = {
    "add": _append,
    "append": _append,
    "appendleft": _append,
    "clear": lambda receiver, _: replace(
        receiver, items={} if receiver.items is not None else None, taints=()
    ),
    "extend": _extend,
    "insert": _insert,
    "pop": _remove,
    "put": _append,
    "set": _put,
    "update": _extend,
    "write": _write,
    "writelines": _write,
}

__all__ = ["Env", "changed", "is_request", "listing", "result"]
