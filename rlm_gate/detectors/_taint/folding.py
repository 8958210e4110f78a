"""Computes with constants, and reads the small parts of Python's trees."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from rlm_gate.detectors._taint.reading import Argument
from rlm_gate.detectors._taint.values import UNSET, Value, built, constant, listed, mixed, text
from rlm_gate.syntax import Node

_SMALL: Final = 10**9
_LONG: Final = 10_000


def named(node: Node) -> list[Node]:
    """Return the children that are code."""
    # Java and Kotlin know line_comment and block_comment
    parts = (part for part in node.children() if part.is_named())
    return [part for part in parts if not part.kind().endswith("comment")]


def first(node: Node) -> Node | None:
    """Return the first child that is code."""
    return next(iter(named(node)), None)


def unpacked(value: Value, kind: str) -> Iterator[Argument]:
    if value.items is None or UNSET in value.items:
        yield Argument(None, mixed([value]))
        return
    for key, item in value.items.items():
        yield Argument(key if kind == "dictionary_splat" else None, item)


@lru_cache(maxsize=4096)
def literal(source: str) -> Value:
    try:
        return constant(ast.literal_eval(source))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return Value(fixed=True)


def tried(compute: Callable[[], Any]) -> Value:
    try:
        return constant(compute())
    except (TypeError, ValueError, IndexError, KeyError, ArithmeticError):
        return Value(fixed=True)


def operated(sign: str, left: Value, right: Value) -> Value:
    if sign == "+" and left.row is not None and right.row is not None:
        return listed([*left.row, *right.row])
    if left.known and right.known:
        return _folded(sign, left.const, right.const)
    if sign == "+":
        return text([left, right])
    beginning = left.const.partition("%")[0] if sign == "%" and isinstance(left.const, str) else ""
    return replace(built([left, right]), prefix=beginning)


def _folded(sign: str, left: Any, right: Any) -> Value:
    compute = _ARITHMETIC.get(sign)
    numbers = all(isinstance(one, int | float) and abs(one) < _SMALL for one in (left, right))
    texts = (
        sign in "+%"
        and isinstance(left, str)
        and isinstance(right, str | int | float)
        and len(left) < _LONG
    )
    if compute is None or not (numbers or texts):
        return Value(fixed=True)
    return tried(lambda: compute(left, right))


EMPTY: Final = {"list": "list", "dict": "dict", "set": "list", "collections.OrderedDict": "dict"}
_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
    "is": operator.is_,
    "is not": operator.is_not,
}
