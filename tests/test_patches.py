"""Reading of git's diff: names, hunks, and lines that look like something else."""

from __future__ import annotations

import io

import pytest
from conftest import GitRepo

from rlm_gate.errors import GitError
from rlm_gate.patches import Change, Hunk, parse
from rlm_gate.repo import Repo

_ID = b"1" * 40
_RAW = b":100644 100644 %s %s M\0a\0\0" % (_ID, _ID)
_HEADER = b"diff --git a/a b/a\nindex 1..2 100644\n--- a/a\n+++ b/a\n"


def _parsed(*parts: bytes) -> list[Change]:
    return list(parse(io.BytesIO(b"".join(parts))))


def _staged(repo: GitRepo) -> list[Change]:
    repo.git("add", "-A")
    opened = Repo.open(str(repo.path))
    assert opened
    return opened.staged()


def test_nothing_is_no_change() -> None:
    assert _parsed(b"") == []


@pytest.mark.parametrize(
    ("lines", "hunks"),
    [
        pytest.param(b"@@ -1 +1 @@\n-x\n+y\n", (Hunk(1, 1, b"x\n"),), id="replaced"),
        pytest.param(b"@@ -0,0 +1,2 @@\n+x\n+y\n", (Hunk(1, 2, b""),), id="added"),
        pytest.param(b"@@ -3,2 +2,0 @@ def f():\n-x\n-y\n", (Hunk(2, 0, b"x\ny\n"),), id="removed"),
        pytest.param(
            b"@@ -1,3 +0,0 @@\n---- a/x\n-@@ -1 +1 @@\n-diff --git a/b b/b\n",
            (Hunk(0, 0, b"--- a/x\n@@ -1 +1 @@\ndiff --git a/b b/b\n"),),
            id="removed lines that look like headers",
        ),
        pytest.param(
            b"@@ -1 +1,2 @@\n-x\n+++ b/x\n+@@ -1 +1 @@\n@@ -9 +9,0 @@\n-z\n",
            (Hunk(1, 2, b"x\n"), Hunk(9, 0, b"z\n")),
            id="added lines that look like headers",
        ),
        pytest.param(
            b"@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n",
            (Hunk(1, 1, b"x"),),
            id="old without a last line feed",
        ),
        pytest.param(
            b"@@ -1 +1 @@\n-x\n+y\n\\ No newline at end of file\n",
            (Hunk(1, 1, b"x\n"),),
            id="new without a last line feed",
        ),
        pytest.param(
            b"@@ -2 +1,0 @@\n-x\n\\ No newline at end of file\n",
            (Hunk(1, 0, b"x"),),
            id="removed without a last line feed",
        ),
        pytest.param(
            b"@@ -1 +1 @@\n-x\r\n+a\x0cb\rc\n", (Hunk(1, 1, b"x\r\n"),), id="other line ends"
        ),
    ],
)
def test_the_lines_of_a_hunk_are_counted(lines: bytes, hunks: tuple[Hunk, ...]) -> None:
    (change,) = _parsed(_RAW, _HEADER, lines)
    assert change.hunks == hunks
    assert change.shown


def test_the_surviving_line_before_a_hunk_is_known() -> None:
    assert Hunk(3, 2, b"").after == 2
    assert Hunk(3, 0, b"x\n").after == 3
    assert Hunk(0, 0, b"x\n").after == 0


def test_a_file_that_was_only_touched_has_no_patch() -> None:
    other = b":100644 100644 %s %s M\0touched\0" % (_ID, b"0" * 40)
    touched, changed = _parsed(other, _RAW, _HEADER, b"@@ -1 +1 @@\n-x\n+y\n")
    assert not touched.shown
    assert not touched.new.is_stored
    assert changed.path == "a"
    assert changed.hunks == (Hunk(1, 1, b"x\n"),)


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param(b"diff --git a/other b/other\n", id="of no change"),
        pytest.param(_HEADER + b"@@ what @@\n", id="no hunk header"),
        pytest.param(_HEADER + b"@@ -1 +1 @@\n x\n", id="context"),
        pytest.param(_HEADER + b"@@ -1 +1 @@\n-x\n", id="cut short"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_never_a_smaller_diff(patch: bytes) -> None:
    with pytest.raises(GitError, match="can't read git's diff"):
        _parsed(_RAW, patch)


@pytest.mark.parametrize(
    "name",
    [
        "with space.py",
        "a b/a b/c.py",
        'quo"te.py',
        "back\\slash.py",
        "new\nline.py",
        "tab\there.py",
        "bell\a\x01\x7f.py",
        "ünï→.py",
        "bad\udcff\udce9.py",
        "-dash.py",
        ":(glob)**.py",
        " lead and trail ",
        "--- a",
        "*.py",
    ],
)
def test_every_legal_name_is_read_as_it_is(git_repo: GitRepo, name: str) -> None:
    git_repo.write(name, "old\nkept\n")
    git_repo.write("zz", "x\n")
    git_repo.commit()
    git_repo.write(name, "new\nkept\n")
    git_repo.write("zz", "y\n")
    changes = _staged(git_repo)
    assert {change.path: change.hunks for change in changes} == {
        name: (Hunk(1, 1, b"old\n"),),
        "zz": (Hunk(1, 1, b"x\n"),),
    }


def test_a_rename_has_both_names_and_only_its_real_changes(git_repo: GitRepo) -> None:
    git_repo.write('old "name', "".join(f"line {n}\n" for n in range(20)))
    git_repo.commit()
    git_repo.git("mv", 'old "name', "new name")
    git_repo.write("new name", "".join(f"line {n}\n" for n in range(20)) + "more\n")
    (change,) = _staged(git_repo)
    assert (change.letter, change.old_path, change.path) == ("R", 'old "name', "new name")
    assert change.hunks == (Hunk(21, 1, b""),)


def test_a_change_of_type_is_one_change(git_repo: GitRepo) -> None:
    git_repo.write("a", "text\n")
    git_repo.write("b", "text\n")
    git_repo.commit()
    (git_repo.path / "a").unlink()
    (git_repo.path / "a").symlink_to("b")
    git_repo.write("b", "more\n")
    link, other = _staged(git_repo)
    assert (link.letter, link.old.is_file, link.new.is_file) == ("T", True, False)
    assert other.hunks == (Hunk(1, 1, b"text\n"),)


def test_a_binary_change_is_told(git_repo: GitRepo) -> None:
    git_repo.write("a.bin", b"\0\1")
    (change,) = _staged(git_repo)
    assert change.binary
    assert change.hunks == ()


def test_an_unmerged_path_does_not_take_the_patch_of_its_file() -> None:
    unmerged = b":100644 000000 %s %s U\0a\0" % (_ID, b"0" * 40)
    before, after = _parsed(unmerged, _RAW, _HEADER, b"@@ -1 +1 @@\n-x\n+y\n")
    assert (before.letter, before.hunks) == ("U", ())
    assert after.hunks == (Hunk(1, 1, b"x\n"),)
