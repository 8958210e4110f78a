"""Runs statements of JavaScript, Java, Go and PHP in order: branches, loops, cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate.detectors._taint import proofs
from rlm_gate.detectors._taint.folding import first, named
from rlm_gate.detectors._taint.reading import Env, Reading, merge
from rlm_gate.detectors._taint.running import Running
from rlm_gate.detectors._taint.targets import part
from rlm_gate.detectors._taint.terms import Terms
from rlm_gate.detectors._taint.values import UNSET, Value
from rlm_gate.syntax import Node

BLOCKS: Final = (
    "statement_block",
    "block",
    "statement_list",
    "constructor_body",
    "compound_statement",
    "colon_block",
)
_CASES: Final = (
    "switch_case",
    "switch_default",
    "switch_block_statement_group",
    "switch_rule",
    "expression_case",
    "default_case",
    "type_case",
    "communication_case",
    "case_statement",
    "default_statement",
)
_DEFAULTS: Final = ("switch_default", "default_case", "default_statement")
_FALLING: Final = (
    "switch_case",
    "switch_default",
    "switch_block_statement_group",
    "case_statement",
    "default_statement",
)
_LABELS: Final = ("switch_label", "expression_list")
_HEADS: Final = ("range_clause", "for_clause")
FUNCTION_STATEMENTS: Final = (
    "constructor_declaration",
    "function_declaration",
    "function_definition",
    "generator_function_declaration",
    "method_declaration",
    "method_definition",
)


class Blocks(Terms, Running):
    """Runs blocks; None in the place of an environment means that nothing gets there."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.left = []

    def block(self, node: Node | None, env: Env | None) -> Env | None:
        """Return the environment after all statements of a block, or after the one statement."""
        if node is None:
            return env
        if node.kind() not in BLOCKS:
            return self._run(node, env) if env is not None else None
        return self._each(named(node), env)

    def _if(self, node: Node, env: Env) -> Env | None:
        before = node.field("initializer")
        if before is not None:
            env = self._run(before, env) or env
        return self._branch(node, node.field_children("alternative"), env)

    def _branch(self, node: Node, others: Sequence[Node], env: Env) -> Env | None:
        """Read what is done where the condition is met, else the others: ``elseif``, ``else``."""
        condition = node.field("condition")
        holds = self.condition(condition, env)
        ends: list[Env | None] = []
        if holds is not False:
            inner = proofs.after(self, condition, env, holds=True)
            ends.append(self.block(part(node, "consequence", "body"), inner))
        if holds is not True:
            inner = proofs.after(self, condition, env, holds=False)
            further = bool(others) and others[0].kind() == "else_if_clause"
            ends.append(
                self._branch(others[0], others[1:], inner)
                if further
                else self.block(others[0] if others else None, inner)
            )
        return merge(ends)

    def _else(self, node: Node, env: Env) -> Env | None:
        return self.block(first(node), env)

    def _for_each(self, node: Node, env: Env) -> Env | None:
        rows = self.value(part(node, "right", "value"), env)
        target = part(node, "left", "name")
        keys = any(one.text() == "in" for one in node.children() if not one.is_named())
        for _ in range(2):  # the second time with what the first one left behind
            inner = dict(env)
            if target is not None:
                element = Value(name="", taints=rows.taints) if keys else rows.element(UNSET)
                self.assign(target, replace(element, name=element.name or self.typed(node)), inner)
            env = merge([env, self._body(node, inner)]) or env
        return env

    def typed(self, node: Node) -> str:
        """Return the name of what is of the type that a declaration spells out."""
        del node
        return ""

    def _for(self, node: Node, env: Env) -> Env | None:
        head = next((one for one in named(node) if one.kind() in _HEADS), node)
        if head.kind() == "range_clause":
            return self._range(node, head, env)
        start = part(head, "initializer", "init", "initialize")
        env = (self._run(start, env) if start is not None else env) or env
        test = part(head, "condition")
        return self._loop(node, test, part(head, "increment", "update"), env)

    def _range(self, node: Node, head: Node, env: Env) -> Env | None:
        rows = self.value(head.field("right"), env)
        left = head.field("left")
        targets = named(left) if left is not None else []
        keys = Value(taints=rows.taints if rows.shape != "list" else ())
        for _ in range(2):
            inner = dict(env)
            element = rows.element(UNSET)
            element = replace(element, name=element.name or self.typed(node))
            for target, value in zip(targets, (keys, element), strict=False):
                self.assign(target, value, inner)
            env = merge([env, self._body(node, inner)]) or env
        return env

    def _while(self, node: Node, env: Env) -> Env | None:
        return self._loop(node, node.field("condition"), None, env)

    def _loop(self, node: Node, test: Node | None, step: Node | None, env: Env) -> Env | None:
        if test is not None and self.condition(test, env) is False:
            return env
        for _ in range(2):
            inner = proofs.after(self, test, env, holds=True)
            after = self._body(node, inner)
            if after is not None and step is not None:
                self._run(step, after)
            env = merge([env, after]) or env
        return env

    def _switch(self, node: Node, env: Env) -> Env | None:
        before = node.field("initializer")
        if before is not None:
            env = self._run(before, env) or env
        asked = part(node, "value", "condition")
        subject = self.value(asked, env)
        body = node.field("body")
        cases = [one for one in named(body if body is not None else node) if one.kind() in _CASES]
        self.left.append([])
        chosen = proofs.chosen(self, asked, env) if subject.tainted else env
        ends = self._taken(cases, subject, env, chosen)
        return merge([*ends, *self.left.pop()])

    def _taken(
        self, cases: Sequence[Node], subject: Value, env: Env, chosen: Env
    ) -> list[Env | None]:
        """Read the cases that may be taken; one falls into the next if nothing leaves it.

        ``chosen``: what is known where the subject is one of the constants of a case.
        """
        through: Env | None = None
        ends: list[Env | None] = []
        sure = False
        for one in cases:
            fits = None if not sure else False
            fits = self._fits(one, subject, env) if fits is None else fits
            known = chosen if chosen is not env and self._is_listed(one, env) else env
            begins = [through, dict(known) if fits is not False else None]
            after = self._each(_statements(one), merge(begins))
            falls = one.kind() in _FALLING
            through = after if falls else None
            ends += [] if falls else [after]
            sure = sure or fits is True or one.kind() in _DEFAULTS
        return [*ends, through, *([] if sure else [env])]

    def _is_listed(self, case: Node, env: Env) -> bool:
        """Say whether a case is for texts of the author's alone."""
        _, options = self._options(case, env)
        return bool(options) and all(one.harmless for one in options)

    def _options(self, case: Node, env: Env) -> tuple[list[Node], list[Value]]:
        labels = [one for one in named(case) if one.kind() in _LABELS]
        value = case.field("value")
        options = [self.value(one, env) for label in labels for one in named(label)]
        if value is not None and not labels:
            options = [self.value(value, env)]
        return labels, options

    def _fits(self, case: Node, subject: Value, env: Env) -> bool | None:
        """Say whether the case is taken, None where that is open."""
        labels, options = self._options(case, env)
        if case.kind() in _DEFAULTS or (labels and labels[0].text() == "default"):
            return None
        if not subject.known or not options or not all(one.known for one in options):
            return None
        return any(one.const == subject.const for one in options)

    def _try(self, node: Node, env: Env) -> Env | None:
        resources = node.field("resources")
        for one in named(resources) if resources is not None else ():
            self._resource(one, env)
        body = dict(env)
        after = self.block(node.field("body"), body)
        broken = merge([env, body if after is None else after]) or env
        ends: list[Env | None] = [after]
        final: Node | None = None
        for clause in named(node):
            if clause.kind() == "finally_clause":
                final = part(clause, "body") or first(clause)
            elif clause.kind() == "catch_clause":
                ends.append(self.block(clause.field("body"), dict(broken)))
        merged = merge(ends)
        return self.block(final, merged if merged is not None else broken) if final else merged

    def _resource(self, node: Node, env: Env) -> None:
        name = node.field("name")
        value = self.value(node.field("value") or first(node), env)
        if name is not None:
            env[name.text()] = value

    def _all(self, node: Node, env: Env) -> Env | None:
        return self._each(named(node), env)


