from __future__ import annotations

import re

import pytest
from builders import source
from hypothesis import given
from hypothesis import strategies as st

from rlm_gate.core import Removed, Span
from rlm_gate.rlm.blocks import block, excerpt, fence

TEXT = "one\ntwo\nthree\n"


def test_rows_count_from_one_and_translate_back() -> None:
    file = source("a.py", TEXT, status="modified", changed=[(2, 2)])
    shown = block(file, file.lines, Span("a.py", 2, 3), [Removed(2, "gone\nlost")])
    assert [row.mark for row in shown.rows] == ["+", "-", "-", " "]
    assert [shown.line(row) for row in (1, 2, 3, 4, 5)] == [2, 2, 2, 3, None]


def test_the_line_end_of_removed_text_is_no_row() -> None:
    file = source("a.py", TEXT, status="modified", changed=[], removed=[(2, "gone\n\nlost\n")])
    shown = block(file, file.lines, Span("a.py", 2, 2), file.removed)
    assert [row.text for row in shown.rows] == ["two", "gone", "", "lost"]


def test_where_the_block_stands_does_not_show() -> None:
    file = source("a.py", TEXT)
    lower = source("a.py", "zero\n" + TEXT)
    first = block(file, file.lines, Span("a.py", 1, 3)).render()
    moved = block(lower, lower.lines, Span("a.py", 2, 4)).render()
    assert first == moved


def test_lines_removed_from_the_top_are_shown() -> None:
    file = source("a.py", TEXT, status="modified", changed=[], removed=[(0, "gone")])
    shown = block(file, file.lines, Span("a.py", 1, 1), file.removed)
    assert [(row.mark, row.text) for row in shown.rows] == [("-", "gone"), (" ", "one")]
    assert shown.line(1) == 1


def test_a_whole_scope_marks_nothing() -> None:
    file = source("a.py", TEXT)
    assert {row.mark for row in block(file, file.lines, Span("a.py", 1, 3)).rows} == {" "}


@given(st.text())
def test_the_fence_does_not_occur_in_what_it_fences(text: str) -> None:
    fenced = fence(text)
    mark = re.match(r"<<<([0-9a-f]{16})\n", fenced)
    assert mark
    assert mark[1] not in text
    assert fenced == f"<<<{mark[1]}\n{text}\n{mark[1]}>>>"
    assert fence(text) == fenced


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Row 2 builds it, see rows 1-3.", "line 11 builds it, see lines 10-12."),
        ("rows 1, 2 and 3", "lines 10, 11 and 12"),
        ("row 9 is not there", "row 9 is not there"),
        ("b.py row 2, src/b, row 1", "b.py row 2, src/b, line 10"),
        ("in `b.py`, rows 1-2; ./a.py row 2", "in `b.py`, rows 1-2; ./a.py line 11"),
        ("after os.open row 2", "after os.open line 11"),
        ("the row of rows 12 deep; arrow 2", "the row of rows 12 deep; arrow 2"),
    ],
)
def test_rows_in_a_readers_words_become_lines(said: str, told: str) -> None:
    shown = excerpt("a.py", "x\n" * 20, Span("a.py", 10, 12))
    assert shown.in_lines(said) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("row 3 checked it", "line removed after line 2 checked it"),
        ("the removed rows 3-4 did", "the lines removed after line 2 did"),
        ("without rows 3-4 and", "without lines removed after line 2 and"),
        ("row 5 now", "line 3 now"),
    ],
)
def test_removed_rows_have_no_line_but_a_place(said: str, told: str) -> None:
    file = source("a.py", "a\nb\nc\n", status="modified", changed=[], removed=[(2, "x\ny")])
    shown = block(file, file.lines, Span("a.py", 1, 3), file.removed)
    assert shown.in_lines(said) == told
