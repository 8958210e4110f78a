from __future__ import annotations

import threading

import pytest

from rlm_gate.core import Budget
from rlm_gate.errors import ProviderError
from rlm_gate.providers import Message, ModelReply, ModelRequest
from rlm_gate.rlm.budget import Account, Need
from rlm_gate.rlm.flight import Flight
from rlm_gate.rlm.workers import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def flight(clock: Clock, patience: float = 10.0) -> Flight:
    request = ModelRequest("m", "", (Message("user", "?"),), 10)
    held = Account(Budget()).reserve(Need(1, 1))
    return Flight("00", request, held, patience, clock)


def test_the_clock_starts_with_the_first_request_and_not_again() -> None:
    clock = Clock()
    one = flight(clock)
    clock.now += 50
    one.start(Throttle(1).enter(), run_left=100)
    assert one.left() == 10
    clock.now += 4
    one.start(Throttle(1).enter(), run_left=100)
    assert one.left() == 6
    assert one.age() == 54


def test_a_run_that_ends_sooner_ends_the_call() -> None:
    one = flight(Clock())
    one.start(Throttle(1).enter(), run_left=3)
    assert one.left() == 3


def test_it_is_overdue_a_little_after_its_deadline() -> None:
    clock = Clock()
    one = flight(clock)
    assert not one.overdue(run_left=1)
    assert one.overdue(run_left=0)
    one.start(Throttle(1).enter(), run_left=100)
    clock.now += 10
    assert not one.overdue(run_left=90)
    clock.now += 1
    assert one.overdue(run_left=89)


def test_once_claimed_nothing_is_sent() -> None:
    one = flight(Clock())
    assert one.claim()
    assert not one.claim()
    with pytest.raises(ProviderError, match="before it was sent"):
        one.start(Throttle(1).enter(), run_left=100)
    assert not one.sent
    assert not one.too_late().lost


def test_an_error_of_the_thread_is_raised_where_it_lands() -> None:
    one = flight(Clock())

    def fly() -> None:
        with one:
            raise ZeroDivisionError

    thread = threading.Thread(target=fly)
    thread.start()
    thread.join()
    assert one.wait(5)
    with pytest.raises(ZeroDivisionError):
        one.result()


def test_it_lands_with_its_outcome() -> None:
    one = flight(Clock())
    assert not one.wait(0)
    one.land(ModelReply("yes"))
    assert one.wait(0)
    assert one.result() == ModelReply("yes")
