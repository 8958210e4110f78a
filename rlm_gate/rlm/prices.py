"""What models cost, from a dated data file. Knows no bill: only list prices and token counts.

Money is an integer number of picodollars (1e-12 USD): $1 per million tokens is 1,000,000 of them a
token, so sums never drift and a limit is met exactly. ``usd`` turns it into dollars for people.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlm_gate.errors import UsageError

if TYPE_CHECKING:  # what a provider is made of is not needed to know a price
    from rlm_gate.providers import TokenUsage
from rlm_gate.routing import route

PICO = 10**12
_PER_MILLION = PICO // 10**6
_SNAPSHOT = re.compile(r"[-@]20\d{6}$")  # "-20261007" and Vertex's "@20261007" name the same model
_OWN_KEYS = frozenset({"in", "out", "cache_read", "cache_write", "batch"})


@dataclass(frozen=True, slots=True)
class Rates:
    """Picodollars per token."""

    read: int
    write: int
    cache_read: int
    cache_write: int

    @property
    def dearest_read(self) -> int:
        """The most that a token of the prompt can cost."""
        return max(self.read, self.cache_read, self.cache_write)


@dataclass(frozen=True, slots=True)
class Price:
    """The rates of one model. ``above`` holds for the whole request past ``step`` prompt tokens."""

    rates: Rates
    above: Rates | None = None
    step: int = 0
    batch: float = 1.0
    max_output: int | None = None

    def at(self, prompt_tokens: int) -> Rates:
        """Return the rates of a request with that many tokens in its prompt."""
        return self.above if self.above and prompt_tokens > self.step else self.rates

    def dearest(self, prompt_tokens: int) -> tuple[int, int]:
        """Return the highest rates (read, write) of any prompt up to that many tokens."""
        reached = self.at(prompt_tokens)
        base = self.rates
        return max(base.dearest_read, reached.dearest_read), max(base.write, reached.write)


@dataclass(frozen=True, slots=True)
class Prices:
    """The price list: models by id and the aliases people write."""

    date: str
    models: Mapping[str, Price]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, name: str) -> str:
        """Return the id that an alias stands for; any other name is an id itself.

        A provider's name before it is left out: ``openai:gpt-x`` is ``gpt-x``.
        """
        return _resolved(name, self.aliases)

    def get(self, model: str) -> Price | None:
        """Return the price of that id or of the model it is a dated snapshot of."""
        return self.models.get(model) or self.models.get(_SNAPSHOT.sub("", model))

    def worst_case(
        self, model: str, input_bytes: int, max_tokens: int, *, batch: bool = False
    ) -> int | None:
        """Return the most that a request can cost. Its UTF-8 bytes bound its tokens."""
        price = self.get(model)
        if price is None:
            return None
        read, write = price.dearest(input_bytes)
        return _reduced(input_bytes * read + max_tokens * write, price, batch=batch)

    def cost(self, model: str, usage: TokenUsage, *, batch: bool = False) -> int | None:
        """Return what that use costs. None: the model has no known price."""
        price = self.get(model)
        if price is None:
            return None
        rates = price.at(usage.prompt_tokens)
        total = (
            usage.input_tokens * rates.read
            + usage.output_tokens * rates.write
            + usage.cache_read_tokens * rates.cache_read
            + usage.cache_write_tokens * rates.cache_write
        )
        return _reduced(total, price, batch=batch)

    def max_output(self, model: str) -> int | None:
        """Return how many tokens the model can write at most, where that is known."""
        price = self.get(model)
        return price.max_output if price else None


def usd(money: int) -> float:
    """Return picodollars as dollars."""
    return money / PICO


def total(costs: Sequence[int | None]) -> float | None:
    """Return the dollars that all come to, each in picodollars; None where one is unknown."""
    known = [cost for cost in costs if cost is not None]
    return usd(sum(known)) if len(known) == len(costs) else None


def picodollars(dollars: float) -> int:
    """Return dollars as picodollars."""
    return round(dollars * PICO)


def load(own: Mapping[str, Mapping[str, float]] | None = None) -> Prices:
    """Return the list that ships with the package, with the user's own prices laid over it.

    An own price has ``in`` and ``out`` in USD per million tokens, and may have ``cache_read``,
    ``cache_write`` and ``batch`` (a factor). It replaces the built-in price whole.
    """
    data = _data()
    models = {model: _price(entry) for model, entry in data["models"].items()}
    for name, entry in (own or {}).items():
        models[_resolved(name, data["aliases"])] = _own_price(name, entry)
    return Prices(data["date"], models, data["aliases"])


@cache
def _data() -> Any:
    return json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"))


def _resolved(name: str, aliases: Mapping[str, str]) -> str:
    """No alias leads from one provider to another: an endpoint may serve a "haiku" of its own."""
    provider, model = route(name)
    known = aliases.get(model, model)
    return known if route(known).provider == provider else model


def _own_price(name: str, entry: Mapping[str, float]) -> Price:
    unknown = sorted(entry.keys() - _OWN_KEYS)
    if unknown or not {"in", "out"} <= entry.keys():
        raise UsageError(
            f"models.prices.{name}: needs in and out, may have cache_read, cache_write and batch"
            + (f", not {', '.join(unknown)}" if unknown else "")
        )
    if any(not 0 <= value < float("inf") for value in entry.values()):
        raise UsageError(f"models.prices.{name}: a price is a number, 0 or more")
    return _price(entry)


def _price(entry: Mapping[str, Any]) -> Price:
    above = entry.get("above")
    return Price(
        _rates(entry),
        _rates(above) if above else None,
        above["tokens"] if above else 0,
        entry.get("batch", 1.0),
        entry.get("max_output"),
    )


def _rates(entry: Mapping[str, float]) -> Rates:
    """Without a cache price of its own a cached token costs what any other does."""
    read = entry["in"]
    return Rates(
        round(read * _PER_MILLION),
        round(entry["out"] * _PER_MILLION),
        round(entry.get("cache_read", read) * _PER_MILLION),
        round(entry.get("cache_write", read) * _PER_MILLION),
    )


def _reduced(money: int, price: Price, *, batch: bool) -> int:
    return math.ceil(money * price.batch) if batch else money
