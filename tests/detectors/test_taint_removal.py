"""What a replacement takes out, and when taking it out once is not enough."""

from __future__ import annotations

import pytest

from rlm_gate.detectors._taint.removal import (
    in_slashes,
    is_counted,
    is_global,
    taken_out,
)
from rlm_gate.detectors._taint.values import constant

KNOWN = {
    "..": frozenset({"path"}),
    "../": frozenset({"path"}),
    "/": frozenset({"path"}),
    "'": frozenset({"sql"}),
    "<": frozenset({"xss"}),
    "\r\n": frozenset({"header"}),
    "\n": frozenset({"header"}),
}


def gone(pattern: object, put: object = "") -> set[str]:
    return {*taken_out(KNOWN, pattern, put)}


@pytest.mark.parametrize(
    ("text", "put", "kinds"),
    [
        pytest.param("..", "", {"path"}, id="all dots: what is left has no two beside each other"),
        pytest.param("/", "", {"path"}, id="one character"),
        pytest.param("../", "", set(), id="....// without ../ is ../"),
        pytest.param("../", "_", {"path"}, id="something is put there"),
        pytest.param("../", None, {"path"}, id="nobody knows what is put there"),
        pytest.param(".", "", {"path"}, id="each dot, so two of them as well"),
        pytest.param("\r\n", "", set(), id="two characters leave each of them"),
        pytest.param("x", "", set(), id="harmless"),
    ],
)
def test_a_plain_text_is_harm_or_part_of_it(text: str, put: object, kinds: set[str]) -> None:
    assert gone(text, put) == kinds


@pytest.mark.parametrize(
    ("expression", "kinds"),
    [
        pytest.param(r"/\.\./g", {"path"}, id="the very text"),
        pytest.param(r"/\./g", {"path"}, id="each dot"),
        pytest.param(r"/\.\.|'/g", {"path", "sql"}, id="alternatives"),
        pytest.param(r"/[<'/]/g", {"xss", "sql", "path"}, id="a class"),
        pytest.param(r"/[<']+/g", {"xss", "sql"}, id="runs of a class"),
        pytest.param(r"/[\/\\]/g", {"path"}, id="escapes in a class"),
        pytest.param(r"/[^<']/g", {"path", "header"}, id="all but these"),
        pytest.param(r"/'+/g", {"sql"}, id="runs of one"),
        pytest.param(r"/['<]|\.{2,}/g", {"sql", "xss", "path"}, id="counted"),
        pytest.param(r"/[\r\n]/g", {"header"}, id="ends of lines in a class"),
        pytest.param(r"/\r?\n|\r/g", {"header"}, id="ends of lines"),
        pytest.param(r"/\s+/g", {"header"}, id="blanks"),
        pytest.param(r"/[\x00-\x1f]/g", {"header"}, id="control characters"),
        pytest.param(r"/(?<=a)'/g", set(), id="only after a letter"),
        pytest.param(r"/^\n$/gm", set(), id="only on a line of its own"),
        pytest.param(r"/(['/g", set(), id="none that anybody could read"),
        pytest.param(r"/'/gi", {"sql"}, id="other flags"),
        pytest.param(r"/'/", set(), id="the first one alone"),
        pytest.param(r"/'/i", set(), id="the first one alone, whatever its case"),
        pytest.param(r"/'\d/g", set(), id="only before a digit"),
        pytest.param(r"/^'/g", set(), id="only at the beginning"),
        pytest.param(r"/'+$/g", set(), id="only at the end"),
        pytest.param(r"/a\|'/g", set(), id="a bar that is text"),
    ],
)
def test_an_expression_takes_out_what_every_one_of_its_pieces_finds(
    expression: str, kinds: set[str]
) -> None:
    assert gone(expression) == kinds


@pytest.mark.parametrize(
    ("pattern", "expression", "kinds"),
    [
        ("[/]", True, {"path"}),
        ("[/]", False, set()),
        (r"\.", True, {"path"}),
        ("[\r\n]+", True, {"header"}),
        (r"[\r\n]+", True, {"header"}),
        ("'" * 300, True, set()),
        ("['" + "x" * 150 + "]", True, {"sql"}),
        ("['" + "x" * 250 + "]", True, set()),
    ],
)
def test_where_a_call_takes_an_expression_it_need_not_look_like_one(
    pattern: str, *, expression: bool, kinds: set[str]
) -> None:
    assert {*taken_out(KNOWN, pattern, "", expression=expression)} == kinds


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/[']/", {"sql"}),
        ("#[']#i", {"sql"}),
        ("~/~", {"path"}),
        ("[']", set()),
        ("'", set()),
        (None, set()),
    ],
)
def test_php_s_expressions_have_delimiters_and_find_every_place(
    written: object, read: set[str]
) -> None:
    assert gone(in_slashes(written)) == read


@pytest.mark.parametrize("pattern", [None, 3, b"'", ["'"], ""])
@pytest.mark.parametrize("put", ["", "_", None])
def test_what_is_no_text_takes_nothing_out(pattern: object, put: object) -> None:
    assert gone(pattern, put) == set()


@pytest.mark.parametrize(
    ("const", "counted"), [(1, True), (3, True), (0, False), (-1, False), ("1", False)]
)
def test_a_number_of_replacements_is_one_above_none(const: object, *, counted: bool) -> None:
    values = [constant("a"), constant("b"), constant(const)]
    assert is_counted(values, 2) is counted
    assert not is_counted(values, 3)


@pytest.mark.parametrize(
    ("pattern", "every"),
    [("/a/g", True), ("/a/gi", True), ("/a/i", False), ("/a/", False), ("g", False), (None, False)],
)
def test_an_expression_finds_every_place_if_it_says_g(pattern: object, *, every: bool) -> None:
    assert is_global(pattern) is every
