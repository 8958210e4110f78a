import re
from collections.abc import Iterator, Mapping

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Severity, Skip, SourceFile
from rlm_gate.detectors import Text, regex


def find(file: SourceFile, **options: str) -> list[Finding]:
    seeking = rule(detect=[Detect("regex", options)])
    return list(kept(regex.detect(corpus(file), [seeking])))


def kept(items: Iterator[Finding | Skip]) -> Iterator[Finding]:
    for item in items:
        assert isinstance(item, Finding)
        yield item


def places(findings: list[Finding]) -> list[tuple[int, int, tuple[int, int] | None]]:
    return [(one.span.start, one.span.end, one.columns) for one in findings]


def test_every_match_is_a_finding_in_the_order_of_the_text() -> None:
    found = find(source("a.txt", "one\nxx two xx\n"), pattern="xx")
    assert places(found) == [(2, 2, (1, 3)), (2, 2, (8, 10))]
    assert found[0].quote == "xx two xx"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_anchors_work_line_by_line_whatever_ends_the_lines(end: str) -> None:
    found = find(source("a.txt", f"x{end}DEBUG = True{end}y{end}"), pattern="^DEBUG = True$")
    assert places(found) == [(2, 2, (1, 13))]
    assert found[0].quote == "DEBUG = True"


def test_a_match_over_lines_spans_them() -> None:
    found = find(source("a.txt", "a (\r\n b\r\n) c\r\n"), pattern=r"\((?:.|\n)*?\)")
    assert places(found) == [(1, 3, (3, 2))]
    assert found[0].quote == "a (\n b\n) c"


def test_columns_count_code_points_beyond_the_basic_plane() -> None:
    found = find(source("a.txt", "\N{GRINNING FACE}\N{GRINNING FACE} bad\n"), pattern="bad")
    assert places(found) == [(1, 1, (4, 7))]


def test_a_pattern_for_line_starts_finds_what_a_search_of_the_whole_text_does() -> None:
    text = "ab\n\n  ab ab\nxab\nab\nab"
    for pattern in (r"^\s*ab", r"^ab\nab", r"^[ \t]*ab|xab", r"^(?:ab|x)"):
        expected = [match.span() for match in re.finditer(pattern, text, re.MULTILINE)]
        assert list(regex._matches(pattern, Text.of(text))) == expected, pattern


def test_an_empty_match_is_no_finding() -> None:
    assert find(source("a.txt", "abc\n"), pattern="x*(?=c)|q") == []


def test_lines_that_have_what_they_must_lack_are_left_out() -> None:
    file = source("a.go", "InsecureSkipVerify: true\n// InsecureSkipVerify: true\n")
    found = find(file, pattern="InsecureSkipVerify: true", lines_lack="^//")
    assert [one.span.start for one in found] == [1]


def test_an_entry_may_be_for_some_of_the_rule_s_languages() -> None:
    options = {"pattern": "bad", "language": ["go", "typescript"]}
    seeking = rule(detect=[Detect("regex", options)])
    files = [source(name, "bad\n") for name in ("a.go", "a.py", "a.tsx")]
    found = kept(regex.detect(corpus(*files), [seeking]))
    assert [one.span.path for one in found] == ["a.go", "a.tsx"]
    assert regex.languages(options) == {"go", "typescript"}
    assert regex.languages({"pattern": "bad"}) is None


def test_only_files_the_rule_applies_to_are_read() -> None:
    seeking = rule(detect=[Detect("regex", {"pattern": "x"})], languages=("python",))
    assert list(regex.detect(corpus(source("a.go", "x\n")), [seeking])) == []


def test_a_deleted_file_has_no_findings() -> None:
    assert find(source("a.txt", "", status="deleted", removed=[(0, "bad\n")]), pattern="bad") == []


@pytest.mark.parametrize(
    ("options", "place", "text"),
    [
        pytest.param({}, (), "pattern: write a regular expression", id="missing"),
        pytest.param({"pattern": 3}, ("pattern",), "write a regular expression", id="not-text"),
        pytest.param({"pattern": "("}, ("pattern",), "not a regular expression", id="broken"),
        pytest.param({"pattern": "x*"}, ("pattern",), "matches everywhere", id="empty-match"),
        pytest.param(
            {"pattern": "x", "language": "go"}, ("language",), "not among the rule's", id="lang"
        ),
        pytest.param(
            {"pattern": "x", "lines_have": "["}, ("lines_have",), "not a regular", id="lines"
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(
    options: Mapping[str, object], place: tuple[str, ...], text: str
) -> None:
    [(where, said)] = regex.validate(options, ("python",))
    assert where == place
    assert text in said


def test_good_options_raise_no_complaint() -> None:
    assert list(regex.validate({"pattern": "^x", "lines_lack": "y"}, ("any",))) == []


def test_lines_that_fit_the_doubt_of_an_entry_make_it_medium_at_most() -> None:
    file = source("a.txt", "key = real\nkey = example\n")
    found = find(file, pattern="key", lines_doubt="example")
    assert [one.severity for one in found] == [Severity.HIGH, Severity.MEDIUM]
    low = find(file, pattern="key", lines_doubt="example", severity="low")
    assert [one.severity for one in low] == [Severity.LOW, Severity.LOW]


def test_lines_that_lack_what_makes_a_find_grave_make_it_low_at_most() -> None:
    file = source("a.txt", "key = password\nkey = etag\nkey = example password\n")
    found = find(file, pattern="key", lines_grave="password", lines_doubt="example")
    assert [one.severity for one in found] == [Severity.HIGH, Severity.LOW, Severity.MEDIUM]
