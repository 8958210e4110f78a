"""Objects through one process: sizes, names, and processes that end."""

from __future__ import annotations

import os
import subprocess
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
