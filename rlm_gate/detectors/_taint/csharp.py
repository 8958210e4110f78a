"""How C# names things, what its own statements do, and what ASP.NET hands to methods."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint.blocks import STATEMENTS
from rlm_gate.detectors._taint.braces import Braces
from rlm_gate.detectors._taint.folding import first, named
from rlm_gate.detectors._taint.handlers import remote
from rlm_gate.detectors._taint.reading import Env, Frame, Function, merge
from rlm_gate.detectors._taint.targets import argued, indexed, part
from rlm_gate.detectors._taint.terms import TERMS
from rlm_gate.detectors._taint.values import ONE_PART, UNSET, Value, constant, listed, mixed, text
from rlm_gate.syntax import Node

_CONTROLLER: Final = kept.expression(
    r"\[(?:Api)?Controller\b|\bclass\s+\w+Controller\b"
    r"|:\s*(?:\w+\.)*(?:\w*Controller(?:Base)?|Hub|PageModel)\b"
)
_ROUTED: Final = kept.expression(
    r"\[(?:Http(?:Get|Post|Put|Delete|Patch|Head)|Route|AcceptVerbs|WebMethod|OperationContract"
    r"|WebGet|WebInvoke)\b"
)
# what the server says of itself and its site
_SERVERS: Final = kept.expression(
    r"\bServerVariables\[\s*\"(?i:APP_POOL_ID|APPL_\w+|LOCAL_ADDR|REMOTE_(?:ADDR|PORT)|SERVER_SOFTWARE"
    r"|SERVER_PORT\w*|INSTANCE_\w+|GATEWAY_INTERFACE|HTTPS|AUTH_TYPE)\"\s*\]\Z"
)
_CLOSED: Final = kept.expression(
    r"\[(?:NonAction|NonHandler)\b|\b(?:private|protected|internal|static)\b"
)
_MAPPED: Final = kept.expression(r"\.Map(?:Get|Post|Put|Delete|Patch|Methods)\Z")
_SERVED: Final = kept.expression(r"\bServerCallContext\b")
_GIVEN: Final = kept.expression(
    r"\[(?:From(?:Services|KeyedServices)|Inject|Service|HttpTrigger|BlobTrigger|QueueTrigger)\b"
)
_PLAIN: Final = kept.expression(
    r"(?:System\.)?(?:u?int|u?long|u?short|s?byte|double|float|decimal|bool|char|nint|Guid|DateTime"
    r"|DateTimeOffset|DateOnly|TimeOnly|TimeSpan|CancellationToken|Int\d\d|Boolean|ClaimsPrincipal"
    r"|ILogger|Version)\b(?:<.*>)?\??(?:\[\])?\Z"
)
# what the programmer made and no stranger sends: services, and lists of names
_OWN: Final = kept.expression(
    r"I(?!Form|Enumerable|List|Collection|Dictionary|ReadOnly)[A-Z]\w*"
    r"|\w*(?:Context|Service|Repository|Manager|Factory|Client|Options|Logger|Mediator|Sender|Mapper"
    r"|Handler|Provider|Store|Type|Kind|Status|Mode|Enum|Level|Direction|State|Order|Role|Token)\Z"
)
_NUMBERS: Final = kept.expression(
    r"(?:u?int|u?long|u?short|s?byte|double|float|decimal|bool|Guid|DateTime)\??\Z"
)
_FILES: Final = frozenset({"IFormFile", "HttpPostedFileBase", "HttpPostedFile"})
_REQUEST: Final = kept.expression(r"(?:\A|\.)[rR]equest\Z")
_BOX: Final = kept.expression(
    r"(?:\A|\.)(?:(?:[tT]xt|[tT]b|[tT]ext[bB]ox|hdn|hf)_?[A-Z]\w*|\w*(?:TextBox|Textbox|Txt|HiddenField))\Z"
)
_PAGES: Final = kept.expression(r"\bSystem\.Web\.UI\b|\bPage_Load\b")
_TESTED: Final = kept.expression(r"\.(?:TryParse\w*|TryFormat)\Z")


class CSharp(Braces):
    """Reads C#. Types are known by their last name: namespaces are left out."""

    def named(self, owner: str, field: str) -> str:
        """Leave the arguments of types out: ``Query<User>`` is ``Query``."""
        return super().named(owner, field.partition("<")[0])

    def entered(self, function: Function) -> tuple[Env, Frame]:
        """Let what a stranger sends be known for it, by the class, the attributes, the route."""
        node = function.node
        body = node.field("body")
        head = node.text().removesuffix(body.text() if body is not None else "")
        handler = self._handles(node, head, function.modifiers)
        served = _SERVED.search(head) is not None
        env: Env = {}
        for name, parameter in self.parameters(node):
            if name:
                value = self._parameter(name, parameter, handler=handler or (served and not env))
                one_part = re.search(rf"\{{\s*{re.escape(name)}\b", head + function.modifiers)
                env[name] = value.doubted(ONE_PART) if one_part and value.taints else value
        return env, Frame(text=node.text())

    def _handles(self, node: Node, head: str, marks: str) -> bool:
        if node.kind() == "lambda_expression":
            around = list(node.ancestors())[:3]
            call = next((one for one in around if one.kind() == "invocation_expression"), None)
            function = call.field("function") if call is not None else None
            return function is not None and _MAPPED.search(function.text()) is not None
        if _ROUTED.search(head):
            return True
        return bool(_CONTROLLER.search(marks)) and "public" in head and not _CLOSED.search(head)

    def _parameter(self, name: str, node: Node, *, handler: bool) -> Value:
        kind = node.field("type")
        written = kind.text() if kind is not None else ""
        simple = _simple(written)
        if simple in _FILES and not handler:  # who calls it may have looked at the name
            sent = remote(node, name)
            return replace(sent, taints=tuple(one._replace(guessed=True) for one in sent.taints))
        if typed := self.reading.words.data["types"].get(simple):
            return Value(name=typed)
        if _PLAIN.match(written):
            return Value(name=name, fixed=True)
        if handler and kind is not None and not _GIVEN.search(node.text()):
            return Value(name=name) if _OWN.match(simple) else remote(node, name)
        return Value(name=name)

    def declarator(self, node: Node, env: Env) -> None:
        """Give a variable its value, and the name of its type where that says more."""
        target, right = node.field("name") or first(node), [node, *named(node)][-1]
        if target is None:
            return
        around = node.parent()
        kind = around.field("type") if around is not None else None
        typed = self.reading.words.data["types"].get(_simple(kind.text())) if kind else None
        empty = right.range().start.index == target.range().start.index
        value = Value(fixed=True) if empty else self.function_value(right, env)
        if kind is not None and right.kind() == "implicit_object_creation_expression":
            value = replace(value, name=f"{_simple(kind.text())}()")
        self.assign(target, Value(name=typed) if typed and not value.tainted else value, env)

    def _called(self, function: Node, env: Env) -> Value:
        if function.kind() == "conditional_access_expression":
            return self.value(function, env)
        name = _simple(function.text())
        return env.get(name) or Value(name=name)

    def _call(self, node: Node, env: Env) -> Value:
        value = super()._call(node, env)
        arguments = node.field("arguments")
        if value.name == "Uri()" and arguments is not None and len(named(arguments)) > 1:
            given = [self.value(one, env) for one in argued(arguments)]
            return replace(text(given), name=value.name)  # an address, and a path below it
        for one in named(arguments) if arguments is not None else ():
            if named(one) and re.match(r"(?:\w+:\s*)?out\b", one.text()):
                self._out(node, named(one)[-1], value, env)
        initializer = node.field("initializer")
        return self._filled(initializer, value, env) if initializer is not None else value

    def _out(self, call: Node, target: Node, value: Value, env: Env) -> None:
        """Give a variable what a call puts into it: ``TryGetValue(key, out var found)``."""
        name = target.field("name") if target.kind() == "declaration_expression" else target
        function = call.field("function")
        if name is None or function is None:
            return
        if _TESTED.search(function.text()):
            env[name.text()] = Value(fixed=True)
            return
        owner = part(function, "expression")
        held = self.value(owner, env) if owner is not None else Value()
        env[name.text()] = Value(taints=mixed([held, value]).taints)

    def _filled(self, initializer: Node, made: Value, env: Env) -> Value:
        """Read what stands in braces behind a new object: fields, or elements."""
        values = []
        for one in named(initializer):
            if one.kind() == "assignment_expression" and (left := one.field("left")) is not None:
                value = self.function_value(one.field("right") or left, env)
                self.reading.check_store(one, f"{made.name}.{left.text()}", (value,))
            else:
                value = self.value(one, env)
            values.append(value)
        return replace(made, taints=mixed([made, *values]).taints)

    def _created(self, node: Node, env: Env) -> Value:
        """Read ``new[] {...}``, ``new string[] {...}`` and ``new() {...}``."""
        braces = next((one for one in named(node) if one.kind() == "initializer_expression"), None)
        if node.kind() == "implicit_object_creation_expression":
            made = Value(taints=mixed([self.value(one, env) for one in named(node)]).taints)
            return self._filled(braces, made, env) if braces is not None else made
        if braces is None:
            return Value(items={}, shape="list")
        return listed([self.value(one, env) for one in named(braces)])

    def _subscript(self, node: Node, env: Env) -> Value:
        if _SERVERS.search(node.text()):
            return Value(fixed=True)
        owner = self.value(indexed(node)[0], env)
        if _REQUEST.search(owner.name):
            taints = self.reading.source(f"{owner.name}[]", node)
            return Value(name=f"{owner.name}[]", taints=taints)
        return super()._subscript(node, env)

    def field_of(self, owner: Value, field: str, node: Node) -> Value:
        """Return what a field holds; that of a text box of a page is what a stranger wrote."""
        if field == "Text" and _BOX.search(owner.name) and _PAGES.search(self.text):
            return Value(name=owner.name, taints=self.reading.source("TextBox.Text", node))
        return super().field_of(owner, field, node)

    def _conditional_access(self, node: Node, env: Env) -> Value:
        """Read ``a?.b`` and ``a?["b"]``."""
        parts = named(node)
        owner = self.value(parts[0], env)
        for one in parts[1:]:
            if one.kind() == "member_binding_expression":
                owner = self.field_of(owner, (part(one, "name") or one).text().lstrip("."), one)
            elif one.kind() == "element_binding_expression":
                key = self.value(first(one), env).const
                owner = self.field_of(owner, key if isinstance(key, str) else "[]", one)
            else:
                owner = mixed([owner, self.value(one, env)])
        return owner

    def _interpolated(self, node: Node, env: Env) -> Value:
        parts = []
        for one in named(node):
            if one.kind() == "interpolation":
                held = [each for each in named(one) if each.kind() != "interpolation_brace"]
                value = self.value(held[0], env) if held else Value()
                parts.append(value)
            elif one.kind() not in {"interpolation_start", "interpolation_quote"}:
                parts.append(constant(one.text()))
        return text(parts) if parts else constant("")

    def _verbatim(self, node: Node, env: Env) -> Value:
        del env
        return constant(node.text().strip('@"'))

    def _boolean(self, node: Node, env: Env) -> Value:
        del env
        return constant(node.text() == "true")

    def _cast(self, node: Node, env: Env) -> Value:
        kind, value = node.field("type"), self.value(node.field("value"), env)
        plain = kind is not None and _NUMBERS.match(kind.text())
        return Value(name=value.name, fixed=True) if plain else value

    def _arms(self, node: Node, env: Env) -> Value:
        """Read a switch that is an expression: one of what its arms are."""
        arms = [one for one in named(node) if one.kind() == "switch_expression_arm"]
        values = [self.value(named(one)[-1], env) for one in arms if named(one)]
        fixed = bool(values) and all(one.fixed for one in values)
        return replace(mixed(values), fixed=fixed)

    def _for_each(self, node: Node, env: Env) -> Env | None:
        rows = self.value(node.field("right"), env)
        target = node.field("left")
        for _ in range(2):  # the second time with what the first one left behind
            inner = dict(env)
            if target is not None:
                element = rows.element(UNSET)
                entry = "ZipArchiveEntry" if rows.name.endswith(".Entries") else ""
                kind = node.field("type")
                typed = self.reading.words.data["types"].get(_simple(kind.text()) if kind else "")
                name = element.name or typed or entry
                self.assign(target, replace(element, name=name), inner)
            env = merge([env, self._body(node, inner)]) or env
        return env

    def _switch(self, node: Node, env: Env) -> Env | None:
        self.value(node.field("value"), env)
        body = node.field("body")
        self.left.append([])
        sections = named(body) if body is not None else []
        ends = [self._each(_statements(one), dict(env)) for one in sections]
        return merge([*ends, env, *self.left.pop()])

    def _using(self, node: Node, env: Env) -> Env | None:
        """Read ``using (...) {...}``, ``lock (...) {...}`` and their like."""
        now: Env | None = env
        for one in named(node):
            if now is not None:
                now = self.block(one, now)
        return now


