from __future__ import annotations

import pytest

from rlm_gate import rustregex, syntax

CHARACTERS = "".join(map(chr, range(1, 128)))


def places(pattern: str) -> list[int]:
    """Return which ASCII characters, each in a call of its own, ast-grep finds by the pattern."""
    wanted = {"rule": {"kind": "string_content", "regex": pattern}}
    text = "\n".join(f"f({one * 3!r})" for one in CHARACTERS if one not in "\n\r'\\")
    nodes = syntax.Tree(text + "\nüber = 1\n", "python").root.find_all(wanted)
    return [node.range().start.line for node in nodes]


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"^\w", r"^\W", r"^\d", r"^\D", r"^\s", r"^\S", r"^[\w.-]+$", r"^[^\w\s]", r"^[^a-f]$"),
        *(r"^[\S]", r"^[^\S ]", r"^[\W_]", r"^[\]\\x]", r"^[^\]]+$", r"^[]x]", r"^[^]x]"),
        *(r"^\\\w", r"^\[\w", r"(?x)^ [\s] ", r"^[\w&&[^_]]", r"^[[:alpha:]\d]", r"^[a\-z\d]"),
        *(r"^\p{L}", r"^[\p{L}\d]", r"\bx", r"(?i)^[k\d]", r"^[%--]", r"^[*-\]]"),
    ],
)  # fmt: skip
def test_an_expression_for_ascii_matches_the_same_in_ascii(pattern: str) -> None:
    assert places(rustregex.in_ascii(pattern)) == places(pattern)


@pytest.mark.parametrize(
    ("pattern", "narrow"),
    [
        (r"^(?:\w+\.)*f$", r"^(?:[0-9A-Za-z_]+\.)*f$"),
        (r"[^\s]\[\]", r"[\x00-\x7f&&[^\t-\r\x20]]\[\]"),
        (r"[\w-.]", r"[\w-.]"),
        (r"[+--]\d", r"[+--][0-9]"),
        (r"\\w", r"\\w"),
    ],
)
def test_what_is_not_known_stays_as_it_is(pattern: str, narrow: str) -> None:
    assert rustregex.in_ascii(pattern) == narrow


def test_all_expressions_of_a_rule_are_narrowed_and_nothing_else() -> None:
    either = [{"regex": r"\d"}, {"pattern": r"f('\d')"}]
    rule = {"rule": {"any": either}, "utils": {"a": {"regex": r"\s"}}}
    assert rustregex.narrowed(rule) == {
        "rule": {"any": [{"regex": "[0-9]"}, {"pattern": r"f('\d')"}]},
        "utils": {"a": {"regex": r"[\t-\r\x20]"}},
    }


@pytest.mark.parametrize(("text", "found"), [("über()\n", 1), ("uber()\n", 1), ("# ü\n_x()\n", 1)])
def test_a_name_beyond_ascii_is_a_word_all_the_same(text: str, found: int) -> None:
    wanted = {"rule": {"kind": "call", "has": {"field": "function", "regex": r"^\w+$"}}}
    assert len([*syntax.Tree(text, "python").find(wanted)]) == found
