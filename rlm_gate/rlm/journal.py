"""What happened in a run, one JSON line an event: for trajectories, ``--resume`` and ``replay``.

A record is handed to the kernel before ``record`` returns, so a killed process loses none; only the
end of a run is synced to the disk, so a power failure may cost the last seconds. Never pickle.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from rlm_gate.errors import BudgetExceeded, EngineError, ProviderError
from rlm_gate.providers import Json, ModelReply, ModelRequest
from rlm_gate.rlm import wire

VERSION = 1
KEPT = 20

_compact = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_END = b'{"kind":"end","data":{}}\n'


class Record(NamedTuple):
    """One event. ``kind``: run, request, reply, failure, end, or what others record."""

    kind: str
    data: Mapping[str, Json]


class ReplayMismatch(EngineError):
    """A replay came to something that the journal does not hold."""

    remedy = "Replay with the version, the rules and the files that the journal was made with."


class Journal:
    """The file of one run, append-only. As a context it marks a run that ends well as ended."""

    def __init__(self, directory: Path, run: str, secret: bytes, *, keep: int = KEPT) -> None:
        """Begin the record of ``run``, a hash of all its input; ``keep`` files stay, this one too.

        ``secret`` signs the replies, so that no resumed run believes a stranger's. A journal that
        can't be written says so in ``warnings`` and fails no run.
        """
        self.warnings: list[str] = []
        self._secret = secret
        self.path = directory / f"{time.time_ns():020d}-{os.getpid()}.jsonl"
        self._lock = threading.Lock()
        self._file: int | None = None
        try:
            self._file = _create(self.path)
            _prune(directory, keep)
        except OSError as error:
            self._stop(error)
        self.record("run", {"version": VERSION, "protocol": wire.PROTOCOL, "input": run})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close(ended=kind is None)

    def record(self, kind: str, data: Mapping[str, Json]) -> None:
        """Append one event."""
        if kind == "reply":
            data = {**data, "mac": _mac(self._secret, data)}
        line = _compact({"kind": kind, "data": data})
        self._write(line.encode() + b"\n")

    def close(self, *, ended: bool) -> None:
        """Close the file. A run that has not ``ended`` can be resumed."""
        if ended:
            self._write(_END)
        with self._lock:
            file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                os.fsync(file)
            os.close(file)

    def _write(self, line: bytes) -> None:
        with self._lock:
            if self._file is None:
                return
            try:
                while line:
                    line = line[os.write(self._file, line) :]
            except OSError as error:
                self._stop(error)

    def _stop(self, error: OSError) -> None:
        self.warnings.append(f"the journal {self.path} can't be written: {error}")
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read(path: Path) -> Iterator[Record]:
    """Yield the records. A last line that was torn when its writer was killed is left out.

    Raises EngineError for any other line that is no record, and for a journal of another version.
    """
    for number, line in enumerate(_lines(path), start=1):
        try:
            record = _record(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise EngineError(f"{path}:{number}: not a journal record: {error}") from error
        if number == 1:
            _check(path, record)
        yield record


def unfinished(directory: Path, run: str) -> Path | None:
    """Return the newest journal of a run with that input that neither ended nor still goes on."""
    return next(all_unfinished(directory, run), None)


def all_unfinished(directory: Path, run: str) -> Iterator[Path]:
    """Yield that journal and those of the runs it resumed, back to one that ended.

    A resumed run can be killed before it has caught up with the one before. Of ``run`` counts what
    stands before its first dash, if it has one: the rest may change from one attempt to the next.
    """
    found = False
    asked = run.partition("-")[0]
    for path in sorted(directory.glob("*.jsonl"), reverse=True):
        with suppress(OSError, EngineError):
            first = next(read(path), None)
            if not first or first.data["input"].partition("-")[0] != asked or _in_use(path):
                continue
            if not _ended(path):
                found = True
                yield path
            elif found:
                return


def replies(path: Path, secret: bytes) -> dict[str, ModelReply]:
    """Return the signed replies by key, as ``Caller(prior=...)`` wants them.

    Up to the first line that is no record: what stands before it is as good as ever.
    """
    found: dict[str, ModelReply] = {}
    with suppress(EngineError):
        for kind, data in read(path):
            if kind == "reply" and hmac.compare_digest(str(data.get("mac")), _mac(secret, data)):
                found[data["key"]] = wire.reply_from_json(data["reply"])
    return found


class Replay:
    """The outcomes of a journal's calls, to be met again in the same order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._met: set[str] = set()
        self._outcomes: defaultdict[str, deque[Record]] = defaultdict(deque)
        for record in read(path):
            if record.kind in {"reply", "failure"}:
                self._outcomes[record.data["key"]].append(record)

    def provider(self, name: str) -> Player:
        """Return a provider that answers from the journal in the place of the one of that name."""
        return Player(name, self)

    def unused(self) -> int:
        """Return how many of the journaled requests nobody has made."""
        return len(self._outcomes.keys() - self._met)

    def outcome(self, key: str) -> ModelReply | ProviderError | BudgetExceeded:
        """Return what the request came to; its last outcome again once there are no more."""
        with self._lock:
            left = self._outcomes.get(key)
            if not left:
                raise ReplayMismatch(f"{self.path} holds no outcome of request {key[:16]}")
            self._met.add(key)
            record = left.popleft() if len(left) > 1 else left[0]
        if record.kind == "reply":
            return wire.reply_from_json(record.data["reply"])
        return wire.error_from_json(record.data["error"])


class Player:
    """A provider that repeats a journal. Give its Caller no cache and an account without limits."""

    def __init__(self, name: str, replay: Replay) -> None:
        self.name = name
        self._replay = replay

    def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
        """Return or raise the outcome. Raises ReplayMismatch for a request that was never made."""
        del timeout
        outcome = self._replay.outcome(wire.key(self.name, request))
        if isinstance(outcome, ModelReply):
            return outcome
        raise outcome


def _create(path: Path) -> int:
    """Create the file and hold its lock, which tells others that the run goes on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


def _prune(directory: Path, keep: int) -> None:
    """Delete the oldest journals, but none of a run that goes on."""
    for path in sorted(directory.glob("*.jsonl"), reverse=True)[keep:]:
        if not _in_use(path):
            path.unlink(missing_ok=True)


def _in_use(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _mac(secret: bytes, data: Mapping[str, Json]) -> str:
    signed = json.dumps([VERSION, data.get("key"), data.get("reply")]).encode()
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise EngineError(f"{path}: can't be read: {error.strerror}") from error


def _record(value: Json) -> Record:
    if not isinstance(value, dict) or {*value} != {*Record._fields}:
        raise TypeError(f"it is no object with {' and '.join(Record._fields)}")
    record = Record(**value)
    if not isinstance(record.data, dict):
        raise TypeError("its data is no object")
    return record


def _check(path: Path, first: Record) -> None:
    data = first.data
    if first.kind != "run" or data.get("version") != VERSION or "input" not in data:
        raise EngineError(f"{path}: not a journal of this version")


def _ended(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - len(_END)))
        return file.read() == _END
