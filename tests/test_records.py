"""Cache, journal, replay and resume, through the whole gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import GitRepo

from rlm_gate import config, gate, reports
from rlm_gate.cli import main
from rlm_gate.core import Status, Verdict
from rlm_gate.errors import ProviderError
from rlm_gate.providers import ModelRequest
from rlm_gate.providers.scripted import Answer, ScriptedProvider, code
from rlm_gate.rlm.journal import ReplayMismatch

RULE = """\
title: A command a caller chooses
severity: high
precision: high
languages: [python]
ask: {{over: {over}, question: Can a caller choose the command?}}
message: Pass a list.
help: {{why: It runs what it gets., fix: Pass a list.}}
tests:
  bad: ["os.system(command)"]
  good: ["print(1)"]
"""
BAD = "import os\n\n\ndef run(command):\n    os.system(command)\n"
CELLS = [
    "hits = grep(r'os\\.system')\nhits = [hits[-1]] if hits else []\nprint(len(files), budget())",
    "a = 'no'\na = llm_query('is it bad?', hits[0]) if hits else a\nprint(a, budget())",
    "done(a)",
]


@pytest.fixture
def project(git_repo: GitRepo) -> GitRepo:
    for name, over in (("ask", "chunk"), ("loop", "corpus")):
        git_repo.write(f".rlm-gate/rules/own/{name}.yaml", RULE.format(over=over))
    for number in range(6):
        git_repo.write(f"app{number}.py", BAD.replace("run", f"run{number}"))
    git_repo.commit()
    return git_repo


def reply(request: ModelRequest) -> Answer:
    if request.schema is None:
        return "yes"
    finding = {"rule": "own/ask", "row": 5, "quote": "os.system(command)", "explanation": "x"}
    return json.dumps({"findings": [finding], "addressed_to_reviewer": []})


def root(request: ModelRequest) -> Answer:
    turn = sum(message.role == "assistant" for message in request.messages)
    return code(CELLS[turn], request)


def settings(repo: GitRepo, **changes: object) -> config.Settings:
    flags = config.Flags(
        scope=config.ScopeRequest("all", repo=str(repo.path)),
        rules=(str(repo.path / ".rlm-gate/rules"),),
    )
    made = config.settings(flags, repo.path)
    invocation = {"directory": str(repo.path), "flags": {}}
    return replace(made, models=replace(made.models, mode="on"), invocation=invocation, **changes)  # type: ignore[arg-type]  # the changes name fields of Settings


def judged(repo: GitRepo, provider: ScriptedProvider, **changes: object) -> tuple[Verdict, str]:
    remarks: list[str] = []
    verdict = gate.run(settings(repo, **changes), provider=provider, tell=remarks.append)
    return verdict, "\n".join(remarks)


def rendered(verdict: Verdict) -> dict[str, bytes]:
    return {name: reports.load(name).render(verdict) for name in reports.names()}


def journals(repo: GitRepo) -> list[Path]:
    return sorted(settings(repo).cache_dir.glob("journals/*.jsonl"))


def test_an_unchanged_run_makes_no_call_and_reports_the_same_bytes(project: GitRepo) -> None:
    first, _ = judged(project, ScriptedProvider(reply, root=root))
    silent = ScriptedProvider()
    again, remarks = judged(project, silent)
    assert silent.requests == []
    assert rendered(again) == rendered(first)
    assert again.usage.calls > 0
    assert "this run paid $0.0000 for 0 calls and 0 turns" in remarks


def test_no_cache_asks_again(project: GitRepo) -> None:
    judged(project, ScriptedProvider(reply, root=root))
    provider = ScriptedProvider(reply, root=root)
    judged(project, provider, no_cache=True)
    assert provider.requests


def test_only_what_changed_is_asked_again(project: GitRepo) -> None:
    judged(project, ScriptedProvider(reply, root=root))
    project.write("app3.py", "\n" + BAD.replace("run", "other"))
    provider = ScriptedProvider(reply, root=root)
    judged(project, provider)
    mapped = [request for request in provider.requests if request.schema]
    assert len(mapped) == 1
    assert "app3.py" in mapped[0].messages[0].text


def test_a_cache_that_was_tampered_with_is_not_believed(project: GitRepo) -> None:
    judged(project, ScriptedProvider(reply, root=root))
    database = settings(project).cache_dir / "replies.sqlite3"
    database.write_bytes(b"not a database at all" * 99)
    provider = ScriptedProvider(reply, root=root)
    verdict, remarks = judged(project, provider)
    assert verdict.status is Status.PASS
    assert len([request for request in provider.requests if request.schema]) == 6
    assert "replies.sqlite3" in remarks


def test_resume_repeats_no_call_whose_reply_was_journaled(project: GitRepo) -> None:
    whole, _ = judged(project, ScriptedProvider(reply, root=root), no_cache=True)
    for path in journals(project):
        path.unlink()
    asked = 0

    def dies(request: ModelRequest) -> Answer:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise KeyboardInterrupt
        return reply(request)

    broken, _ = judged(project, ScriptedProvider(dies, root=dies), no_cache=True)
    assert broken.interrupted
    provider = ScriptedProvider(reply, root=root)
    resumed, remarks = judged(project, provider, no_cache=True, resume=True)
    assert "resuming: " in remarks
    assert rendered(resumed) == rendered(whole)
    assert len([request for request in provider.requests if request.schema]) < 6


def test_replay_needs_no_provider_and_gives_the_same_bytes(
    project: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = judged(project, ScriptedProvider(reply, root=root))
    (path,) = journals(project)
    monkeypatch.setattr("rlm_gate.rlm.callers.named", _forbidden)
    again, _ = judged(project, ScriptedProvider(), replay=path)
    assert rendered(again) == rendered(first)


def test_a_root_whose_money_ended_is_replayed_to_the_same_bytes(project: GitRepo) -> None:
    def spends(request: ModelRequest) -> Answer:
        return code("print('x' * 9000, budget())", request)

    limit = replace(settings(project).budget, usd=0.3, max_turns=40)
    first, _ = judged(project, ScriptedProvider(reply, root=spends), budget=limit)
    assert "budget (usd)" in {gap.reason for gap in first.coverage.gaps}
    (path,) = journals(project)
    again, _ = judged(project, ScriptedProvider(), replay=path, budget=limit)
    assert rendered(again) == rendered(first)


def _forbidden(_name: str) -> None:
    raise AssertionError("a replay opened a provider")


def test_replay_is_loud_about_files_that_changed(project: GitRepo) -> None:
    judged(project, ScriptedProvider(reply, root=root))
    (path,) = journals(project)
    project.write("app0.py", BAD.replace("run", "changed"))
    with pytest.raises(ReplayMismatch):
        judged(project, ScriptedProvider(), replay=path)


def test_replay_is_loud_where_no_model_would_be_asked(project: GitRepo) -> None:
    judged(project, ScriptedProvider(reply, root=root))
    (path,) = journals(project)
    for number in range(6):
        (project.path / f"app{number}.py").unlink()
    with pytest.raises(ReplayMismatch):
        judged(project, ScriptedProvider(), replay=path)


def test_replay_repeats_failures_too(project: GitRepo) -> None:
    def fails(_request: ModelRequest) -> Answer:
        return ProviderError("refusal", "no")

    first, _ = judged(project, ScriptedProvider(fails, root=root))
    (path,) = journals(project)
    again, _ = judged(project, ScriptedProvider(), replay=path)
    assert first.status is Status.INCONCLUSIVE
    assert rendered(again) == rendered(first)


def test_the_replay_command_starts_the_recorded_check(
    project: GitRepo, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    provider = ScriptedProvider(reply, root=root, name="anthropic")
    monkeypatch.setattr("rlm_gate.rlm.callers.named", lambda _name: provider)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
    monkeypatch.chdir(project.path)
    arguments = ["--rules", ".rlm-gate/rules", "--all", "--format", "json"]
    first_code = main(["check", *arguments])
    first = capfd.readouterr().out
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.chdir("/")
    provider.requests.clear()
    (path,) = journals(project)
    assert main(["replay", str(path), "--format", "json"]) == first_code
    assert capfd.readouterr().out == first
    assert provider.requests == []


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Retries wait for nothing in these tests."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    return lambda _seconds: None


def test_an_edited_baseline_does_not_cost_the_replies_of_the_run_that_is_resumed(
    project: GitRepo,
) -> None:
    asked = 0

    def dies(request: ModelRequest) -> Answer:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise KeyboardInterrupt
        return reply(request)

    judged(project, ScriptedProvider(dies, root=dies), no_cache=True)
    entry = json.dumps({"fingerprint": "0" * 64, "path": "app0.py", "rule": "own/ask"})
    text = f'{{"version": 1, "findings": [\n{entry},\n{{}}]}}\n'
    project.write(".rlm-gate/baseline.json", text)
    project.write(
        ".rlm-gate/suppressions.yaml",
        "suppressions: [{rule: own/ask, path: app1.py, reason: known}]\n",
    )
    provider = ScriptedProvider(reply, root=root)

    resumed, remarks = judged(project, provider, no_cache=True, resume=True)

    assert "resuming: 3 replies" in remarks
    mapped = [request for request in provider.requests if request.about.startswith("map ")]
    assert len(mapped) == 3
    assert [one.finding.span.path for one in resumed.suppressed] == ["app1.py"]


def test_an_edited_threshold_does_not_cost_them_either(project: GitRepo) -> None:
    def dies(request: ModelRequest) -> Answer:
        if "app3" in request.messages[0].text:
            raise KeyboardInterrupt
        return reply(request)

    judged(project, ScriptedProvider(dies, root=dies), no_cache=True)
    provider = ScriptedProvider(reply, root=root)

    _, remarks = judged(project, provider, no_cache=True, resume=True, fail_on=None)

    assert "resuming: " in remarks
    assert "of the unfinished run are used again" in remarks


def test_what_was_replied_about_other_files_is_not_resumed(project: GitRepo) -> None:
    def dies(_request: ModelRequest) -> Answer:
        raise KeyboardInterrupt

    judged(project, ScriptedProvider(dies, root=dies), no_cache=True)
    project.write("app3.py", BAD)

    _, remarks = judged(project, ScriptedProvider(reply, root=root), no_cache=True, resume=True)

    assert "nothing to resume: no unfinished run had this input" in remarks
