from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from rlm_gate.errors import ProviderError
from rlm_gate.providers.scripted import Script, ScriptedProvider
from rlm_gate.tasks._desk import PIECE_CHARS, Desk, Grounds, Options, mode, opened
from rlm_gate.tasks._report import Sources, Text, Unexamined

SCHEMA = {
    "type": "object",
    "properties": {"seen": {"type": "array", "items": {"type": "object"}}},
    "required": ["seen"],
    "additionalProperties": False,
}
NOTHING = json.dumps({"seen": []})


def sources(**texts: str) -> Sources:
    made = Sources()
    for path, text in texts.items():
        made.add(Text(path, text))
    return made


def at_desk(given: Sources, script: Script, root: Script = (), **options: Any) -> Any:
    provider = ScriptedProvider(script, root=root)
    asked = Options(provider=provider, **options)
    return opened("job", mode(asked, 0.5), given, asked)


def test_offline_there_is_no_desk_and_the_method_says_so() -> None:
    asked = mode(Options(offline=True), 0.5)
    with opened("job", asked, sources(a="x"), Options(offline=True)) as desk:
        assert desk is None
    assert "no language model was called (offline)" in asked.method
    assert asked.failed == ""


def test_without_a_key_a_terminal_is_offline_and_ci_is_inconclusive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert mode(Options(), 0.5).failed == ""
    monkeypatch.setenv("CI", "true")
    asked = mode(Options(), 0.5)
    assert not asked.asks
    assert "no API key" in asked.failed


def test_the_map_reads_every_line_and_rows_come_back_as_rows_of_the_text() -> None:
    lines = [f"line {number} of the log" for number in range(1, 3001)]

    def reply(request: Any) -> str:
        block = request.messages[0].text
        if "line 2500 of" not in block:
            return NOTHING
        row = next(row for row in block.split("\n") if "line 2500 of" in row)
        return json.dumps({"seen": [{"row": int(row.split("|")[0])}]})

    with at_desk(sources(log="\n".join(lines)), reply) as desk:
        read = desk.map("Read.", SCHEMA)
        assert desk.unexamined == []
    assert len(read) > 1
    assert [one.span.start for one in read][1:] == [one.span.end + 1 for one in read][:-1]
    assert (read[0].span.start, read[-1].span.end) == (1, 3000)
    assert [item["row"] for one in read for item in one.answer["seen"]] == [2500]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        pytest.param("no json", "error (malformed)", id="not json"),
        pytest.param('{"seen": 1}', "error (malformed)", id="wrong shape"),
        pytest.param(ProviderError("refusal", "no"), "error (refusal)", id="refusal"),
    ],
)
def test_lines_without_a_valid_answer_are_unexamined(reply: Any, why: str) -> None:
    with at_desk(sources(log="a\nb\n"), [reply]) as desk:
        assert desk.map("Read.", SCHEMA)[0].answer is None
        assert desk.unexamined == [Unexamined("log", 1, 2, why)]


def test_a_line_longer_than_a_request_is_unexamined_and_the_others_are_read() -> None:
    text = f"short\n{'x' * (PIECE_CHARS + 1)}\nshort too\n"
    with at_desk(sources(log=text), [NOTHING, NOTHING]) as desk:
        assert [(one.span.start, one.span.end) for one in desk.map("Read.", SCHEMA)] == [
            (1, 1),
            (3, 3),
        ]
        assert [(gap.start, gap.end) for gap in desk.unexamined] == [(2, 2)]


def test_no_money_no_call_and_every_line_is_unexamined() -> None:
    with at_desk(sources(log="a\n"), [NOTHING], max_usd=0.000001) as desk:
        desk.map("Read.", SCHEMA)
        assert [gap.why for gap in desk.unexamined] == ["budget (usd)"]
        assert desk.usage().calls == 0


def test_the_session_sees_the_texts_and_the_variables_and_shares_the_budget() -> None:
    cells = [
        {"code": "print(len(candidates), grep('needle')[0].line)"},
        {"code": "done({'seen': [{'line': grep('needle')[0].line}]})"},
    ]
    with at_desk(sources(log="hay\nneedle\n"), [NOTHING], cells) as desk:
        desk.map("Read.", SCHEMA)
        result = desk.session("Where?", SCHEMA, {"candidates": [1, 2]})
        assert result.answer == {"seen": [{"line": 2}]}
        assert (result.usage.calls, result.usage.turns) == (1, 2)
        assert "2 2" in result.trajectory[0].step.cell.output


def test_an_ungrounded_quote_is_dropped_and_counted() -> None:
    given = Sources()
    given.add(Text("log", "the first row\nthe second row\n", origin=(7, 7)))
    grounds = Grounds(given)
    found = grounds.evidence("log", 2, "the second row")
    assert found is not None
    assert found.line == 7
    assert grounds.evidence("log", 2, "never written anywhere", "a claim") is None
    assert grounds.evidence("gone", 2, "the second row") is None
    assert len(grounds.dropped) == 2
    assert grounds.dropped[0].startswith("a claim (log: the quote is not in the file")


def test_what_must_never_be_sent_is_not_sent(tmp_path: Any) -> None:
    (tmp_path / "own.yaml").write_text("never_send: ['secret/**']\n", encoding="utf-8")
    seen: list[str] = []

    def reply(request: Any) -> str:
        seen.append(request.messages[0].text)
        return NOTHING

    given = Sources()
    given.add(Text("open/log", "fine\n"))
    given.add(Text("secret/log", "hidden\n"))
    with at_desk(given, reply, config=str(tmp_path / "own.yaml")) as desk:
        assert isinstance(desk, Desk)
        desk.map("Read.", SCHEMA)
        assert [gap.path for gap in desk.unexamined] == ["secret/log"]
    assert not any("hidden" in text for text in seen)


def test_importing_the_tasks_costs_next_to_nothing() -> None:
    script = "import sys, rlm_gate.tasks; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    for heavy in (b"'rlm_gate.rlm", b"'git'", b"'pydantic'", b"'rlm_gate.config'"):
        assert heavy not in done.stdout
