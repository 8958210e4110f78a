"""Reads Python's statements in order: branches, loops, functions of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rlm_gate.detectors._taint import guards, handlers
from rlm_gate.detectors._taint.folding import first, named
from rlm_gate.detectors._taint.python import Expressions
from rlm_gate.detectors._taint.reading import (
    MAX_DEPTH,
    MAX_STEPS,
    Argument,
    Env,
    Frame,
    Function,
    Reading,
    argument_key,
    merge,
)
from rlm_gate.detectors._taint.running import Running
from rlm_gate.detectors._taint.values import UNSET, Value, constant, joined, text
from rlm_gate.syntax import Node


class Statements(Expressions, Running):
    """Runs blocks; None in the place of an environment means that nothing gets there."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.text = ""
        self.found: list[Function] = []
        self.owner = ""
        self.left = []

    def block(self, node: Node | None, env: Env | None) -> Env | None:
        """Return the environment after all statements of a block."""
        return self._each(named(node), env) if node is not None else env

    def module(self, root: Node) -> Env:
        """Read the statements of the file itself; return what they define."""
        self.text = root.text()
        self.reading.frame = Frame(text=self.text)
        return self.block(root, {}) or {}

    def function(self, function: Function) -> None:
        """Read a function as its callers from outside would enter it."""
        parameters, frame = handlers.entered(self.reading, function)
        self.reading.steps = 0
        self.reading.frame = frame
        self.block(function.node.field("body"), {**function.env, **parameters})
        if self.reading.steps > MAX_STEPS:
            self.reading.cut.append(function.node)
        self.reading.frame = Frame(text=self.text)

    def inlined(
        self, name: str, arguments: Sequence[Argument], env: Env, node: Node
    ) -> Value | None:
        """Return what a function of this file returns for these arguments."""
        del env, node
        reading = self.reading
        function = reading.functions.get(name)
        outer = reading.frame
        if function is None or outer.depth >= MAX_DEPTH or reading.steps > MAX_STEPS:
            return None
        key = (name, function.place, outer.depth, outer.static_path, argument_key(arguments))
        if key[-1] is not None and key in reading.returned:
            return reading.returned[key][0]  # its sinks were noted the first time
        text = function.node.text()
        reading.frame = Frame(outer.depth + 1, static_path=outer.static_path, text=text)
        try:
            given = handlers.called(function, arguments, name)
            self.block(function.node.field("body"), {**function.env, **given})
            returned = joined(reading.frame.returns)
        finally:
            reading.frame = outer
        if key[-1] is not None and reading.steps <= MAX_STEPS:
            reading.returned[key] = returned, function.env
        return returned

    def _assignment(self, node: Node, env: Env) -> Env | None:
        target = node.field("left")
        right = node.field("right")
        if target is not None and right is not None:
            if right.kind() == "assignment":
                self._assignment(right, env)
                right = right.field("left")
            self.assign(target, self.value(right, env), env)
        return env

    def _augmented(self, node: Node, env: Env) -> Env | None:
        target, right = node.field("left"), node.field("right")
        if target is not None:
            parts = [self.value(target, env), self.value(right, env)]
            self.assign(target, replace(text(parts), name=parts[0].name), env)
        return env

    def _if(self, node: Node, env: Env) -> Env | None:
        condition = node.field("condition")
        holds = self.condition(condition, env)
        ends: list[Env | None] = []
        if holds is not False:
            ends.append(
                self.block(
                    node.field("consequence"), guards.after(self, condition, env, holds=True)
                )
            )
        if holds is not True:
            rest = guards.after(self, condition, env, holds=False)
            ends.append(self._otherwise([*node.field_children("alternative")], rest))
        return merge(ends)

    def _otherwise(self, alternatives: Sequence[Node], env: Env) -> Env | None:
        if not alternatives:
            return env
        clause, *more = alternatives
        if clause.kind() == "else_clause":
            return self.block(clause.field("body"), env)
        condition = clause.field("condition")
        holds = self.condition(condition, env)
        ends: list[Env | None] = []
        if holds is not False:
            ends.append(
                self.block(
                    clause.field("consequence"), guards.after(self, condition, env, holds=True)
                )
            )
        if holds is not True:
            ends.append(self._otherwise(more, guards.after(self, condition, env, holds=False)))
        return merge(ends)

    def _for(self, node: Node, env: Env) -> Env | None:
        rows = self.value(node.field("right"), env)
        before = env
        target = node.field("left")
        for _ in range(2):  # the second time with what the first one left behind
            inner = dict(env)
            if target is not None:
                self.assign(target, _element_of(rows), inner)
            env = merge([env, self._body(node, inner)]) or env
        return self._else(node, merge([before, env]))

    def _while(self, node: Node, env: Env) -> Env | None:
        condition = node.field("condition")
        if self.condition(condition, env) is False:
            return self._else(node, env)
        for _ in range(2):
            inner = guards.after(self, condition, env, holds=True)
            env = merge([env, self._body(node, inner)]) or env
        return self._else(node, env)

    def _else(self, node: Node, env: Env | None) -> Env | None:
        alternative = node.field("alternative")
        return self.block(alternative.field("body"), env) if alternative is not None else env

    def _try(self, node: Node, env: Env) -> Env | None:
        body = dict(env)
        after = self.block(node.field("body"), body)
        broken = merge([env, body if after is None else after]) or env
        ends: list[Env | None] = []
        final: Node | None = None
        for clause in named(node)[1:]:
            if clause.kind() == "finally_clause":
                final = first(clause)
            elif clause.kind() == "else_clause":
                after = self.block(clause.field("body"), after)
            elif clause.kind() in {"except_clause", "except_group_clause"}:
                ends.append(self._except(clause, dict(broken)))
        merged = merge([after, *ends])
        return (
            self.block(final, merged if merged is not None else broken)
            if final and merged
            else merged
        )

    def _except(self, clause: Node, env: Env) -> Env | None:
        blocks = [part for part in named(clause) if part.kind() == "block"]
        return self.block(blocks[-1], env) if blocks else env

    def _with(self, node: Node, env: Env) -> Env | None:
        clauses = [part for part in named(node) if part.kind() == "with_clause"]
        for held in (first(item) for clause in clauses for item in named(clause)):
            if held is None:
                continue
            if held.kind() == "as_pattern":
                parts = named(held)
                value = self.value(parts[0], env)
                target = first(parts[-1]) or parts[-1]
                self.assign(target, value, env)
            else:
                self.value(held, env)
        return self.block(node.field("body"), env)

    def _match(self, node: Node, env: Env) -> Env | None:
        subject = self.value(node.field("subject"), env)
        ends: list[Env | None] = []
        for case in node.find_all(kind="case_clause"):
            fits = self._fits(case, subject, env)
            if fits is not False:
                ends.append(self.block(case.field("consequence"), dict(env)))
            if fits is True:
                return merge(ends)
        return merge([env, *ends])

    def _fits(self, case: Node, subject: Value, env: Env) -> bool | None:
        """Say whether the case is taken, None where that is open."""
        patterns = [part for part in named(case) if part.kind() == "case_pattern"]
        written = patterns[0].text() if patterns else ""
        if written == "_" and case.field("guard") is None:
            return True
        options = [self.value(literal, env) for literal in _literals(patterns)]
        if not subject.known or not options or not all(one.known for one in options):
            return None
        return any(one.const == subject.const for one in options)

    def _return(self, node: Node, env: Env) -> None:
        value = self.value(first(node), env) if first(node) is not None else constant(None)
        self.reading.frame.returns.append(value)
        page = value.element("body") if "body" in self.reading.frame.answers else value
        if self.reading.frame.answers and page.shape != "dict":
            for entry in self.reading.specs.returning:
                self.reading.check(entry, node, page)

    def _define(self, node: Node, env: Env) -> Env | None:
        decorators: Sequence[Node] = ()
        definition: Node | None = node
        if node.kind() == "decorated_definition":
            decorators = [part for part in named(node) if part.kind() == "decorator"]
            definition = node.field("definition")
        if definition is None:
            return env
        if definition.kind() == "class_definition":
            return self._class(definition, env)
        name = definition.field("name")
        function = Function(definition, env, self.owner, decorators)
        self.found.append(function)
        if name is not None:
            known = f".{name.text()}" if not self.owner else f"self.{name.text()}"
            self.reading.functions[known] = function
            if not self.owner:
                env[name.text()] = Value(name=known)
        return env

    def _class(self, node: Node, env: Env) -> Env | None:
        bases = node.field("superclasses")
        outer, self.owner = self.owner, bases.text() if bases is not None else "()"
        self.block(node.field("body"), dict(env))
        self.owner = outer
        return env

    def _import(self, node: Node, env: Env) -> Env | None:
        for part in named(node):
            whole = (part.field("name") or part).text()
            alias = part.field("alias")
            top = whole.partition(".")[0]
            self.reading.frameworks.add(top)
            name = alias.text() if alias is not None else top
            env[name] = Value(name=whole if alias is not None else top)
        return env

    def _import_from(self, node: Node, env: Env) -> Env | None:
        module = node.field("module_name")
        origin = module.text() if module is not None else ""
        self.reading.frameworks.add(origin.partition(".")[0])
        for part in node.field_children("name"):
            whole = (part.field("name") or part).text()
            alias = part.field("alias")
            env[(alias if alias is not None else part).text()] = Value(name=f"{origin}.{whole}")
        return env

    def _delete(self, node: Node, env: Env) -> Env | None:
        for part in named(node):
            env.pop(part.text(), None)
        return env


