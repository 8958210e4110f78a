"""Calls that are over budget, over time or given up, and what is told of them."""

from __future__ import annotations

import threading
import time

import pytest
from calling import BUSY, DOWN, TOOL, Log, Sequence, ask, caller

from rlm_gate.core import Budget
from rlm_gate.errors import BudgetExceeded, ProviderError, UsageError
from rlm_gate.providers import (
    Message,
    ModelReply,
    ModelRequest,
    TokenUsage,
    ToolCall,
)
from rlm_gate.providers.scripted import ScriptedProvider
from rlm_gate.rlm import prices, wire
from rlm_gate.rlm.pace import Pace


def test_a_call_over_budget_is_not_sent() -> None:
    provider = ScriptedProvider(lambda _: "yes")
    with caller(provider, Budget(max_calls=2)) as calls:
        outcomes = calls.call_many([ask(str(n)) for n in range(5)])
        with pytest.raises(BudgetExceeded):
            calls.call(ask("more"))
    assert [isinstance(outcome, BudgetExceeded) for outcome in outcomes] == [False] * 2 + [True] * 3
    assert len(provider.requests) == 2


def test_a_batch_can_be_checked_before_any_of_it_is_sent() -> None:
    with caller(["never"], Budget(max_calls=3)) as calls:
        calls.check([ask(str(n)) for n in range(3)])
        with pytest.raises(BudgetExceeded, match="calls: 0 of 3"):
            calls.check([ask(str(n)) for n in range(4)])


def test_a_root_turn_counts_as_a_turn() -> None:
    root = ask(tools=(TOOL,))
    script = [ModelReply("", (ToolCall("t", "run_python", {}),), "tool_use")]
    provider = ScriptedProvider((), root=script)
    with caller(provider, Budget(max_calls=0, max_turns=1)) as calls:
        calls.call(root, turn=True)
        with pytest.raises(BudgetExceeded, match="turns"):
            calls.call(ask("again", tools=(TOOL,)), turn=True)


def test_an_unpriced_model_is_not_called_under_a_limit_of_the_users() -> None:
    request = ModelRequest("mystery", "", (Message("user", "?"),), 10)
    provider = ScriptedProvider(lambda _: "yes")
    with (
        caller(provider, Budget(user_usd=True)) as calls,
        pytest.raises(UsageError, match="mystery"),
    ):
        calls.call(request)
    assert provider.requests == []
    with caller(provider, Budget(usd=None)) as calls:
        calls.call(request)
        assert calls.account.usage().usd is None


def test_an_endpoint_that_answers_nothing_is_left_alone_after_8_calls() -> None:
    provider = ScriptedProvider(lambda _: ProviderError("auth", "invalid key"))
    with caller(provider, pace=Pace(workers=1)) as calls:
        outcomes = calls.call_many([ask(str(n)) for n in range(50)])
    assert len(provider.requests) == 8
    assert all(isinstance(one, ProviderError) and one.kind == "auth" for one in outcomes)
    assert "8 of 8 calls failed; invalid key" in str(outcomes[-1])
    assert calls.account.paid().calls == 8


def test_one_failure_among_answers_opens_nothing() -> None:
    answers = Sequence("yes", *[ProviderError("bad_request", "no")] * 20, "yes")
    with caller(answers, pace=Pace(workers=1)) as calls:
        outcomes = calls.call_many([ask(str(n)) for n in range(30)])
    assert isinstance(outcomes[-1], ModelReply)


class Deaf:
    """A provider that does not keep its deadline."""

    name = "deaf"

    def __init__(self) -> None:
        self.wake = threading.Event()
        self.requests: list[ModelRequest] = []

    def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
        del timeout
        self.requests.append(request)
        if request.messages[0].text == "hang":
            self.wake.wait(20)
        return ModelReply("late", usage=TokenUsage(1, 1))


def test_a_call_ends_at_its_deadline_even_if_the_provider_does_not() -> None:
    provider = Deaf()
    with caller(provider, pace=Pace(workers=1)) as calls:
        start = time.monotonic()
        outcomes = calls.call_many([ask("hang"), ask("fine")], timeout=0.1)
        assert time.monotonic() - start < 2.0
        assert isinstance(outcomes[0], ProviderError)
        assert outcomes[0].kind == "timeout"
        assert isinstance(outcomes[1], ModelReply)  # a thread was started in place of the lost one
        worst = prices.usd(calls.need(ask("hang")).cost or 0)
        paid = calls.account.paid().usd
        assert paid is not None
        assert paid > worst
        provider.wake.set()


