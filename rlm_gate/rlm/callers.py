"""Open the way to the models that the settings name: provider, prices, budget, cache, journal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlm_gate.cachedir import CacheDir
from rlm_gate.config import Settings, environment
from rlm_gate.core import Budget, Usage
from rlm_gate.errors import UsageError
from rlm_gate.providers import Provider, load
from rlm_gate.rlm import journal, prices
from rlm_gate.rlm.budget import Account, bound_unpriced
from rlm_gate.rlm.cache import ReplyCache
from rlm_gate.rlm.calls import Caller, Pace

_JOURNALS = "journals"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """An open line to the models: the caller, the two ids, and what a report should say of it.

    ``record`` writes an event of the run into its journal.
    """

    caller: Caller
    root: str
    sub: str
    limits: Budget
    notes: tuple[str, ...]
    record: Callable[[str, Mapping[str, Any]], None]

    def usage(self) -> Usage:
        """Return the logical cost of the evidence, the same whatever a cache held."""
        return self.caller.account.usage()

    def left(self) -> dict[str, Any]:
        """Return what is left of the budget, as the REPL's ``budget()`` shows it."""
        return remaining(self.limits, self.usage())


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
    settings: Settings, run: str, tell: Tell, provider: Provider | None = None
) -> Iterator[Line]:
    """Yield a line under the settings' budget.

    ``run`` is a hash of all the input, for ``--resume``; ``tell`` hears what no report carries.
    Raises UsageError for a model that is not allowed, ReplayMismatch at the end of a replay that
    made fewer requests than its journal holds.
    """
    known = prices.load(settings.models.prices)
    root, sub = _models(settings, known)
    limits, notes = bound_unpriced(settings.budget, (root, sub), known)
    with ExitStack() as stack:
        if settings.replay is not None:
            played = journal.Replay(settings.replay)
            unlimited = Budget(usd=None, max_turns=limits.max_turns, deadline=float("inf"))
            player = played.provider(check_of(settings.replay)["provider"])
            caller = stack.enter_context(Caller(player, Account(unlimited), known))
            yield Line(caller, root, sub, limits, notes, lambda _kind, _data: None)
            _check_played(played, settings.replay)
            return
        caller, record = _recorded(settings, run, stack, tell, (provider, Account(limits), known))
        yield Line(caller, root, sub, limits, notes, record)
        tell(_paid(caller.account))


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
    """Return what a journal says of its run: directory, flags, provider. Raises UsageError."""
    if not path.is_file():
        raise UsageError(f"{path}: no such journal")
    for record in journal.read(path):
        if record.kind == "check":
            return record.data
    raise UsageError(f"{path}: this journal is not of a check")


def _models(settings: Settings, known: prices.Prices) -> tuple[str, str]:
    root, sub = known.resolve(settings.models.root), known.resolve(settings.models.sub)
    allowed = {known.resolve(name) for name in settings.models.allowed}
    for model in (root, sub):
        if allowed and model not in allowed:
            raise UsageError(f"model {model} is not among models.allowed")
    return root, sub


def _recorded(
    settings: Settings,
    run: str,
    stack: ExitStack,
    tell: Tell,
    parts: tuple[Provider | None, Account, prices.Prices],
) -> tuple[Caller, Callable[[str, Mapping[str, Any]], None]]:
    """Open a caller with its cache and its journal, resuming an unfinished run if asked to."""
    provider, account, known = parts
    secret = _secret(settings.cache, tell)
    cache = None
    if secret and not settings.no_cache:
        cache = stack.enter_context(ReplyCache(settings.cache_dir, secret))
        stack.callback(_warn, cache.warnings, tell)
    folder = settings.cache_dir / _JOURNALS
    prior = _prior(folder, run, secret, tell) if settings.resume else {}
    written = stack.enter_context(journal.Journal(folder, run, secret))
    reached = provider or named("anthropic")
    written.record("check", {**settings.invocation, "provider": reached.name})
    stack.callback(_warn, written.warnings, tell)
    caller = Caller(
        reached,
        account,
        known,
        cache=cache,
        journal=written,
        prior=prior,
        pace=Pace(timeout=settings.budget.call_timeout),
    )
    return stack.enter_context(caller), written.record


def _secret(cache: CacheDir, tell: Tell) -> bytes:
    """Return what signs replies: from a provider's key, so that CI machines share it."""
    for key in environment().keys.values():
        return hashlib.sha256(b"rlm-gate replies\0" + key.encode("utf-8", "replace")).digest()
    try:
        return cache.signing_key()
    except OSError as error:
        tell(f"replies are not cached: {error}")
        return b""


def _prior(folder: Path, run: str, secret: bytes, tell: Tell) -> Mapping[str, Any]:
    unfinished = journal.unfinished(folder, run) if secret else None
    if unfinished is None:
        tell("nothing to resume: no unfinished run had this input")
        return {}
    found = journal.replies(unfinished, secret)
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
    return f"this run paid {price} for {paid.calls} calls and {paid.turns} turns"


def _warn(warnings: list[str], tell: Tell) -> None:
    for warning in warnings:
        tell(warning)
