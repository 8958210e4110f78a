"""Open the way to the models that the settings name: provider, prices, budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from rlm_gate.config import Settings, environment
from rlm_gate.errors import UsageError
from rlm_gate.providers import Provider, load
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account, bound_unpriced
from rlm_gate.rlm.calls import Caller


@dataclass(frozen=True, slots=True)
class Line:
    """An open line to the models: the caller, the two ids, and what a report should say of it."""

    caller: Caller
    root: str
    sub: str
    notes: tuple[str, ...]

    def left(self) -> dict[str, Any]:
        """Return what is left of the budget, as the REPL's ``budget()`` shows it."""
        return remaining(self.caller.account)


def remaining(account: Account) -> dict[str, Any]:
    """Return what is left of the limits; no clocks, for the REPL is deterministic."""
    left = asdict(account.remaining())
    del left["seconds"]
    return left


@contextmanager
def open_line(settings: Settings, provider: Provider | None = None) -> Iterator[Line]:
    """Yield a line under the settings' budget. Raises UsageError for a model not allowed."""
    known = prices.load(settings.models.prices)
    root, sub = known.resolve(settings.models.root), known.resolve(settings.models.sub)
    allowed = {known.resolve(name) for name in settings.models.allowed}
    for model in (root, sub):
        if allowed and model not in allowed:
            raise UsageError(f"model {model} is not among models.allowed")
    limits, notes = bound_unpriced(settings.budget, (root, sub), known)
    with Caller(provider or named("anthropic"), Account(limits), known) as caller:
        yield Line(caller, root, sub, notes)


def named(name: str) -> Provider:
    """Return the provider of that name with the key and address that the environment gives."""
    env = environment()
    return load(name, api_key=env.anthropic_key, base_url=env.anthropic_base_url)
