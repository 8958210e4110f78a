"""How JavaScript and TypeScript name things, enter functions, and hand values to callbacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint.braces import Braces
from rlm_gate.detectors._taint.calls import is_request, listing
from rlm_gate.detectors._taint.folding import named
from rlm_gate.detectors._taint.handlers import remote
from rlm_gate.detectors._taint.reading import Argument, Env, Frame, Function, merge
from rlm_gate.detectors._taint.targets import part
from rlm_gate.detectors._taint.typed import is_own
from rlm_gate.detectors._taint.values import TEXTUAL, Value, built, text
from rlm_gate.syntax import Node

_DECORATED: Final = kept.expression(
    r"@(?:Query|Body|Param|Headers|Cookies|Args|UploadedFiles?|MessageBody|Payload)\("
)
_PARSED: Final = kept.expression(r":\s*(?:number|boolean|Date|\w*D[tT][oO]|\w*Input)\b|Pipe")
_ANSWERS: Final = kept.expression(r"_?(?:res|response|reply|rsp)\Z")
_LIFECYCLE: Final = ("connect", "connection", "disconnect", "close", "error", "open", "end")
_SOCKETS: Final = kept.expression(
    r"(?i)(?:\A|\.|_)(?:socket|ws|conn|connection|client|websocket)\Z"
)

_HEARS: Final = ("on", "once", "handle", "handleOnce")  # of Electron's ipcMain
_SENT: Final = 6  # values in one message
_TOOLS: Final = ("tool", "registerTool", "addTool")  # of servers that models call
_RUNS: Final = ("execute", "func", "_call", "handler", "invoke", "run")
_TOOL: Final = kept.expression(
    r"(?:\w+\.)?(?:tool|\w*[tT]ool|Dynamic(?:Structured)?Tool|FunctionTool\.from|addTool)\Z"
)
_ROUTES: Final = ("get", "post", "put", "patch", "delete", "all", "use", "route", "head")
_SERVES: Final = ("createServer", "onRequest")
_PROCEDURES: Final = ("query", "mutation", "subscription")  # of tRPC
_ROUTED: Final = (Value(name="req"), Value(name="res"))
_DEFINES: Final = kept.expression(r"GraphQL(?:Object|InputObject)Type\b|\bbuildSchema\(|\bgql`")
_SCHEMA: Final = frozenset({"path", "ssrf"})  # who may ask stands in it, and nobody reads it here
_VERBS: Final = kept.expression(
    r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\Z"
)  # Next's, SvelteKit's
_LOADERS: Final = kept.expression(
    r"(?:getServerSideProps|getInitialProps|loader|action|load|clientLoader|generateMetadata)\Z"
)
_LOADED: Final = kept.expression(r"\{[^{}]*\b(?:params|query|searchParams|request|req|url)\b")
_PAGE: Final = kept.expression(r"\{[^{}]*\bsearchParams\b")
_BROWSERS: Final = kept.expression(r"\b(?:window|document|location)\b")
_ACTIONS: Final = kept.expression(r"\s*(?://[^\n]*\n\s*)*[\"']use server[\"']")
_INVOKED: Final = kept.expression(r"(?:(?:module\.)?exports\.)?(?:handler|lambdaHandler)\Z")
_OTHERS: Final = kept.expression(r"_*(?:ctx|context|c|err|error|e)\Z")
_PARENT: Final = kept.expression(r"_+|_*(?:parent|root|source|obj)\Z")
_ARGUMENTS: Final = kept.expression(r"_*(?:args|arguments|input)?\Z")  # or taken apart
_CONTEXT: Final = kept.expression(r"_*(?:ctx|context|contextValue)\Z|\Z")  # or taken apart
_IS_PATH: Final = kept.expression(r"/[^/\\]|[\w.-]+[/?]")


class JavaScript(Braces):
    """Reads JavaScript, TypeScript and their JSX."""

    def entered(self, function: Function) -> tuple[Env, Frame]:
        """Let a handler's request be one, whatever it is called; take it apart where written so."""
        env: Env = {}
        parameters = [*self.parameters(function.node)]
        answered = any(_ANSWERS.match(name) for name, _ in parameters[1:2])
        names = [name for name, _ in parameters]
        resolver, invoked = _resolves(names), _is_invoked(names, function.node)
        loaded, action = _loaded(function.node, parameters), self._is_action(function.node)
        for index, (name, node) in enumerate(parameters):
            value = self._parameter(name, node, request=answered and index == 0)
            if index < len(loaded) and not value.taints:
                value = Value(name=loaded[index])
            if index == 0 and _is_tool(function.node):
                value = remote(node, name or "input", "model")
            elif (resolver and index == 1) or (invoked and index == 0) or action:
                value = remote(node, name or "args")
                # the schema of GraphQL gives every argument its type
                value = value.cleaned(TEXTUAL) if resolver else value
                elsewhere = resolver and not _DEFINES.search(self.text)
                value = value.doubted(_SCHEMA) if elsewhere else value
            if name:
                env[name] = value
            else:
                self.assign(_pattern(node), value, env)
        return env, Frame(text=function.node.text())

    def _is_action(self, node: Node) -> bool:
        """Say whether pages call the function over the network: it, or its file, says so."""
        if "use server" not in self.text:
            return False
        body, parent = node.field("body"), node.parent()
        own = body is not None and _ACTIONS.match(body.text().lstrip("{")) is not None
        while parent is not None and parent.kind() in _DECLARES:
            parent = parent.parent()
        exported = parent is not None and parent.kind() == "export_statement"
        return own or (exported and _ACTIONS.match(self.text) is not None)

    def _parameter(self, name: str, node: Node, *, request: bool) -> Value:
        written = node.text()
        if _DECORATED.match(written) and not _PARSED.search(written):
            return remote(node, name or "parameter")
        kind = node.field("type")
        types = self.reading.words.data["types"]
        typed = types.get(kind.text().strip(": ").partition("<")[0]) if kind is not None else None
        if typed:
            return Value(name=typed)
        if not request and is_own(name, node):
            return Value()
        return Value(name="req" if request else name)

    def given(self, name: str, receiver: Value, arguments: Sequence[Argument]) -> Sequence[Value]:
        """Hand over what handlers get: requests, messages of other windows, and of sockets."""
        method = name.rpartition(".")[2]
        event = arguments[0].value.const if arguments else None
        if handed := _handed(method, event, receiver.name):
            return handed
        if method in _HEARS and receiver.name.rpartition(".")[2] == "ipcMain":
            return (Value(name="ipcEvent"), *[Value(name="ipc_message")] * _SENT)
        if method == "addEventListener" and event == "message":
            return (Value(name="MessageEvent"),)
        if method in {"on", "once"} and isinstance(event, str) and event not in _LIFECYCLE:
            if _SOCKETS.search(receiver.name):
                return (Value(name="socket_message"),)
            if event == "data":
                sent = is_request(self.reading, receiver)
                return (Value(name="socket_message") if sent else receiver,)
        return super().given(name, receiver, arguments)

    def closure(self, node: Node, env: Env, given: Sequence[Value]) -> Value:
        """Let a route's handler have a request whatever it calls it, if it can answer it too."""
        if given is _ROUTED:
            names = [name for name, _ in self.parameters(node)]
            given = () if len(names) < 2 or _OTHERS.match(names[0]) else _ROUTED
        return super().closure(node, env, given)

    def _for_each(self, node: Node, env: Env) -> Env | None:
        """Let the pieces of a request be what was sent: ``for await (const piece of req)``."""
        target, rows = part(node, "left", "name"), part(node, "right", "value")
        waits = any(one.text() == "await" for one in node.children() if not one.is_named())
        if target is None or rows is None or not waits:
            return super()._for_each(node, env)
        if not is_request(self.reading, self.value(rows, env)):
            return super()._for_each(node, env)
        sent = Value(name="socket_message", taints=self.reading.source("socket_message", rows))
        for _ in range(2):  # the second time with what the first one left behind
            inner = dict(env)
            self.assign(target, sent, inner)
            env = merge([env, self._body(node, inner)]) or env
        return env

    def field_of(self, owner: Value, field: str, node: Node) -> Value:
        """Let the parsed query of an address be what was sent: it is decoded."""
        value = super().field_of(owner, field, node)
        if field not in {"searchParams", "query"} or all(
            one.origin != "address" for one in value.taints
        ):
            return value
        origin = "page" if _BROWSERS.search(self.text) else "remote"
        return replace(value, taints=tuple(one._replace(origin=origin) for one in value.taints))

    def _string(self, node: Node, env: Env) -> Value:
        value = super()._string(node, env)
        return value.cleaned(TEXTUAL) if value.taints else value

    def _binary(self, node: Node, env: Env) -> Value:
        value, sign = super()._binary(node, env), node.field("operator")
        textual = value.taints and sign is not None and sign.text() == "+"
        return value.cleaned(TEXTUAL) if textual else value

    def inlined(self, name: str, receiver: str, arguments: Sequence[Argument]) -> Value | None:
        """Also know what modules are called, and what makes promises of functions."""
        first = arguments[0].value if arguments else Value()
        if name in {"require", "import"} and isinstance(first.const, str):
            return Value(name=_module(first.const))
        if name.rpartition(".")[2] == "inject" and first.name:  # Angular's, by the class's name
            asked = first.name.rpartition(".")[2]
            return Value(name=asked[:1].lower() + asked[1:])
        if name.endswith("promisify") and first.name:
            return Value(name=first.name)
        if name == "URL" and arguments:
            return _address(*(one.value for one in arguments[:2]))
        if name.startswith("Object.") and (found := listing(name, first)):
            return found
        return super().inlined(name, receiver, arguments)

    def _import(self, node: Node, env: Env) -> Env | None:
        source = node.field("source")
        module = _module(source.text().strip("'\"`")) if source is not None else ""
        for clause in named(node):
            for one in named(clause) if clause.kind() == "import_clause" else ():
                self._imported(one, module, env)
        return env

    def _imported(self, node: Node, module: str, env: Env) -> None:
        if node.kind() == "identifier":
            env[node.text()] = Value(name=module)
        elif node.kind() == "namespace_import":
            for one in named(node):
                env[one.text()] = Value(name=module)
        for one in named(node) if node.kind() == "named_imports" else ():
            name, alias = one.field("name"), one.field("alias")
            if name is not None:
                env[(alias or name).text()] = Value(name=f"{module}.{name.text()}")


