"""Routes of Express, Koa, Fastify and Hono: ``router.put(path, guard, handler)`` and chains."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence

from rlm_gate import kept
from rlm_gate.core.records import dataclass
from rlm_gate.detectors._routes import words
from rlm_gate.detectors._routes.around import Around
from rlm_gate.detectors._routes.model import Route, Routes
from rlm_gate.syntax import Node, Tree

_HAS_ROUTES = kept.expression(
    r"(?i:router|routes?|app|api|server|fastify|\)\s*)\.(?:post|put|patch|delete|route)\("
)
_VERBS = frozenset({"get", "post", "put", "patch", "delete"})
_METHODS = "^(?:get|post|put|patch|delete|all|use|addHook)$"
_ROUTER = kept.expression(r"(?i)(?:^|\.)\w*(?:router|routes?|app|api|server|fastify)$")
_ROUTED = kept.expression(r"(?i:rout(?:e|er|es)\b)|Rout")
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "function"})
_TEXTS = frozenset({"string", "template_string"})
_QUOTES = "'\"`"


@dataclass(frozen=True, slots=True)
class _Check:
    """What asks from a line on, for paths that begin so."""

    line: int
    group: str
    prefix: str
    text: str


def read(path: str, text: str, tree: Callable[[], Tree], around: Around) -> Routes:
    """Return the routes of a file of JavaScript or TypeScript; the tree is made if it has some."""
    if not _HAS_ROUTES.search(text) and not (".get(" in text and words.ruins(text)):
        return Routes(())
    calls = [one for one in map(_call, _calls(tree().root)) if one]
    checks = [one for call in calls if (one := _check(call))]
    found = [
        route for call in calls for route in _routes(call, checks, path, text, around) if route
    ]
    found.sort(key=lambda one: one.line)
    if not found:
        return Routes(())
    prefixes, guarded = around.mounted(path)
    stem = posixpath.basename(path).partition(".")[0]
    names = (stem, *prefixes)
    logins = words.is_admins(*names) and _only_logins(found, path, text, around)
    return Routes(found, covered=guarded, names=names, logins=logins)


def _only_logins(found: Sequence[Route], path: str, text: str, around: Around) -> bool:
    """Say whether all that asks before these routes was read, and asks for no role."""
    names = {
        name
        for route in found
        for name in _WORD.findall(words.without_texts(route.guards))
        if words.is_guard(name)
    }
    read = [_body(name, path, text, around) for name in names]
    seen = all(one is not None and not _ROLE.search(one) for one in read)
    few = any(one.unsure or words.is_for_few(one.guards) for one in found)
    return bool(read) and seen and not few


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a router's method: its line, the router, the path of ``route()`` and arguments."""

    line: int
    end: int
    verb: str
    group: str
    chained: str | None
    inner: str
    arguments: list[Node]


def _calls(root: Node) -> list[Node]:
    return root.find_all(
        kind="call_expression",
        has={
            "field": "function",
            "kind": "member_expression",
            "has": {
                "field": "property",
                "regex": "^(?:get|post|put|patch|delete|all|use|addHook)$",
            },
        },
    )


def _call(node: Node) -> _Call | None:
    function, arguments = node.field("function"), node.field("arguments")
    name = function.field("property") if function else None
    base = function.field("object") if function else None
    if name is None or base is None or arguments is None:
        return None
    chain: dict[str, str] = {}
    base = _base(base, chain)
    if base is None or not _ROUTER.search(base.text()) or "\n" in base.text():
        return None
    return _Call(
        line=name.range().start.line + 1,
        end=arguments.range().end.line + 1,
        verb=name.text(),
        group=base.text(),
        chained=chain.get("route"),
        inner=chain.get("all", ""),
        arguments=[
            one for one in arguments.children() if one.is_named() and "comment" not in one.kind()
        ],
    )


def _base(node: Node, chain: dict[str, str]) -> Node | None:
    """Return what a chain of calls begins with, and put the arguments of each into ``chain``."""
    while node.kind() == "call_expression":
        below, given = node.field("function"), node.field("arguments")
        method = below.field("property") if below else None
        after = below.field("object") if below else None
        if method is None or given is None or after is None:
            return None
        chain[method.text()] = given.text()
        node = after
    return node


_LONG = 400  # characters: a function, not the name of one


def _check(call: _Call) -> _Check | None:
    """Return what the call makes ask for the routes below it."""
    if call.verb not in {"use", "all", "addHook"} or not call.arguments or call.chained:
        return None
    named = call.arguments[0].kind() in _TEXTS
    prefix = call.arguments[0].text().strip(_QUOTES) if named else ""
    text = " ".join(one.text() for one in call.arguments[named:])
    if call.verb == "addHook":
        prefix = ""
    elif call.verb == "use" and _ROUTED.search(text):
        return None
    asks = words.is_guard(text) if len(text) < _LONG else words.asks(text)
    return _Check(call.line, call.group, prefix.rstrip("/*"), text) if asks else None


