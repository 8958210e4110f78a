from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from builders import corpus, source
from pydantic import BaseModel

from rlm_gate.providers import ModelRequest
from rlm_gate.providers.scripted import Answer, ScriptedProvider
from rlm_gate.rlm import journal
from rlm_gate.rlm.choices import RLMConfig
from rlm_gate.rlm.session import RLMSession
from rlm_gate.rlm.trajectory import RLMResult

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
FILES = corpus(source("a.py", "import os\nos.system(command)\n"))
CELLS = [
    "x = llm_query('is it bad?', span('a.py', 2, 2))\nprint(x)",
    "print(1 / 0)",
    "finding('own/x', 'a.py', 2, 'os.system(command)', 'bad')\nfinding('x', 'a.py', 1, 'eval(a)')",
    "print(rlm_query('inner: how many files?'))",
    "done(x)",
]
INNER = ["print(len(files))", "done(len(files))"]


def root(request: ModelRequest) -> Answer:
    turn = sum(message.role == "assistant" for message in request.messages)
    inner = request.messages[0].text.startswith("inner")
    return {"code": (INNER if inner else CELLS)[turn]}


def run(folder: Path | None = None, **config: Any) -> tuple[RLMResult, ScriptedProvider]:
    provider = ScriptedProvider(lambda _request: "yes", root=root)
    kept = {"cache_dir": folder / "cache", "journal_dir": folder / "journals"} if folder else {}
    return RLMSession(FILES, provider, RLMConfig(**kept, **config)).run("Is it?"), provider


def told(result: RLMResult) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(result.to_json())
    return value


def test_every_turn_and_call_is_told_with_what_it_cost() -> None:
    result, _ = run()
    data = told(result)
    assert data["success"]
    assert data["answer"] == "yes"
    assert [turn["turn"] for turn in data["trajectory"]] == [1, 2, 3, 4, 5]
    assert [turn["cell"]["code"] for turn in data["trajectory"]] == CELLS
    first = data["trajectory"][0]
    assert first["cell"]["output"] == "yes\n"
    (call,) = first["sub_calls"]
    assert (call["prompt"], call["spans"], call["answer"]) == (
        "is it bad?",
        [["a.py", 2, 2]],
        "yes",
    )
    assert call["usage"]["input_tokens"] > 0
    costs = [call["cost_usd"], *(turn["cost_usd"] for turn in data["trajectory"])]
    inner = data["trajectory"][3]["sessions"][0]["trajectory"]
    costs += [turn["cost_usd"] for turn in inner]
    assert sum(costs) == pytest.approx(data["usage"]["usd"])
    assert all(turn["seconds"] >= 0 for turn in data["trajectory"])


def test_errors_refusals_findings_and_nested_sessions_are_told() -> None:
    data = told(run()[0])
    turns = data["trajectory"]
    assert turns[1]["cell"]["error"] == {
        "type": "ZeroDivisionError",
        "message": "division by zero",
        "line": 1,
        "source": "print(1 / 0)",
    }
    assert "finding refused" in turns[2]["cell"]["refusals"][0]
    (found,) = data["findings"]
    assert (found["path"], found["start"], found["quote"]) == ("a.py", 2, "os.system(command)")
    (inner,) = turns[3]["sessions"]
    assert (inner["query"], inner["answer"], inner["error"]) == ("inner: how many files?", 1, "")
    assert [turn["cell"]["code"] for turn in inner["trajectory"]] == INNER


class Word(BaseModel):
    said: str


def test_a_typed_answer_is_told_as_its_json() -> None:
    provider = ScriptedProvider(root=[{"code": "1"}, {"code": "done({'said': 'x'})"}])
    result = RLMSession("text", provider).run("?", schema=Word)
    assert result.answer == Word(said="x")
    assert told(result)["answer"] == {"said": "x"}


def test_a_failed_call_is_told_without_cost() -> None:
    script: list[Answer] = [
        {"code": "r = llm_query_parallel(['a'], schema={'type': 'object'})\nprint(r[0].kind)"},
        {"code": "done(1)"},
    ]
    provider = ScriptedProvider(["no json", "none again"], root=script)
    calls = told(RLMSession("text", provider).run("?"))["trajectory"][0]["sub_calls"]
    assert [call["error"] for call in calls] == ["malformed", "malformed"]


def test_a_second_session_is_answered_by_the_cache_and_says_so(tmp_path: Path) -> None:
    first, _ = run(tmp_path)
    again, provider = run(tmp_path)
    assert provider.requests == []
    assert again.answer == first.answer
    assert again.usage == first.usage
    turns = told(again)["trajectory"]
    assert all(turn["cached"] for turn in turns)
    assert turns[0]["sub_calls"][0]["cached"]
    assert not any(turn["cached"] for turn in told(first)["trajectory"])


def test_the_journal_holds_calls_and_cells(tmp_path: Path) -> None:
    run(tmp_path)
    (path,) = (tmp_path / "journals").glob("*.jsonl")
    records = list(journal.read(path))
    assert records[-1].kind == "end"
    assert sum(record.kind == "reply" for record in records) == 1 + len(CELLS) + len(INNER)
    cells = [record.data for record in records if record.kind == "cell"]
    assert [cell["code"] for cell in cells if cell["depth"] == 0] == CELLS
    assert [cell["code"] for cell in cells if cell["depth"] == 1] == INNER
    assert {"turn", "code", "output", "error", "usage"} <= cells[0].keys()
    assert cells[1]["error"]["type"] == "ZeroDivisionError" or cells[1]["depth"] == 1


def test_without_folders_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert run()[0].success
    assert list(tmp_path.iterdir()) == []


def test_a_broken_cache_is_noted_and_not_believed(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "cache" / "replies.sqlite3").write_bytes(b"not a database" * 999)
    result, provider = run(tmp_path)
    assert result.success
    assert provider.requests
    assert "replies.sqlite3" in result.notes[0]


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_the_page_names_every_key_and_option() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))
    assert keys(told(run()[0])) - named == set()
    assert set(RLMConfig.__dataclass_fields__) - named == set()
