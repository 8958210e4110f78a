"""Evaluates Python's expressions over a syntax tree. Statements are in ``flow``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import calls, guards, handing
from rlm_gate.detectors._taint.folding import (
    COMPARE,
    EMPTY,
    first,
    named,
    operated,
    tried,
    unpacked,
)
from rlm_gate.detectors._taint.pythonliterals import Literals
from rlm_gate.detectors._taint.reading import PROVED, RECEIVER, Argument, Env, Reading, lines_of
from rlm_gate.detectors._taint.values import (
    ALL,
    NOTHING,
    UNSET,
    Value,
    built,
    constant,
    join,
    joined,
    mixed,
)
from rlm_gate.syntax import Node

_PARTS: Final = kept.expression(r"\burl(?:parse|split)\(\)\.(?:path|query|fragment|params)\Z")
_AGAIN: Final = ("_attribute", "_subscript", "_call")  # the same text, the same value


class Expressions(Literals):
    """Gives each expression its value in an environment, and notes the sinks it meets."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def value(self, node: Node | None, env: Env) -> Value:
        """Return the value of an expression."""
        if node is None:
            return NOTHING
        method = _EXPRESSIONS.get(node.kind(), "_any")
        if self.reading.proved and method in _AGAIN and (old := env.get(PROVED + node.text())):
            return old
        evaluate: Callable[[Node, Env], Value] = getattr(self, method)
        return evaluate(node, env)

    def assign(self, target: Node, value: Value, env: Env) -> None:
        """Give the value to a target, whatever its shape."""
        kind = target.kind()
        self.reading.forget(target.text(), env)
        if kind in {"identifier", "as_pattern_target"}:
            env[target.text()] = value.at(lines_of(target))
        elif kind == "attribute":
            self._assign_attribute(target, value, env)
        elif kind == "subscript":
            self._assign_element(target, value, env)
        elif kind in {"list_splat_pattern", "list_splat"}:
            for part in named(target):
                self.assign(part, mixed([value]), env)
        elif kind in {
            "pattern_list",
            "tuple_pattern",
            "list_pattern",
            "tuple",
            "parenthesized_expression",
        }:
            for index, part in enumerate(named(target)):
                self.assign(part, value.element(index), env)

    def _assign_attribute(self, target: Node, value: Value, env: Env) -> None:
        env[target.text()] = value.at(lines_of(target))
        owner = self.value(target.field("object"), env)
        field = target.field("attribute")
        if field is not None and owner.name:
            self.reading.check_store(target, f"{owner.name}.{field.text()}", (value,))

    def _assign_element(self, target: Node, value: Value, env: Env) -> None:
        owner_node = target.field("value")
        if owner_node is None:
            return
        owner = self.value(owner_node, env)
        key = self.value(target.field("subscript"), env)
        self.reading.check_store(target, owner.name, (value, key))
        if owner_node.kind() in {"identifier", "attribute"} and (
            owner.items is not None or value.everything
        ):
            env[owner_node.text()] = owner.with_item(key.const, value).at(lines_of(target))

    def condition(self, node: Node | None, env: Env) -> bool | None:
        """Return what a condition comes to, None where that is open."""
        value = self.value(node, env)
        if value.known:
            return bool(value.const)
        return None

    def _any(self, node: Node, env: Env) -> Value:
        return mixed([self.value(part, env) for part in named(node)])

    def _parenthesized(self, node: Node, env: Env) -> Value:
        return joined(self.value(part, env) for part in named(node))

    def _identifier(self, node: Node, env: Env) -> Value:
        name = node.text()
        if name in env:
            return env[name]
        taints = self.reading.source(name, node)
        return Value(name=name, taints=taints, fixed=name == "__file__")

    def _attribute(self, node: Node, env: Env) -> Value:
        whole = node.text()
        if whole in env:
            return env[whole]
        owner = self.value(node.field("object"), env)
        field = node.field("attribute")
        unnamed = "str" if isinstance(owner.const, str | bytes) else "?"
        name = f"{owner.name or unnamed}.{field.text() if field is not None else ''}"
        if taints := self.reading.source(name, node):
            return Value(name=name, taints=taints)
        if self.reading.is_static(name):
            return Value(name=name, fixed=True)
        if _PARTS.search(name):
            return replace(owner.part(name.rpartition(".")[2]), name=name)
        shape = "request" if owner.shape == "request" else ""
        made = Value(name=name, taints=owner.taints, shape=shape)
        return made.cleaned(self.reading.specs.clean.find(name)) if owner.taints else made

    def _subscript(self, node: Node, env: Env) -> Value:
        owner = self.value(node.field("value"), env)
        part = node.field("subscript")
        if part is not None and part.kind() == "slice":
            return self._slice(owner, part, env)
        key = self.value(part, env)
        if isinstance(owner.const, str | bytes) and isinstance(key.const, int):
            return tried(lambda: owner.const[key.const])
        if owner.items is not None:
            return owner.element(key.const)
        name = f"{owner.name}[]" if owner.name else ""
        taints = owner.part(key.const).taints if isinstance(key.const, str) else owner.taints
        return Value(name=name, taints=taints, fixed=owner.fixed)

    def _slice(self, owner: Value, part: Node, env: Env) -> Value:
        bounds = [self.value(one, env) for one in named(part)]
        whole = part.text().count(":") == 1
        if isinstance(owner.const, str) and whole and all(one.known for one in bounds):
            first, _, second = part.text().partition(":")
            values = iter(bounds)
            start = next(values).const if first.strip() else None
            stop = next(values).const if second.strip() else None
            return tried(lambda: owner.const[start:stop])
        begins = part.text().lstrip().startswith(":")
        return replace(built([owner]), name=owner.name, prefix=owner.prefix if begins else "")

    def _binary(self, node: Node, env: Env) -> Value:
        """Fold a chain to the left in a loop: long sums would be too deep for recursion."""
        chain: list[Node] = []
        current: Node | None = node
        while current is not None and current.kind() == "binary_operator":
            chain.append(current)
            current = current.field("left")
        value = self.value(current, env)
        for one in reversed(chain):
            sign = one.field("operator")
            value = operated(
                sign.text() if sign else "", value, self.value(one.field("right"), env)
            )
        return value

    def _boolean(self, node: Node, env: Env) -> Value:
        left = self.value(node.field("left"), env)
        sign = node.field("operator")
        is_and = sign is not None and sign.text() == "and"
        if left.known:
            return self.value(node.field("right"), env) if bool(left.const) == is_and else left
        inner = guards.after(self, node.field("left"), env, holds=is_and)
        right = self.value(node.field("right"), inner)
        return (
            replace(join(left, right), const=UNSET)
            if not is_and
            else right
            if not right.known
            else join(left, right)
        )

    def _not(self, node: Node, env: Env) -> Value:
        value = self.value(node.field("argument"), env)
        return constant(not value.const) if value.known else Value(fixed=value.fixed)

    def _comparison(self, node: Node, env: Env) -> Value:
        operands = [self.value(part, env) for part in named(node)]
        signs = [part.text() for part in node.children() if not part.is_named()]
        if len(operands) == 2 and all(one.known for one in operands) and signs:
            compare = COMPARE.get(" ".join(signs))
            if compare is not None:
                return tried(lambda: compare(operands[0].const, operands[1].const))
        return NOTHING

    def _unary(self, node: Node, env: Env) -> Value:
        value = self.value(node.field("argument"), env)
        negative = node.text().startswith("-") and isinstance(value.const, int | float)
        return constant(-value.const) if negative else built([value])

    def _conditional(self, node: Node, env: Env) -> Value:
        parts = named(node)
        if len(parts) != 3:
            return self._any(node, env)
        holds = self.condition(parts[1], env)
        if holds is not None:
            return self.value(parts[0] if holds else parts[2], env)
        yes = self.value(parts[0], guards.after(self, parts[1], env, holds=True))
        return join(yes, self.value(parts[2], guards.after(self, parts[1], env, holds=False)))

    def _named_expression(self, node: Node, env: Env) -> Value:
        value = self.value(node.field("value"), env)
        target = node.field("name")
        if target is not None:
            self.assign(target, value, env)
        return value

    def _lambda(self, node: Node, env: Env) -> Value:
        self.value(node.field("body"), dict(env))
        return Value(name="<lambda>")

    def _await(self, node: Node, env: Env) -> Value:
        return self.value(first(node), env)

    def _yield(self, node: Node, env: Env) -> Value:
        self.reading.frame.returns.append(self._any(node, env))
        return NOTHING

    def _call(self, node: Node, env: Env) -> Value:
        function = node.field("function")
        arguments = [*self._arguments(node.field("arguments"), env)]
        receiver = NOTHING
        if function is not None and function.kind() == "attribute":
            receiver = self.value(function.field("object"), env)
        callee = self.value(function, env)
        name = callee.name
        arguments = [*handing.remembered(callee, arguments)]
        self.reading.check_call(node, name, [*arguments, Argument(RECEIVER, receiver)])
        self._change(function, receiver, arguments, env, node)
        if name in EMPTY and not arguments:
            return Value(items={}, shape=EMPTY[name])
        if name == "dict" and all(isinstance(one.place, str) for one in arguments):
            return Value(items={one.place: one.value for one in arguments}, shape="dict")
        if (made := handing.bound(name, arguments)) is not None:
            return made
        for called, given in handing.handed(name, arguments):
            self.reading.check_call(node, called.name, given)
            self.inlined(called.name, given, env, node)
        own = self.inlined(name, arguments, env, node)
        if own is not None:
            return own.at(lines_of(node))
        if callee.taints and not receiver.taints:
            receiver = replace(receiver, taints=callee.taints)
        made = calls.result(self.reading, node, name, receiver, arguments)
        return made.cleaned({ALL}) if receiver.taints and _is_number(name, arguments) else made

    def inlined(
        self, name: str, arguments: Sequence[Argument], env: Env, node: Node
    ) -> Value | None:
        """Return what a function of this file returns; statements know how."""
        raise NotImplementedError

    def _change(
        self,
        function: Node | None,
        receiver: Value,
        arguments: Sequence[Argument],
        env: Env,
        node: Node,
    ) -> None:
        if function is None or function.kind() != "attribute":
            return
        target, method = function.field("object"), function.field("attribute")
        if target is None or method is None or target.kind() not in {"identifier", "attribute"}:
            return
        after = calls.changed(method.text(), receiver, [argument.value for argument in arguments])
        if after is not None:
            env[target.text()] = after.at(lines_of(node))

    def _arguments(self, node: Node | None, env: Env) -> Iterator[Argument]:
        if node is None:
            return
        if node.kind() != "argument_list":
            yield Argument(0, self.value(node, env))
            return
        position: int | None = 0
        for part in named(node):
            kind = part.kind()
            if kind == "keyword_argument":
                name = part.field("name")
                yield Argument(name.text() if name else None, self.value(part.field("value"), env))
            elif kind in {"list_splat", "dictionary_splat"}:
                yield from unpacked(self.value(first(part), env), kind)
                position = position if kind == "dictionary_splat" else None
            else:
                yield Argument(position, self.value(part, env))
                position = None if position is None else position + 1


