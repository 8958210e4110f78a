from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from rlm_gate.core import Budget
from rlm_gate.errors import BudgetExceeded, ProviderError, UsageError
from rlm_gate.providers import (
    Message,
    ModelReply,
    ModelRequest,
    Provider,
    TokenUsage,
    Tool,
    ToolCall,
)
from rlm_gate.providers.scripted import ScriptedProvider
from rlm_gate.rlm import prices, wire
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.pace import TRIES, Pace

LIST = prices.load()
MODEL = "claude-haiku-5-5"
DEFAULT = Budget()
TOOL = Tool("run_python", "Run it.", {"type": "object"})
BUSY = ProviderError("rate_limit", "slow down", retryable=True)
DOWN = ProviderError("connection", "refused", retryable=True)
CUT = ProviderError("connection", "cut off", retryable=True, lost=True)


def ask(text: str = "?", **changes: Any) -> ModelRequest:
    return ModelRequest(MODEL, "You read code.", (Message("user", text),), 100, **changes)


@dataclass
class Log:
    """A journal and a cache in memory."""

    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    replies: dict[str, ModelReply] = field(default_factory=dict)

    def record(self, kind: str, data: Mapping[str, Any]) -> None:
        self.events.append((kind, data))

    def get(self, key: str) -> ModelReply | None:
        return self.replies.get(key)

    def put(self, key: str, reply: ModelReply) -> None:
        self.replies[key] = reply

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]


class Sequence:
    """Answer with the next of these, the last one for ever."""

    def __init__(self, *answers: str | ModelReply | ProviderError) -> None:
        self.left = list(answers)
        self.lock = threading.Lock()

    def __call__(self, _: ModelRequest) -> str | ModelReply | ProviderError:
        with self.lock:
            return self.left.pop(0) if len(self.left) > 1 else self.left[0]


class Sleeper:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def caller(
    provider: Provider | Callable[..., Any], limits: Budget = DEFAULT, **more: Any
) -> Caller:
    if not hasattr(provider, "complete"):
        provider = ScriptedProvider(provider)
    more.setdefault("pace", Pace(sleep=lambda _: None))
    return Caller(provider, Account(limits), LIST, **more)


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
