"""Which replies are answers, and what the others amount to. Judges the form, never the sense."""

from __future__ import annotations

import json

from rlm_gate.errors import ProviderError
from rlm_gate.providers import ModelReply, ModelRequest

_COMPLETE = frozenset({"end_turn", "stop_sequence", "tool_use"})
_CUT_SHORT = {
    "refusal": ("refusal", "the model refused to answer"),
    "max_tokens": ("max_tokens", "the reply was cut at its token limit"),
    "model_context_window_exceeded": ("max_tokens", "the model's context window is full"),
    "pause_turn": ("malformed", "the model paused too often"),
    "": ("malformed", "the reply does not say why it stops"),
}


def judged(reply: ModelReply, request: ModelRequest) -> ModelReply | ProviderError:
    """Return the reply if it is an answer, else the error it amounts to."""
    stop = reply.stop_reason
    if stop in _CUT_SHORT:
        return ProviderError(*_CUT_SHORT[stop])
    if stop not in _COMPLETE:
        return ProviderError("malformed", f"unknown stop reason {stop[:40]!r}")
    if reply.tool_calls:
        return reply if request.tools else ProviderError("malformed", "a tool call nobody offered")
    if stop == "tool_use" or not reply.text.strip():
        return ProviderError("malformed", "the reply is empty")
    if request.schema is not None and not _is_json(reply.text):
        return ProviderError("malformed", "the reply is not the JSON that was asked for")
    return reply


def joined(first: ModelReply, rest: ModelReply) -> ModelReply:
    """Return the one reply that a paused one and its continuation make."""
    raw = [*first.raw, *rest.raw] if first.raw and rest.raw else None
    return ModelReply(
        first.text + rest.text,
        first.tool_calls + rest.tool_calls,
        rest.stop_reason,
        first.usage + rest.usage,
        raw,
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
