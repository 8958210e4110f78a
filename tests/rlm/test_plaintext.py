"""Text of cells and models, made harmless for terminals, XML and logs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_gate.rlm.plaintext import clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("é 😀 日本", "é 😀 日本"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link"),
        ("\x9b31mred", "red"),
        ("a\x1bcb", "ab"),
        ("bell\x07 back\x08 del\x7f", "bell back del"),
        ("over\rwritten", "over\nwritten"),
        ("dos\r\n", "dos\n"),
        ("\ud800\udfff\ufffe\uffff", ""),
        ("\x1b]unterminated\nnext", "\nnext"),
    ],
)
def test_controls_go_and_text_stays(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=60))
def test_whatever_is_left_fits_into_xml(text: str) -> None:
    left = clean(text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", left)
    assert not {"\ufffe", "\uffff"} & {*left}
    assert clean(left) == left
