"""Which variables and members hold nothing where a condition was met: no text, so no harm.

Knows what a condition says of a thing by its own name alone: ``!id`` empties ``id``, not what
``id`` was made of, so a match that failed says nothing of the text that was searched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlm_gate.detectors._taint.reading import PROVED, Env, Reading
from rlm_gate.detectors._taint.targets import ELEMENTS, MEMBERS
from rlm_gate.detectors._taint.values import ALL, Value
from rlm_gate.syntax import Node

_NAMES: Final = frozenset({"identifier", "variable_name"})
_MEMBERS: Final = frozenset({*MEMBERS, *ELEMENTS, "attribute", "subscript"})
_NOTS: Final = frozenset(
    {"not_operator", "unary_expression", "unary_op_expression", "prefix_unary_expression"}
)
_JOINS: Final = frozenset({"binary_expression", "boolean_operator"})
_NOTHING: Final = frozenset({ALL})


def emptied(reading: Reading, node: Node, env: Env, *, holds: bool) -> Env:
    """Return what is known of the variables and members that hold nothing there."""
    found: Env = {}
    for one in _empty(node, holds):
        text = one.text()
        value = env.get(text)
        if one.kind() in _NAMES and value is not None and value.tainted:
            found[text] = value.cleaned(_NOTHING)
        elif one.kind() in _MEMBERS:
            found[PROVED + text] = Value(fixed=True)
            reading.proved = True
    return found


def _empty(node: Node, holds: bool) -> Iterator[Node]:  # noqa: FBT001  # the case in hand
    """Yield what surely is empty, zero or missing where the condition holds, or does not."""
    kind = node.kind()
    inner = [one for one in node.children() if one.is_named()]
    if kind == "parenthesized_expression" and inner:
        yield from _empty(inner[0], holds)
    elif kind in _NOTS and len(inner) == 1 and node.text().startswith(("!", "not")):
        yield from _empty(inner[0], not holds)
    elif kind in _JOINS and len(inner) == 2:
        sign = node.field("operator")
        joins = {"&&": True, "and": True, "||": False, "or": False}
        if sign is not None and joins.get(sign.text()) is holds:
            yield from (found for one in inner for found in _empty(one, holds))
    elif kind == "comparison_operator" and len(inner) == 2 and inner[1].kind() == "none":
        signs = [one.text() for one in node.children() if not one.is_named()]
        if holds == (signs in (["is"], ["=="])):
            yield inner[0]
    elif not holds and kind in (_NAMES | _MEMBERS):
        yield node
