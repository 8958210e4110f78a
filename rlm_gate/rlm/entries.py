"""Where the outside comes in: routes, handlers and commands, as a whole audit starts from them.

Shapes of the usual frameworks, line by line: a start for a reader, no proof and no full list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rlm_gate.core import Span, split_lines
from rlm_gate.languages import language_of

MOST = 500
"""Most entry points told: a reader of more starts from folders instead."""
_LINE_CHARS = 160
_SHAPES = (
    r"^\s*@\w[\w.]*\.(?:route|get|post|put|patch|delete|websocket|head|options|task|command)\b",
    r"^\s*@(?:route|get|post|put|patch|delete|api_view|require_\w+|shared_task|click\.command)\b",
    r"^\s*(?:path|re_path|url)\(\s*r?['\"]",
    r"\.(?:add_url_rule|add_route|add_api_route|add_get|add_post|register_blueprint)\(",
    r"^\s*class\s+\w+\(.*(?:View|ViewSet|RequestHandler|HTTPEndpoint|Consumer|Resource)\b",
    r"^\s*(?:async\s+)?def\s+(?:do_[A-Z]+|lambda_handler|main)\(",
    r"^if\s+__name__\s*==",
    r"\b(?:app|router|server|fastify|api)\.(?:get|post|put|patch|delete|all|use|route)\(\s*['\"/]",
    r"^\s*export\s+(?:default\s+)?(?:async\s+)?function\s+(?:handler|GET|POST|PUT|PATCH|DELETE)\b",
    r"addEventListener\(\s*['\"]message",
    r"\b(?:HandleFunc|Handle)\(\s*\"|\.(?:GET|POST|PUT|PATCH|DELETE)\(\s*\"",
    r"^func\s+main\(\)",
    r"^\s*@(?:Get|Post|Put|Patch|Delete|Request)Mapping\b",
    r"\bvoid\s+(?:main|doGet|doPost|doPut|doDelete)\(",
    r"\$_(?:GET|POST|REQUEST|COOKIE|FILES)\b",
    r"^\s*(?:get|post|put|patch|delete|resources?|match)\s+['\":]\S+.*(?:=>|to:|do$)",
)
_ENTRY = re.compile("|".join(f"(?:{shape})" for shape in _SHAPES))
_PROSE = frozenset({"text", "markdown", "restructuredtext", "json", "yaml", "toml", "css", "html"})


def entry_points(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[Span, str]]:
    """Yield the lines of the (path, text) pairs where something comes in, at most MOST."""
    left = MOST
    for path, text in texts:
        if language_of(path) in _PROSE:
            continue
        for number, line in enumerate(split_lines(text), 1):
            if _ENTRY.search(line[:_LINE_CHARS]):
                yield Span(path, number, number), line.strip()[:_LINE_CHARS]
                left -= 1
                if not left:
                    return
