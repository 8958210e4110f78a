from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import GitRepo
from runners import Runner

ZEROS = "0" * 40
Cli = Callable[..., Any]


@pytest.fixture
def merged(git_repo: GitRepo) -> dict[str, str]:
    """A pull request as checked out: old FORBIDDEN on main, a new one merged into it."""
    base = git_repo.commit("base", **{"old.txt": "FORBIDDEN\n"})
    git_repo.git("switch", "-q", "-c", "feature")
    head = git_repo.commit("feature", **{"new.txt": "peace\nFORBIDDEN\n"})
    git_repo.git("switch", "-q", "main")
    tip = git_repo.commit("meanwhile", **{"other.txt": "FORBIDDEN\n"})
    git_repo.git("switch", "-q", "--detach", "main")
    git_repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
    return {"base": base, "head": head, "tip": tip}


def pull_request(commits: dict[str, str]) -> dict[str, Any]:
    return {"pull_request": {"head": {"sha": commits["head"]}, "base": {"sha": commits["base"]}}}


def shallow(repo: GitRepo, depth: int, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Clone as actions/checkout does, and go there."""
    clone = repo.path.with_name(f"clone-{depth}")
    url = f"file://{repo.path}"
    repo.git("clone", "-q", f"--depth={depth}", "--no-single-branch", url, str(clone))
    monkeypatch.chdir(clone)
    return GitRepo(clone)


def findings(out: str) -> list[str]:
    return re.findall(r"^(\w+\.txt:\d+)", out, re.MULTILINE)


def test_a_pull_request_is_what_its_merge_changes(
    merged: dict[str, str], github: Runner, cli: Cli
) -> None:
    github.event("pull_request", **pull_request(merged))

    done = cli("ci", "--offline")

    assert done.code == 1
    assert findings(done.out) == ["new.txt:2"]


def test_two_commits_of_history_are_enough_for_a_pull_request(
    merged: dict[str, str],
    github: Runner,
    cli: Cli,
    git_repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    github.event("pull_request", **pull_request(merged))
    git_repo.git("branch", "-f", "pull")
    git_repo.git("switch", "-q", "pull")
    shallow(git_repo, 2, monkeypatch)

    assert findings(cli("ci", "--offline").out) == ["new.txt:2"]


def test_one_commit_of_history_is_an_error_with_the_remedy(
    merged: dict[str, str],
    github: Runner,
    cli: Cli,
    git_repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    github.event("pull_request", **pull_request(merged))
    git_repo.git("branch", "-f", "pull")
    git_repo.git("switch", "-q", "pull")
    git_repo.git("branch", "-qD", "feature")
    shallow(git_repo, 1, monkeypatch)

    done = cli("ci", "--offline")

    assert done.code == 2
    assert "is not in this clone" in done.err
    assert "fetch-depth: 2" in done.err
    assert github.outputs == {"verdict": "error"}
    assert "fetch-depth: 2" in github.summary


def test_a_pull_request_whose_head_is_checked_out_is_compared_with_its_base(
    merged: dict[str, str], github: Runner, cli: Cli, git_repo: GitRepo
) -> None:
    git_repo.git("switch", "-q", "feature")
    github.event("pull_request", **pull_request(merged))

    assert findings(cli("ci", "--offline").out) == ["new.txt:2"]


def test_pull_request_target_judges_the_head_though_the_base_is_checked_out(
    merged: dict[str, str], github: Runner, cli: Cli, git_repo: GitRepo
) -> None:
    git_repo.git("switch", "-q", "main")
    github.event("pull_request_target", **pull_request(merged))

    assert findings(cli("ci", "--offline").out) == ["new.txt:2"]


@pytest.mark.usefixtures("merged")
def test_a_push_is_what_it_adds(github: Runner, cli: Cli, git_repo: GitRepo) -> None:
    before = git_repo.git("rev-parse", "HEAD^1").strip()
    after = git_repo.git("rev-parse", "HEAD").strip()
    github.event("push", before=before, after=after, ref="refs/heads/main", forced=False)

    assert findings(cli("ci", "--offline").out) == ["new.txt:2"]


def pushed(merged: dict[str, str], before: str, **more: Any) -> dict[str, Any]:
    ref = more.pop("ref", "refs/heads/feature")
    repository = {"default_branch": "main"}
    return {"before": before, "after": merged["head"], "ref": ref, "repository": repository, **more}


@pytest.mark.parametrize(
    ("before", "forced"),
    [
        pytest.param(ZEROS, False, id="a new branch"),
        pytest.param("1" * 40, True, id="a forced push over a lost commit"),
    ],
)
def test_a_branch_without_a_past_is_compared_with_the_default_branch(
    before: str,
    forced: bool,
    merged: dict[str, str],
    github: Runner,
    cli: Cli,
    git_repo: GitRepo,
) -> None:
    git_repo.git("update-ref", "refs/remotes/origin/main", "main")
    github.event("push", **pushed(merged, before, forced=forced))

    assert findings(cli("ci", "--offline").out) == ["new.txt:2"]


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1"])
def test_a_new_default_branch_or_tag_is_judged_whole(
    ref: str, merged: dict[str, str], github: Runner, cli: Cli
) -> None:
    github.event("push", **pushed(merged, ZEROS, ref=ref))

    assert findings(cli("ci", "--offline").out) == ["new.txt:2", "old.txt:1"]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        pytest.param({"before": ZEROS}, "origin/main", id="the default branch was not fetched"),
        pytest.param({"before": "1" * 40}, "111111111111 is not in", id="an unknown base"),
        pytest.param(
            {"before": "1" * 40, "forced": True, "ref": "refs/heads/main"},
            "which the forced push replaced",
            id="a rewritten default branch",
        ),
        pytest.param({"before": ZEROS, "after": ZEROS}, "deletes a branch", id="a deletion"),
        pytest.param({"before": "--all"}, "is no commit id", id="no commit id"),
        pytest.param({"before": None}, "has no before", id="no base at all"),
    ],
)
def test_a_push_without_a_base_is_never_everything_and_never_nothing(
    event: dict[str, Any], said: str, merged: dict[str, str], github: Runner, cli: Cli
) -> None:
    github.event("push", **{**pushed(merged, ZEROS), **event})

    done = cli("ci", "--offline")

    assert done.code == 2
    assert said in done.err


def test_a_merge_group_is_what_it_would_merge(
    merged: dict[str, str], github: Runner, cli: Cli
) -> None:
    shas = {"base_sha": merged["base"], "head_sha": merged["head"]}
    github.event("merge_group", merge_group=shas)

    assert findings(cli("ci", "--offline").out) == ["new.txt:2"]


@pytest.mark.usefixtures("merged")
@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch"])
def test_an_event_about_no_change_judges_everything(name: str, github: Runner, cli: Cli) -> None:
    github.event(name)

    found = findings(cli("ci", "--offline").out)

    assert found == ["new.txt:2", "old.txt:1", "other.txt:1"]


@pytest.mark.usefixtures("merged")
def test_an_unknown_event_is_an_error(github: Runner, cli: Cli) -> None:
    github.event("issue_comment")

    done = cli("ci", "--offline")

    assert done.code == 2
    assert "input 'scope'" in done.err


@pytest.mark.usefixtures("merged")
def test_flags_and_inputs_outrank_the_event(
    github: Runner, cli: Cli, inputs: Callable[..., None]
) -> None:
    github.event("issue_comment")
    inputs(base="main")

    assert findings(cli("ci", "--offline").out) == ["new.txt:2"]
    assert len(findings(cli("ci", "--offline", "--all").out)) == 3


@pytest.mark.usefixtures("merged")
def test_outside_github_the_scope_must_be_named(cli: Cli) -> None:
    assert cli("ci", "--offline").code == 2
    assert findings(cli("ci", "--offline", "--diff", "main").out) == ["new.txt:2"]


@pytest.mark.usefixtures("merged")
def test_without_a_key_ci_is_inconclusive_and_names_both_ways_out(
    github: Runner, cli: Cli, asking_pack: Path, inputs: Callable[..., None]
) -> None:
    github.event("push")
    inputs(base="HEAD")

    assert cli("ci", rules=asking_pack).code == 0  # nothing changed, so nothing is missing

    inputs(base="main", fail_on="critical")
    assert cli("ci", "--ignore=words/forbidden", "--fail-on=high", rules=asking_pack).code == 3
    assert "`offline: true`" in github.summary
    assert "`anthropic-api-key`" in github.summary
    assert github.outputs["verdict"] == "inconclusive"


@pytest.mark.usefixtures("merged")
def test_ci_is_strict_though_the_variable_ci_is_not_set(cli: Cli, asking_pack: Path) -> None:
    done = cli("ci", "--diff=main", "--ignore=words/forbidden", rules=asking_pack)

    assert done.code == 3


def test_inputs_become_flags_and_files_become_outputs(
    merged: dict[str, str],
    github: Runner,
    cli: Cli,
    inputs: Callable[..., None],
    tmp_path: Path,
    pack: Path,
) -> None:
    github.event("pull_request", **pull_request(merged))
    sarif, junit = tmp_path / "a b.sarif", tmp_path / "j.xml"
    inputs(
        offline="true",
        fail_on="critical",
        rules=f"{pack}\n",
        sarif_file=str(sarif),
        junit_file=str(junit),
    )

    done = cli("ci", rules=None)

    assert done.code == 0
    assert json.loads(sarif.read_text())["runs"][0]["results"][0]["ruleId"] == "words/forbidden"
    assert github.outputs == {
        "verdict": "pass",
        "findings": "1",
        "blocking": "0",
        "verdict-scope": "deterministic",
        "sarif-file": str(sarif),
        "junit-file": str(junit),
    }
    assert "words/forbidden" in github.summary


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"fail_on": "hgih"}, "--fail-on", id="no such severity"),
        pytest.param({"offline": "yes"}, "'yes' is none of true, false", id="no truth value"),
        pytest.param({"max_usd": "--repo=/"}, "--max-usd", id="a flag as a value"),
        pytest.param({"scope": "all", "base": "main"}, "not allowed with", id="two scopes"),
        pytest.param({"speed": "high"}, "unknown input 'speed'", id="no such input"),
    ],
)
@pytest.mark.usefixtures("merged")
def test_a_bad_input_is_a_usage_error(
    given: dict[str, str], said: str, github: Runner, cli: Cli, inputs: Callable[..., None]
) -> None:
    github.event("schedule")
    inputs(**given)

    done = cli("ci", "--offline")

    assert done.code == 2
    assert said in done.err


@pytest.mark.usefixtures("merged")
def test_a_ref_that_looks_like_a_flag_is_no_flag(
    github: Runner, cli: Cli, inputs: Callable[..., None]
) -> None:
    github.event("push")
    inputs(base="--output=/tmp/owned")

    done = cli("ci", "--offline")

    assert done.code == 2
    assert "no such commit" in done.err
    for told in (done.out, done.err, github.summary):
        assert "See 'rlm-gate ci --help'." in told


def obeyed(out: str) -> list[str]:
    """Return the lines that the runner takes for commands, as its ActionCommandManager does."""
    commands, token = [], ""
    for line in out.splitlines():
        stop = re.match(r"\s*::stop-commands::(\w+)$", line)
        if token and line.strip() == f"::{token}::":
            token = ""
        elif not token and stop:
            token = stop[1]
        elif not token and re.match(r"\s*(::|.*##\[)", line):
            commands.append(line)
    return commands


def test_the_log_obeys_annotations_and_nothing_of_the_judged_text(
    git_repo: GitRepo, github: Runner, cli: Cli, inputs: Callable[..., None]
) -> None:
    git_repo.commit("first", **{"kept.txt": "peace\n"})
    git_repo.commit("second", **{"::error::owned.txt": "\n::error::owned FORBIDDEN\n"})
    github.event("push")
    inputs(base="HEAD~1")

    done = cli("ci", "--offline")

    assert done.code == 1
    assert len(obeyed(done.out)) == 1
    assert obeyed(done.out)[0].startswith("::error file=%3A%3Aerror%3A%3Aowned.txt,line=2")


def test_the_log_obeys_nothing_after_an_error(git_repo: GitRepo, github: Runner, cli: Cli) -> None:
    git_repo.commit("first", **{".rlm-gate.yaml": "fial_on: high\n"})
    github.event("schedule")

    done = cli("ci", "--offline")

    assert done.code == 2
    commands = obeyed(f"{done.out}\n::warning::owned by a traceback\n")
    assert len(commands) == 1
    assert commands[0].startswith("::error title=")
    assert ".rlm-gate.yaml:1:1" in github.summary


@pytest.mark.parametrize("event", ["push", "schedule"])
def test_without_a_checkout_there_is_no_green(event: str, github: Runner, cli: Cli) -> None:
    github.event(event)

    done = cli("ci", "--offline")

    assert done.code == 2
    assert "actions/checkout" in done.err


def test_a_broken_event_file_is_an_error(
    git_repo: GitRepo, github: Runner, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit("first", **{"kept.txt": "peace\n"})
    github.event("push")
    monkeypatch.setenv("GITHUB_EVENT_PATH", "/nowhere")

    done = cli("ci", "--offline")

    assert done.code == 2
    assert "GITHUB_EVENT_PATH /nowhere" in done.err
