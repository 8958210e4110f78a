"""Reach Google's Gemini API, or any endpoint that speaks it, through the official SDK.

The SDK addresses and authenticates; the JSON is written and read here, since the SDK's models of it
lose what they don't know, and a turn with its thought signatures has to go back as it came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from rlm_gate.errors import ProviderError
from rlm_gate.providers import (
    Json,
    Message,
    ModelReply,
    ModelRequest,
    TokenUsage,
    Tool,
    ToolCall,
    ToolResult,
    _http,
)
from rlm_gate.providers._http import Remote, count, lost, sendable

BASE_URL = "https://generativelanguage.googleapis.com"

_UNNAMED = "unnamed-"  # begins the ids of calls that came without one
_STOPS = {
    "STOP": "end_turn",
    "MAX_TOKENS": "max_tokens",
    "CONTINUATION": "max_tokens",
    "BLOCKLIST": "refusal",
    "ESCALATION": "refusal",
    "LANGUAGE": "refusal",
    "MODEL_ARMOR": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "PUP_LIMITED_DISABLED": "refusal",
    "RECITATION": "refusal",
    "SAFETY": "refusal",
    "SPII": "refusal",
}
_OUT_OF_MONEY = ("PerDay", "credits are depleted")  # a day's quota is no rate to wait for


class GeminiProvider(Remote["_Connection"]):
    """The Gemini API. Raises UsageError where the SDK is not installed."""

    name = "gemini"

    def __init__(self, api_key: str | None, base_url: str | None = None) -> None:
        _http.need("google.genai", "gemini")
        super().__init__(api_key, base_url, BASE_URL)

    def _connect(self) -> _Connection:
        return _Connection(self._key, self._base_url)

    def _ask(self, client: _Connection, request: ModelRequest, end: float) -> ModelReply:
        return reply(client.post(request.model, request_body(request), end))


class _Connection:
    """The SDK's client, and the one below it, which the SDK would leave open.

    What fails is a ProviderError before the SDK sees it, so that it tries nothing again.
    """

    def __init__(self, key: str, base_url: str) -> None:
        from google import genai
        from google.genai import types

        self._http = _http.whole_client(_refused)
        self._client = genai.Client(
            vertexai=False,
            api_key=key,
            http_options=types.HttpOptions(base_url=base_url, httpx_client=self._http),
        )

    def close(self) -> None:
        self._client.close()
        self._http.close()

    def post(self, model: str, body: dict[str, Any], end: float) -> bytes:
        """Return the body of a 200."""
        from google.genai import types

        config = types.GenerateContentConfig(
            http_options=types.HttpOptions(
                api_version=_version(model),
                timeout=max(1, round((end - time.monotonic()) * 1000)),
                extra_body=body,
            ),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            should_return_http_response=True,
        )
        try:
            answer = self._client.models.generate_content(
                model=quote(model, safe="/"), contents="-", config=config
            )
        except ValueError as error:
            raise ProviderError("bad_request", f"the SDK refuses the request: {error}") from error
        whole = answer.sdk_http_response
        return (whole.body or "").encode("utf-8", "surrogatepass") if whole else b""


def create(*, api_key: str | None, base_url: str | None) -> GeminiProvider:
    """Return the provider. No address means Google's own."""
    return GeminiProvider(api_key, base_url)


def _version(model: str) -> str:
    """Return the stable API's version, or that where previews are sure to be found."""
    return "v1beta" if "-preview" in model else "v1"


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the request in the API's form. Parallel calls can't be switched off here."""
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    form: dict[str, Any] = {"maxOutputTokens": request.max_tokens}
    if request.schema is not None:
        form["responseMimeType"] = "application/json"
        form["responseJsonSchema"] = request.schema
    body: dict[str, Any] = {
        "contents": [_content(message, names) for message in request.messages],
        "generationConfig": form,
    }
    if request.system:
        body["systemInstruction"] = {"parts": [_text(request.system)]}
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]
    return body


def reply(body: bytes) -> ModelReply:
    """Read the API's reply. Parts of unknown types stay in ``raw``, and count for nothing."""
    data = _http.decoded(body)
    usage = _usage(data.get("usageMetadata"))
    candidate = _candidate(data)
    if candidate is None:
        return ModelReply("", stop_reason="refusal", usage=usage)
    content = candidate.get("content") or {}
    parts = content.get("parts", []) if isinstance(content, dict) else None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise lost("malformed", "the reply has no parts")
    calls = tuple(_tool_calls(parts))
    return ModelReply(
        text="".join(_texts(parts)),
        tool_calls=calls,
        stop_reason=_stop(candidate.get("finishReason"), calls),
        usage=usage,
        raw=content or None,
    )


