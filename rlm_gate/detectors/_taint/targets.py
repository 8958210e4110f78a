"""Gives values to what stands on the left of an assignment in JavaScript, Java, Go and PHP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rlm_gate.detectors._taint.folding import first, named
from rlm_gate.detectors._taint.reading import Env, Reading, lines_of
from rlm_gate.detectors._taint.values import Value, join, mixed
from rlm_gate.syntax import Node

MEMBERS: Final = (
    "member_expression",
    "field_access",
    "selector_expression",
    "member_access_expression",
    "nullsafe_member_access_expression",
    "scoped_property_access_expression",
)
ELEMENTS: Final = (
    "subscript_expression",
    "array_access",
    "index_expression",
    "element_access_expression",
)
OWNERS: Final = ("object", "operand", "scope", "expression")  # fields that hold whose member it is
FIELDS: Final = ("property", "field", "name")
CALLS: Final = (
    "call_expression",
    "invocation_expression",
    "method_invocation",
    "function_call_expression",
    "member_call_expression",
    "nullsafe_member_call_expression",
    "scoped_call_expression",
)
_LISTS: Final = ("array_pattern", "expression_list", "parenthesized_expression", "list_literal")
_Assign = Callable[[Node, Value, Env], None]


def part(node: Node, *names: str) -> Node | None:
    """Return the first of these fields that the node has."""
    return next((one for name in names if (one := node.field(name)) is not None), None)


def given_to(call: Node) -> Node | None:
    """Return the node that holds a call's arguments; PHP's ``new`` has no field for it."""
    given = call.field("arguments")
    if given is None:
        given = next((one for one in call.children() if one.kind() == "arguments"), None)
    return given


def argued(node: Node | None) -> list[Node]:
    """Return what a call is given, without what PHP wraps around it.

    In broken code a wrapping may hold nothing.
    """
    parts = named(node) if node is not None else []
    return [[one, *named(one)][-1] if one.kind() == "argument" else one for one in parts]


def indexed(node: Node) -> tuple[Node | None, Node | None]:
    """Return whose element it is, and its key: None in PHP's ``$list[] = 1``."""
    owner = part(node, "object", "operand", "array")
    if owner is not None:
        return owner, node.field("index")
    parts: list[Node | None] = [*named(node), None, None]
    if parts[1] is not None and parts[1].kind() == "bracketed_argument_list":
        return parts[0], next(iter(argued(parts[1])), None)
    return parts[0], parts[1]


def at(value: Value, node: Node) -> Value:
    """Return the value after one more step; finding a node's place takes long."""
    return value.at(lines_of(node)) if value.taints else value


class Targets:
    """Knows what may be assigned to; ``terms`` knows what values are."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def value(self, node: Node | None, env: Env) -> Value:
        """Return the value of an expression."""
        raise NotImplementedError

    def named(self, owner: str, field: str) -> str:
        """Return the name of an owner's field."""
        raise NotImplementedError

    def field_of(self, owner: Value, field: str, node: Node) -> Value:
        """Return what an owner's field holds."""
        raise NotImplementedError

    def assign(self, target: Node, value: Value, env: Env) -> None:
        """Give the value to a target, whatever its shape."""
        give: _Assign = getattr(self, _TARGETS.get(target.kind(), "_assign_name"))
        give(target, value, env)

    def _assign_list(self, target: Node, value: Value, env: Env) -> None:
        for index, one in enumerate(named(target)):
            self.assign(one, value.element(index), env)

    def _assign_object(self, target: Node, value: Value, env: Env) -> None:
        for one in named(target):
            self._assign_property(one, value, env)

    def _assign_default(self, target: Node, value: Value, env: Env) -> None:
        default = self.value(target.field("right"), env)
        self._assign_to(target.field("left"), join(value, default), env)

    def _assign_rest(self, target: Node, value: Value, env: Env) -> None:
        self._assign_to(first(target), mixed([value], value.name), env)

    def _assign_to(self, target: Node | None, value: Value, env: Env) -> None:
        if target is not None:
            self.assign(target, value, env)

    def _assign_name(self, target: Node, value: Value, env: Env) -> None:
        name = target.text()
        if name not in env and not _declares(target):
            self.reading.check_store(target, name, (value,))
        env[name] = at(value, target)

    def _assign_property(self, node: Node, value: Value, env: Env) -> None:
        if node.kind() == "pair_pattern":
            key, target = node.field("key"), node.field("value")
        elif node.kind() == "object_assignment_pattern":
            key = target = node.field("left")
        else:
            key = target = node
        if node.kind() == "rest_pattern":
            self.assign(node, value, env)
        elif key is not None and target is not None:
            self.assign(target, self.field_of(value, key.text().strip("'\""), node), env)

    def _assign_member(self, target: Node, value: Value, env: Env) -> None:
        owner_node, field = part(target, *OWNERS), part(target, *FIELDS)
        owner = self.value(owner_node, env)
        name = self.named(owner.name, field.text() if field is not None else "")
        self.reading.check_store(target, name, (value,))
        env[target.text()] = at(value, target)
        if owner_node is not None and owner.shape == "dict" and field is not None:
            env[owner_node.text()] = owner.with_item(field.text(), value)

    def _assign_element(self, target: Node, value: Value, env: Env) -> None:
        owner_node, key_node = indexed(target)
        if owner_node is None:
            return
        owner, key = self.value(owner_node, env), self.value(key_node, env)
        self.reading.check_store(target, f"{owner.name}[]", (key,))
        if isinstance(key.const, str):
            self.reading.check_store(target, self.named(owner.name, key.const), (value,))
        if owner.items is not None or value.everything:
            env[owner_node.text()] = at(owner.with_item(key.const, value), target)


def _declares(target: Node) -> bool:
    """Say whether a variable of the function's own begins there, whatever it is called."""
    around = target.parent()
    kind = "" if around is None else around.kind()
    return kind == "variable_declarator" or "pattern" in (kind + target.kind())


_TARGETS: Final[Mapping[str, str]] = {  # kinds of nodes to methods of Targets
    **dict.fromkeys(_LISTS, "_assign_list"),
    **dict.fromkeys(MEMBERS, "_assign_member"),
    **dict.fromkeys(ELEMENTS, "_assign_element"),
    "assignment_pattern": "_assign_default",
    "object_pattern": "_assign_object",
    "rest_pattern": "_assign_rest",
}
