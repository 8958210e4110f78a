"""What carries input from outside, as ast-grep utilities that rules name: ``matches: outside``.

Follows a request's value to where it is used within one function, over at most two variables. Only
calls that keep the text (joins, formats, decoders) are followed: what any other call returns is
taken for clean, and so is a variable that the function tests against a list or pattern. Does not
see fields of objects, other functions, or the order of statements.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from rlm_gate.languages import family

if TYPE_CHECKING:
    from rlm_gate.detectors._shapes import Shape

NAME = "outside"
"""What a rule writes after ``matches:``. Utilities beginning with it are ours."""

Node = Mapping[str, Any]


@cache
def utilities(language: str) -> Mapping[str, Any]:
    """Return the utilities for that language; empty where no flow is known."""
    spoken = family(language)
    if spoken not in _BEGINNINGS:
        return {}
    return _utilities(_shape(language), _HANDLERS.get(spoken, ()), _TABLES.get(spoken, ()))


@cache
def nothing(language: str) -> Mapping[str, Any]:
    """Return utilities that match nothing, for texts that no flow can begin in."""
    shape = _shape(language)
    kinds = ({"kind": shape.functions[0]}, {"kind": shape.variables[0]})
    return {NAME: {"all": [*kinds]}}


@cache
def direct(language: str) -> Mapping[str, Any]:
    """Return utilities that follow no variable: input counts only where it is used as it comes.

    For packed code: each variable is followed through the whole of its function, and there the
    function is the file, so that the time grows with the square of its size and worse.
    """
    bare = nothing(language)[NAME]
    return {**utilities(language), f"{NAME}-named": bare, f"{NAME}-derived": bare}


def possible(language: str, text: str) -> bool:
    """Say whether a flow may begin in the text; cheap, and never wrong when it says no."""
    if not any(word in text for word in _beginnings(language)):
        return False
    written = _WRITTEN.get(family(language))
    return written is None or written().search(text) is not None


@cache
def _beginnings(language: str) -> tuple[str, ...]:
    return tuple(_BEGINNINGS[family(language)].split())


_COMPARES = r"^(?:[!=]=|[<>]=?|=~|<=>|===|!==|&)$"
_LISTED = (
    r"\.in\?|include\?|key\?|\.includes\(|\.has\(|in_array\(|\.[cC]ontains\(|array_key_exists\("
)
# A text without any of these has no source: the words every source or handler needs.
_BEGINNINGS = {
    "csharp": """
        Request. Request[ request. request[ req. FromQuery FromForm FromBody FromHeader FromRoute
        Controller [Http [Route
    """,
    "go": """
        .FormValue( .PostFormValue( .PathValue( .URL. .Header Form.Get( Form[ .RequestURI .Referer(
        .UserAgent( .Cookie mux.Vars( .ByName( URLParam( .Query .Param .PathParam .PostForm
        .DefaultPostForm( .DefaultQuery( .GetHeader(
    """,
    "java": """
        getParameter getHeader getQueryString getCookies getPathInfo getRequestUR getInputStream
        getReader getPart getOriginalFilename queryParam pathParam formParam getQueryParams Mapping
        @RequestParam @RequestHeader @PathVariable @RequestBody @CookieValue @QueryParam @PathParam
        @FormParam @HeaderParam @MatrixVariable
    """,
    "javascript": """
        req. request. ctx. event. searchParams URLSearchParams @Query( @Body( @Param( @Headers(
        @Cookies( @Req(
    """,
    "php": "$_ $request->",
    "ruby": "params cookies request.",
    "rust": "Path< Query< Form< Json< req. request.",
}


# What is a function of its own though it is none: get "/path" do ... end of Sinatra and Grape.
_HANDLERS: Mapping[str, Sequence[Node]] = {
    "ruby": (
        {
            "kind": "do_block",
            "inside": {
                "kind": "call",
                "has": {
                    "field": "method",
                    "regex": "^(?:get|post|put|delete|patch|before|after|route|on|is)$",
                },
                "not": {"has": {"field": "receiver", "regex": "..|[^r]"}},
            },
        },
    ),
}


# What is looked up is the author's, whoever chose the key: known[params[:key]].
_TABLES: Mapping[str, Sequence[Node]] = {
    "ruby": (
        {
            "kind": "element_reference",
            "all": [
                {"not": {"has": {"field": "object", "regex": r"^(?:params|cookies|request)\b"}}},
                {"not": {"has": {"any": [{"kind": "simple_symbol"}, {"kind": "string"}]}}},
            ],
        },
    ),
}


def _shape(language: str) -> Shape:
    """Return how a language that has a beginning spells a flow."""
    from rlm_gate.detectors._shapes import SHAPES

    return SHAPES[language]


def _utilities(shape: Shape, handlers: Sequence[Node], tables: Sequence[Node]) -> Mapping[str, Any]:
    return {
        "outside-function": {"any": [*_kinds(shape.functions)["any"], *handlers]},
        "outside-cleaned": {"any": [*_cleaned(shape)["any"], *tables]},
        "outside-stop": {
            "any": [
                _FUNCTION,
                {"matches": "outside-cleaned"},
                {**_kinds(shape.arguments), "not": {"inside": _call(shape, shape.joins)}},
            ]
        },
        "outside-source": {
            "all": [
                {**_kinds(shape.sources), "regex": shape.source, **_own(shape)},
                {"not": {"matches": "outside-cleaned"}},
            ]
        },
        "outside-named": _variable(shape, "NAME", "outside-source", shape.parameters),
        "outside-derived": _variable(shape, "DERIVED", "outside-named"),
        "outside-part": {
            "any": [{"matches": f"outside-{part}"} for part in ("source", "named", "derived")]
        },
        NAME: {"not": {"matches": "outside-stop"}, **_carries("outside-part")},
    }


def _kinds(kinds: Sequence[str]) -> Node:
    return {"any": [{"kind": kind} for kind in kinds]}


def _call(shape: Shape, regex: str) -> Node:
    names = [{"has": {"field": field, "regex": regex}} for field in shape.called]
    return {"all": [_kinds(shape.calls), {"any": names}]}


def _cleaned(shape: Shape) -> Node:
    from rlm_gate.detectors._shapes import CLEANS

    kinds = [{"kind": kind} for kind in shape.cleaned_kinds]
    sign = {"has": {"field": "operator", "regex": _COMPARES}}
    compares = [{"kind": kind, **sign} for kind in shape.compared]
    listed = {"has": {"field": "condition", "regex": _LISTED}}
    choices = [{"kind": kind, **listed} for kind in shape.choices]
    return {"any": [_call(shape, shape.cleans or CLEANS), *kinds, *compares, *choices]}


def _own(shape: Shape) -> Node:
    """Match no source whose name the function gave to something of its own."""
    if not shape.own:
        return {}
    within = {"all": [_FUNCTION, {"any": list(shape.own)}]}
    return {"not": {"inside": {"stopBy": "end", **within}}}


def _carries(part: str) -> Node:
    return {"any": [{"matches": part}, {"has": {"stopBy": _STOP, "matches": part}}]}


def _variable(shape: Shape, name: str, part: str, parameters: Sequence[Node] = ()) -> Node:
    """Match a variable that its function fills with such a part, and does not test."""
    value = {"not": {"matches": "outside-cleaned"}, **_carries(part)}
    fills = [_fills(shape, entry, name, value) for entry in shape.assigned]
    reach: Any = "end" if shape.closures else _FUNCTION
    within = [{"has": {"stopBy": reach, "any": fills}}, *parameters]
    it = {"pattern": f"${name}"}
    places: list[Node] = [{"has": {**_kinds(shape.arguments), "has": {**it, "stopBy": "end"}}}]
    if shape.receiver:
        places.append({"has": {"field": shape.receiver, **it}})
    else:
        places += [{"has": {"field": one, "has": {**it, "stopBy": "end"}}} for one in shape.called]
    tested = {"has": {"stopBy": reach, **_call(shape, shape.tests), "any": places}}
    return {
        "all": [
            _kinds(shape.variables),
            {"pattern": f"${name}"},
            {"inside": {"stopBy": reach, "all": [_FUNCTION, {"any": within}]}},
            {"not": {"inside": {"stopBy": reach, "all": [_FUNCTION, tested]}}},
        ]
    }


def _fills(
    shape: Shape, entry: tuple[str, str, str | None], name: str, value: Node
) -> Mapping[str, Any]:
    kind, names, values = entry
    exact = {"pattern": f"${name}"}
    apart = [{"kind": one, "has": {"stopBy": "end", **exact}} for one in shape.patterns]
    field = {"field": values} if values else {}
    return {
        "all": [
            {"kind": kind},
            {"has": {"field": names, "any": [exact, *apart]}},  # first: it is cheap and seldom true
            {"has": {**field, **value}},
        ]
    }


_STOP = {"matches": "outside-stop"}
# Listed before what is asked of it, under "all": beside other keys ast-grep asks it last, unless it
# happens to know its kinds already, and each class and file around would be searched through.
_FUNCTION = {"matches": "outside-function"}


@cache
def _javascript_written() -> re.Pattern[str]:
    """Return what is in every text that has one of JavaScript's sources or parameters."""
    source = _shape("javascript").source.replace("^", "").replace(r"(?:\w+\.)*", "")
    return re.compile(rf"{source}|@(?:Query|Body|Param|Headers|Cookies|Req)\(")


_WRITTEN = {"javascript": _javascript_written}
