"""The names a cell reads the corpus by, called as a cell calls them."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rlm_gate.core import split_lines as host_split_lines
from rlm_gate.rlm.sandbox.library import (
    Chunk,
    Files,
    Library,
    Span,
    Symbol,
    chunk_lines,
    chunk_text,
    split_lines,
)

TEXTS = {
    "src/a.py": "import os\n\ndef run(cmd):\n    os.system(cmd)\n",
    "src/b.py": "one\r\ntwo\rthree\x0cfour\u2028five\n",
    "docs/a.md": "# os\n",
    "empty.txt": "",
}


def library(texts: dict[str, str], outline: Any = None) -> dict[str, Any]:
    contents = list(texts.values())
    index = {path: (number, 0) for number, path in enumerate(texts)}
    files = Files(index, lambda number, _length: contents[number])
    return {"files": files, **Library(files, outline).functions()}


@pytest.fixture
def names() -> dict[str, Any]:
    return library(TEXTS)


def test_files_are_a_mapping_that_cannot_be_changed(names: dict[str, Any]) -> None:
    files = names["files"]
    assert len(files) == 4
    assert list(files) == files.keys() == list(TEXTS)
    assert dict(files.items()) == TEXTS
    assert list(files.values()) == list(TEXTS.values())
    assert files.get("nope") is None
    assert "docs/a.md" in files
    assert repr(files) == "<files: 4 paths: 'src/a.py', 'src/b.py', 'docs/a.md', ...>"
    with pytest.raises(KeyError):
        files["nope"]
    with pytest.raises(TypeError):
        files["x"] = "y"


def test_kept_texts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlm_gate.rlm.sandbox.library._KEPT_CHARS", 100)
    loads: list[int] = []

    def load(number: int, _length: int) -> str:
        loads.append(number)
        return "x" * 20

    files = Files({str(number): (number, 0) for number in range(10)}, load)
    for _ in range(2):
        assert len("".join(files.values())) == 200
    assert len(loads) == 20
    files["9"]
    assert len(loads) == 20


def test_grep_finds_lines_in_the_order_of_the_files(names: dict[str, Any]) -> None:
    hits = names["grep"](r"\bos\b")
    assert [(hit.path, hit.line, hit.text) for hit in hits] == [
        ("src/a.py", 1, "import os"),
        ("src/a.py", 4, "    os.system(cmd)"),
        ("docs/a.md", 1, "# os"),
    ]
    assert (hits[0].start, hits[0].end) == (1, 1)


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (None, {"src/a.py", "docs/a.md"}),
        ("src/a.py", {"src/a.py"}),
        ("src/", {"src/a.py"}),
        ("*.md", {"docs/a.md"}),
        (["docs/", "src/a.py"], {"src/a.py", "docs/a.md"}),
        (Span("docs/a.md", 1, 1), None),
        ([Span("docs/a.md", 1, 1)], {"docs/a.md"}),
        ("nowhere/", set()),
    ],
)
def test_grep_looks_where_it_is_told(names: dict[str, Any], paths: Any, found: Any) -> None:
    if found is None:
        with pytest.raises(TypeError):
            names["grep"]("os", paths)
    else:
        assert {hit.path for hit in names["grep"]("os", paths)} == found


@pytest.mark.parametrize("pattern", ["", "x*", "^", "$", r"\s*"])
def test_empty_matches_give_each_line_once(pattern: str) -> None:
    grep = library({"a": "one\n\ntwo"})["grep"]
    assert [hit.line for hit in grep(pattern)] == [1, 2, 3]


def test_grep_anchors_at_lines_and_counts_them_as_the_host_does(names: dict[str, Any]) -> None:
    hits = names["grep"](r"^t\w+$", "src/b.py")
    assert [(hit.line, hit.text) for hit in hits] == [(2, "two")]
    assert [hit.line for hit in names["grep"]("five")] == [3]


def test_grep_takes_compiled_patterns_and_flags(names: dict[str, Any]) -> None:
    import re

    assert names["grep"]("IMPORT", flags=int(re.IGNORECASE))[0].line == 1
    assert names["grep"](re.compile("IMPORT", re.IGNORECASE))[0].line == 1
    with pytest.raises(TypeError):
        names["grep"](re.compile(b"x"))
    with pytest.raises(re.error):
        names["grep"]("(")


def test_grep_is_linear() -> None:
    """Sixteen times the text, 256 times the time if it were quadratic; the bar leaves room."""

    def seconds(size: int) -> float:
        grep = library({"a": "some line of text\n" * size})["grep"]
        gc.disable()  # what collecting costs depends on all tests before this one
        try:
            began = time.process_time()
            assert len(grep("line")) == size
            return time.process_time() - began
        finally:
            gc.enable()

    small = min(seconds(4_000) for _ in range(3))
    assert min(seconds(64_000) for _ in range(2)) < max(small, 0.001) * 150


def test_read_gives_the_lines_asked_for(names: dict[str, Any]) -> None:
    read = names["read"]
    assert read("src/a.py") == "import os\n\ndef run(cmd):\n    os.system(cmd)"
    assert read("src/a.py", 3) == "def run(cmd):\n    os.system(cmd)"
    assert read("src/a.py", 1, 1) == "import os"
    assert read("src/a.py", 4, 99) == "    os.system(cmd)"
    assert read("src/a.py", -5, 1) == "import os"
    assert read("src/a.py", 9) == ""
    assert read("src/a.py", 1, 0) == ""
    with pytest.raises(KeyError, match=r"did you mean 'src/a.py'"):
        read("a.py")
    with pytest.raises(TypeError):
        read("src/a.py", "1")


def test_span_is_clipped_to_the_file(names: dict[str, Any]) -> None:
    span = names["span"]
    assert span("src/a.py", 2, 3) == Span("src/a.py", 2, 3)
    assert span("src/a.py", -1, 99) == Span("src/a.py", 1, 4)
    assert span("src/a.py", 9, 2) == Span("src/a.py", 4, 4)
    assert span("empty.txt") == Span("empty.txt", 1, 1)


TEXT = st.text(alphabet="ab\n\r\x0c\u2028é", max_size=200)


@settings(deadline=None)
@given(TEXT)
def test_lines_are_the_hosts_lines(text: str) -> None:
    assert split_lines(text) == host_split_lines(text)


@settings(deadline=None)
@example("a\r\r\r\raaa", 3, "symbols")
@given(TEXT, st.integers(1, 40), st.sampled_from(["lines", "file", "symbols"]))
def test_chunks_cover_each_line_once(text: str, size: int, by: str) -> None:
    lines = split_lines(text)
    marks = [Symbol("a", number, number, "f", "function") for number in range(1, len(lines), 3)]
    chunks = list(library({"a": text}, lambda _path: marks)["chunks"](by=by, max_chars=size))
    assert [line for chunk in chunks for line in range(chunk.start, chunk.end + 1)] == [
        *range(1, len(lines) + 1)
    ]
    assert "\n".join(chunk.text for chunk in chunks) == "\n".join(lines) or not lines
    for chunk in chunks:
        assert len(chunk.text) <= size or chunk.start == chunk.end


def test_chunks_end_before_a_symbol_that_would_not_fit_whole() -> None:
    text = "def a():\n    1\ndef b():\n    2\n    3\n"
    marks = [Symbol("x", 1, 2, "a", "function"), Symbol("x", 3, 5, "b", "function")]
    chunks = library({"x": text}, lambda _path: marks)["chunks"]
    assert [(one.start, one.end) for one in chunks(by="symbols", max_chars=30)] == [(1, 2), (3, 5)]
    assert [(one.start, one.end) for one in chunks(by="lines", max_chars=30)] == [(1, 4), (5, 5)]


def test_chunks_say_what_they_can_do(names: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="file, lines, symbols"):
        names["chunks"](by="words")
    with pytest.raises(ValueError, match="at least 1"):
        names["chunks"](max_chars=0)
    with pytest.raises(ValueError, match="outline"):
        names["chunks"](by="symbols")


@given(st.text(max_size=50), st.integers(1, 9), st.integers(0, 8))
def test_chunk_text_overlaps_and_loses_nothing(text: str, size: int, overlap: int) -> None:
    if overlap >= size:
        with pytest.raises(ValueError, match="overlap"):
            chunk_text(text, size, overlap)
        return
    pieces = chunk_text(text, size, overlap)
    step = size - overlap
    assert "".join(piece[:step] for piece in pieces)[: len(text)] == text
    assert all(len(piece) <= size for piece in pieces)


def test_chunk_text_is_linear_where_slicing_off_the_front_is_not() -> None:
    began = time.perf_counter()
    assert len(chunk_text("x" * 30_000_000, 1000)) == 30_000
    assert time.perf_counter() - began < 2


@given(st.text(alphabet="a\n", max_size=40), st.integers(1, 5))
def test_chunk_lines_join_to_the_text(text: str, n: int) -> None:
    assert "\n".join(chunk_lines(text, n)) == text


def test_values_show_themselves_shortly() -> None:
    assert repr(Chunk("a", 1, 2, "x" * 500)).endswith("...')")
    assert len(repr(Chunk("a", 1, 2, "x" * 500))) < 200
    assert repr(Symbol("a", 1, 2, "f", "function")).startswith("Symbol(name='f', kind='function'")
    assert Span("a", 1, 2) < Span("a", 2, 2)
    assert len({Span("a", 1, 2), Span("a", 1, 2)}) == 1
