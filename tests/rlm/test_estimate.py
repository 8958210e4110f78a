from __future__ import annotations

import json
from dataclasses import replace

import pytest
from builders import corpus, rule, source

from rlm_gate.cli import main
from rlm_gate.core import Budget, Corpus, Estimate, Rule
from rlm_gate.detectors import applies
from rlm_gate.providers.scripted import ScriptedProvider
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.estimate import forecast
from rlm_gate.rlm.ledger import Judges, Ledger
from rlm_gate.rlm.mapping import MapOutcome, run
from rlm_gate.rlm.planner import plan

MODELS = ("claude-sonnet-5-5", "claude-haiku-5-5")
ASK = rule("security/ask", ask="chunk")
LOOP = rule("patterns/loop", ask="corpus")
FILES = corpus(
    *(
        source(f"m{number}.py", "import os\n\n\n" + f"def f{number}(ü):\n    return ü\n\n\n" * 400)
        for number in range(5)
    )
)


def bounds(*rules: Rule, models: tuple[str, str] = MODELS, usd: float | None = 5.0) -> Estimate:
    return forecast(FILES, rules, applies, models, Budget(usd=usd), prices.load())


def sent(files: Corpus) -> tuple[int, int]:
    """Run the map and return its calls and the bytes of its prompts, which bound their tokens."""
    provider = ScriptedProvider(lambda _request: '{"findings": [], "addressed_to_reviewer": []}')
    ledger = Ledger(files, [ASK], applies, Judges(lambda _r, _f: (), frozenset({ASK.id})))
    with Caller(provider, Account(Budget(usd=None)), prices.load()) as caller:
        calls = plan(files, [ASK], applies)
        list(run(calls, caller, MODELS[1], ledger, MapOutcome(MODELS[1])))
    texts = [
        request.system + request.messages[0].text + json.dumps(request.schema)
        for request in provider.requests
    ]
    return len(texts), sum(len(text.encode()) for text in texts)


def test_the_map_sends_no_more_than_was_said() -> None:
    said = bounds(ASK)
    calls, size = sent(FILES)
    assert said.calls == calls
    assert size <= said.input_tokens <= size * 1.3


def test_without_a_loop_the_map_is_all_there_is() -> None:
    said = bounds(ASK)
    assert said.turns == 0
    assert said.usd == said.map_usd
    assert said.map_usd


def test_with_a_loop_or_second_readings_the_limit_is_the_bound() -> None:
    assert bounds(ASK, LOOP).usd == 5.0
    assert bounds(ASK, LOOP).turns == Budget().max_turns
    assert bounds(replace(ASK, verify="refute")).usd == 5.0
    assert bounds(ASK, LOOP, usd=None).usd is None


def test_a_model_without_a_price_has_no_bound_in_dollars() -> None:
    said = bounds(ASK, models=("mine", "mine"))
    assert said.map_usd is None
    assert said.usd is None


def test_rules_that_do_not_apply_cost_nothing() -> None:
    said = bounds(rule("security/ask", ask="chunk", languages=("go",)))
    assert (said.calls, said.map_usd, said.usd) == (0, 0.0, 0.0)


def test_the_command_prints_the_bounds_and_calls_nobody(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("plain")
    (folder / "a.py").write_text("cur.execute('select * from t where id=' + request.args['i'])\n")
    monkeypatch.chdir(folder)
    assert main(["estimate", "a.py"]) == 0
    assert capfd.readouterr().out.startswith("With models: ")
