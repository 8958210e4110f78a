"""Which lines set what other lines depend on."""

from __future__ import annotations

import pytest

from rlm_gate.core import Span
from rlm_gate.rlm.settings import assigned, here

RETRY = """\
import os

LIMIT: int = 3
STRIPPED = frozenset(
    ["Authorization"]
)


class Retry:
    DEFAULT_ALLOWED = True

    def go(self, headers):
        left = LIMIT
        return left == LIMIT and headers
"""


def test_constants_of_a_file_and_a_class_are_settings_and_locals_are_none() -> None:
    found = [(name, span.start, span.end) for name, span in assigned("a.py", RETRY.splitlines())]
    assert found == [("LIMIT", 3, 3), ("STRIPPED", 4, 6), ("DEFAULT_ALLOWED", 10, 10)]


@pytest.mark.parametrize(
    "line",
    [
        "export const MAX_SIZE = 10;",
        "var hooks = {};",
        "    private static final int MAX_SIZE = 10;",
    ],
)
def test_other_languages_set_things_too(line: str) -> None:
    assert [span for _, span in assigned("a", [line])] == [Span("a", 1, 1)]


@pytest.mark.parametrize("line", ["if limit == 3:", "run(limit=3)", "limit => 3", "return limit"])
def test_what_sets_nothing_is_no_setting(line: str) -> None:
    assert list(assigned("a", [line])) == []


def test_only_what_the_words_name_and_the_reader_does_not_see_is_shown() -> None:
    lines = RETRY.splitlines()
    assert list(here("a.py", lines, Span("a.py", 12, 14), ["STRIPPED"])) == [4, 5, 6]
    assert here("a.py", lines, Span("a.py", 1, 14), ["STRIPPED"]) == {}
    assert here("a.py", lines, Span("a.py", 12, 14), ["headers"]) == {}
