"""A real HTTP server on loopback that misbehaves as told."""

from __future__ import annotations

import functools
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rlm_gate.providers.anthropic import ClaudeProvider

KEY = "sk-" + "ant-" + "made-up-for-tests"
Answer = Callable[["Handler"], None]


def message(text: str | None = "ok", **changes: Any) -> dict[str, Any]:
    """Return a reply as the API has it."""
    content = [] if text is None else [{"type": "text", "text": text}]
    usage = {"input_tokens": 10, "output_tokens": 2}
    reply = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    return {
        **reply,
        "content": content,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
        **changes,
    }


def sends(
    body: Any, status: int = 200, content_type: str = "application/json", **headers: str
) -> Answer:
    """Answer with that body, JSON unless it is bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("content-type", content_type)
        handler.send_header("content-length", str(len(raw)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def fails(status: int, kind: str = "api_error", text: str = "no", **headers: str) -> Answer:
    """Answer with an error as the API has it."""
    return sends({"type": "error", "error": {"type": kind, "message": text}}, status, **headers)


def drips(pause: float, raw: bytes, content_type: str = "application/json") -> Answer:
    """Answer a byte at a time."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", content_type)
        handler.send_header("content-length", str(len(raw)))
        handler.end_headers()
        for byte in raw:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if handler.server.stopping.wait(pause):  # type: ignore[attr-defined]
                return

    return answer


def drips_headers(pause: float) -> Answer:
    """Send the status line, then header after header for ever."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not handler.server.stopping.wait(pause):  # type: ignore[attr-defined]
            handler.wfile.write(b"x-wait: 1\r\n")
            handler.wfile.flush()

    return answer


def cuts(raw: bytes, *, chunked: bool) -> Answer:
    """Send half of the body and close the connection."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        half = raw[: len(raw) // 2]
        if chunked:
            handler.send_header("transfer-encoding", "chunked")
            half = b"%x\r\n%s\r\n" % (len(half), half)
        else:
            handler.send_header("content-length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(half)
        handler.close_connection = True

    return answer


def hangs_up(handler: Handler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def silent(handler: Handler) -> None:
    """Say nothing until the test is over."""
    handler.server.stopping.wait(30)  # type: ignore[attr-defined]
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    """Take the next answer of the server's, the last one for ever."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = self.server.log.take(self.path, dict(self.headers), body)
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class' name)
        """Keep quiet."""


@dataclass
class Log:
    answers: list[Answer] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> Answer:
        with self.lock:
            self.paths.append(path)
            self.headers.append({name.lower(): value for name, value in headers.items()})
            self.bodies.append(body)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Server(ThreadingHTTPServer):
    """The server, and the answers it can be given: test modules can't import this file."""

    daemon_threads = True
    request_queue_size = 64
    key = KEY
    message = staticmethod(message)
    sends = staticmethod(sends)
    fails = staticmethod(fails)
    drips = staticmethod(drips)
    drips_headers = staticmethod(drips_headers)
    cuts = staticmethod(cuts)
    hangs_up = staticmethod(hangs_up)
    silent = staticmethod(silent)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.log = Log()
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def says(self, *answers: Answer) -> None:
        self.log.answers = list(answers)


_CERTIFICATES = functools.cache(ssl.create_default_context)


@pytest.fixture(autouse=True)
def _load_certificates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each client would load them anew, which takes longer than its test, and speak plain HTTP."""
    monkeypatch.setattr(ssl, "create_default_context", _CERTIFICATES)


@pytest.fixture
def endpoint() -> Iterator[Server]:
    server = Server()
    server.says(sends(message()))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def provider(endpoint: Server) -> Iterator[ClaudeProvider]:
    with ClaudeProvider(KEY, endpoint.url) as ready:
        yield ready
