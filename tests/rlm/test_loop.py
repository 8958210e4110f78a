"""The root loop where the budget or the turns run short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from builders import corpus, source

from rlm_gate.providers import ModelReply, ModelRequest, TokenUsage
from rlm_gate.providers.scripted import ScriptedProvider, code
from rlm_gate.rlm import wire
from rlm_gate.rlm.choices import RLMConfig
from rlm_gate.rlm.loop import LAST_TOKENS
from rlm_gate.rlm.session import RLMSession
from rlm_gate.rlm.trajectory import RLMResult

FINDING = "finding('x/y', 'a.py', 1, 'os.system(command)', 'bad')"


def run(
    root: Callable[[ModelRequest], ModelReply], **config: Any
) -> tuple[RLMResult, list[ModelRequest]]:
    provider = ScriptedProvider(root=root)
    files = corpus(source("a.py", "os.system(command)\n"))
    return RLMSession(files, provider, RLMConfig(**config)).run("?"), provider.requests


def spending(last: str) -> Callable[[ModelRequest], ModelReply]:
    """Return a root that prints much until it is asked for a short cell, then runs ``last``."""

    def root(request: ModelRequest) -> ModelReply:
        short = request.max_tokens == LAST_TOKENS
        return code(last if short else "print('x' * 9000)", request)

    return root


def test_a_root_whose_money_ends_reports_in_a_last_short_cell() -> None:
    result, requests = run(spending(FINDING), max_usd=0.2, max_iterations=50)
    assert result.error == "budget (usd)"
    assert [one.rule_id for one in result.findings] == ["x/y"]
    assert [one.max_tokens == LAST_TOKENS for one in requests] == [False] * (len(requests) - 1) + [
        True
    ]
    assert "one short cell more" in requests[-1].messages[-1].text
    assert (result.iterations, result.sub_calls) == (len(requests), 0)
    assert result.cost_usd is not None
    assert result.cost_usd <= 0.2


def test_a_last_cell_that_calls_done_ends_well() -> None:
    result, _ = run(spending("done('enough')"), max_usd=0.2, max_iterations=50)
    assert (result.success, result.answer) == (True, "enough")


def test_without_money_for_a_first_turn_no_last_cell_is_asked_for() -> None:
    result, requests = run(spending(FINDING), max_usd=0.0001)
    assert (result.error, requests) == ("budget (usd)", [])


def test_a_root_hears_how_little_is_left_and_not_before() -> None:
    _, requests = run(spending(FINDING), max_usd=0.4, max_iterations=50)
    hints = ["[Left: $" in one.messages[-1].text for one in requests]
    assert hints[:2] == [False, False]
    assert hints[-2:] == [True, True]


def test_a_root_hears_of_its_last_turns() -> None:
    def root(request: ModelRequest) -> ModelReply:
        return code("print(1)", request)

    _, requests = run(root, max_usd=None, max_iterations=5)
    said = [one.messages[-1].text for one in requests]
    assert [text.partition(".")[0] for text in said[2:]] == [
        "[Left: 3 more turns",
        "[Left: 2 more turns",
        "[Left: 1 more turn",
    ]
    assert "Left" not in said[0] + said[1]


def test_what_was_counted_before_is_reserved_at_its_count() -> None:
    def counts(request: ModelRequest) -> ModelReply:
        usage = TokenUsage(wire.input_bytes(request) // 4, 30)
        return replace(code("print('x' * 9000)", request), usage=usage)

    result, _ = run(counts, max_usd=0.6, max_iterations=50)
    assert result.cost_usd is not None
    assert 0.5 < result.cost_usd <= 0.6  # bounded by bytes alone the loop ends at 0.34


def test_money_for_a_short_cell_alone_is_no_beginning() -> None:
    result, requests = run(spending(FINDING), max_usd=0.06)
    assert (result.error, requests) == ("budget (usd)", [])
    result, requests = run(spending("done(1)"), max_usd=0.14, max_iterations=50)
    assert [one.max_tokens == LAST_TOKENS for one in requests][:1] == [False]


def test_a_root_whose_tokens_end_reports_in_a_last_short_cell_too() -> None:
    result, requests = run(spending(FINDING), max_usd=None, max_tokens=60_000, max_iterations=50)
    assert result.error == "budget (tokens)"
    assert [one.rule_id for one in result.findings] == ["x/y"]
    assert requests[-1].max_tokens == LAST_TOKENS


def test_a_last_cell_that_fails_after_done_ends_nothing_well() -> None:
    result, _ = run(spending("done('enough')\n1 / 0"), max_usd=0.2, max_iterations=50)
    assert (result.success, result.error) == (False, "budget (usd)")
