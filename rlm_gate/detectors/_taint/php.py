"""How PHP names things, prints, includes, and what its frameworks hand to methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import around, proofs
from rlm_gate.detectors._taint.blocks import STATEMENTS
from rlm_gate.detectors._taint.braces import Braces
from rlm_gate.detectors._taint.folding import first, named, tried
from rlm_gate.detectors._taint.handlers import remote
from rlm_gate.detectors._taint.phpcalls import KNOWN
from rlm_gate.detectors._taint.reading import Argument, Env, Frame, Function, merge
from rlm_gate.detectors._taint.targets import CALLS, given_to, part
from rlm_gate.detectors._taint.terms import TERMS
from rlm_gate.detectors._taint.values import (
    NOTHING,
    ONE_PART,
    UNSET,
    Value,
    constant,
    join,
    joined,
    mixed,
    text,
)
from rlm_gate.markup import ECHO
from rlm_gate.syntax import Node

_NUMBERS: Final = ("int", "integer", "float", "double", "real", "bool", "boolean")
_PLAIN: Final = kept.expression(r"\??(?:int|float|bool|DateTime\w*|Carbon)\Z")
_TEXTS: Final = kept.expression(r"\??(?:string|array|mixed)?\Z")
_ROUTED: Final = kept.expression(r"#\[\s*(?:\w+\\)*(?:Route|Get|Post|Put|Delete|Patch)\b")
_BODY: Final = kept.expression(r"\A\w+\(.?php://input")
_OWN: Final = kept.expression(r"(?i)\A(?:conf\w*|settings?|options?)\Z|\A_(?!SESSION)[A-Z]+\Z")
_PUBLIC: Final = kept.expression(
    r"\(\s*(?:[^\"'\s]|[\"'](?:s|m|p|w|name|pagename|attachment|author(?:_name)?|cat|category_name|tag"
    r"|feed|order(?:by)?|post_type|posts|preview|search|taxonomy|term|title|year|monthnum|embed|error"
    r"|withcomments|static|sentence|hour|minute|second|cpage|tb|rest_route)[\"'])"
)
_SHORT: Final = 80
_ASKS: Final = frozenset({"request"})  # helpers of Laravel, given the name of an input
_SAME_CLASS: Final = ("self", "static", "parent", "$this")


class Php(Braces):
    """Reads PHP. Namespaces are left out, and the signs before variables' names."""

    plus = "."

    def entered(self, function: Function) -> tuple[Env, Frame]:
        """Let parameters go by what their types say; a route's texts are a stranger's."""
        env: Env = {}
        node = function.node
        routed = _ROUTED.match(node.text()) is not None
        types = self.reading.words.data["types"]
        for name, parameter in self.parameters(node):
            kind = parameter.field("type")
            written = kind.text() if kind is not None else ""
            bare = name.lstrip("$")
            if bare == "args" and any(one.name == "request" for one in env.values()):
                env[name] = remote(parameter, bare).doubted(ONE_PART)  # of Slim's routes
            elif typed := types.get(_last(written.lstrip("?"))):
                env[name] = Value(name=typed)
            elif routed and _TEXTS.match(written):
                env[name] = remote(parameter, bare).doubted(ONE_PART)
            else:
                env[name] = Value(name=bare, fixed=bool(_PLAIN.match(written)))
        return env, Frame(text=node.text())

    def _variable(self, node: Node, env: Env) -> Value:
        name = node.text()
        if name in env:
            return env[name]
        bare = name.lstrip("$")
        taints = self.reading.source(bare, node)
        return Value(name=bare, taints=taints, fixed=not taints and bool(_OWN.search(bare)))

    def field_of(self, owner: Value, field: str, node: Node) -> Value:
        """Know that what a Laravel request has no other member for is input: ``$request->name``."""
        found = super().field_of(owner, field, node)
        if not found.tainted and (owner.fixed or _OWN.search(field)):
            return replace(found, fixed=True)
        known = found.tainted or field in self.reading.words.data["request_parts"]
        if known or owner.name != "request" or not node.kind().endswith("access_expression"):
            return found
        return replace(found, taints=self.reading.source("php_input", node))

    def _call(self, node: Node, env: Env) -> Value:
        function, given = node.field("function"), given_to(node)
        kinds = [one.kind() for one in named(given)] if given is not None else []
        if function is not None and kinds == ["variadic_placeholder"]:  # f(...) is f itself
            return constant(_last(function.text()))
        made = super()._call(node, env)
        if given is not None and node.text().partition("(")[0].endswith("->bind_result"):
            for one in named(given):  # filled with what the database holds
                self.assign(first(one) or one, Value(), env)
        if made.taints and function is not None and _last(function.text()) == "get_query_var":
            return made if _is_asked(node) else made.unseen()
        if (
            function is not None and kinds and _last(function.text()) in _ASKS
        ):  # a helper of Laravel's
            return Value(name="php_input", taints=self.reading.source("php_input", node))
        if not made.tainted and _BODY.search(node.text()[:_SHORT]):
            return Value(name="php_input", taints=self.reading.source("php_input", node))
        if not made.tainted:  # what nothing is given to asks nobody outside
            return replace(made, fixed=made.fixed or (given is not None and not named(given)))
        return made.cleaned({"xss"}) if self._foreign(made.name) else made

    def _foreign(self, name: str) -> bool:
        """Say whether code of another file returned it: in pages such code escapes, mostly."""
        words, bare = self.reading.words, name.removesuffix("()")
        if bare == name or words.sources.find(name) or bare in words.data["wrappers"]:
            return False
        return bare.rpartition(".")[2] not in words.data["text_methods"]

    def _name(self, node: Node, env: Env) -> Value:
        """Read a constant, or the name of a class."""
        del env
        return Value(name=_last(node.text()), fixed=True)

    def _callee(self, node: Node, env: Env) -> tuple[Value, Value, str | None]:
        if node.kind() == "object_creation_expression":
            made = next((one for one in named(node) if one.kind() != "arguments"), None)
            return NOTHING, self._called(made, env) if made is not None else NOTHING, None
        scope, method = node.field("scope"), node.field("name")
        if scope is None or method is None:
            return super()._callee(node, env)
        written = _last(scope.text())
        owner = Value(name="this" if written in _SAME_CLASS else written)
        return owner, Value(name=self.named(owner.name, method.text())), None

    def _called(self, function: Node, env: Env) -> Value:
        if function.kind() in {"name", "qualified_name"}:
            return Value(name=_last(function.text()))
        value = self.value(function, env)
        if isinstance(value.const, str):
            return Value(name=_last(value.const))
        return value if value.shape == "function" else replace(value, name="")

    def inlined(self, name: str, receiver: str, arguments: Sequence[Argument]) -> Value | None:
        """Also know filters, and what applies a function to each element."""
        values = [one.value for one in arguments]
        known = KNOWN.get(name)
        found = known(self.reading, values) if known is not None and values else None
        return found if found is not None else super().inlined(name, receiver, arguments)

    def _string(self, node: Node, env: Env) -> Value:
        parts: list[Value] = []
        for one in named(node):
            kind = one.kind()
            if kind in {"heredoc_body", "nowdoc_body"}:
                parts.append(self._string(one, env))
            elif kind in {"string_content", "escape_sequence", "nowdoc_string"}:
                parts.append(constant(one.text()))
            elif kind not in {"heredoc_start", "heredoc_end"}:
                parts.append(self.value(one, env))
        return text(parts) if parts else constant("")

    def _integer(self, node: Node, env: Env) -> Value:
        del env
        return tried(lambda: int(node.text().replace("_", ""), 0))

    def _bool(self, node: Node, env: Env) -> Value:
        del env
        return constant(node.text().lower() == "true")

    def _cast(self, node: Node, env: Env) -> Value:
        kind, value = node.field("type"), self.value(node.field("value"), env)
        return Value(fixed=True) if kind is not None and kind.text() in _NUMBERS else value

    def _array(self, node: Node, env: Env) -> Value:
        made = Value(items={}, shape="list")
        for place, one in enumerate(named(node)):
            parts = named(one)
            if len(parts) == 2:
                made = replace(made, shape="dict") if made.shape == "list" else made
                key = self.value(parts[0], env).const
                made = made.with_item(key, self.function_value(parts[1], env))
            elif parts and parts[0].kind() == "variadic_unpacking":
                made = made.with_item(UNSET, mixed([self.value(first(parts[0]), env)]))
            elif parts:
                made = made.with_item(place, self.function_value(parts[0], env))
        return made

    def _conditional(self, node: Node, env: Env) -> Value:
        if node.field("body") is not None:
            return super()._conditional(node, env)
        test, other = node.field("condition"), node.field("alternative")
        return replace(join(self.value(test, env), self.value(other, env)), const=UNSET)

    def _match(self, node: Node, env: Env) -> Value:
        self.value(node.field("condition"), env)
        arms = [named(one)[-1] for one in named(node.field("body") or node) if named(one)]
        return joined([self.function_value(one, env) for one in arms])

    def _reference(self, node: Node, env: Env) -> Value:
        value, target = self.value(node.field("right"), env), node.field("left")
        if target is not None:
            self.assign(target, value, env)
        return value

    def _word(self, node: Node, env: Env) -> Value:
        """Read what is written like a word but does what a call does: ``include``, ``print``."""
        word = _WORDS[node.kind()]
        parts = named(node)
        if node.kind() == "shell_command_expression":
            values = [self._string(node, env)]
        elif len(parts) == 1 and parts[0].kind() == "sequence_expression":
            values = [self.value(one, env) for one in _sequence(parts[0])]
        else:
            values = [self.value(one, env) for one in parts]
        self.reading.check_call(node, word, [Argument(i, one) for i, one in enumerate(values)])
        return Value(name=f"{word}()")

    def _echo(self, node: Node, env: Env) -> Env | None:
        self._word(node, env)
        return env

    def _exit(self, node: Node, env: Env) -> None:
        self._word(node, env)

    def _statement(self, node: Node, env: Env) -> Env | None:
        inner = first(node)
        if inner is None:
            return env
        if inner.text().startswith(ECHO):
            shown = Argument(0, self.value(_inmost(inner), env))
            self.reading.check_call(node, "echo", [shown])
            return env
        self.value(inner, env)
        return None if self._ends(inner) else self._either(inner, env)

    def _ends(self, node: Node) -> bool:
        """Say whether nothing behind it is reached: ``die``, ``throw``, a framework's abort."""
        if node.kind() == "throw_expression":
            return True
        if node.kind() not in {*CALLS, "name"}:
            return False
        called = part(node, "function", "name")
        written = (called if called is not None else node).text()
        return _last(written) in self.reading.words.data["terminators"]

    def _either(self, node: Node, env: Env) -> Env:
        """Read ``check($x) or die()``: what is behind it comes where the check held."""
        sign, right = node.field("operator"), node.field("right")
        if node.kind() != "binary_expression" or sign is None or right is None:
            return env
        if sign.text() in {"or", "||"} and self._ends(right):
            return proofs.after(self, node.field("left"), env, holds=True)
        return env

    def _for_each(self, node: Node, env: Env) -> Env | None:
        rows_node, target, *_ = [*named(node), None]
        rows = self.value(rows_node, env)
        if rows_node is not None and rows.name.endswith(".query()") and not rows.tainted:
            rows = Value(taints=self.reading.source("?.fetchAll()", rows_node))
        for _ in range(2):  # the second time with what the first one left behind
            inner = dict(env)
            if target is not None and target.kind() == "pair":
                key, item = named(target)[0], named(target)[-1]
                self.assign(key, _key_of(rows), inner)
                self.assign(_plain(item), rows.element(UNSET), inner)
            elif target is not None:
                self.assign(_plain(target), rows.element(UNSET), inner)
            env = merge([env, self._body(node, inner)]) or env
        return env

    def _assign_list(self, target: Node, value: Value, env: Env) -> None:
        parts = [one.text() for one in target.children()]
        if "=>" not in parts:
            super()._assign_list(target, value, env)
            return
        key: Node | None = None
        for one in target.children():
            if one.text() == "=>" or not one.is_named():
                continue
            after = one.next()
            if after is not None and after.text() == "=>":
                key = one
            elif key is not None:
                self.assign(one, value.element(self.value(key, env).const), env)

    def _property(self, node: Node, env: Env) -> Env | None:
        for one in named(node):
            name = one.field("name")
            if one.kind() == "property_element" and name is not None:
                value = named(one)[-1]
                bare = name.text().lstrip("$")
                known = self.value(value, env) if len(named(one)) > 1 else Value(name=bare)
                env[f"$this->{bare}"] = replace(known, const=UNSET, fixed=False)
        return env


