"""An endpoint that says the key back: it stands in nothing that a run leaves, whoever's it is."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from apis import APIS, Api
from cli.conftest import Cli
from conftest import GitRepo

from rlm_gate import reports

KEY = "Zq7" + "made-up-Key_of-a-Test" + "9Xv2"
RULE = """\
title: A command a caller chooses
severity: high
languages: [python]
ask: {over: chunk, question: Can a caller choose the command?}
verify: refute
message: Pass a list.
help: {why: It runs what it gets., fix: Pass a list.}
tests: {bad: ["os.system(command)"], good: ["print(1)"]}
"""
APP = "import os\n\n\ndef run(command):\n    os.system(command)\n"
# Over an address that is not its own, openai speaks chat completions.
USED = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "", "claude-haiku-5-5"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "", "gemini-flash"),
    "chat": ("OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1", "openai:any-model"),
}


def said(asked: str) -> str:
    """Return an answer in the asked form, with the key in every word that is free."""
    if "addressed_to_reviewer" not in asked:
        return KEY
    if '"verdict"' in asked or '\\"verdict\\"' in asked:
        words = {"verdict": "confirmed", "reason": "none", "path": "", "quote": "", "row": 0}
        return json.dumps({**words, "argument": KEY, "addressed_to_reviewer": False})
    found = {"rule": "own/ask", "row": 5, "quote": "os.system(command)"}
    finding = {**found, "explanation": f"the key is {KEY}, a caller chooses the command"}
    return json.dumps({"findings": [finding], "addressed_to_reviewer": []})


@pytest.fixture(params=["replies", "errors", "unknown stops"])
def echoing(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Serve any of the APIs; every answer holds the key in another place."""

    class Handler(BaseHTTPRequestHandler):
        api: Api
        asked = 0

        def do_POST(self) -> None:  # the name is http.server's
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            type(self).asked += 1
            status, answer = 200, self.api.message(said(body), "end_turn")
            if request.param == "errors":
                status, answer = 400, self.api.error("bad_request", f"{KEY} may not {KEY}")
            elif request.param == "unknown stops":
                answer = self.api.message(said(body), f"stopped_for_{KEY}")
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("x-request-id", KEY)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Handler, f"http://127.0.0.1:{server.server_port}", request.param
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", USED)
def test_a_key_that_an_endpoint_says_back_is_in_nothing_that_a_run_leaves(
    name: str,
    echoing: Any,
    cli: Cli,
    git_repo: GitRepo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler, url, sort = echoing
    handler.api = next(api for api in APIS if api.name == name)
    key, address, path, model = USED[name]
    monkeypatch.setenv(key, KEY)
    monkeypatch.setenv(address, f"{url}{path}")
    for kind in ("CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "kept" / kind.lower()))
    git_repo.commit(**{".rlm-gate/rules/own/ask.yaml": RULE, "app.py": APP})
    left = tmp_path / "left"
    models = [f"--root-model={model}", f"--sub-model={model}"]
    outputs = [f"--output={one}={left / one}" for one in reports.names()]

    rules = git_repo.path / ".rlm-gate/rules"
    done = cli("check", "--rev", "HEAD", *models, *outputs, "-v", rules=rules)
    again = cli("check", "--rev", "HEAD", *models, "--resume", rules=rules)
    (first, *_) = sorted((tmp_path / "kept/cache").rglob("*.jsonl"))
    replayed = cli("replay", str(first), "--format=json", rules=None)

    assert handler.asked >= 1
    assert done.code == (1 if sort == "replies" else 3), done.out
    texts = {
        str(one.relative_to(tmp_path)): one.read_bytes().decode("utf-8", "replace")
        for one in tmp_path.rglob("*")
        if one.is_file()
    }
    assert {name.rpartition("/")[2] for name in texts} >= {"replies.sqlite3", "html", first.name}
    texts |= {
        f"{n}{part}": run[part] for n, run in enumerate((done, again, replayed)) for part in (1, 2)
    }
    marks = (KEY, KEY[:12], KEY[-12:])
    assert [name for name, text in texts.items() if any(mark in text for mark in marks)] == []
    if sort == "replies":
        assert re.search(r"the key is \*\*\*, a caller chooses", (left / "json").read_text())
