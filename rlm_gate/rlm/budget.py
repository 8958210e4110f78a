"""One account for the whole tree of calls: reserve at the worst case, send, settle at the truth.

It bounds what the evidence costs, cached or not, plus what was charged for lost replies; so a run
spends at most its limit, and the same input stops at the same place whatever the cache holds.
Money is in picodollars (see prices.py); the account knows no models and no prices.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

from rlm_gate.core import Budget, Usage
from rlm_gate.errors import BudgetExceeded, UsageError
from rlm_gate.providers import TokenUsage
from rlm_gate.rlm.prices import Prices, picodollars, usd

UNPRICED_CALLS = 500
UNPRICED_TOKENS = 5_000_000
_POLL = 0.25


@dataclass(frozen=True, slots=True)
class Need:
    """What a request may take at most. ``cost`` None: its model has no known price."""

    tokens: int
    cost: int | None
    calls: int = 1
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of each limit; None where there is no limit."""

    usd: float | None
    calls: int | None
    tokens: int | None
    turns: int
    seconds: float


class Account:
    """The spending of one run. Every method may be called from any thread."""

    def __init__(self, limits: Budget, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._start = clock()
        self._changed = threading.Condition()
        self._evidence = _Sums()
        self._paid = _Sums()
        self._lost = _Sums()
        self._held = _Sums()
        self._kept = 0

    def reserve(
        self, need: Need, *, wait: float = 0.0, meanwhile: Callable[[], None] = lambda: None
    ) -> Reservation:
        """Set that much aside and return it, or raise BudgetExceeded: nothing was sent.

        Where it would fit once the calls in flight have settled, wait up to ``wait`` seconds for
        them and call ``meanwhile`` now and then. Called in the order of the requests this refuses
        the same ones at any concurrency.
        """
        end = time.monotonic() + wait
        while True:
            with self._changed:
                excess = self._excess(need, held=True)
                if not excess:
                    self._held.add(need)
                    return Reservation(self, need)
                patience = min(end - time.monotonic(), self._time_left())
                hopeless = self._excess(need, held=False)
                if hopeless or patience <= 0:
                    raise BudgetExceeded(*(hopeless or excess))
                self._changed.wait(min(patience, _POLL))
            meanwhile()

    @property
    def kept(self) -> float:
        """The dollars that are kept back at the moment."""
        return usd(self._kept)

    @contextmanager
    def keeping(self, cost: int) -> Iterator[None]:
        """Keep picodollars back for what comes after the block: within it the limit is lower."""
        with self._changed:
            self._kept += cost
        try:
            yield
        finally:
            with self._changed:
                self._kept -= cost
                self._changed.notify_all()

    def check(self, need: Need) -> None:
        """Raise BudgetExceeded if that much is not left. Sets nothing aside."""
        with self._changed:
            excess = self._excess(need, held=True)
        if excess:
            raise BudgetExceeded(*excess)

    def failed(self) -> None:
        """Note that a call, however often it was tried, came to nothing."""
        with self._changed:
            self._evidence.failed += 1
            self._paid.failed += 1

    def usage(self) -> Usage:
        """Return what the evidence costs, cached replies at the price they once had."""
        with self._changed:
            return self._evidence.usage()

    def paid(self) -> Usage:
        """Return what this run really paid: not the cached replies, but the lost ones."""
        with self._changed:
            return self._paid.usage(self._lost)

    def remaining(self) -> Remaining:
        """Return what is left, reservations taken off."""
        limits = self.limits
        with self._changed:
            used = self._used(held=True)
        return Remaining(
            usd=None
            if limits.usd is None
            else max(0.0, usd(self._allowed(limits.usd) - (used.cost or 0))),
            calls=_left(limits.max_calls, used.calls),
            tokens=_left(limits.max_tokens, used.tokens),
            turns=max(0, limits.max_turns - used.turns),
            seconds=self.time_left(),
        )

    def time_left(self) -> float:
        """Return the seconds until the deadline of the run, 0 once it has passed."""
        return max(0.0, self._time_left())

    def close(self, need: Need, spent: Spent) -> None:
        """Replace a reservation by what came of it. Called by the reservation, once."""
        with self._changed:
            self._held.add(need, -1)
            for sums in self._books(spent):
                sums.spend(spent)
            self._changed.notify_all()

    def _books(self, spent: Spent) -> tuple[_Sums, ...]:
        if spent.lost:
            return (self._lost,)
        return (self._evidence, self._paid) if spent.paid else (self._evidence,)

    def _time_left(self) -> float:
        return self.limits.deadline - (self._clock() - self._start)

    def _used(self, *, held: bool) -> Need:
        books = (self._evidence, self._lost, *((self._held,) if held else ()))
        return Need(
            tokens=sum(book.tokens for book in books),
            cost=sum(book.cost for book in books),
            calls=sum(book.calls for book in books),
            turns=sum(book.turns for book in books),
        )

    def _allowed(self, limit: float) -> int:
        return picodollars(limit) - self._kept

    def _excess(self, need: Need, *, held: bool) -> tuple[str, float, float] | None:
        """Return the limit that the need would break, as BudgetExceeded wants it."""
        used, limits = self._used(held=held), self.limits
        if self._time_left() <= 0:
            return "deadline", self._clock() - self._start, limits.deadline
        if limits.usd is not None and _over(used.cost, need.cost, self._allowed(limits.usd)):
            return "usd", usd(used.cost or 0), limits.usd
        if limits.max_calls is not None and _over(used.calls, need.calls, limits.max_calls):
            return "calls", used.calls, limits.max_calls
        if limits.max_tokens is not None and _over(used.tokens, need.tokens, limits.max_tokens):
            return "tokens", used.tokens, limits.max_tokens
        if _over(used.turns, need.turns, limits.max_turns):
            return "turns", used.turns, limits.max_turns
        return None


class Reservation:
    """What is set aside for one request. The first of its three ends counts, later ones don't."""

    __slots__ = ("_account", "_lock", "_open", "need")

    def __init__(self, account: Account, need: Need) -> None:
        self.need = need
        self._account = account
        self._open = True
        self._lock = threading.Lock()

    def settle(self, usage: TokenUsage, cost: int | None, *, paid: bool = True) -> None:
        """Take the reply's true price for the reserved one. Not ``paid``: it was cached."""
        need = self.need
        spent = Spent(usage.prompt_tokens, usage.output_tokens, cost, need.calls, need.turns, paid)
        self._end(spent)

    def forfeit(self) -> None:
        """Count all that was set aside: the request went out and its reply never arrived."""
        need = self.need
        self._end(Spent(need.tokens, 0, need.cost, need.calls, 0, lost=True))

    def release(self, *, sent: bool = True) -> None:
        """Give the money back: nothing was charged. A call that was sent still counts as one."""
        self._end(Spent(0, 0, 0, self.need.calls if sent else 0, 0, lost=True))

    def _end(self, spent: Spent) -> None:
        with self._lock:
            first, self._open = self._open, False
        if first:
            self._account.close(self.need, spent)


@dataclass(frozen=True, slots=True)
class Spent:
    """What came of a reservation. ``lost``: it bought no evidence (and is never a turn)."""

    input_tokens: int
    output_tokens: int
    cost: int | None
    calls: int
    turns: int
    paid: bool = True
    lost: bool = False


PricedLimits: TypeAlias = tuple[Budget, tuple[str, ...]]


def bound_unpriced(limits: Budget, models: Iterable[str], prices: Prices) -> PricedLimits:
    """Return limits that hold for these models, and the notes a report should carry.

    A model without a known price breaks a dollar limit that the user set: UsageError. Under the
    default limit it runs by calls and tokens instead.
    """
    unpriced = sorted({model for model in models if prices.get(model) is None})
    if not unpriced or limits.usd is None:
        return limits, ()
    named = ", ".join(unpriced)
    if limits.user_usd:
        raise UsageError(
            f"no price known for {named}, so the dollar limit can't be kept; "
            "give its price under models.prices or set no dollar limit"
        )
    bounded = replace(
        limits,
        usd=None,
        max_calls=UNPRICED_CALLS if limits.max_calls is None else limits.max_calls,
        max_tokens=UNPRICED_TOKENS if limits.max_tokens is None else limits.max_tokens,
    )
    note = (
        f"no price known for {named}: limited to {bounded.max_calls} calls "
        f"and {bounded.max_tokens} tokens instead of ${limits.usd:g}"
    )
    return bounded, (note,)


class _Sums:
    """A running total. ``cost`` leaves out what had no price; ``priced`` says if any had none."""

    def __init__(self) -> None:
        self.calls = self.turns = self.failed = 0
        self.input_tokens = self.output_tokens = self.cost = 0
        self.priced = True

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def add(self, need: Need, sign: int = 1) -> None:
        self.calls += sign * need.calls
        self.turns += sign * need.turns
        self.input_tokens += sign * need.tokens
        self.cost += sign * (need.cost or 0)

    def spend(self, spent: Spent) -> None:
        self.calls += spent.calls
        self.turns += spent.turns
        self.input_tokens += spent.input_tokens
        self.output_tokens += spent.output_tokens
        self.cost += spent.cost or 0
        self.priced = self.priced and spent.cost is not None

    def usage(self, more: _Sums | None = None) -> Usage:
        books = (self, more) if more else (self,)
        priced = all(book.priced for book in books)
        return Usage(
            calls=sum(book.calls for book in books),
            turns=sum(book.turns for book in books),
            input_tokens=sum(book.input_tokens for book in books),
            output_tokens=sum(book.output_tokens for book in books),
            usd=usd(sum(book.cost for book in books)) if priced else None,
            failed_calls=self.failed,
        )


def _over(used: int | None, need: int | None, limit: int) -> bool:
    """Say whether the need breaks the limit. Needing nothing of a kind never does."""
    return bool(need) and (used or 0) + (need or 0) > limit


def _left(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(0, limit - used)
