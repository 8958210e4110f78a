"""Turn values into text that is the same in every run: without the addresses C code prints."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Any

from rlm_gate.rlm.sandbox.guards import get_attribute

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_MARK = " at 0x"


def text(value: Any) -> str:
    """Do what ``str`` does."""
    if type(value) is str:
        return str(value)
    return _without_addresses(str(value), value)


def representation(value: Any) -> str:
    """Do what ``repr`` does."""
    return _without_addresses(repr(value), value)


def in_ascii(value: Any) -> str:
    """Do what ``ascii`` does."""
    return representation(value).encode("ascii", "backslashreplace").decode("ascii")


def formatted(value: Any, format_spec: str = "") -> str:
    """Do what ``format`` does. What shows an address takes no other format than the empty one."""
    return format(value, format_spec) if format_spec else text(value)


def called_str(function: Any, value: Any) -> Any:
    """Stand for a written ``str(x)``; the name may have been given another meaning."""
    return text(value) if function is str else function(value)


def modulo(left: Any, right: Any) -> Any:
    """Stand for a written ``a % b``, which formats when ``a`` is a str."""
    if type(left) is str:
        return _without_addresses(left % right, right)
    return left % right


def _without_addresses(shown: str, value: Any) -> str:
    """Take the addresses out of the text of objects, never out of text that is data."""
    if _MARK not in shown or type(value) in _PLAIN:
        return shown
    for leaf in _leaves(value, 0):
        own = repr(leaf)
        if _MARK in own:
            shown = shown.replace(own, _ADDRESS.sub("", own))
    return shown


def _leaves(value: Any, depth: int) -> Iterator[Any]:
    """Yield what is no plain value within containers."""
    kind = type(value)
    if kind in _PLAIN or depth > 20:
        return
    if kind is dict:
        for key, item in value.items():
            yield from _leaves(key, depth + 1)
            yield from _leaves(item, depth + 1)
    elif kind in {list, tuple, set, frozenset}:
        for item in value:
            yield from _leaves(item, depth + 1)
    elif isinstance(value, BaseException):
        yield from _leaves(value.args, depth + 1)
    else:
        yield value


_FIELD = re.compile(r"([^.\[]*)((?:\.[^.\[]+|\[[^\]]+\])*)")
_STEP = re.compile(r"\.([^.\[]+)|\[([^\]]+)\]")


def _index(name: str) -> Any:
    return int(name) if name.isdecimal() else name


class _Formatter(string.Formatter):
    """``str.format`` whose attribute look-ups pass the guard, and whose fields nest once."""

    def get_field(self, field_name: Any, args: Any, kwargs: Any) -> Any:
        """Return the object a field such as ``0.name[key]`` refers to."""
        parts = _FIELD.fullmatch(field_name)
        if parts is None:
            raise ValueError(f"{field_name!r} is no field like {{name}}, {{0.end}} or {{0[key]}}")
        first = _index(parts[1])
        found = self.get_value(first, args, kwargs)
        for attribute, key in _STEP.findall(parts[2]):
            found = get_attribute(found, attribute) if attribute else found[_index(key)]
        return found, first

    def format_field(self, value: Any, format_spec: str) -> str:
        """Format one value."""
        return formatted(value, format_spec)

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        """Apply ``!r`` or ``!s``."""
        if conversion == "r":
            return representation(value)
        if conversion == "a":
            return in_ascii(value)
        return text(value) if conversion == "s" else value


_FORMATTER = _Formatter()


def bound_format(template: str) -> Any:
    """Return ``template.format``."""

    def format(*arguments: Any, **named: Any) -> str:  # noqa: A001 - it is shown under this name
        return _FORMATTER.vformat(template, arguments, named)

    return format


def bound_format_map(template: str) -> Any:
    """Return ``template.format_map``."""

    def format_map(mapping: Any) -> str:
        return _FORMATTER.vformat(template, (), mapping)

    return format_map


def unbound_format(_owner: Any) -> Any:
    """Return ``str.format`` as a function."""

    def format(template: Any, *arguments: Any, **named: Any) -> str:  # noqa: A001 - see above
        if type(template) is not str:
            raise TypeError("str.format takes a str")
        return _FORMATTER.vformat(template, arguments, named)

    return format
