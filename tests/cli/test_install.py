"""git's own hooks, written by ``rlm-gate install`` and run by real commits and pushes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import GitRepo

from rlm_gate.cli import install

Cli = Callable[..., Any]
BAD = (
    "import subprocess\n\n\ndef run(request):\n"
    "    return subprocess.call(request.GET['c'], shell=True)\n"
)


@pytest.fixture
def run(cli: Cli) -> Cli:
    """Call ``rlm-gate install`` in the repository."""
    return lambda *arguments: cli("install", *arguments, rules=None)


def attempt(repo: GitRepo, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["git", *arguments], cwd=repo.path, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_commit_and_every_ref_of_a_push_are_judged(git_repo: GitRepo, run: Cli) -> None:
    git_repo.commit("first", **{"kept.py": "A = 1\n"})
    remote = git_repo.path.with_name("remote.git")
    git_repo.git("init", "-q", "--bare", str(remote))
    git_repo.git("remote", "add", "origin", str(remote))
    git_repo.git("push", "-q", "origin", "main")
    assert run().code == 0

    git_repo.write("bad.py", BAD)
    git_repo.git("add", "-A")
    code, said = attempt(git_repo, "commit", "-m", "bad")
    assert code == 1
    assert "bad.py:5:12 high security/shell-injection" in said

    git_repo.git("commit", "-q", "--no-verify", "-m", "past the hook")
    git_repo.git("branch", "feature")
    git_repo.git("reset", "-q", "--hard", "HEAD~1")
    git_repo.git("branch", "calm")
    code, said = attempt(git_repo, "push", "origin", "calm", "feature")
    assert code == 1
    assert "rlm-gate: refs/heads/calm" in said
    assert "bad.py:5:12 high security/shell-injection" in said
    assert attempt(git_repo, "push", "origin", "calm")[0] == 0


def test_installing_twice_changes_nothing(git_repo: GitRepo, run: Cli) -> None:
    first = run()
    hooks = git_repo.path / ".git" / "hooks"
    before = {name: (hooks / name).read_bytes() for name in install.HOOKS}

    second = run()

    assert first.out.count(": written") == len(install.HOOKS)
    assert second.out.count(": is there already") == len(install.HOOKS)
    assert {name: (hooks / name).read_bytes() for name in install.HOOKS} == before
    assert all(os.access(hooks / name, os.X_OK) for name in install.HOOKS)


def test_a_foreign_hook_stays_unless_it_is_forced_and_comes_back(
    git_repo: GitRepo, run: Cli
) -> None:
    theirs = git_repo.write(".git/hooks/pre-push", "#!/bin/sh\nexit 0\n")

    refused = run()
    assert refused.code == 2
    assert "pre-push: not written by rlm-gate" in refused.err
    assert not (git_repo.path / ".git/hooks/pre-commit").exists()

    assert "kept as pre-push.before-rlm-gate" in run("--force").out
    assert install.MARK in theirs.read_text()
    assert "is back" in run("--uninstall").out
    assert theirs.read_text() == "#!/bin/sh\nexit 0\n"
    assert not (git_repo.path / ".git/hooks/pre-commit").exists()


def test_uninstall_leaves_others_alone(git_repo: GitRepo, run: Cli) -> None:
    theirs = git_repo.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n")

    done = run("--uninstall")

    assert done.code == 0
    assert "not ours, left alone" in done.out
    assert "is not there" in done.out
    assert theirs.exists()


def test_the_configured_folder_of_the_repository_is_used(git_repo: GitRepo, run: Cli) -> None:
    git_repo.git("config", "core.hooksPath", ".githooks")

    run("--hook", "pre-commit")

    assert [path.name for path in (git_repo.path / ".githooks").iterdir()] == ["pre-commit"]


def test_a_folder_that_all_repositories_share_is_not_touched(
    git_repo: GitRepo, run: Cli, tmp_path: Path
) -> None:
    git_repo.git("config", "core.hooksPath", str(tmp_path / "shared"))

    done = run()

    assert done.code == 2
    assert "core.hooksPath is" in done.err
    assert not (tmp_path / "shared").exists()


def test_a_work_tree_of_a_repository_shares_its_hooks(
    git_repo: GitRepo, run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit("first", **{"kept.py": "A = 1\n"})
    git_repo.git("worktree", "add", "-q", "../second")
    monkeypatch.chdir(git_repo.path.with_name("second"))

    assert run().code == 0
    assert (git_repo.path / ".git" / "hooks" / "pre-push").exists()


def test_outside_a_repository_there_is_nothing_to_install(
    run: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    done = run()

    assert done.code == 2
    assert "git init" in done.err


def test_a_hook_whose_gate_is_gone_stops_the_commit_and_says_why(
    git_repo: GitRepo, run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--hook", "pre-commit")
    hook = git_repo.path / ".git/hooks/pre-commit"
    hook.write_text(hook.read_text().replace("python=", "python=/gone"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    code, said = attempt(git_repo, "commit", "--allow-empty", "-m", "x")

    assert code == 1
    assert "rlm-gate is gone" in said


def test_in_a_bare_repository_work_trees_are_judged_and_it_says_what_is_not(
    git_repo: GitRepo, run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit("first", **{"kept.py": "A = 1\n"})
    bare, linked = (git_repo.path.with_name(name) for name in ("bare.git", "linked"))
    git_repo.git("clone", "-q", "--bare", ".", str(bare))
    monkeypatch.chdir(bare)

    assert "Nothing judges what is pushed to it" in run().out
    assert "Nothing judges" not in run("--uninstall").out
    run()
    git_repo.git("--git-dir", str(bare), "worktree", "add", "-q", str(linked))
    (linked / "bad.py").write_text(BAD)
    repo = GitRepo(linked)
    repo.git("add", "-A")
    assert attempt(repo, "commit", "-m", "bad")[0] == 1
