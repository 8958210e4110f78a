"""Reads what JavaScript, Java and Go spell out: texts, numbers, lists, objects, attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rlm_gate.detectors._taint.folding import first, named, tried
from rlm_gate.detectors._taint.reading import Env
from rlm_gate.detectors._taint.targets import Targets
from rlm_gate.detectors._taint.values import (
    NOTHING,
    UNSET,
    Value,
    constant,
    listed,
    mixed,
    text,
)
from rlm_gate.syntax import Node

SPREADS: Final = ("spread_element", "variadic_argument", "variadic_unpacking")
_ESCAPES: Final = {r"\n": "\n", r"\t": "\t", r"\r": "\r", "\\'": "'", '\\"': '"', r"\\": "\\"}


class Literals(Targets):
    """Gives literals their values; ``terms`` has all other expressions."""

    def closure(self, node: Node, env: Env, given: Sequence[Value]) -> Value:
        """Return what a function without a name of its own returns; ``braces`` knows how."""
        raise NotImplementedError

    def function_value(self, node: Node, env: Env, given: Sequence[Value] = ()) -> Value:
        """Return the value of an expression that may be a function."""
        raise NotImplementedError

    def _string(self, node: Node, env: Env) -> Value:
        parts = []
        for one in named(node):
            if one.kind() == "template_substitution":
                parts.append(self.value(first(one), env))
            else:
                parts.append(constant(_ESCAPES.get(one.text(), one.text())))
        return text(parts) if parts else constant("")

    def _character(self, node: Node, env: Env) -> Value:
        del env
        return constant(node.text()[1:-1])

    def _regex(self, node: Node, env: Env) -> Value:
        del env
        return Value(name="RegExp()", const=node.text(), fixed=True)

    def _number(self, node: Node, env: Env) -> Value:
        del env
        written = node.text().replace("_", "").rstrip("LlfFdDn")
        return tried(lambda: int(written) if written.isdigit() else float(written))

    def _constant(self, node: Node, env: Env) -> Value:
        del env
        return constant({"true": True, "false": False}.get(node.kind()))

    def _list(self, node: Node, env: Env) -> Value:
        parts = named(node)
        values = [self.value(first(one) if one.kind() in SPREADS else one, env) for one in parts]
        if any(one.kind() in SPREADS for one in parts):
            return Value(items={UNSET: mixed(values)}, shape="list")
        return listed(values)

    def _made_list(self, node: Node, env: Env) -> Value:
        filled = node.field("value")
        return self.value(filled, env) if filled is not None else Value(items={}, shape="list")

    def _object(self, node: Node, env: Env) -> Value:
        made = Value(items={}, shape="dict")
        for one in named(node):
            kind = one.kind()
            if kind == "pair":
                made = made.with_item(
                    self._key(one.field("key"), env), self._member_value(one, env)
                )
            elif kind == "shorthand_property_identifier":
                made = made.with_item(one.text(), self.value(one, env))
            elif kind in SPREADS:
                more = self.value(first(one), env)
                made = replace(made, taints=mixed([made, Value(taints=more.taints)]).taints,
                               items={**(made.items or {}), **(more.items or {})})  # fmt: skip
            elif kind == "method_definition":
                self.closure(one, env, ())
        return made

    def _member_value(self, pair: Node, env: Env) -> Value:
        value = pair.field("value")
        return self.function_value(value, env) if value is not None else NOTHING

    def _key(self, node: Node | None, env: Env) -> object:
        if node is None:
            return UNSET
        if node.kind() == "computed_property_name":
            return self.value(first(node), env).const
        return node.text().strip("'\"")

    def _literal_value(self, node: Node, env: Env) -> Value:
        """Read the braces of a Go literal: elements, or fields and keys with their values."""
        elements = named(node)
        if all(one.kind() == "literal_element" for one in elements):
            return listed([self.value(first(one), env) for one in elements])
        made = Value(items={}, shape="dict")
        for one in elements:
            key, *rest = named(one) or [one]  # an element that the grammar can't read
            values = [self.value(first(value), env) for value in rest]
            inner = first(key)
            spelled = self.value(inner, env).const if inner and "literal" in inner.kind() else UNSET
            known = spelled if spelled is not UNSET else key.text()
            made = made.with_item(known, values[0] if values else NOTHING)
        return made

    def _composite(self, node: Node, env: Env) -> Value:
        made = self.value(node.field("body"), env)
        kind = node.field("type")
        return replace(made, name=kind.text() if kind is not None else "")

    def _attribute(self, node: Node, env: Env) -> Value:
        """Read an attribute of a JSX element: what is put into it."""
        parts = named(node)
        inner = first(parts[1]) if len(parts) > 1 and parts[1].kind() == "jsx_expression" else None
        if inner is None:
            return NOTHING
        value = self.function_value(inner, env)
        shown = value.element("__html") if value.shape == "dict" else value
        self.reading.check_store(node, f"jsx.{parts[0].text()}", (shown,))
        return NOTHING
