"""Messages and Message Batches on the loopback, in the shapes that the API documents. No model.

Batches: requests with custom ids of 1 to 64 letters, digits, _ and -; a batch is in_progress, then
ended; results are JSON lines in any order, each succeeded, errored, canceled or expired.
"""

from __future__ import annotations

import json
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NOTHING = json.dumps({"findings": [], "addressed_to_reviewer": []})
Answer = Callable[[dict[str, Any]], tuple[dict[str, Any], str]]
"""Gets a request's body, returns the content block and the stop reason."""


def nothing(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Find nothing; as a root, look round once and be done."""
    if "tools" in body:
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        code = ["for p in files: print(p, len(files[p]))", "done('nothing')"][min(turn, 1)]
        call = {"type": "tool_use", "id": f"c{turn}", "name": "run_python"}
        return {**call, "input": {"code": code}}, "tool_use"
    return {"type": "text", "text": NOTHING}, "end_turn"


@dataclass
class Batch:
    """One batch: the requests by custom id, when it came and when it will have ended."""

    id: str
    requests: dict[str, dict[str, Any]]
    came: float
    ends: float
    canceled: bool = False


@dataclass
class Endpoint:
    """What the endpoint does and saw. ``fate`` of a custom id: succeeded, errored or expired.

    A reply takes ``delay`` seconds; once it is ``held``, nobody gets one before ``let_go``.
    """

    answer: Answer = nothing
    batch_seconds: float = 0.0
    delay: float = 0.0
    fate: Callable[[str], str] = lambda _custom_id: "succeeded"
    single: list[str] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    held: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    on_batch: Callable[[], None] = lambda: None

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the whole reply to one request."""
        block, stop = self.answer(body)
        size = len(json.dumps(body["messages"])) + len(json.dumps(body.get("system", "")))
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [block],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": size // 4, "output_tokens": len(json.dumps(block)) // 4},
        }

    def asked(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of its own."""
        with self.lock:
            self.single.append(_mark(body))
        time.sleep(self.delay)
        if self.held.is_set():
            self.let_go.wait(60)
        return self.message(body)

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Take a batch in."""
        requests = {one["custom_id"]: one["params"] for one in body["requests"]}
        assert len(requests) == len(body["requests"]) <= 100_000
        assert all(_CUSTOM_ID.fullmatch(one) for one in requests)
        assert all("stream" not in one for one in requests.values())
        now = time.time()
        with self.lock:
            one = Batch(f"msgbatch_{len(self.batches)}", requests, now, now + self.batch_seconds)
            self.batches.append(one)
        self.on_batch()
        return self.described(one)

    def described(self, one: Batch) -> dict[str, Any]:
        """Return the batch object; all counts but ``processing`` are 0 until it has ended."""
        ended = time.time() >= one.ends
        fates = [self.fate(custom_id) for custom_id in one.requests]
        counts = {
            name: fates.count(name) if ended else 0 for name in ("succeeded", "errored", "expired")
        }
        counts |= {"canceled": 0, "processing": 0 if ended else len(fates)}
        return {
            "id": one.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": counts,
            "created_at": _date(one.came),
            "expires_at": _date(one.came + 86400),
            "ended_at": _date(one.ends) if ended else None,
            "cancel_initiated_at": None,
            "archived_at": None,
            "results_url": f"{self.url}/v1/messages/batches/{one.id}/results" if ended else None,
        }

    def listed(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """Return a page, the newest first."""
        newest = self.batches[::-1]
        if after := query.get("after_id"):
            newest = newest[[one.id for one in newest].index(after[0]) + 1 :]
        limit = int(query.get("limit", ["20"])[0])
        page = [self.described(one) for one in newest[:limit]]
        ids = [one["id"] for one in page] or [None]
        more = len(newest) > limit
        return {"data": page, "has_more": more, "first_id": ids[0], "last_id": ids[-1]}

    def results(self, one: Batch) -> Iterator[dict[str, Any]]:
        """Yield the results, in an order that has nothing to do with that of the requests."""
        ids = list(one.requests)
        ids.sort(key=lambda custom_id: zlib.crc32(custom_id.encode()))
        for custom_id in ids:
            fate = self.fate(custom_id)
            result: dict[str, Any] = {"type": fate}
            if fate == "succeeded":
                result["message"] = self.message(one.requests[custom_id])
                with self.lock:
                    self.answered.append(_mark(one.requests[custom_id]))
            elif fate == "errored":
                error = {"type": "api_error", "message": "Internal server error"}
                result["error"] = {"type": "error", "error": error, "request_id": "req_1"}
            yield {"custom_id": custom_id, "result": result}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that a kill has cut."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: Endpoint

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        raw = self.rfile.read(size)
        if len(raw) < size:
            self.close_connection = True
            return
        body = json.loads(raw)
        batch = urlsplit(self.path).path.endswith("/batches")
        self._send(self.endpoint.create(body) if batch else self.endpoint.asked(body))

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name, _, rest = url.path.removeprefix("/v1/messages/batches").strip("/").partition("/")
        if not name:
            self._send(self.endpoint.listed(parse_qs(url.query)))
            return
        one = next(one for one in self.endpoint.batches if one.id == name)
        if rest != "results":
            self._send(self.endpoint.described(one))
            return
        lines = b"".join(json.dumps(one).encode() + b"\n" for one in self.endpoint.results(one))
        self._write(lines, "application/x-jsonl")

    def _send(self, value: dict[str, Any]) -> None:
        self._write(json.dumps(value).encode(), "application/json")

    def _write(self, raw: bytes, kind: str) -> None:
        try:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Serve the endpoint on a free port; its ``url`` says where."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"endpoint": endpoint}))
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def some_fail(custom_id: str) -> str:
    """Let 3 % fail and 1 % expire, always the same ones."""
    number = zlib.crc32(custom_id.encode()) % 100
    return "errored" if number < 3 else "expired" if number == 3 else "succeeded"


def _mark(body: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(body['messages']).encode()):08x}{'r' * ('tools' in body)}"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
