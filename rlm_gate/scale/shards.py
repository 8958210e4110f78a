"""Make one slice of a run's model calls, keep what came of them in a file, and join the files.

A shard is the map's calls of one slice, with their outcomes. Whatever needs the whole repository
(detectors, root loop, second readers, policy) runs once, where the shards are joined: the joined
run is the run itself, with its map answered beforehand, so every report has the same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlm_gate import __version__, gate
from rlm_gate.config import Settings
from rlm_gate.core import Usage, display_path
from rlm_gate.errors import UsageError
from rlm_gate.providers import ModelReply, Provider
from rlm_gate.rlm import audit, callers, wire
from rlm_gate.rlm.flight import Outcome
from rlm_gate.rlm.job import Job
from rlm_gate.rlm.slices import Dealing, Hearing, Joined, Slice

FORMAT = "rlm-gate-shard"
VERSION = 1
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class BadShard(UsageError):
    """A file is no shard, or not one of this run."""

    remedy = "Make the shards again, all of one commit, with the same flags and the same version."


@dataclass(frozen=True, slots=True)
class Shard:
    """What came of the calls of ``piece``, by request key.

    ``input`` is the digest of all that the run's answer depends on, ``flags`` the command line's,
    as JSON. ``interrupted`` is what ended it early, "" nothing; ``usd`` what it really paid, None
    for unknown.
    """

    piece: Slice
    input: str
    flags: Mapping[str, Any]
    outcomes: Mapping[str, Outcome]
    interrupted: str = ""
    usd: float | None = None


def ask(
    settings: Settings,
    piece: Slice,
    progress: gate.Progress,
    provider: Provider | None = None,
    tell: callers.Tell = lambda _remark: None,
) -> Shard:
    """Make the calls of one slice and judge nothing. An interrupt keeps what came back."""
    check_models(settings)
    digest, job = gate.planned(settings, progress)
    return made(settings, digest, job, Hearing(piece), provider, tell)


def made(
    settings: Settings,
    digest: str,
    job: Job,
    heard: Hearing,
    provider: Provider | None = None,
    tell: callers.Tell = lambda _remark: None,
) -> Shard:
    """Make the calls of one slice of a job that is planned already, less those heard of."""
    piece = heard.piece
    part = replace(job, dealing=Dealing(piece.of, piece.others))
    paid, interrupted = Usage(), ""
    try:
        with callers.open_line(settings, digest, tell, provider, heard, job.progress) as line:
            try:
                audit.only_ask(part, line)
            finally:
                paid = line.sub_caller.account.paid()
    except KeyboardInterrupt as error:
        interrupted = str(error) or "interrupted"
    flags = settings.invocation.get("flags", {})
    return Shard(piece, digest, flags, dict(sorted(heard.outcomes.items())), interrupted, paid.usd)


def joined(shards: Sequence[Shard]) -> Joined:
    """Join shards of one run. Raises BadShard for strangers among them and for doubles.

    A slice that nobody has is lost, and so is the rest of one that was interrupted.
    """
    first = shards[0]
    for one in shards[1:]:
        if _run_of(one) != _run_of(first):
            raise BadShard(f"shards {one.piece} and {first.piece} are of different runs")
    numbers = [one.piece.number for one in shards]
    for number in numbers:
        if numbers.count(number) > 1:
            raise BadShard(f"shard {number}/{first.piece.of} was given more than once")
    lost = {
        number: f"missing: no file of shard {number}/{first.piece.of} was given"
        for number in range(1, first.piece.of + 1)
        if number not in numbers
    }
    return joined_of(first.input, first.piece.of, shards, lost)


def joined_of(digest: str, of: int, shards: Sequence[Shard], lost: Mapping[int, str]) -> Joined:
    """Join shards that are known to be of one run; ``lost`` says of the others why."""
    outcomes: dict[str, Outcome] = {}
    for one in sorted(shards, key=lambda one: one.piece.number):
        for key, outcome in one.outcomes.items():
            if not isinstance(outcomes.get(key), ModelReply):
                outcomes[key] = outcome
    cut = {one.piece.number: one.interrupted for one in shards if one.interrupted}
    return Joined(Dealing(of, lost), digest, outcomes, cut)


def write(shard: Shard) -> bytes:
    """Return the shard as a file: JSON, signed where the machines share a provider's key."""
    body = {
        "version": VERSION,
        "gate": __version__,
        "protocol": wire.PROTOCOL,
        "shard": [shard.piece.number, shard.piece.of],
        "input": shard.input,
        "flags": shard.flags,
        "interrupted": shard.interrupted,
        "usd": shard.usd,
        "calls": {key: _outcome_json(outcome) for key, outcome in shard.outcomes.items()},
    }
    signed = {"format": FORMAT, "mac": _mac(callers.shared_secret(), body), **body}
    return json.dumps(signed, indent=0, default=str).encode() + b"\n"


