"""The one seam that every model call passes: cache, journal, budget, threads, retries.

It knows no provider's protocol and reads no answer; it decides whether there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, Self

from rlm_gate.errors import BudgetExceeded, ProviderError, UsageError
from rlm_gate.providers import Json, ModelReply, ModelRequest, Provider
from rlm_gate.rlm import replies, wire
from rlm_gate.rlm.budget import Account, Need, Reservation
from rlm_gate.rlm.flight import Flight, Outcome
from rlm_gate.rlm.pace import USUAL, Pace, pause
from rlm_gate.rlm.prices import Prices
from rlm_gate.rlm.workers import Breaker, Throttle, Workers

_POLL = 0.25
_PAUSES = 3  # how often a reply may stop half-way and ask to be continued


class ReplyStore(Protocol):
    """Where replies of earlier runs are kept: cache.ReplyCache."""

    def get(self, key: str) -> ModelReply | None:
        """Return the reply of that key, if there is one that can be trusted."""
        ...

    def put(self, key: str, reply: ModelReply) -> None:
        """Keep a usable reply."""
        ...


class Recorder(Protocol):
    """Where everything that happens is written down: journal.Journal."""

    def record(self, kind: str, data: Mapping[str, Json]) -> None:
        """Append one event."""
        ...


Watch = Callable[[ModelRequest, Outcome, int | None, float | None], None]
"""Told of each call in order: request, outcome, cost in units of ``prices``, seconds it took."""


class Caller:
    """Calls to one provider. Share the account, cache and journal between root and sub.

    ``prior`` holds what calls came to in the unfinished run that this one resumes, or in the shards
    that it joins, by key.
    """

    most_at_once = 256

    def __init__(
        self,
        provider: Provider,
        account: Account,
        prices: Prices,
        *,
        cache: ReplyStore | None = None,
        journal: Recorder | None = None,
        prior: Mapping[str, Outcome] | None = None,
        pace: Pace = USUAL,
        watch: Watch | None = None,
    ) -> None:
        self.provider = provider
        self.account = account
        self.prices = prices
        self._cache = cache
        self._journal = journal
        self._prior = dict(prior or {})
        self._fetched: set[str] = set()
        self._pace = pace
        self._watch = watch
        self._workers = Workers(pace.workers)
        self._throttle = Throttle(pace.workers)
        self._breaker = Breaker()
        self._flying: dict[str, Flight] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the threads go. Calls under way are left to end by themselves."""
        self._workers.close()

    def call(
        self,
        request: ModelRequest,
        *,
        timeout: float | None = None,
        turn: bool = False,
        counted: wire.Counted | None = None,
        key: str | None = None,
    ) -> ModelReply:
        """Return the reply. Raises ProviderError, or BudgetExceeded before anything is sent.

        ``turn``: this is a root turn, no call; ``counted`` is what the turn before it came to.
        ``key`` is what ``key()`` returned for it: a long conversation takes a while to digest.
        """
        need = partial(self.need, turn=turn, counted=counted)
        outcome = self._outcomes([request], [key or self.key(request)], timeout, need)[0]
        if isinstance(outcome, ModelReply):
            return outcome
        raise outcome

    def call_many(
        self, requests: Sequence[ModelRequest], *, timeout: float | None = None
    ) -> list[Outcome]:
        """Return what came of each request, in order. ``timeout`` is for each call.

        Equal requests are sent once. Any other error than the two kinds of outcome is raised.
        """
        keys = [self.key(request) for request in requests]
        return self._outcomes(requests, keys, timeout, self.need)

    def key(self, request: ModelRequest) -> str:
        """Return the key under which cache and journal have the request."""
        return wire.key(self.provider.name, request)

    def check(self, requests: Sequence[ModelRequest]) -> None:
        """Raise BudgetExceeded unless the budget allows all of them at their worst."""
        needs = [self.need(request) for request in requests]
        costs = [need.cost for need in needs if need.cost is not None]
        cost = sum(costs) if len(costs) == len(needs) else None
        self.account.check(Need(sum(need.tokens for need in needs), cost, calls=len(needs)))

    def knows(self, key: str) -> bool:
        """Say whether the outcome of that request is at hand."""
        return self._known(key)[0] is not None

    def remember(self, key: str, reply: ModelReply) -> None:
        """Keep a reply that this run paid for in another way, until its request is made."""
        self._prior[key] = reply
        self._fetched.add(key)

    def need(
        self,
        request: ModelRequest,
        *,
        turn: bool = False,
        batch: bool = False,
        counted: wire.Counted | None = None,
    ) -> Need:
        """Return the most that the request can take."""
        size = wire.most_tokens(request, counted)
        cost = self.prices.worst_case(request.model, size, request.max_tokens, batch=batch)
        limits = self.account.limits
        if cost is None and limits.usd is not None and limits.user_usd:
            raise UsageError(f"no price known for {request.model}; give it under models.prices")
        return Need(size + request.max_tokens, cost, calls=int(not turn), turns=int(turn))

    def _outcomes(
        self,
        requests: Sequence[ModelRequest],
        keys: Sequence[str],
        timeout: float | None,
        need: Callable[..., Need],
    ) -> list[Outcome]:
        patience = self._pace.timeout if timeout is None else timeout
        flights: dict[str, Flight] = {}
        try:
            for key, request in zip(keys, requests, strict=True):
                if key not in flights:
                    nothing = Reservation(self.account, Need(0, 0, calls=0))
                    flight = Flight(key, request, nothing, patience, self._pace.clock)
                    flights[key] = self._launch(flight, need)
            outcomes = {key: self._land(flight) for key, flight in flights.items()}
            self._tell(flights.values(), outcomes)
        finally:  # interrupted: what is under way counts at its worst case
            self._abandon(flights.values())
        return [outcomes[key] for key in keys]

    def _tell(self, flights: Iterable[Flight], outcomes: Mapping[str, Outcome]) -> None:
        """Let the witness hear of what landed."""
        if self._watch is None:
            return
        for flight in flights:
            outcome, cost = outcomes[flight.key], None
            if isinstance(outcome, ModelReply):
                cost = self.prices.cost(flight.request.model, outcome.usage, batch=outcome.batch)
            self._watch(flight.request, outcome, cost, flight.seconds)

    def _launch(self, flight: Flight, need: Callable[..., Need]) -> Flight:
        """Start the call, answer it from memory, or join one for the same request."""
        key, request = flight.key, flight.request
        if shared := self._flying.get(key):
            return shared
        known, source = self._known(key)
        by_batch = isinstance(known, ModelReply) and known.batch
        try:
            flight.reservation = self._reserve(need(request, batch=by_batch))
        except BudgetExceeded as error:
            self._finish(flight, error)
            return flight
        if isinstance(known, ProviderError | BudgetExceeded):  # a shard's call that failed there
            self._finish(flight, known)
            return flight
        if known:  # its request stands in the journal of the run that first made it
            self._settle(flight, known, paid=source == "batch")
            self._finish(flight, replies.judged(known, request), known, source)
            return flight
        self._note("request", {"key": key, "request": wire.request_json(request)})
        self._flying[key] = flight
        self._workers.submit(lambda: self._run(flight))
        return flight

    def _known(self, key: str) -> tuple[Outcome | None, str]:
        if reply := self._prior.get(key):
            return reply, "batch" if key in self._fetched else "prior"
        return self._cache.get(key) if self._cache else None, "cache"

    def _reserve(self, need: Need) -> Reservation:
        return self.account.reserve(need, wait=self.account.time_left(), meanwhile=self._sweep)

    def _run(self, flight: Flight) -> None:
        """Fly, on a worker's thread. Whatever is raised is raised again where the flight lands."""
        with flight:
            try:
                self._fly(flight)
            finally:
                flight.reservation.forfeit()  # open only after an error that nobody foresaw
                self._flying.pop(flight.key, None)

    def _fly(self, flight: Flight) -> None:
        reply: ModelReply | None = None
        try:
            reply = self._answer(flight)
            outcome: Outcome = replies.judged(reply, flight.request)
        except (ProviderError, BudgetExceeded) as error:
            outcome = error
        self._finish(flight, outcome, reply)

    def _answer(self, flight: Flight) -> ModelReply:
        """Return the whole reply: one that paused is continued, each part with its own reserve."""
        reply = self._reply(flight, flight.request)
        for _ in range(_PAUSES):
            if reply.stop_reason != "pause_turn":
                break
            messages = (*flight.request.messages, reply.message())
            rest = replace(flight.request, messages=messages)
            flight.reservation = self._reserve(replace(self.need(rest), calls=0))
            reply = replies.joined(reply, self._reply(flight, rest))
        return reply

    def _reply(self, flight: Flight, request: ModelRequest) -> ModelReply:
        """Send until there is a reply or no hope of one."""
        attempt = 0
        while True:
            self._breaker.check()
            try:
                return self._send(flight, request)
            except ProviderError as failure:
                wait = pause(failure, attempt, flight.key, flight.left())
                if wait is None:
                    self._give_up(flight, failure)
                    raise
                if failure.lost:
                    flight.reservation.forfeit()
                    flight.reservation = self._reserve(flight.reservation.need)
            self._pace.sleep(wait)
            attempt += 1

    def _send(self, flight: Flight, request: ModelRequest) -> ModelReply:
        failure: ProviderError | None = None
        slot = self._throttle.enter()
        try:
            flight.start(slot, self.account.time_left())
            reply = self.provider.complete(request, timeout=flight.left())
        except ProviderError as error:
            failure = error
            raise
        finally:
            slot.leave(failure)
        self._breaker.answered()
        self._settle(flight, reply)
        return reply

    def _settle(self, flight: Flight, reply: ModelReply, *, paid: bool = True) -> None:
        cost = self.prices.cost(flight.request.model, reply.usage, batch=reply.batch)
        flight.reservation.settle(reply.usage, cost, paid=paid)

    def _give_up(self, flight: Flight, failure: ProviderError) -> None:
        if not flight.claimed:
            self._breaker.failed(failure)
        if failure.lost:
            flight.reservation.forfeit()
        else:
            flight.reservation.release(sent=flight.sent)
        if failure.kind == "timeout" and not self.account.time_left():
            raise self._out_of_time() from failure

    def _out_of_time(self) -> BudgetExceeded:
        deadline = self.account.limits.deadline
        return BudgetExceeded("deadline", deadline, deadline)

    def _finish(
        self,
        flight: Flight,
        outcome: Outcome,
        reply: ModelReply | None = None,
        source: str = "model",
    ) -> None:
        """Write down what came of it, then let it land. A late reply is kept for the next run."""
        flight.reservation.release(sent=False)  # still open where nothing was sent
        if reply:
            self._keep(flight, outcome, reply, source)
        if flight.claim():
            self._end(flight, outcome, known=reply is not None)

    def _end(self, flight: Flight, outcome: Outcome, *, known: bool = False) -> None:
        if isinstance(outcome, ProviderError):
            self.account.failed()
        if not known:
            self._note("failure", {"key": flight.key, "error": wire.error_json(outcome)})
        flight.land(outcome)

    def _keep(self, flight: Flight, outcome: Outcome, reply: ModelReply, source: str) -> None:
        seconds = round(flight.age(), 3)
        data = {
            "key": flight.key,
            "reply": wire.reply_json(reply),
            "source": source,
            "cost": self.prices.cost(flight.request.model, reply.usage, batch=reply.batch),
            "seconds": seconds,
        }
        self._note("reply", data)
        flight.seconds = seconds if source == "model" else None
        if self._cache and source != "cache" and isinstance(outcome, ModelReply):
            self._cache.put(flight.key, reply)

    def _land(self, flight: Flight) -> Outcome:
        while not flight.wait(_POLL):
            self._sweep()
        return flight.result()

    def _sweep(self) -> None:
        """Give up whatever should have been back by now."""
        left = self.account.time_left()
        self._abandon([flight for flight in [*self._flying.values()] if flight.overdue(left)])

    def _abandon(self, flights: Iterable[Flight]) -> None:
        """Give up, from outside, what is still under way. Its threads are left behind.

        All are claimed before any slot is free, or the next in the queue would go out.
        """
        for flight in [flight for flight in flights if flight.claim()]:
            self._write_off(flight)

    def _write_off(self, flight: Flight) -> None:
        error = flight.too_late()
        if flight.slot:
            flight.reservation.forfeit()
            flight.slot.leave(error)
            self._workers.replace_one()
            self._breaker.failed(error)
        flight.reservation.release(sent=False)  # still open where nothing was sent
        self._flying.pop(flight.key, None)
        self._end(flight, error if self.account.time_left() else self._out_of_time())

    def _note(self, kind: str, data: Mapping[str, Json]) -> None:
        if self._journal:
            self._journal.record(kind, data)
