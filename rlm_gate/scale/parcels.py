"""A slice's model calls as JSON, for a machine that has neither the repository nor the policy.

The calls are composed where the repository is, so a parcel carries its own slice's text and no
more. It never carries a key: the machine's environment has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rlm_gate import gate
from rlm_gate.config import Settings
from rlm_gate.core import Budget
from rlm_gate.errors import UsageError
from rlm_gate.providers import Message, ModelRequest
from rlm_gate.rlm import audit, callers, prices
from rlm_gate.rlm.budget import Account, bound_unpriced
from rlm_gate.rlm.cache import ReplyCache
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.pace import Pace
from rlm_gate.rlm.slices import Hearing, Joined, Slice
from rlm_gate.rlm.wire import key
from rlm_gate.routing import route
from rlm_gate.scale import shards

Waves = Sequence[Sequence[ModelRequest]]


@dataclass(frozen=True, slots=True)
class Parcel:
    """The calls of one slice, with all that making them takes.

    ``waves`` are made one after the other, so that a later group finds the prompt's beginning
    cached; ``limits`` is the whole run's budget, of which the slice takes its share.
    """

    piece: Slice
    input: str
    flags: Mapping[str, Any]
    provider: str
    prices: Mapping[str, Mapping[str, float]]
    limits: Budget
    waves: Waves


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be made elsewhere: the parcels, by slice, of the calls no reply is at hand for."""

    input: str
    of: int
    parcels: Mapping[int, Parcel]

    def joined(self, made: Sequence[shards.Shard], lost: Mapping[int, str]) -> Joined:
        """Join what came back; ``lost`` says of the other parcels why nothing did."""
        return shards.joined_of(self.input, self.of, made, lost)


def packed(settings: Settings, of: int, progress: gate.Progress) -> Load:
    """Plan the run and deal its map into ``of`` parcels, without calls whose reply is cached.

    Raises UsageError where a run asks no models, or asks them by batches.
    """
    shards.check_models(settings)
    if settings.batch:
        raise UsageError("--batch and --executor: a batch needs no other machines to make it")
    digest, job = gate.planned(settings, progress)
    known = prices.load(settings.models.prices)
    provider, model = route(settings.models.sub).provider, known.resolve(settings.models.sub)
    name = callers.named(provider).name  # with its address, for the keys are of both
    flags = settings.invocation.get("flags", {})
    parcels: dict[int, Parcel] = {}
    with callers.open_records(_cache_dir(settings), None, digest, []) as kept:
        for number, calls in audit.dealt(job, of).items():
            composed = audit.composed(job, calls, model, Caller.most_at_once)
            waves = tuple(_unanswered(composed, name, kept.cache))
            if any(waves):
                parcels[number] = Parcel(
                    *(Slice(number, of), digest, flags, provider),
                    *(settings.models.prices, settings.budget, waves),
                )
    return Load(digest, of, parcels)


def ask(parcel: Parcel, seconds: float) -> shards.Shard:
    """Make a parcel's calls, within ``seconds`` and the slice's share of the budget."""
    known = prices.load(parcel.prices)
    models = {request.model for wave in parcel.waves for request in wave}
    limits, _ = bound_unpriced(parcel.limits, models, known)
    limits = parcel.piece.share(replace(limits, deadline=min(limits.deadline, seconds)))
    account, heard = Account(limits), Hearing(parcel.piece)
    provider, pace = callers.named(parcel.provider), Pace(timeout=limits.call_timeout)
    with Caller(provider, account, known, journal=heard, pace=pace) as caller:
        for wave in parcel.waves:
            caller.call_many(wave)
    outcomes = dict(sorted(heard.outcomes.items()))
    usd = account.paid().usd
    return shards.Shard(parcel.piece, parcel.input, parcel.flags, outcomes, usd=usd)


def write(parcel: Parcel) -> str:
    """Return the parcel as JSON."""
    waves = [[_request_json(one) for one in wave] for wave in parcel.waves]
    body = {
        "piece": [parcel.piece.number, parcel.piece.of],
        "input": parcel.input,
        "flags": parcel.flags,
        "provider": parcel.provider,
        "prices": parcel.prices,
        "limits": asdict(parcel.limits),
        "waves": waves,
    }
    return json.dumps(body, default=str)


def read(text: str) -> Parcel:
    """Return the parcel that ``write`` made; both ends are of one version."""
    body = json.loads(text)
    waves = tuple(tuple(_request(one) for one in wave) for wave in body["waves"])
    limits = Budget(**body["limits"])
    given = {**body, "piece": Slice(*body["piece"]), "limits": limits, "waves": waves}
    return Parcel(**given)


def _cache_dir(settings: Settings) -> Any:
    return None if settings.no_cache else settings.cache_dir


def _unanswered(
    waves: Iterator[list[ModelRequest]], provider: str, cache: ReplyCache | None
) -> Iterator[list[ModelRequest]]:
    for wave in waves:
        yield [one for one in wave if cache is None or cache.get(key(provider, one)) is None]


def _request_json(request: ModelRequest) -> dict[str, Any]:
    (message,) = request.messages
    return {
        "model": request.model,
        "system": request.system,
        "text": message.text,
        "shared": message.shared,
        "max_tokens": request.max_tokens,
        "schema": request.schema,
        "about": request.about,
    }


def _request(data: dict[str, Any]) -> ModelRequest:
    message = Message("user", data.pop("text"), shared=data.pop("shared"))
    return ModelRequest(messages=(message,), **data)
