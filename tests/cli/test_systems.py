"""GitLab CI and Jenkins: what their variables say is judged, with the base's policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from conftest import GitRepo

ZEROS = "0" * 40
MERGE_REQUEST = {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event"}
PUSH = {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_DEFAULT_BRANCH": "main"}
JENKINS = {"JENKINS_URL": "http://jenkins.example/"}
Cli = Callable[..., Any]


@pytest.fixture
def commits(git_repo: GitRepo) -> dict[str, str]:
    """A branch with a bad file, of a main branch with another."""
    base = git_repo.commit("base", **{"old.txt": "FORBIDDEN\n"})
    git_repo.git("update-ref", "refs/remotes/origin/main", base)
    git_repo.git("switch", "-q", "-c", "feature")
    return {"base": base, "head": git_repo.commit("feature", **{"new.txt": "FORBIDDEN\n"})}


@pytest.fixture
def ci(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call ``rlm-gate ci`` with these variables ; return the files with findings, or the error."""

    def call(variables: Mapping[str, str], *arguments: str) -> Any:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        done = cli("ci", "--offline", *arguments)
        if done.code == 2:
            return done.err
        return re.findall(r"^(\w+\.txt):\d+", done.out, re.MULTILINE)

    return call


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        pytest.param(
            {**MERGE_REQUEST, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "base"},
            ["new.txt"],
            id="merge request",
        ),
        pytest.param(
            {
                **MERGE_REQUEST,
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": "1" * 40,
                "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "base",
            },
            ["new.txt"],
            id="merged result",
        ),
        pytest.param({**PUSH, "CI_COMMIT_BEFORE_SHA": "base"}, ["new.txt"], id="push"),
        pytest.param(
            {**PUSH, "CI_COMMIT_BEFORE_SHA": ZEROS, "CI_COMMIT_BRANCH": "feature"},
            ["new.txt"],
            id="new branch",
        ),
        pytest.param(
            {**PUSH, "CI_COMMIT_BEFORE_SHA": ZEROS, "CI_COMMIT_BRANCH": "main"},
            ["new.txt", "old.txt"],
            id="first push of the default branch",
        ),
        pytest.param({**PUSH, "CI_COMMIT_TAG": "v1"}, ["new.txt", "old.txt"], id="tag"),
        pytest.param(
            {**PUSH, "CI_PIPELINE_SOURCE": "schedule"}, ["new.txt", "old.txt"], id="schedule"
        ),
        pytest.param({**JENKINS, "CHANGE_TARGET": "main"}, ["new.txt"], id="Jenkins: change"),
        pytest.param({**JENKINS, "GIT_PREVIOUS_COMMIT": "base"}, ["new.txt"], id="Jenkins: branch"),
        pytest.param(
            {**JENKINS, "GIT_PREVIOUS_SUCCESSFUL_COMMIT": "base", "GIT_PREVIOUS_COMMIT": "head"},
            ["new.txt"],
            id="Jenkins: after a failure",
        ),
        pytest.param(
            {**JENKINS, "BRANCH_IS_PRIMARY": "true"}, ["new.txt", "old.txt"], id="Jenkins: first"
        ),
        pytest.param({**JENKINS, "TAG_NAME": "v1"}, ["new.txt", "old.txt"], id="Jenkins: tag"),
    ],
)
def test_what_is_judged(
    variables: Mapping[str, str], found: list[str], commits: dict[str, str], ci: Cli
) -> None:
    assert ci({name: commits.get(value, value) for name, value in variables.items()}) == found


@pytest.mark.usefixtures("commits")
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param(
            {**MERGE_REQUEST, "CI_MERGE_REQUEST_DIFF_BASE_SHA": "1" * 40},
            "GIT_DEPTH: 0",
            id="not fetched",
        ),
        pytest.param(MERGE_REQUEST, "is set", id="no base"),
        pytest.param(
            {**PUSH, "CI_PIPELINE_SOURCE": "parent_pipeline"}, "about no commits", id="child"
        ),
        pytest.param({**JENKINS, "CHANGE_TARGET": "gone"}, "origin/gone is not", id="no target"),
        pytest.param(JENKINS, "GIT_PREVIOUS_COMMIT is set", id="nothing said"),
        pytest.param({}, "this CI says nothing", id="another system"),
    ],
)
def test_what_can_not_be_told_is_an_error(variables: Mapping[str, str], said: str, ci: Cli) -> None:
    assert said in ci(variables)


def test_a_flag_outranks_what_the_system_says(commits: dict[str, str], ci: Cli) -> None:
    variables = {**PUSH, "CI_COMMIT_BEFORE_SHA": commits["base"]}

    assert ci(variables, "--all") == ["new.txt", "old.txt"]


@pytest.mark.parametrize(
    ("labels", "found"), [("one,two", ["old.txt"]), ("one,rlm-gate/accepted", [])]
)
def test_a_label_of_the_merge_request_lets_new_suppressions_count(
    labels: str, found: list[str], git_repo: GitRepo, ci: Cli
) -> None:
    base = git_repo.commit("base", **{"old.txt": "peace\n"})
    git_repo.commit(
        "feature",
        **{
            "old.txt": "FORBIDDEN\n",
            ".rlm-gate/suppressions.yaml": "suppressions:\n"
            "  - rule: words/forbidden\n    path: old.txt\n    reason: The test says so.\n",
        },
    )
    variables = {**MERGE_REQUEST, "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}

    assert ci({**variables, "CI_MERGE_REQUEST_LABELS": labels}) == found


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(
            {
                **MERGE_REQUEST,
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": "base",
                "CI_MERGE_REQUEST_PROJECT_PATH": "us/it",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "them/it",
            },
            id="GitLab CI",
        ),
        pytest.param({**JENKINS, "CHANGE_TARGET": "main", "CHANGE_FORK": "them"}, id="Jenkins"),
    ],
)
def test_a_fork_without_a_key_is_judged_by_detectors_where_that_is_wanted(
    variables: Mapping[str, str],
    commits: dict[str, str],
    cli: Cli,
    asking_pack: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, commits.get(value, value))

    assert cli("ci", rules=asking_pack).code in {1, 3}
    assert cli("ci", "--fork-policy=offline", rules=asking_pack).out.startswith(
        "No language model was called"
    )
