from __future__ import annotations

import pytest

from rlm_gate import providers
from rlm_gate.routing import ADDRESSES, KEYS, route


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("sonnet", "anthropic", "sonnet"),
        ("claude-haiku-5-5", "anthropic", "claude-haiku-5-5"),
        ("gemini-pro", "gemini", "gemini-pro"),
        ("gemini-3.8-flash", "gemini", "gemini-3.8-flash"),
        ("openai:gpt-6-sol", "openai", "gpt-6-sol"),
        ("openai:qwen3:8b", "openai", "qwen3:8b"),
        ("openai:gemini-3.8-flash", "openai", "gemini-3.8-flash"),
        ("gemini:tuned", "gemini", "tuned"),
        ("anthropic:gemini-like", "anthropic", "gemini-like"),
        ("qwen3:8b", "anthropic", "qwen3:8b"),
        ("anthropic.claude-v1:0", "anthropic", "anthropic.claude-v1:0"),
        ("openai", "anthropic", "openai"),
    ],
)
def test_a_name_says_where_its_model_is(name: str, provider: str, model: str) -> None:
    assert route(name) == (provider, model)


def test_every_provider_but_the_scripted_one_can_be_named() -> None:
    assert {*KEYS, "scripted"} == set(providers.names())
    assert KEYS.keys() == ADDRESSES.keys()
