from __future__ import annotations

import pytest

from rlm_gate.reports._plain import disarm, one_line, plain, shown_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\tb\nc", "a\tb\nc", id="tab and newline stay"),
        pytest.param("a\r\nb\rc", "a\nb\\x0dc", id="carriage returns"),
        pytest.param("\x1b[31mred\x00\x9b", "\\x1b[31mred\\x00\\x9b", id="escapes"),
        pytest.param("\ud800\udcff", "\\ud800\\xff", id="surrogates"),
        pytest.param("\ufffe\uffff\ufeff", "\\ufffe\\uffff\\ufeff", id="non-characters"),
        pytest.param("if a\u202e\u2066b", "if a\\u202e\\u2066b", id="text direction"),
        pytest.param("x\U000e0041", "x\\U000e0041", id="tag characters"),
        pytest.param("👩\u200d💻 नी ü", "👩\u200d💻 नी ü", id="what people write stays"),
    ],
)
def test_plain_shows_what_would_be_hidden(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_one_line_collapses_white_space_and_marks_the_cut() -> None:
    assert one_line(" a \n\n b\tc ") == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


def test_a_path_can_not_start_a_line_of_its_own() -> None:
    assert shown_path("a\nb\udcff\u2028.py") == "a\\x0ab\\xff\\u2028.py"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("::error::x", "\\::error::x", id="command"),
        pytest.param(" \u3000::error::x", " \u3000\\::error::x", id="after white space"),
        pytest.param("a ::error::x", "a ::error::x", id="only at the start"),
        pytest.param("see ##[error]x", "see ##\\[error]x", id="old form, anywhere"),
        pytest.param("##vso[task.x]", "##vso\\[task.x]", id="Azure"),
        pytest.param("## [1] title", "## [1] title", id="a heading is no command"),
    ],
)
def test_no_line_is_a_command_to_a_runner(line: str, expected: str) -> None:
    assert disarm(line) == expected
