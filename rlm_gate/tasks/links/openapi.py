"""Endpoints that an OpenAPI or Swagger description promises (OpenAPI 3.x, Swagger 2.0)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rlm_gate import yamlmarks
from rlm_gate.tasks.links.facts import DEFINES, ENDPOINT, Fact, endpoint
from rlm_gate.tasks.links.routes import METHODS

_HEAD = re.compile(r"""(?m)^\s*["']?(?:openapi|swagger)["']?\s*:\s*["']?[123]""")


def is_openapi(text: str) -> bool:
    """Say whether YAML or JSON text claims to be a description."""
    return bool(_HEAD.search(text[:4096]))


def promised(path: str, text: str) -> Iterator[Fact]:
    """Yield the endpoints. Raises ValueError where the document can't be read."""
    document = yamlmarks.parse(text, path)
    if not isinstance(document.data, dict):
        raise ValueError(str(document.problems[0]) if document.problems else "no mapping")  # noqa: TRY004  # a wrong file, not a wrong call
    prefix = _prefix(document.data)
    paths = document.data.get("paths")
    for route, operations in paths.items() if isinstance(paths, dict) else ():
        for method in operations if isinstance(operations, dict) else ():
            name = endpoint(method, f"{prefix}{route}") if method in METHODS else None
            if name:
                line, _ = document.mark(("paths", route, method), key=True)
                yield Fact(ENDPOINT, DEFINES, name, line)


def _prefix(document: dict[str, Any]) -> str:
    """Return the path below which all routes lie."""
    base = document.get("basePath")
    servers = document.get("servers")
    if isinstance(servers, list) and servers and isinstance(servers[0], dict):
        base = re.sub(r"^[a-z]+://[^/]*", "", str(servers[0].get("url", "")))
    return base.rstrip("/") if isinstance(base, str) else ""
