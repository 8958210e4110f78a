"""Procedures of tRPC: ``remove: protectedProcedure.mutation(...)``."""

from __future__ import annotations

from collections.abc import Callable

from rlm_gate import kept
from rlm_gate.detectors._routes.around import Around
from rlm_gate.detectors._routes.model import Route, Routes
from rlm_gate.syntax import Tree

_PROCEDURE = kept.expression(r"(?m)^[ \t]*(\w+):\s*((?:\w+\.)?\w*[pP]rocedure)\b")
_OPEN = kept.expression(r"(?i)public|base|open|anon|guest|unauth|rate|^(?:t\.)?procedure$")


def read(path: str, text: str, tree: Callable[[], Tree], around: Around) -> Routes:
    """Return the procedures of a file of tRPC's routers."""
    del path, tree, around
    found = [*_PROCEDURE.finditer(text)]
    routes = []
    for at, one in enumerate(found):
        end = found[at + 1].start() if at + 1 < len(found) else len(text)
        body = text[one.start() : end]
        line = text.count("\n", 0, one.start(1)) + 1
        routes.append(
            Route(
                line=line,
                end=line + body.rstrip().count("\n"),
                verb="post" if ".mutation(" in body else "get",
                names=(one[1],),
                group="router",
                guards="" if _OPEN.search(one[2]) else one[2],
                unsure=".use(" in body,
                body=body,
            )
        )
    return Routes(routes)
