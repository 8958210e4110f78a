"""Make the map's calls by message batches: half the price, within hours instead of seconds.

A batch only fetches replies; they are then booked by ``calls.Caller`` like any other. Whatever a
batch did not answer, that caller asks singly. A batch is written down before it is sent, so that a
resumed run finds it again by its custom ids, which are the requests' keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rlm_gate.errors import BudgetExceeded, ProviderError
from rlm_gate.providers import Batch, BatchProvider, Json, ModelRequest
from rlm_gate.rlm import wire
from rlm_gate.rlm.budget import Reservation
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.flight import Outcome

MOST_BYTES = 128 * 2**20  # the API takes 256 MB, and JSON makes a prompt longer
TRIES = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 60.0
_SKEW = 600.0  # seconds that our clock may be ahead of the API's


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that a run wrote down: its keys, the time, and its id, "" if that never came."""

    keys: frozenset[str]
    at: float
    id: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """How batches go: through which provider, who writes them down, and who hears of progress."""

    provider: BatchProvider
    record: Callable[[str, Mapping[str, Json]], None]
    sent: Sequence[Sent] = ()
    progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None
    tell: Callable[[str], None] = lambda _remark: None
    sleep: Callable[[float], None] = time.sleep
    longest_pause: float = _LONGEST_PAUSE


class BatchCaller:
    """The map's caller under ``--batch``. Without a channel, in a replay, it only passes on."""

    most_at_once = 5000

    def __init__(self, caller: Caller, channel: Channel | None) -> None:
        self._caller = caller
        self._channel = channel
        self._adopted = channel is None
        self._tried: set[str] = set()  # by a batch of the run resumed: what failed goes singly

    def key(self, request: ModelRequest) -> str:
        """Return the key of the request."""
        return self._caller.key(request)

    def call_many(self, requests: Sequence[ModelRequest]) -> list[Outcome]:
        """Return what came of each, in order: as many in a batch as the budget bears at worst."""
        if self._channel is None:
            return self._caller.call_many(requests)
        self._adopt({self.key(request) for request in requests}, self._channel)
        outcomes: list[Outcome] = []
        part = _Part()
        for request in requests:
            key = self.key(request)
            if not self._caller.knows(key) and key not in part.held and key not in self._tried:
                reserved = self._reserved(request)
                if part.held and (reserved is None or part.size > MOST_BYTES):
                    if reserved:
                        reserved.release(sent=False)
                    outcomes += self._fly(part, self._channel)
                    part, reserved = _Part(), self._reserved(request)
                if reserved:
                    part.hold(key, request, reserved)
            part.requests.append(request)
        return outcomes + self._fly(part, self._channel)

    def _reserved(self, request: ModelRequest) -> Reservation | None:
        try:
            return self._caller.account.reserve(self._caller.need(request, batch=True))
        except BudgetExceeded:
            return None

    def _fly(self, part: _Part, channel: Channel) -> list[Outcome]:
        """Fetch what is held by one batch, then have the caller book it, and ask for the rest."""
        if part.held:
            try:
                self._fetch(part, channel)
            finally:  # interrupted or too late: what is under way may be charged
                part.forfeit()
        return self._caller.call_many(part.requests)

    def _fetch(self, part: _Part, channel: Channel) -> None:
        at = time.time()
        channel.record("batch", {"keys": [*part.sent], "at": at})
        try:
            batch_id = self._submitted(part, Sent(frozenset(part.sent), at), channel)
        except ProviderError as error:
            channel.tell(f"a batch was refused, its calls go singly at full price: {error}")
            part.release()
            return
        channel.record("batch", {"keys": [*part.sent], "at": at, "id": batch_id})
        if self._collect(batch_id, part.sent.keys(), channel):
            part.release()

    def _submitted(self, part: _Part, sent: Sent, channel: Channel) -> str:
        for attempt in range(TRIES):
            try:
                return channel.provider.submit(part.sent)
            except ProviderError as error:
                if error.lost and (found := self._find(sent, set(), channel)):
                    return found
                if not error.retryable or attempt + 1 == TRIES:
                    raise
                channel.sleep(error.retry_after or _FIRST_PAUSE * 2**attempt)
        raise AssertionError("the last try returns or raises")

    def _collect(self, batch_id: str, keys: Iterable[str], channel: Channel) -> bool:
        """Wait for the batch and remember its replies. False: time was up, or it is lost."""
        wanted = set(keys)
        if self._ended(batch_id, channel) is None:
            return False
        for attempt in range(TRIES):
            try:
                for key, reply in channel.provider.results(batch_id):
                    if key in wanted and reply is not None:
                        self._caller.remember(key, reply)
            except ProviderError as error:
                channel.tell(f"batch {batch_id}: {error}")
                channel.sleep(_FIRST_PAUSE * 2**attempt)
            else:
                return True
        return False

    def _ended(self, batch_id: str, channel: Channel) -> Batch | None:
        """Poll until the batch has ended, ever less often. None: it won't, or not in time."""
        pause = _FIRST_PAUSE
        while left := self._caller.account.time_left():
            try:
                state = channel.provider.batch(batch_id)
            except ProviderError as error:
                if not error.retryable:
                    channel.tell(f"batch {batch_id}: {error}")
                    return None
            else:
                channel.progress(f"batch {batch_id}", state.done, state.total)
                if state.ended:
                    return state
            channel.sleep(min(pause, left))
            pause = min(channel.longest_pause, pause * 1.5)
        return None

    def _adopt(self, wanted: set[str], channel: Channel) -> None:
        """Fetch the replies of batches that the run resumed here had sent, once."""
        if self._adopted:
            return
        self._adopted = True
        known = {one.id for one in channel.sent if one.id}
        for one in _newest_word(channel.sent):
            if all(self._caller.knows(key) for key in one.keys & wanted):
                continue
            batch_id = one.id or self._find(one, known, channel)
            if batch_id:
                channel.tell(f"batch {batch_id} of the unfinished run is used")
                if self._collect(batch_id, one.keys, channel):
                    self._tried |= one.keys

    def _find(self, sent: Sent, known: set[str], channel: Channel) -> str:
        """Return the id of the batch with these custom ids, "" if it was never made."""
        for batch in channel.provider.batches():
            if batch.created < sent.at - _SKEW:
                return ""
            if batch.id in known or batch.total != len(sent.keys):
                continue
            if self._ended(batch.id, channel) is None:
                continue
            first = next(iter(channel.provider.results(batch.id)), None)
            if first and first[0] in sent.keys:
                return batch.id
        return ""


