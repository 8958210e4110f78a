from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rlm_gate.core import Budget, Usage
from rlm_gate.errors import BudgetExceeded, UsageError
from rlm_gate.providers import TokenUsage
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account, Need, Reservation, bound_unpriced
from rlm_gate.rlm.prices import PICO

CENT = PICO // 100


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def need(cents: int = 1, tokens: int = 10) -> Need:
    return Need(tokens, cents * CENT)


def test_what_is_settled_replaces_what_was_reserved() -> None:
    account = Account(Budget(usd=1.0))
    held = account.reserve(need(cents=60))
    with pytest.raises(BudgetExceeded, match=r"usd: 0\.6 of 1 used"):
        account.reserve(need(cents=41))
    held.settle(TokenUsage(7, 3, 2, 1), 10 * CENT)
    account.reserve(need(cents=90))
    assert account.usage() == Usage(1, 0, 10, 3, 0.1)


def test_a_lost_reply_counts_at_its_reservation() -> None:
    account = Account(Budget(usd=1.0))
    account.reserve(need(cents=60)).forfeit()
    with pytest.raises(BudgetExceeded):
        account.reserve(need(cents=41))
    assert account.usage() == Usage()
    assert account.paid().usd == 0.6


def test_a_refused_request_costs_nothing_but_still_counts_as_a_call() -> None:
    account = Account(Budget(usd=1.0, max_calls=1))
    account.reserve(need()).release()
    assert account.paid().usd == 0.0
    with pytest.raises(BudgetExceeded, match="calls: 1 of 1 used"):
        account.reserve(need())


def test_what_needs_nothing_of_a_kind_passes_where_too_much_of_it_was_used() -> None:
    account = Account(Budget(usd=1.0))
    account.reserve(need(cents=60)).settle(TokenUsage(1, 1, 0, 0), 120 * CENT)  # dearer than held
    account.check(need(cents=0))
    account.reserve(Need(10, None)).release(sent=False)
    with pytest.raises(BudgetExceeded, match="usd"):
        account.check(need())


def test_a_request_never_sent_leaves_no_trace() -> None:
    account = Account(Budget(usd=1.0, max_calls=1))
    account.reserve(need()).release(sent=False)
    assert account.remaining().calls == 1
    assert account.paid() == Usage()


def test_only_the_first_end_of_a_reservation_counts() -> None:
    account = Account(Budget(usd=1.0))
    held = account.reserve(need(cents=60))
    held.forfeit()
    held.settle(TokenUsage(1, 1), CENT)
    held.release()
    assert account.paid().usd == 0.6
    assert account.usage().calls == 0


def test_a_cached_reply_is_evidence_but_not_paid() -> None:
    account = Account(Budget(usd=1.0))
    account.reserve(need()).settle(TokenUsage(100, 50), 40 * CENT, paid=False)
    assert account.usage().usd == 0.4
    assert account.paid() == Usage()
    with pytest.raises(BudgetExceeded):
        account.reserve(need(cents=61))


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        pytest.param(Budget(usd=0.02), "usd", id="dollars"),
        pytest.param(Budget(max_calls=2), "calls", id="calls"),
        pytest.param(Budget(max_tokens=20), "tokens", id="tokens"),
    ],
)
def test_each_limit_is_met_exactly(limits: Budget, kind: str) -> None:
    account = Account(limits)
    account.reserve(need())
    account.reserve(need())
    with pytest.raises(BudgetExceeded) as caught:
        account.reserve(need())
    assert caught.value.kind == kind
    assert caught.value.used == caught.value.limit


def test_turns_are_counted_apart_from_calls() -> None:
    account = Account(Budget(max_calls=1, max_turns=1))
    account.reserve(Need(10, CENT, calls=0, turns=1)).settle(TokenUsage(5, 5), CENT)
    account.reserve(need()).settle(TokenUsage(5, 5), CENT)
    with pytest.raises(BudgetExceeded, match="turns: 1 of 1 used"):
        account.reserve(Need(10, CENT, calls=0, turns=1))
    assert (account.usage().turns, account.usage().calls) == (1, 1)


def test_after_the_deadline_nothing_is_sent() -> None:
    clock = Clock()
    account = Account(Budget(deadline=10), clock=clock)
    clock.now = 9.0
    account.reserve(need())
    assert account.time_left() == 1.0
    for now in (10.0, 11.0):
        clock.now = now
        with pytest.raises(BudgetExceeded, match="deadline"):
            account.reserve(need())
        assert account.time_left() == 0.0


def test_what_is_unpriced_makes_the_total_unknown_never_zero() -> None:
    account = Account(Budget(usd=None))
    account.reserve(need()).settle(TokenUsage(1, 1), CENT)
    account.reserve(Need(10, None)).settle(TokenUsage(1, 1), None)
    assert account.usage().usd is None
    assert account.paid().usd is None


def test_an_unpriced_reply_that_was_lost_is_unknown_in_what_was_paid_only() -> None:
    account = Account(Budget(usd=None))
    account.reserve(Need(10, None)).forfeit()
    assert account.usage().usd == 0.0
    assert account.paid().usd is None


def test_remaining_takes_off_reservations() -> None:
    account = Account(Budget(usd=1.0, max_calls=5, max_tokens=100, max_turns=3), clock=Clock())
    account.reserve(need(cents=25, tokens=40))
    left = account.remaining()
    assert (left.usd, left.calls, left.tokens, left.turns, left.seconds) == (0.75, 4, 60, 3, 600.0)
    free = Account(Budget(usd=None)).remaining()
    assert (free.usd, free.calls, free.tokens) == (None, None, None)


