"""The real SDK over a real connection. ``endpoint`` is the Server of conftest.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

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
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.pace import Pace

TOOL = Tool("run_python", "Run it.", {"type": "object", "properties": {"code": {}}})
SUB = ModelRequest("claude-haiku-5-5", "You read code.", (Message("user", "What is it?"),), 100)
ROOT = replace(SUB, tools=(TOOL,))
MARK = {"type": "ephemeral"}


def failure(provider: ClaudeProvider, timeout: float = 30.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.complete(SUB, timeout=timeout)
    return caught.value


# --- what is sent


def test_a_sub_call_is_sent_whole_with_its_stable_prefix_marked(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    provider.complete(SUB, timeout=30)
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
    provider.complete(ROOT, timeout=30)
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
    provider.complete(replace(SUB, schema=schema), timeout=30)
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
        provider.complete(replace(SUB, schema={"title": "anything"}), timeout=30)
    assert endpoint.log.bodies == []


def test_what_other_requests_begin_with_is_marked_for_the_prompt_cache(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    said = Message("user", "the chunk, then a question", shared=len("the chunk"))
    provider.complete(replace(SUB, messages=(said,)), timeout=30)
    assert endpoint.log.bodies[0]["messages"][0]["content"] == [
        {"type": "text", "text": "the chunk", "cache_control": MARK},
        {"type": "text", "text": ", then a question"},
    ]


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
    first = provider.complete(ROOT, timeout=30)
    result = Message("user", tool_results=(ToolResult("t1", "1"), ToolResult("t2", "", True)))
    rest = replace(ROOT, messages=(*ROOT.messages, first.message(), result))
    assert provider.complete(rest, timeout=30).text == "done"
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
    provider.complete(replace(ROOT, messages=(*ROOT.messages, turn, result)), timeout=30)
    assert endpoint.log.bodies[0]["messages"][1]["content"] == [
        {"type": "text", "text": "Look."},
        {"type": "tool_use", "id": "t1", "name": "run_python", "input": {"code": "1"}},
    ]


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
    assert provider.complete(ROOT, timeout=30) == ModelReply(
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
    reply = provider.complete(SUB, timeout=30)
    assert (reply.stop_reason, reply.text, reply.usage) == (stop or "", "", TokenUsage(10, 2))


# --- what goes wrong, beside what test_outcomes.py has for every provider


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


def test_a_reply_that_filled_the_context_or_paused_is_told_from_others(
    endpoint: Any, provider: ClaudeProvider
) -> None:
    endpoint.says(
        endpoint.sends(endpoint.message(content=[], stop_reason="pause_turn")),
        endpoint.sends(endpoint.message("at last")),
        endpoint.sends(endpoint.message("x", stop_reason="model_context_window_exceeded")),
    )
    account = Account(Budget())
    with Caller(provider, account, prices.load(), pace=Pace(sleep=lambda _: None)) as calls:
        first, second = (calls.call_many([replace(SUB, system=n)])[0] for n in "ab")
    assert isinstance(first, ModelReply)
    assert first.text == "at last"
    assert isinstance(second, ProviderError)
    assert second.kind == "max_tokens"
