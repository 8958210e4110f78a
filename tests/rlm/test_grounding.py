from __future__ import annotations

import pytest

from rlm_gate.core import Removed, Span
from rlm_gate.rlm.grounding import LONGEST, Place, Refusal, ground, ground_removed, is_meant

CODE = """\
import os

def run(command):
    return os.system(command)

def again(command):
    return os.system(command)

x = 1
}
"""


def test_quote_at_its_line_is_grounded() -> None:
    assert ground(CODE, 4, "return os.system(command)") == Place(
        4, 4, "    return os.system(command)"
    )


def test_invented_quote_is_refused_and_told_what_stands_there() -> None:
    refusal = ground(CODE, 4, "subprocess.run(command, shell=True)")
    assert refusal == Refusal("the quote is not in the file; line 4 is: return os.system(command)")


def test_unique_quote_is_anchored_where_it_stands() -> None:
    assert ground(CODE, 99, "def run(command):") == Place(3, 3, "def run(command):")


def test_ambiguous_quote_needs_the_right_line() -> None:
    refusal = ground(CODE, 1, "return os.system(command)")
    assert isinstance(refusal, Refusal)
    assert "lines 4, 7" in refusal.reason


@pytest.mark.parametrize(
    "quote",
    [
        pytest.param("return \t  os.system(command)", id="white space"),
        pytest.param("    4 | return os.system(command)", id="number and bar"),
        pytest.param("4: return os.system(command)", id="number and colon"),
        pytest.param("   4+|     return os.system(command)", id="row of a block"),
        pytest.param("return os.system(co...", id="truncated"),
        pytest.param("return os.system(co…", id="truncated with one character"),
    ],
)
def test_quotes_are_read_as_models_write_them(quote: str) -> None:
    assert ground(CODE, 4, quote) == Place(4, 4, "    return os.system(command)")


def test_quote_of_several_lines_spans_them() -> None:
    place = ground(CODE, 6, "def again(command):\n    return os.system(command)")
    assert place == Place(6, 7, "def again(command):\n    return os.system(command)")


def test_blank_lines_between_quoted_lines_do_not_matter() -> None:
    place = ground(CODE, 1, "import os\ndef run(command):")
    assert isinstance(place, Place)
    assert (place.start, place.end) == (1, 3)


@pytest.mark.parametrize("quote", ["}", "os", "(command", "x ="])
def test_short_quote_is_no_evidence(quote: str) -> None:
    assert isinstance(ground(CODE, 4, quote), Refusal)


def test_whole_short_line_with_an_identifier_is_evidence() -> None:
    assert ground("a = 1\nuse(a)\n", 2, "use(a)") == Place(2, 2, "use(a)")


@pytest.mark.parametrize("quote", ["", "   ", "\n\n"])
def test_empty_quote_is_refused(quote: str) -> None:
    assert isinstance(ground(CODE, 4, quote), Refusal)


def test_crlf_and_lf_are_the_same_to_a_quote() -> None:
    place = ground(
        CODE.replace("\n", "\r\n"), 6, "def again(command):\n    return os.system(command)"
    )
    assert isinstance(place, Place)


def test_removed_code_anchors_on_the_line_before_it() -> None:
    removed = [Removed(3, "    check_permission(user)")]
    assert ground_removed(removed, 3, "check_permission(user)", last=10) == Place(
        3, 3, "    check_permission(user)"
    )


def test_code_removed_from_the_top_anchors_on_line_one() -> None:
    place = ground_removed([Removed(0, "import security_checks")], 1, "import security_checks", 5)
    assert isinstance(place, Place)
    assert place.start == 1


def test_quote_in_no_removed_line_is_refused() -> None:
    assert isinstance(ground_removed([Removed(3, "a = b + c + d")], 3, "e = f + g + h", 9), Refusal)


def test_of_two_removed_blocks_the_one_near_the_line_is_meant() -> None:
    removed = [Removed(2, "check(the_permission)"), Removed(8, "check(the_permission)")]
    for line, anchor in ((7, 8), (3, 2)):
        place = ground_removed(removed, line, "check(the_permission)", 10)
        assert place == Place(anchor, anchor, "check(the_permission)")


