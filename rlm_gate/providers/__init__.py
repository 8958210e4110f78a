"""What the engine says to a model and hears back, and the providers found by file name.

A provider translates; it does not judge, retry, count or cache: ``rlm/calls.py`` does.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast

from rlm_gate.errors import UsageError

Json: TypeAlias = Any
"""What ``json.loads`` gives; opaque here."""


@dataclass(frozen=True, slots=True)
class Tool:
    """The one tool a root request offers. Its calls come back as ``ModelReply.tool_calls``."""

    name: str
    description: str
    input_schema: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asks to have run. ``id`` links the ``ToolResult`` to it."""

    id: str
    name: str
    input: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What running a tool call gave. ``id`` is the call's."""

    id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. ``role`` is user or assistant.

    The first ``shared`` characters of ``text`` begin other requests too: a provider whose prompt
    cache must be told marks them, the answer does not depend on it. ``raw`` is the provider's own
    form of an assistant turn, taken from ``ModelReply.raw`` and sent back unchanged, since signed
    thinking blocks don't survive translation. It must be JSON.
    """

    role: str
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    raw: Json = None
    shared: int = 0


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request, whole. With ``schema`` the reply's text is JSON that the schema describes.

    ``about`` is for people, purpose first: "map src/a.py:1-20". It is not sent, nor part of a key.
    """

    model: str
    system: str
    messages: tuple[Message, ...]
    max_tokens: int
    tools: tuple[Tool, ...] = ()
    schema: Mapping[str, Json] | None = None
    about: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens as they are billed: the four counts are disjoint.

    ``thinking_tokens`` is how many of ``output_tokens`` were spent on thinking.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    thinking_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """Everything the model read, cached or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """Everything the model read and wrote."""
        return self.prompt_tokens + self.output_tokens

    def __add__(self, other: TokenUsage) -> TokenUsage:
        return TokenUsage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.thinking_tokens + other.thinking_tokens,
        )


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What the model answered, and what it cost.

    ``stop_reason`` is one of end_turn, stop_sequence, tool_use, max_tokens, refusal, pause_turn,
    model_context_window_exceeded, or what the provider said ("" for nothing). Only the first three
    make an answer; ``rlm/calls.py`` turns the others into errors. ``raw`` is JSON. ``batch``:
    it came by a batch, and has that price.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    stop_reason: str = "end_turn"
    usage: TokenUsage = field(default_factory=TokenUsage)
    raw: Json = None
    batch: bool = False

    def message(self) -> Message:
        """Return the assistant turn to send back with the next request."""
        return Message("assistant", self.text, self.tool_calls, raw=self.raw)


class Provider(Protocol):
    """A way to reach models. Called from many threads at once."""

    @property
    def name(self) -> str:
        """What cache keys and journals carry: the file name, or more to keep two forms apart."""
        ...

    def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
        """Send one request, once, and return within ``timeout`` seconds or raise ProviderError.

        The error is marked ``lost`` where the request was sent and the reply never arrived or
        can't be read, for then it may have been charged.
        """
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """How far a batch is: ``done`` of ``total`` requests. ``created`` is in seconds since 1970."""

    id: str
    ended: bool
    done: int
    total: int
    created: float


class BatchProvider(Protocol):
    """A provider that takes many requests at once and answers within hours, for less.

    Every method raises ProviderError as ``Provider.complete`` does.
    """

    def submit(self, requests: Mapping[str, ModelRequest]) -> str:
        """Send requests by custom id (1 to 64 of A-Z, a-z, 0-9, _, -); return the batch's id."""
        ...

    def batch(self, batch_id: str) -> Batch:
        """Return how far it is."""
        ...

    def batches(self) -> Iterator[Batch]:
        """Yield the batches there are, the newest first."""
        ...

    def results(self, batch_id: str) -> Iterator[tuple[str, ModelReply | None]]:
        """Yield custom id and reply in any order, None where it failed or expired."""
        ...


def names() -> tuple[str, ...]:
    """Return the names of the providers: one file of this folder each."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def load(name: str, *, api_key: str | None = None, base_url: str | None = None) -> Provider:
    """Return the provider of that file name. Nothing is imported or sent before its first use."""
    if name not in names():
        raise UsageError(f"unknown provider {name!r}; choose from {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    return cast("Provider", module.create(api_key=api_key, base_url=base_url))