def read(path: Path) -> Shard:
    """Return the shard in a file. Raises BadShard, with what is wrong."""
    name = display_path(str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadShard(f"{name}: {error.strerror}") from error
    return parse(name, content)


def parse(name: str, content: bytes) -> Shard:
    """Return the shard of a file's bytes; ``name`` is for messages. Raises BadShard."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadShard(f"{name}: not a whole shard file: {error}") from error
    with suppress(*_MALFORMED):
        return _shard(name, data)
    raise BadShard(f"{name}: not a shard file of rlm-gate check --shard")


def parse_slice(text: str) -> Slice:
    """Understand "I/N". Raises ValueError."""
    number, _, of = text.partition("/")
    piece = Slice(int(number), int(of))
    if not 1 <= piece.number <= piece.of:
        raise ValueError(text)
    return piece


def _run_of(one: Shard) -> tuple[str, int, dict[str, Any]]:
    """Return what all shards of a run share; midnight may pass between two of them."""
    flags = {name: value for name, value in one.flags.items() if name != "today"}
    return one.input, one.piece.of, json.loads(json.dumps(flags, default=str))


def check_models(settings: Settings) -> None:
    """Raise UsageError where a run asks no models."""
    if settings.models.mode == "no-key":
        raise UsageError(
            f"a shard asks models, and {', '.join(settings.models.missing)} is not set"
        )
    if settings.models.mode != "on":
        raise UsageError("a shard is a share of the model calls; an offline run has none to share")


def _shard(name: str, data: dict[str, Any]) -> Shard:
    if data["format"] != FORMAT:
        raise KeyError(FORMAT)
    made_by = (data["version"], data["gate"], data["protocol"])
    if made_by != (VERSION, __version__, wire.PROTOCOL):
        raise BadShard(f"{name}: made by rlm-gate {data['gate']}, this is {__version__}")
    secret = callers.shared_secret()
    body = {key: value for key, value in data.items() if key not in {"format", "mac"}}
    if secret and not hmac.compare_digest(str(data["mac"]), _mac(secret, body)):
        raise BadShard(f"{name}: its signature is not of this provider's key")
    number, of = data["shard"]
    return Shard(
        piece=parse_slice(f"{number}/{of}"),
        input=data["input"],
        flags=data["flags"],
        outcomes=dict(_outcomes(data["calls"])),
        interrupted=data["interrupted"],
        usd=data["usd"],
    )


def _outcomes(calls: Mapping[str, Any]) -> Iterator[tuple[str, Outcome]]:
    for key, entry in calls.items():
        if "reply" in entry:
            yield key, wire.reply_from_json(entry["reply"])
        else:
            yield key, wire.error_from_json(entry["error"])


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, ModelReply):
        return {"reply": wire.reply_json(outcome)}
    return {"error": wire.error_json(outcome)}


def _mac(secret: bytes, body: Mapping[str, Any]) -> str:
    if not secret:
        return ""
    text = json.dumps(body, sort_keys=True, default=str)
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
