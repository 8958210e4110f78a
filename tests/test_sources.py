"""Reading from disk, and the texts that are kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rlm_gate.errors import GitError
from rlm_gate.listings import Entry
from rlm_gate.objects import LIMIT, Content
from rlm_gate.sources import Source, Texts, Tree


class Counting(Source):
    """Counts what it reads, of files given as path -> bytes."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(None, None)
        self.files = files
        self.reads: list[str] = []

    def read(self, entry: Entry, limit: int = LIMIT) -> Content | None:
        self.reads.append(entry.path)
        data = self.files.get(entry.path)
        if data is None:
            return None
        return Content(len(data), data if len(data) <= limit else data[:8000])


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_kept_text_is_not_read_again() -> None:
    source = Counting({"a": b"1\n", "b": b"2\n"})
    texts = Texts(source)
    texts.keep("a", "1\n")
    texts.keep("b", "2\n")
    assert [texts.judged(Entry(path), "") for path in ("a", "b", "a")] == ["1\n", "2\n", "1\n"]
    assert source.reads == []


def test_what_does_not_fit_is_read_again_but_not_twice_in_a_row() -> None:
    source = Counting({"a": b"1\n", "b": b"2\n"})
    texts = Texts(source, limit=0)
    for path, data in source.files.items():
        texts.keep(path, data.decode())
    read = [texts.judged(Entry(path), _sha(source.files[path])) for path in "abba"]
    assert read == ["1\n", "2\n", "2\n", "1\n"]
    assert source.reads == ["a", "b", "a"]


def test_the_texts_that_are_kept_are_bounded() -> None:
    texts = Texts(Counting({}), limit=100_000)
    for number in range(100):
        texts.keep(f"{number}", "x" * 10_000)
    assert len(texts._kept) == 9


@pytest.mark.parametrize("now", [b"2\n", b"\0", None], ids=["other", "binary", "gone"])
def test_a_file_that_changes_while_it_is_judged_is_an_error(now: bytes | None) -> None:
    source = Counting({} if now is None else {"a": now})
    with pytest.raises(GitError, match="changed while it was being judged"):
        Texts(source).judged(Entry("a"), _sha(b"1\n"))


def test_the_tree_asks_for_its_files_once() -> None:
    source = Counting({"a": b"1\n", "b": b"\0", "c": b"x" * (LIMIT + 1), "d": b"2\n"})
    asked: list[int] = []

    def listed() -> list[Entry]:
        asked.append(1)
        return [*map(Entry, "dcba"), Entry("gone"), Entry("big", size=LIMIT + 1)]

    tree = Tree(Texts(source), listed, {"d": lambda: "judged\n"})
    assert asked == []
    assert (list(tree), len(tree), dict(tree)) == (["a", "d"], 2, {"a": "1\n", "d": "judged\n"})
    assert asked == [1]
    assert "big" not in source.reads


def test_a_link_and_a_folder_are_told_and_never_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1\n")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "linked").symlink_to("folder")
    (tmp_path / "folder" / "inner").write_text("1\n")
    source = Source(str(tmp_path), None)
    read = {path: source.read(Entry(path)) for path in ("file", "link", "folder", "nothing")}
    assert read == {
        "file": Content(2, b"1\n"),
        "link": Content(0, b"", "symbolic link"),
        "folder": None,
        "nothing": None,
    }
    assert source.read(Entry("folder/inner")) == Content(2, b"1\n")
    assert source.read(Entry("linked/inner")) is None
    assert source.read(Entry("file/inner")) is None


def test_a_pipe_does_not_stop_the_gate(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    content = Source(str(tmp_path), None).read(Entry("pipe"))
    assert content
    assert content.special == "not a regular file"


def test_without_objects_or_a_root_there_is_nothing(tmp_path: Path) -> None:
    assert Source(str(tmp_path), None).read(Entry("a", oid="1" * 40)) is None
    assert Source(None, None).read(Entry("a")) is None
