"""How the changes of a diff become judged lines and removed blocks."""

from __future__ import annotations

import os
import subprocess

import pytest
from conftest import GitRepo
from corpora import LARGE, POINTER, build, changed, paths, reasons, stage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlm_gate.core import Removed, SourceFile, split_lines


def test_added_lines_are_judged_and_removed_blocks_are_kept(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n2\n3\n4\n5\n6\n"})
    git_repo.write("a.py", "0\n1\n3\nfour\n5\n")
    (file,) = stage(git_repo).files
    assert changed(file) == [(1, 1), (4, 4)]
    assert file.removed == (Removed(2, "2\n"), Removed(3, "4\n"), Removed(5, "6\n"))
    assert file.status == "modified"


def test_a_deleted_file_has_its_lines_and_no_text(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\r\n2", "b.py": "1\n"})
    git_repo.git("rm", "-q", "a.py")
    built = build(git_repo)
    (file,) = built.files
    assert (file.status, file.text, file.changed, file.line_count) == ("deleted", "", (), 0)
    assert file.removed == (Removed(0, "1\r\n2"),)
    assert (file.language, list(built.tree)) == ("python", ["b.py"])


def test_a_renamed_file_is_judged_by_its_real_changes(git_repo: GitRepo) -> None:
    text = "".join(f"{n}\n" for n in range(20))
    git_repo.commit(**{"old.py": text, "same.py": f"{text}same\n"})
    git_repo.git("mv", "old.py", "new.py")
    git_repo.git("mv", "same.py", "moved.py")
    git_repo.write("new.py", f"{text}more\n")
    built = stage(git_repo)
    new, moved = built.file("new.py"), built.file("moved.py")
    assert new
    assert moved
    assert (new.status, new.old_path, changed(new)) == ("renamed", "old.py", [(21, 21)])
    assert (moved.status, moved.changed, moved.removed) == ("renamed", (), ())


@pytest.mark.parametrize(
    "old", ["vendor/a.py", "a.txt", "a.min.js", "excluded/a.py", "generated/a.py"]
)
def test_what_a_rename_brings_into_view_is_judged_whole(git_repo: GitRepo, old: str) -> None:
    git_repo.write(".gitattributes", "generated/** linguist-generated\n")
    git_repo.write(old, "import os\n" * 20)
    git_repo.commit()
    git_repo.git("mv", old, "live.py")
    (file,) = stage(git_repo, exclude=["excluded/"]).files
    assert (file.old_path, changed(file)) == (old, [(1, 20)])
    assert old in file.notes[0]


def test_a_change_of_mode_is_nothing_to_judge(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    (git_repo.path / "a.py").chmod(0o755)
    assert stage(git_repo).files == ()


def test_a_file_that_is_only_meant_to_be_added_is_new_in_the_work_tree(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.write("b.py", "1\n")
    git_repo.git("add", "-N", "b.py")
    (file,) = build(git_repo, "worktree").files
    assert (file.status, changed(file)) == ("added", [(1, 1)])
    assert [file.line_count for file in build(git_repo).files] in ([], [0])


def test_a_file_that_was_only_touched_is_nothing_to_judge(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    os.utime(git_repo.path / "a.py", (1, 1))
    assert build(git_repo, "worktree").files == ()


def test_a_file_that_became_a_link_is_a_deleted_file_and_a_link(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n", "b.py": "1\n"})
    (git_repo.path / "a.py").unlink()
    (git_repo.path / "a.py").symlink_to("b.py")
    for built in (build(git_repo, "worktree"), stage(git_repo)):
        (file,) = built.files
        assert (file.status, file.removed) == ("deleted", (Removed(0, "1\n"),))
        assert reasons(built) == {"a.py": ("symbolic link", False)}


def test_a_link_that_became_a_file_is_a_new_file(git_repo: GitRepo) -> None:
    (git_repo.path / "a.py").symlink_to("b.py")
    git_repo.commit(**{"b.py": "1\n"})
    (git_repo.path / "a.py").unlink()
    git_repo.write("a.py", "1\n2\n")
    (file,) = stage(git_repo).files
    assert (file.status, changed(file), file.removed) == ("added", [(1, 2)], ())


def test_an_untracked_copy_of_a_file_that_left_the_index_is_judged_whole(
    git_repo: GitRepo,
) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("rm", "-q", "--cached", "a.py")
    (file,) = build(git_repo, "worktree").files
    assert (file.status, changed(file)) == ("added", [(1, 1)])


def test_an_unmerged_file_blocks_a_commit_and_is_judged_in_the_work_tree(
    git_repo: GitRepo,
) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("switch", "-q", "-c", "topic")
    git_repo.commit(**{"a.py": "topic\n"})
    git_repo.git("switch", "-q", "main")
    git_repo.commit(**{"a.py": "main\n"})
    with pytest.raises(subprocess.CalledProcessError):
        git_repo.git("merge", "topic")
    assert reasons(build(git_repo)) == {"a.py": ("unmerged: resolve the conflict first", True)}
    (file,) = build(git_repo, "worktree").files
    assert changed(file) == [(1, 1), (3, 5)]
    assert len(build(git_repo, "all").files) == 1


def test_a_sparse_file_is_not_deleted(git_repo: GitRepo) -> None:
    git_repo.commit(**{"kept.py": "1\n", "away.py": "1\n"})
    git_repo.git("sparse-checkout", "set", "--no-cone", "/kept.py")
    assert not (git_repo.path / "away.py").exists()
    assert build(git_repo, "worktree").files == ()
    assert build(git_repo, "staged").files == ()
    assert paths(build(git_repo, "all")) == ["away.py", "kept.py"]
    assert paths(build(git_repo, "worktree", "away.py")) == ["away.py"]
    assert build(git_repo, "worktree").tree["away.py"] == "1\n"


@pytest.mark.parametrize(
    ("before", "after", "spans", "removed"),
    [
        pytest.param(b"1", b"1\n", [(1, 1)], [(0, "1")], id="line feed at the end"),
        pytest.param(b"1\n2\n", b"1\r\n2\n", [(1, 1)], [(0, "1\n")], id="CRLF"),
        pytest.param(b"1\x0c2\n3\n", b"1\x0c2\nx\n", [(2, 2)], [(1, "3\n")], id="form feed"),
        pytest.param(
            "1\u20282\x852\n3\n".encode(),
            "1\u20282\x852\nx\n".encode(),
            [(2, 2)],
            [(1, "3\n")],
            id="U+2028 and U+0085",
        ),
        pytest.param(b"1\r2\r3\n4\n", b"1\r2\r3\nx\n", [(4, 4)], [(3, "4\n")], id="lone CR above"),
        pytest.param(
            b"1\n2\r3\n4\n", b"1\nx\ry\n4\n", [(2, 3)], [(1, "2\r3\n")], id="lone CR in it"
        ),
        pytest.param(b"a\r\r\nb\n", b"a\r\r\nc\n", [(3, 3)], [(2, "b\n")], id="CR CR LF"),
        pytest.param(b"1\n2\r", b"1\n2\r3", [(2, 3)], [(1, "2\r")], id="lone CR at the end"),
        pytest.param(b"caf\xe9\n1\n", b"caf\xe9\n2\n", [(2, 2)], [(1, "1\n")], id="Latin-1"),
        pytest.param(b"caf\xe9\n", b"caf\xe8\n", [(1, 1)], [(0, "café\n")], id="Latin-1 removed"),
    ],
)
def test_lines_are_numbered_as_split_lines_does(
    git_repo: GitRepo,
    before: bytes,
    after: bytes,
    spans: list[tuple[int, int]],
    removed: list[tuple[int, str]],
) -> None:
    git_repo.write("a.txt", before)
    git_repo.commit()
    git_repo.write("a.txt", after)
    (file,) = stage(git_repo).files
    assert changed(file) == spans
    assert [(block.after_line, block.text) for block in file.removed] == removed
    assert file.line_count == len(file.lines)


_LINES = st.lists(
    st.sampled_from(
        [
            "a\n",
            "b\n",
            "\n",
            "c\r\n",
            "d\re\n",
            "--- a/x\n",
            "+++ b/x\n",
            "@@ -1 +1 @@\n",
            "\\ No\n",
        ]
    ),
    max_size=12,
)
_EDITS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), _LINES), max_size=4)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(old=_LINES, edits=_EDITS, unended=st.tuples(st.booleans(), st.booleans()))
def test_the_old_file_follows_from_the_new_one_and_what_changed(
    git_repo: GitRepo,
    old: list[str],
    edits: list[tuple[int, int, list[str]]],
    unended: tuple[bool, bool],
) -> None:
    new = list(old)
    for at, cut, put in edits:
        new[at : at + cut] = put
    before, after = (
        text.rstrip("\r\n") if bare else text
        for text, bare in zip(("".join(old), "".join(new)), unended, strict=True)
    )
    git_repo.write("a.txt", before)
    git_repo.commit()
    git_repo.write("a.txt", after)
    built = stage(git_repo)
    if before == after:
        assert built.files == ()
        return
    (file,) = built.files
    assert _before(file) == split_lines(before)


def _before(file: SourceFile) -> list[str]:
    """Undo a change: take out what was added, put back what was removed."""
    added = {line for span in file.changed for line in range(span.start, span.end + 1)}
    removed = {block.after_line: split_lines(block.text) for block in file.removed}
    assert len(removed) == len(file.removed)
    lines = list(removed.get(0, []))
    for number, line in enumerate(file.lines, 1):
        lines += [] if number in added else [line]
        lines += removed.get(number, [])
    return lines


def test_a_utf_16_file_is_judged_whole(git_repo: GitRepo) -> None:
    git_repo.write("a.sql", "\ufeffselect 1\r\nselect 2\r\n".encode("utf-16-le"))
    git_repo.write("b.sql", "\ufeffdrop\n".encode("utf-16-be"))
    git_repo.commit()
    git_repo.write("a.sql", "\ufeffselect 1\r\nselect 3\r\n".encode("utf-16-le"))
    git_repo.git("rm", "-q", "b.sql")
    built = stage(git_repo)
    file, gone = built.files
    assert (file.text, changed(file)) == ("select 1\r\nselect 3\r\n", [(1, 2)])
    assert file.removed == (Removed(0, "select 2\n"),)
    assert file.notes[0] == "read as UTF-16-LE"
    assert gone.removed == (Removed(0, "drop\n"),)


def test_a_codec_that_moves_lines_does_not_move_what_is_judged(git_repo: GitRepo) -> None:
    head = "# coding: unicode_escape\n"
    git_repo.commit(**{"a.py": f"{head}x = 1 \\x0a y = 2\nz = 3\n"})
    git_repo.write("a.py", f"{head}x = 1 \\x0a y = 2\nz = eval(x)\n")
    (file,) = stage(git_repo).files
    assert changed(file) == [(1, 4)]
    assert file.lines[3] == "z = eval(x)"


def test_a_text_that_was_binary_or_large_before_is_judged_whole(git_repo: GitRepo) -> None:
    git_repo.write("a.txt", b"\0\1\n")
    git_repo.commit(**{"b.txt": LARGE})
    git_repo.write("a.txt", "1\n2\n")
    git_repo.write("b.txt", "1\n")
    built = stage(git_repo)
    assert [(file.path, changed(file), file.removed) for file in built.files] == [
        ("a.txt", [(1, 2)], ()),
        ("b.txt", [(1, 1)], ()),
    ]


def test_the_work_tree_is_read_as_git_normalises_it(git_repo: GitRepo) -> None:
    git_repo.write(".gitattributes", "*.txt text eol=crlf\n")
    git_repo.write("a.txt", "1\r\n2\r\n")
    git_repo.commit()
    git_repo.write("a.txt", "1\r\n2\r\n3\r\n")
    (file,) = build(git_repo, "worktree").files
    assert (file.text, changed(file)) == ("1\r\n2\r\n3\r\n", [(3, 3)])


def test_an_lfs_file_that_is_checked_out_does_not_block(git_repo: GitRepo) -> None:
    git_repo.write(".gitattributes", "*.csv filter=lfs diff=lfs merge=lfs -text\n")
    git_repo.commit(**{"data.csv": POINTER})
    git_repo.write("data.csv", LARGE)
    git_repo.git("config", "filter.lfs.clean", "false")
    git_repo.git("config", "filter.lfs.required", "true")
    built = build(git_repo, "worktree")
    assert built.files == ()
    assert reasons(built) == {"data.csv": ("Git LFS: the content is not in the repository", False)}
    git_repo.write("data.csv", "small\n")
    assert build(git_repo, "worktree").files == ()
    assert paths(build(git_repo, "worktree", "data.csv")) == ["data.csv"]
