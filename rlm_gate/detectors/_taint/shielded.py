"""What keeps strangers from a sink, or leaves them little there, though nothing checks the value.

Knows what must be known to get there, whose host an address has, and who speaks to a page. Sees the
functions around a sink and the lines of its flow.
"""

from __future__ import annotations

from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import around
from rlm_gate.detectors._taint.reading import Hit
from rlm_gate.detectors._taint.values import Taint

_KEY: Final = r"[\w.\[\]\"'$?!-]*(?i:token|secret|signature|api_?key)[\w.\[\]\"'$?!-]*"
# mode === 'subscribe' && token === VERIFY_TOKEN: whoever has no key gets nothing back
_KNOWS: Final = kept.expression(
    rf"{_KEY}\s*(?:[!=]==?)\s*(?![\"'`]|null|None|undefined){_KEY}"
    r"|(?i:verify|equal|compare|check|valid)\w*\(\s*[\w.]*(?i:token|secret|signature)"
)
# of one's own server, by the path that the author wrote: only its name comes with the request
_OWN_PATH: Final = kept.expression(
    r"new\s+URL\(\s*[\"'`]/[^\"'`$]*[\"'`]\s*,\s*(?:[\w.]+\.)?(?:url|nextUrl|href|origin)\b"
    r"|`\$\{\s*(?:\w+\.)*(?:nextUrl|url)\.origin\s*\}/[^`$]*`"
    r"|\bbuild_absolute_uri\(\s*(?:[\"'][^\"']*[\"']|reverse\([^()]*\))\s*\)"
)
# `${process.env.API}/users?q=${name}`: the host is the operator's
_OWN_HOST: Final = kept.expression(
    r"[^`\"'(]*\([^`\"'()]*`\$\{\s*(?:process\.env\.\w+|import\.meta\.env\.\w+|[A-Z][A-Z0-9_]+"
    r"|this\.[\w.]+|\w*[cC]onfig(?:\.\w+)+)\s*\}[/?#]"
)
_PAGE: Final = kept.expression(r"\b(?:window|document)\.\w")
# what a server passes on as others typed it goes by such names
_HEARD: Final = kept.expression(
    r"(?i)\.(?:on|once)\(\s*[\"'`](?![\w:. -]*(?:message|chat|msg|comment|nick|user|name|post|note"
    r"|typing|join|bid|question|answer|data|send|text))[\w:. -]+[\"'`]"
)


def needs_key(hit: Hit) -> bool:
    """Say whether only who knows a key of the server gets to the sink."""
    function = next(around.functions(hit.node), None)
    if function is None:
        return False
    start = function.range().start.index
    before = function.text()[: hit.node.range().start.index - start]
    return _KNOWS.search(before) is not None


def asks_itself(taint: Taint, hit: Hit) -> bool:
    """Say whether the address is one of the server itself, whose path nobody else chooses."""
    said = (hit.node.text(), *around.said_at(hit.node, taint.steps))
    return any(_OWN_PATH.search(one) for one in said)


def has_own_host(hit: Hit) -> bool:
    """Say whether a template begins with a host of the settings, and a path or query follows."""
    return _OWN_HOST.match(hit.node.text()) is not None


def is_told_by_server(taint: Taint, hit: Hit) -> bool:
    """Say whether a page shows what its own server tells it by a socket, and nobody's message."""
    source = next(around.said_at(hit.node, taint.steps), "")
    heard = _HEARD.search(source) is not None
    return heard and _PAGE.search(around.whole(hit.node).text()) is not None
