"""Reach Anthropic's Messages API, or any endpoint that speaks it, through the official SDK.

The SDK sends and authenticates; the reply's JSON is read here, since the SDK's model of it lets
broken replies through. docs/providers.md has the table of outcomes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rlm_gate.errors import ProviderError
from rlm_gate.providers import (
    Batch,
    Json,
    Message,
    ModelReply,
    ModelRequest,
    TokenUsage,
    Tool,
    ToolCall,
    _http,
)
from rlm_gate.providers._http import Remote, count, lost, sendable

if TYPE_CHECKING:
    import anthropic
    from anthropic.types.messages import MessageBatch, MessageBatchResult

BASE_URL = "https://api.anthropic.com"

_PATH = "/v1/messages"
_STREAMED = {"content-type": "application/json", "x-stainless-raw-response": "stream"}
"""The second is what ``with_streaming_response`` sets: the body is ours to read, in one time."""
_EPHEMERAL = {"type": "ephemeral"}
_BATCH_SECONDS, _POLL_SECONDS = 600.0, 60.0
"""For sending or fetching a whole batch, up to 256 MB, and for asking how far one is."""


class ClaudeProvider(Remote["anthropic.Anthropic"]):
    """The Messages API. ``max_retries`` is the SDK's own; 0, since ``rlm/calls.py`` retries."""

    name = "anthropic"

    def __init__(
        self, api_key: str | None, base_url: str | None = None, max_retries: int = 0
    ) -> None:
        super().__init__(api_key, base_url, BASE_URL)
        self._max_retries = max_retries

    def _connect(self) -> anthropic.Anthropic:
        import anthropic

        return anthropic.Anthropic(
            api_key=self._key, base_url=self._base_url, max_retries=self._max_retries
        )

    def submit(self, requests: Mapping[str, ModelRequest]) -> str:
        """Send the requests as one batch and return its id."""
        listed: list[Any] = [
            {"custom_id": custom_id, "params": request_body(request)}
            for custom_id, request in requests.items()
        ]
        with self._translated() as client:
            return client.messages.batches.create(requests=listed, timeout=_BATCH_SECONDS).id

    def batch(self, batch_id: str) -> Batch:
        """Return how far the batch is."""
        with self._translated() as client:
            return _batch(client.messages.batches.retrieve(batch_id, timeout=_POLL_SECONDS))

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of the workspace, the newest first."""
        with self._translated() as client:
            for one in client.messages.batches.list(limit=100, timeout=_POLL_SECONDS):
                yield _batch(one)

    def results(self, batch_id: str) -> Iterator[tuple[str, ModelReply | None]]:
        """Yield the results by custom id. A reply that can't be read is as good as none."""
        with self._translated() as client:
            lines = client.messages.batches.results(batch_id, timeout=_BATCH_SECONDS)
            for line in lines:
                found = _batched(line.result)
                yield line.custom_id, found and self._unsaid(found)

    @contextmanager
    def _translated(self) -> Iterator[anthropic.Anthropic]:
        """Yield the client; raise what its batches fail by as ProviderError, without the key."""
        import anthropic

        client = self._ready()
        try:
            yield client
        except anthropic.APIStatusError as error:
            failure = _refused(error)
        except anthropic.APIConnectionError as error:
            failure = _http.broken(error.__cause__)
        except (anthropic.AnthropicError, ValueError) as error:
            failure = lost("malformed", f"the batch can't be read: {error}")
        else:
            return
        raise self._without_key(failure)

    def _ask(self, client: anthropic.Anthropic, request: ModelRequest, end: float) -> ModelReply:
        return reply(_post(client, request_body(request), end))


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
    data = _http.decoded(body)
    content = data.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise lost("malformed", "the reply has no content")
    stop = data.get("stop_reason")
    return ModelReply(
        text="".join(_texts(content)),
        tool_calls=tuple(_tool_calls(content)),
        stop_reason=stop if isinstance(stop, str) else "",
        usage=_usage(data.get("usage")),
        raw=content,
    )


