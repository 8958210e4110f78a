"""Root and sub on different providers, through the whole gate."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from apis import APIS
from conftest import GitRepo

from rlm_gate import config, gate, reports
from rlm_gate.cli import main
from rlm_gate.core import Status, Verdict
from rlm_gate.errors import UsageError
from rlm_gate.providers import ModelRequest
from rlm_gate.providers.scripted import Answer, ScriptedProvider, code
from rlm_gate.rlm import callers

RULE = """\
title: A command a caller chooses
severity: high
precision: high
languages: [python]
verify: refute
ask: {{over: {over}, question: Can a caller choose the command?}}
message: Pass a list.
help: {{why: It runs what it gets., fix: Pass a list.}}
tests:
  bad: ["os.system(command)"]
  good: ["print(1)"]
"""
BAD = "import os\n\n\ndef run(command):\n    os.system(command)\n"
CELLS = ["a = str(grep('import'))\na = llm_query('is it bad?')\nprint(a, budget())", "done(a)"]
FOUND = {
    "findings": [
        {"rule": "own/ask", "row": 5, "quote": "os.system(command)", "explanation": "It may."}
    ],
    "addressed_to_reviewer": [],
}
CONFIRMED = {
    "verdict": "confirmed",
    "reason": "none",
    "path": "app.py",
    "row": 5,
    "quote": "os.system(command)",
    "argument": "It may.",
    "addressed_to_reviewer": False,
}


@pytest.fixture
def project(git_repo: GitRepo) -> GitRepo:
    for name, over in (("ask", "chunk"), ("loop", "corpus")):
        git_repo.write(f".rlm-gate/rules/own/{name}.yaml", RULE.format(over=over))
    git_repo.write("app.py", BAD)
    git_repo.commit()
    return git_repo


class Two:
    """A root's provider and a sub's, each remembering what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = ScriptedProvider(self.refute, root=self.cell, name="anthropic")
        self.sub = ScriptedProvider(self.reply, root=(), name="gemini")
        found = {"anthropic": self.root, "gemini": self.sub}
        monkeypatch.setattr(callers, "named", found.__getitem__)

    def cell(self, request: ModelRequest) -> Answer:
        turn = sum(message.role == "assistant" for message in request.messages)
        return code(CELLS[turn], request)

    def refute(self, request: ModelRequest) -> Answer:
        assert request.schema
        return json.dumps(CONFIRMED)

    def reply(self, request: ModelRequest) -> Answer:
        return json.dumps(FOUND) if request.schema else "yes"

    def asked(self) -> tuple[list[str], list[str]]:
        """Return the models each was asked for, a request each."""
        made = [[one.model for one in two.requests] for two in (self.root, self.sub)]
        self.root.requests.clear()
        self.sub.requests.clear()
        return made[0], made[1]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Two:
    return Two(monkeypatch)


def settings(repo: GitRepo, **changes: Any) -> config.Settings:
    flags = config.Flags(
        scope=config.ScopeRequest("all", repo=str(repo.path)),
        rules=(str(repo.path / ".rlm-gate/rules"),),
        sub_model="gemini-flash",
    )
    made = config.settings(flags, repo.path)
    models = replace(made.models, mode="on", **changes.pop("models", {}))
    invocation = {"directory": str(repo.path), "flags": {}}
    return replace(made, models=models, invocation=invocation, **changes)


def rendered(verdict: Verdict) -> dict[str, bytes]:
    return {name: reports.load(name).render(verdict) for name in reports.names()}


def journals(repo: GitRepo) -> list[Path]:
    return sorted(settings(repo).cache_dir.glob("journals/*.jsonl"))


def test_root_and_refutation_go_to_one_map_and_sub_calls_to_the_other(
    project: GitRepo, two: Two
) -> None:
    verdict = gate.run(settings(project))
    assert verdict.status is Status.FAIL
    assert (verdict.audit.root_model, verdict.audit.sub_model) == (
        "claude-sonnet-5-5",
        "gemini-3.8-flash",
    )
    of_root, of_sub = two.asked()
    assert of_root == ["claude-sonnet-5-5"] * 3  # two turns and one refutation
    assert of_sub == ["gemini-3.8-flash"] * 2  # one chunk and one llm_query
    assert (verdict.usage.turns, verdict.usage.calls) == (2, 3)


