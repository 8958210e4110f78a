"""Dataclasses and named tuples for cells: the stdlib's build source text, these do not.

The generated methods are plain closures over the field names the class body annotated.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from typing import Any

from rlm_gate.rlm.sandbox import guards
from rlm_gate.rlm.sandbox.guards import CellClass
from rlm_gate.rlm.sandbox.show import representation

_MISSING = object()


class Field:
    """What ``field(...)`` leaves in the class body."""

    __slots__ = ("default", "factory", "init", "shown")

    def __init__(self, default: Any, factory: Any, init: bool, shown: bool) -> None:  # noqa: FBT001 - built in one place, below
        self.default = default
        self.factory = factory
        self.init = init
        self.shown = shown

    def value(self) -> Any:
        """Return the default. Raises TypeError where there is none."""
        if self.factory is not _MISSING:
            return self.factory()
        return self.default


def field(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    init: bool = True,
    repr: bool = True,  # noqa: A002 - the stdlib's name
    **_others: Any,
) -> Field:
    """Do what ``dataclasses.field`` does, for the options that matter here."""
    return Field(default, default_factory, bool(init), bool(repr))


def dataclass(kind: Any = None, /, **options: Any) -> Any:
    """Do what ``dataclasses.dataclass`` does: constructor, repr, equality, order, hash."""
    if kind is None:
        return lambda made: dataclass(made, **options)
    if type(kind) is not CellClass:
        raise TypeError("dataclass decorates a class of yours")
    fields = _fields(kind)
    _set(kind, "__cell_record__", fields)
    if "__init__" not in vars(kind):
        _set(kind, "__init__", _constructor(kind, fields))
    if "__repr__" not in vars(kind):
        _set(kind, "__repr__", _shower(fields))
    _compare(kind, tuple(fields), options)
    for name, one in fields.items():
        if one.default is not _MISSING:
            _set(kind, name, one.default)
    return kind


def _fields(kind: CellClass) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for base in reversed(kind.__mro__):
        found.update(vars(base).get("__cell_record__", {}))
    for name in kind.__cell_fields__:
        if name in found and name not in vars(kind):
            continue
        value = vars(kind).get(name, _MISSING)
        found[name] = value if type(value) is Field else Field(value, _MISSING, True, True)  # noqa: FBT003 - as declared above
    return found


def _set(kind: CellClass, name: str, value: Any) -> None:
    type.__setattr__(kind, name, value)


def _constructor(kind: CellClass, fields: dict[str, Field]) -> Callable[..., None]:
    names = [name for name, one in fields.items() if one.init]

    def __init__(self: Any, *arguments: Any, **named: Any) -> None:  # noqa: N807 - it becomes one
        given = _bind(kind, names, arguments, named)
        for name, one in fields.items():
            value = given[name] if name in given else one.value()
            if value is _MISSING:
                raise TypeError(f"{kind.__name__}() needs {name!r}")
            setattr(self, name, value)
        finish = getattr(self, "__post_init__", None)
        if finish is not None:
            finish()

    return __init__


def _bind(
    kind: CellClass, names: list[str], arguments: tuple[Any, ...], named: dict[str, Any]
) -> dict[str, Any]:
    if len(arguments) > len(names):
        raise TypeError(f"{kind.__name__}() takes {len(names)} values, {len(arguments)} given")
    given = dict(zip(names, arguments, strict=False))
    for name, value in named.items():
        if name not in names or name in given:
            raise TypeError(f"{kind.__name__}() has no such argument, or has it twice: {name!r}")
        given[name] = value
    return given


def _shower(fields: dict[str, Field]) -> Callable[[Any], str]:
    shown = [name for name, one in fields.items() if one.shown]

    def __repr__(self: Any) -> str:  # noqa: N807 - it becomes one
        inner = ", ".join(f"{name}={representation(getattr(self, name))}" for name in shown)
        return f"{type(self).__name__}({inner})"

    return __repr__


def _compare(kind: CellClass, names: tuple[str, ...], options: dict[str, Any]) -> None:
    def key(one: Any) -> tuple[Any, ...]:
        return tuple(getattr(one, name) for name in names)

    def same(self: Any, other: Any) -> Any:
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def less(self: Any, other: Any) -> Any:
        return key(self) < key(other) if type(other) is type(self) else NotImplemented

    if options.get("eq", True) and "__eq__" not in vars(kind):
        _set(kind, "__eq__", same)
        frozen = options.get("frozen") or options.get("unsafe_hash")
        _set(kind, "__hash__", (lambda self: hash(key(self))) if frozen else None)
    if options.get("order"):
        _set(kind, "__lt__", less)
        _set(kind, "__le__", lambda self, other: less(self, other) or same(self, other))
        _set(kind, "__gt__", lambda self, other: not less(self, other) and not same(self, other))
        _set(kind, "__ge__", lambda self, other: not less(self, other))


def asdict(record: Any) -> Any:
    """Do what ``dataclasses.asdict`` does."""
    fields = getattr(type(record), "__cell_record__", None)
    if fields is None:
        raise TypeError("asdict() takes an object of a dataclass")
    return {name: plain(getattr(record, name)) for name in fields}


def plain(value: Any) -> Any:
    """Return the value with the dataclasses inside it as dicts."""
    kind = type(value)
    if kind in {list, tuple}:
        return kind(plain(item) for item in value)
    if kind is dict:
        return {key: plain(item) for key, item in value.items()}
    return asdict(value) if hasattr(kind, "__cell_record__") else value


def replace(record: Any, /, **changes: Any) -> Any:
    """Do what ``dataclasses.replace`` does."""
    fields = getattr(type(record), "__cell_record__", None)
    if fields is None:
        raise TypeError("replace() takes an object of a dataclass")
    kept = {name: getattr(record, name) for name, one in fields.items() if one.init}
    return type(record)(**{**kept, **changes})


def namedtuple(name: Any, names: Any, *, defaults: Iterable[Any] = ()) -> type:
    """Do what ``collections.namedtuple`` does; fields whose names start with "_" are refused."""
    if type(name) is not str:
        raise TypeError("namedtuple takes a name and a list of field names")
    listed = names.replace(",", " ").split() if type(names) is str else list(names)
    if not all(type(one) is str for one in listed):
        raise TypeError("a field name is a str")
    return _tuple_type(name, listed, tuple(defaults))


def _tuple_type(name: str, names: list[str], defaults: tuple[Any, ...]) -> type:
    made = collections.namedtuple(name, names, defaults=defaults, module="__main__")  # type: ignore[misc]  # noqa: PYI024 - the names are the cell's
    guards.allow(made, " ".join(("_asdict", "_replace", "_fields", "count", "index", *names)))
    guards.allow_on_class(made, "_make _fields")
    guards.PLAIN_TYPES.add(made)
    return made


class NamedTuple:
    """The marker base of ``class P(NamedTuple)``."""


class TypedDict:
    """The marker base of ``class D(TypedDict)``: calling it gives a dict."""


def _as_named_tuple(kind: CellClass) -> Any:
    names = list(kind.__cell_fields__)
    body = vars(kind)
    defaults = tuple(body[name] for name in names if name in body)
    return _tuple_type(kind.__name__, names, defaults)


guards.RECORD_BASES[NamedTuple] = _as_named_tuple
guards.RECORD_BASES[TypedDict] = lambda _kind: dict  # type: ignore[assignment,return-value]  # a dict is all it is
