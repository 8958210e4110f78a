"""The Chat Completions form of requests and replies, as most endpoints understand it.

Reads the JSON, not the SDK's model of it, which lets broken replies through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rlm_gate.providers import Json, Message, ModelReply, ModelRequest, ToolCall
from rlm_gate.providers._http import decoded, lost, sendable
from rlm_gate.providers._openai import call_json, schema_form, tool_call, tool_json, usage

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the request in the API's form.

    ``max_tokens`` and the role ``system`` are the old names, which every endpoint knows. Tool use
    is not forced; it is kept from being parallel.
    """
    opening = [{"role": "system", "content": sendable(request.system)}] if request.system else []
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "messages": [*opening, *(one for message in request.messages for one in _sent(message))],
    }
    if request.tools:
        body["tools"] = [{"type": "function", "function": tool_json(one)} for one in request.tools]
        body["parallel_tool_calls"] = False
    if request.schema is not None:
        form = schema_form(request.schema)
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def reply(body: bytes) -> ModelReply:
    """Read the API's reply. What is unknown in its message stays in ``raw``, to be sent back."""
    data = decoded(body)
    choice = _first_choice(data)
    message = choice["message"]
    stop = choice.get("finish_reason")
    known = _STOPS.get(stop, stop) if isinstance(stop, str) else ""
    return ModelReply(
        text=_text(message.get("content")),
        tool_calls=tuple(_tool_calls(message.get("tool_calls") or [])),
        stop_reason="refusal" if message.get("refusal") else known,
        usage=usage(data.get("usage"), "prompt", "completion"),
        raw=message,
    )


def _sent(message: Message) -> Iterator[dict[str, Any]]:
    """Yield what one turn is here: a message for every tool result, and one for the rest."""
    if message.raw is not None:
        yield message.raw
        return
    for result in message.tool_results:
        text = sendable(result.text or "(no output)")
        yield {"role": "tool", "tool_call_id": result.id, "content": text}
    said: dict[str, Any] = {"role": message.role, "content": sendable(message.text)}
    if message.tool_calls:
        yield {**said, "tool_calls": [_called(call) for call in message.tool_calls]}
    elif message.text:
        yield said


def _called(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": call_json(call)}


def _first_choice(data: Mapping[str, Json]) -> dict[str, Any]:
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        problem = data.get("error")
        raise lost("malformed", f"an error: {problem}" if problem else "the reply has no message")
    return choice


def _text(content: Json) -> str:
    if content is not None and not isinstance(content, str):
        raise lost("malformed", "the message has no text")
    return content or ""


def _tool_calls(calls: Json) -> Iterator[ToolCall]:
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise lost("malformed", "the tool calls are no list")
    for call in calls:
        function = call.get("function")
        if not isinstance(function, dict):
            raise lost("malformed", "a tool call has no function")
        yield tool_call(call.get("id"), function.get("name"), function.get("arguments"))
