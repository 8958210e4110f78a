"""How functions are entered: by a framework with what a stranger sent, or by code of the file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rlm_gate import kept
from rlm_gate.detectors._taint.reading import Argument, Env, Frame, Function, Reading, lines_of
from rlm_gate.detectors._taint.values import (
    ONE_PART,
    TEXTUAL,
    UNSET,
    Taint,
    Value,
    ident_of,
    mixed,
)
from rlm_gate.syntax import Node

_HOLES: Final = kept.expression(r"<(?P<angle>[^<>]+)>|\{(?P<curly>[^{}]+)\}")
_TYPED: Final = ("int", "float", "uuid", "bool", "date", "any")  # any: of the texts it names
_LOOSE: Final = kept.expression(r"(?i)\b(?:any|dict|mapping|object|json\w*)\b")
_SEGMENT: Final = ("", "str", "string", "default", "slug")  # what matches no slash


class _Parameter(NamedTuple):
    name: str
    node: Node
    type: str
    default: str
    spread: str  # "" or * or **


class _Way(NamedTuple):
    """How a function is entered from outside."""

    route: str | None = None  # the path it answers, "" if it isn't spelled out, None for none
    served: bool = False  # whether its parameters are what a stranger sends
    origin: str = "remote"
    answers: tuple[str, ...] = ()
    sent: str = ""  # a parameter that is the whole message


def entered(reading: Reading, function: Function) -> tuple[Env, Frame]:
    """Return the parameters' values and the frame of a function that a framework calls."""
    way = _way(reading, function)
    words = reading.words.data
    env: Env = {}
    for parameter in _parameters(function.node):
        outside = _from_outside(reading, parameter, way)
        value = _given(parameter, way.origin, outside=outside)
        env[parameter.name] = value.doubted(_doubts(parameter, way))
    if re.search(words["servers"], _bases(function.owner)):
        for field in words["server_fields"]:
            env[f"self.{field}"] = remote(function.node, f"self.{field}")
    static = bool(way.route) and not _HOLES.search(way.route or "")
    return env, Frame(answers=way.answers, static_path=static, text=function.node.text())


def _way(reading: Reading, function: Function) -> _Way:
    words = reading.words.data
    marks = "\n".join(decorator.text() for decorator in function.decorators)
    if re.search(words["tools"], marks):
        return _Way(served=True, origin="model")
    names = [one.name for one in _parameters(function.node)]
    if names[:1] == ["event"] and len(names) == 2 and re.search("(?i)con?te?xt|^_", names[1]):
        body = ("body",) if "text/html" in function.node.text() else ()
        return _Way(served=True, answers=body)
    route = _route(reading, function)
    bases, name = _bases(function.owner), _name(function)
    exposed = re.search(words["exposed"], marks) is not None and not _is_own(function, marks)
    view = re.search(words["views"], bases) is not None and name in words["view_methods"]
    resource = name.startswith("on_") and names[1:3] == ["req", "resp"]
    resolver = name.startswith("resolve_") or name == "mutate"
    page = route is not None or "expose" in marks or (view and bases.endswith("MethodView"))
    html = page and bool(reading.frameworks & {*words["html_frameworks"]}) and "json" not in marks
    message = "request" if bases.endswith("Servicer") and len(names) > 2 else ""
    return _Way(
        route,
        sent=message,
        served=exposed or view or resource or resolver,
        answers=("html",) if html or "HTMLResponse" in marks else (),
    )


def _is_own(function: Function, marks: str) -> bool:
    """Say whether ``@expose`` is a decorator of the project's own, which serves whom it likes."""
    known = function.env.get("expose")
    if known is None or not known.name or not re.search(r"@expose\b", marks):
        return False
    return not re.match(
        r"cherrypy\b|flask_admin\b|flask_appbuilder\b|tg\b|turbogears\b", known.name
    )


def called(function: Function, arguments: Sequence[Argument], name: str) -> Env:
    """Return the parameters' values where code of the file calls the function."""
    parameters = [*_parameters(function.node)]
    if name.startswith("self.") and parameters:
        parameters = parameters[1:]
    given = {argument.place: argument.value for argument in arguments}
    loose = mixed([argument.value for argument in arguments if argument.place is None])
    env: Env = {}
    for index, parameter in enumerate(parameters):
        if parameter.spread:
            rest = [
                value for place, value in given.items() if _rests(place, index, parameter.spread)
            ]
            env[parameter.name] = Value(items={UNSET: mixed([*rest, loose])}, shape="list")
        else:
            value = given.get(index, given.get(parameter.name))
            env[parameter.name] = value if value is not None else _default(parameter, loose)
    return env


def _rests(place: object, index: int, spread: str) -> bool:
    return (isinstance(place, int) and place >= index) if spread == "*" else isinstance(place, str)