def test_a_quote_of_more_than_the_most_characters_is_refused_though_it_stands_there() -> None:
    long = "x = call(" + "1, " * 1400 + ")"
    assert isinstance(ground(f"{long}\n", 1, long[:LONGEST]), Place)
    refusal = ground(f"{long}\n", 1, long[: LONGEST + 1])
    assert refusal == Refusal("the quote is too long; the line that shows it best is enough")


@pytest.mark.parametrize("line", [16, 17])
def test_of_a_text_that_stands_often_the_place_of_the_line_is_meant(line: int) -> None:
    text = "first(command)\nthen(command)\n" * 9
    found = ground(text, line, "first(command)\nthen(command)")
    assert isinstance(found, Place)
    assert (found.start, found.end) == ((15, 16) if line == 16 else (17, 18))


def test_twelve_characters_of_a_longer_line_are_evidence_and_eleven_are_not() -> None:
    short = ground("x = compute(abcd)\n", 1, "compute(abc")
    assert isinstance(short, Refusal)
    assert "too short" in short.reason
    assert ground("x = compute(abcd)\n", 1, "compute(abcd") == Place(1, 1, "x = compute(abcd)")


def test_removed_code_anchors_within_what_is_left() -> None:
    removed = [Removed(9, "os.system(command)")]
    assert ground_removed(removed, 9, "os.system(command)", 3) == Place(3, 3, "os.system(command)")


def test_a_quote_of_many_lines_is_meant_by_each_of_them() -> None:
    twice = "a = call(1)\nb = call(2)\nx\na = call(1)\nb = call(2)\n"
    quote = "a = call(1)\nb = call(2)"
    for line, start in ((1, 1), (2, 1), (4, 4), (5, 4)):
        place = ground(twice, line, quote)
        assert isinstance(place, Place)
        assert (place.start, place.end) == (start, start + 1), line
    refusal = ground(twice, 3, quote)
    assert isinstance(refusal, Refusal)
    assert "lines 1, 4;" in refusal.reason


def test_a_short_quote_of_two_whole_lines_is_evidence() -> None:
    place = ground("x\nuse(\na)\n", 2, "use(\na)")
    assert isinstance(place, Place)
    assert (place.start, place.end) == (2, 3)


def test_five_places_at_most_are_named() -> None:
    refusal = ground("return call(a)\n" * 7 + "x\n", 8, "return call(a)")
    assert isinstance(refusal, Refusal)
    assert "lines 1, 2, 3, 4, 5;" in refusal.reason


@pytest.mark.parametrize(
    ("line", "said"),
    [
        *((1, "line 1 is: one"), (2, "line 2 is: two")),
        *((0, "the file has 2 lines"), (3, "the file has 2 lines")),
    ],
)
def test_the_first_and_the_last_line_are_told_too(line: int, said: str) -> None:
    refusal = ground("one\ntwo\n", line, "something else entirely")
    assert isinstance(refusal, Refusal)
    assert refusal.reason.endswith(said)


def test_a_number_before_a_line_is_dropped_though_nothing_is_cut_off_behind() -> None:
    text = "a = call(1)\nwait for it ...\n"
    assert isinstance(ground(text, 2, "2: wait for it ..."), Place)
    assert isinstance(ground(text, 1, "1: a = call(1)"), Place)


@pytest.mark.parametrize(
    ("line", "judged", "meant"),
    [
        *((4, (), True), (5, (), True), (3, (), False), (6, (), False)),
        *((9, ((5, 7),), True), (9, ((1, 4),), True), (9, ((4, 4), (8, 9)), True)),
        *((9, ((1, 3), (6, 9)), False),),
    ],
)
def test_a_place_is_meant_by_its_line_or_by_lines_that_are_judged(
    line: int, judged: tuple[tuple[int, int], ...], *, meant: bool
) -> None:
    spans = [Span("a.py", *one) for one in judged]
    assert is_meant(Place(4, 5, "x"), line, spans) is meant
    assert not is_meant(Refusal("no"), line, spans)


@pytest.mark.parametrize(
    ("after", "last", "anchor"), [(0, 9, 1), (4, 9, 4), (9, 3, 3), (0, 0, 1), (5, 0, 1)]
)
def test_a_removed_line_anchors_on_one_that_is_there(after: int, last: int, anchor: int) -> None:
    place = ground_removed([Removed(after, "check(user)")], 4, "check(user)", last)
    assert isinstance(place, Place)
    assert (place.start, place.end, place.quote) == (anchor, anchor, "check(user)")
