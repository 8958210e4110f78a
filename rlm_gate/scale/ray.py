"""Have a Ray cluster that exists make the shards. Thin: Ray places, retries and moves them.

What is judged travels once, as one object that a node's workers share. No key travels: the nodes'
own environment has it. Replies are kept where the driver is.
"""

from __future__ import annotations

import logging
import pickle
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rlm_gate import detectors, gate
from rlm_gate.cachedir import CacheDir
from rlm_gate.config import Settings, environment
from rlm_gate.core import Corpus, Rule
from rlm_gate.errors import EngineError
from rlm_gate.providers import Json, ModelReply
from rlm_gate.rlm import callers, wire
from rlm_gate.rlm.flagged import Flagged
from rlm_gate.rlm.flight import Outcome
from rlm_gate.rlm.job import Job, Limits
from rlm_gate.rlm.ledger import Judges, Ledger
from rlm_gate.rlm.prices import usd
from rlm_gate.rlm.slices import Hearing, Joined, Slice
from rlm_gate.scale import shards

RETRIES = 5
"""How often Ray starts a shard again whose node or worker was lost."""
_POLL = 1.0
_REACHED = 10.0  # seconds
_ENCODING = ("utf-8", "surrogatepass")


class RayFailed(EngineError):
    """There is no cluster at that address, or none that this Ray and this Python can join."""

    remedy = (
        "Start a cluster ('ray start --head') with this Python and Ray, or name it: RAY_ADDRESS, "
        "or --executor ray://HOST:10001 for Ray's client."
    )


class Texts(Mapping[str, str]):
    """Path -> text, all in one buffer that Ray keeps in shared memory; a text is decoded when read.

    ``places`` are the offsets of each text in it, start and end, in bytes.
    """

    def __init__(self, buffer: Any, places: Mapping[str, tuple[int, int]]) -> None:
        self._buffer = buffer
        self._places = places

    @classmethod
    def of(cls, texts: Iterator[tuple[str, str]]) -> Texts:
        """Return a copy of these texts."""
        buffer, places = bytearray(), {}
        for path, text in texts:
            start = len(buffer)
            buffer += text.encode(*_ENCODING)
            places[path] = (start, len(buffer))
        return cls(buffer, places)

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Texts], tuple[Any, ...]]:
        return Texts, (pickle.PickleBuffer(self._buffer), self._places)

    def __getitem__(self, path: str) -> str:
        start, end = self._places[path]
        return str(memoryview(self._buffer)[start:end], *_ENCODING)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True, slots=True)
class Load:
    """All that a node needs to make any shard: no repository, no policy, no key."""

    settings: Settings
    digest: str
    corpus: Corpus
    rules: tuple[Rule, ...]
    limits: Limits

    @classmethod
    def of(cls, settings: Settings, digest: str, job: Job) -> Load:
        """Pack a job; of a whole scope no text is needed but the judged ones."""
        corpus = job.corpus
        if corpus.scope.whole:
            texts = Texts.of((file.path, file.text) for file in corpus.files)
        else:
            texts = Texts.of(iter(corpus.tree.items()))
        files = tuple(
            replace(file, read=partial(texts.__getitem__, file.path))
            if file.path in texts
            else replace(file, read=str)  # deleted: its text is ""
            for file in corpus.files
        )
        packed = Corpus(corpus.scope, files, (), texts)
        return cls(settings, digest, packed, job.rules, job.limits)

    def job(self) -> Job:
        """Return the audit's job, on the node."""
        judges = Judges(lambda _rule, _file: ())
        return Job(
            corpus=self.corpus,
            rules=self.rules,
            candidates=(),
            applies=detectors.applies,
            ledger=Ledger(self.corpus, self.rules, detectors.applies, judges),
            limits=self.limits,
            progress=lambda _phase, _done, _total: None,
            flagged=Flagged(self.corpus),
        )


