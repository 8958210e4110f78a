"""Regular expressions that can take exponential time: which, where, and that they do."""

from __future__ import annotations

import re
import time

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding
from rlm_gate.detectors import redos
from rlm_gate.detectors._ambiguity import doubled

DOUBLING = [
    (r"^(a+)+$", "a"),
    (r"([a-z]+)*[0-9]", "a"),
    (r"^(a|aa)+$", "aa"),
    (r"^(\w+\s?)*$", "0"),
    (r"(?i)^([A-Z]|b0?)*!", "BA"),
    (r"^(?:.*,)*$", ",0"),
    (r"(.*)*=.*$", "0"),
    (r"(x{1,30}){1,30}y", "x"),
    (r"(?:\d+|[a-f\d]+)*z", "0"),
    (r"^(?:a?b?)*c", "ba"),
    (r"(?:(?:a*)b?)*c", "a"),
    (r"(?=.*\d)^(\w*-?)*$", "0"),
]


@pytest.mark.parametrize(("pattern", "pump"), DOUBLING)
def test_a_loop_that_a_text_passes_in_two_ways_is_told_with_that_text(
    pattern: str, pump: str
) -> None:
    assert doubled(pattern) == pump


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(?:ab+)?$",
        r"([a-z]+,)*x$",
        r"^(\w+\.)+$",
        r"(?:\\.|[^\\\"])*\"",
        r"^\w+(?:\s\w+)*$",
        r"^(?:\w+\b\s*)+$",
        r"(?>a+)+b",
        r"(?:a++)+b",
        r"(a{1,3}){1,3}b",
        r"^(?:'{1,2}(?=[^'])|[^'])*'$",
        r"(?s)/\*.*?\*/",
        r"(a?)*b",
        r"(?:[A-Z]|b)*!",
        r"([a-z]+)*",  # what stops the loop is no failure
        r"(a+)+b(",  # no expression
        "(?:" * 120 + "a" + ")+" * 120,  # too deep to say
    ],
)
def test_loops_that_read_a_text_in_one_way_are_not(pattern: str) -> None:
    assert doubled(pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "pump"),
    [
        (r"(?:(a*)\1b?)*c", "a"),
        (r"^(?:(?P<one>\w)(?P=one)*)*!", "00"),
        (r"(ab|a)(?:\1|b)*c", "ba"),
    ],
)
def test_a_reference_back_reads_as_its_group_where_doubt_says_yes(pattern: str, pump: str) -> None:
    assert doubled(pattern) == ""
    assert doubled(pattern, references=True) == pump
    assert doubled(r"(['\"])(?:\\.|(?!\1)[^\\])*\1", references=True) == ""


def test_a_match_to_the_end_can_fail_where_a_search_cannot() -> None:
    assert doubled(r"([a-z]+)*", whole=True) == "a"


@pytest.mark.parametrize(("pattern", "pump"), DOUBLING[:4])
def test_what_is_told_is_so(pattern: str, pump: str) -> None:
    """Each repeat doubles the time, so six more take far longer than any noise of a machine."""

    def seconds(repeats: int) -> float:
        text = pump * repeats + "!"
        started = time.process_time()
        assert re.match(pattern, text) is None
        return time.process_time() - started

    few = 14 if len(pump) == 1 else 9
    assert seconds(few + 6) > 8 * min(seconds(few) for _ in range(5))


def find(path: str, code: str) -> list[Finding]:
    languages = ("python", "javascript", "typescript", "java")
    seeking = rule(languages=languages, detect=[Detect("redos", {"language": languages})])
    found = redos.detect(corpus(source(path, code)), [seeking])
    return [one for one in found if isinstance(one, Finding)]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a.py", "import re\nre.search('(a+)+$', text)\n"),
        ("a.py", "from re import compile, match\nmatch(b'(a+)+$', text)\n"),
        ("a.py", "NAME = r'^' r'(a+)+$'\nfound = re.sub(NAME, '', text)\n"),
        ("a.py", "x = re.compile('''(  a+ # some\n)+$''', re.VERBOSE | re.I)\n"),
        ("a.js", r"const name = /(?<n>a+)+\/$/;"),
        ("a.js", r"const name = /([^]a+)+[[]$/;"),
        ("a.js", r'const name = new RegExp("(\\w+)+$", "i");'),
        ("a.tsx", r"const name: RegExp = /(\p{L}+)+$/u;"),
        ("a.java", r'class A { Pattern p = Pattern.compile("(?<n>\\w+)+$"); }'),
        ("a.java", r'class A { boolean b = text.matches("([a-z]+)*"); }'),
    ],
)
def test_expressions_are_found_in_the_spelling_of_each_language(path: str, code: str) -> None:
    [one] = find(path, code)
    assert one.quote
    assert "Each further " in one.message
    assert one.engine == "redos"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a.py", "label = '(a+)+$'\nmatch('(a+)+$', label)\n"),
        ("a.py", "import re\nre.search('(' + name + ')+$', text)\n"),
        ("a.py", "import re\nre.search(f'(a{b}+)+$', text)\n"),
        ("a.py", "P = '(a+)+$'\nP = 'a'\nre.search(P, text)\n"),
        ("a.js", "const half = a / (b) + c / d;\n"),
        ("a.java", 'class A { Pattern p = Pattern.compile("([a-z&&[^b]]+)+$"); }\n'),
    ],
)
def test_what_is_no_expression_or_not_known_is_left_alone(path: str, code: str) -> None:
    assert find(path, code) == []


def test_only_languages_that_it_reads_can_be_named() -> None:
    [(_, text)] = redos.validate({"language": "go"}, ("go",))
    assert text.startswith("'go' is not read by this engine")
    assert not list(redos.validate({"language": ["python"]}, ("python",)))