def test_both_share_a_cache_and_a_budget(project: GitRepo, two: Two) -> None:
    first = gate.run(settings(project))
    two.asked()
    again = gate.run(settings(project))
    assert two.asked() == ([], [])
    assert rendered(again) == rendered(first)
    cheap = settings(project, no_cache=True)
    limited = gate.run(replace(cheap, budget=replace(cheap.budget, max_calls=1)))
    assert limited.usage.calls == 1
    assert sum(map(len, two.asked())) <= 3  # turns are no calls


def test_a_mixed_run_can_be_replayed_and_resumed(project: GitRepo, two: Two) -> None:
    first = gate.run(settings(project))
    two.asked()
    (path,) = journals(project)
    assert callers.check_of(path)["provider"] == {"root": "anthropic", "sub": "gemini"}
    replayed = gate.run(settings(project, replay=path))
    assert rendered(replayed) == rendered(first)
    path.write_bytes(path.read_bytes().removesuffix(b'{"kind":"end","data":{}}\n'))
    resumed = gate.run(settings(project, resume=True, no_cache=True))
    assert rendered(resumed) == rendered(first)
    assert two.asked() == ([], [])


@pytest.mark.parametrize(
    ("allowed", "fine"),
    [
        (["sonnet", "gemini-flash"], True),
        (["anthropic:claude-sonnet-5-5", "gemini:gemini-3.8-flash"], True),
        (["sonnet", "openai:gemini-3.8-flash"], False),
        (["sonnet"], False),
    ],
)
def test_an_allowed_model_is_one_of_an_allowed_provider(
    project: GitRepo, two: Two, allowed: list[str], *, fine: bool
) -> None:
    changed = settings(project, models={"allowed": tuple(allowed)})
    if fine:
        gate.run(changed)
        return
    with pytest.raises(UsageError, match=r"gemini-3.8-flash is not among models.allowed"):
        gate.run(changed)
    assert two.asked() == ([], [])


# --- over HTTP, through the command line


BY_NAME = {api.name: api for api in APIS}


class BothApis(BaseHTTPRequestHandler):
    """Gemini's API and an endpoint that speaks Chat Completions, in one server."""

    def do_POST(self) -> None:  # the name is http.server's
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        answer = self.chat(body) if "completions" in self.path else self.gemini(body)
        raw = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def gemini(self, body: dict[str, Any]) -> dict[str, Any]:
        structured = "responseJsonSchema" in body["generationConfig"]
        return BY_NAME["gemini"].message(json.dumps(FOUND) if structured else "yes", "end_turn")

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        if "tools" not in body:
            return BY_NAME["chat"].message(json.dumps(CONFIRMED), "end_turn")
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        arguments = json.dumps({"code": CELLS[turn]})
        reply = BY_NAME["chat"].message(None, "tool_calls")
        reply["choices"][0]["message"]["tool_calls"] = [
            {"id": f"t{turn}", "function": {"name": "run_python", "arguments": arguments}}
        ]
        return reply

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""


@pytest.fixture
def both_apis(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BothApis)
    server.paths = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", address)
    monkeypatch.setenv("GEMINI_API_KEY", "made-up")
    yield server.paths  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


ARGUMENTS = ["--all", "--root-model", "openai:local", "--sub-model", "gemini-flash"]


def test_a_local_root_and_a_gemini_sub_judge_a_repository(
    project: GitRepo,
    both_apis: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project.path)
    arguments = [*ARGUMENTS, "--rules", ".rlm-gate/rules", "--format", "json"]
    assert main(["check", *arguments]) == 1
    report = json.loads(capfd.readouterr().out)
    assert [one["rule"] for one in report["findings"]] == ["own/ask"]
    assert sorted(both_apis) == [
        *["/v1/chat/completions"] * 3,
        *["/v1/models/gemini-3.8-flash:generateContent"] * 2,
    ]


def test_the_key_that_is_missing_is_named(
    project: GitRepo, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
    assert main(["check", *ARGUMENTS, "--rules", ".rlm-gate/rules"]) == 0
    assert "set OPENAI_API_KEY and GEMINI_API_KEY to put" in capfd.readouterr().out


@pytest.mark.usefixtures("both_apis")
def test_a_provider_that_is_not_installed_is_a_usage_error(
    project: GitRepo, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    monkeypatch.setitem(sys.modules, "openai", None)
    assert main(["check", *ARGUMENTS, "--rules", ".rlm-gate/rules"]) == 2
    assert "pip install 'rlm-gate[openai]'" in capfd.readouterr().err
