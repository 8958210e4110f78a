"""Who gets to a sink: administrators or a program's owner alone, or nobody but the one who asks.

Sees the file of a hit: the functions, routes, decorators, classes and objects around the sink.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import around, signs
from rlm_gate.detectors._taint.reading import Hit
from rlm_gate.syntax import Node

# Frameworks ask a posted form for a token of their own, which pages of others don't know.
_FORMS: Final = kept.expression(r"->(?:getPost|post|getParsedBody)\(|\brequest\.POST\b")
# The body of a request: no link leads there either, in any language.
_POSTED: Final = kept.expression(
    r"\brequest\.form\b|\b(?:req|request|ctx(?:\.request)?)\.body\b|=\s*(?:fastapi\.)?Form\("
)
# No link leads there: somebody's own page must send the form, and he sees the answer in its place.
_FORM_ALONE: Final = kept.expression(
    r"\A(?=[^\x00]*\$_POST\b)(?![^\x00]*(?:\$_(?:GET|REQUEST|COOKIE|SERVER)\b|_get\w*\())"
)
# No link and no form sends these, and what scripts send for a page is no page.
_SCRIPTED: Final = kept.expression(r"\.(?:delete|put|patch)\Z")
_SCRIPTED_HEAD: Final = kept.expression(
    r"@[\w.]+\.(?:delete|put|patch)\(|@(?:Delete|Put|Patch)(?:Mapping)?\b|\[Http(?:Delete|Put|Patch)\b"
    r"|\bmethods\s*=\s*[\[(]\s*[\"'](?:DELETE|PUT|PATCH)[\"']\s*,?\s*[\])]"
)
# Of a document database: what is no identifier finds nothing, or throws.
_LOOKED_UP: Final = (
    r"(\w+)\s*=\s*(?:await\s+)?[\w.$]+\.findById\w*\(\s*(?:new\s+[\w.]+\(\s*)?{}\b[^\x00]{{0,1500}}?"
    r"\bif\s*\(\s*!\s*\1\s*\)\s*\{{?[^;}}]*?\b(?:throw|return)\b"
)
# Who has signed the request may be told what it said: so platforms make sure of a program.
_HANDSHAKE: Final = kept.expression(r"[\"'](?:echostr|hub[._]challenge)[\"']")
_SIGNED: Final = kept.expression(r"(?i)signature[\s\S]*\b(?:sha1|hash_hmac|hash_equals)\s*\(")
# A page of PHP that asks, before it does anything, whether its session is an administrator's.
_ADMIN_PAGE: Final = kept.expression(
    r"(?i)\bif\s*\([^;{}\n]{0,120}\$_SESSION\s*\[[^;{}\n]{0,60}(?:is_?admin|role|level|admin|access)\w*[\"']\s*\]"
    r"(?:\s*[)!=]|\s*\|\|)"
)
# A page that ends where a file says that it has run; one that is told the database's password.
_SETS_UP: Final = kept.expression(
    r"\bif\s*\(\s*(?:is_file|file_exists)\s*\([^;{}]{0,80}(?i:lock|installed|config)[^;{}]{0,40}\)\s*\{?\s*"
    r"[^{}]{0,200}?\b(?:die|exit|header)\b"
)
_CONNECTS: Final = kept.expression(
    r"(?:new\s+\\?(?:PDO|mysqli)|\bmysqli?_connect)\s*\([^;]{0,200}?\$(\w{0,20}(?i:pass|pwd)\w{0,20})\b"
)
_TAKEN: Final = r"\${}\s*=[^;\n]*\$_(?:POST|REQUEST)\b"
_POST_METHOD: Final = kept.expression(r"\s*(?:async\s+)?(?:def|(?:public\s+)?function)\s+post\b")
_WHO: Final = (
    r"[\"'](?!cart|basket|lang|locale|m(?:es)?sa?g|err|succ|status|flash|captcha|token|csrf|old)"
)
_LOGGED_IN: Final = kept.expression(
    rf"(?i)(?:isset|empty)\(\s*\$_SESSION\s*\[\s*{_WHO}|\bif\s*\([^;{{\n]*\$_SESSION\s*\[\s*{_WHO}"
    r"|(?:include|require)(?:_once)?\b[^;\n]*(?:auth|session|log_?in|guard|check)[\w-]*\.(?:inc|php)"
    r"|login_required|\bauthenticated\b|requires?_?(?:auth|login)|is_?authenticated|is_?logged_?in"
    r"|protected_?procedure|ensure_?(?:auth|log)|verify_?token|auth_?(?:middleware|guard)|jwt_required|check_?(?:login|auth)"
)
_CLASSES: Final = frozenset({"class_declaration", "class_definition"})
_REGISTERS: Final = kept.expression(r"\.(?:get|post|put|patch|delete|all|use)\(\s*[\"'`]/")
_LONGEST: Final = 200  # characters of what an object says of itself beside its function
_MANY: Final = 40  # parts of an object; a longer one is no description of a command

# what a helper that is not for others is given, its callers may have looked at
_PRIVATE: Final = kept.expression(r"\s*(?:(?:async|static|final)\s+)*private\b")
_DOTS: Final = kept.expression(
    r"(?i)(?:contains|includes|indexof|strpos)\([^()\n]*[\"']\.\.[/\\\\]*[\"']|get_?filename\(|basename\("
)


def is_for_few(sink: Node) -> bool:
    """Say whether the code around asks for an administrator, the owner, or a debugging mode."""
    classes = [_head(one) for one in sink.ancestors() if one.kind() in _CLASSES]
    if any(signs.ADMIN_CLASS.search(text) for text in classes):
        return True
    functions = [*_functions(sink)]
    said = (*functions, *around.heads(sink), *classes)
    if any(signs.ADMINS.search(text) for text in said):
        return True
    if not functions and _asks_first(file_of(sink)[: sink.range().start.index]):
        return True
    owners = (*said, *_beside(sink))
    return any(signs.OWNERS.search(text) for text in owners) or any(
        signs.DEBUGGING.search(text) for text in functions
    )


def _asks_first(before: str) -> bool:
    """Say whether a page of PHP, before it does it, lets in few, or nobody once it is set up."""
    if _ADMIN_PAGE.search(before) or _SETS_UP.search(before):
        return True
    given = _CONNECTS.search(before)
    return given is not None and re.search(_TAKEN.format(given[1]), before) is not None


def caller_looks(sink: Node) -> bool:
    """Say whether a caller of the private function around asks what its path is made of."""
    function = next(around.functions(sink), None)
    name = function.field("name") if function is not None else None
    if function is None or name is None or not _PRIVATE.match(function.text()):
        return False
    beside = (two for one in function.ancestors() for two in one.children())
    others = (one.text() for one in beside if one.kind() == function.kind())
    return any(f"{name.text()}(" in one and _DOTS.search(one) for one in others)


def _functions(sink: Node) -> Iterator[str]:
    """Yield the text of the function around, and of those around it that make no routes."""
    for depth, one in enumerate(one.text() for one in around.functions(sink)):
        if not depth or not _REGISTERS.search(one):
            yield one


def _head(node: Node) -> str:
    """Return what a class says of itself before its methods."""
    body = node.field("body")
    heads = around.FUNCTIONS | {"decorated_definition"}
    methods = (one for one in body.children() if one.kind() in heads) if body else ()
    first = next((one.range().start.index for one in methods), node.range().end.index)
    return node.text()[: first - node.range().start.index]


def _beside(sink: Node) -> Iterator[str]:
    """Yield what an object says of its function in other parts, and the constructor of a class."""
    for one in sink.ancestors():
        parts = [*one.children()] if one.kind() in {"object", "class_body"} else []
        for part in parts if len(parts) <= _MANY else ():
            kind, text = part.kind(), part.text()
            short = kind == "pair" and len(text) <= _LONGEST
            if short or (kind == "method_definition" and text.startswith("constructor")):
                yield text


def needs_own_page(hit: Hit) -> bool:
    """Say whether no page of others, or hardly one, can have the value repeated to somebody."""
    taint, sink = hit.taint, hit.node
    if taint is None:
        return False
    source = next(around.said_at(sink, taint.steps), "")
    return bool(_FORMS.search(source) or _FORM_ALONE.search(source)) or _is_posted(source, sink)


def _is_posted(source: str, sink: Node) -> bool:
    """Say whether the value comes in a body alone."""
    posted = any(_POST_METHOD.match(one.text()) for one in around.functions(sink))
    return posted or _POSTED.search(source) is not None


def no_page_asks(sink: Node) -> bool:
    """Say whether scripts alone can ask for it: no page comes of DELETE, PUT and PATCH."""
    first = next(around.functions(sink), None)
    said = first.text()[:_LONGEST] if first is not None else ""
    return any(_SCRIPTED.search(one) for one in _given_to(sink)) or any(
        _SCRIPTED_HEAD.search(one) for one in (*around.heads(sink), said)
    )


def is_looked_up(sink: Node) -> bool:
    """Say whether a document was found by the value before, or the function was left."""
    function = next(around.functions(sink), None)
    if function is None:
        return False
    before = function.text()[: sink.range().start.index - function.range().start.index]
    if ".findById" not in before:
        return False
    names = {*signs.NAME.findall(sink.text())}
    return any(re.search(_LOOKED_UP.format(re.escape(one)), before) for one in sorted(names))


def asks_for_login(sink: Node) -> bool:
    """Say whether the function, its route or, outside of functions, the file asks who is there."""
    functions = [one.text() for one in around.functions(sink)]
    places = (*functions, *around.heads(sink), *_given_to(sink)) if functions else (file_of(sink),)
    return any(_LOGGED_IN.search(one) for one in places)


def _given_to(sink: Node) -> Iterator[str]:
    """Yield what is called with the functions around: protectedProcedure.input(...).mutation."""
    for one in around.functions(sink):
        for call in [*one.ancestors()][1:2]:
            called = call.field("function")
            if called is not None:
                yield called.text()


def file_of(node: Node) -> str:
    """Return the text of the node's file."""
    return around.whole(node).text()
