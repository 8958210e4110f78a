"""An interrupt before anything was judged: reports are written, and say that nothing was."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import pytest
from cli.conftest import Cli
from conftest import GitRepo

from rlm_gate import sources
from rlm_gate.cli import Terminated
from rlm_gate.repo import Repo


def stop(error: BaseException) -> Any:
    def stopped(*_arguments: object, **_named: object) -> NoReturn:
        raise error

    return stopped


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param((KeyboardInterrupt(), 130, "interrupted"), id="SIGINT"),
        pytest.param((Terminated("terminated"), 143, "terminated"), id="SIGTERM"),
    ],
)
@pytest.mark.parametrize(
    "during",
    [
        pytest.param((Repo, "work_tree"), id="while files are listed"),
        pytest.param((sources.Source, "read"), id="while files are read"),
    ],
)
def test_a_run_that_had_not_read_its_files_says_that_none_was_examined(
    git_repo: GitRepo,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    during: tuple[type, str],
    sent: tuple[BaseException, int, str],
) -> None:
    error, code, word = sent
    report = git_repo.path / ".git" / "report.json"
    git_repo.write("a.txt", "FORBIDDEN\n")
    git_repo.commit()
    monkeypatch.setattr(*during, stop(error))
    done = cli("check", "--all", "--offline", "--output", f"json={report}")
    assert done.code == code
    assert f"{word} while files and rules were read; no file was examined" in done.out
    assert f"nothing: {word} before a file was judged" in done.out
    assert "no rule was read" in done.out
    written = json.loads(report.read_text())
    assert written["status"] == "inconclusive"
    assert written["interrupted"] == word


def test_an_interrupt_before_or_after_the_run_is_not_silent(
    git_repo: GitRepo, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.write("a.txt", "peace\n")
    git_repo.commit()
    monkeypatch.setattr(Repo, "open", stop(KeyboardInterrupt()))
    done = cli("check", "--all", "--offline")
    assert done.code == 130
    assert "interrupted before the work was done" in done.err