def test_a_reply_that_comes_too_late_is_kept_for_the_next_run() -> None:
    provider, log = Deaf(), Log()
    with caller(provider, cache=log) as calls:
        with pytest.raises(ProviderError, match="timeout"):
            calls.call(ask("hang"), timeout=0.05)
        provider.wake.set()
        end = time.monotonic() + 5
        while not log.replies and time.monotonic() < end:
            time.sleep(0.01)
    assert [reply.text for reply in log.replies.values()] == ["late"]
    assert calls.account.usage().calls == 0


def test_a_call_given_up_from_outside_is_one_failure_however_its_thread_ends() -> None:
    class Late(Deaf):
        def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
            super().complete(request, timeout=timeout)
            raise DOWN

    provider = Late()
    with caller(provider) as calls:
        with pytest.raises(ProviderError, match="timeout"):
            calls.call(ask("hang"), timeout=0.05)
        provider.wake.set()
        time.sleep(0.05)
        assert calls._breaker._failed == 1
    assert calls.account.usage().failed_calls == 1


def test_at_the_deadline_of_the_run_what_is_missing_is_over_budget() -> None:
    provider = Deaf()
    with caller(provider, Budget(deadline=0.1), pace=Pace(workers=1)) as calls:
        outcomes = calls.call_many([ask("hang"), ask("fine")])
        provider.wake.set()
    assert [type(outcome) for outcome in outcomes] == [BudgetExceeded, BudgetExceeded]
    assert "deadline" in str(outcomes[0])


def test_an_error_nobody_foresaw_is_raised_where_the_call_was_made() -> None:
    class Broken:
        name = "broken"

        def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
            raise ZeroDivisionError(request, timeout)

    with caller(Broken()) as calls:
        with pytest.raises(ZeroDivisionError):
            calls.call_many([ask("a"), ask("b")])
        assert calls.account.paid().calls >= 1  # it may have been sent
        calls.account.check(calls.need(ask("c")))


def test_an_interrupt_stops_the_batch_and_settles_what_was_under_way() -> None:
    provider = Deaf()
    calls = caller(provider, pace=Pace(workers=1))
    land = calls._land

    def interrupted(*_: object) -> None:
        while not provider.requests:
            time.sleep(0.001)
        raise KeyboardInterrupt

    calls._land = interrupted  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        calls.call_many([ask("hang"), ask("never sent")])
    assert calls.account.paid().calls == 1
    assert calls.account.remaining().calls is None
    provider.wake.set()
    calls._land = land  # type: ignore[method-assign]
    assert calls.call(ask("fine")).text == "late"
    assert [request.messages[0].text for request in provider.requests] == ["hang", "fine"]
    calls.close()


def test_the_journal_tells_what_happened_in_order() -> None:
    log = Log()
    answers = Sequence(ModelReply("yes", usage=TokenUsage(10, 1)), ProviderError("auth", "no"))
    with caller(answers, Budget(max_calls=2), journal=log, pace=Pace(workers=1)) as calls:
        for text in "abc":
            calls.call_many([ask(text)])
    assert log.kinds() == ["request", "reply", "request", "failure", "failure"]
    reply = log.events[1][1]
    assert reply["key"] == log.events[0][1]["key"] == wire.key("scripted", ask("a"))
    assert (reply["cost"], reply["source"]) == (1_500_000, "model")
    assert log.events[3][1]["error"] == {"type": "provider", "kind": "auth", "message": "no"}
    assert log.events[4][1]["error"]["type"] == "budget"


def test_concurrency_is_halved_when_the_endpoint_asks_for_it() -> None:
    lock = threading.Lock()
    active = 0
    most_later = 0
    refused = 0

    def answer(_: ModelRequest) -> str | ProviderError:
        nonlocal active, most_later, refused
        with lock:
            active += 1
            first = refused < 8
            refused += first
            if not first:
                most_later = max(most_later, active)
        time.sleep(0.005)
        with lock:
            active -= 1
        return BUSY if first else "ok"

    pace = Pace(workers=8, sleep=lambda _: time.sleep(0.02))
    with caller(answer, pace=pace) as calls:
        outcomes = calls.call_many([ask(str(n)) for n in range(12)])
    assert all(isinstance(outcome, ModelReply) for outcome in outcomes)
    assert most_later < 8
