"""The APIs that providers speak, each as far as a table of outcomes needs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rlm_gate.providers.anthropic import ClaudeProvider
from rlm_gate.providers.gemini import GeminiProvider
from rlm_gate.providers.openai import OpenAIProvider

Remote = ClaudeProvider | GeminiProvider | OpenAIProvider


@dataclass(frozen=True)
class Api:
    """One API: how to reach it on an address, how it answers, refuses and fails.

    ``message`` makes a reply of a text and a stop reason of ours, "" for none; ``unknown`` adds a
    part of a type that nobody knows. ``variables`` are what its SDK looks for in the environment.
    """

    name: str
    open: Callable[[str | None, str], Remote]
    message: Callable[[str | None, str], dict[str, Any]]
    unknown: Callable[[dict[str, Any]], dict[str, Any]]
    error: Callable[[str, str], Any]
    key_header: tuple[str, str]
    busy: str  # the kind of a 503
    variables: dict[str, str]

    def raw(self, text: str) -> bytes:
        """Return a whole reply as bytes."""
        return json.dumps(self.message(text, "end_turn")).encode()


def _claude(text: str | None, stop: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": stop or None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 2},
    }


def _claude_unknown(reply: dict[str, Any]) -> dict[str, Any]:
    return {**reply, "content": [{"type": "hologram", "text": "boo"}, *reply["content"]]}


def _claude_error(kind: str, text: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": text}}


def _gemini(text: str | None, stop: str) -> dict[str, Any]:
    reasons = {"end_turn": "STOP", "max_tokens": "MAX_TOKENS", "refusal": "SAFETY"}
    parts = [] if text is None else [{"text": text}]
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    if stop:
        candidate["finishReason"] = reasons.get(stop, stop.upper())
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"}


def _gemini_unknown(reply: dict[str, Any]) -> dict[str, Any]:
    (candidate,) = reply["candidates"]
    parts = [{"hologram": {"text": "boo"}}, *candidate["content"]["parts"]]
    return {**reply, "candidates": [{**candidate, "content": {"role": "model", "parts": parts}}]}


def _gemini_error(kind: str, text: str) -> dict[str, Any]:
    return {"error": {"message": text, "status": kind.upper(), "details": []}}


def _chat(text: str | None, stop: str) -> dict[str, Any]:
    reasons = {"end_turn": "stop", "max_tokens": "length", "refusal": "content_filter"}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": reasons.get(stop, stop) or None,
    }
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return {"id": "c1", "object": "chat.completion", "choices": [choice], "usage": usage}


def _chat_unknown(reply: dict[str, Any]) -> dict[str, Any]:
    (choice,) = reply["choices"]
    message = {**choice["message"], "hologram": {"text": "boo"}}
    return {**reply, "choices": [{**choice, "message": message}]}


def _responses(text: str | None, stop: str) -> dict[str, Any]:
    parts = [] if text is None else [{"type": "output_text", "text": text, "annotations": []}]
    states = {"end_turn": "completed", "": None}
    reasons = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}
    usage = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
    return {
        "id": "resp_1",
        "object": "response",
        "status": states.get(stop, "incomplete"),
        "incomplete_details": None if stop in states else {"reason": reasons.get(stop, stop)},
        "output": [{"type": "message", "id": "m1", "role": "assistant", "content": parts}],
        "usage": usage,
    }


def _responses_unknown(reply: dict[str, Any]) -> dict[str, Any]:
    return {**reply, "output": [{"type": "hologram", "text": "boo"}, *reply["output"]]}


def _openai_error(kind: str, text: str) -> dict[str, Any]:
    return {"error": {"message": text, "type": kind, "param": None, "code": None}}


_BEARER = ("authorization", "Bearer ")
_OPENAI = {"OPENAI_API_KEY": "key", "OPENAI_ADMIN_KEY": "key", "OPENAI_BASE_URL": "address"}

APIS = (
    Api(
        "anthropic",
        ClaudeProvider,
        _claude,
        _claude_unknown,
        _claude_error,
        _BEARER,
        "server",
        {
            "ANTHROPIC_API_KEY": "key",
            "ANTHROPIC_AUTH_TOKEN": "key",
            "ANTHROPIC_BASE_URL": "address",
        },
    ),
    Api(
        "gemini",
        GeminiProvider,
        _gemini,
        _gemini_unknown,
        _gemini_error,
        ("x-goog-api-key", ""),
        "overloaded",
        {
            "GEMINI_API_KEY": "key",
            "GOOGLE_API_KEY": "key",
            "GOOGLE_GEMINI_BASE_URL": "address",
            "GOOGLE_GENAI_USE_VERTEXAI": "true",
        },
    ),
    Api(
        "chat",
        lambda key, url: OpenAIProvider(key, f"{url}/v1" if "127" in url else url),
        _chat,
        _chat_unknown,
        _openai_error,
        _BEARER,
        "overloaded",
        _OPENAI,
    ),
    Api(
        "responses",
        lambda key, url: OpenAIProvider(key, f"{url}/v1" if "127" in url else url, responses=True),
        _responses,
        _responses_unknown,
        _openai_error,
        _BEARER,
        "overloaded",
        _OPENAI,
    ),
)
