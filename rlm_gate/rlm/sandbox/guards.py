"""Decide what an attribute may be: by the exact type of its owner, closed unless listed.

``ALLOW[type][name]`` is None (read it as it is) or a function that makes the value from the owner.
Nothing outside this table, classes of the code's own making and a few fields of exceptions can be
read, so a type nobody thought of gives nothing.
"""

from __future__ import annotations

import collections
import functools
import itertools
import operator
import types
from collections.abc import Callable
from typing import Any

from rlm_gate.rlm.sandbox.names import FIELDS

Special = Callable[[Any], Any] | None
ALLOW: dict[type, dict[str, Special]] = {}
CLASS_ALLOW: dict[type, dict[str, Special]] = {}
READERS: dict[type, Callable[[Any, str], Any]] = {}
"""Types that decide for each object which of its names there are."""
WRITABLE: set[type] = {
    dict,
    list,
    bytearray,
    collections.defaultdict,
    collections.Counter,
    collections.OrderedDict,
    collections.deque,
}
"""Exact types whose items a cell may set and delete."""

_EXCEPTION_FIELDS = frozenset(
    {
        *("args", "msg", "pos", "lineno", "colno", "offset", "text", "reason"),
        *("start", "end", "encoding", "value"),
    }
)
"""Never ``obj``, ``name``, ``doc``, ``object``, ``with_traceback``: they lead to other objects."""
_BASES: frozenset[type] = frozenset(
    {
        Exception,
        ArithmeticError,
        AssertionError,
        AttributeError,
        IndexError,
        KeyError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        StopIteration,
        TypeError,
        ValueError,
    }
)


def allow(kind: type, names: str, **special: Callable[[Any], Any]) -> None:
    """Let cells read ``names`` (and ``special``) of objects whose type is exactly ``kind``."""
    ALLOW.setdefault(kind, {}).update(dict.fromkeys(names.split()), **special)


def allow_on_class(kind: type, names: str, **special: Callable[[Any], Any]) -> None:
    """Let cells read ``names`` of the class ``kind`` itself."""
    CLASS_ALLOW.setdefault(kind, {}).update(dict.fromkeys(names.split()), **special)


_NUMBERS = itertools.count(1)


class Base:
    """What classes of a cell are made of: shown without an address, hashed by order of use."""

    __slots__ = ("__cell_number__", "__dict__", "__weakref__")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object>"

    def __hash__(self) -> int:
        try:
            return int(self.__cell_number__)
        except AttributeError:
            self.__cell_number__: int = next(_NUMBERS)
            return self.__cell_number__


class CellClass(type):
    """The metaclass of every class a cell defines. Checks the bases, takes the field names."""

    __cell_fields__: tuple[str, ...]
    __cell_native__: type

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> CellClass:
        """Make the class on ``Base`` or an exception. Raises TypeError for any other base."""
        listed = str(body.pop(FIELDS, "")).split()
        given = tuple(base for base in bases if base is not object)
        for base in given:
            if type(base) is not CellClass and base not in _BASES and base not in RECORD_BASES:
                raise TypeError(
                    f"a class may extend your own classes and the usual exceptions, not "
                    f"{typename(base)}: keep one inside your object instead"
                )
        kept = tuple(base for base in given if base not in RECORD_BASES)
        made = super().__new__(cls, name, kept or (Base,), body)
        inherited = [field for base in kept for field in getattr(base, "__cell_fields__", ())]
        made.__cell_fields__ = tuple(dict.fromkeys((*inherited, *listed)))
        made.__cell_native__ = next(base for base in made.__mro__ if type(base) is not CellClass)
        for base in given:
            if base in RECORD_BASES:
                return RECORD_BASES[base](made)
        return made

    def __repr__(cls) -> str:
        return f"<class '{cls.__name__}'>"


RECORD_BASES: dict[type, Callable[[CellClass], CellClass]] = {}
"""Marker bases such as typing.NamedTuple, with what they do to the class."""


def guarded_getattr(owner: Any, name: str) -> Any:
    """Return an attribute that the owner's exact type allows. Raises AttributeError otherwise."""
    names = ALLOW.get(type(owner))
    if names is None or name not in names:
        return _other(owner, name)
    special = names[name]
    return getattr(owner, name) if special is None else special(owner)


def _other(owner: Any, name: str) -> Any:
    kind = type(owner)
    if kind in READERS:
        return READERS[kind](owner, name)
    if type(kind) is CellClass and _own(kind, name):
        return getattr(owner, name)
    if isinstance(owner, CellClass) and _own(owner, name):
        return getattr(owner, name)
    if kind is super and not name.startswith("__"):
        return _inherited(owner, name)
    if issubclass(kind, BaseException) and name in _EXCEPTION_FIELDS:
        return getattr(owner, name)
    if issubclass(kind, type) and kind is not CellClass:
        return _of_class(owner, name)
    raise AttributeError(_nothing(owner, name))


def _own(kind: Any, name: str) -> bool:
    """Say whether a name of a cell's class is the cell's own, not one inherited from C."""
    if name.startswith("__"):
        return False
    return (
        not hasattr(kind.__cell_native__, name) or name in _EXCEPTION_FIELDS or _defined(kind, name)
    )


def _defined(kind: CellClass, name: str) -> bool:
    return any(name in vars(base) for base in kind.__mro__ if type(base) is CellClass)


def _inherited(owner: Any, name: str) -> Any:
    kind = _self_class(owner)
    if type(kind) is CellClass and _defined(kind, name):
        return getattr(owner, name)
    raise AttributeError(f"no class above defines {name!r}")