def _batch(one: MessageBatch) -> Batch:
    counts = one.request_counts
    done = counts.succeeded + counts.errored + counts.expired + counts.canceled
    ended = one.processing_status == "ended"
    return Batch(one.id, ended, done, done + counts.processing, one.created_at.timestamp())


def _batched(result: MessageBatchResult) -> ModelReply | None:
    if result.type != "succeeded":
        return None
    with suppress(ProviderError):
        return replace(reply(result.message.to_json().encode()), batch=True)
    return None


def _post(client: anthropic.Anthropic, body: Mapping[str, Any], end: float) -> bytes:
    """Return the body of a 200.

    By the SDK's way for any endpoint, with JSON of our own: ``messages.create`` copies the whole
    conversation first, which was a sixth of a turn's time (benchmarks/engine.py).
    """
    import anthropic

    content = json.dumps(body, ensure_ascii=False).encode()
    options: Any = {"headers": _STREAMED, "timeout": _http.patience(end)}
    try:
        cast_to = _http.untouched()
        answer = client.post(_PATH, cast_to=cast_to, content=content, options=options)
        with closing(answer) as response:
            return _http.read(response.iter_bytes(), end)
    except anthropic.APIStatusError as error:
        raise _refused(error) from error
    except anthropic.APIConnectionError as error:
        raise _http.broken(error.__cause__) from error


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
    if message.shared:
        blocks.append({**_text(message.text[: message.shared]), "cache_control": _EPHEMERAL})
    if message.text[message.shared :]:
        blocks.append(_text(message.text[message.shared :]))
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.input)}
        for call in message.tool_calls
    ]
    return {"role": message.role, "content": blocks}


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": sendable(tool.description),
        "input_schema": dict(tool.input_schema),
    }


def _mark_last(messages: list[dict[str, Any]]) -> None:
    last = messages[-1]
    if last["role"] == "user" and last["content"]:
        last["content"][-1]["cache_control"] = _EPHEMERAL


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": sendable(text)}


def _plain_schema(schema: Mapping[str, Json]) -> Json:
    """Return the schema without the keywords that the API refuses; the SDK knows which."""
    import anthropic

    try:
        return anthropic.transform_schema(dict(schema))
    except (ValueError, TypeError, AttributeError) as error:
        raise ProviderError("bad_request", f"the API can't serve this schema: {error}") from error


def _texts(content: list[dict[str, Any]]) -> Iterator[str]:
    for block in content:
        if block.get("type") == "text":
            if not isinstance(block.get("text"), str):
                raise lost("malformed", "a text block has no text")
            yield block["text"]


def _tool_calls(content: list[dict[str, Any]]) -> Iterator[ToolCall]:
    for block in content:
        if block.get("type") == "tool_use":
            call = ToolCall(block.get("id", ""), block.get("name", ""), block.get("input", {}))
            if not (isinstance(call.id, str) and isinstance(call.name, str)):
                raise lost("malformed", "a tool call has no name")
            if not isinstance(call.input, dict):
                raise lost("malformed", "a tool call has no arguments")
            yield call


def _usage(data: Json) -> TokenUsage:
    """Read the token counts. A reply without them is malformed: unknown is never 0."""
    if not isinstance(data, dict):
        raise lost("malformed", "the reply has no token counts")
    details = data.get("output_tokens_details")
    return TokenUsage(
        count(data.get("input_tokens")),
        count(data.get("output_tokens")),
        count(data.get("cache_read_input_tokens") or 0),
        count(data.get("cache_creation_input_tokens") or 0),
        count(details.get("thinking_tokens") or 0) if isinstance(details, dict) else 0,
    )


def _refused(error: anthropic.APIStatusError) -> ProviderError:
    kind = None
    if error.error_code == "enforced_spend_limit_reached" or error.type == "billing_error":
        kind = "spend_limit"
    said = error.api_message if isinstance(error.api_message, str) else error.message
    return _http.refused(error.status_code, said, error.response.headers, kind)
