"""The one issue about the default branch, over real HTTP to a GitHub of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from conftest import GitRepo
from githubs import BOT, GitHub
from runners import Runner
from samples import AUDITED, FAILED, HOSTILE, MANY, PASSED

from rlm_gate.cli import _issue
from rlm_gate.cli._api import Api, ApiError
from rlm_gate.core import Verdict
from rlm_gate.reports._issue import MARKER, MAX_CHARS

Cli = Callable[..., Any]


def whole(verdict: Verdict) -> Verdict:
    return replace(verdict, scope=replace(verdict.scope, kind="all"))


# Nothing was left out: every rule was asked about every line.
CLEAN = replace(
    PASSED,
    audit=replace(PASSED.audit, not_evaluated=()),
    coverage=replace(PASSED.coverage, gaps=()),
)


@pytest.fixture
def where(api: GitHub) -> Api:
    return Api(api.address, "owner/name", "t0ken")


def test_it_is_opened_updated_closed_and_opened_again(api: GitHub, where: Api) -> None:
    assert _issue.keep(whole(CLEAN), where) == "no issue: there is nothing to tell"
    assert _issue.keep(whole(FAILED), where) == "issue #10 was opened"
    assert _issue.keep(whole(FAILED), where) == "issue #10 still holds"
    fewer = replace(FAILED, findings=FAILED.findings[:1])
    assert _issue.keep(whole(fewer), where) == "issue #10 was updated"
    assert "resolved</summary>" in api.issues[0]["body"]
    assert _issue.keep(whole(CLEAN), where) == "issue #10 was closed: nothing is left"
    assert api.issues[0]["state"] == "closed"
    assert _issue.keep(whole(FAILED), where) == "issue #10 was opened again"
    assert api.issues[0]["state"] == "open"
    assert len(api.issues) == 1
    assert api.issues[0]["labels"] == ["rlm-gate"]


def test_a_cause_in_two_files_is_one_line_and_a_moved_file_keeps_it(
    api: GitHub, where: Api
) -> None:
    finding = FAILED.findings[0]
    copy = replace(finding, span=replace(finding.span, path="zz/copy.py"))
    _issue.keep(whole(replace(FAILED, findings=(finding, copy))), where)
    assert api.issues[0]["body"].count("- [ ]") == 1
    assert "1 root cause open" in api.issues[0]["body"]
    assert "more place" in api.issues[0]["body"]

    moved = replace(finding, span=replace(finding.span, path="new/place.py"))
    _issue.keep(whole(replace(FAILED, findings=(moved,))), where)
    assert "resolved</summary>" not in api.issues[0]["body"]


def test_what_a_run_did_not_judge_is_not_called_resolved(api: GitHub, where: Api) -> None:
    _issue.keep(whole(FAILED), where)
    open_before = api.issues[0]["body"].count("- [ ]")

    _issue.keep(whole(replace(CLEAN, interrupted="interrupted")), where)
    assert api.issues[0]["body"].count("not judged in the last run") == open_before
    assert api.issues[0]["state"] == "open"

    rules = tuple({one.rule_id for one in FAILED.findings})
    unasked = replace(CLEAN, audit=replace(PASSED.audit, not_evaluated=rules))
    _issue.keep(whole(unasked), where)
    assert api.issues[0]["state"] == "open"

    _issue.keep(whole(CLEAN), where)
    assert api.issues[0]["state"] == "closed"


def test_one_that_people_do_not_want_stays_closed(api: GitHub, where: Api) -> None:
    _issue.keep(whole(FAILED), where)
    api.issues[0].update(state="closed", state_reason="not_planned")

    assert "not planned, and stays" in _issue.keep(whole(FAILED), where)
    assert api.issues[0]["state"] == "closed"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"user": {"login": "mallory"}}, id="somebody else's"),
        pytest.param({"pull_request": {}}, id="a pull request"),
        pytest.param({"body": "no marker"}, id="another text"),
    ],
)
def test_only_our_own_issue_is_touched(other: dict[str, Any], api: GitHub, where: Api) -> None:
    theirs = {"number": 3, "state": "open", "body": MARKER, "user": {"login": BOT}, **other}
    api.issues.append(dict(theirs))

    _issue.keep(whole(FAILED), where)

    assert api.issues[0] == theirs
    assert len(api.issues) == 2


@pytest.mark.parametrize("verdict", [MANY, HOSTILE, AUDITED], ids=["many", "hostile", "audited"])
def test_its_body_is_accepted_and_holds_no_markup_of_others(
    verdict: Verdict, api: GitHub, where: Api
) -> None:
    _issue.keep(whole(verdict), where)
    _issue.keep(whole(CLEAN), where)
    _issue.keep(whole(verdict), where)

    body = api.issues[0]["body"]
    assert len(body) < MAX_CHARS
    assert "<script" not in body
    assert body.count("<!-- rlm-gate:") == 2


def test_a_run_about_a_change_tells_nothing_about_the_branch(api: GitHub, where: Api) -> None:
    with pytest.raises(ApiError, match="judged a change"):
        _issue.keep(replace(FAILED, scope=replace(FAILED.scope, kind="diff")), where)

    assert not api.issues


@pytest.mark.parametrize(
    ("refuse", "told"), [(0, "issue #10 was opened"), (403, "'issues: write' for the issue")]
)
def test_ci_keeps_it_when_asked(
    refuse: int,
    told: str,
    api: GitHub,
    github: Runner,
    cli: Cli,
    git_repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    git_repo.commit("first", **{"old.txt": "FORBIDDEN\n"})
    github.event("schedule")
    api.refuse = refuse
    monkeypatch.setenv("GITHUB_API_URL", api.address)
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    monkeypatch.setenv("GITHUB_TOKEN", "t0ken")

    done = cli("ci", "--offline", "--issue")

    assert done.code == 1
    assert told in done.err
