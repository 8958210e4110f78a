"""What goes wrong says so shortly, with the remedy that helps: found by a stranger's first hour."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from conftest import GitRepo

from rlm_gate.cli import main

Cli = Callable[..., Any]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["check", "--nope"], "unrecognized arguments: --nope\nSee 'rlm-gate check --help'.\n"),
        (["check", "--deadline=x"], "argument --deadline: 'x' is not a number\nSee 'rlm-gate che"),
        (["rules", "show"], "arguments are required: RULE\nSee 'rlm-gate rules show --help'.\n"),
        (["nope"], "argument COMMAND: invalid choice: 'nope'"),
        (["chek"], "'rules'); did you mean 'check'?\nSee 'rlm-gate --help'.\n"),
        (["rules", "tset"], "'schema'); did you mean 'test'?\n"),
        (["check", "--fail-on=hihg"], "'never'); did you mean 'high'?\n"),
        (["check", "--ofline"], "unrecognized arguments: --ofline; did you mean '--offline'?\n"),
    ],
)
def test_a_wrong_command_line_is_told_without_the_whole_usage(
    given: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert why in said
    assert said.startswith("rlm-gate: ")
    assert "usage:" not in said
    assert said.count("\n") == 2


def test_help_still_shows_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", "--help"])
    assert ended.value.code == 0
    assert "usage: rlm-gate check" in capsys.readouterr().out


@pytest.mark.parametrize("given", [[""], ["a.py", ""], ["--all", ""], ["--staged", ""]])
def test_an_empty_path_does_not_mean_everything(
    given: list[str], git_repo: GitRepo, cli: Cli
) -> None:
    git_repo.commit(**{"a.py": "x = 1\n"})
    done = cli("check", "--offline", *given)
    assert done.code == 2
    assert "a path is empty" in done.err


def test_mistakes_of_all_files_are_told_in_one_pass(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit(**{"a.py": "x = 1\n"})
    git_repo.write(
        ".rlm-gate.yaml",
        "models: {root: sonet}\noverrides:\n  - paths: [a]\n    ignore: [words/forbiden]\n",
    )
    git_repo.write(".rlm-gate/suppressions.yaml", "suppressions:\n  - {rule: words/x, pth: a}\n")
    done = cli("check", "--all", "--offline")
    assert done.code == 2
    assert "no model is called 'sonet'" in done.err
    assert "no loaded pack has 'words/forbiden'; did you mean 'words/forbidden'?" in done.err
    assert "unknown key 'pth'; did you mean 'path'?" in done.err
    assert done.err.endswith(
        "the keys are listed in docs/config.md.\n"
        "Correct the lines above; docs/policy.md has the keys of this file.\n"
    )


def test_a_wrong_extends_is_told_beside_other_mistakes(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.write(".rlm-gate.yaml", "fail_on: hgh\nextends: nowhere.yaml\n")
    done = cli("check", "--all", "--offline")
    assert done.code == 2
    assert ".rlm-gate.yaml:1:10: fail_on: 'hgh' is not one of" in done.err
    assert ".rlm-gate.yaml:2:1: nowhere.yaml: no such file" in done.err


def test_a_mistake_in_the_file_form_names_its_own_page(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.write(".rlm-gate/suppressions.yaml", "suppressions:\n  - {rule: words/x, pth: a}\n")
    done = cli("check", "--all", "--offline")
    assert done.code == 2
    assert "docs/policy.md" in done.err
    assert "docs/config.md" not in done.err


def test_a_broken_baseline_names_its_own_page(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.write(".rlm-gate/baseline.json", "{}")
    done = cli("check", "--all", "--offline")
    assert done.code == 2
    assert "docs/policy.md" in done.err
    assert "docs/config.md" not in done.err


def test_an_entry_without_a_reason_is_told_in_the_words_of_its_file(
    git_repo: GitRepo, cli: Cli
) -> None:
    git_repo.commit(**{"a.py": "FORBIDDEN = 1\n"})
    entry = "suppressions:\n  - {rule: words/forbidden, path: a.py}\n"
    git_repo.write(".rlm-gate/suppressions.yaml", entry)
    assert "add one: reason: why this is acceptable here" in cli("check", "--all", "--offline").out
    git_repo.write(".rlm-gate.yaml", "suppressions: {max_days: 9}\n")
    git_repo.write(".rlm-gate/suppressions.yaml", entry.replace("a.py}", "a.py, reason: ok}"))
    assert "at most 9 days: until: 20" in cli("check", "--all", "--offline").out


@pytest.mark.parametrize("span", ["nope", "main..nope", "nope..main", "main...nope"])
def test_an_unknown_range_is_a_mistake_of_usage(span: str, git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit(**{"a.py": "x = 1\n"})
    done = cli("assess", "--range", span, "--offline", rules=None)
    assert done.code == 2
    assert "nope: no such commit" in done.err
    assert "git command above" not in done.err


def test_asking_offline_names_every_step_to_an_answer(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.write("a.txt", "x\n")
    done = cli("ask", "What?", "a.txt", "--offline", rules=None)
    assert done.code == 3
    assert "leave out --offline (or models: off) and set ANTHROPIC" in done.out
    done = cli("ask", "What?", "a.txt", rules=None)
    assert "a question needs a model: set ANTHROPIC" in done.out


def test_explain_says_how_to_get_a_run(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.write("a.py", "x\n")
    done = cli("explain", "a.py:1", rules=None)
    assert done.code == 2
    assert "Run 'rlm-gate check' here first, or name a JSON report: --report F." in done.err


def test_explain_takes_the_place_of_a_finding(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit(**{"a.py": "x = 1\nFORBIDDEN = 1\nFORBIDDEN = FORBIDDEN\n"})
    report = git_repo.path / "r.json"
    cli("check", "--all", "--offline", f"--output=json={report}")
    print_once = json.loads(report.read_text())["findings"][0]["fingerprint"]
    done = cli("explain", "./a.py:2", f"--report={report}", rules=None)
    assert done.code == 0
    assert print_once[:16] in done.out
    far = cli("explain", "a.py:1", f"--report={report}", rules=None)
    assert far.code == 2
    assert f"a.py:1: no finding of that run; there are:\n  {print_once[:16]}" in far.err
    held = json.loads(report.read_text())
    held["findings"].append({**held["findings"][0], "fingerprint": "0" * 64})
    report.write_text(json.dumps(held))
    both = cli("explain", "a.py:2", f"--report={report}", rules=None)
    assert (both.code, "several findings; name one by its fingerprint" in both.err) == (2, True)


def test_an_empty_log_is_called_empty(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.write("empty.log", "\n")
    done = cli("checkpoint", "empty.log", "--offline", rules=None)
    assert done.code == 3
    assert "the log is empty" in done.out
    assert "of 0 lines" not in done.out


def test_an_assessment_without_any_score_is_not_ok(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.write("w1.output", "Nothing to see.\n")
    done = cli("assess", "w1.output", "--offline", rules=None)
    assert done.code == 3
    assert "nothing here has a score" in done.out
    assert "no criteria were given (--criteria FILE)" in done.out


def test_a_dimension_without_criteria_says_why_it_has_no_score(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit(**{"a.py": "x = 1\n"})
    done = cli("assess", "--range=HEAD", "--offline", rules=None)
    assert done.code == 0, done.out
    assert "completeness has no score: no criteria were given" in done.out


def test_a_terminal_shows_no_escapes_of_markdown(
    git_repo: GitRepo, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.write("a.txt", "x\n")
    piped = cli("ask", "What?", "a.txt", rules=None)
    assert r"ANTHROPIC\_API\_KEY" in piped.out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = cli("ask", "What?", "a.txt", rules=None)
    assert "ANTHROPIC_API_KEY" in shown.out