def _is_number(name: str, arguments: Sequence[Argument]) -> bool:
    """Say whether it is ``args.get(key, default, type=int)``, which Werkzeug converts."""
    types = (one.value.name for one in arguments if one.place in {"type", 2})
    return name.endswith((".get", ".getlist")) and not _NUMBERS.isdisjoint(types)


_NUMBERS: Final = frozenset({"int", "float", "bool", "uuid.UUID", "decimal.Decimal"})
_EXPRESSIONS: Final[Mapping[str, str]] = {  # kinds of nodes to methods of Expressions and Literals
    "attribute": "_attribute",
    "await": "_await",
    "binary_operator": "_binary",
    "boolean_operator": "_boolean",
    "call": "_call",
    "comparison_operator": "_comparison",
    "concatenated_string": "_string",
    "conditional_expression": "_conditional",
    "dictionary": "_dictionary",
    "dictionary_comprehension": "_comprehension",
    "false": "_constant",
    "float": "_number",
    "generator_expression": "_comprehension",
    "identifier": "_identifier",
    "integer": "_number",
    "lambda": "_lambda",
    "list": "_list",
    "list_comprehension": "_comprehension",
    "named_expression": "_named_expression",
    "none": "_constant",
    "not_operator": "_not",
    "parenthesized_expression": "_parenthesized",
    "set": "_list",
    "set_comprehension": "_comprehension",
    "string": "_string",
    "subscript": "_subscript",
    "true": "_constant",
    "tuple": "_list",
    "expression_list": "_list",
    "unary_operator": "_unary",
    "yield": "_yield",
}
