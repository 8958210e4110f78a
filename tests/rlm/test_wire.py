from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rlm_gate.providers import (
    Message,
    ModelReply,
    ModelRequest,
    TokenUsage,
    Tool,
    ToolCall,
    ToolResult,
)
from rlm_gate.rlm import wire

SCHEMA = {"type": "object", "properties": {"a": {}, "b": {}}}
TOOL = Tool("run_python", "Run it.", {"type": "object"})
REQUEST = ModelRequest(
    "claude-haiku-5-5",
    "You read code.",
    (
        Message("user", "Begin."),
        Message("assistant", "", (ToolCall("t1", "run_python", {"code": "1"}),), raw=[{"x": 1}]),
        Message("user", tool_results=(ToolResult("t1", "1"),)),
    ),
    1000,
    (TOOL,),
    SCHEMA,
)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(REQUEST, model="claude-sonnet-5-5"), id="model"),
        pytest.param(replace(REQUEST, system="You write code."), id="system"),
        pytest.param(replace(REQUEST, max_tokens=1001), id="max_tokens"),
        pytest.param(replace(REQUEST, tools=()), id="tools"),
        pytest.param(replace(REQUEST, schema=None), id="schema"),
        pytest.param(replace(REQUEST, messages=REQUEST.messages[:1]), id="messages"),
        pytest.param(
            replace(REQUEST, messages=(*REQUEST.messages[:2], Message("user", "Go."))), id="text"
        ),
        pytest.param(
            replace(
                REQUEST,
                messages=(
                    *REQUEST.messages[:2],
                    Message("user", tool_results=(ToolResult("t1", "1", is_error=True),)),
                ),
            ),
            id="is_error",
        ),
        pytest.param(
            replace(REQUEST, schema={"type": "object", "properties": {"b": {}, "a": {}}}),
            id="order within the schema",
        ),
    ],
)
def test_everything_that_changes_the_answer_changes_the_key(other: ModelRequest) -> None:
    assert wire.key("p", other) != wire.key("p", REQUEST)


def test_the_end_of_a_long_text_changes_the_key() -> None:
    def with_texts(system: str, text: str, result: str) -> ModelRequest:
        said = Message("user", text, tool_results=(ToolResult("t1", result),))
        return replace(REQUEST, system=system, messages=(said,))

    long = "a" * 5_000
    ends = [(long, long, long), (f"{long}b", long, long), (long, f"{long}b", long)]
    keys = {wire.key("anthropic", with_texts(*one)) for one in (*ends, (long, long, f"{long}b"))}
    assert len(keys) == 4


def test_the_provider_and_the_engine_protocol_are_part_of_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = wire.key("p", REQUEST)
    assert wire.key("q", REQUEST) != before
    monkeypatch.setattr(wire, "PROTOCOL", wire.PROTOCOL + 1)
    assert wire.key("p", REQUEST) != before


def test_equal_requests_have_equal_keys() -> None:
    assert wire.key("p", replace(REQUEST)) == wire.key("p", REQUEST)


def test_a_name_that_is_not_utf8_has_a_key_and_a_size() -> None:
    odd = replace(REQUEST, system="caf\udce9")
    assert wire.key("p", odd) != wire.key("p", REQUEST)
    assert wire.input_bytes(odd) > 0


def test_a_reply_survives_the_way_through_json() -> None:
    reply = ModelReply(
        "text",
        (ToolCall("t1", "run_python", {"code": "é\ud800"}),),
        "tool_use",
        TokenUsage(1, 2, 3, 4, 5),
        [{"type": "thinking", "signature": "s"}],
    )
    assert wire.reply_from_json(json.loads(json.dumps(wire.reply_json(reply)))) == reply


def test_the_bound_is_at_least_the_bytes_of_everything_that_is_sent() -> None:
    plain = ModelRequest("m", "sé", (Message("user", "日本語" * 1000),), 1)
    assert wire.input_bytes(plain) >= 9000 + 3
    long_schema = replace(plain, schema={"description": "x" * 5000})
    assert wire.input_bytes(long_schema) >= wire.input_bytes(plain) + 5000
    long_tool = replace(plain, tools=(Tool("t", "d" * 5000, {"e": "f" * 5000}),))
    assert wire.input_bytes(long_tool) >= wire.input_bytes(plain) + 10_000
    results = replace(
        plain, messages=(Message("user", tool_results=(ToolResult("t", "y" * 700),)),)
    )
    assert wire.input_bytes(results) >= 700
    asked = Message("assistant", "t" * 50, (ToolCall("i", "n", {"code": "c" * 900}),))
    assert wire.input_bytes(replace(plain, messages=(asked,))) >= 950


def test_a_turn_is_measured_in_the_form_in_which_it_is_sent_back() -> None:
    turn = Message("assistant", "short", raw=[{"type": "thinking", "thinking": "z" * 8000}])
    assert wire.input_bytes(ModelRequest("m", "", (turn,), 1)) >= 8000


def test_a_turn_is_bounded_by_what_the_one_before_was_counted_at() -> None:
    long = replace(REQUEST, system="Read this. " * 4000)
    more = replace(long, messages=(*long.messages, Message("assistant", "a" * 100)))
    counted = wire.Counted.of(long, TokenUsage(9_000, 50, cache_read_tokens=1_000))
    added = wire.input_bytes(more) - wire.input_bytes(long)
    assert 10_000 + added <= wire.most_tokens(more, counted) < wire.input_bytes(more)
    assert wire.most_tokens(more) == wire.input_bytes(more)


def test_a_count_that_no_tokenizer_comes_to_bounds_nothing() -> None:
    counted = wire.Counted.of(REQUEST, TokenUsage(3, 1))
    assert wire.most_tokens(REQUEST, counted) == wire.input_bytes(REQUEST)


def test_a_count_above_the_bytes_bounds_nothing() -> None:
    counted = wire.Counted.of(REQUEST, TokenUsage(10**6, 1))
    assert wire.most_tokens(REQUEST, counted) == wire.input_bytes(REQUEST)


def test_a_count_leaves_room_for_what_a_turn_is_wrapped_in() -> None:
    long = replace(REQUEST, system="Read this. " * 4000)
    counted = wire.Counted.of(long, TokenUsage(9_000, 50))
    assert 9_000 < wire.most_tokens(long, counted) < 9_100


def test_tools_and_a_schema_each_bring_instructions_of_the_providers() -> None:
    plain = replace(REQUEST, tools=(), schema=None)
    bare = wire.input_bytes(plain)
    for more in ({"tools": (TOOL,)}, {"schema": SCHEMA}):
        assert wire.input_bytes(replace(plain, **more)) > bare + 2000
