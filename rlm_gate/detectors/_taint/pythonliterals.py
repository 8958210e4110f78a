"""Reads what Python spells out: texts, numbers, lists, dictionaries, comprehensions."""

from __future__ import annotations

from dataclasses import replace

from rlm_gate.detectors._taint import guards
from rlm_gate.detectors._taint.folding import first, literal, named
from rlm_gate.detectors._taint.reading import Env, Reading
from rlm_gate.detectors._taint.values import UNSET, Value, constant, listed, mixed, text
from rlm_gate.syntax import Node


class Literals:
    """Gives literals their values; ``python`` has all other expressions."""

    reading: Reading

    def value(self, node: Node | None, env: Env) -> Value:
        """Return the value of an expression; ``python`` knows how."""
        raise NotImplementedError

    def assign(self, target: Node, value: Value, env: Env) -> None:
        """Give the value to a target; ``python`` knows how."""
        raise NotImplementedError

    def _string(self, node: Node, env: Env) -> Value:
        if node.kind() == "string" and not any(
            one.kind() == "interpolation" for one in node.children()
        ):
            return literal(node.text())
        parts = []
        for part in node.children():
            if part.kind() == "interpolation":
                parts.append(self.value(part.field("expression") or first(part), env))
            elif part.kind() == "string":
                parts.append(self._string(part, env))
            elif part.kind() in {"string_content", "escape_sequence"}:
                parts.append(constant(part.text()))
        return text(parts) if parts else constant("")

    def _number(self, node: Node, env: Env) -> Value:
        del env
        return literal(node.text())

    def _constant(self, node: Node, env: Env) -> Value:
        del env
        return constant({"true": True, "false": False, "none": None}[node.kind()])

    def _list(self, node: Node, env: Env) -> Value:
        parts = [self.value(part, env) for part in named(node)]
        if any(part.kind() in {"list_splat", "yield"} for part in named(node)):
            return Value(items={UNSET: mixed(parts)}, shape="list")
        return listed(parts)

    def _dictionary(self, node: Node, env: Env) -> Value:
        made = Value(items={}, shape="dict")
        for part in named(node):
            if part.kind() == "pair":
                key = self.value(part.field("key"), env)
                made = made.with_item(key.const, self.value(part.field("value"), env))
                made = replace(
                    made, taints=mixed([made, key]).taints if key.taints else made.taints
                )
            else:
                more = self.value(first(part), env)
                items = {**(made.items or {}), **(more.items or {UNSET: mixed([more])})}
                made = replace(made, items=items)
        return made

    def _comprehension(self, node: Node, env: Env) -> Value:
        inner = dict(env)
        for part in named(node):
            if part.kind() == "for_in_clause":
                rows = self.value(part.field("right"), inner)
                target = part.field("left")
                if target is not None:
                    self.assign(target, rows.element(UNSET), inner)
            elif part.kind() == "if_clause":
                self.value(first(part), inner)
                inner = guards.after(self, first(part), inner, holds=True)
        body = node.field("body")
        if body is not None and body.kind() == "pair":
            item = self.value(body.field("value"), inner)
            return Value(
                items={UNSET: item},
                shape="dict",
                taints=self.value(body.field("key"), inner).taints,
            )
        return Value(items={UNSET: self.value(body, inner)}, shape="list")
