"""Reach Anthropic's Messages API, or any endpoint that speaks it, through the official SDK.

The SDK sends and authenticates; the reply's JSON is read here, since the SDK's model of it lets
broken replies through. docs/providers.md has the table of outcomes. The SDK (and httpx2, which it
brings) takes over a second to import, so that happens at the first call or in ``warm()``.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self

from rlm_gate.errors import ProviderError
from rlm_gate.providers import (
    Json,
    Message,
    ModelReply,
    ModelRequest,
    TokenUsage,
    Tool,
    ToolCall,
)

if TYPE_CHECKING:
    import anthropic
    import httpx2

BASE_URL = "https://api.anthropic.com"

_CONNECT_TIMEOUT = 10.0
_MOST_WORDS = 300
_MOST_BYTES = 64 * 2**20  # no reply is that long; a body without end must not fill the memory
_SURROGATE = re.compile("[\ud800-\udfff]")
_EPHEMERAL = {"type": "ephemeral"}
_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})
_KINDS = {
    401: "auth",
    402: "spend_limit",
    403: "auth",
    408: "server",
    409: "server",
    429: "rate_limit",
    529: "overloaded",
}


class ClaudeProvider:
    """The Messages API. One instance serves any number of threads.

    The environment is not searched for a key or an address: config.py reads it. ``max_retries`` is
    the SDK's own; 0, since ``rlm/calls.py`` retries under one deadline.
    """

    name = "anthropic"

    def __init__(
        self, api_key: str | None, base_url: str | None = None, max_retries: int = 0
    ) -> None:
        self._key = (api_key or "").strip()
        self._base_url = base_url or BASE_URL
        self._max_retries = max_retries
        self._lock = threading.Lock()
        self._client: anthropic.Anthropic | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client:
            client.close()

    def warm(self) -> None:
        """Import the SDK and set up the client, so that the first call doesn't have to."""
        self._ready()

    def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
        """Send the request once. Raises ProviderError for everything that is no whole reply."""
        end = time.monotonic() + timeout
        client = self._ready()
        body = request_body(request)
        try:
            return reply(_post(client, body, end))
        except ProviderError as error:
            failure = self._without_key(error)
        raise failure

    def _ready(self) -> anthropic.Anthropic:
        """Return the client. Its key and address are given to it: it shall not look for others."""
        if not self._key:
            raise ProviderError("auth", "no API key is set")
        if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
            raise ProviderError("auth", "the API key has characters that no key has")
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> anthropic.Anthropic:
        import anthropic
        import httpx2

        try:
            return anthropic.Anthropic(
                api_key=self._key, base_url=self._base_url, max_retries=self._max_retries
            )
        except httpx2.InvalidURL as error:
            message = f"{self._base_url!r} is no address: {error}"
            raise ProviderError("connection", message) from error

    def _without_key(self, failure: ProviderError) -> ProviderError:
        """Return the error, not too long, with the key blotted out should an endpoint echo it."""
        return ProviderError(
            failure.kind,
            failure.message.replace(self._key, "***")[:_MOST_WORDS],
            retryable=failure.retryable,
            retry_after=failure.retry_after,
            lost=failure.lost,
        )


def create(*, api_key: str | None, base_url: str | None) -> ClaudeProvider:
    """Return the provider. No address means Anthropic's own."""
    return ClaudeProvider(api_key, base_url)


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Return the request in the API's form.

    Cache marks stand after the system prompt (with the tools before it) and, where the
    conversation will go on, after its last message. There is no temperature: the API has none.
    Tool use is not forced, which current models refuse; it is kept from being parallel.
    """
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "messages": [_message(message) for message in request.messages],
    }
    if request.system:
        body["system"] = [{**_text(request.system), "cache_control": _EPHEMERAL}]
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        body["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        _mark_last(body["messages"])
    if request.schema is not None:
        form = {"type": "json_schema", "schema": _plain_schema(request.schema)}
        body["output_config"] = {"format": form}
    return body


def reply(body: bytes) -> ModelReply:
    """Read the API's reply. Blocks of unknown types stay in ``raw``, and count for nothing."""
    data = _decoded(body)
    content = data.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise _lost("malformed", "the reply has no content")
    stop = data.get("stop_reason")
    return ModelReply(
        text="".join(_texts(content)),
        tool_calls=tuple(_tool_calls(content)),
        stop_reason=stop if isinstance(stop, str) else "",
        usage=_usage(data.get("usage")),
        raw=content,
    )


def _post(client: anthropic.Anthropic, body: Mapping[str, Any], end: float) -> bytes:
    """Return the body of a 200.

    Errors are raised outside of the handlers, without a cause: the SDK's carry the request,
    and the request carries the key.
    """
    import anthropic
    import httpx2

    left = max(0.001, end - time.monotonic())
    patience = anthropic.Timeout(left, connect=min(left, _CONNECT_TIMEOUT))
    try:
        post = client.messages.with_streaming_response.create
        with post(**body, timeout=patience) as response:
            return _read(response.iter_bytes(), end)
    except anthropic.APIStatusError as error:
        failure = _refused(error)
    except anthropic.APIConnectionError as error:
        failure = _not_connected(error)
    except httpx2.TimeoutException:
        failure = _late("the reply stalled")
    except httpx2.HTTPError as error:
        failure = _lost("connection", f"the reply was cut: {error}", retryable=True)
    raise failure


