"""A Messages API on loopback that a test scripts: real HTTP, the real provider, no model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rlm_gate.providers.anthropic import ClaudeProvider

Script = Callable[[dict[str, Any]], str]
"""Gets the request as it arrived, returns text; for a request with tools the code of a cell."""


@dataclass
class Served:
    """The provider to use, its address, and every request that arrived, as JSON."""

    provider: ClaudeProvider
    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def messages(sub: Script, root: list[str]) -> Iterator[Served]:
    """Serve ``sub`` to requests without tools and the cells of ``root``, one a turn, to others.

    Tokens are a quarter of the characters, as usual for English and code.
    """
    served: Served

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            served.requests.append(asked)
            raw = json.dumps(_reply(asked, sub, root)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    key = "sk-" + "ant-" + "made-up-for-tests"
    url = f"http://127.0.0.1:{server.server_port}"
    served = Served(ClaudeProvider(key, url), url)
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _reply(asked: dict[str, Any], sub: Script, root: list[str]) -> dict[str, Any]:
    if asked.get("tools"):
        turn = sum(message["role"] == "assistant" for message in asked["messages"])
        code = root[min(turn, len(root) - 1)]
        given = {"code": code}
        call = {"type": "tool_use", "id": f"t{turn}", "name": asked["tools"][0]["name"]}
        content, said, stop = [{**call, "input": given}], code, "tool_use"
    else:
        said, stop = sub(asked), "end_turn"
        content = [{"type": "text", "text": said}]
    usage = {"input_tokens": len(json.dumps(asked)) // 4, "output_tokens": len(said) // 4 + 1}
    head = {"id": "m1", "type": "message", "role": "assistant", "model": asked["model"]}
    return {**head, "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}
