from __future__ import annotations

import json
import random
from collections import Counter

import logbook
import pytest

from rlm_gate.core import split_lines
from rlm_gate.tasks._report import Sources
from rlm_gate.tasks.logs.errors import failures, is_error, normal
from rlm_gate.tasks.logs.formats import Log, read
from rlm_gate.tasks.logs.indicators import INDICATORS, signs

CASES = logbook.cases(2026, 40)


def parse(files: dict[str, str]) -> tuple[Log, Sources]:
    sources = Sources()
    return read(files, sources), sources


def shown(case: logbook.Case) -> set[str]:
    log, _ = parse(case.files)
    return {sign.indicator for sign in signs(log, logbook.ISSUE)}


def tool_use(given: object) -> dict[str, object]:
    content = [{"type": "tool_use", "name": "Edit", "input": given}, {"type": "text", "text": "x"}]
    return {"type": "assistant", "message": {"content": content}}


def test_the_heuristics_find_what_the_labels_say() -> None:
    found = [(case, shown(case)) for case in CASES]
    for indicator in logbook.INDICATORS:
        counts: Counter[str] = Counter()
        for case, got in found:
            counts[f"{indicator in case.labels}/{indicator in got}"] += 1
        right, missed, wrong = counts["True/True"], counts["True/False"], counts["False/True"]
        assert right >= 0.9 * (right + missed), indicator
        assert right >= 0.9 * (right + wrong), indicator


def test_every_indicator_has_true_and_near_cases() -> None:
    assert set(INDICATORS) == set(logbook.INDICATORS)
    for indicator in logbook.INDICATORS:
        assert sum(indicator in case.labels for case in CASES) >= 5
        assert sum(indicator in case.near for case in CASES) >= 5


def test_every_sign_quotes_rows_that_stand_in_the_log() -> None:
    for case in CASES:
        log, sources = parse(case.files)
        for sign in signs(log, logbook.ISSUE):
            assert sign.rows
            for row in sign.rows:
                text = sources.texts[row.path]
                assert split_lines(text.text)[row.row - 1] == row.text
                lines = split_lines(case.files[row.path])
                assert 1 <= text.line(row.row) <= len(lines)


@pytest.mark.parametrize("kind", ["session", "transcript", "events"])
def test_a_log_cut_at_any_byte_is_read_without_a_crash(kind: str) -> None:
    case = next(one for one in CASES if one.format == kind and one.labels)
    path, text = next(iter(case.files.items()))
    raw = text.encode()
    assert len(raw) > 90
    points = range(len(raw)) if len(raw) < 1500 else range(0, len(raw), len(raw) // 700)
    for cut in points:
        part = raw[:cut].decode("utf-8", "replace")
        log, sources = parse({path: part})
        signs(log, logbook.ISSUE)
        assert all(fault.line <= len(split_lines(part)) + 1 for fault in sources.faults)


def test_any_bytes_in_the_middle_are_no_reason_to_crash() -> None:
    dice = random.Random(7)  # noqa: S311
    for case in CASES[::7]:
        for path, text in case.files.items():
            raw = bytearray(text.encode())
            for _ in range(20):
                raw[dice.randrange(len(raw))] = dice.randrange(256)
            log, _ = parse({path: raw.decode("utf-8", "replace")})
            signs(log, logbook.ISSUE)


@pytest.mark.parametrize(
    "entry",
    [
        tool_use({"edits": 1}),
        tool_use({"edits": [1, {"old_string": 3, "new_string": []}]}),
        {"type": "user"},
        {"type": "user", "message": "error"},
        {"type": "user", "message": {"content": 3}},
        {"type": "user", "message": {"content": [None, 3, {"type": "tool_result"}]}},
        tool_use([]),
        {
            "type": "assistant",
            "message": {"content": [{"type": "tool_use", "input": {"edits": 1}}]},
        },
        {"type": "result", "result": None, "subtype": []},
        {"type": 4},
        {"type": "summary", "summary": {"a": 1}},
    ],
)
def test_entries_of_the_wrong_shape_are_read_or_noted(entry: object) -> None:
    log, sources = parse({"a.jsonl": f"{json.dumps(entry)}\n{json.dumps({'type': 'summary'})}\n"})
    assert len(log.records) + len(sources.faults) >= 2


def test_sessions_are_read_in_the_order_of_their_time() -> None:
    body = "Exit Code: {}\n\n--- OUTPUT ---\nok\n"
    log, _ = parse({"session-a-20.log": body.format(1), "session-a-3.log": body.format(0)})
    assert [record.path for record in log.of("says")] == ["session-a-3.log", "session-a-20.log"]
    assert log.exits == {"session-a-20.log": 1, "session-a-3.log": 0}


def test_a_headless_result_is_shown_decoded_at_its_own_line() -> None:
    told = json.dumps({"type": "result", "subtype": "success", "result": "one\nI am stuck"})
    _, sources = parse({"session-a-1.log": f"Exit Code: 0\n\n--- OUTPUT ---\n{told}\nstderr\n"})
    text = sources.texts["session-a-1.log"]
    rows = split_lines(text.text)
    assert text.line(rows.index("I am stuck") + 1) == 4
    assert text.line(rows.index("stderr") + 1) == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TypeError: x at /a/b/c.py:12", "TypeError: x at /q/c.py:99:1"),
        ("error: line 3 is bad", "error: line 77 is bad"),
        ("\x1b[31mfatal: no\x1b[0m", "fatal: no"),
    ],
)
def test_the_same_error_is_the_same_wherever_it_ran(one: str, other: str) -> None:
    assert is_error(one)
    assert normal(one) == normal(other)
    assert normal(one) != normal("TypeError: y")


def test_counts_of_failed_tests_are_no_errors() -> None:
    assert failures("3 failed, 5 passed in 1s") == 3
    assert failures("===== 5 passed in 1s =====") == 0
    assert failures("hello") is None
    assert not is_error("error: 3 failed")


def test_what_a_human_wrote_stands_below_a_row_that_says_so() -> None:
    said = [
        {"type": "user", "message": {"content": "Please go on."}},
        {"type": "assistant", "message": {"content": [{"type": "text", "text": "Done."}]}},
    ]
    _, sources = parse({"a.jsonl": "\n".join(map(json.dumps, said))})
    assert sources.texts["a.jsonl"].text.split("\n") == ["[user]", "Please go on.", "Done."]