def _of_class(owner: type, name: str) -> Any:
    for table in (CLASS_ALLOW, ALLOW):
        names = table.get(owner, {})
        if name in names:
            special = names[name]
            if special is None:
                return getattr(owner, name)
            if table is CLASS_ALLOW:
                return special(owner)
    raise AttributeError(_nothing(owner, name))


def _nothing(owner: Any, name: str) -> str:
    kind = typename(owner) if issubclass(type(owner), type) else typename(type(owner))
    return f"{kind!r} has no attribute {name!r} that is available here"


def typename(owner: Any) -> str:
    """Return the name of a class or function, which is all of them a cell can see."""
    if isinstance(owner, type):
        return str(type.__getattribute__(owner, "__name__"))
    if isinstance(owner, types.FunctionType | types.BuiltinFunctionType | TypeView):
        return owner.__name__
    raise AttributeError(_nothing(owner, "__name__"))


def classname(owner: Any) -> str:
    """Return the name of an object's class."""
    return typename(type(owner))


class TypeView:
    """What ``type(x)`` gives for kinds that are nobody's business: a name that can be compared."""

    __slots__ = ("__name__",)

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __repr__(self) -> str:
        return f"<class '{self.__name__}'>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeView) and other.__name__ == self.__name__

    def __hash__(self) -> int:
        return hash(self.__name__)


PLAIN_TYPES: set[type] = {
    *WRITABLE,
    bool,
    bytes,
    complex,
    float,
    frozenset,
    int,
    object,
    range,
    set,
    slice,
    str,
    tuple,
    type(None),
}
"""Types that ``type(x)`` returns as they are, for a cell can name or make them anyway."""


def type_of(*arguments: Any) -> Any:
    """Return the type of one object; never a metaclass, never make a class."""
    if len(arguments) != 1:
        raise TypeError("type() takes one argument here: define classes with 'class'")
    kind = type(arguments[0])
    if kind in PLAIN_TYPES or type(kind) is CellClass or issubclass(kind, Exception):
        return kind
    return TypeView(typename(kind))


# Writing


def writable_attributes(owner: Any) -> Any:
    """Return the owner if a cell made its class. Raises TypeError for every other object."""
    if type(type(owner)) is CellClass or type(owner) is CellClass:
        return owner
    raise TypeError(f"{classname(owner)!r} objects are read-only here: use a dict or a class")


def writable_items(owner: Any) -> Any:
    """Return the owner if its items may be set. Raises TypeError for every other object."""
    if type(owner) in WRITABLE or type(type(owner)) is CellClass:
        return owner
    raise TypeError(f"items of {classname(owner)!r} cannot be set: copy it into a list or dict")


_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.iadd,
    "Sub": operator.isub,
    "Mult": operator.imul,
    "Div": operator.itruediv,
    "Mod": operator.imod,
    "Pow": operator.ipow,
    "LShift": operator.ilshift,
    "RShift": operator.irshift,
    "BitOr": operator.ior,
    "BitXor": operator.ixor,
    "BitAnd": operator.iand,
    "FloorDiv": operator.ifloordiv,
    "MatMult": operator.imatmul,
}


def augment_item(kind: str, owner: Any, key: Any) -> Callable[[Any], None]:
    """Read ``owner[key]`` now; the function returned computes and stores it."""
    writable_items(owner)
    return functools.partial(_store_item, kind, owner, key, owner[key])


def _store_item(kind: str, owner: Any, key: Any, current: Any, operand: Any) -> None:
    owner[key] = _IN_PLACE[kind](current, operand)


def augment_attribute(kind: str, owner: Any, name: str) -> Callable[[Any], None]:
    """Read ``owner.name`` now; the function returned computes and stores it."""
    writable_attributes(owner)
    return functools.partial(_store_attribute, kind, owner, name, guarded_getattr(owner, name))


def _store_attribute(kind: str, owner: Any, name: str, current: Any, operand: Any) -> None:
    setattr(owner, name, _IN_PLACE[kind](current, operand))


def super_init(above: Any, *arguments: Any, **named: Any) -> None:
    """Call the constructor above a cell's own class."""
    kind = _self_class(above) if type(above) is super else None
    if type(kind) is not CellClass:
        raise TypeError("super().__init__() works in a method of a class of yours")
    construct = getattr(above, "__init__")  # noqa: B009 - mypy rightly distrusts it on plain objects
    construct(*arguments, **named)


def _self_class(above: Any) -> Any:
    return object.__getattribute__(above, "__self_class__")


# getattr and kin, by a name made at run time


def get_attribute(owner: Any, name: Any, *default: Any) -> Any:
    """Do what ``getattr`` does, under the same rules as a written attribute."""
    if type(name) is not str:
        raise TypeError("an attribute name is a str")
    try:
        return guarded_getattr(owner, name)
    except AttributeError:
        if default:
            return default[0]
        raise


def has_attribute(owner: Any, name: Any) -> bool:
    """Do what ``hasattr`` does."""
    missing = object()
    return get_attribute(owner, name, missing) is not missing


def set_attribute(owner: Any, name: Any, value: Any) -> None:
    """Do what ``setattr`` does, for objects of a cell's own classes."""
    setattr(writable_attributes(owner), _public(name), value)


def delete_attribute(owner: Any, name: Any) -> None:
    """Do what ``delattr`` does, for objects of a cell's own classes."""
    delattr(writable_attributes(owner), _public(name))


def _public(name: Any) -> str:
    if type(name) is not str or name.startswith("__") or not name.isidentifier():
        raise TypeError("an attribute name is a str that does not start with two underscores")
    return name


def variables(owner: Any) -> dict[str, Any]:
    """Return a copy of the attributes of an object of a cell's own class."""
    if type(type(owner)) is not CellClass:
        raise TypeError("vars() takes an object of a class of yours; show_vars() lists variables")
    return dict(owner.__dict__)
