"""Bytes become text by marks, UTF-8, PEP 263, else Latin-1; NUL bytes make a file binary."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_gate.decoding import decode, decode_part, is_binary


@pytest.mark.parametrize(
    ("content", "language", "text", "note"),
    [
        pytest.param(b"", "text", "", "", id="empty"),
        pytest.param("é\n".encode(), "text", "é\n", "", id="UTF-8"),
        pytest.param(codecs.BOM_UTF8 + b"a\n", "python", "a\n", "", id="UTF-8 with a mark"),
        pytest.param(
            "\ufeffé\n".encode("utf-16-le"), "text", "é\n", "read as UTF-16-LE", id="16le"
        ),
        pytest.param(
            "\ufeffé\n".encode("utf-16-be"), "text", "é\n", "read as UTF-16-BE", id="16be"
        ),
        pytest.param(
            "\ufeffé\n".encode("utf-32-le"), "text", "é\n", "read as UTF-32-LE", id="32le"
        ),
        pytest.param(
            "\ufeffé\n".encode("utf-32-be"), "text", "é\n", "read as UTF-32-BE", id="32be"
        ),
        pytest.param(b"caf\xe9\n", "text", "café\n", "read as Latin-1", id="Latin-1"),
        pytest.param(
            b"# coding: cp1251\ns = '\xe6'\n", "python", None, "read as cp1251", id="first line"
        ),
        pytest.param(
            b"#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\n'\xe6'\n",
            "python",
            None,
            "read as cp1251",
            id="second line",
        ),
        pytest.param(
            b"x = 1\n# coding: cp1251\n'\xe6'\n",
            "python",
            None,
            "read as Latin-1",
            id="not after code",
        ),
        pytest.param(
            b"\n\n# coding: cp1251\n'\xe6'\n", "python", None, "read as Latin-1", id="third line"
        ),
        pytest.param(
            b"# coding: cp1251\n'\xe6'\n", "ruby", None, "read as Latin-1", id="not Python"
        ),
        pytest.param(
            b"# coding: unheard-of\n'\xe6'\n", "python", None, "read as Latin-1", id="unknown codec"
        ),
        pytest.param(
            b"# coding: rot13\n'\xe6'\n", "python", None, "read as Latin-1", id="no text codec"
        ),
        pytest.param(b"# coding: utf8\n'\xe6'\n", "python", None, "read as Latin-1", id="a lie"),
        pytest.param(b"# coding: cp1251 \xe6", "python", None, "read as cp1251", id="no end"),
        pytest.param(
            b"# coding: cp1251\n", "python", "# coding: cp1251\n", "", id="ASCII after all"
        ),
    ],
)
def test_the_encoding_is_known_by_rules(
    content: bytes, language: str, text: str | None, note: str
) -> None:
    decoded = decode(content, language)
    assert decoded
    assert decoded.note == note
    if text is not None:
        assert decoded.text == text
    elif note.endswith("cp1251"):
        assert decoded.text == content.decode("cp1251")
    else:
        assert decoded.text == content.decode("latin-1")


@pytest.mark.parametrize(
    ("content", "language"),
    [
        pytest.param(b"\x7fELF\0\0\0", "text", id="unknown name"),
        pytest.param(b"a" * 7999 + b"\0", "text", id="last byte of the head"),
        pytest.param(b"\0\1\2\xff", "python", id="full of NUL and no UTF-8"),
        pytest.param(b"\xff\xfe\0\xd8" + b"\0" * 4, "text", id="mark without UTF-16"),
        pytest.param(b"a" * 500 + b"\0\xff", "python", id="NUL and no UTF-8"),
        pytest.param("x = 1\n".encode("utf-16-le"), "python", id="UTF-16 without a mark"),
    ],
)
def test_a_nul_byte_makes_a_file_binary(content: bytes, language: str) -> None:
    assert decode(content, language) is None


def test_a_nul_byte_beyond_the_head_does_not() -> None:
    decoded = decode(b"a" * 8000 + b"\0")
    assert decoded
    assert decoded.text.endswith("\0")


def test_source_code_cannot_hide_behind_many_nul_bytes() -> None:
    code = b"// " + b"\0" * 40 + b"\nrequire('child_process').exec(x)\n" * 3
    decoded = decode(code, "javascript")
    assert decoded is not None
    assert "child_process" in decoded.text
    assert is_binary(code, "javascript") is False
    assert is_binary(code) is True


def test_source_code_cannot_hide_behind_one_nul_byte() -> None:
    code = b"/* \0 */ eval(location.hash)\n" + b"// more\n" * 40
    decoded = decode(code, "javascript")
    assert decoded
    assert "eval" in decoded.text
    assert decode(code, "text") is None
    assert not is_binary(code, "javascript")


def test_a_mark_is_no_part_of_the_text() -> None:
    decoded = decode(codecs.BOM_UTF8 + b"import os\n", "python")
    assert decoded
    assert decoded.text == "import os\n"
    assert decoded.same_lines


def test_code_that_only_a_declared_codec_shows_is_shown() -> None:
    hidden = b"# coding: unicode_escape\n\\x65\\x76\\x61\\x6c('1')\n"
    decoded = decode(hidden, "python")
    assert decoded
    assert "eval('1')" in decoded.text
    assert decoded.same_lines


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param(b"# coding: unicode_escape\nx = 1 \\x0a y = 2\n", id="adds a line"),
        pytest.param(b"# coding: unicode_escape\nx \\x0a y\nz \\\nw\n", id="moves lines"),
    ],
)
def test_a_codec_that_makes_its_own_lines_is_told(hidden: bytes) -> None:
    decoded = decode(hidden, "python")
    assert decoded
    assert not decoded.same_lines


def test_utf_16_has_no_lines_in_common_with_its_bytes() -> None:
    decoded = decode("\ufeffa\nb\n".encode("utf-16-le"))
    assert decoded
    assert not decoded.same_lines


def test_a_lone_surrogate_hides_nothing_and_breaks_nothing() -> None:
    decoded = decode(b"# coding: unicode_escape\n'\\ud800'; \\x65val('1')\n", "python")
    assert decoded
    assert "'?'; eval('1')" in decoded.text


def test_removed_lines_are_read_like_the_rest_of_their_file() -> None:
    assert decode_part("ж".encode("cp1251"), "cp1251") == "ж"
    assert decode_part("ж".encode(), "UTF-8") == "ж"
    assert decode_part(b"\xe9", "UTF-8") == "é"
    assert decode_part(b"\xe9", "Latin-1") == "é"


@given(st.binary(max_size=200), st.sampled_from(["text", "python", "javascript"]))
def test_no_bytes_break_it(content: bytes, language: str) -> None:
    decoded = decode(content, language)
    if decoded:
        assert decoded.text.encode().decode() == decoded.text
        if decoded.same_lines:
            assert decoded.text.count("\n") == content.count(b"\n")
    elif not is_binary(content, language):
        assert b"\0" in content


@given(st.text())
def test_every_text_in_utf_8_is_itself(text: str) -> None:
    if "\0" not in text and not text.startswith(("\ufeff", "\ufffe")):
        decoded = decode(text.encode())
        assert decoded
        assert decoded.text == text
