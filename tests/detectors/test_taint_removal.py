"""What a replacement takes out, and when taking it out once is not enough."""

from __future__ import annotations

import pytest

from rlm_gate.detectors._taint.removal import is_counted, is_global, taken_out
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
        pytest.param(r"/[^<']/g", set(), id="all but these"),
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


@pytest.mark.parametrize("pattern", [None, 3, b"'", ["'"]])
def test_what_is_no_text_takes_nothing_out(pattern: object) -> None:
    assert gone(pattern) == set()


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
