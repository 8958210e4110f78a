"""What carries input from outside, as ast-grep utilities that rules name: ``matches: outside``.

Follows a request's value to where it is used within one function, over at most two variables. Only
calls that keep the text (joins, formats, decoders) are followed: what any other call returns is
taken for clean, and so is a variable that the function tests against a list or pattern. Does not
see fields of objects, other functions, or the order of statements.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

NAME = "outside"
"""What a rule writes after ``matches:``. Utilities beginning with it are ours."""

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a language spells what a flow is made of; texts are regular expressions, in Rust's way.

    ``assigned`` are (kind, field of the names, field of the value or None); ``arguments`` are the
    kinds that hold a call's arguments, directly below one of ``calls``, whose name is in one of the
    fields ``called``, and the object it is of in ``receiver``. ``patterns`` are kinds that take
    values apart into names. ``parameters`` are rules for the parameter of a handler, its name being
    ``$NAME``.
    """

    functions: Sequence[str]
    variables: Sequence[str]
    sources: Sequence[str]
    source: str
    assigned: Sequence[tuple[str, str, str | None]]
    calls: Sequence[str]
    called: Sequence[str]
    arguments: Sequence[str]
    joins: str
    tests: str
    cleans: str = ""
    patterns: Sequence[str] = ()
    parameters: Sequence[Node] = ()
    cleaned_kinds: Sequence[str] = ()
    receiver: str = ""
    closures: bool = True  # a function sees the variables of those around it


@cache
def utilities(language: str) -> Mapping[str, Any]:
    """Return the utilities for that language; empty where no flow is known."""
    shape = _SHAPES.get(language)
    return _utilities(shape) if shape else {}


@cache
def nothing(language: str) -> Mapping[str, Any]:
    """Return utilities that match nothing, for texts that no flow can begin in."""
    shape = _SHAPES[language]
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
    written = _WRITTEN.get(_DIALECTS.get(language, language))
    return written is None or written().search(text) is not None


@cache
def _beginnings(language: str) -> tuple[str, ...]:
    return tuple(_BEGINNINGS[_DIALECTS.get(language, language)].split())


_DIALECTS = {"tsx": "javascript", "typescript": "javascript"}
# A text without any of these has no source: the words every source or handler needs.
_BEGINNINGS = {
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
}


def _utilities(shape: _Shape) -> Mapping[str, Any]:
    return {
        "outside-function": _kinds(shape.functions),
        "outside-cleaned": _cleaned(shape),
        "outside-stop": {
            "any": [
                {"matches": "outside-function"},
                {"matches": "outside-cleaned"},
                {**_kinds(shape.arguments), "not": {"inside": _call(shape, shape.joins)}},
            ]
        },
        "outside-source": {**_kinds(shape.sources), "regex": shape.source},
        "outside-named": _variable(shape, "NAME", "outside-source", shape.parameters),
        "outside-derived": _variable(shape, "DERIVED", "outside-named"),
        "outside-part": {
            "any": [{"matches": f"outside-{part}"} for part in ("source", "named", "derived")]
        },
        NAME: {"not": {"matches": "outside-stop"}, **_carries("outside-part")},
    }


def _kinds(kinds: Sequence[str]) -> Node:
    return {"any": [{"kind": kind} for kind in kinds]}


def _call(shape: _Shape, regex: str) -> Node:
    names = [{"has": {"field": field, "regex": regex}} for field in shape.called]
    return {"all": [_kinds(shape.calls), {"any": names}]}


def _cleaned(shape: _Shape) -> Node:
    kinds = [{"kind": kind} for kind in shape.cleaned_kinds]
    return {"any": [_call(shape, shape.cleans or _CLEANS), *kinds]}


def _carries(part: str) -> Node:
    return {"any": [{"matches": part}, {"has": {"stopBy": _STOP, "matches": part}}]}


def _variable(shape: _Shape, name: str, part: str, parameters: Sequence[Node] = ()) -> Node:
    """Match a variable that its function fills with such a part, and does not test."""
    value = {"not": {"matches": "outside-cleaned"}, **_carries(part)}
    fills = [_fills(shape, entry, name, value) for entry in shape.assigned]
    reach: Any = "end" if shape.closures else {"matches": "outside-function"}
    within = [{"has": {"stopBy": reach, "any": fills}}, *parameters]
    it = {"pattern": f"${name}"}
    places: list[Node] = [{"has": {**_kinds(shape.arguments), "has": {**it, "stopBy": "end"}}}]
    if shape.receiver:
        places.append({"has": {"field": shape.receiver, **it}})
    else:
        places += [{"has": {"field": one, "has": {**it, "stopBy": "end"}}} for one in shape.called]
    tests = {**_call(shape, shape.tests), "any": places}
    return {
        "all": [
            _kinds(shape.variables),
            {"pattern": f"${name}"},
            {"inside": {"stopBy": reach, "matches": "outside-function", "any": within}},
            {"not": {"inside": {"stopBy": reach, "matches": "outside-function",
                                "has": {"stopBy": reach, **tests}}}},
        ]
    }  # fmt: skip