def _is_asked(call: Node) -> bool:
    """Say whether addresses may bring it: WordPress knows some names, a program may add others.

    What nobody added was put there for a part of the page, by ``set_query_var``.
    """
    return bool(_PUBLIC.search(call.text())) or "query_vars" in around.whole(call).text()


def _last(written: str) -> str:
    """Return a name without its namespace."""
    return written.rpartition("\\")[2]


def _inmost(node: Node) -> Node:
    """Return what stands behind the signs that ``markup`` wrote for a tag."""
    for _ in ECHO:
        node = first(node) or node
    return node


def _key_of(rows: Value) -> Value:
    """Return a key of an array: the author's own where all of it is written down."""
    written = bool(rows.items) and UNSET not in (rows.items or ()) and not rows.taints
    return Value(taints=rows.taints, fixed=written)


def _plain(target: Node) -> Node:
    """Return what ``&$x`` binds."""
    inner = first(target)
    return inner if target.kind() == "by_ref" and inner is not None else target


def _sequence(node: Node) -> list[Node]:
    parts: list[Node] = []
    for one in named(node):
        parts += _sequence(one) if one.kind() == "sequence_expression" else [one]
    return parts


_WORDS: Final = {
    "echo_statement": "echo",
    "exit_statement": "exit",
    "include_expression": "include",
    "include_once_expression": "include_once",
    "print_intrinsic": "print",
    "require_expression": "require",
    "require_once_expression": "require_once",
    "shell_command_expression": "shell_exec",
}
Php.terms = {
    **TERMS,
    **dict.fromkeys(CALLS, "_call"),
    **dict.fromkeys([one for one in _WORDS if one.endswith(("_expression", "intrinsic"))], "_word"),
    **dict.fromkeys(("encapsed_string", "string", "heredoc", "nowdoc"), "_string"),
    **dict.fromkeys(("name", "qualified_name", "class_constant_access_expression"), "_name"),
    **dict.fromkeys(("error_suppression_expression", "clone_expression"), "_inner"),
    "array_creation_expression": "_array",
    "boolean": "_bool",
    "cast_expression": "_cast",
    "conditional_expression": "_conditional",
    "integer": "_integer",
    "match_expression": "_match",
    "reference_assignment_expression": "_reference",
    "unary_op_expression": "_unary",
    "variable_name": "_variable",
}
Php.statements = {
    **STATEMENTS,
    "echo_statement": "_echo",
    "exit_statement": "_exit",
    "foreach_statement": "_for_each",
    "namespace_definition": "_wrapped",
    "property_declaration": "_property",
}
READER = Php
