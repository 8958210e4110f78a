"""What is Gemini's own: the real SDK over a real connection. test_outcomes.py has the rest."""

from __future__ import annotations

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
from rlm_gate.providers.gemini import GeminiProvider, request_body

TOOL = Tool("run_python", "Run it.", {"type": "object", "properties": {"code": {}}})
SUB = ModelRequest("gemini-3.8-flash", "You read code.", (Message("user", "What is it?"),), 100)
ROOT = replace(SUB, tools=(TOOL,))
SIGNED = {
    "role": "model",
    "parts": [
        {"text": "hm", "thought": True},
        {"text": "Let me "},
        {"text": "look.", "thoughtSignature": "dGV4dA"},
        {
            "functionCall": {"name": "run_python", "args": {"code": "1"}, "id": "t1"},
            "thoughtSignature": "c2ln-_",  # not the alphabet that the SDK would write
        },
    ],
}
(API,) = (api for api in APIS if api.name == "gemini")


@pytest.fixture
def provider(endpoint: Any) -> Iterator[GeminiProvider]:
    endpoint.says(endpoint.sends(API.message("ok", "end_turn")))
    with GeminiProvider(endpoint.key, endpoint.url) as ready:
        yield ready


def says(endpoint: Any, content: Any, reason: str | None = "STOP", **changes: Any) -> None:
    usage = {"promptTokenCount": 10, "totalTokenCount": 12, "candidatesTokenCount": 2}
    candidate = {"content": content, "finishReason": reason}
    endpoint.says(
        endpoint.sends({"candidates": [candidate], "usageMetadata": usage, **changes}),
        endpoint.sends(API.message("done", "end_turn")),
    )


def failure(provider: GeminiProvider) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.complete(SUB, timeout=30)
    return caught.value


# --- what is sent


def test_a_sub_call_is_sent_whole(endpoint: Any, provider: GeminiProvider) -> None:
    provider.complete(SUB, timeout=30)
    assert endpoint.log.paths == ["/v1/models/gemini-3.8-flash:generateContent"]
    assert endpoint.log.bodies == [
        {
            "contents": [{"role": "user", "parts": [{"text": "What is it?"}]}],
            "systemInstruction": {"parts": [{"text": "You read code."}]},
            "generationConfig": {"maxOutputTokens": 100},
        }
    ]


def test_a_preview_is_looked_for_in_the_beta(endpoint: Any, provider: GeminiProvider) -> None:
    provider.complete(replace(SUB, model="gemini-3.1-pro-preview"), timeout=30)
    assert endpoint.log.paths == ["/v1beta/models/gemini-3.1-pro-preview:generateContent"]


def test_a_root_turn_offers_one_tool(endpoint: Any, provider: GeminiProvider) -> None:
    provider.complete(ROOT, timeout=30)
    declared = {
        "name": "run_python",
        "description": "Run it.",
        "parametersJsonSchema": {"type": "object", "properties": {"code": {}}},
    }
    assert endpoint.log.bodies[0]["tools"] == [{"functionDeclarations": [declared]}]