def _handed(method: str, first_argument: object, receiver: str) -> Sequence[Value]:
    """Return what frameworks give the handlers of routes, procedures and functions."""
    if method in _SERVES or (method in _ROUTES and str(first_argument).startswith(("/", "*"))):
        return _ROUTED
    if method in _TOOLS and isinstance(first_argument, str):
        return (Value(name="tool_input"),)
    if method == "param" and isinstance(first_argument, str):  # a part of the path, by its name
        return (*_ROUTED, Value(), Value(name="socket_message"))
    if method in _PROCEDURES and "input()" in receiver:
        return (Value(name="trpc"),)
    return (Value(name="socket_message"),) if method == "onCall" else ()


def _is_tool(node: Node) -> bool:
    """Say whether a model calls the function: it is what a tool of an agent runs."""
    pair = node.parent()
    key = pair.field("key") if pair is not None and pair.kind() == "pair" else None
    if pair is None or key is None or key.text() not in _RUNS:
        return False
    call = pair.parent()
    while call is not None and call.kind() in {"object", "arguments"}:
        call = call.parent()
    made = part(call, "function", "constructor") if call is not None else None
    return made is not None and _TOOL.match(made.text()) is not None


def _is_invoked(names: Sequence[str], node: Node) -> bool:
    """Say whether it is a function of Lambda: by its parameters, or by the name it goes by."""
    if names != ["event"]:
        return names[:2] == ["event", "context"]
    around = node.parent()
    if around is None:
        return False
    named_so = part(around, "left", "name")
    return named_so is not None and _INVOKED.match(named_so.text()) is not None


