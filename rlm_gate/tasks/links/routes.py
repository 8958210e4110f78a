"""HTTP endpoints that a file serves or calls.

Served: Flask, FastAPI, Starlette and their like, Django's urls; Express, Fastify, Hono and what
looks like them, SvelteKit's and Next's files; Go's net/http, chi, gin, echo. Called: requests,
httpx, urllib, aiohttp; fetch, axios, ky, got; Go's http. Prefixes are followed within a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlm_gate.tasks.links.facts import DEFINES, ENDPOINT, USES, Fact, endpoint
from rlm_gate.tasks.links.literals import JAVASCRIPT, Call, Literals
from rlm_gate.tasks.links.parts import within

METHODS = frozenset({"get", "post", "put", "delete", "patch", "head", "options"})
ANY = "*"
_CALLERS = re.compile(
    r"(?i)(?:^|[._])(?:requests|httpx|http|https|session|client|api|axios|ky|got|superagent|\$http"
    r"|fetcher|\w*client|\w*session)(?:\(\))?$"
)
_SERVERS = re.compile(
    r"(?i)(?:^|[._])(?:app|router|routes?|server|api|bp|blueprint|mux|fastify|hono|e|r|g"
    r"|\w*(?:app|router|routes|mux|_bp|group|blueprint))(?:\(\))?$"
)
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "function", "func_literal"})
_HANDLERS = _FUNCTIONS | {"identifier", "member_expression", "selector_expression", "array"}


def routes(literals: Literals, path: str) -> Iterator[Fact]:
    """Yield the endpoints of a file."""
    language = literals.language
    if language == "python":
        yield from _python(literals, path)
    elif language in JAVASCRIPT:
        yield from _javascript(literals)
        yield from _by_file(literals, path)
    elif language == "go":
        yield from _go(literals)


def _served(method: str, path: str, line: int) -> Iterator[Fact]:
    yield from _fact(DEFINES, method, path if path.startswith("/") else f"/{path}", line)


def _fact(role: str, method: str, path: str, line: int) -> Iterator[Fact]:
    name = endpoint(method, path)
    if name:
        yield Fact(ENDPOINT, role, name, line)


def _python(literals: Literals, path: str) -> Iterator[Fact]:
    prefixes = _prefixes(literals)
    for call in literals.calls:
        if call.decorates or call.name in {"add_url_rule", "add_api_route", "add_route"}:
            yield from _decorated(call, prefixes.get(call.on, ""))
        elif call.name in {"path", "re_path", "url"} and path.endswith("urls.py"):
            if call.value is not None and len(call.kinds) > 1:
                yield from _served(ANY, call.value.removeprefix("^"), call.line)
        else:
            yield from _called(call)


def _prefixes(literals: Literals) -> dict[str, str]:
    """Return the prefix of each blueprint or router of the file, by its variable."""
    shape = {"kind": "assignment", "has": {"field": "right", "kind": "call"}}
    found = {}
    by_line = {call.line: call for call in literals.calls if call.first("url_prefix", "prefix")}
    for node in within(literals.tree, shape):
        target = node.field("left")
        call = by_line.get(int(node.range().start.line) + 1)
        if target is not None and call:
            found[target.text()] = call.first("url_prefix", "prefix") or ""
    return found


def _decorated(call: Call, prefix: str) -> Iterator[Fact]:
    path = call.value if call.value is not None else call.first("path", "rule")
    if path is None or not (path.startswith("/") or (prefix and not path)):
        return
    if call.name in METHODS:
        yield from _served(call.name, prefix + path, call.line)
    elif call.name in {"route", "api_route", "add_url_rule", "add_api_route", "add_route"}:
        method = call.first("methods") or ANY
        yield from _served(method, prefix + path, call.line)
    elif call.name == "websocket":
        yield from _served("GET", prefix + path, call.line)


def _called(call: Call) -> Iterator[Fact]:
    """Yield what a client of any language asks for."""
    if call.name in METHODS and _CALLERS.search(call.on) and _is_path(call.value):
        yield from _fact(USES, call.name, call.value or "", call.line)
    elif call.name == "request" and len(call.values) > 1 and _is_path(call.values[1]):
        yield from _fact(USES, call.values[0] or ANY, call.values[1] or "", call.line)
    elif call.name in {"urlopen", "fetch", "axios", "ky", "got"} and not call.decorates:
        path = call.value or call.first("url")
        if _is_path(path):
            default = ANY if "method" in call.keywords else "GET"
            yield from _fact(USES, call.first("method") or default, path or "", call.line)


def _is_path(value: str | None) -> bool:
    return value is not None and (value.startswith(("/", "{}/")) or "://" in value)


def _javascript(literals: Literals) -> Iterator[Fact]:
    for call in literals.calls:
        handled = len(call.kinds) > 1 and call.kinds[-1] in _HANDLERS
        chained = re.search(r"""\.route\(\s*["'`]([^"'`]+)["'`]\s*\)""", call.on)
        serves = handled and (call.kinds[-1] in _FUNCTIONS or not _CALLERS.search(call.on))
        if call.name in {*METHODS, "all", "del"} and chained and call.kinds:
            yield from _served(_method(call.name), chained[1], call.line)
        elif call.name in {*METHODS, "all"} and serves and _SERVERS.search(call.on):
            if call.value is not None and call.value.startswith("/"):
                yield from _served(_method(call.name), call.value, call.line)
        else:
            yield from _called(call)


def _method(name: str) -> str:
    return {"all": ANY, "del": "delete"}.get(name, name)


_FILES = re.compile(
    r"(?:^|/)src/routes(/.*?)?/\+server\.[jt]s$|(?:^|/)app(/api.*?)/route\.[jt]sx?$"
    r"|(?:^|/)pages(/api/.*?)(?:/index)?\.[jt]sx?$"
)


def _by_file(literals: Literals, path: str) -> Iterator[Fact]:
    """Yield the routes that SvelteKit and Next derive from a file's name."""
    found = _FILES.search(path)
    if not found:
        return
    route = re.sub(r"/\([^)]*\)", "", next((part for part in found.groups() if part), "/"))
    exported = list(_exported(literals))
    for method, line in exported:
        yield from _served(method, route, line)
    if not exported and found[3]:
        yield from _served(ANY, route, 1)


def _exported(literals: Literals) -> Iterator[tuple[str, int]]:
    kinds = [{"kind": kind} for kind in ("function_declaration", "variable_declarator")]
    inside = {"inside": {"kind": "export_statement", "stopBy": "end"}}
    for node in within(literals.tree, {"any": kinds, **inside}):
        name = node.field("name")
        if name is not None and name.text().lower() in METHODS and name.text().isupper():
            yield name.text(), int(name.range().start.line) + 1


def _go(literals: Literals) -> Iterator[Fact]:
    for call in literals.calls:
        path, lower = call.value or "", call.name.lower()
        if call.name in {"HandleFunc", "Handle"} and len(call.values) > 1:
            method, _, rest = path.rpartition(" ")
            if rest.startswith("/"):
                yield from _served(method.strip() or ANY, rest, call.line)
        elif call.name in {"NewRequest", "NewRequestWithContext"}:
            yield from _requested(call)
        elif lower in METHODS and len(call.values) > 1 and path.startswith("/"):
            yield from _served(call.name, path, call.line)
        elif lower in METHODS and _is_path(call.value) and _CALLERS.search(call.on):
            yield from _fact(USES, call.name, path, call.line)


def _requested(call: Call) -> Iterator[Fact]:
    given = call.values[1:] if call.name == "NewRequestWithContext" else call.values
    if len(given) > 1 and _is_path(given[1]):
        yield from _fact(USES, given[0] or ANY, given[1] or "", call.line)
