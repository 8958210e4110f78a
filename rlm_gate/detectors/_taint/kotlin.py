"""How Kotlin's trees are read, whose nodes have no fields; its libraries are Java's and its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import kotlinproofs, methods
from rlm_gate.detectors._taint.braces import Braces
from rlm_gate.detectors._taint.folding import first, named
from rlm_gate.detectors._taint.handlers import remote
from rlm_gate.detectors._taint.java import HANDLED, INPUT
from rlm_gate.detectors._taint.reading import (
    RECEIVER,
    Argument,
    Env,
    Frame,
    Function,
    merge,
)
from rlm_gate.detectors._taint.targets import at
from rlm_gate.detectors._taint.values import (
    ONE_PART,
    UNSET,
    Value,
    constant,
    join,
    joined,
    listed,
    mixed,
    text,
)
from rlm_gate.syntax import Node

_TEXTS: Final = kept.expression(
    r"(?:\w*<)?(?:String|Any|ByteArray|CharSequence|MultipartFile|Map|List|JsonNode|\w*(?:Dto|DTO"
    r"|Form|Request|Query|Filter|Command|Body|Input))\b"
)
_TAKEN: Final = kept.expression(r"@(?:RequestBody|ModelAttribute|BeanParam|Body)\b")
_NUMBERS: Final = frozenset({"toInt", "toLong", "toDouble", "toFloat", "toShort", "toBoolean",
    "toIntOrNull", "toLongOrNull", "toDoubleOrNull", "toFloatOrNull", "toBooleanStrictOrNull",
    "toBigDecimal", "toBigDecimalOrNull", "toUUID"})  # fmt: skip
_SCOPES: Final = frozenset({"let", "run", "also", "apply", "use", "takeIf", "ifPresent", "map",
    "forEach", "with", "flatMap", "mapNotNull", "filter", "any", "all", "useLines"})  # fmt: skip
_ITSELF: Final = frozenset({"also", "apply", "takeIf", "takeUnless", "filter"})
_GETTERS: Final = frozenset({"writer", "outputStream", "nextEntry", "request", "response"})
_REQUIRES: Final = frozenset({"require", "check", "assert"})
_LEAVES: Final = kept.expression(r"(?:return|throw|break|continue)\b")


class Kotlin(Braces):
    """Reads Kotlin. A function's last expression, where it has no block, is what it returns."""

    def parameters(self, node: Node) -> Iterator[tuple[str, Node]]:
        """Yield (name, parameter) of a function or of a lambda."""
        inside = ("function_value_parameters", "lambda_parameters")
        holder = next((one for one in named(node) if one.kind() in inside), None)
        for one in named(holder) if holder is not None else ():
            if one.kind() in {"parameter", "variable_declaration"}:
                name = _child(one, "simple_identifier")
                yield (name.text() if name is not None else ""), one

    def entered(self, function: Function) -> tuple[Env, Frame]:
        """Let what a stranger sends be known for it, by annotations."""
        node = function.node
        body = _child(node, "function_body")
        head = node.text().removesuffix(body.text() if body is not None else "")
        handler = HANDLED.search(head) is not None
        env: Env = {}
        marks = ""
        holder = _child(node, "function_value_parameters")
        for one in named(holder) if holder is not None else ():
            if one.kind() == "parameter_modifiers":
                marks = one.text()
            elif one.kind() == "parameter":
                name = _child(one, "simple_identifier")
                if name is not None:
                    env[name.text()] = self._parameter(name.text(), one, marks, handler=handler)
                marks = ""
        return env, Frame(text=node.text())

    def _parameter(self, name: str, node: Node, marks: str, *, handler: bool) -> Value:
        written = node.text().partition(":")[2].strip()
        simple = re.sub(r"<.*|[\s?]|=.*", "", written, flags=re.DOTALL).rpartition(".")[2]
        if typed := self.reading.words.data["types"].get(simple):
            return Value(name=typed)
        asked = INPUT.search(marks) is not None
        if asked and (_TEXTS.match(written) or _TAKEN.search(marks)):
            one_part = "@PathVariable" in marks
            return remote(node, name).doubted(ONE_PART if one_part else frozenset())
        return Value(name=name, fixed=asked) if not handler or asked else Value(name=name)

    def declare(self, node: Node, env: Env) -> None:
        """Keep a function with a name for its callers, and for being read itself."""
        name = _child(node, "simple_identifier")
        self.declared.add(node.range().start.index)
        function = Function(node, env, self.owner, (), self.marks)
        self.found.append(function)
        if name is not None:
            self.know(name.text(), function)
            if not self.owner:
                env.setdefault(name.text(), Value(name=f".{name.text()}"))

    def _class(self, node: Node, env: Env) -> Env | None:
        name = _child(node, "type_identifier")
        outer = self.owner
        self.owner = name.text() if name is not None else ""
        inner = dict(env)
        body = _child(node, "class_body")
        constructor = _child(node, "primary_constructor")
        for one in named(constructor) if constructor is not None else ():
            self._typed(one, inner)
        for one in named(body) if body is not None else ():
            if one.kind() == "function_declaration":
                self.declare(one, inner)
            else:
                self._run(one, inner)
        self.owner = outer
        return env

    def _typed(self, node: Node, env: Env) -> None:
        name = _child(node, "simple_identifier")
        kind = node.text().partition(":")[2].strip()
        simple = re.sub(r"[<=].*|[\s?]", "", kind, flags=re.DOTALL).rpartition(".")[2]
        if name is not None and (typed := self.reading.words.data["types"].get(simple)):
            env[name.text()] = Value(name=typed)

    def _body_of(self, node: Node, env: Env) -> Env | None:
        body = _child(node, "function_body", "statements")
        if body is None:
            return env
        if body.kind() == "function_body":
            inner = first(body)
            if inner is None or inner.kind() != "statements":
                self.reading.frame.returns.append(self.value(inner, env))
                return env
            body = inner
        else:  # a lambda gives what its last expression is
            *others, last = named(body)
            after = self._each(others, env)
            given = last.kind() == "call_expression" or last.kind() not in self.statements
            if after is not None and given:
                self.reading.frame.returns.append(self.value(last, after))
                return after
            return self._run(last, after) if after is not None else None
        return self.block(body, env)

    def block(self, node: Node | None, env: Env | None) -> Env | None:
        """Return the environment after all statements of a block, or after the one statement."""
        if node is None:
            return env
        if node.kind() in {"statements", "control_structure_body", "finally_block", "catch_block"}:
            return self._each(named(node), env)
        return self._run(node, env) if env is not None else None

    def _property(self, node: Node, env: Env) -> Env | None:
        target = _child(node, "variable_declaration")
        name = _child(target, "simple_identifier") if target is not None else None
        inner = named(node)[-1]
        if name is None or target is None:
            return env
        own = inner.kind() in {"variable_declaration", "type_constraints"}
        value = Value(name=name.text()) if own else self.function_value(inner, env)
        env[name.text()] = at(value, node)
        if not value.tainted:
            self._typed(target, env)
        return env

    def _stated(self, node: Node, env: Env) -> Env | None:
        """Read a call that is a statement: ``require(x in list)`` leaves where it is not so."""
        self.value(node, env)
        suffix = _child(node, "call_suffix")
        function = first(node)
        if function is None or suffix is None or function.text() not in _REQUIRES:
            return env
        holder = _child(suffix, "value_arguments")
        asked = next((named(one)[-1] for one in _arguments(holder)), None)
        return kotlinproofs.after(self, asked, env, holds=True)

    def _assign(self, node: Node, env: Env) -> Env | None:
        left, right = named(node)[0], named(node)[-1]
        value = self.function_value(right, env)
        plain = left.text()
        if "+=" in node.text()[len(plain) : len(plain) + 5]:
            value = text([self.value(left, env), value])
        suffix = [one for one in named(left) if one.kind() == "navigation_suffix"]
        if suffix:
            owner = self.value(first(left), env)
            field = suffix[-1].text().lstrip("?.")
            self.reading.check_store(node, self.named(owner.name, field), (value,))
        env[plain] = at(value, node)
        return env

    def _if(self, node: Node, env: Env) -> Env | None:
        test, *parts = named(node)
        self.value(test, env)
        bodies = [one for one in parts if one.kind() == "control_structure_body"]
        met, missed = (kotlinproofs.after(self, test, env, holds=one) for one in (True, False))
        ends = [self.block(one, way) for one, way in zip(bodies, (met, missed), strict=False)]
        return merge([*ends, *([] if len(ends) > 1 else [missed])])

    def _when(self, node: Node, env: Env) -> Env | None:
        subject: Node | None = None
        ends: list[Env | None] = []
        left: Env = env
        for one in named(node):
            if one.kind() == "when_entry":
                way = kotlinproofs.chosen(self, subject, one, left)
                ends.append(self.block(_child(one, "control_structure_body"), way))
                left = kotlinproofs.left(self, subject, one, left)
            else:
                subject = first(one) or one
                self.value(subject, env)
        return merge([*ends, left])

    def _try(self, node: Node, env: Env) -> Env | None:
        ends = [self.block(one, dict(env)) for one in named(node)]
        return merge([env, *ends])

    def _for_each(self, node: Node, env: Env) -> Env | None:
        parts = named(node)
        target = _child(parts[0], "simple_identifier")
        rows = self.value(parts[1], env) if len(parts) > 1 else Value()
        inner = dict(env)
        if target is not None:
            inner[target.text()] = rows.element(UNSET)
        return merge([env, self.block(parts[-1], inner)])

    def _while(self, node: Node, env: Env) -> Env | None:
        for one in named(node)[:-1]:
            self.value(one, env)
        return merge([env, self.block(named(node)[-1], dict(env))])

    def _jump(self, node: Node, env: Env) -> Env | None:
        inner = first(node)
        value = self.value(inner, env) if inner is not None else constant(None)
        if node.text().startswith("return"):
            self.reading.frame.returns.append(value)
        return None if _LEAVES.match(node.text()) else env

    def _call(self, node: Node, env: Env) -> Value:
        parts = named(node)
        suffix = next((one for one in parts[1:] if one.kind() == "call_suffix"), None)
        function = parts[0] if parts and parts[0] is not suffix else None
        receiver, name = Value(), ""
        if function is not None and function.kind() == "navigation_expression":
            receiver = self.value(first(function), env)
            name = self.named(receiver.name, named(function)[-1].text().lstrip("?.:"))
        else:  # a word that means something elsewhere has a name without a text of its own
            name = function.text() if function is not None else node.text().partition("(")[0]
            name = name.rpartition(".")[2] if name[:1].isupper() else name
        arguments = self._given(suffix, env)
        given = [*arguments, Argument(RECEIVER, receiver)]
        self.reading.check_call(node, name, given)
        handed = self._handed(suffix, name, receiver, env)
        return at(self._returned(node, name, receiver, arguments, handed), node)

    def _returned(
        self, node: Node, name: str, receiver: Value, args: list[Argument], handed: list[Value]
    ) -> Value:
        method = name.rpartition(".")[2]
        if method in _NUMBERS:
            return Value(name=f"{name}()", fixed=True)
        if handed and method in _ITSELF:
            return receiver
        if handed:
            return joined(handed)
        own = self.inlined(name, receiver.name, args)
        return own if own is not None else methods.result(self.reading, node, name, receiver, args)

    def _given(self, suffix: Node | None, env: Env) -> list[Argument]:
        holder = _child(suffix, "value_arguments") if suffix is not None else None
        values = [self.value(named(one)[-1], env) for one in _arguments(holder)]
        return [Argument(place, value) for place, value in enumerate(values)]

    def _handed(self, suffix: Node | None, name: str, receiver: Value, env: Env) -> list[Value]:
        """Read the lambda behind a call where it stands; return what it gives."""
        mark = _child(suffix, "annotated_lambda") if suffix is not None else None
        literal = _child(mark, "lambda_literal") if mark is not None else None
        if literal is None:
            return []
        method = name.rpartition(".")[2]
        sent = receiver if receiver.items is None else receiver.element(UNSET)
        inner = dict(env)
        if method in _SCOPES:
            inner["it"] = sent
        made = self.closure(literal, inner, (sent,) if method in _SCOPES else ())
        return [made.element(UNSET)] if method in _SCOPES else []

    def _member(self, node: Node, env: Env) -> Value:
        if node.text() in env:
            return env[node.text()]
        owner = self.value(first(node), env)
        field = named(node)[-1].text().lstrip("?.:")
        getter = f"{owner.name}.get{field[:1].upper()}{field[1:]}()"  # of a class of Java
        if taints := self.reading.source(getter, node):
            return Value(name=getter, taints=taints)
        if field in _GETTERS and not owner.tainted and not owner.name.endswith("call"):
            return Value(name=getter)
        return self.field_of(owner, field, node)

    def _indexed(self, node: Node, env: Env) -> Value:
        owner = self.value(first(node), env)
        suffix = named(node)[-1]
        key = self.value(first(suffix), env)
        if owner.items is not None:
            return owner.element(key.const)
        field = key.const if isinstance(key.const, str) else "[]"
        return self.field_of(owner, field, node)

    def _string(self, node: Node, env: Env) -> Value:
        parts = []
        for one in named(node):
            if one.kind() == "interpolated_identifier":
                parts.append(self._identifier(one, env))
            elif one.kind() == "interpolated_expression":
                parts.append(self.value(first(one), env))
            elif not one.kind().startswith("interpolation_"):
                parts.append(constant(one.text()))
        return text(parts) if parts else constant("")

    def _sum(self, node: Node, env: Env) -> Value:
        return text([self.value(one, env) for one in named(node)])

    def _either(self, node: Node, env: Env) -> Value:
        left, *others = (self.value(one, env) for one in named(node))
        return replace(join(left, others[-1]), const=UNSET, name=left.name) if others else left

    def _chosen(self, node: Node, env: Env) -> Value:
        """Read ``if`` and ``when`` where they are values: one of their branches."""
        entries = [_child(one, "control_structure_body") or one for one in named(node)]
        bodies = [one for one in entries if one.kind() == "control_structure_body"]
        values = [self.value(named(one)[-1], env) for one in bodies if named(one)]
        return replace(mixed(values), fixed=bool(values) and all(one.fixed for one in values))

    def _collected(self, node: Node, env: Env) -> Value:
        return listed([self.value(one, env) for one in named(node)])

    def _opaque(self, node: Node, env: Env) -> Value:
        for one in named(node):
            self.value(one, env)
        return Value()


