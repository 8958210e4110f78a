"""What a pattern needs: never more than it matches."""

import re
import string
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_gate.detectors._literals import Sought, found, in_lower_case, needed, possible
from rlm_gate.detectors._needs import alternatives, branches, needs

PATTERNS = (
    r"\beval\(",
    r"new\s+Function\b",
    r"[Cc]ertainly! ",
    r"(?i)select",
    r"foo?bar+x",
    r"a|bc",
    r"(?:get|set)query\(",
    r"ab{2,3}cd",
    r"ab{0}cd",
    r"[\])x]abc",
    r"x*",
    r"a(b(c)d)?e\(f",
    r"ab??c",
    r"(?:abc)?def",
    r"\x41bc\u0044e",
    r"\N{BULLET}abc",
    r"(a)b\1c",
    r"\d+abc$",
    r"\.pop\(0\)",
    r"[]a]bc",
    r"[^]a]bc",
    r"a\|b",
    r"ab*?c",
    r"(?i)\bssl_?context|create_ctx|tls\.Config",
    r"(?i)(?:is|ki)ns?k",
    r"^[ ]*(?:ab|cd)\s*\(|\bxyz\b",
    r"(?m)^(?:ab|c)[ \t]*def",
    r"(?i)^\s*fed|(xy)z\s+a",
    r"(?:ab|c[de])+?x",
    r"load_(?:pem|der)",
    r"x(?:ab|cd)*y",
    r"(?P<name>ab)|(?:cd|)e",
    r"(?=ab)abc|(?!x)yz",
    r"(?<!a)bcd(?#e)",
    r"(?:(?:ab|cd)e){2}f",
    r"(?:ab){0,2}c",
    r"(ab)?(?(1)cd|ef)gh",
    r"(?x) a b",
    r"(?s)ab.cd",
    r"\b(?:it|test)\(",
    r"(?:x|y(?:z|ab))(?:c|d){2}e",
    r"(?i)(?:jwt|hmac)_?(?:key|secret)",
    r"a[^b\n]*c$",
    r"^ab|cd\Z",
    r"a[^b]c|a[\t-z]c",
    r"(?:ab|cd)?\s+ef",
    r"\bab\s+\w*(?:cd|ef)\b",
    r"(?i)\bab\s+cd\b|ef\s*x",
    r"(?<!a)bc\s+d|xyz\b",
    r"[aA]b\s*!=",
    r"\d+\s",
)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_pattern_is_possible_in_all_that_it_matches(pattern: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(pattern, fullmatch=True))
    assert possible(pattern, text)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_pattern_is_found_in_a_text_of_many_lines_where_re_finds_it(
    pattern: str, data: st.DataObject
) -> None:
    letters = st.text("abcdefxyz_ (\n", max_size=8)
    pieces = st.one_of(letters, st.from_regex(pattern, fullmatch=True), st.just("\n"))
    text = "".join(data.draw(st.lists(pieces, max_size=8)))

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.MULTILINE)

    assert found(pattern, text, compiled) == (compiled(pattern).search(text) is not None)


@pytest.mark.parametrize("many", [1, 99, 100, 101, 500])
def test_a_match_behind_any_number_of_other_lines_with_its_text_is_found(many: int) -> None:
    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.MULTILINE)

    text = "ab x\n" * many + "cd\nab y"
    assert found(r"ab y$", text, compiled)
    assert not found(r"ab z$", text, compiled)


@pytest.mark.parametrize("many", [1, 999, 1000, 1001, 3000])
def test_a_match_behind_any_number_of_places_that_begin_alike_is_found(many: int) -> None:
    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.MULTILINE)

    text = "ab x\n" * many + "ab\ny"
    assert needs(r"\bab\s+y\b").starts == ("ab",)
    assert found(r"\bab\s+y\b", text, compiled)
    assert not found(r"\bab\s+z\b", text, compiled)


@pytest.mark.parametrize(
    ("pattern", "stays"),
    [
        (r"\bab\w+ c\(", True),
        (r"a[^\n)]*c", True),
        (r"a[^)]*c", False),
        (r"a\sb", False),
        (r"a[\s\S]b", False),
        ("(?s)a.b", False),
        (r"a\Z", False),
        (r"a\x0ab", False),
        ("a\nb", False),
        (r"a[\t-z]b", False),
    ],
)
def test_a_pattern_stays_in_a_line_where_nothing_of_it_is_a_newline(
    pattern: str, *, stays: bool
) -> None:
    assert needs(pattern).in_line is stays


def test_what_re_takes_for_a_letter_of_ascii_is_that_letter_in_lower_case() -> None:
    letters = "".join(map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1))))
    lowered = in_lower_case(letters)
    assert len(lowered) == len(letters)
    for one in string.ascii_lowercase:
        for match in re.finditer(f"(?i){one}", letters):
            assert lowered[match.start()] == one


@pytest.mark.parametrize("letter", ["\u0130", "\u0131", "\u017f", "\u212a"])
def test_letters_that_only_re_takes_for_others_of_ascii_are_no_reason_to_say_no(
    letter: str,
) -> None:
    for pattern in ("(?i)is", "(?i)kin", "(?i)si"):
        for text in (f"{letter}s", f"{letter}in", f"{letter}i", f"\u00e9 {letter}S"):
            assert possible(pattern, text) or not re.search(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "texts", "folded"),
    [
        (r"\beval\(", {"eval("}, False),
        (r"new\s+Function\b", {"Function"}, False),
        (r"(?i)passw(?:or)?d|\bSecret", {"passw", "secret"}, True),
        (r"(?:get|set)query\(", {"getquery(", "setquery("}, False),
        (r"\b(?:np|numpy|xnp)\.", {"np.", "numpy."}, False),
        (r"\s(?:pem|der)\d", {"pem", "der"}, False),
        (r"abc|x*", set(), False),
        ("(?i)caf\u00e9", set(), False),
    ],
)
def test_the_plain_texts_of_a_pattern_are_found_where_there_are_some(
    pattern: str, texts: set[str], folded: bool
) -> None:
    found, without_case = needed(pattern)
    assert ({*found}, without_case) == (texts, folded)