def _default(parameter: _Parameter, loose: Value) -> Value:
    if loose.everything:
        return loose
    try:
        constant = ast.literal_eval(parameter.default)
    except (ValueError, SyntaxError):
        return Value(name=parameter.name)
    return Value(const=constant, fixed=True)


def _given(parameter: _Parameter, origin: str, *, outside: bool) -> Value:
    if outside:
        return remote(parameter.node, parameter.name, origin)
    if re.search(r"\b(?:Request|HttpRequest)\b", parameter.type):
        return Value(name="request")
    return Value(name=parameter.name)


def remote(node: Node, name: str, origin: str = "remote") -> Value:
    """Return what a stranger, or a model, sends under that name."""
    start, _ = lines_of(node)
    ident = ident_of(name, node.range().start.index)
    return Value(name=name, taints=(Taint(origin, ident, ((start, start),)),))


def _from_outside(reading: Reading, parameter: _Parameter, way: _Way) -> bool:
    words = reading.words.data
    if parameter.name == way.sent:
        return True
    said = f"{parameter.type} {parameter.default}".replace("Depends()", "")  # a model of the query
    if re.search(words["clean_types"], said):
        return False
    if way.route:
        holes = dict(_holes(way.route))
        if parameter.name in holes:
            return holes[parameter.name].lower() not in _TYPED
        return bool(parameter.type) and not _is_plain(words["plain_parameters"], parameter)
    return way.served and not _is_plain(words["plain_parameters"], parameter)


def _doubts(parameter: _Parameter, way: _Way) -> frozenset[str]:
    """Return the kinds of sinks that what the parameter can hold hardly harms.

    One part of an address has no slash; a text or model that a framework checked has no operators.
    """
    holes = dict(_holes(way.route or ""))
    one_part = parameter.name in holes and holes[parameter.name].lower() in _SEGMENT
    checked = bool(parameter.type) and not _LOOSE.search(parameter.type)
    checked = checked or parameter.name in holes
    return (ONE_PART if one_part else frozenset()) | (TEXTUAL if checked else frozenset())


def _holes(route: str) -> Iterator[tuple[str, str]]:
    """Yield (name, type) of what varies: <type:name>, <name:type>, or {name:type}."""
    for hole in _HOLES.finditer(route):
        first, _, second = (hole["angle"] or hole["curly"]).partition(":")
        yield first.strip(), second.partition("(")[0].strip()
        if hole["angle"] and second:
            yield second.strip(), first.partition("(")[0].strip()


def _is_plain(pattern: str, parameter: _Parameter) -> bool:
    return bool(parameter.spread) or re.search(pattern, parameter.name) is not None


def _route(reading: Reading, function: Function) -> str | None:
    """Return the path a decorator gives the function, "" if it isn't spelled out, None for none."""
    for decorator in function.decorators:
        found = re.match(
            r"@\s*[\w.]*?\b(\w+)\s*\(\s*(?:path\s*=\s*|rule\s*=\s*)?[rf]*(?:[\"']([^\"']*)[\"'])?",
            decorator.text(),
        )
        named = decorator.text().partition("(")[0].lstrip("@ ")
        known = function.env.get(named)
        bare = known is not None and known.name.partition(".")[0] in reading.words.data["bare"]
        if found and found[1] in reading.words.data["routes"] and ("." in named or bare):
            return found[2] or ""
        if found and found[1] == "expose" and (found[2] or "").startswith("/"):
            return found[2]
        if re.match(r"@(?:[\w.]*\.)?(?:view_config|action|api_view)\b", decorator.text()):
            return ""
    return None


def _bases(owner: str) -> str:
    """Return the last of the bases that says what the class is for."""
    names = re.findall(r"[\w.]+", owner)
    kept = [name for name in names if name not in {"object", "metaclass", "ABC"}]
    return next((name for name in kept if not name.endswith("Mixin")), "")


def _name(function: Function) -> str:
    name = function.node.field("name")
    return name.text() if name is not None else ""


def _parameters(function: Node) -> Iterator[_Parameter]:
    parameters = function.field("parameters")
    for node in parameters.children() if parameters is not None else ():
        if node.is_named() and not node.kind().endswith("comment"):
            name = node.field("name") or node
            if node.kind() in {"typed_parameter", "list_splat_pattern", "dictionary_splat_pattern"}:
                name = next((part for part in node.children() if part.is_named()), node)
            written = name.text()
            yield _Parameter(
                written.lstrip("*"),
                node,
                _field(node, "type"),
                _field(node, "value"),
                "*" * (len(written) - len(written.lstrip("*"))) or _stars(node),
            )


def _stars(node: Node) -> str:
    return {"list_splat_pattern": "*", "dictionary_splat_pattern": "**"}.get(node.kind(), "")


def _field(node: Node, name: str) -> str:
    part = node.field(name)
    return part.text() if part is not None else ""
