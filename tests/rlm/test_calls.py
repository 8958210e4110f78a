from __future__ import annotations

import threading
import time

import pytest
from calling import BUSY, CUT, Log, Sequence, Sleeper, ask, caller

from rlm_gate.core import Budget
from rlm_gate.errors import BudgetExceeded, ProviderError
from rlm_gate.providers import (
    ModelReply,
    ModelRequest,
    TokenUsage,
)
from rlm_gate.providers.scripted import ScriptedProvider
from rlm_gate.rlm import prices, wire
from rlm_gate.rlm.pace import TRIES, Pace


def test_a_call_returns_the_reply_and_settles_its_cost() -> None:
    reply = ModelReply("yes", usage=TokenUsage(1000, 100))
    with caller(lambda _: reply) as calls:
        assert calls.call(ask()) == reply
        assert calls.account.usage().usd == pytest.approx((1000 * 0.1 + 100 * 0.5) / 1e6)
        assert calls.account.usage().calls == 1


def test_many_calls_come_back_in_order_with_their_errors_in_place() -> None:
    def answer(request: ModelRequest) -> str | ProviderError:
        number = int(request.messages[0].text)
        time.sleep(0.01 if number % 2 else 0)
        return ProviderError("bad_request", "odd") if number % 5 == 3 else f"it is {number}"

    with caller(answer) as calls:
        outcomes = calls.call_many([ask(str(n)) for n in range(40)])
    assert len(outcomes) == 40
    for number, outcome in enumerate(outcomes):
        if number % 5 == 3:
            assert isinstance(outcome, ProviderError)
        else:
            assert isinstance(outcome, ModelReply)
            assert outcome.text == f"it is {number}"
    assert calls.account.usage().failed_calls == 8


def test_no_requests_no_outcomes() -> None:
    with caller(["never"]) as calls:
        assert calls.call_many([]) == []


def test_equal_requests_are_sent_once() -> None:
    provider = ScriptedProvider(lambda _: "same")
    with caller(provider) as calls:
        outcomes = calls.call_many([ask("a"), ask("b"), ask("a"), ask("a")])
    assert len(provider.requests) == 2
    assert [outcome.text for outcome in outcomes] == ["same"] * 4  # type: ignore[union-attr]
    assert calls.account.usage().calls == 2


def test_requests_in_flight_elsewhere_are_joined() -> None:
    gate = threading.Event()
    provider = ScriptedProvider(lambda _: "late" if gate.wait(5) else "never")
    texts: list[str] = []
    with caller(provider) as calls:
        threads = [
            threading.Thread(target=lambda: texts.append(calls.call(ask()).text)) for _ in range(2)
        ]
        threads[0].start()
        while not provider.requests:
            time.sleep(0.001)
        threads[1].start()
        time.sleep(0.05)
        gate.set()
        for thread in threads:
            thread.join()
    assert texts == ["late", "late"]
    assert len(provider.requests) == 1


@pytest.mark.parametrize("kind", ["connection", "server", "timeout"])
def test_what_waiting_may_mend_is_tried_again_and_then_given_up(kind: str) -> None:
    sleeper = Sleeper()
    provider = ScriptedProvider(lambda _: ProviderError(kind, "down", retryable=True))
    with (
        caller(provider, pace=Pace(sleep=sleeper)) as calls,
        pytest.raises(ProviderError) as caught,
    ):
        calls.call(ask())
    assert caught.value.kind == kind
    assert len(provider.requests) == TRIES
    assert len(sleeper.slept) == TRIES - 1
    assert sleeper.slept == sorted(sleeper.slept)
    assert calls.account.usage().failed_calls == 1


def test_what_waiting_cannot_mend_is_not_tried_again() -> None:
    provider = ScriptedProvider([ProviderError("auth", "no"), "yes"])
    with caller(provider) as calls, pytest.raises(ProviderError, match="auth: no"):
        calls.call(ask())
    assert len(provider.requests) == 1


def test_being_asked_to_wait_burns_no_try() -> None:
    answers = Sequence(*[BUSY] * 20, "at last")
    with caller(answers) as calls:
        assert calls.call(ask()).text == "at last"
    assert calls.account.usage().failed_calls == 0


def test_retry_after_is_honoured() -> None:
    sleeper = Sleeper()
    wait = ProviderError("rate_limit", "wait", retryable=True, retry_after=7.5)
    with caller(Sequence(wait, "ok"), pace=Pace(sleep=sleeper)) as calls:
        calls.call(ask())
    assert sleeper.slept == [7.5]


def test_a_retry_after_past_the_deadline_is_not_waited_for() -> None:
    sleeper = Sleeper()
    wait = ProviderError("rate_limit", "wait", retryable=True, retry_after=90.0)
    with (
        caller(Sequence(wait, "ok"), pace=Pace(sleep=sleeper)) as calls,
        pytest.raises(ProviderError, match="rate_limit"),
    ):
        calls.call(ask(), timeout=30)
    assert sleeper.slept == []


