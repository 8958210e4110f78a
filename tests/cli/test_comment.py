"""The comment on a pull request, over real HTTP to a GitHub of our own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import GitRepo
from githubs import BOT, GitHub
from runners import Runner
from samples import AUDITED, FAILED, PASSED

from rlm_gate.cli import _api, _comment
from rlm_gate.reports._comment import MARKER

Cli = Callable[..., Any]


@pytest.fixture
def where(api: GitHub, tmp_path: Path) -> _comment.Pull:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "f" * 40}}}))
    found = _comment.pull(
        {
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_TOKEN": "t0ken",
            "GITHUB_API_URL": f"{api.address}/",
        }
    )
    assert found
    return found


def test_there_is_one_comment_and_it_is_kept_up_to_date(api: GitHub, where: _comment.Pull) -> None:
    assert "has a comment now" in _comment.keep(FAILED, where)
    assert "still holds" in _comment.keep(FAILED, where)
    assert "was updated" in _comment.keep(PASSED, where)
    (only,) = api.comments
    assert "rlm-gate: pass" in only["body"]
    assert "4 findings resolved" in only["body"]
    assert api.asked.count("POST /repos/owner/name/issues/7/comments") == 1
    assert api.tokens == {"Bearer t0ken"}


def test_a_comment_of_somebody_else_is_left_alone_though_it_has_our_mark(
    api: GitHub, where: _comment.Pull
) -> None:
    api.comments.append({"id": 1, "user": {"login": "mallory"}, "body": f"{MARKER}\npass"})
    _comment.keep(FAILED, where)
    assert [one["user"]["login"] for one in api.comments] == ["mallory", BOT]
    assert api.comments[0]["body"] == f"{MARKER}\npass"


def test_ours_is_found_behind_hundreds_of_others(api: GitHub, where: _comment.Pull) -> None:
    api.comments.extend({"id": n, "user": {"login": "a"}, "body": "hm"} for n in range(250))
    _comment.keep(FAILED, where)
    _comment.keep(PASSED, where)
    assert len(api.comments) == 251


def test_a_safe_fix_is_suggested_once(api: GitHub, where: _comment.Pull) -> None:
    assert _comment.suggest(AUDITED, where) == "1 of 1 safe fixes were newly suggested"
    assert _comment.suggest(AUDITED, where) == "0 of 1 safe fixes were newly suggested"
    (review,) = api.reviews
    (note,) = review["comments"]
    assert (note["path"], note["line"], note["side"]) == ("app/db.py", 12, "RIGHT")
    assert "```suggestion\n\tcur.execute(" in note["body"]
    assert review["commit_id"] == "f" * 40
    assert review["event"] == "COMMENT"


def test_a_fix_with_a_fence_in_it_does_not_end_the_suggestion(
    api: GitHub, where: _comment.Pull
) -> None:
    finding = AUDITED.findings[1]
    assert finding.fix
    fenced = replace(finding, fix=replace(finding.fix, text="x = '''\n````\nrm -rf\n'''"))
    hidden = replace(finding, fix=replace(finding.fix, text="x = 1  # \u202e"), fingerprint="0")
    _comment.suggest(replace(AUDITED, findings=(fenced, hidden)), where)
    ((note,),) = [review["comments"] for review in api.reviews]
    assert note["body"].count("`````") == 2


def test_a_refusal_is_told_with_the_remedy(api: GitHub, where: _comment.Pull) -> None:
    api.refuse = 403
    with pytest.raises(_api.ApiError, match="HTTP 403") as told:
        _comment.keep(FAILED, where)
    assert "pull-requests: write" in told.value.remedy
    assert "t0ken" not in str(told.value)


def test_a_redirection_is_not_followed_with_the_token(api: GitHub, where: _comment.Pull) -> None:
    api.refuse = 307
    with pytest.raises(_api.ApiError, match="HTTP 307"):
        _comment.keep(FAILED, where)


@pytest.mark.parametrize("refuse", [0, 403])
def test_ci_comments_when_asked_and_its_exit_code_is_the_verdicts(
    refuse: int,
    api: GitHub,
    github: Runner,
    cli: Cli,
    git_repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = git_repo.commit("base", **{"a.txt": "peace\n"})
    head = git_repo.commit("change", **{"a.txt": "FORBIDDEN\n"})
    pull = {"number": 7, "head": {"sha": head}, "base": {"sha": base}}
    github.event("pull_request", pull_request=pull)
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    monkeypatch.setenv("GITHUB_TOKEN", "t0ken")
    monkeypatch.setenv("GITHUB_API_URL", api.address)
    api.refuse = refuse

    done = cli("ci", "--offline", "--comment", "--suggest")

    assert done.code == 1
    assert len(api.comments) == (0 if refuse else 1)
    assert ("HTTP 403" in done.err) == bool(refuse)
    assert "t0ken" not in done.out + done.err


def test_without_a_token_ci_says_so_and_goes_on(
    github: Runner, cli: Cli, git_repo: GitRepo
) -> None:
    git_repo.commit("base", **{"a.txt": "peace\n"})
    github.event("schedule")
    done = cli("ci", "--offline", "--comment")
    assert done.code == 0
    assert "no comment: no pull request, or no GITHUB_TOKEN" in done.err


def test_check_adds_itself_to_the_history_and_draws_the_trend(
    cli: Cli, git_repo: GitRepo, tmp_path: Path
) -> None:
    head = git_repo.commit("base", **{"a.txt": "FORBIDDEN\n"})
    history, page = tmp_path / "history.jsonl", tmp_path / "r.html"
    for _ in range(2):
        told = ("check", "--all", "--offline", f"--history={history}", f"--output=html={page}")
        assert cli(*told).code == 1
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    assert [line["commit"] for line in lines] == [head, head]
    assert lines[0]["findings"]["high"] == 1
    assert "Findings by run and severity" in page.read_text()
    history.write_text("nonsense\n")
    assert cli("check", "--all", "--offline", f"--history={history}").code == 2