class _Part:
    """Requests in order, and those among them that go into one batch, with what is set aside."""

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []
        self.sent: dict[str, ModelRequest] = {}
        self.held: dict[str, Reservation] = {}
        self.size = 0

    def hold(self, key: str, request: ModelRequest, reservation: Reservation) -> None:
        self.sent[key], self.held[key] = request, reservation
        self.size += wire.input_bytes(request)

    def release(self) -> None:
        """Give the money back: the caller books what it was spent on."""
        for one in self.held.values():
            one.release(sent=False)

    def forfeit(self) -> None:
        for one in self.held.values():
            one.forfeit()


def sent_by(records: Iterable[tuple[str, Mapping[str, object]]]) -> list[Sent]:
    """Return the batches that a journal has written down."""
    found = []
    for kind, data in records:
        keys, at = data.get("keys"), data.get("at")
        if kind == "batch" and isinstance(keys, list) and isinstance(at, int | float):
            found.append(Sent(frozenset(map(str, keys)), float(at), str(data.get("id", ""))))
    return found


def _newest_word(sent: Sequence[Sent]) -> list[Sent]:
    """Return each batch once: with its id where that was written down too."""
    found: dict[tuple[frozenset[str], float], Sent] = {}
    for one in sent:
        if one.id or (one.keys, one.at) not in found:
            found[one.keys, one.at] = one
    return [*found.values()]