def _routes(
    call: _Call, checks: list[_Check], path: str, text: str, around: Around
) -> Iterator[Route]:
    if call.verb not in _VERBS or not call.arguments:
        return
    given = _flat(call.arguments)
    if call.chained is None:
        if given[0].kind() not in _TEXTS or len(given) < 2:
            return
        where, given = given[0].text().strip(_QUOTES), given[1:]
    else:
        where = call.chained.strip("()" + _QUOTES)
    *middle, handler = given
    said = handler.text()
    named = "" if handler.kind() in _FUNCTIONS or _INLINE.search(said) else said
    above = [
        one.text
        for one in checks
        if one.group == call.group and one.line < call.line and where.startswith(one.prefix)
    ]
    asking = [one.text() for one in middle if words.is_guard(one.text())]
    if call.inner and words.is_guard(call.inner):
        asking.append(call.inner)
    around_it = said.partition("=>" if "=>" in said else "function")[0] if not named else said
    wrapped = around_it if "(" in around_it and words.is_guard(around_it) else ""
    unsure = (
        any(not words.is_harmless(one.text()) for one in middle if one.text() not in asking)
        or any(one.kind() == "spread_element" for one in given)
        or (handler.kind() not in _FUNCTIONS and not words.is_wrapper(said))
    )
    body = said if not named else _body(named, path, text, around)
    yield Route(
        line=call.line,
        end=call.end,
        verb=call.verb,
        names=(where, named.rpartition(".")[2] if named else ""),
        group=call.group,
        guards=" ".join([*above, *asking, wrapped]).strip(),
        unsure=unsure,
        body=body,
    )


def _flat(arguments: list[Node]) -> list[Node]:
    """Return the arguments, those of lists among them."""
    flat: list[Node] = []
    for one in arguments:
        if one.kind() == "array":
            flat += [inner for inner in one.children() if inner.is_named()]
        else:
            flat.append(one)
    return flat


_INLINE = kept.expression(r"=>|\bfunction\b")
_WORD = kept.expression(r"[A-Za-z_$][\w$.]*")
_ROLE = kept.expression(
    r"(?i)role|admin|permission|scope|super|staff|isallowed|is_?owner|\bcan[A-Z]"
)
_NAMED = kept.expression(
    r"(?<![\w.$])((?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*)(?:\.bind\([^()]*\))?\)*;?$"
)
_PLACES = r"[\w{{}} ,*:\n]*(?<![\w$]){0}(?![\w$])[\w{{}} ,*:\n]*"


def _body(named: str, path: str, text: str, around: Around) -> str | None:
    """Return the text of the function that a handler's name means, here or in an import."""
    match = _NAMED.search(named.strip())
    if match is None:
        return None
    parts = match[1].removeprefix("this.").split(".")
    name = parts[-2] if parts[-1] == "handle" and len(parts) > 2 else parts[-1]
    if len(parts) == 1 and (here := definition(text, name)):
        return here
    place = _PLACES.format(re.escape(parts[0]))
    using = re.search(
        rf"\b(?:(?:const|let|var)[ ]+{place}=\s*(?:await[ ]+)?(?:require|import)\("
        rf"|import[ ]+{place}\bfrom)\s*['\"]([^'\"\n]+)['\"]",
        text,
    )
    other = around.imported(path, using[1]) if using else ""
    return definition(around.text(other) if other else text, name)


_BEFORE = (
    r"(?m)^([ \t]*)(?:(?:export|default|public|private|static|async|const|let|var|function)[ \t]+"
    r"|(?:module\.)?exports\.|this\.)*"
)
_AFTER = (
    r"(?:[ \t]*[:=][ \t]*(?:async\b|function\b|\(|\w+[ \t]*=>|\w+\()"
    r"|[ \t]*(?:<[^>\n]*>)?\((?![^\n]*;[ \t]*$))"
)
_LINES = 400


def definition(text: str, name: str) -> str | None:
    """Return the text of the function of that name, by its lines' indentation, or None."""
    found = re.search(f"{_BEFORE}{re.escape(name)}{_AFTER}", text)
    if found is None:
        return None
    lines = text[found.start() :].split("\n")
    depth = len(found[1].expandtabs())
    taken = [lines[0]]
    for line in lines[1:_LINES]:
        wide = line.expandtabs()
        bare = wide.lstrip()
        if bare and len(wide) - len(bare) <= depth and bare[0] not in "})]":
            break
        taken.append(line)
    return "\n".join(taken)
