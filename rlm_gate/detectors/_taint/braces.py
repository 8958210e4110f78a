"""Reads a file of JavaScript, Java, Go or PHP: its functions, closures, classes, variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate.detectors._taint.blocks import BLOCKS, FUNCTION_STATEMENTS, Blocks
from rlm_gate.detectors._taint.folding import first, named
from rlm_gate.detectors._taint.reading import (
    MAX_DEPTH,
    MAX_STEPS,
    Argument,
    Env,
    Frame,
    Function,
    Reading,
    argument_key,
)
from rlm_gate.detectors._taint.targets import part
from rlm_gate.detectors._taint.terms import FUNCTIONS
from rlm_gate.detectors._taint.values import UNSET, Value, constant, joined, listed
from rlm_gate.syntax import Node

_NAMES: Final = ("identifier", "variable_name")
_OWN: Final = ("$this->", "this.")  # before a field of the object that a method is of
_NESTED: Final = 12  # functions within functions


class Braces(Blocks):
    """Knows a file's functions, and reads each as its callers would enter it."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.text = ""
        self.found: list[Function] = []
        self.declared: set[int] = set()  # where they begin
        self.owner = ""
        self.marks = ""  # the modifiers of the class that is read
        self.nested = 0
        self.around: Env = {}

    def entered(self, function: Function) -> tuple[Env, Frame]:
        """Return the parameters' values and the frame of a function entered from outside."""
        env = {name: Value(name=name) for name, _ in self.parameters(function.node) if name}
        return env, Frame(text=function.node.text())

    def parameters(self, node: Node) -> Iterator[tuple[str, Node]]:
        """Yield (name, parameter) of a function; the name is empty for what takes values apart."""
        parameters = part(node, "parameters", "parameter")
        if parameters is None:
            return
        if not parameters.kind().endswith(("parameters", "list")):
            yield parameters.text(), parameters
            return
        for one in named(parameters):
            names = list(one.field_children("name")) or [_bare(one)]
            for name in names:
                yield (name.text() if name.kind() in _NAMES else ""), one

    def module(self, root: Node) -> Env:
        """Read the statements of the file itself; return what they define."""
        self.text = root.text()
        self.reading.frame = Frame(text=self.text)
        env: Env = {}
        self._declare_all(root, env)
        for statement in named(root):
            self.reading.steps = 0
            after = self._run(statement, env)
            if self.reading.steps > MAX_STEPS:
                self.reading.cut.append(statement)
            env = env if after is None else after
        return env

    def _declare_all(self, root: Node, env: Env) -> None:
        """Know functions before the statements that call them."""
        for statement in named(root):
            inner = statement.field("declaration") or statement
            if inner.kind() in FUNCTION_STATEMENTS:
                self.declare(inner, env)

    def function(self, function: Function) -> None:
        """Read a function as its callers from outside would enter it."""
        parameters, frame = self.entered(function)
        self.reading.seen = self.reading.seen or any(one.tainted for one in parameters.values())
        self.reading.steps = 0
        self.reading.frame = frame
        self.owner = function.owner
        self.left.append([])
        self._body_of(function.node, {**function.env, **parameters})
        self.left.pop()
        if self.reading.steps > MAX_STEPS:
            self.reading.cut.append(function.node)
        self.reading.frame = Frame(text=self.text)

    def closure(self, node: Node, env: Env, given: Sequence[Value]) -> Value:
        """Read a function where it stands, with what is known there, and return what it returns."""
        if self.nested >= _NESTED:
            return Value()
        outer, steps, left = self.reading.frame, self.reading.steps, self.left
        parameters, frame = self.entered(Function(node, env, self.owner, (), self.marks))
        self.reading.seen = self.reading.seen or any(one.tainted for one in parameters.values())
        inner = {**env, **parameters}
        for (name, target), value in zip(self.parameters(node), given, strict=False):
            if value.everything or value.name:
                sent = self.reading.source(value.name, target) or value.taints
                self.assign(_bare(target), replace(value, taints=sent), inner)
            inner.setdefault(name, Value(name=name))
        self.nested += 1
        self.left = [[]]
        self.reading.frame = replace(frame, depth=outer.depth)
        after = self._body_of(node, inner)
        returned = joined(self.reading.frame.returns)
        self.nested -= 1
        self.left = left
        self.reading.frame = outer
        if not outer.depth and self.nested == 0 and outer.text == self.text:
            self.reading.steps = steps  # each function of the module has its own
        self._carry(env, after or inner, {name for name, _ in self.parameters(node)})
        return Value(name="<function>", items={UNSET: returned}, shape="function")

    def _body_of(self, node: Node, env: Env) -> Env | None:
        """Read a function's body, a block or the one expression that it returns."""
        body = node.field("body")
        if body is None:
            return env
        if body.kind() not in BLOCKS:
            self.reading.frame.returns.append(self.value(body, env))
            return env
        self._declare_all(body, env)
        return self.block(body, env)

    def _carry(self, env: Env, after: Env, own: set[str]) -> None:
        """Let what a function set in variables around it be known there."""
        for name, value in after.items():
            if name in env and name not in own and env[name] is not value:
                env[name] = joined([env[name], value])

    def inlined(self, name: str, receiver: str, arguments: Sequence[Argument]) -> Value | None:
        """Return what a function of this file returns for these arguments."""
        reading = self.reading
        function = self._known(name, receiver, len(arguments))
        outer = reading.frame
        if function is None or outer.depth >= MAX_DEPTH or reading.steps > MAX_STEPS:
            return None
        around = self.around
        carried = self._carried(receiver, around)
        key = (name, function.place, outer.depth, None if carried else argument_key(arguments))
        if key[-1] is not None and key in reading.returned:
            return reading.returned[key][0]  # its sinks were noted the first time
        owner, left = self.owner, self.left
        self.owner, self.left = function.owner, [[]]
        reading.frame = Frame(outer.depth + 1, text=function.node.text())
        inner = {**function.env, **carried}
        self._hand(function.node, arguments, inner)
        after = self._body_of(function.node, inner)
        around.update(self._carried(receiver, after or inner))
        returned = joined(reading.frame.returns)
        self.owner, self.left, reading.frame = owner, left, outer
        if key[-1] is not None and reading.steps <= MAX_STEPS:
            reading.returned[key] = returned, function.env
        return returned

    def _carried(self, receiver: str, env: Env) -> Env:
        """Return the fields from outside that a method of the same object finds, and leaves."""
        if receiver != "this" or not self.reading.seen:
            return {}
        return {name: one for name, one in env.items() if name.startswith(_OWN) and one.tainted}

    def _hand(self, node: Node, arguments: Sequence[Argument], env: Env) -> None:
        loose = [one.value for one in arguments if one.place is None]
        given = {one.place: one.value for one in arguments}
        for index, (name, target) in enumerate(self.parameters(node)):
            value = given.get(index) or (joined(loose) if loose else Value(name=name))
            if name:
                env[name] = value
            else:
                self.assign(_bare(target), value, env)

    def _known(self, name: str, receiver: str, count: int) -> Function | None:
        """Return the function of this file that a call of that name means."""
        functions = self.reading.functions
        method = name.rpartition(".")[2]
        if receiver in {"", "this"}:
            keys = [f"{self.owner}.{count}.{method}", f"{self.owner}.{method}", f".{method}"]
            keys = keys if receiver else [f".{count}.{method}", *keys]
        else:
            keys = [f"{receiver.removesuffix('()').rpartition('.')[2]}.{one}{method}"
                    for one in (f"{count}.", "")]  # fmt: skip
        return next((functions[key] for key in keys if key in functions), None)

    def declare(self, node: Node, env: Env) -> None:
        """Keep a function with a name for its callers, and for being read itself."""
        name = node.field("name")
        self.declared.add(node.range().start.index)
        function = Function(node, env, self.owner, (), self.marks)
        self.found.append(function)
        if name is not None:
            self.know(name.text(), function)
            if not self.owner:
                env.setdefault(name.text(), Value(name=f".{name.text()}"))

    def know(self, name: str, function: Function) -> None:
        """Let calls by that name find the function."""
        count = len([*self.parameters(function.node)])
        self.reading.functions.setdefault(f"{function.owner}.{count}.{name}", function)
        self.reading.functions.setdefault(f"{function.owner}.{name}", function)

    def _define(self, node: Node, env: Env) -> Env | None:
        if node.range().start.index not in self.declared:
            self.declare(node, env)
        return env

    def _class(self, node: Node, env: Env) -> Env | None:
        name = node.field("name")
        outer, marks = self.owner, self.marks
        self.owner = name.text() if name is not None else ""
        self.marks = node.text()[: node.text().find("{")]
        inner = dict(env)
        body = node.field("body")
        members = named(body) if body is not None else []
        for one in members:
            if one.kind() not in FUNCTION_STATEMENTS:
                self._run(one, inner)
        for one in members:
            if one.kind() in FUNCTION_STATEMENTS:
                self.declare(one, inner)
        self.owner, self.marks = outer, marks
        return env

    def _variables(self, node: Node, env: Env) -> Env | None:
        for one in named(node):
            if one.kind() == "variable_declarator":
                self.declarator(one, env)
        return env

    def declarator(self, node: Node, env: Env) -> None:
        """Give a declared variable its value."""
        target, right = node.field("name"), node.field("value")
        if target is None:
            return
        if right is not None and right.kind() in FUNCTIONS:
            name = target.text()
            self.know(name, Function(right, env, "", (), self.marks))
            self.closure(right, env, ())
            env[name] = Value(name=f".{name}")
        else:
            self.assign(
                target, self.value(right, env) if right is not None else Value(fixed=True), env
            )

    def _field(self, node: Node, env: Env) -> Env | None:
        target = part(node, "name", "property")
        if target is not None:
            env[f"this.{target.text()}"] = self.function_value(node.field("value") or target, env)
        return env

    def _targets(self, node: Node, env: Env) -> Env | None:
        """Assign to several at once; a language that has it says how."""
        return self._expression(node, env)

    def _import(self, node: Node, env: Env) -> Env | None:
        """Know what is imported by which name; a language says how."""
        del node
        return env

    def _return(self, node: Node, env: Env) -> None:
        inner = first(node)
        parts = named(inner) if inner is not None and inner.kind() == "expression_list" else []
        if len(parts) > 1:
            value = listed([self.function_value(one, env) for one in parts])
        else:
            inner = parts[0] if parts else inner
            value = self.function_value(inner, env) if inner is not None else constant(None)
        self.reading.frame.returns.append(value)
        answers = self.reading.frame.answers
        if answers and value.shape != "dict" and not self._made_elsewhere(value):
            for entry in self.reading.specs.returning:
                if entry.returns in answers:
                    self.reading.check(entry, node, value)

    def _made_elsewhere(self, value: Value) -> bool:
        """Say whether code of another file made the value from what it was given."""
        words = self.reading.words
        method = value.name.rpartition(".")[2].removesuffix("()")
        known = method in words.data["text_methods"] or words.sources.find(value.name)
        return value.name.endswith("()") and not value.written and not known

    def _wrapped(self, node: Node, env: Env) -> Env | None:
        """Read what stands inside: exported, labelled, synchronized."""
        inner = part(node, "declaration", "body", "value") or first(node)
        if inner is None:
            return env
        if inner.kind() in FUNCTIONS:
            self.closure(inner, env, ())
            return env
        return self.block(inner, env)


def _bare(parameter: Node) -> Node:
    """Return what a parameter binds, without its type, default, and decorators."""
    inner = part(parameter, "pattern", "name", "left")
    if inner is None and parameter.kind() == "rest_pattern":
        inner = first(parameter)
    if inner is None and parameter.kind() == "spread_parameter":
        inner = part(named(parameter)[-1], "name")
    return inner if inner is not None else parameter
