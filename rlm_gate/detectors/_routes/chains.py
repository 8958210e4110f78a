"""Spring's filter chain that lets everything pass, where no controller asks either."""

from __future__ import annotations

from collections.abc import Callable

from rlm_gate import kept
from rlm_gate.detectors._routes.around import Around
from rlm_gate.detectors._routes.model import Route, Routes
from rlm_gate.syntax import Tree

_OPEN = kept.expression(r"\.anyRequest\(\)\s*\.permitAll\(\)")
_LOGIN = kept.expression(r"addFilter(?:Before|After|At)\(|formLogin\(|httpBasic\(|oauth2")
_SOME = kept.expression(r"\.hasRole|\.hasAuthority|\.hasAny|\.authenticated\(|\.access\(|denyAll")
_ASKS = kept.expression(
    r"@(?:PreAuthorize|PostAuthorize|Secured|RolesAllowed|AuthenticationPrincipal)"
    r"|SecurityContextHolder|\bPrincipal\b|\bAuthentication\s+\w|\"Authorization\""
)
_WRITES = kept.expression(r"@(?:Post|Put|Patch|Delete)Mapping")
_COMMENT = kept.expression(r"/\*(?:[^*]|\*(?!/))*\*/|(?<![:'\"`\w])//[^\n]*")
_MANY = 80  # controllers


def read(path: str, text: str, tree: Callable[[], Tree], around: Around) -> Routes:
    """Return the line that lets everything pass, if nothing else in the program asks."""
    del tree
    found = _OPEN.search(text)
    if found is None or not _LOGIN.search(text) or _SOME.search(text):
        return Routes(())
    top = path.partition("/src/")[0]
    controllers = [
        one
        for one in around.ending("Controller.java")
        if one.startswith(top) or "/src/" not in path
    ]
    some = any(around.has(one, _WRITES, _COMMENT) for one in controllers[:_MANY])
    if not some or any(around.has(one, _ASKS, _COMMENT) for one in controllers[:_MANY]):
        return Routes(())
    line = text.count("\n", 0, found.start()) + 1
    why = (
        "a login is set up, but this lets every request pass, and no controller asks who is calling"
    )
    return Routes(
        [Route(line, line, "put", ("/**",), "chain", "", unsure=False, body=None, grave=why)]
    )