@pytest.mark.parametrize(
    ("pattern", "clauses", "starts"),
    [
        (r"\bnew\s+\w*Error\b", (("Error",), ("new",)), ("new",)),
        (r"(?i)\breturn\s+True\b", (("return",), ("true",)), ("return",)),
        (r"[eE]rr\s*!=\s*nil", (("Err", "err"), ("nil",), ("!=",)), ("Err", "err")),
        (r"(?:is|has)_?(?:admin|owner)(?!s)\s", (
            tuple(sorted(f"{a}{b}{c}" for a in ("is", "has") for b in ("", "_")
                         for c in ("admin", "owner"))),
        ), None),
        (r"(?:abc|cde)+\s*ef(?>gh|ij)?kl*", (("abc", "cde"), ("efghk", "efijk", "efk")),
         ("abc", "cde")),
        (r"[^a]bcd|efg", (("bcd", "efg"),), ()),
        (r"super_?user\s", (("super",), ("user",)), ("super",)),
        (r"(?x) a b c", (), ()),
        (r"(?i:abc)|def", (), ()),
        (r"(abc", (), ()),
    ],
)  # fmt: skip
def test_each_clause_has_a_text_of_every_match_and_one_of_starts_begins_it(
    pattern: str, clauses: tuple[tuple[str, ...], ...], starts: tuple[str, ...] | None
) -> None:
    known = needs(pattern)
    assert {frozenset(one) for one in known.clauses} == {frozenset(one) for one in clauses}
    assert known.starts == (known.clauses[0] if starts is None else starts)


def test_a_text_without_them_is_said_to_hold_no_match() -> None:
    assert not possible(r"(?i)passw(?:or)?d|\bsecret", "word = 1\n")
    assert possible(r"(?i)passw(?:or)?d|\bsecret", "PASSWD = 1\n")
    assert not possible(r"\beval\(", "evaluate(1)\n")


def test_alternatives_count_outside_groups_alone() -> None:
    assert alternatives("^a|b")
    assert not alternatives(r"^(?:a|b)[|]\|")


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        (r"(?i)^a|b(?:c|d)[|]\||(e)", [r"(?i)^a", r"(?i)b(?:c|d)[|]\|", "(?i)(e)"]),
        ("ab", ["ab"]),
        ("a|", ["a", ""]),
        (r"(a)|b\1", [r"(a)|b\1"]),
        ("(?x)a | b", ["(?x)a | b"]),
        ("(?P<n>a)|b(?P=n)", ["(?P<n>a)|b(?P=n)"]),
    ],
)
def test_branches_are_patterns_of_their_own(pattern: str, parts: list[str]) -> None:
    assert list(branches(pattern)) == parts


@pytest.mark.parametrize(
    ("pattern", "at_line"),
    [
        (r"^[ \t]*(?:get|put)\s*\(", True),
        (r"^\s*get\(", False),
        (r"(?s)^.*get\(", False),
        (r"[ \t]*get\(", False),
        (r"\Aget\(", False),
        (r"^a[ ]*\s+[a-z]*something", False),
    ],
)
def test_a_match_begins_with_the_line_that_has_its_texts(pattern: str, at_line: bool) -> None:
    assert needs(pattern).at_line is at_line


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_pattern_is_found_in_a_long_text_where_re_finds_it(
    pattern: str, data: st.DataObject
) -> None:
    """A long text is cut into runs of letters first, which say what can't be in it."""
    match = data.draw(st.from_regex(re.compile(pattern, re.MULTILINE)))
    filler = "Some WORDS of no meaning, \u0130 and \u212a.\n" * 60
    text = f"{filler}{match}{filler[::-1]}"
    compiled = re.compile(pattern, re.MULTILINE)
    for one in (text, filler, match + filler, filler + match):
        assert found(pattern, one, lambda _: compiled) == bool(compiled.search(one))


def test_a_long_text_that_has_the_letters_elsewhere_does_not_have_the_text() -> None:
    compiled = re.compile("secretOrKey")
    filler = "no such words here\n" * 150
    for text in ("secretOrkey", "secret or Key", "ecretOrKeys", "secretOr", "Secretor crEt orKey"):
        assert not found("secretOrKey", filler + text, lambda _: compiled)
    assert found("secretOrKey", filler + "a_secretOrKey2", lambda _: compiled)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_lists_of_patterns_are_found_together_as_each_would_be(data: st.DataObject) -> None:
    lists = data.draw(st.lists(st.lists(st.sampled_from(PATTERNS), min_size=1).map(tuple)))
    parts = st.one_of(
        st.sampled_from(PATTERNS).flatmap(lambda one: st.from_regex(one, fullmatch=True)),
        st.text("abcdefxyz_ (\n\u0130\u212a", max_size=8),
        st.just("Some other WORDS\n"),
    )
    text = "".join(data.draw(st.lists(parts, max_size=5)))

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.MULTILINE)

    expected = {many for many in lists if any(compiled(one).search(text) for one in many)}
    assert Sought(lists).in_text(text, compiled) == expected
