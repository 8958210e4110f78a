"""The git gateway: what it finds, what it refuses, and what it never lets git run."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import GitRepo

from rlm_gate import repo as gateway
from rlm_gate.errors import GitError, UsageError
from rlm_gate.objects import NotStarted
from rlm_gate.patches import Hunk
from rlm_gate.repo import GitMissing, NoMergeBase, Repo, UntrustedRepository


def _open(path: Path) -> Repo:
    repo = Repo.open(str(path))
    assert repo
    return repo


def _script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_folder_below_the_root_finds_the_repository(git_repo: GitRepo) -> None:
    commit = git_repo.commit(**{"a.py": "x\n"})
    git_repo.write("sub/deep/b.py", "y\n")
    repo = _open(git_repo.path / "sub" / "deep")
    assert (repo.root, repo.head, repo.shallow) == (str(git_repo.path.resolve()), commit, False)


def test_a_folder_outside_any_repository_is_none(tmp_path: Path) -> None:
    assert Repo.open(str(tmp_path)) is None


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such directory"):
        Repo.open(str(tmp_path / "nowhere"))


def test_an_unborn_branch_has_no_head(git_repo: GitRepo) -> None:
    assert _open(git_repo.path).head == ""


@pytest.mark.parametrize("inside", ["", ".git"], ids=["bare", "the .git folder"])
def test_a_repository_without_a_work_tree_has_no_root(
    git_repo: GitRepo, tmp_path: Path, inside: str
) -> None:
    commit = git_repo.commit(**{"a.py": "x\n"})
    bare = tmp_path / "bare.git"
    git_repo.git("clone", "-q", "--bare", ".", str(bare))
    repo = _open(git_repo.path / inside if inside else bare)
    assert (repo.root, repo.head) == (None, commit)


def test_a_linked_work_tree_is_a_repository_of_its_own(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit(**{"a.py": "x\n"})
    git_repo.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    (tmp_path / "linked" / "a.py").write_text("y\n")
    repo = _open(tmp_path / "linked")
    assert repo.root == str((tmp_path / "linked").resolve())
    assert [change.path for change in repo.unstaged()] == ["a.py"]
    assert _open(git_repo.path).unstaged() == []


def test_sha256_repositories_work(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "sha256")
    repo.path.mkdir()
    repo.git("init", "-q", "-b", "main", "--object-format=sha256")
    repo.write("a.py", "x\n")
    repo.git("add", "-A")
    assert [change.letter for change in _open(repo.path).staged()] == ["A"]
    commit = repo.commit()
    assert len(commit) == 64
    (entry,) = _open(repo.path).tree(commit)
    content = _open(repo.path).objects().read(entry.oid)
    assert content
    assert content.data == b"x\n"


def test_git_that_is_not_installed_is_named_with_a_remedy(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(git_repo.path))
    with pytest.raises(GitMissing) as caught:
        Repo.open(str(git_repo.path))
    assert "Install git" in caught.value.remedy


def test_somebody_elses_repository_is_an_error_and_not_an_empty_scope(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UntrustedRepository, match="dubious ownership") as caught:
        Repo.open(str(git_repo.path))
    assert "safe.directory" in str(caught.value)


def test_a_broken_repository_is_an_error(git_repo: GitRepo) -> None:
    (git_repo.path / ".git" / "config").write_text("[core\n")
    with pytest.raises(GitError, match="bad config"):
        Repo.open(str(git_repo.path))


def test_a_work_tree_whose_repository_is_gone_is_an_error_and_not_a_plain_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / ".git").write_text(f"gitdir: {tmp_path}/nowhere\n")
    with pytest.raises(GitError, match="not a git repository"):
        Repo.open(str(tmp_path))


def test_a_broken_index_is_an_error_that_shows_the_command(git_repo: GitRepo) -> None:
    (git_repo.path / ".git" / "index").write_bytes(b"nonsense")
    with pytest.raises(GitError, match=r"git diff-index .*index file"):
        _open(git_repo.path).staged()


def test_a_command_that_hangs_is_ended(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    _script(tmp_path / "bin" / "git", "exec sleep 30")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(gateway, "_TIMEOUT", 0.2)
    with pytest.raises(GitError, match="no answer"):
        Repo.open(str(git_repo.path))


def test_a_diff_that_hangs_is_ended(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    real = shutil.which("git")
    _script(
        tmp_path / "bin" / "git",
        f'case "$*" in *diff-index*) exec sleep 30;; esac; exec {real} "$@"',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    repo = _open(git_repo.path)
    monkeypatch.setattr(gateway, "_TIMEOUT", 0.2)
    with pytest.raises(GitError, match="git diff-index"):
        repo.staged()


def test_an_index_of_a_partial_commit_is_the_one_that_is_read(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "x\n", "b.py": "x\n"})
    git_repo.write("a.py", "changed\n")
    git_repo.write("b.py", "changed, but not to be committed\n")
    git_repo.git("add", "b.py")
    seen = git_repo.path / ".git" / "seen"
    read = (
        "from rlm_gate.repo import Repo\n"
        f"open({str(seen)!r}, 'w').write(repr([c.path for c in Repo.open().staged()]))\n"
    )
    (git_repo.path / ".git" / "read.py").write_text(read)
    hook = f"exec '{sys.executable}' .git/read.py"
    _script(git_repo.path / ".git" / "hooks" / "pre-commit", hook)
    git_repo.git("commit", "-q", "-o", "a.py", "-m", "only a")
    assert seen.read_text() == "['a.py']"


def test_another_directory_is_not_read_through_a_hooks_variables(
    git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = GitRepo(tmp_path / "other")
    other.path.mkdir()
    other.git("init", "-q")
    commit = git_repo.commit(**{"a.py": "x\n"})
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
    assert _open(git_repo.path).head == commit
    assert _open(git_repo.path).staged() == []


def test_the_users_configuration_changes_nothing(git_repo: GitRepo) -> None:
    text = "".join(f"{n}\n" for n in range(30))
    git_repo.commit(**{"a.py": text, "b.py": text})
    for key, value in {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.renames": "false",
        "diff.external": "false",
        "diff.context": "9",
        "diff.interHunkContext": "9",
        "diff.orderFile": "nowhere",
        "diff.relative": "true",
        "diff.submodule": "log",
        "diff.wsErrorHighlight": "all",
        "color.ui": "always",
        "core.quotePath": "true",
        "core.pager": "false",
        "diff.suppressBlankEmpty": "true",
        "diff.algorithm": "patience",
    }.items():
        git_repo.git("config", key, value)
    git_repo.write("a.py", text.replace("\n3\n", "\nthree\n").replace("\n6\n", "\nsix\n"))
    git_repo.git("mv", "b.py", "ü.py")
    git_repo.git("add", "-A")
    edited, renamed = _open(git_repo.path).staged()
    assert edited.hunks == (Hunk(4, 1, b"3\n"), Hunk(7, 1, b"6\n"))
    assert (renamed.letter, renamed.path) == ("R", "ü.py")


def test_variables_that_change_a_diff_are_not_passed_on(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit(**{"a.py": "1\n2\n3\n"})
    git_repo.write("a.py", "1\ntwo\n3\n")
    monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=3")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_GLOB_PATHSPECS", "1")
    (change,) = _open(git_repo.path).unstaged()
    assert change.hunks == (Hunk(2, 1, b"2\n"),)


def test_nothing_of_the_repository_or_its_configuration_is_run(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    spy = _script(tmp_path / "spy", f"echo $0 >> {ran}; cat")
    git_repo.write(".gitattributes", "*.py diff=spy filter=spy\n")
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.write("a.py", "2\n")
    git_repo.git("add", "a.py")
    git_repo.write("a.py", "3\n")
    for key in (
        "diff.spy.textconv",
        "diff.spy.command",
        "diff.external",
        "filter.spy.clean",
        "filter.spy.smudge",
        "filter.spy.process",
        "core.fsmonitor",
        "core.pager",
    ):
        git_repo.git("config", key, spy)
    git_repo.git("config", "filter.spy.required", "true")
    for hook in ("post-index-change", "post-checkout", "fsmonitor-watchman"):
        _script(git_repo.path / ".git" / "hooks" / hook, f"echo {hook} >> {ran}")
    ran.unlink(missing_ok=True)
    repo = _open(git_repo.path)
    assert repo.unstaged()[0].hunks == (Hunk(1, 1, b"1\n"),)
    assert repo.staged()[0].hunks == (Hunk(1, 1, b"1\n"),)
    repo.work_tree()
    repo.untracked()
    repo.attributes(["a.py"], ["filter"])
    repo.attributes(["a.py"], ["filter"], commit=repo.head)
    content = repo.objects().read(f"{repo.head}:a.py")
    assert content
    assert content.data == b"1\n"
    assert not ran.exists()


def test_reading_writes_nothing(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    os.utime(git_repo.path / "a.py", (1, 1))
    before = (git_repo.path / ".git" / "index").read_bytes()
    assert [change.shown for change in _open(git_repo.path).unstaged()] == [False]
    assert (git_repo.path / ".git" / "index").read_bytes() == before


def test_the_merge_base_is_where_the_branch_began(git_repo: GitRepo) -> None:
    base = git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("switch", "-q", "-c", "topic")
    head = git_repo.commit(**{"b.py": "1\n"})
    git_repo.git("switch", "-q", "main")
    main = git_repo.commit(**{"c.py": "1\n"})
    assert _open(git_repo.path).merge_base(main, head) == base


def test_unrelated_histories_are_refused(git_repo: GitRepo) -> None:
    one = git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("switch", "-q", "--orphan", "other")
    two = git_repo.commit(**{"b.py": "1\n"})
    with pytest.raises(NoMergeBase, match="unrelated"):
        _open(git_repo.path).merge_base(one, two)


def test_a_shallow_clone_without_the_base_says_how_to_fetch_it(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("switch", "-q", "-c", "topic")
    git_repo.commit(**{"b.py": "1\n"})
    git_repo.git("switch", "-q", "main")
    git_repo.commit(**{"c.py": "1\n"})
    url = f"file://{git_repo.path}"
    shallow = str(tmp_path / "shallow")
    git_repo.git("clone", "-q", "--depth=1", "--no-single-branch", url, shallow)
    repo = _open(tmp_path / "shallow")
    head, main = (repo.objects().commit(name) for name in ("origin/topic", "origin/main"))
    with pytest.raises(NoMergeBase, match="shallow") as caught:
        repo.merge_base(main, head)
    assert "--unshallow" in caught.value.remedy
    assert caught.value.exit_code == 2


def test_attributes_are_those_of_the_side_that_is_asked(git_repo: GitRepo) -> None:
    git_repo.write(".gitattributes", "*.py kind=committed\n")
    commit = git_repo.commit(**{"a.py": "1\n"})
    git_repo.write(".gitattributes", "*.py kind=staged\n")
    git_repo.git("add", "-A")
    git_repo.write(".gitattributes", "*.py kind=disk\n")
    repo, names = _open(git_repo.path), ["a.py", "new\nline.py", "b.txt"]
    asked = {
        "disk": repo.attributes(names, ["kind"]),
        "staged": repo.attributes(names, ["kind"], cached=True),
        "committed": repo.attributes(names, ["kind"], commit=commit),
    }
    for kind, answer in asked.items():
        assert answer == {
            "a.py": {"kind": kind},
            "new\nline.py": {"kind": kind},
            "b.txt": {"kind": "unspecified"},
        }


def test_the_users_own_attributes_do_not_count(
    git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "attributes").write_text("*.py kind=mine\n")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.attributesFile")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(tmp_path / "attributes"))
    answer = _open(git_repo.path).attributes(["a.py"], ["kind"])
    assert answer == {"a.py": {"kind": "unspecified"}}


def test_listings_tell_sparse_untracked_and_nested_files_apart(git_repo: GitRepo) -> None:
    git_repo.commit(**{"kept.py": "1\n", "away/a.py": "1\n", "ignored/.gitignore": "*.log\n"})
    git_repo.git("sparse-checkout", "set", "--no-cone", "/kept.py")
    git_repo.write("new\nname.py", "1\n")
    git_repo.write("x.log", "kept\n")
    git_repo.write("nested/b.py", "1\n")
    subprocess.run(["git", "init", "-q", str(git_repo.path / "nested")], check=True)
    listed = {entry.path: entry for entry in _open(git_repo.path).work_tree()}
    assert listed["away/a.py"].oid
    assert not listed["kept.py"].oid
    assert not listed["new\nname.py"].oid
    assert listed["nested"].special == "submodule"
    assert {entry.path for entry in _open(git_repo.path).untracked()} == {
        "new\nname.py",
        "x.log",
        "nested",
    }
    assert _open(git_repo.path).unstaged() == []


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The git commands that are started, by name."""
    commands: list[str] = []
    start = subprocess.Popen.__init__

    def noting(self: subprocess.Popen[bytes], command: list[str], **options: object) -> None:
        known = ("rev-parse", "diff-index", "cat-file")
        commands.extend(word for word in known if word in command)
        start(self, command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess.Popen, "__init__", noting)
    return commands


