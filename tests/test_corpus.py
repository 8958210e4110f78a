"""What a corpus promises, and every odd input with its one outcome."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import GitRepo
from corpora import LARGE, POINTER, build, changed, edit, make_odd, paths, reasons, stage

from rlm_gate.core import Removed, Skip, Span
from rlm_gate.errors import GitError
from rlm_gate.listings import Entry
from rlm_gate.sources import Source, Texts


@pytest.fixture
def edited(git_repo: GitRepo) -> GitRepo:
    return edit(git_repo)


@pytest.fixture
def odd(git_repo: GitRepo) -> GitRepo:
    return make_odd(git_repo)


def test_the_same_repository_gives_the_same_corpus(odd: GitRepo) -> None:
    first, second = build(odd), build(odd)
    assert (first.files, first.skipped, first.scope) == (second.files, second.skipped, second.scope)
    assert paths(first) == sorted(paths(first))


def test_the_hash_is_of_the_bytes_as_stored(git_repo: GitRepo) -> None:
    stored = "é\r\n".encode("utf-8-sig")
    git_repo.write("a.py", stored)
    (file,) = stage(git_repo).files
    assert file.sha256 == hashlib.sha256(stored).hexdigest()


def test_the_tree_holds_every_text_and_nothing_else(odd: GitRepo) -> None:
    built = build(odd, "staged")
    assert set(built.tree) == {
        "README",
        "app.min.js",
        "latin.txt",
        "node_modules/x/index.js",
        "ok.py",
        "poetry.lock",
        "skipme/a.py",
    }
    assert len(built.tree) == 7
    assert built.tree["README"] == "x\n"
    for path in ("picture.png", "large.csv", "model.onnx", "link.py", "module", "nothing"):
        assert path not in built.tree


def test_the_tree_is_not_listed_before_it_is_asked_for(
    edited: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("rlm_gate.repo.Repo.work_tree", lambda _: asked.append(1) or [])
    built = build(edited, "worktree")
    assert [len(file.lines) for file in built.files] == [4, 1, 1]
    assert asked == []
    assert len(built.tree) == 3
    assert asked == [1]


def test_few_processes_read_a_small_change(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit(**{"a.py": "1\n", "b.py": "1\n", "c.py": "1\n", "d.py": "1\n"})
    for name in ("a.py", "b.py", "c.py"):
        git_repo.write(name, "2\n")
    git_repo.git("add", "-A")
    started: list[object] = []
    plain = subprocess.Popen.__init__

    def counting(self: Any, command: Any, *args: Any, **kwargs: Any) -> None:
        started.append(command)
        plain(self, command, *args, **kwargs)

    monkeypatch.setattr(subprocess.Popen, "__init__", counting)
    built = build(git_repo)
    assert [file.text for file in built.files] == ["2\n"] * 3
    assert len(started) == 3


def test_a_skip_has_no_rules_and_names_its_path(odd: GitRepo) -> None:
    (skip,) = (skip for skip in build(odd).skipped if skip.what == "large.csv")
    assert skip == Skip("large.csv", "text over 1 MiB", blocking=True, path="large.csv")


def test_a_span_names_its_file(git_repo: GitRepo) -> None:
    git_repo.write("a.py", "1\n2\n")
    assert stage(git_repo).files[0].changed == (Span("a.py", 1, 2),)


def test_an_executable_without_extension_is_known_by_its_shebang(git_repo: GitRepo) -> None:
    git_repo.write("tool", "#!/usr/bin/env python3\nimport os\n").chmod(stat.S_IRWXU)
    (file,) = stage(git_repo).files
    assert file.language == "python"


@pytest.mark.parametrize("mode", ["staged", "diff", "rev"])
def test_every_odd_input_has_its_outcome(odd: GitRepo, mode: str) -> None:
    odd.git("commit", "-q", "-m", "odd") if mode != "staged" else ""
    ref = {"diff": "HEAD^", "rev": "HEAD"}.get(mode)
    built = build(odd, mode, ref=ref, exclude=["skipme/"])
    assert reasons(built) == {
        "app.min.js": ("minified, by its path", False),
        "dangling.py": ("symbolic link", False),
        "large.bin": ("binary", False),
        "large.csv": ("text over 1 MiB", mode != "rev"),
        "link.py": ("symbolic link", False),
        "model.onnx": ("Git LFS: the content is not in the repository", False),
        "module": ("submodule", False),
        "node_modules/x/index.js": ("vendored, by its path", False),
        "picture.png": ("binary", False),
        "poetry.lock": ("generated, by its path", False),
        "skipme/a.py": ("excluded by the configuration", False),
    }
    assert all(skip.path == skip.what for skip in built.skipped)
    assert set(paths(built)) - {"README"} == {"latin.txt", "ok.py"}
    latin = built.file("latin.txt")
    assert latin
    assert (latin.text, latin.notes) == ("café\n", ("read as Latin-1",))


@pytest.mark.parametrize("mode", ["worktree", "all", "paths"])
def test_odd_inputs_on_disk_have_the_same_outcomes(odd: GitRepo, mode: str) -> None:
    odd.git("rm", "-q", "--cached", "module")
    os.mkfifo(odd.path / "pipe")
    named = (".", "pipe") if mode == "paths" else ()
    built = build(odd, "worktree" if mode == "paths" else mode, *named, exclude=["skipme/"])
    found = reasons(built)
    assert found["link.py"] == found["dangling.py"] == ("symbolic link", False)
    assert found["picture.png"] == found["large.bin"] == ("binary", False)
    assert found["large.csv"] == ("text over 1 MiB", mode == "worktree")
    assert found["model.onnx"][0].startswith("Git LFS")
    assert found.get("pipe") == (("not a regular file", False) if mode == "paths" else None)
    assert not any(file.path == "link.py" for file in built.files)
    assert "link.py" not in built.tree


def test_no_ignores_takes_in_what_conventions_leave_out(odd: GitRepo) -> None:
    built = build(odd, exclude=["skipme/"], no_ignores=True)
    left_in = {"app.min.js", "node_modules/x/index.js", "poetry.lock", "skipme/a.py"}
    assert left_in <= set(paths(built))
    assert set(reasons(built)) == {
        "dangling.py",
        "large.bin",
        "large.csv",
        "link.py",
        "model.onnx",
        "module",
        "picture.png",
    }


def test_a_large_file_is_never_read_whole(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.write("huge.txt", b"x" * (20 << 20))
    asked: list[int] = []
    plain = os.read

    def counting(file: int, size: int) -> bytes:
        asked.append(size)
        return plain(file, size)

    monkeypatch.setattr("rlm_gate.sources.os.read", counting)
    built = build(git_repo, "all")
    assert reasons(built) == {"huge.txt": ("text over 1 MiB", False)}
    assert 8000 in asked
    assert max(asked) < 1 << 20


def test_a_deleted_binary_or_large_file_does_not_block(git_repo: GitRepo) -> None:
    git_repo.write("a.bin", b"\0\1")
    git_repo.write("large.csv", LARGE)
    git_repo.write("large.bin", b"\0" * len(LARGE))
    git_repo.write("model", POINTER)
    git_repo.write("vendor/a.py", "1\n")
    (git_repo.path / "link").symlink_to("a.bin")
    git_repo.commit()
    git_repo.git("rm", "-q", "-r", ".")
    built = build(git_repo)
    assert built.files == ()
    assert reasons(built) == {
        "a.bin": ("binary", False),
        "large.bin": ("binary", False),
        "large.csv": ("text over 1 MiB, deleted", False),
        "link": ("symbolic link", False),
        "model": ("Git LFS: the content is not in the repository", False),
        "vendor/a.py": ("vendored, by its path", False),
    }


def test_attributes_leave_out_and_take_in(git_repo: GitRepo) -> None:
    git_repo.write(
        ".gitattributes", "gen/** linguist-generated\nvendor/ours/** -linguist-vendored\n"
    )
    git_repo.write("sub/.gitattributes", "x.py linguist-vendored=true\n")
    git_repo.commit()
    for name in ("gen/a.py", "vendor/ours/a.py", "vendor/b.py", "sub/x.py", "sub/y.py"):
        git_repo.write(name, "1\n")
    for mode in ("worktree", "all", "staged"):
        built = stage(git_repo) if mode == "staged" else build(git_repo, mode)
        assert {"sub/y.py", "vendor/ours/a.py"} <= set(paths(built))
        assert reasons(built) == {
            "gen/a.py": ("generated, by .gitattributes", False),
            "sub/x.py": ("vendored, by .gitattributes", False),
            "vendor/b.py": ("vendored, by its path", False),
        }
    head = git_repo.commit()
    assert reasons(build(git_repo, "rev", ref=head)) == reasons(
        build(git_repo, "diff", ref="HEAD^")
    )
    named = build(git_repo, "worktree", "gen/a.py", "sub")
    assert set(reasons(named)) == {"gen/a.py", "sub/x.py"}


def test_staged_files_have_the_attributes_of_the_index(git_repo: GitRepo) -> None:
    git_repo.write(".gitattributes", "*.py linguist-generated\n")
    git_repo.commit()
    git_repo.write("a.py", "1\n")
    git_repo.git("add", "-A")
    (git_repo.path / ".gitattributes").unlink()
    assert list(reasons(build(git_repo))) == ["a.py"]


def test_a_change_cannot_hide_itself_by_attributes_it_brings(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.write("sub/.gitattributes", "evil.py linguist-generated -diff\n")
    git_repo.write("sub/evil.py", "1\n")
    for built in (build(git_repo, "worktree"), stage(git_repo)):
        evil = built.file("sub/evil.py")
        assert evil
        assert changed(evil) == [(1, 1)]
        assert ".gitattributes" in reasons(built)
        assert not any(skip.blocking for skip in built.skipped)


def test_a_change_that_removes_attributes_is_judged_without_them(git_repo: GitRepo) -> None:
    git_repo.write(".gitattributes", "*.py -linguist-vendored\n")
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("mv", ".gitattributes", "attributes.txt")
    assert ".gitattributes" in reasons(stage(git_repo))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("# @generated\nimport os\n", id="marker"),
        pytest.param("x=1;" * 1000, id="minified"),
    ],
)
def test_a_change_cannot_hide_itself_by_its_content(git_repo: GitRepo, content: str) -> None:
    git_repo.write("a.js", content)
    assert paths(stage(git_repo)) == ["a.js"]
    git_repo.commit()
    whole = build(git_repo, "all")
    assert whole.files == ()
    assert reasons(whole)["a.js"][0].endswith("by its content")
    assert paths(build(git_repo, "all", no_ignores=True)) == ["a.js"]


def test_a_script_is_judged_once_where_its_typescript_stands_beside_it(git_repo: GitRepo) -> None:
    typed, plain = "export const area = (side: number) => side * side\n", "side * side;\n"
    script = f"export const area = (side) => {plain}"
    git_repo.write("web/area.ts", typed)
    git_repo.write("web/area.js", script)
    git_repo.write("web/other.ts", typed)
    git_repo.write("web/other.js", f"export const area = (side) => eval(side) + {plain}")
    git_repo.write("alone.js", script)
    assert "web/area.js" in paths(stage(git_repo))
    git_repo.commit()
    whole = build(git_repo, "all")
    assert reasons(whole) == {
        "web/area.js": ("generated, compiled from the TypeScript beside it", False)
    }
    assert paths(whole) == ["alone.js", "web/area.ts", "web/other.js", "web/other.ts"]
    assert "web/area.js" in paths(build(git_repo, "all", no_ignores=True))


def test_attributes_that_hide_a_diff_from_people_hide_nothing_from_the_gate(
    git_repo: GitRepo,
) -> None:
    git_repo.write(".gitattributes", "*.py -diff\n*.js binary\n")
    git_repo.commit(**{"a.py": "1\n2\n3\n", "a.js": "1\n", "gone.py": "1\n"})
    git_repo.write("a.py", "1\n3\nnew\n")
    git_repo.write("a.js", "new\n")
    git_repo.git("rm", "-q", "gone.py")
    built = stage(git_repo)
    python = built.file("a.py")
    assert python
    assert changed(python) == [(1, 3)]
    assert python.removed == (Removed(0, "2\n"),)
    assert "git can't compare" in python.notes[0]
    assert changed(built.file("a.js")) == [(1, 1)]
    gone = built.file("gone.py")
    assert gone
    assert gone.removed == (Removed(0, "1\n"),)


def test_submodules_are_listed_and_not_entered(git_repo: GitRepo, tmp_path: Path) -> None:
    other = GitRepo(tmp_path / "other")
    other.path.mkdir()
    other.git("init", "-q", "-b", "main")
    other.commit(**{"inner.py": "1\n"})
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.path), "m")
    git_repo.write("m/dirty.py", "1\n")
    for built in (build(git_repo, "worktree"), build(git_repo), build(git_repo, "all")):
        assert reasons(built) == {"m": ("submodule", False)}
        assert "m/inner.py" not in built.tree
    git_repo.commit()
    git_repo.git("rm", "-q", "-f", "m")
    assert reasons(build(git_repo))["m"] == ("submodule", False)


def test_a_nested_repository_is_listed_and_not_entered(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    git_repo.write("nested/b.py", "1\n")
    subprocess.run(["git", "init", "-q", str(git_repo.path / "nested")], check=True)
    assert reasons(build(git_repo, "worktree")) == {"nested": ("submodule", False)}


def test_a_file_that_became_a_folder_is_gone(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    (git_repo.path / "a.py").unlink()
    git_repo.write("a.py/b.py", "1\n")
    assert paths(build(git_repo, "all")) == ["a.py/b.py"]
    built = build(git_repo, "worktree")
    assert {file.path: file.status for file in built.files} == {
        "a.py": "deleted",
        "a.py/b.py": "added",
    }


def test_a_file_behind_a_linked_folder_is_not_read(git_repo: GitRepo, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("secret\n")
    git_repo.commit(**{"sub/a.py": "1\n"})
    (git_repo.path / "sub" / "a.py").unlink()
    (git_repo.path / "sub").rmdir()
    (git_repo.path / "sub").symlink_to(outside)
    for mode in ("all", "worktree"):
        built = build(git_repo, mode)
        assert not any("secret" in file.text for file in built.files)
        assert "secret\n" not in built.tree.values()


def test_a_file_that_cannot_be_read_blocks(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit(**{".gitattributes": "*.py linguist-generated\n"})
    git_repo.write("a.py", "1\n")
    git_repo.git("add", "-A")

    def refused(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path, flags)

    monkeypatch.setattr(os, "open", refused)
    assert reasons(build(git_repo, "all")) == {
        ".gitattributes": ("can't be read: Permission denied", True),
        "a.py": ("can't be read: Permission denied", True),
    }


def test_what_cannot_be_read_is_no_text_of_the_tree(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit(**{"a.py": "1\n", "b.py": "2\n"})
    opened = os.open

    def refused(path: str, flags: int) -> int:
        if str(path).endswith("b.py"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path, flags)
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refused)
    built = build(git_repo, "all")
    assert dict(built.tree) == {"a.py": "1\n"}
    assert "b.py" not in built.tree
    assert reasons(built) == {"b.py": ("can't be read: Permission denied", True)}


def test_a_file_that_cannot_be_read_any_more_is_an_error(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    texts = Texts(Source(str(git_repo.path), None), limit=0)

    def refused(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path, flags)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(GitError, match=r"a\.py can't be read any more: Permission denied"):
        texts.judged(Entry("a.py"), "")


def test_a_submodule_that_was_named_alone_is_no_pass(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n"})
    commit = git_repo.git("rev-parse", "HEAD").strip()
    git_repo.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    (git_repo.path / "lib").mkdir()
    built = build(git_repo, "worktree", "lib")
    assert reasons(built) == {"lib": ("submodule; it was named, and can't be judged", True)}
    assert reasons(build(git_repo, "worktree", "lib", "a.py")) == {"lib": ("submodule", False)}


def test_an_object_that_is_missing_blocks(git_repo: GitRepo) -> None:
    git_repo.commit(**{"a.py": "1\n", "b.py": "1\n2\n"})
    oid = git_repo.git("rev-parse", "HEAD:b.py").strip()
    (git_repo.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    built = build(git_repo, "rev", ref="HEAD")
    assert paths(built) == ["a.py"]
    assert reasons(built) == {"b.py": ("its content is not there to be read", True)}


@pytest.mark.parametrize(
    "name",
    ["with space.py", 'quo"te.py', "new\nline.py", "ünï.py", "bad\udcff.py", "-x.py", ":(top)a.py"],
)
def test_every_legal_name_works_in_every_scope(git_repo: GitRepo, name: str) -> None:
    git_repo.write(".gitattributes", "none linguist-generated\n")
    git_repo.write(f"dir {name}/{name}", "1\n")
    git_repo.commit()
    path = f"dir {name}/{name}"
    git_repo.write(path, "1\n2\n")
    assert build(git_repo, "worktree").tree[path] == "1\n2\n"
    for built in (
        build(git_repo, "worktree"),
        build(git_repo, "worktree", path),
        build(git_repo, "all", f"dir {name}"),
        stage(git_repo),
    ):
        (file,) = built.files
        assert (file.path, file.text) == (path, "1\n2\n")
    git_repo.commit()
    for mode, ref in (("rev", "HEAD"), ("diff", "HEAD^")):
        (file,) = build(git_repo, mode, path, ref=ref).files
        assert (file.path, file.text) == (path, "1\n2\n")


@pytest.mark.parametrize("mode", ["staged", "diff", "worktree"])
def test_a_package_of_a_modules_name_is_known_without_a_list_of_the_tree(
    git_repo: GitRepo, mode: str
) -> None:
    git_repo.commit("first", **{"kept.py": "a = 1\n", "shadowed/__init__.py": "", "other.py": ""})
    git_repo.write("shadowed.py", "b = 1\n")
    git_repo.write("kept.py", "a = 2\n")
    git_repo.commit("second") if mode == "diff" else git_repo.git("add", "-A")
    built = build(git_repo, mode, ref="HEAD^" if mode == "diff" else None)
    listed = replace(built, known={})

    asked = [f"{one}/__init__.py" for one in ("kept", "shadowed", "other")]
    assert [built.has(one) for one in asked] == [False, True, False]
    assert [listed.has(one) for one in asked] == [False, True, False]
    assert built.known == ({} if mode == "worktree" else {asked[0]: False, asked[1]: True})