def test_a_lost_reply_is_paid_for_and_the_next_try_reserved_anew() -> None:
    request = ask()
    with caller(Sequence(CUT, ModelReply("ok", usage=TokenUsage(10, 1)))) as calls:
        worst = calls.need(request).cost
        assert worst is not None
        assert calls.call(request).text == "ok"
    account = calls.account
    assert account.usage().calls == 1
    paid, evidence = account.paid().usd, account.usage().usd
    assert paid is not None
    assert evidence is not None
    assert paid == pytest.approx(evidence + prices.usd(worst))


def test_when_lost_replies_have_eaten_the_budget_nothing_more_is_sent() -> None:
    provider = ScriptedProvider(lambda _: CUT)
    with caller(provider) as probe:
        worst = prices.usd(probe.need(ask()).cost or 0)
    with caller(provider, Budget(usd=worst * 2.5)) as calls:
        outcome = calls.call_many([ask()])[0]
    assert isinstance(outcome, BudgetExceeded)
    assert len(provider.requests) == 2
    assert calls.account.paid().usd == pytest.approx(worst * 2)


def test_a_refused_request_costs_nothing() -> None:
    with (
        caller(lambda _: ProviderError("bad_request", "no")) as calls,
        pytest.raises(ProviderError),
    ):
        calls.call(ask())
    assert calls.account.paid().usd == 0.0


@pytest.mark.parametrize("stop", ["refusal", "max_tokens", "model_context_window_exceeded", ""])
def test_a_reply_that_is_no_answer_is_paid_for_but_an_error_and_not_cached(stop: str) -> None:
    log = Log()
    reply = ModelReply("half", stop_reason=stop, usage=TokenUsage(10, 5))
    with caller(lambda _: reply, cache=log, journal=log) as calls:
        with pytest.raises(ProviderError):
            calls.call(ask())
        assert calls.account.usage().output_tokens == 5
    assert log.replies == {}
    assert log.kinds() == ["request", "reply"]


def test_a_paused_reply_is_continued_and_every_part_is_paid_for() -> None:
    answers = Sequence(
        ModelReply("one ", (), "pause_turn", TokenUsage(10, 1), [{"n": 1}]),
        ModelReply("two", (), "end_turn", TokenUsage(20, 2), [{"n": 2}]),
    )
    provider = ScriptedProvider(answers)
    log = Log()
    with caller(provider, cache=log) as calls:
        reply = calls.call(ask())
    assert reply == ModelReply("one two", (), "end_turn", TokenUsage(30, 3), [{"n": 1}, {"n": 2}])
    assert provider.requests[1].messages[-1].raw == [{"n": 1}]
    assert (calls.account.usage().calls, calls.account.usage().input_tokens) == (1, 30)
    assert log.replies[wire.key("scripted", ask())] == reply


def test_a_reply_that_pauses_for_ever_is_given_up() -> None:
    provider = ScriptedProvider(lambda _: ModelReply("x", (), "pause_turn"))
    with caller(provider) as calls, pytest.raises(ProviderError, match="paused too often"):
        calls.call(ask())
    assert len(provider.requests) == 4


def test_a_cached_reply_is_not_asked_for_again() -> None:
    log = Log()
    provider = ScriptedProvider(lambda _: ModelReply("yes", usage=TokenUsage(10, 1)))
    with caller(provider, cache=log) as calls:
        first = calls.call(ask())
    with caller(provider, cache=log, journal=log) as calls:
        assert calls.call_many([ask(), ask()]) == [first, first]
        assert calls.account.usage().usd == pytest.approx(1.5e-6)
        assert calls.account.paid().usd == 0.0
    assert len(provider.requests) == 1
    assert log.kinds() == ["reply"]  # the request stands in the journal of the run that made it
    assert log.events[0][1]["source"] == "cache"


def test_a_resumed_run_repeats_no_call_that_was_answered() -> None:
    provider = ScriptedProvider(lambda _: "new")
    old = ModelReply("old", usage=TokenUsage(10, 1))
    log = Log()
    prior = {wire.key("scripted", ask("a")): old}
    with caller(provider, prior=prior, cache=log, journal=log) as calls:
        outcomes = calls.call_many([ask("a"), ask("b")])
    assert outcomes[0] == old
    assert [request.messages[0].text for request in provider.requests] == ["b"]
    assert [data["source"] for kind, data in log.events if kind == "reply"] == ["prior", "model"]
    assert log.replies[wire.key("scripted", ask("a"))] == old


def test_the_same_calls_are_refused_whatever_the_cache_holds_and_however_many_run() -> None:
    requests = [ask(f"{n:02}" + "x" * 400) for n in range(30)]

    def refused(workers: int, log: Log) -> list[bool]:
        provider = ScriptedProvider(lambda _: ModelReply("y", usage=TokenUsage(100, 10)))
        with caller(provider, Budget(usd=0.0004), cache=log, pace=Pace(workers=workers)) as calls:
            outcomes = calls.call_many(requests)
            usd = calls.account.usage().usd
        assert usd is not None
        assert usd <= 0.0004
        return [isinstance(outcome, BudgetExceeded) for outcome in outcomes]

    log = Log()
    one = refused(1, Log())
    assert any(one)
    assert not all(one)
    assert refused(32, log) == one
    assert log.replies
    assert refused(32, log) == one
