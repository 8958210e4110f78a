from __future__ import annotations

import pytest
from builders import rule

from rlm_gate.rlm.prompting import names, prompt, questions


def test_every_prompt_is_found_by_its_file_name() -> None:
    assert {"audit", "map", "sub"} <= set(names())


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        prompt("map_chunk", context="", path="a.py")


def test_an_unknown_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="no placeholder colour"):
        prompt("map", colour="red")


def test_repository_text_is_never_read_as_a_placeholder() -> None:
    filled = prompt("map_chunk", context="$path", path="${block}", block="$context")
    assert "$path" in filled
    assert "${block}" in filled
    assert "$context" in filled


def test_questions_carry_the_rules_ids_in_order() -> None:
    asked = (rule("security/b", ask="chunk"), rule("security/a", ask="chunk"))
    assert [line for line in questions(asked).split("\n") if line.startswith("## ")] == [
        "## security/b: Title of security/b",
        "## security/a: Title of security/a",
    ]