class Book:
    """An actor beside the driver that has every reply as it comes: a lost node loses none.

    It alone reads and writes the cache, the driver's where it is on the driver's machine; ``cache``
    is that one, with the name of that machine. None is for no cache.
    """

    def __init__(self, cache: tuple[CacheDir, str] | None) -> None:
        self._kept: dict[int, dict[str, Json]] = {}
        self._paid: int | None = 0
        self._open = ExitStack()
        self._cache = None
        if cache:
            near = cache[0] if cache[1] == socket.gethostname() else environment().cache
            records = callers.open_records(near.cache, None, "", [])
            self._cache = self._open.enter_context(records).cache

    def kept(self, number: int) -> dict[str, Json]:
        """Return the replies of that shard, by key."""
        return self._kept.get(number, {})

    def keep(self, number: int, data: Mapping[str, Json]) -> None:
        """Keep a reply of that shard, as a journal has it."""
        self._kept.setdefault(number, {})[data["key"]] = data["reply"]
        if data["source"] == "model" and self._paid is not None:
            self._paid = None if data["cost"] is None else self._paid + data["cost"]

    def get(self, key: str) -> Json:
        """Return the reply that the cache has, None for none."""
        reply = self._cache.get(key) if self._cache else None
        return wire.reply_json(reply) if reply else None

    def put(self, number: int, key: str) -> None:
        """Write into the cache what is kept already, and usable."""
        reply = self.kept(number).get(key)  # none: it is back, and kept where it is joined
        if self._cache and reply:
            self._cache.put(key, wire.reply_from_json(reply))

    def close(self, number: int) -> None:
        """Forget a shard that has come back whole."""
        self._kept.pop(number, None)

    def paid(self) -> int | None:
        """Return what all shards paid for replies, in picodollars; None for unknown."""
        return self._paid


@dataclass(frozen=True, slots=True)
class Store:
    """A reply store for a shard on a node: the book's."""

    book: Any
    number: int

    def get(self, key: str) -> ModelReply | None:
        """Return the reply of that key, None too where the book is lost."""
        try:
            reply = _told(self.book.get.remote(key))
        except RayError:
            return None
        return wire.reply_from_json(reply) if reply else None

    def put(self, key: str, _reply: ModelReply) -> None:
        """Have the reply kept, which the book has heard already."""
        self.book.put.remote(self.number, key)


@dataclass(frozen=True, slots=True)
class Reporting(Hearing):
    """A slice that is being asked on a node: what it hears, the book hears too."""

    book: Any = None

    def record(self, kind: str, data: Mapping[str, Json]) -> None:
        """Keep what a call came to, here and in the book."""
        Hearing.record(self, kind, data)
        if kind == "reply" and data["source"] != "prior":
            self.book.keep.remote(self.piece.number, dict(data))


@dataclass(slots=True)
class _Gathering:
    """Shards on their way: ``pending`` with Ray's references. ``ended`` is what ended it early."""

    digest: str
    of: int
    book: Any
    pending: dict[Future[bytes], tuple[Any, Slice]]
    made: list[shards.Shard] = field(default_factory=list)
    ended: str = ""

    def some(self) -> None:
        """Take in what ends soon. Not by ray.wait, which makes every signal a Ctrl-C."""
        for future in wait(self.pending, _POLL, FIRST_COMPLETED).done:
            _, piece = self.pending.pop(future)
            try:
                self.made.append(shards.parse(f"shard {piece}", future.result()))
                self.book.close.remote(piece.number)
            except RayError as error:
                self.made.append(self._part(piece, _why(error)))

    def give_up(self, why: str) -> None:
        """Cancel what is under way, and keep what is known of it."""
        for reference, _ in self.pending.values():
            ray.cancel(reference, force=True)
        self.made.extend(self._part(piece, why) for _, piece in self.pending.values())
        self.pending.clear()

    def _part(self, piece: Slice, why: str) -> shards.Shard:
        """Return of a shard that never came back what the book has of it."""
        kept = _kept(self.book, piece.number)
        return shards.Shard(piece, self.digest, {}, kept, interrupted=why)


