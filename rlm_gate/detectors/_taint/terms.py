"""Evaluates expressions of JavaScript, Java, Go, PHP: trees that differ in names, not in shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import methods, proofs
from rlm_gate.detectors._taint.folding import COMPARE, first, named, operated, tried, unpacked
from rlm_gate.detectors._taint.literals import SPREADS, Literals
from rlm_gate.detectors._taint.reading import PROVED, RECEIVER, Argument, Env
from rlm_gate.detectors._taint.targets import (
    CALLS,
    ELEMENTS,
    FIELDS,
    MEMBERS,
    OWNERS,
    argued,
    at,
    given_to,
    indexed,
    part,
)
from rlm_gate.detectors._taint.values import (
    NOTHING,
    UNSET,
    Value,
    built,
    constant,
    join,
    mixed,
    part_of,
    text,
)
from rlm_gate.syntax import Node

FUNCTIONS: Final = (
    "arrow_function",
    "function_expression",
    "generator_function",
    "lambda_expression",
    "func_literal",
    "anonymous_function",
    "anonymous_method_expression",
    "lambda_literal",
)
_LONGEST_NAME: Final = 200
# The name of an upload, of which PHP keeps the last part (main/rfc1867.c); full_path is as sent.
_SENT_NAME: Final = kept.expression(r"_FILES\..*\bname\b")
# What stands behind the last dot of a name holds no two dots.
_ENDING: Final = kept.expression(
    r"(?:\A|[._]|[gG]et_?|[fF]ile_?)(?:[eE]xt(?:ension)?|[sS]uffix)(?:_?(?:[nN]ame|[oO]f|[fF]rom\w*))?\Z"
)
_SAME: Final = {"===": "==", "!==": "!="}


class Terms(Literals):
    """Gives each expression its value in an environment, and notes the sinks it meets."""

    plus = "+"  # what joins texts
    around: Env  # what is known where a function of the file is called
    terms: Mapping[str, str]  # kinds of nodes to methods

    def value(self, node: Node | None, env: Env) -> Value:
        """Return the value of an expression."""
        if node is None:
            return NOTHING
        evaluate: Callable[[Node, Env], Value] = getattr(self, self.terms.get(node.kind(), "_any"))
        return evaluate(node, env)

    def inlined(self, name: str, receiver: str, arguments: Sequence[Argument]) -> Value | None:
        """Return what a function of this file returns; statements know how."""
        raise NotImplementedError

    def given(self, name: str, receiver: Value, arguments: Sequence[Argument]) -> Sequence[Value]:
        """Return what a call hands to a function it is given."""
        method = name.rpartition(".")[2]
        if method in self.reading.words.data["iterations"]:
            return (receiver.element(UNSET),)
        if method in self.reading.words.data["continuations"]:
            own = self.reading.words.sources.find(receiver.name) or not receiver.name
            return (receiver if own else Value(name=receiver.name),)
        del arguments
        return ()

    def named(self, owner: str, field: str) -> str:
        """Return the name of an owner's field."""
        return f"{owner or '?'}.{field}"[:_LONGEST_NAME]

    def condition(self, node: Node | None, env: Env) -> bool | None:
        """Return what a condition comes to, None where that is open."""
        value = self.value(node, env)
        return bool(value.const) if value.known else None

    def _any(self, node: Node, env: Env) -> Value:
        return mixed([self.value(one, env) for one in named(node)])

    def _inner(self, node: Node, env: Env) -> Value:
        """Evaluate what only wraps its first child: parentheses, casts, waiting."""
        return self.value(part(node, "value", "operand") or first(node), env)

    def _last(self, node: Node, env: Env) -> Value:
        return [NOTHING, *(self.value(one, env) for one in named(node))][-1]

    def _identifier(self, node: Node, env: Env) -> Value:
        name = node.text()
        if name in env:
            return env[name]
        taints = self.reading.source(name, node)
        return Value(name=name, taints=taints, fixed=not taints and _is_constant(name))

    def _member(self, node: Node, env: Env) -> Value:
        if (known := _known(node, env)) is not None:
            return known
        field = part(node, *FIELDS)
        owner = self.value(part(node, *OWNERS), env)
        return self.field_of(owner, field.text() if field is not None else "", node)

    def field_of(self, owner: Value, field: str, node: Node) -> Value:
        """Return what an owner's field holds."""
        if owner.items is not None and owner.shape == "dict" and field in owner.items:
            return owner.element(field)
        name = self.named(owner.name, field)
        if taints := self.reading.source(name, node):
            return Value(name=name, taints=taints)
        if field in self.reading.words.data["plain_fields"]:
            return Value(name=name)
        items = owner.element(field).everything if owner.items else ()
        shape = "request" if owner.shape == "request" else ""
        taints = mixed([Value(taints=owner.taints), Value(taints=items)]).taints
        taints = tuple(part_of(one, field) for one in taints)
        fixed = not taints and _is_constant(field)
        own = Value(name=name, taints=taints, shape=shape, fixed=fixed)
        return own.cleaned({"path"}) if _SENT_NAME.match(name) else own

    def _subscript(self, node: Node, env: Env) -> Value:
        if (known := _known(node, env)) is not None:
            return known
        owner, key = (self.value(one, env) for one in indexed(node))
        if isinstance(owner.const, str) and isinstance(key.const, int):
            return tried(lambda: owner.const[key.const])
        if owner.items is not None and owner.shape:
            return owner.element(key.const)
        if isinstance(key.const, str):
            return self.field_of(owner, key.const, node)
        self.reading.check_store(node, f"{owner.name}[]read", (key,))
        return Value(name=self.named(owner.name, "[]"), taints=owner.taints, fixed=owner.fixed)

    def _slice(self, node: Node, env: Env) -> Value:
        return replace(built([self.value(node.field("operand"), env)]), prefix="")

    def function_value(self, node: Node, env: Env, given: Sequence[Value] = ()) -> Value:
        """Return the value of an expression that may be a function."""
        return self.closure(node, env, given) if node.kind() in FUNCTIONS else self.value(node, env)

    def _function(self, node: Node, env: Env) -> Value:
        return self.closure(node, env, ())

    def _binary(self, node: Node, env: Env) -> Value:
        """Fold a chain to the left in a loop: long sums would be too deep for recursion."""
        sign = _sign(node)
        if sign in {"&&", "||", "??"}:
            return self._logical(node, sign, env)
        if sign != self.plus:
            left, right = (self.value(node.field(one), env) for one in ("left", "right"))
            return _computed(sign, left, right)
        chain: list[Node] = []
        current: Node | None = node
        while current is not None and current.kind() == node.kind() and _sign(current) == self.plus:
            chain.append(current)
            current = current.field("left")
        value = self.value(current, env)
        parts = [value, *(self.value(one.field("right"), env) for one in reversed(chain))]
        for one in parts[1:]:
            value = operated("+", value, one) if value.known and one.known else text([value, one])
        return value

    def _logical(self, node: Node, sign: str, env: Env) -> Value:
        left_node = node.field("left")
        left = self.value(left_node, env)
        if left.known and sign != "??":
            taken = bool(left.const) == (sign == "&&")
            return self.value(node.field("right"), env) if taken else left
        inner = proofs.after(self, left_node, env, holds=sign == "&&")
        right = self.value(node.field("right"), inner)
        if sign == "&&":
            return replace(right, const=UNSET)
        return replace(join(left, right), const=UNSET, name=left.name)

    def _unary(self, node: Node, env: Env) -> Value:
        value = self.value(part(node, "argument", "operand") or first(node), env)
        sign = _sign(node)
        if sign == "!":
            return constant(not value.const) if value.known else NOTHING
        if sign == "-" and isinstance(value.const, int | float):
            return constant(-value.const)
        if sign in {"*", "&", "<-"}:
            return value
        return NOTHING if sign in {"typeof", "delete", "void", "+", "-", "~"} else built([value])

    def _conditional(self, node: Node, env: Env) -> Value:
        test = node.field("condition")
        holds = self.condition(test, env)
        yes, no = part(node, "consequence", "body"), node.field("alternative")
        if holds is not None:
            return self.value(yes if holds else no, env)
        value = self.value(yes, proofs.after(self, test, env, holds=True))
        return join(value, self.value(no, proofs.after(self, test, env, holds=False)))

    def _assignment(self, node: Node, env: Env) -> Value:
        target, right = node.field("left"), node.field("right")
        sign = _sign(node)
        if target is None or right is None:
            return NOTHING
        value = self.function_value(right, env)
        if sign == f"{self.plus}=":
            old = self.value(target, env)
            value = replace(text([old, value]), shape=old.shape if old.shape == "text" else "")
        elif sign in {"??=", "||="}:
            value = join(self.value(target, env), value)
        self.assign(target, value, env)
        return value

    def _update(self, node: Node, env: Env) -> Value:
        target = first(node)
        if target is not None and target.text() in env:
            env[target.text()] = Value(fixed=True)
        return NOTHING

    def _call(self, node: Node, env: Env) -> Value:
        if self.reading.asked and (known := _known(node, env)) is not None:
            return known
        receiver, callee, place = self._callee(node, env)
        arguments_node = given_to(node)
        if arguments_node is not None and arguments_node.kind() == "template_string":
            self.value(arguments_node, env)
            return Value(name=f"{callee.name}()")  # a tag escapes, or it would not be one
        name = callee.name
        arguments = [*self._arguments(arguments_node, name, receiver, env)]
        given = [*arguments, Argument(RECEIVER, receiver)]
        self.reading.check_call(node, name, given)
        if place is not None and place != receiver.name:  # what a variable is called says much too
            owner = place.lstrip("$")
            self.reading.check_call(node, self.named(owner, name.rpartition(".")[2]), given)
        after = methods.changed(self.reading, name, receiver, arguments)
        if after is not None and place is not None:
            env[place] = at(after, node)
        self._fill(name, receiver, arguments, arguments_node, env)
        self.around = env
        own = self.inlined(name, receiver.name, arguments)
        if own is not None:
            return at(own.cleaned({"path"}) if _ENDING.search(name) else own, node)
        if callee.taints and not receiver.taints:
            receiver = replace(receiver, taints=callee.taints)
        return methods.result(self.reading, node, name, receiver, arguments)

    def _callee(self, node: Node, env: Env) -> tuple[Value, Value, str | None]:
        """Return the object that is called upon, what is called, and the object's place."""
        function = part(node, "function", "constructor", "type")
        holder, field = node, node.field("name")
        if function is not None and function.kind() in MEMBERS:
            holder, field = function, part(function, *FIELDS)
            function = None
        if function is not None:
            return NOTHING, self._called(function, env), None
        owner_node = part(holder, *OWNERS)
        written = field.text() if field is not None else ""
        if owner_node is None:
            return NOTHING, env.get(written) or Value(name=written), None
        owner = self.value(owner_node, env)
        whole = holder.text()
        known = env.get(whole) if holder is not node and len(whole) < _LONGEST_NAME else None
        return owner, known or self.field_of(owner, written, node), _root(owner_node)

    def _called(self, function: Node, env: Env) -> Value:
        return self.function_value(function, env)

    def _fill(self, name: str, receiver: Value, arguments: Sequence[Argument],
              node: Node | None, env: Env) -> None:  # fmt: skip
        """Let calls that write into what they are given do so: ``Decode(&x)``, ``nextBytes(x)``."""
        words = self.reading.words
        if node is None or not words.fills.find(name):
            return
        source = self.reading.source(f"{name}()", node)
        filled = mixed([receiver, *(one.value for one in arguments), Value(taints=source)])
        for one in argued(node) if filled.taints else ():
            target = one.text().lstrip("&")
            if target.lstrip("$").isidentifier():
                made = filled.raw() if re.search(words.data["decoders"], name) else filled
                env[target] = at(replace(made, name=""), node)

    def _arguments(
        self, node: Node | None, name: str, receiver: Value, env: Env
    ) -> Iterator[Argument]:
        done: list[Argument] = []
        position: int | None = 0
        for one in argued(node):
            if one.kind() in SPREADS:
                done.extend(unpacked(self.value(first(one), env), "list_splat"))
                position = None
            else:
                given = self.given(name, receiver, done) if one.kind() in FUNCTIONS else ()
                done.append(Argument(position, self.function_value(one, env, given)))
                if one.kind() == "identifier" and done[-1].value.name == f".{one.text()}":
                    handed = enumerate(self.given(name, receiver, done[:-1]))
                    sent = [Argument(place, value) for place, value in handed]
                    if sent:
                        self.inlined(done[-1].value.name, "", sent)
                position = None if position is None else position + 1
        yield from done


