"""Open the way to the models that the settings name: provider, prices, budget, cache, journal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rlm_gate.cachedir import CacheDir
from rlm_gate.config import Settings, environment
from rlm_gate.core import Budget, Usage
from rlm_gate.errors import EngineError, UsageError
from rlm_gate.phrases import counted
from rlm_gate.providers import BatchProvider, Provider, load
from rlm_gate.rlm import journal, prices
from rlm_gate.rlm.batches import BatchCaller, Channel, Sent, sent_by
from rlm_gate.rlm.budget import Account, bound_unpriced
from rlm_gate.rlm.cache import ReplyCache
from rlm_gate.rlm.calls import Caller, Recorder, ReplyStore
from rlm_gate.rlm.flight import Outcome
from rlm_gate.rlm.mapping import MapCaller
from rlm_gate.rlm.pace import Pace
from rlm_gate.rlm.slices import Both as BothRecorders
from rlm_gate.rlm.slices import Hearing, Joined, MapIsOver
from rlm_gate.rlm.witness import Witness
from rlm_gate.routing import Route, route

_JOURNALS = "journals"
Tell = Callable[[str], None]
"""Hears what is no part of a report, such as what a run really paid."""
Record = Callable[[str, Mapping[str, Any]], None]
Both = Mapping[str, Provider]
"""The providers by what they serve: root and sub."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open line to the models: the callers, the two ids, and what a report should say of it.

    ``caller`` is the root's, ``sub_caller`` the sub-model's: the same where one provider serves
    both. ``record`` writes an event of the run into its journal.
    """

    caller: Caller
    sub_caller: Caller
    root: str
    sub: str
    limits: Budget
    notes: tuple[str, ...]
    record: Record
    witness: Witness
    map_caller: MapCaller

    def usage(self) -> Usage:
        """Return the logical cost of the evidence, the same whatever a cache held."""
        return self.caller.account.usage()

    def state(self) -> str:
        """Return dollars spent and seconds left, for a progress line."""
        usd = self.usage().usd
        spent = "price unknown" if usd is None else f"${usd:.2f}"
        return f"{spent}, {self.caller.account.time_left():.0f} s left"

    def left(self) -> dict[str, Any]:
        """Return what is left of the budget, as the REPL's ``budget()`` shows it."""
        left = remaining(self.limits, self.usage())
        if left["usd"] is not None:
            left["usd"] = round(left["usd"] - self.caller.account.kept, 6)
        return left


def remaining(limits: Budget, used: Usage) -> dict[str, Any]:
    """Return what is left of the limits by the logical figures: no clocks, for replays."""
    return {
        "usd": None if limits.usd is None else round(limits.usd - (used.usd or 0.0), 6),
        "calls": None if limits.max_calls is None else limits.max_calls - used.calls,
        "tokens": None
        if limits.max_tokens is None
        else limits.max_tokens - used.input_tokens - used.output_tokens,
        "turns": limits.max_turns - used.turns,
    }


@contextmanager
def open_line(
    settings: Settings,
    run: str,
    tell: Tell,
    provider: Provider | None = None,
    spread: Hearing | Joined | None = None,
    progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None,
) -> Iterator[Line]:
    """Yield a line under the settings' budget.

    ``run`` is a hash of all the input, for ``--resume``; ``tell`` hears what no report carries.
    ``spread``: the line is of one slice, with its share of the budget; or of a run that joins them.
    Raises UsageError for a model that is not allowed, ReplayMismatch at the end of a replay that
    made fewer requests than its journal holds.
    """
    known = prices.load(settings.models.prices)
    root, sub = _models(settings, known)
    witness = Witness(times=settings.times)
    limits, notes = bound_unpriced(settings.budget, (root.model, sub.model), known)
    limits = spread.piece.share(limits) if isinstance(spread, Hearing) else limits

    def line(
        callers: tuple[Caller, Caller], record: Record, channel: Channel | None = None
    ) -> Line:
        batched = settings.batch and not isinstance(spread, Joined)
        mapper = BatchCaller(callers[1], channel) if batched else callers[1]
        return Line(*callers, root.model, sub.model, limits, notes, record, witness, mapper)

    with ExitStack() as stack:
        if settings.replay is not None:
            played = journal.Replay(settings.replay)
            unlimited = Budget(usd=None, max_turns=limits.max_turns, deadline=float("inf"))
            account = Account(unlimited)
            both = _both(check_of(settings.replay)["provider"], played.provider)
            callers = _opened(
                both, lambda one: Caller(one, account, known, watch=witness.called), stack
            )
            yield line(callers, lambda _kind, _data: None)
            _check_played(played, settings.replay)
            return
        both = _both(
            {"root": root.provider, "sub": sub.provider},
            lambda one: _for(spread, provider or named(one)),
        )
        account = Account(limits)
        parts = (both, account, known, witness)
        callers, record = _recorded(settings, run, stack, tell, parts, spread)
        channel = None
        if settings.batch:
            channel = _channel(callers[1], record, (settings, run, progress, tell))
        yield line(callers, record, channel)
        tell(_paid(account))


