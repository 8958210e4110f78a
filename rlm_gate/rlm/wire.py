"""Requests and replies as JSON, and the key under which a reply may be used again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from rlm_gate.errors import BudgetExceeded, ProviderError
from rlm_gate.providers import (
    Message,
    ModelReply,
    ModelRequest,
    TokenUsage,
    Tool,
    ToolCall,
    ToolResult,
)

PROTOCOL = 1
"""Raised when the meaning of a request changes for the engine: every older reply is then stale."""

# Made once: json.dumps makes an encoder for each call with options, and a turn needs dozens.
_escaped = json.JSONEncoder(check_circular=False).encode
_dumps = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
_LONG = 500  # characters; below, escaping is faster than a digest
_PART_BYTES = 32  # what a role, a block or an id adds to a prompt, with room to spare
_MOST_BYTES = 16  # of a token on average, in any text of more than a few words
_FEATURE_BYTES = 2048  # the instructions a provider adds where tools or a schema are used


def key(provider: str, request: ModelRequest) -> str:
    """Return the SHA-256 of all that changes the answer. Order within schemas counts.

    The long texts go in as digests of their own: escaping them as JSON would take most of the time
    of a run that finds everything in the cache.
    """
    parts = request_json(request)
    parts["system"] = _short(request.system)
    for message in parts["messages"]:
        message["text"] = _short(message["text"])
        for result in message["tool_results"]:
            result["text"] = _short(result["text"])
    return _digest(_escaped([PROTOCOL, provider, parts]))


def input_bytes(request: ModelRequest) -> int:
    """Return an upper bound of the prompt's tokens: no token is shorter than a byte."""
    size = _PART_BYTES + _size(request.system)
    size += sum(_message_bytes(message) for message in request.messages)
    for tool in request.tools:
        size += _size(tool.name) + _size(tool.description) + _size(_dumps(tool.input_schema))
    if request.schema is not None:
        size += _size(_dumps(request.schema))
    return size + (_FEATURE_BYTES if request.tools or request.schema is not None else 0)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a request came to by the provider's own count; the next turn begins with it."""

    tokens: int
    size: int

    @classmethod
    def of(cls, request: ModelRequest, usage: TokenUsage) -> Self:
        """Return it for a request that was answered."""
        return cls(usage.prompt_tokens, input_bytes(request))


def most_tokens(request: ModelRequest, counted: Counted | None = None) -> int:
    """Return an upper bound of the prompt's tokens.

    ``counted`` is of the turn before: what was counted stays as it was, and only what was added
    since is bounded by its bytes. A count that no tokenizer comes to is not believed.
    """
    size = input_bytes(request)
    if counted is None or counted.tokens * _MOST_BYTES < counted.size:
        return size
    return min(size, counted.tokens + max(0, size - counted.size) + _PART_BYTES)


def request_json(request: ModelRequest) -> dict[str, Any]:
    """Return the request as JSON values, in a fixed order."""
    return {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "system": request.system,
        "messages": [_message_json(message) for message in request.messages],
        "tools": [_tool_json(tool) for tool in request.tools],
        "schema": request.schema,
    }


def reply_json(reply: ModelReply) -> dict[str, Any]:
    """Return the reply as JSON values."""
    usage = reply.usage
    return {
        "text": reply.text,
        "tool_calls": [_call_json(call) for call in reply.tool_calls],
        "stop_reason": reply.stop_reason,
        "usage": {name: getattr(usage, name) for name in TokenUsage.__dataclass_fields__},
        "raw": reply.raw,
        **({"batch": True} if reply.batch else {}),
    }


def reply_from_json(data: Mapping[str, Any]) -> ModelReply:
    """Return the reply that ``reply_json`` wrote. Raises KeyError or TypeError on anything else."""
    return ModelReply(
        text=data["text"],
        tool_calls=tuple(ToolCall(**call) for call in data["tool_calls"]),
        stop_reason=data["stop_reason"],
        usage=TokenUsage(**data["usage"]),
        raw=data["raw"],
        batch=data.get("batch", False),
    )


def error_json(error: ModelReply | ProviderError | BudgetExceeded) -> dict[str, Any]:
    """Return what a call failed by as JSON values."""
    if isinstance(error, ProviderError):
        return {"type": "provider", "kind": error.kind, "message": error.message}
    if isinstance(error, BudgetExceeded):
        return {"type": "budget", "kind": error.kind, "used": error.used, "limit": error.limit}
    raise AssertionError("only errors have no reply")


def error_from_json(data: Mapping[str, Any]) -> ProviderError | BudgetExceeded:
    """Return the error that ``error_json`` wrote; it is no use to try again."""
    if data["type"] == "budget":
        return BudgetExceeded(data["kind"], data["used"], data["limit"])
    return ProviderError(data["kind"], data["message"])


def _message_json(message: Message) -> dict[str, Any]:
    return {
        "role": message.role,
        "text": message.text,
        "tool_calls": [_call_json(call) for call in message.tool_calls],
        "tool_results": [_result_json(result) for result in message.tool_results],
        "raw": message.raw,
    }


def _tool_json(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
    }


def _call_json(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "input": call.input}


def _result_json(result: ToolResult) -> dict[str, Any]:
    return {"id": result.id, "text": result.text, "is_error": result.is_error}


def _message_bytes(message: Message) -> int:
    if message.raw is not None:
        return _PART_BYTES + _size(_dumps(message.raw))
    size = _PART_BYTES + _size(message.text)
    for call in message.tool_calls:
        size += _PART_BYTES + _size(call.id) + _size(call.name) + _size(_dumps(call.input))
    for result in message.tool_results:
        size += _PART_BYTES + _size(result.id) + _size(result.text)
    return size


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _short(text: str) -> str | list[str]:
    """Return a long text as its digest, in a list: no text looks like that."""
    return [_digest(text)] if len(text) > _LONG else text


def _size(text: str) -> int:
    """Return its UTF-8 bytes. A lone surrogate is sent as U+FFFD, which has three, as it has."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