def _is_constant(name: str) -> bool:
    return len(name) > 1 and re.fullmatch(r"[A-Z][A-Z0-9_]+", name) is not None


def _known(node: Node, env: Env) -> Value | None:
    """Return what was assigned to a member or element, or proved of it."""
    whole = node.text()
    if len(whole) >= _LONGEST_NAME:
        return None
    return env.get(f"{PROVED}{whole}") or env.get(whole)


def _sign(node: Node) -> str:
    sign = node.field("operator")
    if sign is None:
        sign = next((one for one in node.children() if not one.is_named()), None)
    return sign.text() if sign is not None else ""


def _computed(sign: str, left: Value, right: Value) -> Value:
    compare = COMPARE.get(_SAME.get(sign, sign))
    if compare is not None:
        known = left.known and right.known
        return tried(lambda: compare(left.const, right.const)) if known else NOTHING
    if left.known and right.known:
        return operated(sign, left, right)
    return NOTHING


def _root(node: Node) -> str | None:
    """Return the variable that a chain of calls begins with, or the member that is called upon."""
    current: Node | None = node
    while current is not None and current.kind() in CALLS:
        function = current.field("function")
        current = part(function or current, *OWNERS)
    kinds = ("identifier", "this", "variable_name", *MEMBERS)
    return current.text() if current is not None and current.kind() in kinds else None


