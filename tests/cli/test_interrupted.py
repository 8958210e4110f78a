"""An interrupt before anything was judged: reports are written, and say that nothing was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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


def test_a_closed_terminal_ends_it_as_a_signal_does_and_reports_are_written(
    git_repo: GitRepo, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_up(*_arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    report = git_repo.path / ".git" / "report.json"
    git_repo.commit(**{"a.txt": "FORBIDDEN\n"})
    monkeypatch.setattr(Repo, "work_tree", hang_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        done = cli("check", "--all", "--offline", "--output", f"json={report}")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert done.code == 143
    assert json.loads(report.read_text())["interrupted"] == "terminated"


def test_what_is_to_outlive_its_terminal_does(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        monkeypatch.setattr(Repo, "open", stop(KeyboardInterrupt()))
        cli("check")
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


_EARLY = """
import os, signal, sys
class Stop:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, {handler})
sys.meta_path.insert(0, Stop())
sys.argv = ["rlm-gate", "--version"]
from rlm_gate.__main__ import command
sys.exit(command())
"""


@pytest.mark.parametrize("module", ["rlm_gate.cli", "argparse", "rlm_gate.errors"])
def test_an_interrupt_while_modules_are_read_is_no_traceback(module: str) -> None:
    script = _EARLY.format(module=module, handler="signal.default_int_handler")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (130, b"")
    assert done.stderr == b"rlm-gate: interrupted before the work was done; run again\n"


def test_an_interrupt_that_is_to_be_ignored_is() -> None:
    script = _EARLY.format(module="rlm_gate.cli", handler="signal.SIG_IGN")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_before_or_after_the_run_is_not_silent(
    git_repo: GitRepo, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.write("a.txt", "peace\n")
    git_repo.commit()
    monkeypatch.setattr(Repo, "open", stop(KeyboardInterrupt()))
    done = cli("check", "--all", "--offline")
    assert done.code == 130
    assert "interrupted before the work was done" in done.err
