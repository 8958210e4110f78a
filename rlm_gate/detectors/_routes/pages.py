"""Pages of PHP that are scripts of their own, and what they ask of the session."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from rlm_gate import kept
from rlm_gate.detectors._routes import words
from rlm_gate.detectors._routes.around import Around
from rlm_gate.detectors._routes.model import Route, Routes
from rlm_gate.syntax import Tree

_INPUT = kept.expression(r"\$_(?:POST|GET|REQUEST|FILES)\b|php://input")
_WRITES = kept.expression(
    r"(?i)[\"'\s](?:INSERT\s{1,20}INTO\s{1,20}[`\w]|UPDATE\s{1,20}[`\w.]{1,60}\s{1,20}SET\b"
    r"|DELETE\s{1,20}FROM\s{1,20}[`\w]|DROP\s{1,20}TABLE|TRUNCATE\s{1,20}(?:TABLE\s)?)"
)
_ASKS = kept.expression(
    r"(?i)\$_SESSION\s?\[\s?['\"]\w*(?:user|admin|id\b|login|logged|role|auth|guest|email|staff"
    r"|member|customer|student|teacher|account|uid|access|patient|doctor|username"
    r"|employee|client|seller|vendor|owner|cashier)"
    r"|(?:require|check|ensure|verify|is|must|validate|need)_?(?:\w+_)?(?:login|auth|admin|logged"
    r"|session|user|access|permission|role|token|jwt)\w*\s?\(|\bauth\w*\s?(?:\(|::|->)|PHP_AUTH_USER"
    r"|http_response_code\(\s?40[13]|getallheaders|HTTP_AUTHORIZATION|current_user_can|ABSPATH"
    r"|defined\(|PHP_SAPI|php_sapi_name|session->|Session::|apache_request_headers|api_?key"
    r"|->middleware|\$_COOKIE|password_verify|\$_SERVER\['REMOTE_ADDR'\]"
)
_STOPS = kept.expression(
    r"(?is)\bif\s?\([^;{]{0,120}(?:\$_SESSION|->is|auth|login|session)[^;{]{0,120}\)\s?[{:]?"
    r"[^}]{0,300}(?:\bexit\b|\bdie\b|header\(|40[13]|redirect)|session->|PHP_AUTH_USER|ABSPATH"
    r"|(?:require|check|ensure|verify)_?(?:\w{1,20}_)?(?:login|auth|admin|session)\w{0,20}\(\)\s?;"
)
_INCLUDES = kept.expression(
    r"\b(?:include|require)(?:_once)?\s*\(?\s*(?:__DIR__\s*\.\s*|dirname\(__FILE__\)\s*\.\s*)?"
    r"['\"]([^'\"\n]+)['\"]"
)
_ANY_INCLUDE = kept.expression(r"\b(?:include|require)(?:_once)?\b\s*\(?\s*[^;\n]*")
_MAIL = kept.expression(
    r"(?i)\$_(?:POST|GET|REQUEST)\s?\[\s?['\"]\w*(?:mail|user_?name|phone|mobile)"
)
_RESETS = kept.expression(
    r"(?i)\bUPDATE\s{1,9}[`\w.]{1,60}\s{1,9}SET\s{1,9}`?\w*(?:password|passwd|pass_?word|pwd|pass)`?\s?="
)
_PROVES = kept.expression(
    r"(?i)(?<!csrf_)(?<!csrf)token|otp\b|\bcode|reset_?key|password_verify|hash_equals|security_?(?:answer"
    r"|question)|(?:old|current)_?pass|\bSESSION_?id|auth\w*\(|answer|verif|birth|\bdob\b|md5\(rand|uniqid"
    r"|\$_SESSION\s?\[\s?['\"]\w*(?:user|admin|id\b|mail|login|logged|role|auth)|signature|mail\(|activation"
)
_RUINS = kept.expression(
    r"(?:isset|!\s?empty)\(\s?\$_(?:GET|POST|REQUEST)\[[^\]\n]{1,40}\]\s?\)[^{}]{0,80}\{[^{}]{0,400}"
    r"(?:TRUNCATE|DROP)\s{1,9}(?:TABLE|DATABASE)"
)
_MAY = kept.expression(
    r"(?i)current_user_can|nonce|check_admin|is_admin|install|setup|migrat|\bcli\b"
)
_NEAR = 1200  # characters
_WHOLE = kept.expression(
    r"\b(?:include|require)(?:_once)?\b|\bsession_start\(|mysqli_connect\(|new\s(?:PDO|mysqli)\("
)
_CLASS = kept.expression(
    r"(?m)^\s*(?:abstract\s+|final\s+)?(?:class|interface|trait|namespace)\s+\w"
)


def read(path: str, text: str, tree: Callable[[], Tree], around: Around) -> Routes:
    """Return the page as the one route it is, if it changes data with what is sent."""
    del tree
    if grave := [*_grave(path, text)]:
        return Routes(grave)
    found = _WRITES.search(text)
    if found is None or not _WHOLE.search(text, 0, found.start()) or not _INPUT.search(text):
        return Routes(())
    if _CLASS.search(text):
        return Routes(())
    known, unknown = _included(path, text, around)
    asks = _ASKS.search(text) or any(_STOPS.search(around.text(one)) for one in known)
    line = text.count("\n", 0, found.start() + 1) + 1
    stem = posixpath.basename(path).removesuffix(".php")
    folder = posixpath.basename(posixpath.dirname(path))
    few = words.is_admins(folder, stem)
    route = Route(
        line=line,
        end=line,
        verb="put" if few else "post",
        names=(stem.replace("register", "add") if few else stem, folder),
        group=folder or "site",
        guards="session" if asks else "",
        unsure=unknown,
        body=text,
    )
    return Routes([route], names=(folder,))


def _grave(path: str, text: str) -> Iterator[Route]:
    """Yield what sets the password of any account, and what empties a table for anybody."""
    sent = _MAIL.search(text)
    found = _RESETS.search(text) if sent else None
    if found and not _PROVES.search(text):
        why = "it sets the password of whatever account the request names, and asks for no proof"
        yield _at(path, text, found.start(), why)
    for one in _RUINS.finditer(text):
        before = text[max(0, one.start() - _NEAR) : one.end()]
        if not _ASKS.search(before) and not _MAY.search(before):
            yield _at(path, text, one.end(), "whoever sends this parameter empties tables")


def _at(path: str, text: str, offset: int, why: str) -> Route:
    line = text.count("\n", 0, offset) + 1
    stem = posixpath.basename(path).removesuffix(".php")
    return Route(line, line, "put", (stem,), stem, "", unsure=False, body=None, grave=why)


def _included(path: str, text: str, around: Around) -> tuple[list[str], bool]:
    """Return the files that a page includes, and those they do, and whether some are not known."""
    known: list[str] = []
    unknown = False
    waiting = [(path, text)]
    while waiting and len(known) < 24:
        at, said = waiting.pop()
        lines = _ANY_INCLUDE.findall(said)
        named = _INCLUDES.findall(said)
        unknown = unknown or len(named) < len(lines)
        for one in named:
            other = around.beside(at, one, path)
            if not other:
                unknown = unknown or re.search(r"(?i)vendor|mail|conf|autoload", one) is None
            elif other not in known:
                known.append(other)
                waiting.append((other, around.text(other)))
    return known, unknown


def beside(path: str, around: Around) -> list[str]:
    """Return the other pages of the folder."""
    return [one for one in around.folder(path) if one.endswith(".php")]
