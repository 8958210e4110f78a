"""Every scope, and the paths that narrow it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import GitRepo
from corpora import build, changed, edit, paths, reasons

from rlm_gate.core import Removed
from rlm_gate.errors import UsageError
from rlm_gate.repo import NoMergeBase


@pytest.fixture
def edited(git_repo: GitRepo) -> GitRepo:
    return edit(git_repo)


def test_the_work_tree_is_judged_against_head(edited: GitRepo) -> None:
    built = build(edited, "worktree")
    assert built.scope.kind == "worktree"
    assert built.scope.base == edited.git("rev-parse", "HEAD").strip()
    assert {file.path: (file.status, changed(file)) for file in built.files} == {
        "both.py": ("modified", [(1, 1), (3, 3)]),
        "staged.py": ("modified", []),
        "new.py": ("added", [(1, 1)]),
    }
    both, staged = built.file("both.py"), built.file("staged.py")
    assert both
    assert staged
    assert both.text == "0\n1\nstaged\n3\n"
    assert both.removed == (Removed(2, "2\n"),)
    assert staged.removed == (Removed(1, "2\n"),)


def test_staged_changes_are_those_of_the_index(edited: GitRepo) -> None:
    built = build(edited, "staged")
    both = built.file("both.py")
    assert paths(built) == ["both.py", "staged.py"]
    assert both
    assert both.text == "1\nstaged\n3\n"
    assert changed(both) == [(2, 2)]


def test_a_first_commit_has_no_head_to_compare_with(git_repo: GitRepo) -> None:
    git_repo.write("a.py", "1\n2\n")
    git_repo.write("b.py", "1\n")
    git_repo.git("add", "a.py")
    staged, work_tree = build(git_repo, "staged"), build(git_repo, "worktree")
    assert changed(staged.file("a.py")) == [(1, 2)]
    assert staged.scope.base is None
    assert paths(staged) == ["a.py"]
    assert paths(work_tree) == ["a.py", "b.py"]


def test_a_diff_is_from_the_merge_base_and_reads_no_checkout(git_repo: GitRepo) -> None:
    base = git_repo.commit(**{"a.py": "1\n2\n"})
    git_repo.git("switch", "-q", "-c", "topic")
    head = git_repo.commit(**{"a.py": "1\n2\n3\n"})
    git_repo.git("switch", "-q", "main")
    git_repo.commit(**{"a.py": "zero\n1\n2\n", "main.py": "1\n"})
    built = build(git_repo, "diff", ref="main...topic")
    assert (built.scope.base, built.scope.head) == (base, head)
    assert paths(built) == ["a.py"]
    assert changed(built.files[0]) == [(3, 3)]
    assert built.files[0].text == "1\n2\n3\n"
    assert dict(built.tree) == {"a.py": "1\n2\n3\n"}


def test_a_diff_of_a_base_alone_is_to_head(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.commit(**{"a.py": "1\n2\n"})
    git_repo.write("a.py", "not committed\n")
    built = build(git_repo, "diff", ref="HEAD^")
    assert changed(built.files[0]) == [(2, 2)]
    assert built.scope.label == "HEAD^...HEAD"


def test_a_merge_commit_fetched_with_its_parents_only_is_the_pull_requests_change(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("switch", "-q", "-c", "topic")
    git_repo.commit(**{"b.py": "1\n"})
    git_repo.git("switch", "-q", "main")
    git_repo.commit(**{"c.py": "1\n"})
    git_repo.git("merge", "-q", "--no-ff", "-m", "merge", "topic")
    clone = tmp_path / "clone"
    git_repo.git("clone", "-q", "--depth=2", f"file://{git_repo.path}", str(clone))
    assert paths(build(clone, "diff", ref="HEAD^1")) == ["b.py"]


def test_no_merge_base_is_never_everything_and_never_nothing(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("switch", "-q", "--orphan", "other")
    git_repo.commit(**{"b.py": "1\n"})
    with pytest.raises(NoMergeBase):
        build(git_repo, "diff", ref="main")


def test_a_revision_is_read_whole_from_objects(git_repo: GitRepo) -> None:
    first = git_repo.commit(**{"a.py": "1\n2\n", "sub/b.py": "1\n"})
    git_repo.commit(**{"a.py": "other\n"})
    built = build(git_repo, "rev", ref="HEAD~1")
    assert built.scope.head == first
    assert built.scope.whole
    assert {file.path: (file.status, changed(file)) for file in built.files} == {
        "a.py": ("whole", [(1, 2)]),
        "sub/b.py": ("whole", [(1, 1)]),
    }


def test_all_is_the_work_tree_as_it_is(edited: GitRepo) -> None:
    (edited.path / "kept.py").unlink()
    built = build(edited, "all")
    assert paths(built) == [".gitignore", "both.py", "new.py", "staged.py"]
    assert built.root == str(edited.path.resolve())
    assert built.skipped == ()


@pytest.mark.parametrize("mode", ["all", "rev", "diff"])
def test_a_bare_repository_is_read_from_objects(
    git_repo: GitRepo, tmp_path: Path, mode: str
) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.write(".gitattributes", "gen/* linguist-generated\n")
    git_repo.commit(**{"gen/b.py": "1\n", "sub/c.py": "1\n"})
    bare = tmp_path / "bare.git"
    git_repo.git("clone", "-q", "--bare", ".", str(bare))
    built = build(bare, mode, "sub", ref={"rev": "main", "diff": "HEAD^"}.get(mode))
    assert built.root is None
    assert paths(built) == ["sub/c.py"]
    assert built.files[0].text == "1\n"
    assert set(built.tree) == {".gitattributes", "a.py", "gen/b.py", "sub/c.py"}


@pytest.mark.parametrize("mode", ["worktree", "paths"])
def test_a_bare_repository_has_no_work_tree_to_judge(tmp_path: Path, mode: str) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path)], check=True)
    with pytest.raises(UsageError, match="no work tree"):
        build(tmp_path, "worktree", *(["a.py"] if mode == "paths" else []))


@pytest.mark.parametrize("mode", ["worktree", "staged", "all"])
def test_an_empty_repository_is_an_empty_corpus(git_repo: GitRepo, mode: str) -> None:
    built = build(git_repo, mode)
    assert (built.files, built.skipped, dict(built.tree)) == ((), (), {})


def test_an_empty_bare_repository_is_an_empty_corpus(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path)], check=True)
    assert build(tmp_path, "all").files == ()


@pytest.mark.parametrize("mode", ["worktree", "staged"])
def test_an_empty_scope_is_an_empty_corpus(git_repo: GitRepo, mode: str) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    built = build(git_repo, mode)
    assert built.files == ()
    assert list(built.tree) == ["a.py"]


@pytest.mark.parametrize(
    ("mode", "ref", "message"),
    [
        ("rev", "mian", "mian: no such commit; did you mean main?"),
        ("rev", "topic", "did you mean origin/topic"),
        ("diff", "mian...HEAD", "mian: no such commit"),
        ("diff", "HEAD...nowhere", "nowhere: no such commit"),
        ("diff", "main..HEAD", r"write BASE or BASE\.\.\.HEAD"),
        ("diff", "...HEAD", "no such commit"),
        ("rev", "--output=/tmp/x", "no such commit"),
        ("rev", "-h", "no such commit"),
        ("rev", "HEAD:a.py", "no such commit"),
        ("rev", "a\nb", "no such commit"),
        ("rev", "0" * 40, "no such commit"),
    ],
)
def test_an_unknown_ref_is_a_usage_error(
    git_repo: GitRepo, mode: str, ref: str, message: str
) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("update-ref", "refs/remotes/origin/topic", "HEAD")
    with pytest.raises(UsageError, match=message):
        build(git_repo, mode, ref=ref)


def test_a_shallow_clone_says_why_a_commit_may_be_missing(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    first = git_repo.commit(**{"a.py": "1\n"})
    git_repo.commit(**{"a.py": "2\n"})
    clone = tmp_path / "clone"
    git_repo.git("clone", "-q", "--depth=1", f"file://{git_repo.path}", str(clone))
    with pytest.raises(UsageError, match="shallow"):
        build(clone, "diff", ref=first)


def test_a_branch_whose_name_looks_like_an_option_is_read(git_repo: GitRepo) -> None:
    commit = git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("update-ref", "refs/heads/-x", commit)
    assert build(git_repo, "rev", ref="-x").scope.head == commit


@pytest.fixture
def tree(git_repo: GitRepo) -> GitRepo:
    """A repository with two folders whose names begin alike."""
    git_repo.write(".gitignore", "ignored\n*.log\n")
    git_repo.commit(**{"a/one.py": "1\n", "a/two.py": "1\n", "ab/three.py": "1\n", "*.py": "1\n"})
    return git_repo


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (["a"], ["a/one.py", "a/two.py"]),
        (["a/"], ["a/one.py", "a/two.py"]),
        (["./a/../ab"], ["ab/three.py"]),
        (["a/one.py", "ab"], ["a/one.py", "ab/three.py"]),
        (["a", "a/one.py"], ["a/one.py", "a/two.py"]),
        (["*.py"], ["*.py"]),
        (["."], ["*.py", ".gitignore", "a/one.py", "a/two.py", "ab/three.py"]),
    ],
)
@pytest.mark.parametrize("mode", ["worktree", "all", "rev", "staged"])
def test_paths_narrow_every_scope_and_are_no_patterns(
    tree: GitRepo, mode: str, named: list[str], found: list[str]
) -> None:
    if mode == "staged":
        for path in ("a/one.py", "a/two.py", "ab/three.py", "*.py", ".gitignore"):
            tree.write(path, "changed\n")
        tree.git("add", "-A")
    built = build(tree, mode, *named, ref="HEAD" if mode == "rev" else None)
    assert paths(built) == found


def test_paths_alone_are_whole_files_from_disk(tree: GitRepo) -> None:
    tree.write("a/one.py", "1\n2\n")
    built = build(tree, "worktree", "a/one.py")
    assert built.scope.kind == "paths"
    assert changed(built.files[0]) == [(1, 2)]


def test_paths_are_relative_to_the_directory_the_user_is_in(tree: GitRepo) -> None:
    inside = tree.path / "a"
    assert paths(build(inside, "worktree", "one.py", "../ab")) == ["a/one.py", "ab/three.py"]
    assert paths(build(inside, "all", ".")) == ["a/one.py", "a/two.py"]
    assert paths(build(inside, "all", str(tree.path / "ab"))) == ["ab/three.py"]


def test_without_paths_a_folder_below_means_the_whole_repository(tree: GitRepo) -> None:
    assert len(build(tree.path / "a", "all").files) == 5


def test_a_named_file_is_judged_even_if_ignored_but_not_by_its_folder(tree: GitRepo) -> None:
    tree.write("a/x.log", "1\n")
    assert paths(build(tree, "worktree", "a/x.log")) == ["a/x.log"]
    assert paths(build(tree, "worktree", "a")) == ["a/one.py", "a/two.py"]


def test_an_existing_path_with_nothing_to_judge_is_an_empty_scope(tree: GitRepo) -> None:
    (tree.path / "empty").mkdir()
    assert build(tree, "worktree", "empty").files == ()
    assert build(tree, "staged", "a").files == ()


@pytest.mark.parametrize("mode", ["worktree", "all", "rev", "staged", "diff"])
def test_a_path_that_matches_nothing_is_a_usage_error(tree: GitRepo, mode: str) -> None:
    tree.commit(**{"a/one.py": "2\n"})
    ref = {"rev": "HEAD", "diff": "HEAD^"}.get(mode)
    with pytest.raises(UsageError, match=r"a/nothing\.py: no such file"):
        build(tree, mode, "ab", "a/nothing.py", ref=ref)


def test_a_path_outside_the_repository_is_a_usage_error(tree: GitRepo) -> None:
    with pytest.raises(UsageError, match="outside the repository"):
        build(tree, "worktree", "../other.py")


def test_a_deleted_file_can_be_named(tree: GitRepo) -> None:
    tree.git("rm", "-q", "a/one.py")
    (file,) = build(tree, "staged", "a/one.py").files
    assert (file.status, file.removed) == ("deleted", (Removed(0, "1\n"),))


def test_outside_a_repository_named_files_are_read_from_disk(tmp_path: Path) -> None:
    for name in ("src/a.py", "src/deep/b.py", "src/.git/config", "other.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    (tmp_path / "src" / "link").symlink_to(tmp_path)
    built = build(tmp_path, "worktree", "src")
    assert paths(built) == ["src/a.py", "src/deep/b.py"]
    assert built.root == str(tmp_path.resolve())
    assert reasons(built) == {"src/link": ("symbolic link", False)}
    assert dict(built.tree) == {"src/a.py": "1\n", "src/deep/b.py": "1\n"}


def test_outside_a_repository_a_path_elsewhere_has_its_own_root(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.py").write_text("1\n")
    built = build(tmp_path / "here", "worktree", str(tmp_path / "there" / "a.py"))
    assert (paths(built), built.root) == (["a.py"], str((tmp_path / "there").resolve()))


@pytest.mark.parametrize("mode", ["worktree", "staged", "all", "rev"])
def test_outside_a_repository_nothing_but_paths_makes_sense(tmp_path: Path, mode: str) -> None:
    with pytest.raises(UsageError, match="not in a git repository"):
        build(tmp_path, mode)


def test_outside_a_repository_a_missing_path_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.py: no such file"):
        build(tmp_path, "worktree", "a.py")
