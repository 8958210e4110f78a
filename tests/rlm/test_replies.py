from __future__ import annotations

from dataclasses import replace

import pytest

from rlm_gate.errors import ProviderError
from rlm_gate.providers import Message, ModelReply, ModelRequest, TokenUsage, Tool, ToolCall
from rlm_gate.rlm import replies

SUB = ModelRequest("m", "", (Message("user", "?"),), 10)
ROOT = replace(SUB, tools=(Tool("run_python", "", {}),))
STRUCTURED = replace(SUB, schema={"type": "object"})
CALL = ToolCall("t1", "run_python", {"code": "1"})


@pytest.mark.parametrize(
    ("reply", "request_"),
    [
        pytest.param(ModelReply("yes"), SUB, id="text"),
        pytest.param(ModelReply("yes", stop_reason="stop_sequence"), SUB, id="stop sequence"),
        pytest.param(ModelReply("", (CALL,), "tool_use"), ROOT, id="a tool call"),
        pytest.param(ModelReply('{"a": 1}'), STRUCTURED, id="JSON where asked for"),
        pytest.param(ModelReply("words"), ROOT, id="a root that talks"),
    ],
)
def test_an_answer_is_returned(reply: ModelReply, request_: ModelRequest) -> None:
    assert replies.judged(reply, request_) is reply


@pytest.mark.parametrize(
    ("reply", "request_", "kind"),
    [
        pytest.param(ModelReply("", stop_reason="refusal"), SUB, "refusal", id="refusal"),
        pytest.param(ModelReply("I", stop_reason="refusal"), SUB, "refusal", id="half a refusal"),
        pytest.param(ModelReply("cut", stop_reason="max_tokens"), SUB, "max_tokens", id="cut"),
        pytest.param(
            ModelReply("", (CALL,), "max_tokens"), ROOT, "max_tokens", id="a tool call that is cut"
        ),
        pytest.param(
            ModelReply("cut", stop_reason="model_context_window_exceeded"),
            SUB,
            "max_tokens",
            id="window",
        ),
        pytest.param(ModelReply("x", stop_reason=""), SUB, "malformed", id="no stop reason"),
        pytest.param(ModelReply("x", stop_reason="pause_turn"), SUB, "malformed", id="paused"),
        pytest.param(ModelReply("x", stop_reason="new"), SUB, "malformed", id="unknown reason"),
        pytest.param(ModelReply(""), SUB, "malformed", id="empty"),
        pytest.param(ModelReply(" \n"), SUB, "malformed", id="blank"),
        pytest.param(ModelReply("x", stop_reason="tool_use"), ROOT, "malformed", id="no call"),
        pytest.param(ModelReply("x", (CALL,), "tool_use"), SUB, "malformed", id="no tool offered"),
        pytest.param(ModelReply("words"), STRUCTURED, "malformed", id="words for JSON"),
        pytest.param(ModelReply('{"a":'), STRUCTURED, "malformed", id="half of the JSON"),
        pytest.param(ModelReply("[" * 100_000), STRUCTURED, "malformed", id="bottomless JSON"),
    ],
)
def test_what_is_no_answer_is_an_error(
    reply: ModelReply, request_: ModelRequest, kind: str
) -> None:
    outcome = replies.judged(reply, request_)
    assert isinstance(outcome, ProviderError)
    assert outcome.kind == kind
    assert not outcome.retryable
    assert not outcome.lost


def test_a_continued_reply_is_one_reply() -> None:
    first = ModelReply("a", (), "pause_turn", TokenUsage(1, 2), [{"n": 1}])
    rest = ModelReply("b", (CALL,), "tool_use", TokenUsage(10, 20), [{"n": 2}])
    assert replies.joined(first, rest) == ModelReply(
        "ab", (CALL,), "tool_use", TokenUsage(11, 22), [{"n": 1}, {"n": 2}]
    )