def test_a_schema_asks_for_json_and_never_by_a_tool(
    endpoint: Any, provider: GeminiProvider
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    provider.complete(replace(SUB, schema=schema), timeout=30)
    body = endpoint.log.bodies[0]
    assert body["generationConfig"] == {
        "maxOutputTokens": 100,
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }
    assert "tools" not in body


def test_the_names_are_those_the_sdk_would_use() -> None:
    from google.genai import Client, models, types

    request = replace(ROOT, schema={"type": "object"})
    parameters = types._GenerateContentParameters(
        model=request.model,
        contents=[types.Content(role="user", parts=[types.Part(text="What is it?")])],
        config=types.GenerateContentConfig(
            system_instruction=types.Content(parts=[types.Part(text="You read code.")]),
            max_output_tokens=100,
            response_mime_type="application/json",
            response_json_schema={"type": "object"},
            tools=[
                types.Tool(
                    function_declarations=[
                        types.FunctionDeclaration(
                            name=TOOL.name,
                            description=TOOL.description,
                            parameters_json_schema=dict(TOOL.input_schema),
                        )
                    ]
                )
            ],
        ),
    )
    with Client(vertexai=False, api_key="k") as client:
        made = models._GenerateContentParameters_to_mldev(
            client._api_client, parameters, None, parameters
        )
    made = {name: plain(value) for name, value in made.items() if not name.startswith("_")}
    assert made == request_body(request)


def plain(value: Any) -> Any:
    """Return the SDK's models within the value as JSON."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True, exclude_none=True, mode="json")
    return value


def test_an_assistant_turn_is_sent_back_as_it_came(endpoint: Any, provider: GeminiProvider) -> None:
    says(endpoint, SIGNED)
    first = provider.complete(ROOT, timeout=30)
    results = (ToolResult("t1", "1"), ToolResult("t2", "", is_error=True))
    turns = (*ROOT.messages, first.message(), Message("user", tool_results=results))
    assert provider.complete(replace(ROOT, messages=turns), timeout=30).text == "done"
    sent = endpoint.log.bodies[1]["contents"]
    assert sent[1] == SIGNED
    assert sent[2]["role"] == "user"
    assert [part["functionResponse"] for part in sent[2]["parts"]] == [
        {"name": "run_python", "response": {"output": "1"}, "id": "t1"},
        {"name": "unknown", "response": {"error": "(no output)"}, "id": "t2"},
    ]


def test_a_call_that_came_without_an_id_is_answered_without_one(
    endpoint: Any, provider: GeminiProvider
) -> None:
    call = {"functionCall": {"name": "run_python", "args": {"code": "1"}}}
    says(endpoint, {"role": "model", "parts": [call, call]})
    first = provider.complete(ROOT, timeout=30)
    one, two = first.tool_calls
    assert one.id != two.id
    result = Message("user", tool_results=(ToolResult(two.id, "1"),))
    provider.complete(replace(ROOT, messages=(*ROOT.messages, first.message(), result)), timeout=30)
    answered = endpoint.log.bodies[1]["contents"][2]["parts"][0]["functionResponse"]
    assert answered == {"name": "run_python", "response": {"output": "1"}}


def test_a_turn_of_another_provider_is_translated(endpoint: Any, provider: GeminiProvider) -> None:
    turn = Message("assistant", "Look.", (ToolCall("t1", "run_python", {"code": "1"}),))
    provider.complete(replace(ROOT, messages=(*ROOT.messages, turn)), timeout=30)
    assert endpoint.log.bodies[0]["contents"][1] == {
        "role": "model",
        "parts": [
            {"text": "Look."},
            {"functionCall": {"name": "run_python", "args": {"code": "1"}, "id": "t1"}},
        ],
    }


# --- what comes back


def test_a_reply_is_read(endpoint: Any, provider: GeminiProvider) -> None:
    usage = {
        "promptTokenCount": 40,
        "cachedContentTokenCount": 30,
        "candidatesTokenCount": 15,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 60,
    }
    says(endpoint, SIGNED, usageMetadata=usage)
    assert provider.complete(ROOT, timeout=30) == ModelReply(
        "Let me look.",
        (ToolCall("t1", "run_python", {"code": "1"}),),
        "tool_use",
        TokenUsage(10, 20, 30, 0, 5),
        SIGNED,
    )


def test_counts_that_are_left_out_are_part_of_the_total(
    endpoint: Any, provider: GeminiProvider
) -> None:
    says(endpoint, SIGNED, usageMetadata={"promptTokenCount": 10, "totalTokenCount": 17})
    assert provider.complete(ROOT, timeout=30).usage == TokenUsage(10, 7)


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", "end_turn"),
        ("MAX_TOKENS", "max_tokens"),
        ("CONTINUATION", "max_tokens"),
        ("SAFETY", "refusal"),
        ("RECITATION", "refusal"),
        ("PROHIBITED_CONTENT", "refusal"),
        ("BLOCKLIST", "refusal"),
        ("SPII", "refusal"),
        ("MALFORMED_FUNCTION_CALL", "malformed_function_call"),
        ("MISSING_THOUGHT_SIGNATURE", "missing_thought_signature"),
        (None, ""),
    ],
)
def test_every_finish_reason_becomes_one_of_ours(
    endpoint: Any, provider: GeminiProvider, reason: str | None, stop: str
) -> None:
    says(endpoint, None, reason)
    reply = provider.complete(SUB, timeout=30)
    assert (reply.stop_reason, reply.text, reply.raw) == (stop, "", None)


def test_a_prompt_that_is_blocked_is_a_refusal(endpoint: Any, provider: GeminiProvider) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    usage = {"promptTokenCount": 10, "totalTokenCount": 10}
    endpoint.says(endpoint.sends({**blocked, "usageMetadata": usage}))
    reply = provider.complete(SUB, timeout=30)
    assert (reply.stop_reason, reply.usage) == ("refusal", TokenUsage(10, 0))


# --- what goes wrong


def test_an_odd_name_of_a_model_is_part_of_the_path(
    endpoint: Any, provider: GeminiProvider
) -> None:
    provider.complete(replace(SUB, model="tunedModels/a b\n?c"), timeout=30)
    assert endpoint.log.paths == ["/v1/tunedModels/a%20b%0A%3Fc:generateContent"]


def test_a_model_that_is_no_model_is_refused_by_the_sdk(
    endpoint: Any, provider: GeminiProvider
) -> None:
    with pytest.raises(ProviderError, match="bad_request: the SDK refuses"):
        provider.complete(replace(SUB, model="../x"), timeout=30)
    assert endpoint.log.bodies == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"candidates": None}, id="no candidates"),
        pytest.param({"candidates": ["text"]}, id="a candidate that is none"),
        pytest.param({"candidates": [], "promptFeedback": {}}, id="not blocked either"),
        pytest.param({"candidates": [{"content": "text"}]}, id="text for content"),
        pytest.param({"candidates": [{"content": {"parts": "text"}}]}, id="text for parts"),
        pytest.param({"candidates": [{"content": {"parts": ["text"]}}]}, id="text for a part"),
        pytest.param({"candidates": [{"content": {"parts": [{"text": 1}]}}]}, id="no text"),
        pytest.param(
            {"candidates": [{"content": {"parts": [{"functionCall": {"args": {}}}]}}]},
            id="no name of a tool",
        ),
        pytest.param(
            {
                "candidates": [
                    {"content": {"parts": [{"functionCall": {"name": "a", "args": "b"}}]}}
                ]
            },
            id="no arguments of a tool",
        ),
        pytest.param({"usageMetadata": None}, id="no token counts"),
        pytest.param({"usageMetadata": {"promptTokenCount": 1}}, id="half of the token counts"),
        pytest.param(
            {"usageMetadata": {"promptTokenCount": -1, "totalTokenCount": 1}}, id="below zero"
        ),
        pytest.param(
            {"usageMetadata": {"promptTokenCount": "9", "totalTokenCount": 1}}, id="in words"
        ),
        pytest.param(
            {
                "usageMetadata": {
                    "promptTokenCount": 1,
                    "cachedContentTokenCount": 2,
                    "totalTokenCount": 3,
                }
            },
            id="more cached than there is",
        ),
    ],
)
def test_a_reply_that_is_not_whole_is_malformed(
    endpoint: Any, provider: GeminiProvider, changes: dict[str, Any]
) -> None:
    endpoint.says(endpoint.sends({**API.message("x", "end_turn"), **changes}))
    error = failure(provider)
    assert (error.kind, error.lost) == ("malformed", True)


DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
}
MINUTE = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}],
}
DELAY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38.5s"}


@pytest.mark.parametrize(
    ("status", "message", "details", "kind", "after"),
    [
        pytest.param(429, "quota", [MINUTE, DELAY], "rate_limit", 38.5, id="a minute's quota"),
        pytest.param(429, "quota", [DAY, DELAY], "spend_limit", 38.5, id="a day's quota"),
        pytest.param(
            429, "Your prepayment credits are depleted.", [], "spend_limit", None, id="no money"
        ),
        pytest.param(
            400, "API key not valid.", [{"reason": "API_KEY_INVALID"}], "auth", None, id="no key"
        ),
        pytest.param(400, "no", ["odd", {"retryDelay": 3}], "bad_request", None, id="odd details"),
        pytest.param(400, None, None, "bad_request", None, id="no reason"),
    ],
)
def test_the_details_of_an_error_tell_its_kind_and_how_long_to_wait(
    endpoint: Any,
    provider: GeminiProvider,
    status: int,
    message: str | None,
    details: list[Any] | None,
    kind: str,
    after: float | None,
) -> None:
    error = {"code": status, "message": message, "status": "X", "details": details}
    for body in ({"error": error}, [{"error": error}]):
        endpoint.says(endpoint.sends(body, status))
        found = failure(provider)
        assert (found.kind, found.retry_after) == (kind, after)
        assert found.retryable is (kind == "rate_limit")


def test_a_redirect_is_not_followed_with_the_key(endpoint: Any, provider: GeminiProvider) -> None:
    endpoint.says(endpoint.sends(b"", 307, location="http://127.0.0.1:9/elsewhere"))
    assert failure(provider).kind == "bad_request"
    assert len(endpoint.log.bodies) == 1