def _resolves(names: Sequence[str]) -> bool:
    """Say whether a function's parameters are those of a GraphQL resolver."""
    if len(names) < 2 or not _PARENT.match(names[0]) or not _ARGUMENTS.match(names[1]):
        return False
    if len(names) == 2:
        return names[0].strip("_") in {"parent", "root"} or names[1].strip("_") == "args"
    return _CONTEXT.match(names[2]) is not None


_DECLARES: Final = ("variable_declarator", "lexical_declaration")


def _loaded(node: Node, parameters: Sequence[tuple[str, Node]]) -> Sequence[str]:
    """Return what frameworks give functions of that name: what was asked for, and of whom."""
    around = node.parent()
    holder = around if around is not None and around.kind() == "variable_declarator" else node
    named_so, first = holder.field("name"), parameters[0][1].text() if parameters else ""
    name = named_so.text() if named_so is not None else ""
    if _VERBS.match(name):
        return ("ctx",) if parameters and not parameters[0][0] else ("request", "ctx")
    page = around is not None and around.kind() == "export_statement" and _PAGE.match(first)
    return ("ctx",) if page or (_LOADERS.match(name) and _LOADED.match(first)) else ()


def _address(asked: Value, base: Value | None = None) -> Value:
    """Return the address that ``new URL`` makes: with a base, a path leads to the base's host."""
    if base is None:
        return replace(text([asked]), name="URL()")
    parts = [base, asked] if _IS_PATH.match(asked.prefix) else [asked]
    return replace(built([asked, base]), written=text(parts).written, name="URL()")


def _module(written: str) -> str:
    """Return a module's name as one word, or dotted where it is a path: ``fs/promises``."""
    plain = written.removeprefix("node:")
    if plain.startswith("."):
        return re.sub(r"\W+", "_", plain.rpartition("/")[2])
    return re.sub(r"[^\w.]+", "_", plain.replace("/", ".").lstrip("@"))


def _pattern(node: Node) -> Node:
    return node.field("pattern") or node


READER = JavaScript
