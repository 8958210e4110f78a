"""History by GitPython: messages, churn, and its failures as ours."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import GitRepo

from rlm_gate import history
from rlm_gate.errors import GitError
from rlm_gate.history import Commit, churn, commits
from rlm_gate.repo import GitMissing


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """Three commits on main and one merged from a branch."""
    git_repo.commit("Begin", **{"a.py": "1\n", "b.py": "1\n"})
    git_repo.git("switch", "-q", "-c", "topic")
    git_repo.commit("Change b\n\nBecause of c.\n\nAnd d.\n", **{"b.py": "2\n"})
    git_repo.git("switch", "-q", "main")
    git_repo.commit("Change a", **{"a.py": "2\n"})
    git_repo.git("merge", "-q", "--no-ff", "-m", "Merge topic", "topic")
    git_repo.commit("Add ü", **{"sub/new\nline ü.py": "1\n", "a.py": "3\n"})
    return git_repo


def test_the_commits_of_a_diff_are_told_newest_first(repo: GitRepo) -> None:
    first = repo.git("rev-list", "--max-parents=0", "HEAD").strip()
    told = commits(str(repo.path), first, "HEAD")
    assert {commit.subject for commit in told} == {"Add ü", "Change a", "Change b"}
    assert told[0] == Commit(repo.git("rev-parse", "HEAD").strip(), "A U Thor", "Add ü", "")
    (explained,) = (commit for commit in told if commit.body)
    assert explained.body == "Because of c.\n\nAnd d."


def test_without_a_base_all_commits_are_told_up_to_the_limit(repo: GitRepo) -> None:
    assert len(commits(str(repo.path), None, "HEAD")) == 4
    assert [commit.subject for commit in commits(str(repo.path), None, "HEAD", limit=1)] == [
        "Add ü"
    ]
    assert commits(str(repo.path), "HEAD", "HEAD") == ()


def test_churn_counts_the_commits_that_touch_a_path(repo: GitRepo) -> None:
    counted = churn(str(repo.path), "HEAD")
    assert counted == {"a.py": 3, "b.py": 2, "sub/new\nline ü.py": 1}
    assert list(counted) == ["a.py", "b.py", "sub/new\nline ü.py"]
    assert churn(str(repo.path), "HEAD", limit=1) == {"a.py": 1, "sub/new\nline ü.py": 1}


def test_churn_keeps_names_that_are_not_utf_8(git_repo: GitRepo) -> None:
    git_repo.commit(**{"bad\udcff.py": "1\n"})
    assert churn(str(git_repo.path), "HEAD") == {"bad\udcff.py": 1}


def test_a_bare_repository_has_a_history(repo: GitRepo, tmp_path: Path) -> None:
    repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    assert len(commits(str(tmp_path / "bare.git"), None, "main")) == 4
    assert churn(str(tmp_path / "bare.git"), "main")["a.py"] == 3


def test_a_hooks_variables_do_not_lead_elsewhere(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = GitRepo(tmp_path / "other")
    other.path.mkdir()
    other.git("init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    assert len(commits(str(repo.path), None, "main")) == 4


@pytest.mark.parametrize("head", ["nowhere", "-x", "--output=x", "0" * 40])
def test_an_unknown_commit_is_our_error(repo: GitRepo, head: str) -> None:
    with pytest.raises(GitError, match="GitPython"):
        commits(str(repo.path), None, head)
    with pytest.raises(GitError, match="GitPython"):
        churn(str(repo.path), head)


def test_a_folder_without_a_repository_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="GitPython"):
        commits(str(tmp_path), None, "HEAD")


def test_a_sha256_repository_is_our_error_with_the_reason(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "sha256")
    repo.path.mkdir()
    repo.git("init", "-q", "--object-format=sha256")
    repo.commit(**{"a.py": "1\n"})
    with pytest.raises(GitError, match="GitPython can't read"):
        commits(str(repo.path), None, "HEAD")


def test_configured_programs_are_not_run(repo: GitRepo, tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    spy.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    spy.chmod(stat.S_IRWXU)
    for key in ("gpg.program", "core.pager", "diff.external", "core.fsmonitor"):
        repo.git("config", key, str(spy))
    repo.git("config", "log.showSignature", "true")
    repo.git("config", "diff.orderFile", "nowhere")
    assert churn(str(repo.path), "HEAD")["a.py"] == 3
    assert len(commits(str(repo.path), None, "HEAD")) == 4
    assert not (tmp_path / "ran").exists()


def test_a_git_that_hangs_is_ended(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = tmp_path / "git"
    slow = 'case "$*" in *log*) exec sleep 30;; esac'
    spy.write_text(f'#!/bin/sh\n{slow}\nexec {shutil.which("git")} "$@"\n')
    spy.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(history, "_TIMEOUT", 0.2)
    with pytest.raises(GitError, match="imeout"):
        churn(str(repo.path), "HEAD")


def test_git_that_is_not_installed_is_named(repo: GitRepo, tmp_path: Path) -> None:
    code = (
        "from rlm_gate.history import commits\nfrom rlm_gate.repo import GitMissing\n"
        f"try:\n    commits({str(repo.path)!r}, None, 'HEAD')\n"
        "except GitMissing as error:\n    print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == GitMissing.__name__, done.stderr


def test_no_process_is_left_behind(repo: GitRepo) -> None:
    commits(str(repo.path), None, "HEAD")
    churn(str(repo.path), "HEAD")
    listing = ["ps", "-ww", "-o", "args=", "--ppid", f"{os.getpid()}"]
    running = subprocess.run(listing, check=False, capture_output=True, text=True).stdout
    assert "cat-file" not in running


def test_gitpython_is_imported_only_when_asked() -> None:
    code = "import sys, rlm_gate.history, rlm_gate.corpus; print('git' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
