"""Corpora of test repositories, and the parts of them that tests look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import GitRepo

from rlm_gate import corpus
from rlm_gate.config import ScopeRequest
from rlm_gate.core import Corpus, SourceFile

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 9\n"
LARGE = "x = 1\n" * 200_000


def build(repo: GitRepo | Path, mode: str = "staged", *paths: str, **options: Any) -> Corpus:
    where = str(repo if isinstance(repo, Path) else repo.path)
    ref = options.pop("ref", None)
    return corpus.build(ScopeRequest(mode, ref, paths, where), **options)


def stage(repo: GitRepo, **options: Any) -> Corpus:
    repo.git("add", "-A")
    return build(repo, "staged", **options)


def changed(file: SourceFile | None) -> list[tuple[int, int]]:
    assert file
    return [(span.start, span.end) for span in file.changed]


def reasons(built: Corpus) -> dict[str, tuple[str, bool]]:
    return {skip.what: (skip.why, skip.blocking) for skip in built.skipped}


def paths(built: Corpus) -> list[str]:
    return [file.path for file in built.files]


def edit(repo: GitRepo) -> GitRepo:
    """Make one change of each kind: staged, unstaged, untracked, ignored."""
    repo.write(".gitignore", "*.log\n")
    repo.commit(**{"both.py": "1\n2\n3\n", "staged.py": "1\n2\n", "kept.py": "1\n"})
    repo.write("both.py", "1\nstaged\n3\n")
    repo.write("staged.py", "1\n")
    repo.git("add", "-A")
    repo.write("both.py", "0\n1\nstaged\n3\n")
    repo.write("new.py", "new\n")
    repo.write("noise.log", "noise\n")
    return repo


def make_odd(repo: GitRepo) -> GitRepo:
    """Stage one of each odd input."""
    repo.commit(README="x\n")
    repo.write("ok.py", "1\n")
    repo.write("picture.png", b"\x89PNG\0\0")
    repo.write("model.onnx", POINTER)
    (repo.path / "link.py").symlink_to("/etc/passwd")
    (repo.path / "dangling.py").symlink_to("nowhere")
    repo.write("node_modules/x/index.js", "1\n")
    repo.write("app.min.js", "1\n")
    repo.write("poetry.lock", "1\n")
    repo.write("skipme/a.py", "1\n")
    repo.write("large.csv", LARGE)
    repo.write("large.bin", b"\0" * len(LARGE))
    repo.write("latin.txt", b"caf\xe9\n")
    repo.git("add", "-A")
    oid = repo.git("rev-parse", "HEAD").strip()
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{oid},module")
    return repo