def test_what_was_begun_is_what_is_asked_for(git_repo: GitRepo, noted: list[str]) -> None:
    git_repo.commit(**{"a.py": "x\n"})
    git_repo.write("a.py", "y\n")
    git_repo.git("add", "-A")
    noted.clear()
    gateway.begin(str(git_repo.path))
    assert noted == ["rev-parse", "diff-index", "cat-file"]
    try:
        first, again = _open(git_repo.path), _open(git_repo.path)
        assert first == again
        [change] = first.staged()
        objects = first.objects()
        content = objects.read(change.new.oid)
        objects.close()
        assert content
        assert (change.path, content.data) == ("a.py", b"y\n")
        assert len(noted) == 3

        git_repo.write("b.py", "z\n")
        git_repo.git("add", "-A")
        assert [one.path for one in again.staged()] == ["a.py", "b.py"]
        assert noted[-1] == "diff-index"
    finally:
        gateway.end()
    assert _open(git_repo.path).begun is None


def test_what_was_begun_for_one_directory_answers_for_no_other(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    git_repo.commit(**{"a.py": "x\n"})
    gateway.begin(str(git_repo.path))
    try:
        assert Repo.open(str(tmp_path)) is None
    finally:
        gateway.end()


def test_what_was_begun_and_never_asked_for_is_ended(git_repo: GitRepo) -> None:
    gateway.begin(str(git_repo.path))
    [begun] = gateway._BEGUN.values()
    processes = [begun._opening, *begun._others.values()]
    gateway.end()
    assert all(process.returncode is not None for process in processes)
    assert not gateway._BEGUN


@pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_what_was_begun_is_not_for_a_fork(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "x\n"})
    gateway.begin(str(git_repo.path))
    try:
        [begun] = gateway._BEGUN.values()
        commands = [*begun._others]
        child = os.fork()
        if not child:
            os._exit(sum(begun.taken(command) is not None for command in commands))
        _, status = os.waitpid(child, 0)
        assert status == 0
        assert commands
        assert all(begun._others[command] for command in commands)
    finally:
        gateway.end()