def _statements(section: Node) -> list[Node]:
    return [one for one in named(section) if one.kind().endswith(("statement", "block"))]


def _simple(written: str) -> str:
    """Return a type without its namespace, arguments and brackets."""
    return re.sub(r"<.*|\[.*|[\s?]", "", written, flags=re.DOTALL).rpartition(".")[2]


CSharp.terms = {  # kinds of nodes to methods
    **TERMS,
    **dict.fromkeys(("invocation_expression", "object_creation_expression"), "_call"),
    **dict.fromkeys(
        ("array_creation_expression", "implicit_array_creation_expression"), "_created"
    ),
    **dict.fromkeys(("verbatim_string_literal", "raw_string_literal"), "_verbatim"),
    **dict.fromkeys(("prefix_unary_expression", "postfix_unary_expression"), "_unary"),
    **dict.fromkeys(("integer_literal", "real_literal"), "_number"),
    **dict.fromkeys(("arrow_expression_clause", "checked_expression"), "_inner"),
    **dict.fromkeys(("generic_name", "predefined_type"), "_called"),
    "boolean_literal": "_boolean",
    "cast_expression": "_cast",
    "conditional_access_expression": "_conditional_access",
    "implicit_object_creation_expression": "_created",
    "interpolated_string_expression": "_interpolated",
    "switch_expression": "_arms",
}
_MORE: Final[Mapping[str, str]] = {  # statements that no other language has
    **dict.fromkeys(("namespace_declaration", "declaration_list", "global_statement"), "_all"),
    **dict.fromkeys(("local_declaration_statement", "file_scoped_namespace_declaration"), "_all"),
    **dict.fromkeys(("using_statement", "lock_statement", "fixed_statement"), "_using"),
    **dict.fromkeys(("checked_statement", "unsafe_statement"), "_using"),
    "foreach_statement": "_for_each",
    "local_function_statement": "_define",
    "struct_declaration": "_class",
}
CSharp.statements = {**STATEMENTS, **_MORE}
READER = CSharp
