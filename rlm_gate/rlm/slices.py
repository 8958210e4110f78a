"""Slices of the map: who makes which call when a run is spread, and what came of them elsewhere.

A slice is two numbers; every machine that reads the same input deals the same calls (design §13).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rlm_gate.core import Budget
from rlm_gate.errors import ProviderError
from rlm_gate.providers import Json, ModelReply, ModelRequest, Provider
from rlm_gate.rlm import wire
from rlm_gate.rlm.calls import Recorder, ReplyStore
from rlm_gate.rlm.flight import Outcome
from rlm_gate.rlm.planner import MapCall, TooLong
from rlm_gate.rlm.prices import picodollars, usd

ELSEWHERE = "in another shard"


@dataclass(frozen=True, slots=True)
class Slice:
    """Slice ``number``, from 1, of ``of``."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def share(self, limits: Budget) -> Budget:
        """Return this slice's part of the limits. All parts together are never more than these.

        Turns and seconds are whole: a slice takes no turns, and slices run side by side.
        """
        return replace(
            limits,
            usd=None if limits.usd is None else usd(picodollars(limits.usd) // self.of),
            max_calls=self._part(limits.max_calls),
            max_tokens=self._part(limits.max_tokens),
        )

    def _part(self, limit: int | None) -> int | None:
        if limit is None:
            return None
        return limit // self.of + (self.number <= limit % self.of)

    @property
    def others(self) -> Mapping[int, str]:
        """Why the calls of every other slice are not made here."""
        return {number: ELSEWHERE for number in range(1, self.of + 1) if number != self.number}


@dataclass(frozen=True, slots=True)
class Hearing:
    """A slice that is being asked: hears what a journal is told, and keeps what calls came to.

    Calls whose outcome it has from the start are not made. With a ``store`` of replies, that one
    stands in for this machine's cache, and no journal is written here.
    """

    piece: Slice
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    store: ReplyStore | None = None

    def record(self, kind: str, data: Mapping[str, Json]) -> None:
        """Keep replies, usable or not, and failures, by key."""
        if kind == "reply":
            self.outcomes[data["key"]] = wire.reply_from_json(data["reply"])
        elif kind == "failure":
            self.outcomes[data["key"]] = wire.error_from_json(data["error"])


@dataclass(frozen=True, slots=True)
class Both:
    """Two recorders that are told the same."""

    one: Recorder
    other: Recorder

    def record(self, kind: str, data: Mapping[str, Json]) -> None:
        """Tell both."""
        self.one.record(kind, data)
        self.other.record(kind, data)


@dataclass(frozen=True, slots=True)
class Dealing:
    """The map's calls dealt into ``of`` slices; ``lost`` says of some why nobody made them."""

    of: int = 1
    lost: Mapping[int, str] = field(default_factory=dict)

    def deal(self, calls: Iterable[MapCall | TooLong]) -> Iterator[tuple[str, MapCall | TooLong]]:
        """Yield every call, in order, with the reason why it is not made here, "" if it is.

        Chunks go round like cards; the calls of one chunk stay together, for its prompt cache.
        """
        chunk = -1
        for call in calls:
            if isinstance(call, TooLong) or call.group == 0:
                chunk += 1
            yield self.lost.get(chunk % self.of + 1, ""), call


@dataclass(frozen=True, slots=True)
class Joined:
    """What the slices came to: ``outcomes`` by request key, ``input`` the digest they ran for.

    ``cut`` are the slices that ended early, and by what; the rest of their calls is missing.
    ``ended`` is the interrupt that stopped the making of them all: the run joins them, and ends.
    """

    dealing: Dealing
    input: str
    outcomes: Mapping[str, Outcome]
    cut: Mapping[int, str] = field(default_factory=dict)
    ended: str = ""


class MapIsOver:
    """A provider for a run whose map was made by slices: it makes every call but the map's.

    Where an interrupt ``ended`` the slices, the first other call ends the run by it.
    """

    def __init__(self, provider: Provider, ended: str = "") -> None:
        self._provider = provider
        self._ended = ended

    @property
    def name(self) -> str:
        """The name of the provider behind, for the keys are its own."""
        return self._provider.name

    def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
        """Send the request, unless it is one that some slice should have made."""
        if request.about.startswith("map "):
            raise ProviderError("shard", "the shard that should hold this call ended before it")
        if self._ended:
            raise KeyboardInterrupt(self._ended)
        return self._provider.complete(request, timeout=timeout)
