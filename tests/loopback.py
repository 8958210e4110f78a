"""A Messages API on loopback that a test scripts: real HTTP, the real provider, no model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from rlm_gate.providers.anthropic import ClaudeProvider

Script = Callable[[dict[str, Any]], str]
"""Gets the request as it arrived, returns text."""
_KEY = "sk-" + "ant-" + "made-up-for-tests"


@dataclass
class Served:
    """The provider to use, its address, and every request that arrived, as JSON."""

    provider: ClaudeProvider
    url: str
    requests: list[dict[str, Any]]


@contextmanager
def messages(sub: Script, root: Sequence[str]) -> Iterator[Served]:
    """Serve on a server of its own, see ``serve``."""
    asked: list[dict[str, Any]] = []
    with HTTPServer(threaded=True) as server:
        provider = serve(server, root, asked, sub)
        yield Served(provider, server.url_for("").rstrip("/"), asked)


def serve(
    server: HTTPServer,
    root: Sequence[str],
    asked: list[dict[str, Any]],
    sub: Script = lambda _request: "yes",
) -> ClaudeProvider:
    """Answer every root turn by the next cell (the last again), every other call by ``sub``.

    ``asked`` collects the bodies. Tokens are a quarter of the characters, as usual for English and
    code.
    """

    def reply(request: Request) -> Response:
        body = request.get_json()
        asked.append(body)
        return Response(json.dumps(_reply(body, sub, root)), content_type="application/json")

    server.expect_request("/v1/messages").respond_with_handler(reply)
    return ClaudeProvider(_KEY, server.url_for("").rstrip("/"))


def _reply(asked: dict[str, Any], sub: Script, root: Sequence[str]) -> dict[str, Any]:
    if asked.get("tools"):
        turn = sum(message["role"] == "assistant" for message in asked["messages"])
        said, stop = root[min(turn, len(root) - 1)], "tool_use"
        call = {"type": "tool_use", "id": f"t{turn}", "name": asked["tools"][0]["name"]}
        content: list[dict[str, Any]] = [{**call, "input": {"code": said}}]
    else:
        said, stop = sub(asked), "end_turn"
        content = [{"type": "text", "text": said}]
    usage = {"input_tokens": len(json.dumps(asked)) // 4, "output_tokens": len(said) // 4 + 1}
    head = {"id": "m1", "type": "message", "role": "assistant", "model": asked["model"]}
    return {**head, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}
