from __future__ import annotations

import threading

import pytest

from rlm_gate.errors import ProviderError
from rlm_gate.rlm.workers import Breaker, Throttle, Workers

BUSY = ProviderError("rate_limit", "slow down", retryable=True)
DOWN = ProviderError("connection", "refused", retryable=True)


def test_no_more_threads_than_allowed_and_no_more_than_needed() -> None:
    before = {*threading.enumerate()}  # those of other tests may end meanwhile
    workers = Workers(3)
    gate, done = threading.Event(), threading.Semaphore(0)

    def task() -> None:
        gate.wait()
        done.release()

    for _ in range(10):
        workers.submit(task)
    assert len({*threading.enumerate()} - before) == 3
    gate.set()
    for _ in range(10):
        assert done.acquire(timeout=5)
    workers.close()


def test_an_idle_thread_is_used_again() -> None:
    workers = Workers(8)
    names = set()
    for _ in range(20):
        done = threading.Event()

        def task(done: threading.Event = done) -> None:
            names.add(threading.current_thread().ident)
            done.set()

        workers.submit(task)
        assert done.wait(5)
    workers.close()
    assert len(names) <= 2  # the first may not have gone idle yet when the second came


def test_a_hanging_thread_can_be_replaced() -> None:
    workers = Workers(1)
    hang, done = threading.Event(), threading.Event()

    def stuck() -> None:
        hang.wait()

    workers.submit(stuck)
    workers.submit(done.set)
    assert not done.wait(0.02)
    workers.replace_one()
    assert done.wait(5)
    hang.set()
    workers.close()


def test_threads_end_when_closed() -> None:
    workers = Workers(2)
    seen: list[threading.Thread] = []
    done = threading.Event()

    def task() -> None:
        seen.append(threading.current_thread())
        done.set()

    workers.submit(task)
    assert done.wait(5)
    workers.close()
    seen[0].join(5)
    assert not seen[0].is_alive()


def test_too_many_requests_halve_the_limit_once_a_round() -> None:
    throttle = Throttle(32)
    slots = [throttle.enter() for _ in range(32)]
    for slot in slots:
        slot.leave(BUSY)
    assert throttle.limit == 16
    throttle.enter().leave(ProviderError("overloaded", "busy"))
    assert throttle.limit == 8


def test_the_limit_never_reaches_zero_and_other_errors_do_not_lower_it() -> None:
    throttle = Throttle(4)
    throttle.enter().leave(DOWN)
    assert throttle.limit == 4
    for _ in range(10):
        throttle.enter().leave(BUSY)
    assert throttle.limit == 1


def test_the_limit_recovers_with_the_answers() -> None:
    throttle = Throttle(4)
    throttle.enter().leave(BUSY)
    assert throttle.limit == 2
    for _ in range(2 + 3):
        throttle.enter().leave()
    assert throttle.limit == 4
    for _ in range(100):
        throttle.enter().leave()
    assert throttle.limit == 4


def test_a_slot_is_given_back_once() -> None:
    throttle = Throttle(1)
    slot = throttle.enter()
    slot.leave()
    slot.leave()
    throttle.enter()
    blocked = threading.Thread(target=throttle.enter, daemon=True)
    blocked.start()
    blocked.join(0.05)
    assert blocked.is_alive()


def test_an_endpoint_that_never_answers_is_left_alone() -> None:
    breaker = Breaker(patience=3)
    for _ in range(2):
        breaker.failed(DOWN)
        breaker.check()
    breaker.failed(DOWN)
    with pytest.raises(ProviderError, match="3 of 3 calls failed; refused") as caught:
        breaker.check()
    assert caught.value.kind == "connection"
    assert not caught.value.retryable


def test_one_answer_keeps_it_open_for_good() -> None:
    breaker = Breaker(patience=3)
    breaker.answered()
    for _ in range(10):
        breaker.failed(DOWN)
    breaker.check()


@pytest.mark.parametrize("kind", ["rate_limit", "overloaded", "refusal", "max_tokens"])
def test_what_a_living_endpoint_says_does_not_count(kind: str) -> None:
    breaker = Breaker(patience=1)
    breaker.failed(ProviderError(kind, "as it is"))
    breaker.check()
