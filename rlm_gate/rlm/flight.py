"""One request on its way: when it must be back, and what came of it. Sends nothing itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self, TypeAlias

from rlm_gate.errors import BudgetExceeded, ProviderError
from rlm_gate.providers import ModelReply, ModelRequest
from rlm_gate.rlm.budget import Reservation
from rlm_gate.rlm.workers import Slot

Outcome: TypeAlias = ModelReply | ProviderError | BudgetExceeded

_GRACE = 0.5  # lets the provider's own error arrive before the call is given up from outside


class Flight:
    """Flown by a worker's thread, waited for by the caller's. Whoever claims it first ends it.

    As a context it carries any error to the thread that waits.
    """

    def __init__(
        self,
        key: str,
        request: ModelRequest,
        reservation: Reservation,
        patience: float,
        clock: Callable[[], float],
    ) -> None:
        self.key = key
        self.request = request
        self.reservation = reservation
        self.slot: Slot | None = None
        self.seconds: float | None = None  # until the reply came, where one was sent for
        self._patience = patience
        self._clock = clock
        self._born = clock()
        self._deadline: float | None = None
        self._lock = threading.Lock()
        self._claimed = False
        self._landed = threading.Event()
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error and self.claim():
            self._error = error
            self._landed.set()
        return True

    @property
    def claimed(self) -> bool:
        """Say whether somebody has ended it."""
        return self._claimed

    @property
    def sent(self) -> bool:
        """Say whether a request has gone out."""
        return self.slot is not None

    def claim(self) -> bool:
        """Take the right to say what came of it. Only the first who asks gets it."""
        with self._lock:
            first, self._claimed = not self._claimed, True
        return first

    def start(self, slot: Slot, run_left: float) -> None:
        """Note that a request goes out now; the first one starts the clock."""
        with self._lock:
            if self._claimed:
                raise ProviderError("timeout", "given up before it was sent")
            self.slot = slot
            if self._deadline is None:
                self._deadline = self._clock() + min(self._patience, run_left)

    def left(self) -> float:
        """Return the seconds until the reply must be there."""
        return max(0.001, (self._deadline or 0.0) - self._clock())

    def overdue(self, run_left: float) -> bool:
        """Say whether waiting on is pointless."""
        if self._deadline is None:
            return run_left <= 0
        return self._clock() > self._deadline + _GRACE

    def too_late(self) -> ProviderError:
        """Return the error of a reply that did not come in time."""
        message = f"no reply within {self._patience:g} s"
        return ProviderError("timeout", message, lost=self.sent)

    def age(self) -> float:
        """Return the seconds since it was asked for."""
        return self._clock() - self._born

    def land(self, outcome: Outcome) -> None:
        """Say what came of it; only for whoever has claimed it."""
        self._outcome = outcome
        self._landed.set()

    def wait(self, seconds: float) -> bool:
        """Wait that long for it to land, and say whether it has."""
        return self._landed.wait(seconds)

    def result(self) -> Outcome:
        """Return what came of it, or raise what its thread raised."""
        if self._outcome is None:
            raise self._error or AssertionError("a flight landed with no outcome")
        return self._outcome
