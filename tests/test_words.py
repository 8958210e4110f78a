from __future__ import annotations

import pytest

from rlm_gate import rulefile
from rlm_gate.rulefile import RuleFile

RULE = """\
title: Names that are shown
severity: low
precision: medium
languages: [python]
words:
  people: author|(?i:user)name|e?mail
detect:
  - {engine: regex, pattern: 'show\\((?&people)\\)', lines_lack: 'safe_(?&people)'}
  - engine: astgrep
    language: python
    rule: {kind: call, has: {field: function, regex: '^print_(?&people)$'}}
prefilter: ['(?&people)s?$']
fix:
  - engine: regex
    pattern: '\\bshow(?=\\((?&people))'
    rewrite: 'show(?&people)'
    safety: unsafe
    what: say it
message: Stop.
help: {why: because, fix: do it}
tests: {bad: [show(author)], good: [show(safe_author)]}
"""


def read(text: str = RULE) -> RuleFile:
    return rulefile.read("demo", "rule.yaml", text.encode(), "rule.yaml")


def problems(*changes: tuple[str, str]) -> list[str]:
    text = RULE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return [str(problem) for problem in read(text).problems]


def test_every_expression_that_calls_a_word_reads_it_in_place_of_the_call() -> None:
    rule = read().rule
    assert rule
    people = "(?:author|(?i:user)name|e?mail)"
    by_text, by_shape = rule.detect
    assert by_text.options["pattern"] == rf"show\({people}\)"
    assert by_text.options["lines_lack"] == f"safe_{people}"
    assert by_shape.options["rule"]["has"]["regex"] == f"^print_{people}$"
    assert rule.prefilter == (f"{people}s?$",)
    assert rule.fix[0].options["pattern"] == rf"\bshow(?=\({people})"


def test_what_a_fix_writes_is_no_expression_and_stays() -> None:
    rule = read().rule
    assert rule
    assert rule.fix[0].text == "show(?&people)"


def test_an_escaped_parenthesis_calls_no_word() -> None:
    rule = read(RULE.replace("'safe_(?&people)'", r"'\(?&people\)|\\(?&people)'")).rule
    assert rule
    lacks = rule.detect[0].options["lines_lack"]
    assert lacks == r"\(?&people\)|\\(?:author|(?i:user)name|e?mail)"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param(
            [("'safe_(?&people)'", "'safe_(?&poeple)'")],
            "rule.yaml:8:64: detect[0].lines_lack: 'words' has no 'poeple'; did you mean 'people'?",
            id="a near miss",
        ),
        pytest.param(
            [("words:\n  people: author|(?i:user)name|e?mail\n", ""), ("(?&people)", "(?&one)")],
            "detect[0].pattern: 'words' has no 'one'; give it there",
            id="no words at all",
        ),
        pytest.param(
            [("people: author", "animals: cat|dog\n  people: author")],
            "rule.yaml:6:12: words.animals: nothing calls (?&animals); call it or leave it out",
            id="a word that nothing calls",
        ),
        pytest.param(
            [("author|(?i:user)", "author|(user)")],
            "rule.yaml:6:11: words.people: a group here would renumber those around it; "
            "write (?:...)",
            id="a group",
        ),
        pytest.param(
            [("author|(?i:user)name|e?mail", "'[a'")],
            "rule.yaml:6:11: words.people: not a regular expression: "
            "unterminated character set at character 1",
            id="no expression",
        ),
        pytest.param(
            [("author|(?i:user)name", "(?i)author|username")],
            "words.people: not a regular expression: global flags not at the start",
            id="flags for the whole",
        ),
        pytest.param(
            [("people: author", "other: a\n  people: (?&other)|author")],
            "words.people: not a regular expression: unknown extension ?&",
            id="a word that calls another",
        ),
        pytest.param(
            [("people: author|(?i:user)name|e?mail", "people: ''")],
            "rule.yaml:6:11: words.people: text is wanted, this is empty",
            id="an empty word",
        ),
        pytest.param(
            [("people: author|(?i:user)name|e?mail", "people: 12")],
            'rule.yaml:6:11: words.people: text is wanted; put it in quotes: "12"',
            id="a number",
        ),
        pytest.param(
            [("people", "People")],
            "rule.yaml:6:11: words.People: 'People' is no name of a word; use a-z, 0-9 and _",
            id="a name in capitals",
        ),
        pytest.param(
            [("words:\n  people: author|(?i:user)name|e?mail", "words: [people]")],
            "rule.yaml:5:8: words: a mapping of 'key: value' lines is wanted",
            id="a list",
        ),
    ],
)
def test_a_mistake_in_words_is_named_at_its_place_with_the_remedy(
    changes: list[tuple[str, str]], problem: str
) -> None:
    found = problems(*changes)
    assert any(problem in one for one in found), found


def test_a_wrong_word_is_told_once_and_not_by_each_engine_that_would_read_it() -> None:
    assert len(problems(("author|(?i:user)name|e?mail", "'[a'"))) == 1


def test_words_cannot_make_a_small_file_fill_the_memory() -> None:
    long = "x" * 20_000
    found = problems(("author|", f"{long}|author|"), ("safe_", "safe_" + "(?&people)" * 100))
    assert any("with its words this is larger than 1024 KiB" in one for one in found), found


def test_a_word_that_changes_makes_another_rule() -> None:
    """Caches know a rule by what its entries are, and these hold the words."""
    changed = read(RULE.replace("author|", "writer|").replace("author", "writer"))
    assert changed.rule
    assert changed.rule != read().rule
