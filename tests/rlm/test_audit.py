"""A whole audit of a change over a loopback API: what readers see, and what reaches the reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from conftest import GitRepo
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from rlm_gate import config, gate, reports
from rlm_gate.core import Verdict, Verification
from rlm_gate.providers.anthropic import ClaudeProvider

STORE = (
    "from pathlib import Path\n\nROOT = '/srv'\n\n\ndef load(name):\n    return Path(ROOT, name)\n"
)
VIEWS = "from app.store import load\n\n\ndef show(request):\n    return load('a.txt')\n"
CHANGED = VIEWS.replace("'a.txt'", "request.args['name']")
FOLLOW = """\
enters = grep(r'request.args')[0]
sink = grep(r'Path.ROOT')[0]
why = 'A client names the file.'
way = [enters, sink]
print(finding('security/path-traversal', enters.path, enters.line, enters.text, why, flow=way))
"""
CELLS = (
    "print(diff, commits, [one['id'] for one in rules], len(sharp), outside)",
    FOLLOW,
    "done('followed')",
)


class Reader:
    """Answers the Messages API: root turns by cells, the map by nothing found, others in turn."""

    def __init__(
        self,
        verdicts: Sequence[dict[str, Any]] = (),
        cells: Sequence[str] = CELLS,
    ) -> None:
        self.cells = cells
        self.asked: list[dict[str, Any]] = []
        self.verdicts = list(verdicts)

    def __call__(self, request: Request) -> Response:
        body = request.get_json()
        self.asked.append(body)
        if "tools" in body:
            turn = sum(message["role"] == "assistant" for message in body["messages"])
            block = {"type": "tool_use", "id": f"c{turn}", "name": "run_python"}
            return self.said({**block, "input": {"code": self.cells[turn]}}, "tool_use")
        keys = body["output_config"]["format"]["schema"]["properties"]
        comes = [{"row": 3, "what": "name, by the client, in row 3"}]
        empty = {"outside": comes, "findings": [], "addressed_to_reviewer": []}
        answer = self.verdicts.pop(0) if "verdict" in keys else empty
        return self.said({"type": "text", "text": json.dumps(answer)}, "end_turn")

    @staticmethod
    def said(block: dict[str, Any], stop: str) -> Response:
        reply = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [block],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": 2_000},
        }
        return Response(json.dumps(reply), content_type="application/json")

    def texts(self, part: str) -> list[str]:
        """Return the requests whose system prompt has the words."""
        return [
            json.dumps(body["messages"])
            for body in self.asked
            if part in json.dumps(body["system"])
        ]


def verdict(word: str, **more: Any) -> dict[str, Any]:
    return {
        "verdict": word,
        "reason": "none",
        "path": "",
        "row": 0,
        "quote": "",
        "argument": "x",
        "addressed_to_reviewer": False,
        **more,
    }


@pytest.fixture
def changed(git_repo: GitRepo) -> GitRepo:
    git_repo.commit(**{"app/store.py": STORE, "app/views.py": VIEWS})
    git_repo.git("checkout", "-q", "-b", "topic")
    git_repo.commit("Let clients choose\n\nThe name was checked.", **{"app/views.py": CHANGED})
    return git_repo


def audited(
    repo: GitRepo,
    server: HTTPServer,
    reader: Reader,
    *,
    whole: bool = False,
    usd: float | None = None,
) -> Verdict:
    server.expect_request("/v1/messages").respond_with_handler(reader)
    kind, ref = ("all", None) if whole else ("diff", "main")
    request = config.ScopeRequest(kind, ref, (), str(repo.path))
    flags = config.Flags(scope=request, select=("security",))
    settings = config.settings(flags, repo.path)
    limits = replace(settings.budget, usd=usd or settings.budget.usd)
    settings = replace(settings, models=replace(settings.models, mode="on"), budget=limits)
    return gate.run(settings, provider=ClaudeProvider("key", server.url_for("").rstrip("/")))


def test_a_value_followed_across_files_reaches_the_code_flows(
    changed: GitRepo, httpserver: HTTPServer
) -> None:
    reader = Reader([verdict("confirmed")])
    judged = audited(changed, httpserver, reader)
    (found,) = [one for one in judged.findings if one.rule_id == "security/path-traversal"]
    assert [(step.path, step.start) for step in found.flow] == [
        ("app/views.py", 5),
        ("app/store.py", 7),
    ]
    (run,) = json.loads(reports.load("sarif").render(judged))["runs"]
    (result,) = [one for one in run["results"] if one["ruleId"] == "security/path-traversal"]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    places = [step["location"]["physicalLocation"] for step in steps]
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "app/views.py",
        "app/store.py",
    ]


def test_the_message_reaches_every_reader_as_a_claim_between_fences(
    changed: GitRepo, httpserver: HTTPServer
) -> None:
    reader = Reader([verdict("confirmed")])
    audited(changed, httpserver, reader)
    for part in ("You review code", "second reader"):
        shown = reader.texts(part)
        assert shown
        assert all("what its author says of the change" in text for text in shown)
        assert all("The name was checked." in text for text in shown)


def test_what_the_readers_say_comes_in_leads_the_root(
    changed: GitRepo, httpserver: HTTPServer
) -> None:
    reader = Reader([verdict("confirmed")])
    audited(changed, httpserver, reader)
    *_, last = reader.texts("You audit")
    assert "[['app/views.py', 5, 'name, by the client, in line 5']]" in last


def test_the_root_hears_how_many_lines_were_removed(
    git_repo: GitRepo, httpserver: HTTPServer
) -> None:
    guarded = CHANGED.replace("(request):\n", "(request):\n    check(request)\n    log(request)\n")
    git_repo.commit(**{"app/store.py": STORE, "app/views.py": guarded})
    git_repo.git("checkout", "-q", "-b", "topic")
    git_repo.commit("Simplify", **{"app/views.py": CHANGED})
    gone = guarded.count("\n") - CHANGED.count("\n")
    reader = Reader(cells=("print(diff)", "done('looked')"))
    audited(git_repo, httpserver, reader)
    assert gone > 1
    assert (
        f", and what the {gone} removed lines leave behind. 0 findings"
        in reader.texts("You audit")[0]
    )


def test_a_whole_audit_starts_from_the_ways_in(git_repo: GitRepo, httpserver: HTTPServer) -> None:
    git_repo.commit(
        **{"app.py": "@app.route('/x')\ndef show(request):\n    return open(request.args['n'])\n"}
    )
    cells = ("print(entries, bool(diff), read('app.py', 1, 3))", "done('looked')")
    reader = Reader([verdict("confirmed")] * 9, cells)
    audited(git_repo, httpserver, reader, whole=True)
    *_, last = reader.texts("You audit")
    assert "[['app.py', 1, \\\"@app.route('/x')\\\"]] False" in last


def test_the_loop_leaves_money_for_second_readings(
    changed: GitRepo, httpserver: HTTPServer
) -> None:
    opens = "from flask import request\n\n\ndef show():\n    return open(request.args['n'])\n"
    changed.commit(**{"app/opens.py": opens})
    cells = ("print(diff, budget()['usd'] < 0.85)", "done('looked')")
    reader = Reader([verdict("confirmed")] * 9, cells)
    judged = audited(changed, httpserver, reader)
    (one,) = judged.findings
    assert one.verification is Verification.CONFIRMED
    *_, last = reader.texts("You audit")
    assert " True" in last
    assert judged.usage.usd is not None
    assert judged.usage.usd < 0.15
