from __future__ import annotations

import pytest
from builders import corpus, rule, source
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_gate.core import Span
from rlm_gate.detectors import applies
from rlm_gate.rlm.mapping import rendered, request
from rlm_gate.rlm.planner import (
    CHUNK_CHARS,
    MapCall,
    TooLong,
    hunks,
    imports_head,
    over_corpus,
    plan,
    shown_parts,
)

ASK = rule("security/ask", ask="chunk")


def function(number: int, lines: int) -> str:
    body = "".join(f"    value_{number}_{line} = compute({line})\n" for line in range(lines))
    return f"def function_{number}():\n{body}\n"


def calls_for(text: str, **how: object) -> list[MapCall | TooLong]:
    file = source("a.py", text, **how)  # type: ignore[arg-type]  # keywords are passed through
    return list(plan(corpus(file), [ASK], applies))


def test_a_small_file_is_one_call() -> None:
    (call,) = calls_for("x = 1\n")
    assert isinstance(call, MapCall)
    assert (call.shown, call.judged, call.rules) == (
        Span("a.py", 1, 1),
        (Span("a.py", 1, 1),),
        (ASK,),
    )


def test_a_large_file_is_cut_between_functions() -> None:
    text = "".join(function(number, 100) for number in range(40))
    lines = text.split("\n")
    calls = calls_for(text)
    assert len(calls) > 2
    for call in calls:
        assert isinstance(call, MapCall)
        assert lines[call.shown.start - 1].startswith("def function_")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["", "x = 1", "    y", "z" * 9000, "def f():", "import os"]), max_size=60
    ),
    st.data(),
)
def test_every_judged_line_is_met_once(lines: list[str], data: st.DataObject) -> None:
    text = "".join(f"{line}\n" for line in lines)
    count = len(lines)
    changed = data.draw(st.sets(st.integers(1, count))) if count else set()
    file = source("a.py", text, status="modified", changed=[(n, n) for n in sorted(changed)])
    met: list[int] = []
    for call in plan(corpus(file, kind="diff"), [ASK], applies):
        assert isinstance(call, MapCall)
        read = [line for part in call.parts for line in lines[part.start - 1 : part.end]]
        assert sum(len(line) + 1 for line in read) <= CHUNK_CHARS
        assert (call.parts[0].start, call.parts[-1].end) == (call.shown.start, call.shown.end)
        for span in call.judged:
            assert any(part.start <= span.start and span.end <= part.end for part in call.parts)
            met.extend(range(span.start, span.end + 1))
    assert sorted(met) == sorted(changed)


def test_at_most_eight_questions_a_call() -> None:
    rules = [rule(f"security/r{number}", ask="chunk") for number in range(19)]
    calls = list(plan(corpus(source("a.py", "x = 1\n")), rules, applies))
    assert [len(call.rules) for call in calls] == [6, 6, 7]
    assert [asked for call in calls for asked in call.rules] == rules


def test_a_line_longer_than_a_chunk_is_no_call_but_a_gap() -> None:
    calls = calls_for("x = 1\n\n" + "y" * (CHUNK_CHARS + 1) + "\n\nz = 2\n")
    long = [call for call in calls if isinstance(call, TooLong)]
    assert [call.span for call in long] == [Span("a.py", 3, 3)]
    assert {line for call in calls if isinstance(call, MapCall) for line in (call.shown.start,)}


def test_a_changed_line_is_shown_with_its_function() -> None:
    text = "".join(function(number, 5) for number in range(10))
    lines = text.split("\n")
    changed = lines.index("def function_4():") + 3
    (call,) = calls_for(text, status="modified", changed=[(changed, changed)])
    assert isinstance(call, MapCall)
    assert lines[call.shown.start - 1] == "def function_4():"
    assert call.shown.end < lines.index("def function_6():")
    assert call.judged == (Span("a.py", changed, changed),)


def test_a_deleted_file_is_shown_whole_however_long() -> None:
    gone = "".join(function(number, 100) for number in range(40))
    calls = calls_for("", status="deleted", changed=[], removed=[(0, gone)])
    assert len(calls) > 2
    shown = "\n".join(
        block.text for call in calls if isinstance(call, MapCall) for block in call.removed
    )
    assert shown == gone.removesuffix("\n")


def test_removed_lines_ride_along_with_their_neighbours() -> None:
    (call,) = calls_for("a\nb\n", status="modified", changed=[], removed=[(1, "check()")])
    assert isinstance(call, MapCall)
    assert [block.text for block in call.removed] == ["check()"]
    assert call.judged == (Span("a.py", 1, 2),)


def test_rules_that_do_not_apply_cost_no_call() -> None:
    strict = rule("security/ask", ask="chunk", prefilter=("nowhere",))
    assert list(plan(corpus(source("a.py", "x = 1\n")), [strict], applies)) == []


def test_rules_over_the_corpus_are_left_to_the_loop() -> None:
    loop = rule("patterns/loop", ask="corpus")
    judged = corpus(source("a.py", "x = 1\n"))
    assert list(plan(judged, [loop], applies)) == []
    assert over_corpus([loop, ASK], judged, applies) == (loop,)
    assert over_corpus([loop], corpus(), applies) == ()


