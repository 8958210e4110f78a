"""A GitHub of our own on the loopback: comments, reviews and issues, as the REST API has them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BOT = "github-actions[bot]"


@dataclass
class GitHub:
    """What the API keeps, and what it was asked."""

    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    refuse: int = 0
    address: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append(f"{method} {path.partition('?')[0]}")
        if path == "/user":
            return 403, {"message": "Resource not accessible by integration"}
        if self.refuse and method != "GET":
            return self.refuse, {"message": "no"}
        whose = self._issue if "/issues" in path and "/comments" not in path else self._pull
        return whose(method, path, body)

    def _pull(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        page = re.search(r"per_page=100&page=(\d+)$", path)
        if method == "GET" and page:
            listed = self.comments if "/issues/" in path else self.notes
            start = 100 * (int(page[1]) - 1)
            return 200, listed[start : start + 100]
        if method == "POST" and path.endswith("/issues/7/comments"):
            self.comments.append({"id": 1000 + len(self.comments), "user": {"login": BOT}, **body})
            return 201, self.comments[-1]
        if method == "POST" and path.endswith("/pulls/7/reviews"):
            self.reviews.append(body)
            self.notes.extend({"body": one["body"]} for one in body["comments"])
            return 200, {}
        number = int(path.rpartition("/")[2])
        found = next(one for one in self.comments if one["id"] == number)
        found.update(body)
        return 200, found

    def _issue(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "GET":
            assert "state=all&labels=rlm-gate&" in path
            start = 100 * (int(path.rpartition("=")[2]) - 1)
            return 200, self.issues[start : start + 100]
        if method == "POST":
            made = {"number": 10 + len(self.issues), "state": "open", "user": {"login": BOT}}
            self.issues.append({**made, **body})
            return 201, self.issues[-1]
        number = int(path.rpartition("/")[2])
        found = next(one for one in self.issues if one["number"] == number)
        found.update(body)
        return 200, found


@contextmanager
def running() -> Iterator[GitHub]:
    """Serve one."""
    kept = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            kept.tokens.add(self.headers["Authorization"])
            status, answer = kept.answer(self.command, self.path, body)
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815  # names that http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()
