"""The built-in names of a cell, and the guards its rewritten code calls."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any

from rlm_gate.rlm.sandbox import calls, facades, guards, names, shortcuts, show

_VALUES = (
    "abs all any bin bool bytearray bytes callable chr classmethod complex dict divmod "
    "enumerate filter float frozenset hex int isinstance issubclass iter len list map max "
    "min next object oct ord pow property range reversed round set slice sorted staticmethod str "
    "sum super tuple zip __build_class__ None True False Ellipsis NotImplemented"
)
_ERRORS = (
    "ArithmeticError AssertionError AttributeError EOFError Exception FileNotFoundError "
    "FloatingPointError ImportError IndexError KeyError LookupError MemoryError NameError "
    "NotImplementedError OSError OverflowError PermissionError RecursionError RuntimeError "
    "StopIteration SyntaxError TimeoutError TypeError UnboundLocalError UnicodeDecodeError "
    "UnicodeEncodeError UnicodeError ValueError Warning ZeroDivisionError"
)
"""Never BaseException and its other children: they would catch the deadline."""


def build(
    modules: Mapping[str, facades.Facade], show_values: Callable[..., None]
) -> dict[str, Any]:
    """Return what takes the place of ``__builtins__``."""
    plain = f"{_VALUES} {_ERRORS}".split()
    return {
        **{name: getattr(builtins, name) for name in plain},
        "__name__": "__main__",
        "__import__": facades.importer(modules),
        "print": show_values,
        "repr": show.representation,
        "ascii": show.in_ascii,
        "format": show.formatted,
        "type": guards.type_of,
        "hash": _hash,
        "getattr": guards.get_attribute,
        "hasattr": guards.has_attribute,
        "setattr": guards.set_attribute,
        "delattr": guards.delete_attribute,
        "vars": guards.variables,
    }


def guarding() -> dict[str, Any]:
    """Return the guards by the names that only the policy can put into code.

    They belong into the scope itself: a name at the top of a cell is looked up there first.
    """
    return {
        **shortcuts.short_calls(),
        names.GETATTR: guards.guarded_getattr,
        names.TYPENAME: guards.typename,
        names.CLASSNAME: guards.classname,
        names.WRITE_ATTR: guards.writable_attributes,
        names.WRITE_ITEM: guards.writable_items,
        names.AUG_ATTR: guards.augment_attribute,
        names.AUG_ITEM: guards.augment_item,
        names.TEXT: calls.formatted,
        names.REPR: show.representation,
        names.ASCII: show.in_ascii,
        names.FORMAT: calls.formatted,
        names.STR: show.called_str,
        names.MOD: show.modulo,
        names.SUPER_INIT: guards.super_init,
        names.EXCEPTION: Exception,
        names.METACLASS: guards.CellClass,
    }


def _hash(value: Any) -> int:
    """Hash what hashes alike in every run."""
    if type(value) not in {str, bytes, int, float, bool, tuple, frozenset, complex}:
        raise TypeError("hash() takes str, bytes, numbers and tuples here")
    return hash(value)