def _statements(case: Node) -> list[Node]:
    labels = (*_LABELS, "receive_statement")
    value = case.field("value")
    start = value.range().start.index if value is not None else -1
    found = [one for one in named(case) if one.kind() not in labels]
    return [one for one in found if one.range().start.index != start]


STATEMENTS: Final[Mapping[str, str]] = {  # kinds of nodes to methods of Blocks and Braces
    **dict.fromkeys(BLOCKS, "block"),
    **dict.fromkeys(FUNCTION_STATEMENTS, "_define"),
    **dict.fromkeys(("class_declaration", "class", "abstract_class_declaration"), "_class"),
    **dict.fromkeys(
        ("enum_declaration", "record_declaration", "interface_declaration", "trait_declaration"),
        "_class",
    ),
    **dict.fromkeys(("lexical_declaration", "variable_declaration"), "_variables"),
    **dict.fromkeys(("local_variable_declaration", "field_declaration"), "_variables"),
    **dict.fromkeys(("public_field_definition", "field_definition"), "_field"),
    **dict.fromkeys(("expression_statement", "go_statement", "defer_statement"), "_statement"),
    **dict.fromkeys(("for_in_statement", "enhanced_for_statement"), "_for_each"),
    **dict.fromkeys(("while_statement", "do_statement"), "_while"),
    **dict.fromkeys(("switch_statement", "switch_expression", "select_statement"), "_switch"),
    **dict.fromkeys(("expression_switch_statement", "type_switch_statement"), "_switch"),
    **dict.fromkeys(("try_statement", "try_with_resources_statement"), "_try"),
    **dict.fromkeys(("return_statement", "yield_statement"), "_return"),
    **dict.fromkeys(("break_statement", "continue_statement"), "_stop"),
    **dict.fromkeys(("export_statement", "labeled_statement"), "_wrapped"),
    "else_clause": "_else",
    "for_statement": "_for",
    "if_statement": "_if",
    "static_initializer": "_wrapped",
    "synchronized_statement": "_wrapped",
    "throw_statement": "_leave",
    **dict.fromkeys(("const_declaration", "var_declaration", "var_spec_list"), "_all"),
    **dict.fromkeys(("short_var_declaration", "assignment_statement"), "_targets"),
    **dict.fromkeys(("var_spec", "const_spec"), "_targets"),
    **dict.fromkeys(("import_statement", "import_declaration"), "_import"),
}
Blocks.statements = STATEMENTS
