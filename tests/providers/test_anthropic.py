"""The real SDK over a real connection. ``endpoint`` is the Server of conftest.py."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from rlm_gate import providers
from rlm_gate.core import Budget
from rlm_gate.errors import ProviderError
from rlm_gate.providers import (
    Message,
    ModelReply,
    ModelRequest,
    TokenUsage,
    Tool,
    ToolCall,
    ToolResult,
)
from rlm_gate.providers.anthropic import ClaudeProvider
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller, Pace

TOOL = Tool("run_python", "Run it.", {"type": "object", "properties": {"code": {}}})
SUB = ModelRequest("claude-haiku-5-5", "You read code.", (Message("user", "What is it?"),), 100)
ROOT = replace(SUB, tools=(TOOL,))
MARK = {"type": "ephemeral"}


def failure(provider: ClaudeProvider, timeout: float = 5.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.complete(SUB, timeout=timeout)
    return caught.value


def seconds(do: Callable[[], object]) -> float:
    start = time.monotonic()
    do()
    return time.monotonic() - start


def caller(provider: ClaudeProvider) -> Caller:
    return Caller(provider, Account(Budget()), prices.load(), pace=Pace(sleep=lambda _: None))


# --- what is sent


def test_a_sub_call_is_sent_whole_with_its_stable_prefix_marked(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    provider.complete(SUB, timeout=5)
    assert endpoint.log.paths == ["/v1/messages"]
    assert endpoint.log.bodies == [
        {
            "model": "claude-haiku-5-5",
            "max_tokens": 100,
            "system": [{"type": "text", "text": "You read code.", "cache_control": MARK}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}]}],
        }
    ]
    headers = endpoint.log.headers[0]
    assert headers["authorization"] == f"Bearer {endpoint.key}"
    assert headers["anthropic-version"]


def test_a_root_turn_offers_one_tool_whose_use_is_neither_forced_nor_parallel(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    provider.complete(ROOT, timeout=5)
    body = endpoint.log.bodies[0]
    assert body["tools"] == [
        {
            "name": "run_python",
            "description": "Run it.",
            "input_schema": {"type": "object", "properties": {"code": {}}},
        }
    ]
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert body["messages"][-1]["content"][-1]["cache_control"] == MARK


def test_a_schema_asks_for_json_and_never_by_a_tool(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    provider.complete(replace(SUB, schema=schema), timeout=5)
    body = endpoint.log.bodies[0]
    form = body["output_config"]["format"]
    assert form["type"] == "json_schema"
    assert form["schema"]["additionalProperties"] is False
    assert "minimum" not in form["schema"]["properties"]["n"]  # the API refuses it
    assert "tools" not in body
    assert "tool_choice" not in body


def test_a_schema_the_api_can_not_serve_is_a_bad_request(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    with pytest.raises(ProviderError, match="bad_request: the API can't serve this schema"):
        provider.complete(replace(SUB, schema={"title": "anything"}), timeout=5)
    assert endpoint.log.bodies == []


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k", "stream"])
def test_nothing_is_sent_that_the_api_refuses(
    endpoint: Any, provider: ClaudeProvider, name: str
) -> None:
    provider.complete(ROOT, timeout=5)
    assert name not in endpoint.log.bodies[0]


def test_an_assistant_turn_is_sent_back_as_it_came(endpoint: Any, provider: ClaudeProvider) -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "t1", "name": "run_python", "input": {"code": "1"}, "x": None},
    ]
    endpoint.says(
        endpoint.sends(endpoint.message(content=content, stop_reason="tool_use")),
        endpoint.sends(endpoint.message("done")),
    )
    first = provider.complete(ROOT, timeout=5)
    result = Message("user", tool_results=(ToolResult("t1", "1"), ToolResult("t2", "", True)))
    rest = replace(ROOT, messages=(*ROOT.messages, first.message(), result))
    assert provider.complete(rest, timeout=5).text == "done"
    sent = endpoint.log.bodies[1]["messages"]
    assert sent[1] == {"role": "assistant", "content": content}
    assert [(block["tool_use_id"], block["is_error"]) for block in sent[2]["content"]] == [
        ("t1", False),
        ("t2", True),
    ]
    assert [block["content"][0]["text"] for block in sent[2]["content"]] == ["1", "(no output)"]
    assert sent[2]["content"][-1]["cache_control"] == MARK


def test_a_turn_of_another_provider_is_translated(endpoint: Any, provider: ClaudeProvider) -> None:
    turn = Message("assistant", "Look.", (ToolCall("t1", "run_python", {"code": "1"}),))
    result = Message("user", tool_results=(ToolResult("t1", "1"),))
    provider.complete(replace(ROOT, messages=(*ROOT.messages, turn, result)), timeout=5)
    assert endpoint.log.bodies[0]["messages"][1]["content"] == [
        {"type": "text", "text": "Look."},
        {"type": "tool_use", "id": "t1", "name": "run_python", "input": {"code": "1"}},
    ]


def test_a_name_that_is_not_utf8_can_be_sent(endpoint: Any, provider: ClaudeProvider) -> None:
    provider.complete(replace(SUB, messages=(Message("user", "caf\udce9 é"),)), timeout=5)
    assert endpoint.log.bodies[0]["messages"][0]["content"][0]["text"] == "caf\ufffd é"


# --- what comes back


def test_a_reply_is_read(endpoint: Any, provider: ClaudeProvider) -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 40,
        "output_tokens_details": {"thinking_tokens": 5},
    }
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "Let me "},
        {"type": "text", "text": "look."},
        {"type": "tool_use", "id": "t1", "name": "run_python", "input": {"code": "1"}},
    ]
    whole = endpoint.message(content=content, stop_reason="tool_use", usage=usage)
    endpoint.says(endpoint.sends(whole))
    assert provider.complete(ROOT, timeout=5) == ModelReply(
        "Let me look.",
        (ToolCall("t1", "run_python", {"code": "1"}),),
        "tool_use",
        TokenUsage(10, 20, 30, 40, 5),
        content,
    )


@pytest.mark.parametrize(
    "stop",
    ["end_turn", "max_tokens", "refusal", "pause_turn", "model_context_window_exceeded", None],
)
def test_the_stop_reason_is_handed_on(
    endpoint: Any, provider: ClaudeProvider, stop: str | None
) -> None:
    endpoint.says(endpoint.sends(endpoint.message(None, stop_reason=stop)))
    reply = provider.complete(SUB, timeout=5)
    assert (reply.stop_reason, reply.text, reply.usage) == (stop or "", "", TokenUsage(10, 2))


def test_unknown_blocks_are_kept_but_count_for_nothing(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    content = [{"type": "hologram", "text": "boo"}, {"type": "text", "text": "ok"}]
    endpoint.says(endpoint.sends(endpoint.message(content=content)))
    reply = provider.complete(SUB, timeout=5)
    assert (reply.text, reply.raw) == ("ok", content)


def test_half_a_surrogate_pair_does_not_break_the_next_turn(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    raw = json.dumps(endpoint.message("a \ud83d b \U0001f600")).encode()
    endpoint.says(endpoint.sends(raw))
    reply = provider.complete(SUB, timeout=5)
    assert reply.text == "a \ufffd b \U0001f600"
    provider.complete(replace(SUB, messages=(*SUB.messages, reply.message())), timeout=5)


# --- what goes wrong: the table of docs/providers.md


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        pytest.param(400, "bad_request", False, id="400"),
        pytest.param(401, "auth", False, id="401"),
        pytest.param(402, "spend_limit", False, id="402"),
        pytest.param(403, "auth", False, id="403"),
        pytest.param(404, "bad_request", False, id="404 unknown model"),
        pytest.param(408, "server", True, id="408"),
        pytest.param(413, "bad_request", False, id="413 too large"),
        pytest.param(422, "bad_request", False, id="422"),
        pytest.param(429, "rate_limit", True, id="429"),
        pytest.param(500, "server", True, id="500"),
        pytest.param(503, "server", True, id="503"),
        pytest.param(504, "server", True, id="504"),
        pytest.param(529, "overloaded", True, id="529"),
    ],
)
def test_every_http_error_has_its_kind(
    endpoint: Any, provider: ClaudeProvider, status: int, kind: str, *, retryable: bool
) -> None:
    endpoint.says(endpoint.fails(status, text="the reason why"))
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == (kind, retryable, False)
    assert f"HTTP {status}: the reason why" in str(error)
    assert len(endpoint.log.bodies) == 1  # the SDK retries nothing by itself


def test_an_error_page_in_html_is_an_http_error(endpoint: Any, provider: ClaudeProvider) -> None:
    page = b"<html>" + b"Bad gateway " * 1000
    endpoint.says(endpoint.sends(page, 502, "text/html"))
    error = failure(provider)
    assert error.kind == "server"
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        pytest.param("retry_after", "90", 90.0, id="seconds"),
        pytest.param("retry_after_ms", "1500", 1.5, id="milliseconds"),
        pytest.param("retry_after", "-3", 0.0, id="in the past"),
        pytest.param("retry_after", "soon", None, id="nonsense"),
        pytest.param("retry_after", "nan", None, id="no number"),
        pytest.param("retry_after", "inf", None, id="for ever"),
        pytest.param("x_other", "1", None, id="not given"),
    ],
)
def test_retry_after_is_read(
    endpoint: Any, provider: ClaudeProvider, header: str, value: str, expected: float | None
) -> None:
    endpoint.says(endpoint.fails(429, "rate_limit_error", **{header: value}))
    assert failure(provider).retry_after == expected


def test_retry_after_may_be_a_date(endpoint: Any, provider: ClaudeProvider) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    endpoint.says(endpoint.fails(429, retry_after=date))
    assert failure(provider).retry_after == pytest.approx(60, abs=3)


@pytest.mark.parametrize("status", [429, 500, 529])
def test_x_should_retry_false_is_honoured(
    endpoint: Any, provider: ClaudeProvider, status: int
) -> None:
    endpoint.says(endpoint.fails(status, x_should_retry="false"))
    assert not failure(provider).retryable


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            {
                "type": "rate_limit_error",
                "message": "limit",
                "details": {"error_code": "enforced_spend_limit_reached"},
            },
            id="enforced limit",
        ),
        pytest.param({"type": "billing_error", "message": "no credit"}, id="no credit"),
    ],
)
def test_a_spend_limit_is_not_tried_again(
    endpoint: Any, provider: ClaudeProvider, error: dict[str, Any]
) -> None:
    endpoint.says(endpoint.sends({"type": "error", "error": error}, 429))
    found = failure(provider)
    assert (found.kind, found.retryable, found.retry_after) == ("spend_limit", False, None)


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        pytest.param(b"<!DOCTYPE html><p>Log in</p>", "text/html", "HTML page", id="HTML"),
        pytest.param(b'{"id": "msg_1", "cont', "application/json", "no JSON", id="half JSON"),
        pytest.param(b"", "application/json", "no JSON", id="nothing"),
        pytest.param(b"\xff\xfe\x00", "application/json", "no JSON", id="no text"),
        pytest.param(b"[" * 100_000, "application/json", "no JSON", id="bottomless JSON"),
        pytest.param(b'["a"]', "application/json", "no JSON object", id="a list"),
        pytest.param(b'{"foo": 1}', "application/json", "no content", id="other JSON"),
    ],
)
def test_a_200_that_is_no_message_is_malformed(
    endpoint: Any, provider: ClaudeProvider, body: bytes, content_type: str, says: str
) -> None:
    endpoint.says(endpoint.sends(body, 200, content_type))
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("malformed", False, True)
    assert says in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"content": None}, id="no content"),
        pytest.param({"content": "text"}, id="text for content"),
        pytest.param({"content": ["text"]}, id="a block that is none"),
        pytest.param({"content": [{"type": "text", "text": None}]}, id="no text in a text"),
        pytest.param({"content": [{"type": "tool_use", "id": 1}]}, id="no name of a tool"),
        pytest.param(
            {"content": [{"type": "tool_use", "id": "a", "name": "b", "input": "c"}]},
            id="no arguments of a tool",
        ),
        pytest.param({"usage": None}, id="no token counts"),
        pytest.param({"usage": {"input_tokens": 1}}, id="half of the token counts"),
        pytest.param({"usage": {"input_tokens": -1, "output_tokens": 1}}, id="below zero"),
        pytest.param({"usage": {"input_tokens": "9", "output_tokens": 1}}, id="in words"),
    ],
)
def test_a_message_that_is_not_whole_is_malformed(
    endpoint: Any, provider: ClaudeProvider, changes: dict[str, Any]
) -> None:
    endpoint.says(endpoint.sends(endpoint.message(**changes)))
    error = failure(provider)
    assert (error.kind, error.lost) == ("malformed", True)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_cut_was_lost(
    endpoint: Any, provider: ClaudeProvider, *, chunked: bool
) -> None:
    raw = json.dumps(endpoint.message("x" * 1000)).encode()
    endpoint.says(endpoint.cuts(raw, chunked=chunked))
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("connection", True, True)


def test_a_connection_closed_without_a_word_was_lost(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    endpoint.says(endpoint.hangs_up)
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("connection", True, True)


def test_where_nobody_listens_nothing_was_sent(endpoint: Any) -> None:
    endpoint.server_close()
    with ClaudeProvider(endpoint.key, endpoint.url) as provider:
        error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("connection", True, False)


@pytest.mark.parametrize("address", ["nowhere", "ftp://127.0.0.1", "http://[::1"])
def test_what_is_no_address_is_a_connection_error(address: str) -> None:
    with ClaudeProvider("sk-" + "x", address) as provider:
        error = failure(provider)
    assert (error.kind, error.lost) == ("connection", False)


def test_silence_ends_at_the_deadline(endpoint: Any, provider: ClaudeProvider) -> None:
    endpoint.says(endpoint.silent)
    provider.warm()
    errors: list[ProviderError] = []
    assert seconds(lambda: errors.append(failure(provider, timeout=0.2))) < 0.6
    assert (errors[0].kind, errors[0].lost) == ("timeout", True)


def test_a_body_that_drips_in_ends_at_the_deadline(endpoint: Any, provider: ClaudeProvider) -> None:
    endpoint.says(endpoint.drips(0.05, json.dumps(endpoint.message("x" * 500)).encode()))
    provider.warm()
    errors: list[ProviderError] = []
    assert seconds(lambda: errors.append(failure(provider, timeout=0.3))) < 0.7
    assert (errors[0].kind, errors[0].retryable, errors[0].lost) == ("timeout", True, True)


def test_headers_that_drip_in_end_at_the_deadline_of_the_caller(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    endpoint.says(endpoint.drips_headers(0.05))
    provider.warm()
    with caller(provider) as calls:
        assert seconds(lambda: calls.call_many([SUB], timeout=0.2)) < 1.5
        outcome = calls.call_many([replace(SUB, system="again")], timeout=0.2)[0]
        assert isinstance(outcome, ProviderError)
        assert outcome.kind == "timeout"
        endpoint.stopping.set()


def test_a_body_without_end_is_malformed(
    endpoint: Any, provider: ClaudeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlm_gate.providers._http._MOST_BYTES", 1000)
    endpoint.says(endpoint.sends(endpoint.message("x" * 5000)))
    assert "no end" in str(failure(provider))


@pytest.mark.parametrize("key", [None, "", "  ", "schlüssel", "two words", "a\nb"])
def test_without_a_proper_key_nothing_is_sent(endpoint: Any, key: str | None) -> None:
    with ClaudeProvider(key, endpoint.url) as provider:
        assert failure(provider).kind == "auth"
    assert endpoint.log.bodies == []


def test_the_environment_is_not_searched_for_a_key_or_an_address(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-" + "of-the-environment")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "sk-" + "of-the-environment")
    with ClaudeProvider(None, endpoint.url) as provider:
        assert failure(provider).kind == "auth"
    assert endpoint.log.bodies == []
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    with ClaudeProvider(endpoint.key, endpoint.url) as provider:
        provider.complete(SUB, timeout=5)
    assert endpoint.log.headers[0]["authorization"] == f"Bearer {endpoint.key}"


def test_no_error_carries_the_key(endpoint: Any, provider: ClaudeProvider) -> None:
    for answer in (
        endpoint.fails(401, text=f"unknown key {endpoint.key}"),
        endpoint.fails(500),
        endpoint.hangs_up,
        endpoint.sends(endpoint.key.encode()),
        endpoint.fails(400, text="x" * 280 + endpoint.key),
    ):
        endpoint.says(answer)
        error: BaseException | None = failure(provider)
        while error:
            assert endpoint.key[:12] not in f"{error!s}{error!r}{vars(error)}"
            assert "anthropic" not in type(error).__module__.replace("rlm_gate", "")
            error = error.__cause__ or error.__context__
    assert endpoint.key not in repr(provider)


# --- with the caller


def test_outcomes_over_http_become_what_the_caller_promises(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    endpoint.says(
        endpoint.fails(529),
        endpoint.fails(500),
        endpoint.sends(endpoint.message(content=[], stop_reason="pause_turn")),
        endpoint.sends(endpoint.message("at last")),
        endpoint.sends(endpoint.message(None, stop_reason="refusal")),
        endpoint.sends(endpoint.message("cut", stop_reason="max_tokens")),
        endpoint.sends(endpoint.message("x", stop_reason="model_context_window_exceeded")),
        endpoint.sends(endpoint.message("x", stop_reason=None)),
        endpoint.sends(endpoint.message(None)),
        endpoint.sends(endpoint.message(content=[{"type": "hologram"}])),
    )
    with caller(provider) as calls:
        outcomes = [calls.call_many([replace(SUB, system=str(n))])[0] for n in range(7)]
    assert isinstance(outcomes[0], ModelReply)
    assert outcomes[0].text == "at last"
    kinds = [outcome.kind for outcome in outcomes[1:] if isinstance(outcome, ProviderError)]
    assert kinds == ["refusal", "max_tokens", "max_tokens", "malformed", "malformed", "malformed"]


def test_one_client_serves_many_threads(endpoint: Any, provider: ClaudeProvider) -> None:
    with caller(provider) as calls:
        outcomes = calls.call_many([replace(SUB, system=str(n)) for n in range(100)])
    assert all(isinstance(outcome, ModelReply) for outcome in outcomes)
    assert len(endpoint.log.bodies) == 100
    assert threading.active_count() < 200


def test_it_is_found_by_name_and_imports_the_sdk_at_first_use() -> None:
    assert isinstance(providers.load("anthropic", api_key="k"), ClaudeProvider)
    code = (
        "import sys; from rlm_gate import providers; providers.load('anthropic', api_key='k');"
        "sys.exit(any(name in sys.modules for name in ('anthropic', 'httpx2', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