def _fills(
    shape: _Shape, entry: tuple[str, str, str | None], name: str, value: Node
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
_CLEANS = (
    r"(?:\.|->|::|^)(?:replace\w*|preg_replace|includes?|indexOf|match(?:es)?|test"
    r"|length|size|isEmpty"
    r"|equals\w*|startsWith|endsWith|contains\w*|hasPrefix|in_array|intval|is_\w+|to_i)\(?$"
)
_TESTS = (
    r"(?i)(?:\.|->|::|^)(?:includes|has|test|startsWith|endsWith|match(?:es|string)?"
    r"|indexOf|contains\w*"
    r"|hasPrefix|isLocal|equals\w*|hasOwn\w*|in_array|preg_match|array_key_exists|ctype_\w+|is_\w+"
    r"|include\?|match\?|allowed\?)$"
    r"|(?i)valid|sanit|allow|check|verify|safe|whitelist|permitted|escape|purif|realpath"
    r"|canonical|basename|authoriz"
)
_JAVASCRIPT = _Shape(
    functions=(
        "arrow_function",
        "function_expression",
        "function_declaration",
        "generator_function_declaration",
        "method_definition",
    ),
    variables=("identifier", "shorthand_property_identifier"),
    sources=("member_expression", "subscript_expression", "call_expression"),
    source=(
        r"^(?:this\.)?(?:req|request|ctx|ctx\.req|ctx\.request|context\.request|c\.req"
        r"|event)\.(?:query"
        r"|body|rawBody|params|headers|cookies|param|header|queries|originalUrl|files?"
        r"|queryStringParameters|pathParameters|multiValueQueryStringParameters)\b"
        r"|^(?:req|request)\.(?:get\(|url\b)"
        r"|^url\.parse\(req(?:uest)?\.url|^(?:\w+\.)*searchParams\.get\("
        r"|^new URLSearchParams\("
    ),
    assigned=(("variable_declarator", "name", "value"), ("assignment_expression", "left", "right")),
    patterns=("object_pattern", "array_pattern"),
    calls=("call_expression",),
    called=("function",),
    arguments=("arguments",),
    joins=(
        r"(?:^|\.)(?:path\.(?:join|resolve)|join|resolve|format|concat|String"
        r"|decodeURI(?:Component)?|unescape"
        r"|Buffer\.from|atob|toString|trim|JSON\.parse|url\.parse|URL|get|param|header|push|query)$"
    ),
    tests=_TESTS,
    cleaned_kinds=("unary_expression",),
)
_TYPESCRIPT_PARAMETERS = (
    {
        "has": {
            "field": "parameters",
            "has": {
                "kind": "required_parameter",
                "regex": r"^@(?:Query|Body|Param|Headers|Cookies|Req)\(",
                "not": {"regex": r":\s*(?:number|boolean|\w*D[tT][oO]|\w*Input)\b|Pipe"},
                "has": {"field": "pattern", "pattern": "$NAME"},
            },
        }
    },
)
_GO = _Shape(
    functions=("function_declaration", "method_declaration", "func_literal"),
    variables=("identifier",),
    sources=("call_expression", "selector_expression", "index_expression"),
    source=(
        r"^(?:r|req|request|c\.Request|ctx\.Request\(\)|c\.Request\(\))\.(?:FormValue\("
        r"|PostFormValue\("
        r"|PathValue\(|URL\.(?:Query\(\)|Path\b|RawQuery\b|Fragment\b)|Header\.Get\("
        r"|Header\[|Form\.Get\(|Form\["
        r"|PostForm\.Get\(|PostForm\[|RequestURI\b|Referer\(|UserAgent\(|Cookie\()"
        r"|^(?:c|ctx|e|context|gc)\.(?:Query|QueryParam|Param|Params|PostForm|FormValue"
        r"|DefaultQuery"
        r"|DefaultPostForm|GetHeader|Cookies|Cookie|PathParam)\(\s*\""
        r"|^mux\.Vars\(|^chi\.URLParam\(|^(?:p|ps|params)\.ByName\("
    ),
    assigned=(
        ("short_var_declaration", "left", "right"),
        ("assignment_statement", "left", "right"),
        ("var_spec", "name", "value"),
    ),
    patterns=("expression_list",),
    calls=("call_expression",),
    called=("function",),
    arguments=("argument_list",),
    joins=(
        r"(?:^|\.)(?:Sprintf|Sprint|Join|TrimSpace|Trim\w*|ToLower|ToUpper|ReplaceAll"
        r"|QueryUnescape|PathUnescape"
        r"|HTML|JS|URL|string|byte|Get|Query|FormValue|Parse|Vars|URLParam|ByName|Param|NewReader"
        r"|Clean)$|^\[\]byte$"
    ),
    tests=_TESTS,
    cleans=(
        r"(?:^|\.)(?:Contains\w*|HasPrefix|HasSuffix|MatchString|Base|Atoi|ParseInt"
        r"|EscapeString|QueryEscape|len)$"
    ),
)
_JAVA_TEXT = r"^(?:String|MultipartFile|Object|byte\[\]|String\[\]|Map<.*>)$"
_JAVA_INPUT = (
    r"^@(?:RequestParam|PathVariable|RequestBody|RequestHeader|CookieValue|QueryParam|PathParam"
    r"|FormParam|HeaderParam|MatrixVariable)\b"
)


def _java_parameter(types: str, **more: Any) -> Node:
    fits = [{"has": {"field": "type", "regex": types}}, {"has": {"field": "name", **_NAMED}}]
    found = {"kind": "formal_parameter", **more, "all": fits}
    return {"has": {"field": "parameters", "has": found}}


_NAMED = {"pattern": "$NAME"}
_HANDLER = {
    "has": {"kind": "modifiers", "regex": r"@(?:Request|Get|Post|Put|Delete|Patch)Mapping\b"}
}
_JAVA_PARAMETERS = (
    _java_parameter(_JAVA_TEXT, regex=_JAVA_INPUT),
    {"all": [_HANDLER, _java_parameter(r"^(?:String|MultipartFile)$")]},
)
_JAVA = _Shape(
    functions=("method_declaration", "lambda_expression", "constructor_declaration"),
    variables=("identifier",),
    sources=("method_invocation",),
    source=(
        r"^(?:\w*[rR]eq(?:uest)?|exchange|ctx|context)\.(?:getParameter\w*|getHeader\w*"
        r"|getQueryString|getCookies|getPathInfo"
        r"|getRequestURI|getRequestURL|getInputStream|getReader|getPart|getOriginalFilename"
        r"|queryParam|pathParam|formParam|getQueryParams)\("
        r"|^\w+\.getOriginalFilename\("
    ),
    assigned=(
        ("variable_declarator", "name", "value"),
        ("assignment_expression", "left", "right"),
    ),
    calls=("method_invocation", "object_creation_expression"),
    called=("name", "type"),
    receiver="object",
    arguments=("argument_list",),
    joins=(
        r"^(?:format|concat|join|append|valueOf|toString|trim|decode|getBytes|formatted"
        r"|get|of|resolve|toPath|create"
        r"|getParameter\w*|getHeader\w*|openStream|openConnection|replace\w*)$"
    ),
    tests=_TESTS,
    cleans=(
        r"^(?:equals\w*|contains\w*|startsWith|endsWith|matches|length|isEmpty|parseInt"
        r"|parseLong|indexOf)$"
    ),
    parameters=_JAVA_PARAMETERS,
)
_PHP = _Shape(
    functions=(
        "function_definition",
        "method_declaration",
        "anonymous_function",
        "arrow_function",
        "program",
    ),
    variables=("variable_name",),
    sources=(
        "subscript_expression",
        "variable_name",
        "member_call_expression",
        "member_access_expression",
    ),
    source=(
        r"^\$_(?:GET|POST|REQUEST|COOKIE|FILES)\b|^\$_SERVER\[['\"](?:HTTP_\w+"
        r"|REQUEST_URI|QUERY_STRING|PHP_SELF"
        r"|PATH_INFO)"
        r"|^\$request->(?:input|get|query|post|all|header|cookie|getQueryParams|getParsedBody)\b"
    ),
    assigned=(
        ("assignment_expression", "left", "right"),
        ("augmented_assignment_expression", "left", "right"),
    ),
    calls=("function_call_expression", "member_call_expression", "scoped_call_expression"),
    called=("function", "name"),
    receiver="object",
    arguments=("arguments",),
    joins=(
        r"^(?:sprintf|implode|join|trim|ltrim|rtrim|strtolower|strtoupper|urldecode"
        r"|rawurldecode|base64_decode|stripslashes"
        r"|json_decode|str_replace|ucfirst|strval|nl2br)$"
    ),
    tests=_TESTS,
    cleans=(
        r"^(?:intval|is_\w+|in_array|preg_match|preg_replace|htmlspecialchars"
        r"|htmlentities|escapeshell\w+|basename|count|strlen|isset|empty|md5|sha1)$"
    ),
    cleaned_kinds=("cast_expression",),
    closures=False,
)


@cache
def _javascript_written() -> re.Pattern[str]:
    """Return what is in every text that has one of JavaScript's sources or parameters."""
    source = _JAVASCRIPT.source.replace("^", "").replace(r"(?:\w+\.)*", "")
    return re.compile(rf"{source}|@(?:Query|Body|Param|Headers|Cookies|Req)\(")


_WRITTEN = {"javascript": _javascript_written}
_TYPESCRIPT = replace(_JAVASCRIPT, parameters=_TYPESCRIPT_PARAMETERS)
_SHAPES = {
    "go": _GO,
    "java": _JAVA,
    "javascript": _JAVASCRIPT,
    "php": _PHP,
    "tsx": _TYPESCRIPT,
    "typescript": _TYPESCRIPT,
}
