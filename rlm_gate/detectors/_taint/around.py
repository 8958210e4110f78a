"""What stands around a node: its file, functions, decorators, and the text of a flow's steps.

Reads any language by the kinds of its nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from rlm_gate.detectors._taint.values import Lines
from rlm_gate.syntax import Node

FUNCTIONS: Final = frozenset(
    {
        "arrow_function",
        "constructor_declaration",
        "func_literal",
        "function_declaration",
        "function_definition",
        "function_expression",
        "method_declaration",
        "method_definition",
    }
)
# what stands before a function and says who may call it
_HEADS: Final = frozenset({"decorated_definition", "arguments", "argument_list"})


def whole(node: Node) -> Node:
    """Return the node of the whole file. Where the parser gave up, a node may have no parent."""
    return [node, *node.ancestors()][-1]


def functions(node: Node) -> Iterator[Node]:
    """Yield the functions around, the innermost first."""
    return (one for one in node.ancestors() if one.kind() in FUNCTIONS)


def heads(node: Node) -> Iterator[str]:
    """Yield what stands before the functions around: decorators, and what a route is given."""
    for one in functions(node):
        parent = one.parent()
        if parent is not None and parent.kind() in _HEADS:
            yield parent.text()[: one.range().start.index - parent.range().start.index]


def said_at(node: Node, steps: Sequence[Lines]) -> Iterator[str]:
    """Yield the text of each step in the node's file. Its tree may begin behind its first lines."""
    root = whole(node)
    lines, above = _lines(root.text()), root.range().start.line
    for first, last in steps:
        yield "\n".join(lines[max(0, first - 1 - above) : max(0, last - above)])


@lru_cache(maxsize=2)
def _lines(text: str) -> tuple[str, ...]:
    """Return a file's lines: every hit in it asks for them."""
    return tuple(text.split("\n"))
