"""Frozen, slotted dataclasses that cost little to define: their ``__init__`` is written when used.

``dataclasses`` writes and compiles up to eight methods for every class as it is defined, half a
millisecond and more of each start. A hook defines some eighty classes, and half of them have no
object in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from operator import attrgetter, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, Final, Literal

__all__ = ["dataclass"]

Method = Callable[..., Any]
_NO_VALUE: Final = object()

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *, slots: Literal[True], frozen: bool = False, order: bool = False
    ) -> Callable[[type], type]:
        """Do as ``dataclasses.dataclass``, for classes that have slots.

        ``fields``, ``replace``, ``asdict``, ``match``, ``copy`` and ``pickle`` work as they do
        there. ``__post_init__``, ``InitVar``, keyword-only fields and inheritance do not.
        """

        def decorated(plain: type) -> type:
            plain.__doc__ = plain.__doc__ or plain.__name__  # else its signature is looked up
            made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(plain)
            for name, method in _methods(made, frozen=frozen, order=order).items():
                setattr(made, name, method)
            return made

        return decorated


def _methods(made: type, *, frozen: bool, order: bool) -> Mapping[str, Method | None]:
    """Return what the class gets now: methods that many classes share, or that need no text."""
    compared = [one.name for one in dataclasses.fields(made) if one.compare]
    key = attrgetter(*compared) if compared else lambda _self: ()

    def first(self: Any, *args: Any, **kwargs: Any) -> None:
        written = _initialiser(made)
        setattr(made, "__init__", written)  # noqa: B010  # mypy takes no plain assignment
        written(self, *args, **kwargs)

    def equal(self: Any, other: object) -> Any:
        return key(self) == key(other) if other.__class__ is made else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    def comparing(compare: Callable[[Any, Any], bool]) -> Method:
        def compared(self: Any, other: object) -> Any:
            return compare(key(self), key(other)) if other.__class__ is made else NotImplemented

        return compared

    ordering = {"__lt__": lt, "__le__": le, "__gt__": gt, "__ge__": ge} if order else {}
    return {
        "__init__": first,
        "__eq__": equal,
        "__hash__": hashed if frozen else None,
        "__repr__": _shown,
        **(_FROZEN if frozen else {}),
        **{name: comparing(compare) for name, compare in ordering.items()},
    }


def _initialiser(made: type) -> Method:
    """Write and compile the class's ``__init__``, its parameters in the order of the fields."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_none": _NO_VALUE}
    parameters, lines = ["self"], []
    for one in dataclasses.fields(made):
        default, factory = f"_default_{one.name}", f"_factory_{one.name}"
        value, parameter = one.name, one.name
        if one.default is not dataclasses.MISSING:
            names[default] = one.default
            value, parameter = (value, f"{value}={default}") if one.init else (default, "")
        elif one.default_factory is not dataclasses.MISSING:
            names[factory] = one.default_factory
            made_now = f"{factory}()"
            value = f"{made_now} if {value} is _none else {value}" if one.init else made_now
            parameter = f"{one.name}=_none"
        parameters += [parameter] if one.init else []
        lines.append(f"    _set(self, {one.name!r}, {value})\n")
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


_FROZEN: Final[Mapping[str, Method]] = {
    "__setattr__": _refused,
    "__delattr__": _refused,
    "__getstate__": _state,
    "__setstate__": _restored,
}
