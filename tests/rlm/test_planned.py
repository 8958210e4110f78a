from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.cli import main
from rlm_gate.core import Budget, Corpus, Rule
from rlm_gate.detectors import applies
from rlm_gate.providers.scripted import ScriptedProvider
from rlm_gate.rlm import planned, prices, wire
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.ledger import Judges, Ledger
from rlm_gate.rlm.mapping import MapOutcome, run
from rlm_gate.rlm.planner import CHUNK_CHARS, plan
from rlm_gate.rlm.surroundings import surroundings

MODELS = ("claude-sonnet-5-5", "claude-haiku-5-5")
ASK = replace(rule("security/ask", ask="chunk"), tags=("external/cwe/cwe-22",))
LOOP = rule("patterns/loop", ask="corpus")
VIEWS = "from app.files import load\n\n\ndef show(name):\n    return load(name)\n"
FILES = "import os\n\n\ndef load(name):\n    return open(os.path.join('/srv', name))\n"
CHANGE = corpus(
    source("app/views.py", VIEWS, status="modified", changed=[(5, 5)], removed=[(4, "check()\n")]),
    kind="diff",
)
CHANGE = replace(CHANGE, tree={"app/views.py": VIEWS, "app/files.py": FILES})


def document(files: Corpus, *rules: Rule, never_send: tuple[str, ...] = ()) -> Any:
    made = planned.plan(files, rules, applies, MODELS, Budget(), prices.load(), never_send)
    said = json.loads(json.dumps(planned.document(made)))
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(Path(planned.__file__).with_name("plan.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(said)
    return said


def test_a_call_tells_its_lines_questions_and_context() -> None:
    said = document(CHANGE, ASK, LOOP)
    (call,) = said["calls"]
    assert (call["path"], call["rules"]) == ("app/views.py", ["security/ask"])
    assert call["shown"] == {"start": 4, "end": 5}
    assert call["judged"] == [{"start": 4, "end": 5}]
    assert call["removed"] == [{"after_line": 4, "lines": 1}]
    assert call["imports"] == {"start": 1, "end": 1}
    assert call["context"] == [
        {"path": "app/files.py", "start": 4, "end": 5, "why": "definition of load"}
    ]
    assert said["loop"] == {"rules": ["patterns/loop"], "turns": Budget().max_turns}
    assert said["rules"][1]["tags"] == ["external/cwe/cwe-22"]


def test_the_bytes_are_those_that_the_map_sends() -> None:
    said = document(CHANGE, ASK)
    provider = ScriptedProvider(lambda _request: '{"findings": [], "addressed_to_reviewer": []}')
    ledger = Ledger(CHANGE, [ASK], applies, Judges(lambda _r, _f: (), frozenset({ASK.id})))
    beside = surroundings(CHANGE, frozenset())
    with Caller(provider, Account(Budget(usd=None)), prices.load()) as caller:
        calls = plan(CHANGE, [ASK], applies)
        list(run(calls, caller, MODELS[1], ledger, MapOutcome(MODELS[1]), beside))
    sent = [wire.input_bytes(request) for request in provider.requests]
    assert [call["input_bytes"] for call in said["calls"]] == sent
    assert said["totals"]["input_bytes"] == sum(sent)


def test_later_questions_on_a_chunk_likely_cost_less() -> None:
    many = [rule(f"security/ask{number}", ask="chunk") for number in range(16)]
    text = "".join(f"value_{number} = {number}\n" for number in range(900))
    first, second = document(corpus(source("a.py", text)), *many)["calls"]
    assert (first["group"], second["group"], second["groups"]) == (0, 1, 2)
    assert second["likely_usd"] < first["likely_usd"] / 2 < first["worst_usd"] / 2


def test_what_no_call_shows_is_listed_with_its_reason() -> None:
    files = corpus(source("a.py", "x" * (CHUNK_CHARS + 1)), source(".env", "A=1\n"))
    said = document(files, ASK)
    assert said["calls"] == []
    assert [(one["path"], one["reason"]) for one in said["missing"]] == [
        ("a.py", "size"),
        (".env", "never_send"),
    ]


def test_a_whole_scope_shows_everything_and_so_has_no_context() -> None:
    files = corpus(source("app/views.py", VIEWS), source("app/files.py", FILES))
    assert [call["context"] for call in document(files, ASK)["calls"]] == [[], []]


def test_a_model_without_a_price_is_planned_without_dollars() -> None:
    made = planned.plan(CHANGE, [ASK], applies, ("mine", "mine"), Budget(), prices.load())
    said = planned.document(made)
    assert said["totals"]["map_usd"] is None
    assert said["calls"][0]["worst_usd"] is None


def test_the_command_prints_the_plan_and_calls_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.py").write_text("cur.execute('select * from t where id=' + request.args['i'])\n")
    monkeypatch.chdir(tmp_path)
    assert main(["estimate", "a.py", "--format", "json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["schema"] == planned.SCHEMA
    assert {call["path"] for call in said["calls"]} == {"a.py"}
    assert said["totals"]["calls"] == len(said["calls"]) > 0
