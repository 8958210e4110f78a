"""What WordPress, and a browser before it, do to a request: slashes, nonces, numbers for brackets.

Knows one hit in one file: whether WordPress runs it is told by its database and functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import around, callers
from rlm_gate.detectors._taint.reading import Hit
from rlm_gate.detectors._taint.values import OUTSIDE, Taint
from rlm_gate.syntax import Node

# WordPress puts a backslash before each quote of what it hands on of a request.
_DATABASE: Final = kept.expression(r"\bwpdb\b")
_SLASHED: Final = kept.expression(r"\$_(?:GET|POST|REQUEST|COOKIE|SERVER)\b")
_UNSLASHED: Final = kept.expression(
    r"(?i)unslash|stripslashes|stripcslashes|decode|unserialize|php://input|->get_\w*param"
)
# of a statement: before one that PHP's own quotes hold stands a backslash
_QUOTES: Final = kept.expression(r"[\"']")
# A link of others does not know what the page gave its user; to be asked for it ends the page.
_NONCE: Final = kept.expression(r"\b(?:check_(?:admin|ajax)_referer|wp_verify_nonce)\s*\(")
_ITS: Final = kept.expression(
    r"\b(?:_e|__|_x|esc_(?:html|attr|url)\w*|wp_\w+|get_option|add_(?:action|filter|submenu_page)"
    r"|plugins?_url|admin_url|get_query_var|current_user_can)\s*\(|\$wpdb\b"
)
_POSTED: Final = kept.expression(r"\$_POST\b(?![^\n]*\$_(?:GET|REQUEST)\b)")
# the page of the administration that was registered under that name, or none is shown
_PAGE: Final = kept.expression(r"\$_(?:GET|REQUEST)\[\s*[\"']page[\"']\s*\]")
# Browsers write quotes and brackets of an address as %22 and the like, an apostrophe as it is.
_ENCODED: Final = kept.expression(r"\bREQUEST_URI\b")
_APOSTROPHE: Final = kept.expression(r"='[^'\"]*(?:\x00|<\?)")


def asks_for_nonce(sink: Node) -> bool:
    """Say whether the function asks before the sink for what WordPress gave its own pages."""
    function = next(around.functions(sink), None)
    if function is None:
        return False
    before = sink.range().start.index - function.range().start.index
    return _NONCE.search(function.text()[:before]) is not None


def sends_itself(taint: Taint, hit: Hit) -> bool:
    """Say whether no link leads to it: a form of WordPress, which asks for a login, or its page."""
    if hit.entry.kind != "xss" or not _ITS.search(callers.file_of(hit.node)):
        return False
    source = next(_said(taint, hit), "")
    return any(one.search(source) is not None for one in (_POSTED, _PAGE))


def is_slashed(taint: Taint, hit: Hit) -> bool:
    """Say whether the value stands in quotes of SQL that WordPress lets it not leave."""
    if hit.entry.kind != "sql" or not _DATABASE.search(hit.node.text()):
        return False
    said = [*_said(taint, hit), hit.node.text()]
    if not _SLASHED.search(said[0]) or any(_UNSLASHED.search(one) for one in said):
        return False
    return OUTSIDE in hit.text and all(_in_quotes(hit.text, at) for at in _holes(hit.text))


def is_encoded(taint: Taint, hit: Hit) -> bool:
    """Say whether an address comes as browsers send it, and into no text between apostrophes."""
    if hit.entry.kind != "xss" or taint.origin != "address":
        return False
    said = [*_said(taint, hit)]
    if not _ENCODED.search(said[0]) or any("decode" in one for one in said):
        return False
    return not any(_APOSTROPHE.search(one) for one in (hit.text, *said, hit.node.text()))


def _said(taint: Taint, hit: Hit) -> Iterator[str]:
    return around.said_at(hit.node, taint.steps)


def _holes(text: str) -> Iterator[int]:
    """Yield where what comes from outside stands in a text."""
    return (at for at, sign in enumerate(text) if sign == OUTSIDE)


def _in_quotes(text: str, place: int) -> bool:
    """Say whether a place of a statement is within a text of it."""
    opened = ""
    for one in _QUOTES.finditer(text, 0, place):
        if not opened:
            opened = one[0]
        elif one[0] == opened:
            opened = ""
    return bool(opened)