def _child(node: Node | None, *kinds: str) -> Node | None:
    """Return the first child of one of these kinds."""
    parts = named(node) if node is not None else []
    return next((one for one in parts if one.kind() in kinds), None)


def _arguments(holder: Node | None) -> list[Node]:
    return [one for one in named(holder) if one.kind() == "value_argument"] if holder else []


Kotlin.terms = {  # kinds of nodes to methods
    **dict.fromkeys(("simple_identifier", "interpolated_identifier", "identifier"), "_identifier"),
    **dict.fromkeys(("string_literal", "line_string_literal", "multi_line_string"), "_string"),
    **dict.fromkeys(
        ("equality_expression", "comparison_expression", "check_expression"), "_opaque"
    ),
    **dict.fromkeys(("conjunction_expression", "disjunction_expression"), "_opaque"),
    **dict.fromkeys(("as_expression", "parenthesized_expression", "postfix_expression"), "_inner"),
    **dict.fromkeys(("if_expression", "when_expression"), "_chosen"),
    **dict.fromkeys(("integer_literal", "long_literal", "real_literal"), "_number"),
    "additive_expression": "_sum",
    "annotated_lambda": "_opaque",
    "boolean_literal": "_opaque",
    "call_expression": "_call",
    "collection_literal": "_collected",
    "elvis_expression": "_either",
    "indexing_expression": "_indexed",
    "lambda_literal": "_function",
    "navigation_expression": "_member",
    "null_literal": "_constant",
    "this_expression": "_identifier",
    "directly_assignable_expression": "_inner",
}
STATEMENTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("class_declaration", "object_declaration", "companion_object"), "_class"),
    **dict.fromkeys(("while_statement", "do_while_statement"), "_while"),
    "assignment": "_assign",
    "call_expression": "_stated",
    "for_statement": "_for_each",
    "function_declaration": "_define",
    "if_expression": "_if",
    "jump_expression": "_jump",
    "property_declaration": "_property",
    "statements": "_all",
    "try_expression": "_try",
    "when_expression": "_when",
}
Kotlin.statements = STATEMENTS
READER = Kotlin
