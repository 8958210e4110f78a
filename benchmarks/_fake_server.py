"""A model endpoint on loopback for benchmarks: scripted roots, sub-calls that take 50 ms.

    python benchmarks/_fake_server.py        prints its port, serves until its standard input closes

It speaks the Messages API and chat completions. The path says who asks and what for:
``/STYLE/CASE/TOKENS...``. A model whose name holds "root" or "sonnet" is a root and gets the cells
of the case, one a turn, over and over; any other is a sub-model and hears "ok". ``GET /marks``
returns and forgets, for the last case asked, when each root request came and when it was answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

SUB_SECONDS = 0.050
SUB_CALLS = 200
TURNS = 30


@dataclass(frozen=True)
class Style:
    """How an engine wants to hear code and how its cells end the session."""

    reply: str
    final: str
    batch: str = "llm_query_batched"


STYLES = {
    "rlm-gate": Style("tool", "done({0})"),
    "floor": Style("tool", "done({0})"),
    "rlms": Style("```repl\n{0}\n```", 'answer["content"] = str({0})\nanswer["ready"] = True'),
    "dspy": Style(
        "[[ ## reasoning ## ]]\nOn.\n\n[[ ## code ## ]]\n```python\n{0}\n```\n\n"
        "[[ ## completed ## ]]\n",
        "SUBMIT({0})",
    ),
}


def cells(style: str, case: str, round_number: int) -> list[str]:
    """Return the cells of a case. Prompts differ from round to round: no cache may answer."""
    spoken = STYLES[style]
    if case == "batch":
        prompts = f"[f'round {round_number}: say {{n}}' for n in range({SUB_CALLS})]"
        asked = f"answers = {spoken.batch}({prompts})\nprint(len(answers), answers[-1])"
        return ["print(len(context))", asked, spoken.final.format("len(answers)")]
    if case == "turns":
        steps = [f"step = {number}\nprint(step, len(context))" for number in range(TURNS)]
        return [*steps, spoken.final.format("step")]
    return [
        "print(len(context))\nprint(context[:200])",
        "count = context.count('TODO')\nprint(count)",
        spoken.final.format("count"),
    ]


@dataclass(slots=True)
class Script:
    """Where one path has got to."""

    style: str
    case: str
    asked: int = 0
    round_number: int = 0
    todo: list[str] = field(default_factory=list)

    def next_cell(self) -> str:
        """Return the next cell, beginning again after the last."""
        if not self.todo:
            self.round_number += 1
            self.todo = cells(self.style, self.case, self.round_number)
        return self.todo.pop(0)


class Endpoint:
    """What all connections share."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.marks: list[tuple[float, float]] = []

    def answer(self, path: str, body: bytes) -> tuple[bytes, float]:
        """Return the reply to a request and the seconds to wait before it is sent."""
        if path == "/marks":
            marks, self.marks = self.marks, []
            return json.dumps(marks).encode(), 0.0
        _, style, case, *_ = path.split("/")
        anthropic = path.endswith("/messages")
        at = body.find(b'"model":') + 8
        model = body[at : at + 60]
        if b"root" not in model and b"sonnet" not in model:
            return _message("ok", tool=False) if anthropic else _completion("ok"), SUB_SECONDS
        arrived = time.perf_counter()
        script = self.scripts.setdefault(path, Script(style, case))
        code = script.next_cell()
        reply = (
            _message(code, tool=True)
            if anthropic
            else _completion(STYLES[style].reply.format(code))
        )
        self.marks.append((arrived, time.perf_counter()))
        return reply, 0.0


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.parts: list[bytes] = []
        self.size = self.wanted = 0
        self.path = ""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # of a TCP server it is
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect a request; its length is known from its head."""
        self.parts.append(data)
        self.size += len(data)
        if not self.wanted:
            self._read_head()
        if self.wanted and self.size >= self.wanted:
            self._serve()

    def _read_head(self) -> None:
        whole = b"".join(self.parts)
        end = whole.find(b"\r\n\r\n")
        if end < 0:
            return
        self.parts = [whole]
        head = whole[:end].lower()
        self.path = whole[:200].split(b" ", 2)[1].decode()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        self.wanted = end + 4 + length

    def _serve(self) -> None:
        whole = b"".join(self.parts)
        body = whole[whole.find(b"\r\n\r\n") + 4 :]
        self.parts, self.size, self.wanted = [], 0, 0
        reply, pause = self.endpoint.answer(self.path, body)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(reply)}"
        whole = head.encode() + b"\r\n\r\n" + reply
        if pause:
            asyncio.get_running_loop().call_later(pause, self._write, whole)
        else:
            self._write(whole)

    def _write(self, whole: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(whole)


def _message(text: str, *, tool: bool) -> bytes:
    block: dict[str, object] = {"type": "text", "text": text}
    if tool:
        block = {"type": "tool_use", "id": "c1", "name": "run_python", "input": {"code": text}}
    return json.dumps(
        {
            "id": "m1",
            "type": "message",
            "role": "assistant",
            "model": "fake",
            "content": [block],
            "stop_reason": "tool_use" if tool else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": 10},
        }
    ).encode()


def _completion(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "fake",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }
    ).encode()


async def main() -> None:
    """Serve until standard input closes."""
    endpoint = Endpoint()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
