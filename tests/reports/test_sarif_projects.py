"""SARIF of a repository with sub-projects: a run for each, from real configurations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import GitRepo

from rlm_gate.cli import main

RULE = """\
title: A planted {word}
severity: {severity}
precision: high
languages: [any]
detect: [{{engine: regex, pattern: '{word}'}}]
message: Take it out.
help: {{why: The test says so., fix: Take it out.}}
tests: {{bad: ["{word}"], good: ["peace"]}}
"""
Judge = Callable[..., dict[str, Any]]


@pytest.fixture
def judge(
    git_repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Judge:
    """Commit files beside two rules, judge them, and return the runs by their categories."""
    monkeypatch.chdir(git_repo.path)

    def call(format_: str = "sarif", **files: str) -> dict[str, Any]:
        rules = {
            f".rlm-gate/rules/own/{word.lower()}.yaml": RULE.format(word=word, severity=severity)
            for word, severity in (("HARD", "high"), ("MILD", "low"))
        }
        git_repo.commit(
            **{".rlm-gate.yaml": "packs: [own]\nexclude: [.rlm-gate/]\n"} | rules | files
        )
        main(["check", "--all", "--offline", f"--format={format_}"])
        runs = json.loads(capfdbinary.readouterr().out)["runs"]
        found = {run["automationDetails"]["id"]: run for run in runs}
        assert len(found) == len(runs), "two runs of one category close each other's alerts"
        return found

    return call


def places(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Return rule and path of each result, the rule looked up by its index in the run's driver."""
    rules = run["tool"]["driver"]["rules"]
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
    return [
        (one["ruleId"], one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for one in run["results"]
    ]


def test_every_result_stands_in_the_run_of_its_nearest_sub_project(judge: Judge) -> None:
    runs = judge(
        **{
            "web/.rlm-gate.yaml": "fail_on: low\n",
            "web/shop/.rlm-gate.yaml": "fail_on: never\n",
            "api/.rlm-gate.yaml": "",
            "a.txt": "HARD 1\n",
            "web/a.txt": "HARD 2\n",
            "web/shop/a.txt": "HARD 3\nMILD 4\n",
            "webshop/a.txt": "HARD 5\n",
        }
    )

    assert {name: places(run) for name, run in runs.items()} == {
        "rlm-gate/": [("own/hard", "a.txt"), ("own/hard", "webshop/a.txt")],
        "rlm-gate/web/": [("own/hard", "web/a.txt")],
        "rlm-gate/web/shop/": [("own/hard", "web/shop/a.txt"), ("own/mild", "web/shop/a.txt")],
        "rlm-gate/api/": [],  # there, so that uploading it closes what was open
    }


def test_the_threshold_of_a_sub_project_says_what_blocks_there(judge: Judge) -> None:
    runs = judge(
        **{
            "web/.rlm-gate.yaml": "fail_on: low\n",
            "lax/.rlm-gate.yaml": "fail_on: never\n",
            "a.txt": "MILD 1\n",
            "web/a.txt": "MILD 2\n",
            "lax/a.txt": "HARD 3\n",
        }
    )

    blocking = {
        name: [one["properties"]["blocking"] for one in run["results"]]
        for name, run in runs.items()
    }
    assert blocking == {"rlm-gate/": [False], "rlm-gate/web/": [True], "rlm-gate/lax/": [False]}


def test_what_a_sub_project_ignores_or_leaves_out_is_in_no_run(judge: Judge) -> None:
    ignoring = "exclude: [gen/]\noverrides: [{paths: ['*'], ignore: [own/mild]}]\n"
    runs = judge(
        **{
            "web/.rlm-gate.yaml": ignoring,
            "web/gen/a.txt": "HARD\n",
            "web/a.txt": "MILD\n",
            "gen/a.txt": "MILD\n",
        }
    )

    assert {name: places(run) for name, run in runs.items()} == {
        "rlm-gate/": [("own/mild", "gen/a.txt")],
        "rlm-gate/web/": [],
    }


def test_one_cause_in_two_sub_projects_is_a_result_in_each(judge: Judge) -> None:
    same = "HARD the same\n"
    runs = judge(
        **{
            "web/.rlm-gate.yaml": "",
            "api/.rlm-gate.yaml": "",
            **{f"web/{number}.txt": same for number in range(5)},
            **{f"api/{number}.txt": same for number in range(6)},
        }
    )

    assert places(runs["rlm-gate/web/"]) == [("own/hard", "web/0.txt")]
    assert places(runs["rlm-gate/api/"]) == [("own/hard", "api/0.txt")]
    assert [
        runs[f"rlm-gate/{name}/"]["results"][0]["occurrenceCount"] for name in ("web", "api")
    ] == [5, 6]


def test_beyond_the_most_runs_no_result_is_lost(judge: Judge) -> None:
    runs = judge(
        **{
            name: text
            for number in range(24)
            for name, text in (
                (f"p{number:02}/.rlm-gate.yaml", ""),
                (f"p{number:02}/a.txt", f"HARD {number}\n"),
            )
        }
    )

    assert len(runs) == 20
    assert [path for _, path in places(runs["rlm-gate/"])] == [
        f"p{number}/a.txt" for number in range(19, 24)
    ]
    assert sum(len(run["results"]) for run in runs.values()) == 24


def test_in_full_what_is_accepted_stands_in_its_own_sub_projects_run(judge: Judge) -> None:
    entry = "suppressions:\n  - {rule: own/hard, path: web/a.txt, reason: known}\n"
    files = {
        "web/.rlm-gate.yaml": "",
        ".rlm-gate/suppressions.yaml": entry,
        "web/a.txt": "HARD 1\n",
        "a.txt": "HARD 2\n",
    }

    full = judge("sarif-full", **files)
    (accepted,) = full["rlm-gate/web/"]["results"]
    assert accepted["suppressions"][0]["justification"] == "known"
    assert [path for _, path in places(full["rlm-gate/"])] == ["a.txt"]

    assert judge("sarif", **files)["rlm-gate/web/"]["results"] == []
