from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlm_gate import providers
from rlm_gate.errors import ProviderError, UsageError
from rlm_gate.providers import Message, ModelReply, ModelRequest, Tool, ToolResult
from rlm_gate.providers.scripted import ScriptedProvider, code, from_file

TOOL = Tool("run_python", "Run it.", {"type": "object"})
SUB = ModelRequest("m", "", (Message("user", "what is a?"),), 10)
ROOT = replace(SUB, tools=(TOOL,))


def say(provider: ScriptedProvider, request: ModelRequest) -> str:
    return provider.complete(request, timeout=1).text


def test_a_list_answers_in_order_and_then_fails() -> None:
    provider = ScriptedProvider(["one", ModelReply("two")])
    assert [say(provider, SUB), say(provider, SUB)] == ["one", "two"]
    with pytest.raises(ProviderError, match="no answer left for this sub request"):
        say(provider, SUB)


def test_a_callable_sees_the_request() -> None:
    provider = ScriptedProvider(lambda request: request.messages[-1].text.upper())
    assert say(provider, SUB) == "WHAT IS A?"


def test_root_turns_are_told_apart_and_chosen_by_turn() -> None:
    provider = ScriptedProvider(["sub"], root=["turn 0", "turn 1"])
    later = replace(ROOT, messages=(*ROOT.messages, Message("assistant", "x"), *ROOT.messages))
    assert say(provider, later) == "turn 1"
    assert say(provider, ROOT) == "turn 0"
    assert say(provider, ROOT) == "turn 0"
    assert say(provider, SUB) == "sub"


def test_requests_are_remembered() -> None:
    provider = ScriptedProvider(lambda _: "x")
    say(provider, SUB)
    say(provider, ROOT)
    assert provider.requests == [SUB, ROOT]


def test_an_error_is_raised() -> None:
    provider = ScriptedProvider([ProviderError("overloaded", "busy")])
    with pytest.raises(ProviderError, match="overloaded: busy"):
        say(provider, SUB)


def test_code_calls_the_offered_tool() -> None:
    reply = code("print(1)", ROOT)
    assert reply.stop_reason == "tool_use"
    assert [(call.name, call.input) for call in reply.tool_calls] == [
        ("run_python", {"code": "print(1)"})
    ]


def test_the_same_request_has_the_same_usage() -> None:
    provider = ScriptedProvider(lambda _: "x" * 400)
    first, again = (provider.complete(SUB, timeout=1).usage for _ in range(2))
    assert first == again
    assert first.output_tokens == 100


def script(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "script.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_file_can_hold_the_script(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        {
            "root": [{"code": "print(1)"}, {"text": "words"}],
            "sub": [
                {"when": "is b", "error": {"kind": "refusal", "message": "no"}},
                {"when": "is a", "json": {"a": 1}},
                {"text": "cut", "stop_reason": "max_tokens"},
            ],
        },
    )
    provider = from_file(path)
    assert provider.complete(ROOT, timeout=1).tool_calls[0].input == {"code": "print(1)"}
    assert [say(provider, SUB), say(provider, SUB)] == ['{"a": 1}'] * 2
    other = replace(SUB, messages=(Message("user", tool_results=(ToolResult("t", "is b"),)),))
    with pytest.raises(ProviderError, match="refusal"):
        say(provider, other)
    rest = replace(SUB, messages=(Message("user", "else"),))
    assert provider.complete(rest, timeout=1).stop_reason == "max_tokens"


def test_a_table_without_a_match_fails() -> None:
    with pytest.raises(ProviderError, match="no answer left"):
        say(ScriptedProvider([{"when": "z", "text": "z"}]), SUB)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{", id="no JSON"),
        pytest.param([], id="no mapping"),
        pytest.param({"subs": []}, id="an unknown key"),
    ],
)
def test_a_file_that_is_no_script_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UsageError, match=r"script\.json"):
        from_file(script(tmp_path, content))


def test_it_is_loaded_by_name_with_its_file_as_the_address(tmp_path: Path) -> None:
    path = script(tmp_path, {"sub": [{"text": "hello"}]})
    provider = providers.load("scripted", base_url=f"file://{path}")
    assert provider.complete(SUB, timeout=1).text == "hello"
    with pytest.raises(UsageError, match="path of its script"):
        providers.load("scripted")


def test_an_unknown_provider_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'nobody'; choose from .*scripted"):
        providers.load("nobody")
