"""The Responses form of requests and replies, as OpenAI's own models want it.

Nothing is stored there: the reasoning goes back and forth encrypted, as part of ``raw``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rlm_gate.errors import ProviderError
from rlm_gate.providers import Json, Message, ModelReply, ModelRequest, ToolCall
from rlm_gate.providers._http import decoded, lost, sendable
from rlm_gate.providers._openai import call_json, schema_form, tool_call, tool_json, usage

_WITHOUT_REASONING = ("gpt-3", "gpt-4", "chatgpt-4")  # they refuse to be asked for it
_CUT = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}
_FAILED = {"rate_limit_exceeded": "rate_limit", "server_error": "server"}


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the request in the API's form. Tool use is not forced; it is not parallel."""
    body: dict[str, Any] = {
        "model": request.model,
        "max_output_tokens": request.max_tokens,
        "input": [item for message in request.messages for item in _items(message)],
        "store": False,
    }
    if not request.model.startswith(_WITHOUT_REASONING):
        body["include"] = ["reasoning.encrypted_content"]
    if request.system:
        body["instructions"] = sendable(request.system)
    if request.tools:
        body["tools"] = [
            {"type": "function", "strict": False, **tool_json(tool)} for tool in request.tools
        ]
        body["parallel_tool_calls"] = False
    if request.schema is not None:
        body["text"] = {"format": {"type": "json_schema", **schema_form(request.schema)}}
    return body


def reply(body: bytes) -> ModelReply:
    """Read the API's reply. Items of unknown types stay in ``raw``, and count for nothing."""
    data = decoded(body)
    if data.get("status") == "failed":
        raise _failed(data.get("error"))
    output = data.get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise lost("malformed", "the reply has no output")
    parts = list(_parts(output))
    calls = tuple(_tool_calls(output))
    refused = any(part.get("type") == "refusal" for part in parts)
    return ModelReply(
        text="".join(_texts(parts)),
        tool_calls=calls,
        stop_reason="refusal" if refused else _stop(data, "tool_use" if calls else "end_turn"),
        usage=usage(data.get("usage"), "input", "output"),
        raw=output,
    )


def blames_the_prompt(code: str) -> bool:
    """Say whether an error's code means that the API won't answer what it was asked."""
    return code in {"invalid_prompt", "content_filter"} or "_policy" in code


def _items(message: Message) -> Iterator[dict[str, Any]]:
    if message.raw is not None:
        yield from message.raw
        return
    for result in message.tool_results:
        text = sendable(result.text or "(no output)")
        yield {"type": "function_call_output", "call_id": result.id, "output": text}
    if message.text:
        yield {"role": message.role, "content": sendable(message.text)}
    for call in message.tool_calls:
        yield {"type": "function_call", "call_id": call.id, **call_json(call)}


def _stop(data: Mapping[str, Json], completed: str) -> str:
    status = data.get("status")
    if status == "completed":
        return completed
    details = data.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else status
    return _CUT.get(reason, reason) if isinstance(reason, str) else ""


def _parts(output: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in output:
        if item.get("type") == "message":
            content = item.get("content")
            if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
                raise lost("malformed", "a message has no content")
            yield from content


def _texts(parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        if part.get("type") == "output_text":
            if not isinstance(part.get("text"), str):
                raise lost("malformed", "a text part has no text")
            yield part["text"]


def _tool_calls(output: list[dict[str, Any]]) -> Iterator[ToolCall]:
    for item in output:
        if item.get("type") == "function_call":
            yield tool_call(item.get("call_id"), item.get("name"), item.get("arguments"))


def _failed(error: Json) -> ProviderError:
    """Translate a failure that came with a 200: what had been read by then may be charged."""
    told = error if isinstance(error, dict) else {}
    code = str(told.get("code") or "")
    kind = "refusal" if blames_the_prompt(code) else _FAILED.get(code, "bad_request")
    return lost(kind, f"the reply failed: {code}: {told.get('message')}", retryable=code in _FAILED)
