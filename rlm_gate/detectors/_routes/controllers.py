"""Routes as methods of classes: ASP.NET's attributes, Nest's decorators."""

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


@dataclass(frozen=True, slots=True)
class Style:
    """How a framework writes controllers: the kinds of its tree, and its marks by their text.

    ``verb`` matches the mark of a route: its verb, and the rest of it. ``guard`` are marks that
    ask, ``doubt`` those that may, or say that nobody shall. ``plain`` are classes that controllers
    come from and that ask for nothing.
    """

    mark: frozenset[str]
    method: str
    verb: re.Pattern[str]
    guard: re.Pattern[str]
    doubt: re.Pattern[str]
    plain: re.Pattern[str]


ASPNET = Style(
    frozenset({"attribute_list"}),
    "method_declaration",
    kept.expression(r"\bHttp(Post|Put|Patch|Delete|Get)\b((?:\([^()\n]*\))?)"),
    kept.expression(r"\b\w*(?:Authori[sz]|Permission|HasRole|RequireRole|RequireClaim|ApiKey)\w*"),
    kept.expression(
        r"(?i:anonym|filter|access|secur|key|allow|claim|require|protect|login|session|admin"
        r"|policy|signature|nonaction|auth)"
    ),
    kept.expression(r"^:\s*(?:Controller|ControllerBase|ApiController|ODataController)\b"),
)
NEST = Style(
    frozenset({"decorator"}),
    "method_definition",
    kept.expression(r"^@(Post|Put|Patch|Delete|Get)((?:\([^()\n]*\))?)"),
    kept.expression(r"(?i)^@(?:use_?guards|\w*auth|\w*roles?\b|\w*permission|\w*admin|\w*polic)"),
    kept.expression(
        r"(?i)^@\w*(?:public|skip|anonym|allow|access|acl|secur|api_?key|require|protect|login|owner"
        r"|event_?pattern|message_?pattern|cron|middleware|check|policy|jwt|session)"
    ),
    kept.expression(r"^$"),
)
_GLOBAL = {
    "csharp": kept.expression(
        r"\.RequireAuthorization\(\)|FallbackPolicy|AuthorizeFilter|\.Filters\.Add"
        r"|UseMiddleware<\w*(?:Auth|Key|Token|Jwt|Session|Login)\w*>|Authorize(?:Folder|Page|Area)"
    ),
    "typescript": kept.expression(
        r"provide:\s?APP_GUARD\b|useGlobalGuards\(|\.apply\(\s*\w*(?i:auth|jwt|log)"
    ),
}
_STARTS = {
    "csharp": ("Program.cs", "Startup.cs", "DependencyInjection.cs", "ServiceExtensions.cs"),
    "typescript": (".module.ts", "main.ts"),
}
_COMMENT = kept.expression(r"/\*(?:[^*]|\*(?!/))*\*/|(?<![:'\"`\w])//[^\n]*")
_PATH = kept.expression(
    r"^[@\[]\s?(?:Route|Controller|RequestMapping|ApiController|Area|Rest\w+)\b"
)
_GIVEN = kept.expression(r"\([^()]*(?:\([^()]*\)[^()]*)*\)")
_MANY = 80


def csharp(path: str, text: str, tree: Callable[[], Tree], around: Around) -> Routes:
    """Return the routes of ASP.NET's controllers."""
    if "[Http" not in text:
        return Routes(())
    if _asks_for_all("csharp", path, around):
        return Routes((), covered=True)
    return Routes([*_read(ASPNET, tree().root, around)], marked=True)


def nest(path: str, text: str, tree: Callable[[], Tree], around: Around) -> Routes:
    """Return the routes of Nest's controllers."""
    if "@Controller" not in text:
        return Routes(())
    if _asks_for_all("typescript", path, around):
        return Routes((), covered=True)
    return Routes([*_read(NEST, tree().root, around)], marked=True)


def _asks_for_all(language: str, path: str, around: Around) -> bool:
    """Say whether the application asks before every controller, or before some of them."""
    top = path.partition("/")[0] if path.count("/") > 1 else ""
    near = [one for one in around.ending(*_STARTS[language]) if one.startswith(top)]
    return any(around.has(one, _GLOBAL[language], _COMMENT) for one in near[:_MANY])


def _read(style: Style, root: Node, around: Around) -> Iterator[Route]:
    for holder in root.find_all(kind="class_declaration"):
        name = holder.field("name")
        body = holder.field("body")
        if name is not None and body is not None:
            parent = holder.parent()
            above = [*_marks(style, holder.children())]
            if parent is not None and parent.kind() == "export_statement":
                above += _marks(style, parent.children())
            known = _Class(name.text(), above, _is_plain(style, holder, around))
            yield from _methods(style, known, body.children())


@dataclass(frozen=True, slots=True)
class _Class:
    """A class: its marks, and whether nothing it comes from may ask."""

    name: str
    marks: Sequence[str]
    plain: bool


def _is_plain(style: Style, holder: Node, around: Around) -> bool:
    """Say whether the class comes from none, or from one that is known to ask for nothing."""
    kinds = {"base_list", "class_heritage", "superclass"}
    bases = [one.text() for one in holder.children() if one.kind() in kinds]
    if not bases or bases[0].startswith("implements"):
        return True
    if style.plain.search(bases[0]):
        return True
    base = re.search(r"\w+", bases[0].removeprefix("extends"))
    files = around.named(f"{base[0]}.cs") if base and style is ASPNET else []
    return bool(files) and not any(style.guard.search(around.text(one)) for one in files)


def _marks(style: Style, nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        if node.kind() in style.mark:
            yield node.text()


def _methods(style: Style, holder: _Class, nodes: Sequence[Node]) -> Iterator[Route]:
    marks: list[str] = []
    for node in nodes:
        if node.kind() in style.mark:  # Nest's stand before the method
            marks.append(node.text())
        elif node.kind() == style.method:
            marks += _marks(style, node.children())
            route = _route(style, holder, marks, node)
            if route:
                yield route
            marks = []
        elif "comment" not in node.kind():
            marks = []


def _route(style: Style, holder: _Class, marks: Sequence[str], node: Node) -> Route | None:
    name = node.field("name")
    verbs = [found for one in marks if (found := style.verb.search(one))]
    if name is None or not verbs:
        return None
    guards = [one for one in (*holder.marks, *marks) if style.guard.search(one)]
    others = [one for one in (*holder.marks, *marks) if one not in guards]
    doubt = any(style.doubt.search(_named(one)) for one in others if not style.verb.search(one))
    start = name.range().start.line + 1
    text = node.text()
    names = (verbs[0][2] or name.text(), name.text(), holder.name.removesuffix("Controller"))
    return Route(
        line=start,
        end=node.range().end.line + 1,
        verb=verbs[0][1].lower(),
        names=names,
        group=holder.name,
        guards=" ".join(guards),
        unsure=doubt or not holder.plain,
        body=text,
    )


def _named(mark: str) -> str:
    """Return a mark without what it is given, nothing for those that name a path."""
    return "" if _PATH.search(mark) else _GIVEN.sub("", words.without_texts(mark))


def beside(path: str, around: Around) -> list[str]:
    """Return the other controllers of the program: of the same folder, or else by their names."""
    ending = "Controller.cs" if path.endswith(".cs") else ".controller.ts"
    top = path.partition("/")[0] if path.count("/") > 1 else ""
    near = [one for one in around.ending(ending) if one.startswith(top)]
    same = posixpath.dirname(path)
    return sorted(near, key=lambda one: (posixpath.dirname(one) != same, one))
