"""Line counts, and git's line numbers in ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_gate.core import Removed, Span, split_lines
from rlm_gate.decoding import Decoded
from rlm_gate.lines import Judged, by_comparison, by_hunks, count_lines, whole
from rlm_gate.patches import Hunk


@given(st.text(st.sampled_from("a\n\r\x0c\u2028 "), max_size=30))
def test_lines_are_counted_as_they_are_split(text: str) -> None:
    assert count_lines(text) == len(split_lines(text))


def test_an_empty_text_has_no_lines_to_judge() -> None:
    assert whole("a", "") == ()
    assert whole("a", "\n") == (Span("a", 1, 1),)


@given(st.lists(st.sampled_from(["a\n", "b\rc\n", "d\r\n", "\r\r\n", "\n"]), min_size=1))
def test_each_of_gits_lines_keeps_its_text(lines: list[str]) -> None:
    decoded = Decoded("".join(lines))
    ours = split_lines(decoded.text)
    for number, line in enumerate(lines, 1):
        judged = by_hunks("p", decoded, [Hunk(number, 1, b"old\n")])
        assert judged
        (span,), (removed,) = judged.changed, judged.removed
        assert ours[span.start - 1 : span.end] == split_lines(line)
        assert removed == Removed(span.start - 1, "old\n")


@pytest.mark.parametrize(
    "hunk", [Hunk(3, 1, b""), Hunk(2, 2, b""), Hunk(3, 0, b"x\n")], ids=["added", "long", "removed"]
)
def test_hunks_of_another_text_are_told(hunk: Hunk) -> None:
    assert by_hunks("p", Decoded("1\n2\n"), [hunk]) is None


def test_without_git_what_is_nowhere_any_more_is_removed() -> None:
    judged = by_comparison("p", "1\n3\n3\n", "1\n2\n3\n1\n")
    assert judged == Judged((Span("p", 1, 3),), (Removed(0, "2\n1\n"),))
    assert by_comparison("p", "2\n1\n", "1\n2\n").removed == ()
