"""How the readers take a syntax tree apart: lines, named parts, searches by rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from rlm_gate.syntax import Node, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence


def line_of(node: Node) -> int:
    """Return its first line, from 1."""
    return int(node.range().start.line) + 1


def named(node: Node | None) -> list[Node]:
    """Return its parts without punctuation and comments."""
    parts = node.children() if node is not None else []
    return [part for part in parts if part.is_named() and part.kind() != "comment"]


def within(start: Tree | Node, rule: Mapping[str, Any]) -> Sequence[Node]:
    """Return the nodes at or below the start that fit the rule, in the order of the text."""
    node = start.root if isinstance(start, Tree) else start
    return node.find_all(cast("Any", {"rule": rule}))


def of_kinds(start: Tree | Node, *kinds: str) -> Sequence[Node]:
    """Return the nodes of any of these kinds; each must be one of the grammar's."""
    return within(start, {"any": [{"kind": kind} for kind in kinds]})