def test_an_unborn_branch_has_its_own_comparison(git_repo: GitRepo) -> None:
    git_repo.write("a.py", "x\n")
    git_repo.git("add", "-A")
    gateway.begin(str(git_repo.path))
    try:
        assert [one.path for one in _open(git_repo.path).staged()] == ["a.py"]
    finally:
        gateway.end()


@pytest.mark.parametrize("refused", ["process", "thread"])
def test_what_the_machine_does_not_start_is_told_with_the_remedy(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    git_repo.commit(**{"a.py": "x\n"})
    repo = _open(git_repo.path)

    def no_process(*_arguments: object, **_options: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    def no_thread(_thread: object) -> None:
        raise RuntimeError("can't start new thread")

    if refused == "process":
        monkeypatch.setattr(subprocess, "Popen", no_process)
        asked = [repo.refs, repo.staged, lambda: repo.objects().read("HEAD:a.py")]
    else:
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        asked = [repo.staged]
    for one in asked:
        with pytest.raises(NotStarted, match="could not be started") as caught:
            one()
        assert "ulimit" in caught.value.remedy
    gateway.begin(str(git_repo.path))
    gateway.end()


def test_without_git_nothing_is_begun(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    gateway.begin(str(git_repo.path))
    assert not gateway._BEGUN
    with pytest.raises(GitMissing):
        Repo.open(str(git_repo.path))