def test_a_batch_that_does_not_fit_is_refused_as_a_whole() -> None:
    account = Account(Budget(max_calls=10))
    account.check(Need(100, CENT, calls=10))
    with pytest.raises(BudgetExceeded, match="calls: 0 of 10 used"):
        account.check(Need(100, CENT, calls=11))
    assert account.remaining().calls == 10


def test_failed_calls_are_counted() -> None:
    account = Account(Budget())
    account.failed()
    assert account.usage().failed_calls == 1
    assert account.paid().failed_calls == 1


def later(do: Callable[[], None]) -> threading.Thread:
    thread = threading.Timer(0.05, do)
    thread.start()
    return thread


def test_what_fits_once_others_have_settled_waits_for_them() -> None:
    account = Account(Budget(usd=1.0))
    held = account.reserve(need(cents=60))
    waiter = later(lambda: held.settle(TokenUsage(1, 1), CENT))
    account.reserve(need(cents=99), wait=5.0)
    waiter.join()
    assert account.usage().usd == 0.01


def test_what_can_never_fit_does_not_wait() -> None:
    account = Account(Budget(usd=1.0))
    account.reserve(need(cents=60))
    account.reserve(need(cents=20)).settle(TokenUsage(1, 1), 20 * CENT)
    start = time.monotonic()
    with pytest.raises(BudgetExceeded, match=r"usd: 0\.2 of 1 used"):
        account.reserve(need(cents=81), wait=5.0)
    assert time.monotonic() - start < 1.0


def test_waiting_ends_and_calls_back_meanwhile() -> None:
    account = Account(Budget(usd=1.0))
    account.reserve(need(cents=60))
    asked: list[int] = []
    with pytest.raises(BudgetExceeded):
        account.reserve(need(cents=60), wait=0.1, meanwhile=lambda: asked.append(1))
    assert asked


def test_who_waits_is_called_back_again_and_again() -> None:
    account = Account(Budget(usd=1.0))
    held = account.reserve(need(cents=60))
    asked: list[int] = []

    def settle_at_the_second_time() -> None:
        asked.append(1)
        if len(asked) == 2:
            held.settle(TokenUsage(1, 1), CENT)

    account.reserve(need(cents=99), wait=10.0, meanwhile=settle_at_the_second_time)

    assert len(asked) == 2


class Yielding(Need):
    """Lets other threads run whenever it is looked at, so that a missing lock shows."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        time.sleep(0)
        return super().__getattribute__(name)


def race(account: Account, threads: int, work: Callable[[int, Reservation], None]) -> int:
    """Let every thread reserve and end as often as it is let. Return how often that was."""
    start = threading.Barrier(threads)
    done = []

    def spend(seed: int) -> None:
        start.wait()
        for turn in range(50):
            try:
                held = account.reserve(Yielding(13, 7 * CENT))
            except BudgetExceeded:
                continue
            done.append(turn)
            work(seed + turn, held)

    crowd = [threading.Thread(target=spend, args=(n,)) for n in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return len(done)


def settle_or_lose(seed: int, held: Reservation) -> None:
    if seed % 3 == 0:
        held.forfeit()
    elif seed % 3 == 1:
        held.settle(TokenUsage(6, 7), 7 * CENT)
    else:
        held.settle(TokenUsage(1, 1), CENT)


def test_64_threads_never_go_a_cent_over() -> None:
    account = Account(Budget(usd=5.0))
    race(account, 64, settle_or_lose)
    paid = account.paid().usd
    assert paid is not None
    assert 4.93 < paid <= 5.0


def test_64_threads_never_make_a_call_too_many() -> None:
    account = Account(Budget(usd=None, max_calls=300))
    assert race(account, 64, settle_or_lose) == 300
    assert account.paid().calls == 300


def test_64_threads_never_use_a_token_too_many() -> None:
    account = Account(Budget(usd=None, max_tokens=2_600))
    race(account, 64, lambda _, held: held.forfeit())
    assert account.paid().input_tokens == 2_600


LIST = prices.load()


def test_priced_models_keep_the_limits() -> None:
    limits = Budget(user_usd=True)
    assert bound_unpriced(limits, ["claude-haiku-5-5"], LIST) == (limits, ())


def test_an_unpriced_model_breaks_a_limit_the_user_set() -> None:
    with pytest.raises(UsageError, match="no price known for mystery") as caught:
        bound_unpriced(Budget(user_usd=True), ["mystery", "claude-haiku-5-5"], LIST)
    assert caught.value.exit_code == 2


def test_under_the_default_limit_it_runs_by_calls_and_tokens_and_says_so() -> None:
    limits, notes = bound_unpriced(Budget(max_calls=7), ["mystery"], LIST)
    assert limits.usd is None
    assert limits.max_calls == 7
    assert limits.max_tokens is not None
    assert "mystery" in notes[0]
    assert "7 calls" in notes[0]


def test_without_a_dollar_limit_an_unpriced_model_is_fine() -> None:
    limits = Budget(usd=None)
    assert bound_unpriced(limits, ["mystery"], LIST) == (limits, ())


def test_what_is_kept_for_later_lowers_the_limit_until_then() -> None:
    account = Account(Budget(usd=1.0))
    with account.keeping(prices.picodollars(0.6)):
        assert account.remaining().usd == pytest.approx(0.4)
        with pytest.raises(BudgetExceeded):
            account.reserve(Need(tokens=1, cost=prices.picodollars(0.5)), wait=60)
    account.reserve(Need(tokens=1, cost=prices.picodollars(0.5))).release(sent=False)
    assert account.remaining().usd == pytest.approx(1.0)