def _element_of(rows: Value) -> Value:
    if rows.shape == "dict" and rows.items is not None:
        keys = joined(constant(key) for key in rows.items if key is not UNSET)
        return joined([keys, Value(taints=rows.taints)]) if UNSET in rows.items else keys
    return rows.element(UNSET)


def _literals(patterns: Iterable[Node]) -> list[Node]:
    kinds = ("string", "integer", "true", "false", "none")
    found = [node for pattern in patterns for kind in kinds for node in pattern.find_all(kind=kind)]
    written = re.split(r"\s*\|\s*", " | ".join(pattern.text() for pattern in patterns))
    return found if len(found) == len(written) else []


Statements.statements = {
    "assignment": "_assignment",
    "augmented_assignment": "_augmented",
    "break_statement": "_stop",
    "class_definition": "_define",
    "continue_statement": "_stop",
    "decorated_definition": "_define",
    "delete_statement": "_delete",
    "expression_statement": "_statement",
    "for_statement": "_for",
    "function_definition": "_define",
    "if_statement": "_if",
    "import_from_statement": "_import_from",
    "import_statement": "_import",
    "match_statement": "_match",
    "raise_statement": "_leave",
    "return_statement": "_return",
    "try_statement": "_try",
    "while_statement": "_while",
    "with_statement": "_with",
}
READER = Statements
