"""Frozen, slotted dataclasses that cost little to define: what they need is made when used.

``dataclasses`` reads the fields of every class as it is defined, and writes and compiles up to
eight methods: half a millisecond and more of each start. A hook defines some ninety classes, and
half of them have no object in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, Final, Literal

__all__ = ["dataclass"]

Method = Callable[..., Any]
_NO_VALUE: Final = object()
_VALUES: Final = "__record_values__"
"""Where a class has what its fields are set to if nothing is given."""

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *,
        slots: Literal[True],  # noqa: ARG001  # for those who read the class, and for mypy
        frozen: bool = False,
        order: bool = False,
    ) -> Callable[[type], type]:
        """Do as ``dataclasses.dataclass``, for classes that have slots.

        ``fields``, ``replace``, ``asdict``, ``match``, ``copy`` and ``pickle`` work as they do
        there. ``__post_init__``, ``ClassVar``, ``InitVar``, keyword-only fields and fields of a
        derived class do not.
        """
        shared = {**_EVERY, **(_FROZEN if frozen else _OPEN), **(_ORDERED if order else {})}

        def decorated(plain: type) -> type:
            names = tuple(plain.__annotations__)
            inside = {name: one for name, one in vars(plain).items() if name not in _UNSLOTTED}
            values = {name: inside.pop(name) for name in names if name in inside}
            inside |= {**shared, _VALUES: values, "__slots__": names}
            inside["__doc__"] = plain.__doc__ or plain.__name__
            made = type(plain)(plain.__name__, plain.__bases__, inside)
            made.__qualname__ = plain.__qualname__
            return made

        return decorated


_UNSLOTTED: Final = ("__dict__", "__weakref__")


class _Told:
    """What ``dataclasses`` tells of a class: found out when someone asks for any of it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, _record: object, made: type) -> Any:
        inside = {**getattr(made, _VALUES), "__annotations__": made.__annotations__}
        inside |= {"__module__": made.__module__, "__doc__": made.__doc__}
        plain = type("_", (), inside)
        read: type = dataclasses.dataclass(init=False, repr=False, eq=False)(plain)
        for name in _TOLD:
            setattr(made, name, getattr(read, name))
        return getattr(made, self._name)


def _first(name: str, write: Callable[[type], Mapping[str, Any]]) -> Method:
    """Return a method that puts what is written for its class in its own place, and runs that."""

    def first(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = next(one for one in type(self).__mro__ if _VALUES in vars(one))
        for written, method in write(made).items():
            setattr(made, written, method)
        return getattr(made, name)(self, *args, **kwargs)

    return first


def _comparing(made: type) -> Mapping[str, Method]:
    """Return what compares records of the class: its own methods anew, by their fields."""
    compared = [name for name, one in _fields(made) if one.compare]
    key = attrgetter(*compared) if compared else lambda _self: ()

    def equal(self: Any, other: object) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    def comparing(compare: Callable[[Any, Any], bool]) -> Method:
        def compared(self: Any, other: object) -> Any:
            return (
                compare(key(self), key(other))
                if other.__class__ is self.__class__
                else NotImplemented
            )

        return compared

    methods: dict[str, Method] = {"__eq__": equal, "__hash__": hashed}
    methods |= {name: comparing(compare) for name, compare in _ORDER.items()}
    return {name: method for name, method in methods.items() if vars(made).get(name)}


def _fields(made: type) -> Iterator[tuple[str, Any]]:
    """Yield each field's name, and what ``dataclasses.field`` says of it."""
    values = getattr(made, _VALUES)
    for name in made.__annotations__:
        value = values.get(name, dataclasses.MISSING)
        told = isinstance(value, dataclasses.Field)
        yield name, value if told else dataclasses.field(default=value)


def _initialising(made: type) -> Mapping[str, Method]:
    return {"__init__": _initialiser(made)}


def _initialiser(made: type) -> Method:
    """Write and compile the class's ``__init__``, its parameters in the order of the fields."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_none": _NO_VALUE}
    parameters, lines = ["self"], []
    for name, one in _fields(made):
        default, factory = f"_default_{name}", f"_factory_{name}"
        value, parameter = name, name
        if one.default is not dataclasses.MISSING:
            names[default] = one.default
            value, parameter = (name, f"{name}={default}") if one.init else (default, "")
        elif one.default_factory is not dataclasses.MISSING:
            names[factory] = one.default_factory
            made_now = f"{factory}()"
            value = f"{made_now} if {name} is _none else {name}" if one.init else made_now
            parameter = f"{name}=_none"
        parameters += [parameter] if one.init else []
        lines.append(f"    _set(self, {name!r}, {value})\n")
    source = f"def __init__({', '.join(parameters)}):\n{''.join(lines) or '    pass'}"
    exec(source, names)  # noqa: S102  # field names of our own classes, as dataclasses does it
    written: Method = names["__init__"]
    written.__qualname__ = f"{made.__qualname__}.__init__"
    return written


def _shown(self: Any) -> str:
    shown = (one.name for one in dataclasses.fields(self) if one.repr)
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({inside})"


def _refused(self: object, name: str, _value: object = None) -> None:
    raise dataclasses.FrozenInstanceError(f"{type(self).__name__}.{name} can't be changed")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _restored(self: Any, state: list[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_ORDER: Final = {"__lt__": lt, "__le__": le, "__gt__": gt, "__ge__": ge}
_TOLD: Final = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")
_EVERY: Final[Mapping[str, Any]] = {
    "__init__": _first("__init__", _initialising),
    "__eq__": _first("__eq__", _comparing),
    "__repr__": _shown,
    **{name: _Told(name) for name in _TOLD},
}
_ORDERED: Final = {name: _first(name, _comparing) for name in _ORDER}
_OPEN: Final = {"__hash__": None}
_FROZEN: Final[Mapping[str, Method]] = {
    "__hash__": _first("__hash__", _comparing),
    "__setattr__": _refused,
    "__delattr__": _refused,
    "__getstate__": _state,
    "__setstate__": _restored,
}