def test_a_chunk_below_the_top_gets_the_head_of_its_file() -> None:
    file = source("a.py", "import os\n" * 100)
    assert imports_head(file, file.lines, 90) == Span("a.py", 1, 40)
    assert imports_head(file, file.lines, 1) is None


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.py", '"""Doc."""\n\nfrom a import (\n    b,\n)\nimport c\n\nx = 1\n', (3, 6)),
        ("a.go", 'package a\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc f() {}\n', (1, 6)),
        ("a.ts", "// Doc.\nimport {\n  b,\n} from 'b';\nconst c = require('c');\nf();\n", (2, 5)),
        ("a.c", '/* Doc. */\n#include <stdio.h>\n# include "a.h"\n\nint x;\n', (2, 3)),
        ("a.rs", "//! Doc.\nuse std::io;\nmod b;\n\nfn f() {}\n", (2, 3)),
    ],
)
def test_the_head_is_the_imports_wherever_they_stand(
    path: str, text: str, expected: tuple[int, int]
) -> None:
    file = source(path, text)
    assert imports_head(file, file.lines, len(file.lines)) == Span(path, *expected)
    lower = source(path, f"\n\n{text}")
    start, end = expected
    assert imports_head(lower, lower.lines, 99) == Span(path, start + 2, end + 2)


def test_a_file_that_imports_nothing_has_no_head() -> None:
    file = source("a.sql", "SELECT 1;\n" * 9)
    assert imports_head(file, file.lines, 9) is None


def test_hunks_show_three_lines_around_a_change() -> None:
    text = "".join(f"line {number}\n" for number in range(1, 31))
    file = source(
        "a.py", text, status="modified", changed=[(10, 10), (25, 25)], removed=[(25, "x")]
    )
    assert [(part.shown.start, part.shown.end) for part in hunks(file)] == [(7, 13), (22, 29)]
    assert [len(part.removed) for part in hunks(file)] == [0, 1]


def test_hunks_of_a_deleted_file_show_what_it_held() -> None:
    file = source("a.py", "", status="deleted", changed=[], removed=[(0, "one\ntwo\n")])
    (part,) = hunks(file)
    assert [block.text for block in part.removed] == ["one\ntwo\n"]


def test_a_removed_blank_line_asks_nothing_of_its_neighbours() -> None:
    blank = source("a.py", "x = 1\ny = 2\n", status="modified", changed=[], removed=[(1, "\n")])
    assert blank.in_scope == ()
    code = source(
        "a.py", "x = 1\ny = 2\n", status="modified", changed=[], removed=[(1, "check()\n")]
    )
    assert code.in_scope == (Span("a.py", 1, 2),)


IMPORTS = "import os\nfrom pathlib import (\n    Path,\n)\n\n\n"


@pytest.mark.parametrize("lines", [20, 400])
def test_changed_imports_are_read_with_the_change_that_follows(lines: int) -> None:
    between = function(1, lines)
    text = f"{IMPORTS}{between}\n{function(2, 3)}"
    last = text.count("\n")
    (call,) = calls_for(text, changed=[(1, 1), (last - 2, last - 2)], status="modified")
    assert isinstance(call, MapCall)
    assert [(span.start, span.end) for span in call.judged] == [(1, 1), (last - 2, last - 2)]
    assert call.left_out
    assert len(call.left_out) == between.count("\n") + 1
    assert [(part.start, part.end) for part in call.parts] == [(1, 6), (last - 4, last)]
    rows = rendered(call).split("\n")
    assert len(rows) == 6 + 1 + 5
    assert "left" not in rows[5] + rows[7]


def test_what_lies_between_imports_and_a_change_is_shown_where_it_is_short() -> None:
    text = f"{IMPORTS}LIMIT = 3\n\n\n{function(2, 3)}"
    last = text.count("\n")
    (call,) = calls_for(text, changed=[(1, 1), (last - 2, last - 2)], status="modified")
    assert isinstance(call, MapCall)
    assert (call.left_out, call.parts) == (None, (call.shown,))


def test_changed_imports_alone_are_read_alone() -> None:
    text = f"{IMPORTS}{function(1, 20)}"
    (call,) = calls_for(text, changed=[(1, 1)], status="modified")
    assert isinstance(call, MapCall)
    assert (call.left_out, call.shown) == (None, Span("a.py", 1, 6))


def test_a_finding_below_lines_that_are_left_out_is_placed_in_the_file() -> None:
    text = f"{IMPORTS}{function(1, 40)}\n{function(2, 3)}"
    last = text.count("\n")
    file = source("a.py", text, status="modified", changed=[(1, 1), (last - 2, last - 2)])
    (call,) = shown_parts(file)
    made, shown = request(call, "claude-haiku-5-5")
    assert "value_1_20 =" not in made.messages[0].text.partition("# Block")[2]
    row = next(n for n, one in enumerate(shown.rows, 1) if one.line == last - 2)
    assert (shown.line(row), shown.row(last - 2)) == (last - 2, row)
    assert not shown.row(20)


def test_other_changes_stay_apart_however_near() -> None:
    text = f"LIMIT = 3\n\n\n{function(1, 20)}\n{function(2, 3)}"
    last = text.count("\n")
    assert len(calls_for(text, changed=[(1, 1), (last - 2, last - 2)], status="modified")) == 2