TERMS: Final[Mapping[str, str]] = {  # kinds of nodes to methods of Terms
    **dict.fromkeys(("call_expression", "new_expression"), "_call"),
    **dict.fromkeys(("method_invocation", "object_creation_expression"), "_call"),
    **dict.fromkeys(MEMBERS, "_member"),
    **dict.fromkeys(ELEMENTS, "_subscript"),
    **dict.fromkeys(FUNCTIONS, "_function"),
    **dict.fromkeys(("identifier", "this", "type_identifier", "package_identifier"), "_identifier"),
    **dict.fromkeys(("shorthand_property_identifier", "property_identifier"), "_identifier"),
    "import": "_identifier",  # of what is loaded by name
    **dict.fromkeys(("string", "template_string", "string_literal"), "_string"),
    **dict.fromkeys(("interpreted_string_literal", "raw_string_literal"), "_string"),
    **dict.fromkeys(("true", "false", "null", "null_literal", "nil", "undefined"), "_constant"),
    **dict.fromkeys(("number", "decimal_integer_literal", "int_literal"), "_number"),
    **dict.fromkeys(("decimal_floating_point_literal", "float_literal"), "_number"),
    **dict.fromkeys(("array", "array_initializer"), "_list"),
    **dict.fromkeys(("parenthesized_expression", "await_expression", "as_expression"), "_inner"),
    **dict.fromkeys(("non_null_expression", "satisfies_expression", "cast_expression"), "_inner"),
    **dict.fromkeys(("type_conversion_expression", "type_assertion_expression"), "_inner"),
    **dict.fromkeys(("assignment_expression", "augmented_assignment_expression"), "_assignment"),
    **dict.fromkeys(("update_expression", "inc_statement", "dec_statement"), "_update"),
    "array_creation_expression": "_made_list",
    "binary_expression": "_binary",
    "character_literal": "_character",
    "composite_literal": "_composite",
    "jsx_attribute": "_attribute",
    "literal_value": "_literal_value",
    "object": "_object",
    "regex": "_regex",
    "sequence_expression": "_last",
    "slice_expression": "_slice",
    "ternary_expression": "_conditional",
    "unary_expression": "_unary",
}
Terms.terms = TERMS