@dataclass(frozen=True, slots=True)
class Records:
    """The cache and the journal of a library's session; None where none was asked for."""

    cache: ReplyCache | None
    journal: journal.Journal | None


@contextmanager
def open_records(
    cache_dir: Path | None, journal_dir: Path | None, run: str, told: list[str]
) -> Iterator[Records]:
    """Yield the records kept in these folders. What can't be used is told, and does without."""
    env = environment()
    with ExitStack() as stack:
        cache = written = None
        secret = b""
        if cache_dir or journal_dir:
            secret = _secret(replace(env.cache, cache=cache_dir or env.cache_dir), told.append)
        if cache_dir and secret:
            cache = stack.enter_context(ReplyCache(cache_dir, secret))
            stack.callback(_warn, cache.warnings, told.append)
        if journal_dir:
            written = stack.enter_context(journal.Journal(journal_dir, run, secret))
            stack.callback(_warn, written.warnings, told.append)
        yield Records(cache, written)


def named(name: str) -> Provider:
    """Return the provider of that name with the key and address that the environment gives."""
    env = environment()
    return load(name, api_key=env.keys.get(name), base_url=env.addresses.get(name))


def check_of(path: Path) -> Mapping[str, Any]:
    """Return what a journal says of its run: directory, flags, providers. Raises UsageError."""
    if not path.is_file():
        raise UsageError(f"{path}: no such journal")
    try:
        for record in journal.read(path):
            if record.kind == "check" and "task" not in record.data:
                return record.data
    except journal.ReplayMismatch:
        raise
    except EngineError as error:
        raise UsageError(str(error)) from error
    raise UsageError(f"{path}: this journal is not of a check")


def check_input(path: Path, run: str) -> None:
    """Refuse to replay a run on other input, even where no model would be asked.

    ``run`` is the hash of all the input. Raises ReplayMismatch.
    """
    first = next(journal.read(path), None)
    if first is None or first.data.get("input") != run:
        raise journal.ReplayMismatch(
            f"{path}: that run judged other files, rules or settings than are here now"
        )


def _models(settings: Settings, known: prices.Prices) -> tuple[Route, Route]:
    root, sub = _route(settings.models.root, known), _route(settings.models.sub, known)
    allowed = {_route(name, known) for name in settings.models.allowed}
    for one in (root, sub):
        if allowed and one not in allowed:
            raise UsageError(f"model {one.model} is not among models.allowed")
    return root, sub


def _route(name: str, known: prices.Prices) -> Route:
    return Route(route(name).provider, known.resolve(name))


def _for(spread: Hearing | Joined | None, provider: Provider) -> Provider:
    return MapIsOver(provider, spread.ended) if isinstance(spread, Joined) else provider


def _outcomes(spread: Hearing | Joined | None) -> Mapping[str, Outcome]:
    return spread.outcomes if spread else {}


def _both(names: Mapping[str, str], find: Callable[[str], Provider]) -> Both:
    found = {name: find(name) for name in dict.fromkeys(names.values())}
    return {role: found[name] for role, name in names.items()}


def _opened(
    both: Both, make: Callable[[Provider], Caller], stack: ExitStack
) -> tuple[Caller, Caller]:
    """Open the callers of the root and the sub-model, one if they have one provider."""
    root = stack.enter_context(make(both["root"]))
    if both["sub"] is both["root"]:
        return root, root
    return root, stack.enter_context(make(both["sub"]))


