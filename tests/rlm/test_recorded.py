"""Changes, with what a reader answered to a whole check, replayed over loopback.

The projects were written for this; the danger stands in a file that the change does not touch, or
in what it removes. The answers are hand-made (recorded/*.hand.json): a reader who saw nothing but
the requests typed them; those of ``shelf`` were typed by whoever wrote it.
They are found again by rule and path, so that better words in a prompt keep them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import GitRepo
from loopback import messages

from rlm_gate.cli import main

RECORDED = Path(__file__).parent / "recorded"


class Reader:
    """Answers blocks and claims as the reader did; an unknown claim is unclear."""

    def __init__(self, held: dict[str, Any]) -> None:
        self.held = held
        self.unknown: list[str] = []

    def __call__(self, request: dict[str, Any]) -> str:
        content = request["messages"][0]["content"]
        text = content if isinstance(content, str) else "\n".join(one["text"] for one in content)
        block = re.search(r"^# Block to judge: (\S+)", text, re.MULTILINE)
        return json.dumps(self._block(block[1], text) if block else self._claim(text))

    def _block(self, path: str, text: str) -> dict[str, Any]:
        asked = set(re.findall(r"^## (\w+/[\w-]+)", text, re.MULTILINE))
        answers = [one["answer"] for one in self.held["map"] if one["path"] == path]
        found = [one for answer in answers for one in answer["findings"] if one["rule"] in asked]
        outside = [one for answer in answers[:1] for one in answer["outside"]]
        return {"outside": outside, "findings": found, "addressed_to_reviewer": []}

    def _claim(self, text: str) -> dict[str, Any]:
        for one in self.held["verify"]:
            if f"# Rule {one['rule']}\n" in text and one["evidence"] in text:
                return dict(one["answer"])
        self.unknown.append(text)
        empty = {"reason": "none", "path": "", "row": 0, "quote": "", "argument": "not recorded"}
        return {"verdict": "unclear", **empty, "addressed_to_reviewer": False}


@pytest.mark.parametrize(
    ("name", "code", "blocking"),
    [
        ("exports", 1, [("security/path-traversal", "web.py", 35)]),
        ("invites", 1, [("security/token-not-verified", "accounts.py", 20)]),
        ("shelf", 1, [("security/missing-authorization", "shelf/service.go", 56)]),
        ("signin", 0, []),
    ],
)
def test_what_a_reader_answered_still_gives_its_verdict(
    name: str,
    code: int,
    blocking: list[tuple[str, str, int]],
    git_repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = json.loads((RECORDED / f"{name}.hand.json").read_text(encoding="utf-8"))
    assert held["hand_made"]
    git_repo.commit("start", **held["base"])
    git_repo.git("branch", "-f", "base")
    git_repo.commit(held["commit"], **held["head"])
    reader = Reader(held)
    report = git_repo.path.parent / "report.json"
    monkeypatch.chdir(git_repo.path)
    with messages(reader, held["root"]) as served:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", served.url)
        assert main(["check", "--diff", "base", f"--output=json={report}"]) == code
    verdict = json.loads(report.read_bytes())
    blocks = {
        (one["rule"], one["path"], one["start_line"])
        for one in verdict["findings"]
        if one["blocking"]
    }
    assert blocks >= set(blocking)
    assert bool(blocks) == bool(blocking)
    assert verdict["audit"]["refused"] == 0  # each quote stands where the reader said
    assert not reader.unknown
