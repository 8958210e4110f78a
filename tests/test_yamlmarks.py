from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_gate import yamlmarks
from rlm_gate.config import files
from rlm_gate.yamlmarks import Document


def problems(document: Document) -> list[str]:
    return [str(problem) for problem in document.problems]


def test_values_and_keys_are_marked_in_code_points() -> None:
    document = yamlmarks.parse("é: {ü: [1, ß]}\nb:\n  - c\n", "f")
    assert document.data == {"é": {"ü": [1, "ß"]}, "b": ["c"]}
    assert document.mark(("é", "ü", 1)) == (1, 12)
    assert document.mark(("é", "ü"), key=True) == (1, 5)
    assert document.mark(("b", 0)) == (3, 5)


def test_an_absent_place_is_marked_where_its_owner_stands() -> None:
    document = yamlmarks.parse("a:\n  b: 1\n", "f")
    assert document.mark(("a", "missing", 3)) == document.mark(("a",)) == (2, 3)
    assert document.mark(("missing",)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("<<", "<<"),
        ("=", "="),
        ("014", 14),
        ("0o14", 12),
        ("0x1F", 31),
        ("+7", 7),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("Null", None),
        ("'true'", "true"),
        ('"1"', "1"),
        ("1" * 200, "1" * 200),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    found = yamlmarks.parse(f"k: {text}", "f").data["k"]
    assert (found, type(found)) == (value, type(value))


def test_keys_stay_as_written() -> None:
    assert yamlmarks.parse("on: 1\n1.10: 2\nnull: 3\n<<: 4", "f").data == {
        "on": 1,
        "1.10": 2,
        "null": 3,
        "<<": 4,
    }


def test_unquoted_text_of_a_scalar_is_kept_and_quoted_is_not() -> None:
    document = yamlmarks.parse("a: 1.10\nb: '1.10'", "f")
    assert document.sources == {("a",): "1.10"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: 1\nb: 2\na: 3", "f:3:1: key 'a' is already set in line 1", id="doubled"),
        pytest.param("x:\n  a: 1\n  a: 2", "f:3:3: key 'a' is already set in line 2", id="inner"),
        pytest.param("a: &x 1", "f:1:4: anchor &x", id="anchor"),
        pytest.param("a: &x [1]", "f:1:4: anchor &x", id="anchor on a list"),
        pytest.param("a: &x 1\nb: *x", "f:2:4: alias *x", id="alias"),
        pytest.param("a: &x 1\n*x : 2", "f:2:1: alias *x", id="alias as a key"),
        pytest.param("a: !!int '3'", "f:1:4: tag !!int", id="tag"),
        pytest.param("a: ! 3", "f:1:4: tag !", id="bare tag"),
        pytest.param(
            "a: !!python/object/apply:os.system [x]",
            "f:1:4: tag !!python/object",
            id="python object",
        ),
        pytest.param("a: 1\n---\nb: 2", "f:2:1: a second document", id="two documents"),
        pytest.param("[" * 40, "f:1:31: nested deeper than 30", id="deep"),
        pytest.param("- " * 40 + "x", "f:1:61: nested deeper than 30", id="deep block"),
        pytest.param("? [a]\n: b", "f:1:3: a key must be plain text", id="list as a key"),
        pytest.param("? {a: b}\n: b", "f:1:3: a key must be plain text", id="mapping as a key"),
        pytest.param("a: 1e999", "f:1:4: 1e999 is no finite number", id="overflow"),
        pytest.param("a: .nan", "f:1:4: .nan is no finite number", id="nan"),
        pytest.param("a: -.inf", "f:1:4: -.inf is no finite number", id="infinity"),
        pytest.param("a: [1, 2", "f:2:1: not YAML: ", id="not closed"),
        pytest.param("a:\n  - b\n c: d", "f:3:2: not YAML: ", id="wrong indent"),
        pytest.param(
            "\ta: 1",
            "f:1:1: not YAML: found character that cannot start any token; indent with spaces",
            id="tab first",
        ),
        pytest.param("a: 1\n\tb: 2", "f:2:1: not YAML: found a tab", id="tab"),
        pytest.param("é: é\x01", "f:1:5: character U+0001", id="control character"),
        pytest.param("a: b\nc: \0", "f:2:4: character U+0000", id="nul"),
        pytest.param("a: \ud800", "f:1:4: character U+D800", id="surrogate"),
    ],
)
def test_what_hides_meaning_is_refused_at_its_place(text: str, problem: str) -> None:
    found = problems(yamlmarks.parse(text, "f"))
    assert any(one.startswith(problem) for one in found), found


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("a: b: c", "put text that has ': ' in quotes"),
        ("a:\n  - b\n c: d", "look at the indentation"),
        ("a: @b", "put text that starts with it in quotes"),
        ("a: 1\n\tb: 2", "indent with spaces"),
        (r'a: "\d"', "use single quotes"),
    ],
)
def test_common_slips_are_explained(text: str, remedy: str) -> None:
    [found] = problems(yamlmarks.parse(text, "f"))
    assert remedy in found


