"""Recognise the few shapes of calls that the policy treats in a way of their own."""

from __future__ import annotations

import ast

from rlm_gate.rlm.sandbox.names import METHODS, MOST_ARGUMENTS


def is_super_init(node: ast.Attribute) -> bool:
    """Recognise ``super().__init__``."""
    owner = node.value
    return (
        node.attr == "__init__"
        and isinstance(owner, ast.Call)
        and isinstance(owner.func, ast.Name)
        and owner.func.id == "super"
        and not owner.args
        and not owner.keywords
    )


def is_short_call(function: ast.Attribute, node: ast.Call) -> bool:
    """Recognise a call that one of the short guards can make."""
    return (
        function.attr in METHODS
        and len(node.args) <= MOST_ARGUMENTS
        and not node.keywords
        and not any(isinstance(argument, ast.Starred) for argument in node.args)
    )


def is_plain_str(node: ast.Call) -> bool:
    """Recognise ``str(x)``."""
    return (
        isinstance(node.func, ast.Name)
        and node.func.id == "str"
        and len(node.args) == 1
        and not isinstance(node.args[0], ast.Starred)
        and not node.keywords
    )


def is_number(node: ast.expr) -> bool:
    """Recognise a number: ``%`` with it is arithmetic, or formats nothing with an address."""
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def may_be_empty(spec: ast.expr) -> bool:
    """Say whether the format after a colon may come to nothing: by it any value can be shown."""
    parts = spec.values if isinstance(spec, ast.JoinedStr) else [spec]
    return not any(isinstance(part, ast.Constant) and part.value for part in parts)