def _content(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    if message.raw is not None:
        return {"role": "model", **message.raw}
    parts = [_result(result, names) for result in message.tool_results]
    if message.text:
        parts.append(_text(message.text))
    parts += [
        {"functionCall": {"name": call.name, "args": dict(call.input), **_identity(call.id)}}
        for call in message.tool_calls
    ]
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts}


def _result(result: ToolResult, names: Mapping[str, str]) -> dict[str, Any]:
    said = {"error" if result.is_error else "output": sendable(result.text or "(no output)")}
    name = names.get(result.id, "unknown")
    return {"functionResponse": {"name": name, "response": said, **_identity(result.id)}}


def _identity(call_id: str) -> dict[str, str]:
    return {} if call_id.startswith(_UNNAMED) else {"id": call_id}


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": sendable(tool.description),
        "parametersJsonSchema": dict(tool.input_schema),
    }


def _text(text: str) -> dict[str, Any]:
    return {"text": sendable(text)}


def _candidate(data: Mapping[str, Json]) -> dict[str, Any] | None:
    """Return the first candidate, None where the prompt itself was blocked."""
    candidates = data.get("candidates")
    if isinstance(candidates, list) and candidates and isinstance(candidates[0], dict):
        return candidates[0]
    feedback = data.get("promptFeedback")
    if not candidates and isinstance(feedback, dict) and feedback.get("blockReason"):
        return None
    raise lost("malformed", "the reply has no candidate")


def _texts(parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        if "text" in part and not part.get("thought"):
            if not isinstance(part["text"], str):
                raise lost("malformed", "a text part has no text")
            yield part["text"]


def _tool_calls(parts: list[dict[str, Any]]) -> Iterator[ToolCall]:
    for number, part in enumerate(parts):
        if "functionCall" in part:
            called = part["functionCall"]
            if not isinstance(called, dict) or not isinstance(called.get("name"), str):
                raise lost("malformed", "a tool call has no name")
            if not isinstance(called.get("args", {}), dict):
                raise lost("malformed", "a tool call has no arguments")
            name = called.get("id") or f"{_UNNAMED}{number}"
            yield ToolCall(str(name), called["name"], called.get("args", {}))


def _stop(reason: Json, calls: tuple[ToolCall, ...]) -> str:
    if reason == "STOP" and calls:
        return "tool_use"
    return _STOPS.get(reason, reason.lower()) if isinstance(reason, str) else ""


def _usage(data: Json) -> TokenUsage:
    """Return disjoint counts: the API's prompt includes what a cache held.

    A count of 0 is left out. Only the prompt and the total are never 0, so these have to be there,
    and what was written is the rest.
    """
    if not isinstance(data, dict):
        raise lost("malformed", "the reply has no token counts")
    prompt = count(data.get("promptTokenCount")) + _given(data, "toolUsePromptTokenCount")
    cached, thought = _given(data, "cachedContentTokenCount"), _given(data, "thoughtsTokenCount")
    shown = _given(data, "candidatesTokenCount")
    written = max(shown + thought, count(data.get("totalTokenCount")) - prompt)
    return TokenUsage(count(prompt - cached), written, cached, 0, thought)


def _given(data: Mapping[str, Json], name: str) -> int:
    return count(data.get(name) or 0)


def _refused(status: int, body: bytes, headers: Mapping[str, str]) -> ProviderError:
    """Translate an HTTP error. Why, and how long to wait, stands in its details."""
    error = _error(body)
    details = [one for one in error.get("details") or () if isinstance(one, dict)]
    said = error.get("message") or body[:4000].decode("utf-8", "replace")
    given = dict(headers)
    for delay in [one["retryDelay"] for one in details if isinstance(one.get("retryDelay"), str)]:
        given.setdefault("retry-after", delay.removesuffix("s"))
    return _http.refused(status, said, given, _kind(status, f"{said} {details}"))


def _error(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    error = data.get("error") if isinstance(data, dict) else None
    return error if isinstance(error, dict) else {}


def _kind(status: int, told: str) -> str | None:
    if status == 429 and any(words in told for words in _OUT_OF_MONEY):
        return "spend_limit"
    if status == 400 and "API_KEY_INVALID" in told:
        return "auth"
    return "overloaded" if status == 503 else None