def test_several_mistakes_are_found_in_one_pass() -> None:
    document = yamlmarks.parse("a: &x 1\nb: *x\nc: !!str d\na: 2\n", "f")
    assert [problem.line for problem in document.problems] == [1, 2, 3, 4]
    assert document.whole


def test_a_doubled_keys_second_value_counts_for_nothing() -> None:
    document = yamlmarks.parse("a: {b: 1}\na: {b: 2, c: [3]}\nd: 4", "f")
    assert document.data == {"a": {"b": 1}, "d": 4}
    assert len(document.problems) == 1
    assert document.mark(("a", "b")) == (1, 8)


def test_an_unreadable_document_has_no_data() -> None:
    document = yamlmarks.parse("a: 1\nb: [", "f")
    assert not document.whole
    assert document.data is None


def test_an_empty_document_is_whole_and_nothing() -> None:
    for text in ("", "# only a comment\n", "---\n"):
        document = yamlmarks.parse(text, "f")
        assert document.whole
        assert (document.data, document.problems) == (None, ())


def test_a_byte_order_mark_is_no_content() -> None:
    assert yamlmarks.parse_bytes(b"\xef\xbb\xbfa: 1", "f").data == {"a": 1}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"a: 1\n\xc3\xa9: \xff", "f:2:4: not UTF-8", id="latin-1"),
        pytest.param("a: 1".encode("utf-16"), "f:1:1: not UTF-8", id="utf-16"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0", "f:1:1: not UTF-8", id="image"),
        pytest.param(b"a: \0\0", "f:1:4: character U+0000", id="binary"),
        pytest.param(b"a" * (yamlmarks.MAX_BYTES + 1), "f:1:1: larger than 1024 KiB", id="huge"),
    ],
)
def test_bytes_that_are_no_text_are_a_problem(content: bytes, problem: str) -> None:
    [found] = problems(yamlmarks.parse_bytes(content, "f"))
    assert found.startswith(problem)


def test_readers_read_enough_to_see_that_a_file_is_too_large() -> None:
    assert files.READ_LIMIT > yamlmarks.MAX_BYTES


def test_a_nest_of_a_million_brackets_is_refused_without_a_crash() -> None:
    for bracket in ("[", "{", "- ", "{a: "):
        assert not yamlmarks.parse(bracket * 250_000, "f").whole


YAMLISH = st.text(
    alphabet="ab01:-?![]{},&*|>'\"#%@` \n\t.~\ufeff\x85\u2028é\x00\ud800", max_size=60
)


@given(st.one_of(st.text(max_size=100), YAMLISH))
def test_no_text_at_all_raises(text: str) -> None:
    document = yamlmarks.parse(text, "f")
    assert document.whole or document.problems
    lines = max(1, text.count("\n") + text.count("\r") + text.count("\x85") + 2)
    assert all(1 <= problem.line <= lines + text.count("\u2028") for problem in document.problems)


@given(st.binary(max_size=100))
def test_no_bytes_at_all_raise(content: bytes) -> None:
    document = yamlmarks.parse_bytes(content, "f")
    assert document.whole or document.problems


TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_json_is_yaml(value: object) -> None:
    document = yamlmarks.parse(json.dumps(value), "f")
    assert document.problems == ()
    assert document.data == value


@pytest.mark.parametrize(
    "value",
    [
        *(
            "yes",
            "no",
            "1e3",
            "0o17",
            "0x1F",
            "null",
            "~",
            "",
            " ",
            "a: b",
            "# a",
            "- a",
            "{a}",
            "*a",
        ),
        *("a\n b\n", "a\n\n", "\ta\n", "trailing \nline", "\u202e", "\x07", "l" * 200 + " b" * 90),
    ],
)
def test_what_is_written_reads_back_as_itself(value: str) -> None:
    data = {"key": value, "list": [value, {"inner": value}], "flag": True, "number": 3}
    assert yamlmarks.parse(yamlmarks.written(data), "a.yaml").data == data


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_reads_back_as_itself_or_is_refused(text: str) -> None:
    try:
        made = yamlmarks.written([text])
    except ValueError:
        assert yamlmarks.parse(json.dumps([text]), "a.yaml").data != [text]
        return
    assert yamlmarks.parse(made, "a.yaml").data == [text]


def test_a_text_of_several_lines_is_written_as_a_block() -> None:
    assert yamlmarks.written({"code": "a\n  b\n"}) == "code: |\n  a\n    b\n"


def test_what_yaml_can_not_say_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be written as YAML"):
        yamlmarks.written({"key": "\ud800"})
