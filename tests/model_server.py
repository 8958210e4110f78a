"""A model behind real HTTP: the Messages API on the loopback, its root playing given cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from rlm_gate.providers.anthropic import ClaudeProvider


def serve(server: HTTPServer, cells: Sequence[str], asked: list[dict[str, Any]]) -> ClaudeProvider:
    """Answer every root turn by the next cell (the last again), every other call by "yes".

    ``asked`` collects the bodies. Each turn is charged as its true size, four characters a token.
    """

    def reply(request: Request) -> Response:
        body = request.get_json()
        asked.append(body)
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        call = {"type": "tool_use", "id": f"c{turn}", "name": "run_python"}
        code = cells[min(turn, len(cells) - 1)]
        root = "tools" in body
        block = {**call, "input": {"code": code}} if root else {"type": "text", "text": "yes"}
        usage = {"input_tokens": len(json.dumps(body)) // 4, "output_tokens": len(code) // 4}
        answer = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [block],
            "stop_reason": "tool_use" if root else "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }
        return Response(json.dumps(answer), content_type="application/json")

    server.expect_request("/v1/messages").respond_with_handler(reply)
    return ClaudeProvider("key", server.url_for("").rstrip("/"))
