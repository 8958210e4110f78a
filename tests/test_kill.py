"""kill -9 at random points, then --resume: the same report, and no journaled reply paid twice.

RLM_GATE_KILLS=200 kills more often than a test run has time for.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import GitRepo

KILLS = int(os.environ.get("RLM_GATE_KILLS", "20"))
FILES = 8
REQUESTS = 8 + 4 + 9 + 9  # map, turns, sub-calls, second readers
RULE = """\
title: A command a caller chooses
severity: high
precision: high
languages: [python]
ask: {{over: {over}, question: Can a caller choose the command?}}
verify: refute
message: Pass a list.
help: {{why: It runs what it gets., fix: Pass a list.}}
tests:
  bad: ["os.system(command)"]
  good: ["print(1)"]
"""
BAD = "import os\n\n\ndef run{0}(command):\n    os.system(command)\n"
CELLS = [
    "hits = grep(r'os\\.system', 'app*.py')\nprint(len(hits), budget())",
    "asked = llm_query_parallel([(f'is it bad? {h.path}', h) for h in hits])\nprint(asked)",
    "h = hits[0]\nprint(finding('own/loop', h.path, h.line, h.text, 'again'), llm_query('sure?'))",
    "done('one')",
]
# A process that has everything imported and forks for each run: a run takes no second to start.
NURSERY = """
import os, sys, anthropic
from rlm_gate.cli import main
from rlm_gate.cli import check
from rlm_gate.rlm import audit, callers, refute
from rlm_gate.providers import anthropic as ours
from rlm_gate.reports import json as report
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(os.open("errors.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os._exit(main(line.split()))
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass
class Log:
    """What the endpoint was asked: a number for each different request, in the order they came."""

    asked: list[int] = field(default_factory=list)
    connections: int = 0
    came: threading.Condition = field(default_factory=threading.Condition)

    def connected(self, more: int) -> None:
        with self.came:
            self.connections += more
            self.came.notify_all()

    def begin(self) -> None:
        """Forget what came, once all that a dead process had sent has come."""
        with self.came:
            assert self.came.wait_for(lambda: self.connections == 0, 10.0)
            self.asked.clear()

    def note(self, number: int) -> None:
        with self.came:
            self.asked.append(number)
            self.came.notify_all()

    def wait_for(self, count: int, timeout: float) -> bool:
        with self.came:
            return self.came.wait_for(lambda: len(self.asked) >= count, timeout)


def answered(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the block and the stop reason that answer a request."""
    if "tools" in body:
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        call = {"type": "tool_use", "id": f"c{turn}", "name": "run_python"}
        return {**call, "input": {"code": CELLS[turn]}}, "tool_use"
    text = "yes"
    if "output_config" in body:
        quote = {"row": 5, "quote": "os.system(command)"}
        found = {"rule": "own/ask", **quote, "explanation": "a caller chooses it"}
        answer: dict[str, Any] = {"findings": [found], "addressed_to_reviewer": []}
        if "verdict" in json.dumps(body["output_config"]):
            words = {"verdict": "confirmed", "reason": "none", "path": "", "argument": "true"}
            answer = {**words, **quote, "addressed_to_reviewer": False}
        text = json.dumps(answer)
    return {"type": "text", "text": text}, "end_turn"


class Handler(BaseHTTPRequestHandler):
    """Speaks the Messages API. The prompt's token count is the request's number."""

    protocol_version = "HTTP/1.1"
    log: Log

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        raw = self.rfile.read(size)
        if len(raw) < size:  # the caller was killed while it asked
            self.close_connection = True
            return
        number = zlib.crc32(raw) % 9973 + 1
        self.log.note(number)
        block, stop = answered(json.loads(raw))
        time.sleep(0.01)
        reply = json.dumps(
            {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "fake",
                "content": [block],
                "stop_reason": stop,
                "stop_sequence": None,
                "usage": {"input_tokens": number, "output_tokens": 10},
            }
        ).encode()
        try:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)
        except OSError:
            self.close_connection = True  # the caller was killed

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class' name
        """Keep quiet."""


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    log: Log

    def process_request_thread(self, *given: Any) -> None:
        self.log.connected(1)
        try:
            super().process_request_thread(*given)
        finally:
            self.log.connected(-1)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that a kill has cut."""


@pytest.fixture
def endpoint() -> Iterator[tuple[str, Log]]:
    log = Log()
    server = QuietServer(("127.0.0.1", 0), type("Logging", (Handler,), {"log": log}))
    server.log = log
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", log
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Nursery:
    """Starts runs of the command line over one repository."""

    process: subprocess.Popen[str]
    repo: Path
    log: Log
    journals: Path
    report: Path

    def start(self, *flags: str) -> int:
        """Start a run and return its process id."""
        given = ["check", "--all", "--no-cache", "--rules", ".rlm-gate/rules", *flags]
        assert self.process.stdin
        self.process.stdin.write(" ".join([*given, "--output", f"json={self.report}"]) + "\n")
        self.process.stdin.flush()
        return int(self.hear())

    def wait(self) -> str:
        """Return the exit code of the run, negative if it was killed. Until then it is a zombie."""
        assert self.process.stdin
        self.process.stdin.write("wait\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, (self.repo / "errors.txt").read_text()
        return line.strip()

    def journaled(self) -> set[int]:
        """Return the numbers of the requests whose replies stand in unfinished runs' journals."""
        found = set()
        for path in sorted(self.journals.glob("*.jsonl"), reverse=True):
            lines = path.read_bytes().split(b"\n")[:-1]
            records = [json.loads(line) for line in lines]
            if records and records[-1]["kind"] == "end":
                break
            replies = [one["data"]["reply"] for one in records if one["kind"] == "reply"]
            found |= {reply["usage"]["input_tokens"] for reply in replies}
        return found


@pytest.fixture
def nursery(git_repo: GitRepo, endpoint: tuple[str, Log], tmp_path: Path) -> Iterator[Nursery]:
    for name, over in (("ask", "chunk"), ("loop", "corpus")):
        git_repo.write(f".rlm-gate/rules/own/{name}.yaml", RULE.format(over=over))
    for number in range(FILES):
        git_repo.write(f"app{number}.py", BAD.format(number))
    git_repo.commit()
    (git_repo.path / ".git/info/exclude").write_text("errors.txt\n")
    address, log = endpoint
    own = {"ANTHROPIC_API_KEY": "made-up", "ANTHROPIC_BASE_URL": address}
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=git_repo.path,
        env={**os.environ, **own, "RLM_GATE_CACHE_DIR": str(tmp_path / "cache")},
        text=True,
    ) as process:
        yield Nursery(
            process, git_repo.path, log, tmp_path / "cache/journals", tmp_path / "report.json"
        )
        process.communicate()


def test_a_killed_run_resumes_to_the_same_report_and_pays_no_reply_twice(nursery: Nursery) -> None:
    nursery.start()
    assert nursery.wait() == "1"
    expected = nursery.report.read_bytes()
    whole = list(nursery.log.asked)
    assert len(whole) == len(set(whole)) == REQUESTS
    chance = random.Random(20260101)  # noqa: S311  # it only chooses moments
    kills = 0
    while kills < KILLS:
        nursery.report.unlink(missing_ok=True)
        kills += killed_and_resumed(nursery, chance)
        assert nursery.report.read_bytes() == expected


def killed_and_resumed(nursery: Nursery, chance: random.Random) -> int:
    """Kill a run and its resumptions, then let one end; return how many were killed."""
    for kills in range(chance.randrange(1, 8)):
        if run_once(nursery, kills > 0, chance) == "1":  # it was faster
            return kills
    assert run_once(nursery, True, None) == "1"
    return kills + 1


def run_once(nursery: Nursery, resume: bool, chance: random.Random | None) -> str:
    """Run, kill it at some point if there is a chance to, and check what it asked."""
    journaled = nursery.journaled() if resume else set()
    nursery.log.begin()
    run = nursery.start(*(["--resume"] if resume else []))
    if chance:
        wait_a_little(nursery.log, REQUESTS - len(journaled), chance)
        os.kill(run, signal.SIGKILL)
    outcome = nursery.wait()
    assert not journaled & set(nursery.log.asked)
    assert len(nursery.log.asked) == len(set(nursery.log.asked))
    assert outcome in {"1", str(-signal.SIGKILL)}, (nursery.repo / "errors.txt").read_text()
    return outcome


def wait_a_little(log: Log, left: int, chance: random.Random) -> None:
    """Wait until some of the requests that are left have come, or some time has passed."""
    if left and chance.random() < 0.7:
        log.wait_for(chance.randrange(left), timeout=5.0)
        time.sleep(chance.random() * 0.03)
    else:
        time.sleep(chance.random() * 0.5)
