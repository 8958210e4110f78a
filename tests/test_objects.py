"""Objects through one process: sizes, names, and processes that end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import GitRepo

from rlm_gate.errors import GitError
from rlm_gate.objects import LIMIT
from rlm_gate.repo import Repo


def _open(path: Path) -> Repo:
    repo = Repo.open(str(path))
    assert repo
    return repo


def test_objects_are_read_one_after_another_through_one_process(git_repo: GitRepo) -> None:
    commit = git_repo.commit(**{"a.py": "1\n", "empty": "", "b c.py": "\n\nno end"})
    objects = _open(git_repo.path).objects()
    read = {name: objects.read(f"{commit}:{name}") for name in ("a.py", "empty", "b c.py", "none")}
    assert {name: content.data if content else None for name, content in read.items()} == {
        "a.py": b"1\n",
        "empty": b"",
        "b c.py": b"\n\nno end",
        "none": None,
    }
    assert objects.commit("HEAD") == commit
    assert objects.commit("HEAD:a.py") == ""
    assert objects.read(commit) is None  # a commit is no file
    assert objects.read("HEAD:a\nb") is None
    objects.close()
    again = objects.read("HEAD:a.py")
    assert again
    assert again.data == b"1\n"


def test_of_a_large_object_only_the_head_is_kept(git_repo: GitRepo) -> None:
    git_repo.write("large", b"x" * (LIMIT + 1))
    git_repo.write("limit", b"y" * LIMIT)
    git_repo.commit()
    objects = _open(git_repo.path).objects()
    large, limit = objects.read("HEAD:large"), objects.read("HEAD:limit")
    assert large
    assert limit
    assert (large.size, len(large.data), large.is_whole) == (LIMIT + 1, 8000, False)
    assert (limit.is_whole, limit.data[-1:]) == (True, b"y")


@pytest.mark.parametrize("command", ["true", "read line"], ids=["before", "while"])
def test_a_process_that_ends_before_it_answers_is_an_error(git_repo: GitRepo, command: str) -> None:
    objects = _open(git_repo.path).objects()
    objects._command = ("sh", "-c", command)
    objects._started()
    process = objects._end.peek()[2][0]
    if command == "true":
        process.wait()
    with pytest.raises(GitError, match="'git cat-file' ended"):
        objects.read("HEAD:a.py")
    objects.close()
    assert process.stdin.closed


def test_half_an_object_is_an_error_and_not_a_large_file(git_repo: GitRepo) -> None:
    objects = _open(git_repo.path).objects()
    objects._command = ("sh", "-c", "read line; echo 1234 blob 9; printf half")
    with pytest.raises(GitError, match="in the middle"):
        objects.read("HEAD:a.py")


def test_the_process_ends_with_its_reader(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    objects = _open(git_repo.path).objects()
    objects.read("HEAD:a.py")
    listing = ["ps", "-ww", "-o", "args=", "--ppid", f"{os.getpid()}"]
    running = subprocess.run(listing, check=False, capture_output=True, text=True).stdout
    assert "cat-file" in running
    del objects
    running = subprocess.run(listing, check=False, capture_output=True, text=True).stdout
    assert "cat-file" not in running


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone")
beside_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def _forked(work: Callable[[], bool]) -> int:
    """Return a fork that ends with 0 where the work is well done in time."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.alarm(20)
        status = not work()
    finally:
        os._exit(status)


@on_linux
@beside_threads
def test_a_fork_never_takes_the_answer_that_its_parent_waits_for(git_repo: GitRepo) -> None:
    git_repo.commit(mine="the parent's", yours="the fork's")
    objects = _open(git_repo.path).objects()
    asked, answers = objects._started()
    asked.write(b"HEAD:mine\n")
    asked.flush()

    def read() -> bool:
        content = objects.read("HEAD:yours")
        return content is not None and content.data == b"the fork's"

    _, status = os.waitpid(_forked(read), 0)
    assert status == 0
    assert answers.readline().endswith(b" blob 12\n")
    assert answers.read(13) == b"the parent's\n"
    content = objects.read("HEAD:mine")
    assert content
    assert content.data == b"the parent's"


@on_linux
@beside_threads
def test_a_fork_reads_though_a_thread_was_reading_when_it_began(git_repo: GitRepo) -> None:
    git_repo.commit(a="1")
    objects = _open(git_repo.path).objects()
    with objects._lock:
        child = _forked(lambda: objects.read("HEAD:a") is not None)
    _, status = os.waitpid(child, 0)
    assert status == 0


@on_linux
@beside_threads
def test_a_fork_ends_though_a_thread_was_reading_when_it_began(git_repo: GitRepo) -> None:
    git_repo.commit(a="1")
    objects = _open(git_repo.path).objects()
    objects.read("HEAD:a")
    with objects._lock:
        child = _forked(lambda: objects.close() is None)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert objects.read("HEAD:a")


@on_linux
@beside_threads
def test_a_fork_that_reads_keeps_its_parents_process_from_nothing(git_repo: GitRepo) -> None:
    git_repo.commit(a="1")
    objects = _open(git_repo.path).objects()
    objects.read("HEAD:a")
    ready, tell = os.pipe()

    def linger() -> bool:
        objects.read("HEAD:a")
        os.write(tell, b"!")
        time.sleep(15)
        return True

    child = _forked(linger)
    os.read(ready, 1)
    started = time.monotonic()
    objects.close()  # waits for git, which ends when nobody can ask any more
    assert time.monotonic() - started < 10
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)
