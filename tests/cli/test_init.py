"""``rlm-gate init``: what it shows, what it writes, and what it leaves alone."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import GitRepo

from rlm_gate.cli import init

ROOT = Path(__file__).parents[2]
OURS = ROOT / ".github" / "workflows"
ACTION = "--action=owner/rlm-gate@v0"
BAD = (
    "import subprocess\n\n\ndef run(request):\n"
    "    return subprocess.call(request.GET['c'], shell=True)\n"
)
Cli = Callable[..., Any]


@pytest.fixture
def run(cli: Cli) -> Cli:
    return lambda *arguments: cli("init", *arguments, rules=None)


def files(repo: GitRepo) -> set[str]:
    found = (path for path in repo.path.rglob("*") if path.is_file() and ".git/" not in str(path))
    return {str(path.relative_to(repo.path)) for path in found}


WRITTEN = {
    ".rlm-gate.yaml",
    ".github/workflows/rlm-gate.yml",
    ".github/workflows/rlm-gate-nightly.yml",
}


def test_an_empty_repository_gets_all_and_the_gate_then_passes(
    git_repo: GitRepo, run: Cli, cli: Cli
) -> None:
    done = run("--yes", ACTION)

    assert done.code == 0
    assert files(git_repo) == WRITTEN
    assert (git_repo.path / ".git/hooks/pre-push").exists()
    assert "gh secret set ANTHROPIC_API_KEY" in done.out
    git_repo.git("add", "-A")
    git_repo.git("commit", "-q", "-m", "set up")  # through the new hook
    assert cli("check", "--all", "--offline", rules=None).code == 0


def test_a_dry_run_shows_all_and_writes_nothing(git_repo: GitRepo, run: Cli) -> None:
    git_repo.commit("first", **{"bad.py": BAD})

    done = run("--dry-run", ACTION, "--baseline")

    assert done.code == 0
    assert "bad.py:5 high security/shell-injection" in done.out
    assert ".rlm-gate.yaml: would be written:\n  | #" in done.out
    assert "  |       - uses: owner/rlm-gate@v0\n" in done.out
    assert files(git_repo) == {"bad.py"}
    assert not (git_repo.path / ".git/hooks/pre-push").exists()


def test_the_second_time_changes_nothing(git_repo: GitRepo, run: Cli) -> None:
    run("--yes", ACTION)
    before = {name: (git_repo.path / name).read_bytes() for name in WRITTEN}
    (git_repo.path / ".rlm-gate.yaml").write_text("version: 1\nfail_on: low\n")

    done = run("--yes", ACTION)

    assert done.code == 0
    assert done.out.count("is there already, and stays as it is") == len(WRITTEN)
    assert (git_repo.path / ".rlm-gate.yaml").read_text() == "version: 1\nfail_on: low\n"
    for name in WRITTEN - {".rlm-gate.yaml"}:
        assert (git_repo.path / name).read_bytes() == before[name]


def test_the_findings_of_today_can_be_accepted(git_repo: GitRepo, run: Cli, cli: Cli) -> None:
    git_repo.commit("first", **{"bad.py": BAD})

    assert "rlm-gate baseline create --offline" in run("--yes").out
    assert cli("check", "--all", "--offline", rules=None).code == 1
    assert run("--yes", "--baseline").code == 0
    assert cli("check", "--all", "--offline", rules=None).code == 0


def test_another_hook_stays(git_repo: GitRepo, run: Cli) -> None:
    theirs = git_repo.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n")

    done = run("--yes")

    assert done.code == 0
    assert "pre-commit: another hook is there, and stays" in done.out
    assert theirs.read_text() == "#!/bin/sh\nexit 0\n"
    assert (git_repo.path / ".git/hooks/pre-push").exists()


def test_without_a_terminal_it_writes_only_when_told(git_repo: GitRepo, run: Cli) -> None:
    done = run()

    assert done.code == 2
    assert "--yes" in done.err
    assert files(git_repo) == set()


@pytest.mark.parametrize(("answer", "code"), [("n", set()), ("y", {".rlm-gate.yaml"})])
def test_on_a_terminal_it_asks(
    answer: str, code: set[str], git_repo: GitRepo, run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))

    assert run("--no-hooks").code == 0
    assert files(git_repo) == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--action=x y",), "OWNER/rlm-gate@COMMIT", id="no action"),
        pytest.param(("--repo=..",), "git init", id="no repository"),
    ],
)
@pytest.mark.usefixtures("git_repo")
def test_what_can_not_be_set_up_is_an_error(
    arguments: tuple[str, ...], said: str, run: Cli
) -> None:
    done = run("--yes", *arguments)

    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize("name", ["rlm-gate.yml", "rlm-gate-nightly.yml"])
def test_this_repository_runs_the_workflows_that_it_writes(name: str, tmp_path: Path) -> None:
    [step] = [step for step in init.plan(tmp_path, "./", "main") if step.path.endswith(f"/{name}")]

    assert (OURS / name).read_text(encoding="utf-8") == step.text, "copy it from init.plan"


@pytest.mark.parametrize("path", sorted(OURS.glob("*.yml")), ids=lambda path: path.name)
def test_what_workflows_hand_to_the_action_are_inputs_of_it(path: Path) -> None:
    known = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"] if "./" in step["uses"]]

    assert steps
    assert all(set(step["with"]) <= set(known) for step in steps)


def test_a_reader_who_goes_away_keeps_nothing_from_being_written(git_repo: GitRepo) -> None:
    git_repo.commit("first", **{"bad.py": BAD})
    reader, writer = os.pipe()
    os.close(reader)

    command = (sys.executable, "-m", "rlm_gate", "init", "--yes", "--baseline", ACTION)
    done = subprocess.run(
        command, cwd=git_repo.path, check=False, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")
    assert files(git_repo) == {*WRITTEN, "bad.py", ".rlm-gate/baseline.json"}
    assert (git_repo.path / ".git/hooks/pre-push").exists()
