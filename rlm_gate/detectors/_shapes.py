"""How each language spells what carries input from outside: the shapes that ``_flows`` reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a language spells what a flow is made of; texts are regular expressions, in Rust's way.

    ``assigned`` are (kind, field of the names, field of the value or None); ``arguments`` are the
    kinds that hold a call's arguments, directly below one of ``calls``, whose name is in one of the
    fields ``called``, and the object it is of in ``receiver``. ``patterns`` are kinds that take
    values apart into names. ``parameters`` are rules for the parameter of a handler, its name being
    ``$NAME``. ``compared`` are kinds that only tell how two values compare, ``choices`` those of
    one of two by a condition; ``own`` says that the function gave the source's name to another.
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
    compared: Sequence[str] = ("binary_expression",)
    choices: Sequence[str] = ()
    own: Sequence[Node] = ()
    closures: bool = True  # a function sees the variables of those around it


CLEANS = (
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
_JAVASCRIPT = Shape(
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
    choices=("ternary_expression",),
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
_GO = Shape(
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
_JAVA = Shape(
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
    choices=("ternary_expression",),
)
_PHP = Shape(
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
    choices=("conditional_expression",),
)
_RUBY_SET = {"kind": "assignment", "has": {"field": "left", "regex": "^params$"}}
_RUBY_OWN = (
    {"has": {"field": "parameters", "has": {"regex": r"^params\b"}}},
    {"has": {"stopBy": "end", **_RUBY_SET}},
)
_RUBY = Shape(
    functions=("method", "singleton_method"),
    variables=("identifier",),
    sources=("element_reference", "call", "identifier"),
    source=(
        r"^params(?:\.(?:require|permit|fetch|dig|to_unsafe_h|slice|expect)\b|\[|$)|^cookies\["
        r"|^request\.(?:headers|env|referer|user_agent|query_string|raw_post|body|url|path"
        r"|fullpath|query_parameters|request_parameters)\b"
    ),
    assigned=(("assignment", "left", "right"), ("operator_assignment", "left", "right")),
    calls=("call",),
    called=("method",),
    receiver="receiver",
    arguments=("argument_list",),
    joins=(
        r"^(?:format|sprintf|join|concat|decode64|urlsafe_decode64|strict_decode64|unescape|parse"
        r"|strip|to_s|String|URI|gsub|sub|require|permit|raw)$"
    ),
    tests=_TESTS,
    compared=("binary",),
    choices=("conditional",),
    cleaned_kinds=("hash",),  # which of its values is meant, another key says
    own=_RUBY_OWN,
    cleans=(
        r"^(?:to_i|to_f|to_sym|Integer|Float|include\?|match\??|present\?|blank\?|nil\?|empty\?"
        r"|size|length|hexdigest|quote|sanitize\w*|escape\w*|h|shellescape|strip_tags|basename"
        r"|find|find_by\w*|where|==|key\?|start_with\?|end_with\?)$"
    ),
    closures=False,
)
_CSHARP_TEXT = {
    "has": {"field": "type", "regex": r"^(?:string|String|IFormFile|object|dynamic)\??$"}
}
_CSHARP_PARAMETER = {
    "kind": "parameter",
    "all": [_CSHARP_TEXT, {"has": {"field": "name", **_NAMED}}],
}
_CSHARP_BOUND = {
    "has": {"kind": "attribute_list", "regex": r"\bFrom(?:Query|Form|Body|Header|Route)\b"}
}
_CSHARP_ACTION = {
    "has": {"kind": "attribute_list", "regex": r"\[(?:Http(?:Get|Post|Put|Delete|Patch)|Route)\b"}
}
_CSHARP_CONTROLLER = {
    "all": [
        {"has": {"kind": "modifier", "regex": "^public$"}},
        {"not": {"has": {"kind": "attribute_list", "regex": r"\bNonAction\b"}}},
        {
            "inside": {
                "kind": "declaration_list",
                "inside": {
                    "kind": "class_declaration",
                    "has": {"kind": "base_list", "regex": r"\b\w*Controller(?:Base)?\b"},
                },
            }
        },
    ]
}
_CSHARP = Shape(
    functions=(
        "method_declaration",
        "constructor_declaration",
        "local_function_statement",
        "lambda_expression",
    ),
    variables=("identifier",),
    sources=("element_access_expression", "member_access_expression", "invocation_expression"),
    source=(
        r"^(?:this\.|\w*[cC]ontext\.|HttpContext\.Current\.|ctx\.)*(?:Request|request|req)"
        r"(?:\[|\.(?:Query|QueryString|Form|Headers|Cookies|RouteValues|Params|RawUrl|Files|Body|Path"
        r"|InputStream|UserAgent|UrlReferrer|Unvalidated|ServerVariables)\b)"
    ),
    assigned=(
        ("variable_declarator", "name", None),
        ("assignment_expression", "left", "right"),
    ),
    calls=("invocation_expression", "object_creation_expression"),
    called=("function", "type"),
    arguments=("argument_list",),
    joins=(
        r"(?:^|\.)(?:Format|Concat|Join|Combine|Trim\w*|ToString|ToLower\w*|ToUpper\w*|Append\w*"
        r"|Insert|Substring|UrlDecode|HtmlDecode|UnescapeDataString|FromBase64String|GetString|GetBytes"
        r"|GetFullPath|MapPath|Uri|StringBuilder|First\w*|Get)$"
    ),
    tests=_TESTS.replace("|isLocal|", "|IsLocalUrl|TryParse|Exists|IsMatch|"),
    cleans=(
        r"(?:^|\.)(?:Parse|TryParse|ToInt\d*|Contains\w*|StartsWith|EndsWith|Equals|IndexOf|IsNullOr\w+"
        r"|HtmlEncode|UrlEncode|Encode\w*|EscapeDataString|GetFileName\w*|IsMatch|Any|Count|ComputeHash"
        r"|HashData|GetHashCode|Replace)$|^nameof$"
    ),
    cleaned_kinds=("conditional_expression", "cast_expression"),
    parameters=(
        {"has": {"field": "parameters", "has": {**_CSHARP_PARAMETER, **_CSHARP_BOUND}}},
        {
            "any": [_CSHARP_ACTION, _CSHARP_CONTROLLER],
            "has": {"field": "parameters", "has": _CSHARP_PARAMETER},
        },
    ),
)
_RUST = Shape(
    functions=("function_item", "closure_expression"),
    variables=("identifier",),
    sources=("call_expression", "field_expression"),
    source=r"^(?:req|request)\.(?:query_string|match_info|headers|uri|param|path)\(",
    assigned=(("let_declaration", "pattern", "value"), ("assignment_expression", "left", "right")),
    patterns=("tuple_pattern", "tuple_struct_pattern"),
    calls=("call_expression",),
    called=("function",),
    arguments=("arguments",),
    joins=(
        r"(?:^|::|\.)(?:new|from|join|push|push_str|concat|format|to_string|to_owned|into|clone|as_str"
        r"|trim|unwrap|unwrap_or|expect|get|query|decode|from_utf8\w*|as_ref|into_inner|map)$"
    ),
    tests=_TESTS.replace("|isLocal|", "|is_match|components|starts_with|contains|"),
    cleans=(
        r"(?:^|::|\.)(?:parse|parse::<.*>|len|is_empty|contains|starts_with|ends_with|is_match|eq|file_name"
        r"|hash|digest|replace)$"
    ),
    parameters=(
        {
            "has": {
                "field": "parameters",
                "has": {
                    "kind": "parameter",
                    "all": [
                        {
                            "has": {
                                "field": "type",
                                "regex": r"^(?:\w+::)*(?:Path|Query|Form|Json)<",
                                "not": {
                                    "regex": r"<\(?(?:[iu](?:8|16|32|64|128|size)|Uuid|bool)\b"
                                },
                            }
                        },
                        {
                            "has": {
                                "field": "pattern",
                                "any": [_NAMED, {"has": {"stopBy": "end", **_NAMED}}],
                            }
                        },
                    ],
                },
            }
        },
    ),
)
_TYPESCRIPT = replace(_JAVASCRIPT, parameters=_TYPESCRIPT_PARAMETERS)
SHAPES = {
    "csharp": _CSHARP,
    "go": _GO,
    "java": _JAVA,
    "javascript": _JAVASCRIPT,
    "php": _PHP,
    "ruby": _RUBY,
    "rust": _RUST,
    "tsx": _TYPESCRIPT,
    "typescript": _TYPESCRIPT,
}
