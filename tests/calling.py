"""What answers a caller of models in tests, and what it has heard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rlm_gate.core import Budget
from rlm_gate.errors import ProviderError
from rlm_gate.providers import (
    Message,
    ModelReply,
    ModelRequest,
    Provider,
    Tool,
)
from rlm_gate.providers.scripted import ScriptedProvider
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.pace import Pace

LIST = prices.load()
MODEL = "claude-haiku-5-5"
DEFAULT = Budget()
TOOL = Tool("run_python", "Run it.", {"type": "object"})
BUSY = ProviderError("rate_limit", "slow down", retryable=True)
DOWN = ProviderError("connection", "refused", retryable=True)
CUT = ProviderError("connection", "cut off", retryable=True, lost=True)


def ask(text: str = "?", **changes: Any) -> ModelRequest:
    return ModelRequest(MODEL, "You read code.", (Message("user", text),), 100, **changes)


@dataclass
class Log:
    """A journal and a cache in memory."""

    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    replies: dict[str, ModelReply] = field(default_factory=dict)

    def record(self, kind: str, data: Mapping[str, Any]) -> None:
        self.events.append((kind, data))

    def get(self, key: str) -> ModelReply | None:
        return self.replies.get(key)

    def put(self, key: str, reply: ModelReply) -> None:
        self.replies[key] = reply

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]


class Sequence:
    """Answer with the next of these, the last one for ever."""

    def __init__(self, *answers: str | ModelReply | ProviderError) -> None:
        self.left = list(answers)
        self.lock = threading.Lock()

    def __call__(self, _: ModelRequest) -> str | ModelReply | ProviderError:
        with self.lock:
            return self.left.pop(0) if len(self.left) > 1 else self.left[0]


class Sleeper:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def caller(
    provider: Provider | Callable[..., Any], limits: Budget = DEFAULT, **more: Any
) -> Caller:
    if not hasattr(provider, "complete"):
        provider = ScriptedProvider(provider)
    more.setdefault("pace", Pace(sleep=lambda _: None))
    return Caller(provider, Account(limits), LIST, **more)
