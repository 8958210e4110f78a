"""What is OpenAI's own, in both of its APIs: the real SDK over a real connection.

``chat`` speaks Chat Completions, ``responses`` Responses. test_outcomes.py has the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from apis import APIS

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
from rlm_gate.providers._openai import is_strict
from rlm_gate.providers.openai import OpenAIProvider
from rlm_gate.rlm.refute import _SCHEMA as REFUTATION

TOOL = Tool("run_python", "Run it.", {"type": "object", "properties": {"code": {}}})
SUB = ModelRequest("gpt-6-sol", "You read code.", (Message("user", "What is it?"),), 100)
ROOT = replace(SUB, tools=(TOOL,))
RUN = {"name": "run_python", "arguments": '{"code": "1"}'}
RAN = (ToolCall("t1", "run_python", {"code": "1"}),)
TURN = Message("assistant", "Look.", RAN)
RESULT = Message("user", tool_results=(ToolResult("t1", "1"), ToolResult("t2", "", is_error=True)))
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}},
    "required": ["n"],
    "additionalProperties": False,
}
SAID = {
    "role": "assistant",
    "content": "Let me look.",
    "reasoning_details": [{"type": "reasoning.encrypted", "data": "c2ln"}],
    "tool_calls": [{"id": "t1", "type": "function", "function": RUN, "extra_content": {"a": "b"}}],
}
PUT_OUT = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln"},
    {
        "type": "message",
        "id": "m1",
        "role": "assistant",
        "content": [
            {"type": "output_text", "text": "Let me "},
            {"type": "output_text", "text": "look."},
        ],
    },
    {"type": "function_call", "id": "fc_1", "call_id": "t1", **RUN},
]
BY_NAME = {api.name: api for api in APIS}


@pytest.fixture
def chat(endpoint: Any) -> Iterator[OpenAIProvider]:
    endpoint.says(endpoint.sends(BY_NAME["chat"].message("ok", "end_turn")))
    with OpenAIProvider(endpoint.key, f"{endpoint.url}/v1") as ready:
        yield ready


@pytest.fixture
def responses(endpoint: Any) -> Iterator[OpenAIProvider]:
    endpoint.says(endpoint.sends(BY_NAME["responses"].message("ok", "end_turn")))
    with OpenAIProvider(endpoint.key, f"{endpoint.url}/v1", responses=True) as ready:
        yield ready


def failure(provider: OpenAIProvider) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.complete(SUB, timeout=30)
    return caught.value


@pytest.mark.parametrize(
    ("address", "own"),
    [
        (None, True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1/", True),
        ("https://mine.openai.azure.com/openai/v1", True),
        ("https://openrouter.ai/api/v1", False),
        ("http://localhost:11434/v1", False),
        ("https://notapi.openai.com.example/v1", False),
        ("http://[::1", False),
    ],
)
def test_the_address_tells_which_api_is_spoken(address: str | None, *, own: bool) -> None:
    provider = OpenAIProvider("k", address)
    assert provider._is_own is own
    assert provider.name.partition("@")[0] == ("openai" if own else "openai-chat")


# --- what is sent: Chat Completions


def test_a_sub_call_is_sent_whole(endpoint: Any, chat: OpenAIProvider) -> None:
    chat.complete(SUB, timeout=30)
    assert endpoint.log.paths == ["/v1/chat/completions"]
    assert endpoint.log.bodies == [
        {
            "model": "gpt-6-sol",
            "max_tokens": 100,
            "messages": [
                {"role": "system", "content": "You read code."},
                {"role": "user", "content": "What is it?"},
            ],
        }
    ]


def test_a_root_turn_offers_one_tool_whose_use_is_neither_forced_nor_parallel(
    endpoint: Any, chat: OpenAIProvider
) -> None:
    chat.complete(ROOT, timeout=30)
    body = endpoint.log.bodies[0]
    function = {
        "name": "run_python",
        "description": "Run it.",
        "parameters": {"type": "object", "properties": {"code": {}}},
    }
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["parallel_tool_calls"] is False
    assert "tool_choice" not in body


def test_a_schema_asks_for_json_and_never_by_a_tool(endpoint: Any, chat: OpenAIProvider) -> None:
    chat.complete(replace(SUB, schema=SCHEMA), timeout=30)
    body = endpoint.log.bodies[0]
    form = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert body["response_format"] == {"type": "json_schema", "json_schema": form}
    assert "tools" not in body


def test_an_assistant_turn_is_sent_back_as_it_came(endpoint: Any, chat: OpenAIProvider) -> None:
    whole = BY_NAME["chat"].message("x", "tool_calls")
    whole["choices"][0]["message"] = SAID
    endpoint.says(
        endpoint.sends(whole), endpoint.sends(BY_NAME["chat"].message("done", "end_turn"))
    )
    first = chat.complete(ROOT, timeout=30)
    rest = replace(ROOT, messages=(*ROOT.messages, first.message(), RESULT))
    assert chat.complete(rest, timeout=30).text == "done"
    assert endpoint.log.bodies[1]["messages"][2:] == [
        SAID,
        {"role": "tool", "tool_call_id": "t1", "content": "1"},
        {"role": "tool", "tool_call_id": "t2", "content": "(no output)"},
    ]


def test_a_turn_of_another_provider_is_translated(endpoint: Any, chat: OpenAIProvider) -> None:
    said = Message("assistant", "Done.")
    chat.complete(replace(ROOT, messages=(*ROOT.messages, TURN, RESULT, said)), timeout=30)
    sent = endpoint.log.bodies[0]["messages"]
    assert sent[2] == {
        "role": "assistant",
        "content": "Look.",
        "tool_calls": [{"id": "t1", "type": "function", "function": RUN}],
    }
    assert sent[5] == {"role": "assistant", "content": "Done."}


# --- what is sent: Responses


def test_a_sub_call_asks_for_nothing_to_be_stored(endpoint: Any, responses: OpenAIProvider) -> None:
    responses.complete(SUB, timeout=30)
    assert endpoint.log.paths == ["/v1/responses"]
    assert endpoint.log.bodies == [
        {
            "model": "gpt-6-sol",
            "max_output_tokens": 100,
            "instructions": "You read code.",
            "input": [{"role": "user", "content": "What is it?"}],
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
    ]


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o-mini", "gpt-3.5-turbo"])
def test_models_without_reasoning_are_not_asked_for_it(
    endpoint: Any, responses: OpenAIProvider, model: str
) -> None:
    responses.complete(replace(SUB, model=model), timeout=30)
    assert "include" not in endpoint.log.bodies[0]


def test_a_root_turn_and_a_schema_have_other_forms_in_responses(
    endpoint: Any, responses: OpenAIProvider
) -> None:
    responses.complete(ROOT, timeout=30)
    responses.complete(replace(SUB, schema=SCHEMA), timeout=30)
    root, sub = endpoint.log.bodies
    function = {
        "type": "function",
        "name": "run_python",
        "description": "Run it.",
        "parameters": {"type": "object", "properties": {"code": {}}},
        "strict": False,
    }
    assert (root["tools"], root["parallel_tool_calls"]) == ([function], False)
    form = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    assert sub["text"] == {"format": form}
    assert "tools" not in sub


def test_reasoning_goes_back_as_it_came(endpoint: Any, responses: OpenAIProvider) -> None:
    api = BY_NAME["responses"]
    whole = {**api.message("x", "end_turn"), "output": PUT_OUT}
    endpoint.says(endpoint.sends(whole), endpoint.sends(api.message("done", "end_turn")))
    first = responses.complete(ROOT, timeout=30)
    rest = replace(ROOT, messages=(*ROOT.messages, first.message(), RESULT))
    assert responses.complete(rest, timeout=30).text == "done"
    assert endpoint.log.bodies[1]["input"][1:] == [
        *PUT_OUT,
        {"type": "function_call_output", "call_id": "t1", "output": "1"},
        {"type": "function_call_output", "call_id": "t2", "output": "(no output)"},
    ]


def test_a_turn_of_another_provider_becomes_items(endpoint: Any, responses: OpenAIProvider) -> None:
    responses.complete(replace(ROOT, messages=(*ROOT.messages, TURN)), timeout=30)
    assert endpoint.log.bodies[0]["input"][1:] == [
        {"role": "assistant", "content": "Look."},
        {"type": "function_call", "call_id": "t1", **RUN},
    ]


# --- strict schemas


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        pytest.param(SCHEMA, True, id="closed and required"),
        pytest.param({**SCHEMA, "required": []}, False, id="something optional"),
        pytest.param({**SCHEMA, "additionalProperties": True}, False, id="open"),
        pytest.param({"type": "array", "items": SCHEMA}, False, id="no object at the top"),
        pytest.param({**SCHEMA, "minProperties": 1}, False, id="a keyword it refuses"),
        pytest.param({**SCHEMA, "properties": {"n": {"type": "object"}}}, False, id="open within"),
        pytest.param({**SCHEMA, "$defs": {"x": {"not": {}}}}, False, id="within a definition"),
        pytest.param({**SCHEMA, "properties": {"n": {"items": True}}}, False, id="anything"),
        pytest.param(
            {**SCHEMA, "properties": {"n": {"anyOf": [SCHEMA, {"type": "null"}]}}}, True, id="anyOf"
        ),
        pytest.param(REFUTATION, True, id="our own refutation"),
        pytest.param(True, False, id="no schema"),
    ],
)
def test_only_schemas_that_strict_mode_takes_are_sent_as_strict(
    schema: Any, *, strict: bool
) -> None:
    assert is_strict(schema) is strict


# --- what comes back


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(
            {
                "prompt_tokens": 80,
                "completion_tokens": 20,
                "total_tokens": 100,
                "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 40},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            TokenUsage(10, 20, 30, 40, 5),
            id="whole",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": None},
            TokenUsage(10, 2),
            id="a local endpoint's",
        ),
        pytest.param(
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 8},
            },
            TokenUsage(10, 10, 0, 0, 8),
            id="reasoning beside the completion",
        ),
    ],
)
def test_a_reply_is_read(
    endpoint: Any, chat: OpenAIProvider, usage: dict[str, Any], expected: TokenUsage
) -> None:
    whole = BY_NAME["chat"].message("x", "tool_calls")
    whole["choices"][0]["message"] = SAID
    endpoint.says(endpoint.sends({**whole, "usage": usage}))
    reply = chat.complete(ROOT, timeout=30)
    assert reply == ModelReply("Let me look.", RAN, "tool_use", expected, SAID)


def test_a_response_is_read(endpoint: Any, responses: OpenAIProvider) -> None:
    usage = {
        "input_tokens": 80,
        "output_tokens": 20,
        "total_tokens": 100,
        "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 40},
        "output_tokens_details": {"reasoning_tokens": 5},
    }
    whole = BY_NAME["responses"].message("x", "end_turn")
    endpoint.says(endpoint.sends({**whole, "output": PUT_OUT, "usage": usage}))
    reply = responses.complete(ROOT, timeout=30)
    usage_of_ours = TokenUsage(10, 20, 30, 40, 5)
    assert reply == ModelReply("Let me look.", RAN, "tool_use", usage_of_ours, PUT_OUT)


def test_a_refusal_in_words_is_a_refusal(endpoint: Any, chat: OpenAIProvider) -> None:
    whole = BY_NAME["chat"].message(None, "end_turn")
    whole["choices"][0]["message"]["refusal"] = "I can't."
    endpoint.says(endpoint.sends(whole))
    assert chat.complete(SUB, timeout=30).stop_reason == "refusal"


def test_a_part_that_refuses_is_a_refusal(endpoint: Any, responses: OpenAIProvider) -> None:
    whole = BY_NAME["responses"].message(None, "end_turn")
    whole["output"][0]["content"] = [{"type": "refusal", "refusal": "I can't."}]
    endpoint.says(endpoint.sends(whole))
    assert responses.complete(SUB, timeout=30).stop_reason == "refusal"


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_a_response_that_is_not_complete_is_no_answer(
    endpoint: Any, responses: OpenAIProvider, status: str
) -> None:
    whole = BY_NAME["responses"].message("x", "end_turn")
    endpoint.says(endpoint.sends({**whole, "status": status}))
    assert responses.complete(SUB, timeout=30).stop_reason == status


# --- what goes wrong


def chosen(**changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "x", **changes}
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


def called(arguments: Any) -> dict[str, Any]:
    return chosen(tool_calls=[{"id": "a", "function": {"name": "b", "arguments": arguments}}])


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"choices": None}, id="no choices"),
        pytest.param({"choices": []}, id="none to choose"),
        pytest.param({"choices": ["text"]}, id="a choice that is none"),
        pytest.param({"choices": [{"text": "x"}]}, id="no message"),
        pytest.param(chosen(content=[{"type": "text"}]), id="no text in a text"),
        pytest.param(chosen(tool_calls={"id": "a"}), id="no list of calls"),
        pytest.param(chosen(tool_calls=[{"id": "a"}]), id="a call of nothing"),
        pytest.param(chosen(tool_calls=[{"id": 1, "function": RUN}]), id="no name of a call"),
        pytest.param(called('{"code": '), id="half of the arguments"),
        pytest.param(called("[1]"), id="a list for arguments"),
        pytest.param(called(None), id="no arguments"),
        pytest.param({"usage": None}, id="no token counts"),
        pytest.param({"usage": {"prompt_tokens": 1}}, id="half of the token counts"),
        pytest.param({"usage": {"prompt_tokens": -1, "completion_tokens": 1}}, id="below zero"),
        pytest.param({"usage": {"prompt_tokens": "9", "completion_tokens": 1}}, id="in words"),
    ],
)
def test_a_completion_that_is_not_whole_is_malformed(
    endpoint: Any, chat: OpenAIProvider, changes: dict[str, Any]
) -> None:
    endpoint.says(endpoint.sends({**BY_NAME["chat"].message("x", "end_turn"), **changes}))
    error = failure(chat)
    assert (error.kind, error.lost) == ("malformed", True)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"output": None}, id="no output"),
        pytest.param({"output": ["text"]}, id="an item that is none"),
        pytest.param({"output": [{"type": "message", "content": "x"}]}, id="no parts"),
        pytest.param(
            {"output": [{"type": "message", "content": [{"type": "output_text"}]}]}, id="no text"
        ),
        pytest.param({"output": [{"type": "function_call", "name": "a"}]}, id="no id of a call"),
        pytest.param({"usage": {"input_tokens": 1}}, id="half of the token counts"),
    ],
)
def test_a_response_that_is_not_whole_is_malformed(
    endpoint: Any, responses: OpenAIProvider, changes: dict[str, Any]
) -> None:
    endpoint.says(endpoint.sends({**BY_NAME["responses"].message("x", "end_turn"), **changes}))
    error = failure(responses)
    assert (error.kind, error.lost) == ("malformed", True)


def test_an_error_that_comes_with_a_200_is_told(endpoint: Any, chat: OpenAIProvider) -> None:
    endpoint.says(endpoint.sends({"error": {"code": 502, "message": "upstream is down"}}))
    error = failure(chat)
    assert (error.kind, error.lost) == ("malformed", True)
    assert "upstream is down" in str(error)


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("server_error", "server", True),
        ("rate_limit_exceeded", "rate_limit", True),
        ("invalid_prompt", "refusal", False),
        ("bio_policy", "refusal", False),
        ("image_too_large", "bad_request", False),
        (None, "bad_request", False),
    ],
)
def test_a_response_that_failed_may_have_been_charged(
    endpoint: Any, responses: OpenAIProvider, code: str | None, kind: str, *, retryable: bool
) -> None:
    error = {"code": code, "message": "the reason why"} if code else None
    endpoint.says(endpoint.sends({"status": "failed", "error": error, "output": []}))
    found = failure(responses)
    assert (found.kind, found.retryable, found.lost) == (kind, retryable, True)


@pytest.mark.parametrize(
    ("status", "kind_there", "code", "kind"),
    [
        pytest.param(429, "insufficient_quota", "insufficient_quota", "spend_limit", id="quota"),
        pytest.param(429, "insufficient_quota", None, "spend_limit", id="quota by its type"),
        pytest.param(
            400, "invalid_request_error", "billing_hard_limit_reached", "spend_limit", id="limit"
        ),
        pytest.param(429, "requests", "rate_limit_exceeded", "rate_limit", id="rate"),
        pytest.param(400, "invalid_request_error", "invalid_prompt", "refusal", id="prompt"),
        pytest.param(400, "invalid_request_error", "cyber_policy", "refusal", id="policy"),
        pytest.param(400, "invalid_request_error", "content_filter", "refusal", id="filter"),
        pytest.param(
            400, "invalid_request_error", "context_length_exceeded", "bad_request", id="length"
        ),
    ],
)
def test_the_code_of_an_error_tells_its_kind(
    endpoint: Any, chat: OpenAIProvider, status: int, kind_there: str, code: str | None, kind: str
) -> None:
    error = {"message": "no", "type": kind_there, "param": None, "code": code}
    endpoint.says(endpoint.sends(json.dumps({"error": error}).encode(), status))
    found = failure(chat)
    assert (found.kind, found.retryable) == (kind, kind == "rate_limit")
