"""A run with models is told call by call, and repeated on the same input alone."""

from __future__ import annotations

import json

import pytest
from conftest import GitRepo
from injection.obedient import APP, Obedient

from rlm_gate.cli import main

ACCEPTED = "version: 1\nsuppressions:\n  - {rule: code/code, path: app.py, reason: old code}\n"


@pytest.fixture
def judged(repo: GitRepo, model: Obedient, capsys: pytest.CaptureFixture[str]) -> GitRepo:
    """A repository with one finding, which neither a second nor a third reader could refute."""
    model.proof = "no line of this code"
    repo.write("app.py", APP.format(inside="pass"))
    out = repo.path.parent / "left/report.json"
    assert main(["check", "--rules=packs/code", "--rules=packs/ask", f"--output=json={out}"]) == 1
    assert len(model.bodies) == 3
    capsys.readouterr()
    return repo


def test_the_story_names_the_calls_with_model_tokens_and_cost(
    judged: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    report = judged.path.parent / "left/report.json"
    (journal,) = (judged.path.parent / "left/cache/journals").glob("*.jsonl")
    (found,) = json.loads(report.read_bytes())["findings"]
    named = [f"--report={report}", f"--journal={journal}", "--format=json"]
    assert main(["explain", found["fingerprint"][:12], *named]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["model"] for one in told["calls"]} == {"claude-sonnet-5-5"}
    assert {one["input_tokens"] for one in told["calls"]} == {10}
    assert all(one["usd"] > 0 and one["cached"] is False for one in told["calls"])
    assert told["finding"]["verification"] == "unclear"
    assert told["why"].startswith("it blocks")


def test_a_replay_after_the_accepted_findings_changed_is_a_mismatch(
    judged: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    (journal,) = (judged.path.parent / "left/cache/journals").glob("*.jsonl")
    assert main(["replay", str(journal)]) == 1
    judged.write(".rlm-gate/suppressions.yaml", ACCEPTED)
    capsys.readouterr()
    assert main(["replay", str(journal)]) == 3
    assert "judged other files, rules or settings" in capsys.readouterr().err
