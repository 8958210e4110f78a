"""Routes of Flask, Quart and FastAPI: functions below ``@app.route`` or ``@router.post``."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from rlm_gate import kept
from rlm_gate.detectors._routes import words
from rlm_gate.detectors._routes.around import Around
from rlm_gate.detectors._routes.model import Route, Routes
from rlm_gate.syntax import Node, Tree

_ROUTE = kept.expression(
    r"^@(\w+(?:\.\w+)*)\.(route|post|put|patch|delete|get)\(\s*(?:[frb]?(['\"])([^'\"\n]*)\3)?"
)
_METHODS = kept.expression(r"methods\s?=\s?[\[({]([^\])}]*)")
_GUARD = kept.expression(
    r"(?i)(?:login|auth|jwt|token|admin|staff|roles?|permissions?|user|session|owner|api_?key|manager)"
    r"\w{0,20}_?(?:required|only|needed|protected)|requires?_?(?:auth|login|admin|role|perm|user|token"
    r"|owner|staff|session|jwt|scope|api)|(?:permission|role|scope)s?_|protected|authenticat|authori[sz]"
    r"|is_?admin|check_?(?:auth|admin|login|role|perm)|auth\.\w+|jwt|logged_?in|secured?\b"
)
_HARMLESS = kept.expression(
    r"(?i)limit|cache|exempt|swag|doc|response|validate|expect|marshal|schema|arguments|consumes|cors"
    r"|use_kwargs|log|time|metric|trace|inject|template|json|error|transaction|version|deprecat"
)
_DEPENDS = kept.expression(
    r"(?i)(?:depends|security)\(\s?[\w.]*(?:user(?!_?(?:service|repo))|auth|admin|token|jwt|role|perm"
    r"|login|session_?user|api_?key|require|verify|guard|owner|access|current|staff|superuser"
    r"|principal|identity)"
    r"|current_?\w*user|current_?(?:admin|identity|account|principal)"
    r"|:\s?\w*(?:Current|Auth|Admin|Superuser|LoggedIn|Principal)\w*\b"
    r"|\b(?:token|api_?key|authorization|x_\w*(?:key|token|secret))\s?:"
)
_DOUBT = kept.expression(
    r"\b_\w*\s?:|:\s?\w*(?:Dep|Depends|User|Perm\w*|Role\w*|Above|Only|Access|Guard)\b"
    r"|(?i:depends|security)\(\s?(?!(?:[\w.]*(?:get_?)?\w*(?:db|session|repo\w*|service|uow|conn|engine"
    r"|cache|redis|settings|config|client|storage|pagina\w*|query|params|bus|factory|use_?case))\b)"
    r"|(?i:actor|tenant|request\.state)"
)
_ALL = kept.expression(
    r"\.before_(?:app_)?request\b|url_value_preprocessor|APIRouter\([^()]*(?:\([^()]*\)[^()]*)*dependencies\s?="
    r"|FastAPI\([^()]*(?:\([^()]*\)[^()]*)*dependencies\s?=|\.middleware\(\s?[\"']http"
    r"|add_middleware\(\s?\w*(?i:auth|jwt|token|session|login|key)|route_class\s?="
)
_INCLUDED = kept.expression(
    r"include_router\(((?:[^()]|\((?:[^()]|\([^()]*\))*\)){0,300})\)|register_blueprint\(([^()\n]*)\)"
)
_ABOVE = (
    "__init__.py",
    "app.py",
    "main.py",
    "api.py",
    "router.py",
    "routers.py",
    "server.py",
    "wsgi.py",
)


def read(path: str, text: str, tree: Callable[[], Tree], around: Around) -> Routes:
    """Return the routes of a module."""
    if not re.search(r"@\w+(?:\.\w+)*\.(?:route|post|put|patch|delete)\(", text):
        return Routes(())
    if _ALL.search(text) or _asks_above(path, around):
        return Routes((), covered=True)
    stem = posixpath.basename(path).removesuffix(".py")
    found = [
        route
        for node in tree().root.find_all(kind="decorated_definition")
        for route in _routes(node)
    ]
    return Routes(found, names=(stem,), sure=False)


def _asks_above(path: str, around: Around) -> bool:
    """Say whether the application, or who includes the router, asks before all that is here."""
    stem = posixpath.basename(path).removesuffix(".py")
    folder = posixpath.dirname(path)
    folders = [folder]
    while folder:
        folder = posixpath.dirname(folder)
        folders += [folder, posixpath.join(folder, "app"), posixpath.join(folder, "src")]
    known = [
        one
        for each in dict.fromkeys(folders)
        for one in around.folder(posixpath.join(each, "x"))
        if posixpath.basename(one) in _ABOVE and one != path
    ]
    for one in known[:20]:
        said = around.text(one)
        if _ALL.search(said):
            return True
        for found in _INCLUDED.finditer(said):
            given = found[1] or ""
            if "dependencies" in given and re.search(rf"\b{re.escape(stem)}\b|\brouter\b", given):
                return True
    return False


def _routes(node: Node) -> Iterator[Route]:
    marks = [one.text() for one in node.children() if one.kind() == "decorator"]
    function = node.field("definition")
    name = function.field("name") if function else None
    if function is None or name is None or function.kind() != "function_definition":
        return
    head = [found for one in marks if (found := _ROUTE.search(one))]
    if not head:
        return
    given = function.field("parameters")
    parameters = given.text() if given else ""
    verb = _verb(head[0], next(one for one in marks if _ROUTE.search(one)))
    others = [one for one in marks if not _ROUTE.search(one)]
    guards = [one for one in others if _GUARD.search(one)]
    guards += [one for one in marks if _ROUTE.search(one) and _DEPENDS.search(one)]
    if _DEPENDS.search(parameters):
        guards.append("Depends")
    body = function.text()
    unsure = any(not _HARMLESS.search(one) for one in others if one not in guards)
    start = name.range().start.line + 1
    yield Route(
        line=start,
        end=function.range().end.line + 1,
        verb=verb,
        names=(head[0][4] or "", name.text()),
        group=head[0][1],
        guards=" ".join(guards),
        unsure=unsure or _DOUBT.search(parameters) is not None or words.asks_python(body),
        body=body,
    )


def _verb(head: re.Match[str], mark: str) -> str:
    if head[2] != "route":
        return head[2]
    methods = _METHODS.search(mark)
    said = methods[1].lower() if methods else "get"
    return next((one for one in ("delete", "put", "patch", "post") if one in said), "get")