def _recorded(
    settings: Settings,
    run: str,
    stack: ExitStack,
    tell: Tell,
    parts: tuple[Both, Account, prices.Prices, Witness],
    spread: Hearing | Joined | None,
) -> tuple[tuple[Caller, Caller], Record]:
    """Open callers with one cache and one journal, resuming an unfinished run if asked to."""
    both, account, known, witness = parts
    cache: ReplyStore | None = None
    prior: Mapping[str, Outcome] = {}
    if isinstance(spread, Hearing) and spread.store:
        recorder: Recorder = spread
        cache, record = spread.store, spread.record
    else:
        secret = _secret(settings.cache, tell)
        if secret and not settings.no_cache:
            cache = _cache(settings.cache_dir, secret, stack, tell)
        folder = settings.cache_dir / _JOURNALS
        prior = _prior(folder, run, secret, tell) if settings.resume else {}
        written = stack.enter_context(journal.Journal(folder, run, secret))
        names = {role: provider.name for role, provider in both.items()}
        written.record("check", {**settings.invocation, "provider": names})
        stack.callback(_warn, written.warnings, tell)
        recorder = BothRecorders(written, spread) if isinstance(spread, Hearing) else written
        record = written.record

    def caller(provider: Provider) -> Caller:
        return Caller(
            provider,
            account,
            known,
            cache=cache,
            journal=recorder,
            prior={**prior, **_outcomes(spread)},
            pace=Pace(timeout=settings.budget.call_timeout),
            watch=witness.called,
        )

    return _opened(both, caller, stack), record


def _cache(folder: Path, secret: bytes, stack: ExitStack, tell: Tell) -> ReplyCache:
    cache = stack.enter_context(ReplyCache(folder, secret))
    stack.callback(_warn, cache.warnings, tell)
    return cache


def shared_secret() -> bytes:
    """Return what machines with the same provider's key sign by, b"" where there is no key."""
    for key in environment().keys.values():
        return hashlib.sha256(b"rlm-gate replies\0" + key.encode("utf-8", "replace")).digest()
    return b""


def _channel(
    caller: Caller,
    record: Record,
    parts: tuple[Settings, str, Callable[[str, int, int], None], Tell],
) -> Channel:
    """Return the way for batches, with what unfinished runs of this input have sent by them."""
    settings, run, progress, tell = parts
    provider = caller.provider
    if not hasattr(provider, "submit"):
        raise UsageError(f"--batch: the provider {provider.name} has no message batches here")
    sent: list[Sent] = []
    if settings.resume:
        for path in journal.all_unfinished(settings.cache_dir / _JOURNALS, run):
            sent += sent_by(_readable(path))
    return Channel(cast("BatchProvider", provider), record, sent, progress, tell)


def _readable(path: Path) -> Iterator[journal.Record]:
    """Yield the records up to the first that is none."""
    with suppress(EngineError):
        yield from journal.read(path)


def _secret(cache: CacheDir, tell: Tell) -> bytes:
    """Return what signs replies: from a provider's key, so that CI machines share it."""
    if secret := shared_secret():
        return secret
    try:
        return cache.signing_key()
    except OSError as error:
        tell(f"replies are not cached: {error}")
        return b""


def _prior(folder: Path, run: str, secret: bytes, tell: Tell) -> Mapping[str, Any]:
    journals = list(journal.all_unfinished(folder, run)) if secret else []
    if not journals:
        tell("nothing to resume: no unfinished run had this input")
        return {}
    found: dict[str, Any] = {}
    for path in reversed(journals):
        found |= journal.replies(path, secret)
    tell(f"resuming: {len(found)} replies of the unfinished run are used again")
    return found


def _check_played(played: journal.Replay, path: Path) -> None:
    if played.unused():
        raise journal.ReplayMismatch(
            f"{path}: {played.unused()} of its requests were not made this time"
        )


def _paid(account: Account) -> str:
    paid = account.paid()
    price = "an unknown price" if paid.usd is None else f"${paid.usd:.4f}"
    asked = f"{counted(paid.calls, 'call')} and {counted(paid.turns, 'turn')}"
    return f"this run paid {price} for {asked}"


def _warn(warnings: list[str], tell: Tell) -> None:
    for warning in warnings:
        tell(warning)