def asked(
    settings: Settings, address: str, of: int, progress: gate.Progress, tell: callers.Tell
) -> Joined:
    """Have ``of`` shards made by the cluster at ``address``; "auto" is RAY_ADDRESS or this host's.

    A shard whose node is lost is made again elsewhere, without the calls whose reply had come. What
    no retry can save, the deadline cuts off or an interrupt stops is missing, and the report names
    it. Raises RayFailed without a cluster.
    """
    shards.check_models(settings)
    _join_cluster(address)
    try:
        digest, job = gate.planned(settings, progress)
        load = ray.put(Load.of(settings, digest, job))
        del job
        state = _started(settings, load, digest, of)
        _gather(state, settings.budget.deadline, progress)
        tell(_paid(state.book))
    finally:
        ray.shutdown()
    return replace(shards.joined_of(digest, of, state.made, {}), ended=state.ended)


def _join_cluster(address: str) -> None:
    ours = signal.getsignal(signal.SIGTERM)
    try:
        _reach(environment().ray_address if address == "auto" else "")
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        raise RayFailed(f"--executor ray: {_said(error)}") from error
    finally:  # Ray's own handler would end the process with no report
        signal.signal(signal.SIGTERM, ours)


def _reach(address: str) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself would end this process by 1."""
    host, _, port = address.rpartition(":")
    if host and "://" not in address:
        try:
            socket.create_connection((host.strip("[]"), int(port)), _REACHED).close()
        except OSError as error:
            raise OSError(f"{address}: {error.strerror or error}") from error


def _gather(state: _Gathering, seconds: float, progress: gate.Progress) -> None:
    """Wait for all of them, for at most ``seconds``."""
    ends = time.monotonic() + seconds
    try:
        while state.pending:
            progress("shards", len(state.made), state.of)
            state.some()
            if time.monotonic() > ends:
                state.give_up(f"the deadline of {seconds:g} s")
    except KeyboardInterrupt as error:
        state.ended = str(error) or "interrupted"
        state.give_up(state.ended)
    progress("shards", state.of, state.of)


def _started(settings: Settings, load: Any, digest: str, of: int) -> _Gathering:
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(num_cpus=0)(Book)
    cache = None if settings.no_cache else (settings.cache, socket.gethostname())
    book = actor.options(scheduling_strategy=here).remote(cache)
    make: Any = ray.remote(max_retries=RETRIES)(_made)
    slices = [Slice(number, of) for number in range(1, of + 1)]
    sent = [(make.remote(load, piece, book), piece) for piece in slices]
    return _Gathering(digest, of, book, {one[0].future(): one for one in sent})


def _made(load: Load, piece: Slice, book: Any) -> bytes:
    """Make one shard, on a node; it travels back as the JSON that a shard file holds."""
    number = piece.number
    heard = Reporting(piece, _kept(book, number), Store(book, number), book)
    return shards.write(shards.made(load.settings, load.digest, load.job(), heard))


def _kept(book: Any, number: int) -> dict[str, Outcome]:
    """Return the replies of a shard that the book has; none, where the book itself was lost."""
    try:
        kept = _told(book.kept.remote(number))
    except RayError:
        return {}
    return {key: wire.reply_from_json(reply) for key, reply in kept.items()}


def _told(reference: Any) -> Any:
    """Return what the book says. Not by ray.get: a task that waits so gives its place to others."""
    return reference.future().result()


def _paid(book: Any) -> str:
    try:
        paid = _told(book.paid.remote())
    except RayError:
        paid = None
    return f"the shards paid {'an unknown price' if paid is None else f'${usd(paid):.4f}'}"


def _why(error: RayError) -> str:
    cause = error.cause if isinstance(error, RayTaskError) else error
    return f"lost by Ray: {type(cause).__name__}: {_said(cause)}"


def _said(error: BaseException) -> str:
    """Return the first and the last line of a message; between them Ray puts whole tracebacks."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(dict.fromkeys([*lines[:1], *lines[-1:]]))