def _message(message: Message) -> dict[str, Any]:
    if message.raw is not None:
        return {"role": message.role, "content": message.raw}
    blocks: list[dict[str, Any]] = [
        {
            "type": "tool_result",
            "tool_use_id": result.id,
            "content": [_text(result.text or "(no output)")],
            "is_error": result.is_error,
        }
        for result in message.tool_results
    ]
    if message.text:
        blocks.append(_text(message.text))
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.input)}
        for call in message.tool_calls
    ]
    return {"role": message.role, "content": blocks}


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": _sendable(tool.description),
        "input_schema": dict(tool.input_schema),
    }


def _mark_last(messages: list[dict[str, Any]]) -> None:
    last = messages[-1]
    if last["role"] == "user" and last["content"]:
        last["content"][-1]["cache_control"] = _EPHEMERAL


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": _sendable(text)}


def _sendable(text: str) -> str:
    """Return the text with lone surrogates (of names that are no UTF-8) as U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _plain_schema(schema: Mapping[str, Json]) -> Json:
    """Return the schema without the keywords that the API refuses; the SDK knows which."""
    import anthropic

    try:
        return anthropic.transform_schema(dict(schema))
    except (ValueError, TypeError, AttributeError) as error:
        raise ProviderError("bad_request", f"the API can't serve this schema: {error}") from error


def _read(chunks: Iterable[bytes], end: float) -> bytes:
    """Read a body under one deadline: the SDK's own timeout starts anew with every read."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if time.monotonic() > end:
            raise _late("the reply dripped in too slowly")
        if len(body) > _MOST_BYTES:
            raise _lost("malformed", "the reply has no end")
    return bytes(body)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
        if b"\\ud" in body.lower():  # perhaps half a surrogate pair, which could not be sent back
            data = json.loads(_sendable(json.dumps(data, ensure_ascii=False)))
    except (ValueError, RecursionError):
        start = body[:4000].decode("utf-8", "replace").strip()
        what = "an HTML page" if start.startswith("<") else f"no JSON: {start!r}"
        data = None
    else:
        what = "no JSON object"
    if not isinstance(data, dict):
        raise _lost("malformed", f"the endpoint sent {what}")
    return data


def _texts(content: list[dict[str, Any]]) -> Iterator[str]:
    for block in content:
        if block.get("type") == "text":
            if not isinstance(block.get("text"), str):
                raise _lost("malformed", "a text block has no text")
            yield block["text"]


def _tool_calls(content: list[dict[str, Any]]) -> Iterator[ToolCall]:
    for block in content:
        if block.get("type") == "tool_use":
            call = ToolCall(block.get("id", ""), block.get("name", ""), block.get("input", {}))
            if not (isinstance(call.id, str) and isinstance(call.name, str)):
                raise _lost("malformed", "a tool call has no name")
            if not isinstance(call.input, dict):
                raise _lost("malformed", "a tool call has no arguments")
            yield call


def _usage(data: Json) -> TokenUsage:
    """Read the token counts. A reply without them is malformed: unknown is never 0."""
    if not isinstance(data, dict):
        raise _lost("malformed", "the reply has no token counts")
    details = data.get("output_tokens_details")
    return TokenUsage(
        _count(data.get("input_tokens")),
        _count(data.get("output_tokens")),
        _count(data.get("cache_read_input_tokens") or 0),
        _count(data.get("cache_creation_input_tokens") or 0),
        _count(details.get("thinking_tokens") or 0) if isinstance(details, dict) else 0,
    )


def _count(value: Json) -> int:
    if type(value) is not int or value < 0:
        raise _lost("malformed", "the reply has wrong token counts")
    return value


def _refused(error: anthropic.APIStatusError) -> ProviderError:
    """Translate an HTTP error. None of them is charged."""
    status = error.status_code
    kind = _KINDS.get(status, "server" if status >= 500 else "bad_request")
    if error.error_code == "enforced_spend_limit_reached" or error.type == "billing_error":
        kind = "spend_limit"
    headers = error.response.headers
    retryable = kind in {"server", "rate_limit", "overloaded"}
    said = error.api_message if isinstance(error.api_message, str) else error.message
    return ProviderError(
        kind,
        f"HTTP {status}: {' '.join(said.split())}",
        retryable=retryable and headers.get("x-should-retry") != "false",
        retry_after=_retry_after(headers),
    )


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Return the seconds the server asks to wait: a number, or a date."""
    milliseconds, seconds = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        wait = float(milliseconds) / 1000 if milliseconds else float(seconds or "none")
    except ValueError:
        wait = _until(seconds)
    return max(0.0, wait) if wait < float("inf") else None


def _until(date: str | None) -> float:
    try:
        return parsedate_to_datetime(date or "").timestamp() - time.time()
    except ValueError:
        return float("inf")


def _not_connected(error: anthropic.APIConnectionError) -> ProviderError:
    """Translate a failure below HTTP. Only one that came before the request is surely free."""
    import anthropic

    cause = type(error.__cause__).__name__
    if cause in _NEVER_SENT:
        return ProviderError("connection", f"{error.__cause__}" or cause, retryable=True)
    if isinstance(error, anthropic.APITimeoutError):
        return _late("no reply came")
    return _lost("connection", f"the connection broke: {error.__cause__}", retryable=True)


def _late(what: str) -> ProviderError:
    return _lost("timeout", f"{what} before the deadline", retryable=True)


def _lost(kind: str, message: str, *, retryable: bool = False) -> ProviderError:
    return ProviderError(kind, message, retryable=retryable, lost=True)
