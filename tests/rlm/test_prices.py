from __future__ import annotations

import json
from importlib import resources

import pytest

from rlm_gate.config.values import DEFAULT_ROOT_MODEL, DEFAULT_SUB_MODEL
from rlm_gate.errors import UsageError
from rlm_gate.providers import TokenUsage
from rlm_gate.rlm import prices
from rlm_gate.rlm.choices import RLMConfig
from rlm_gate.rlm.prices import PICO

LIST = prices.load()


def million(dollars: float) -> int:
    """Return the price of a token, in picodollars, where a million cost that many dollars."""
    return round(dollars * PICO / 10**6)


def test_aliases_stand_for_ids_and_other_names_for_themselves() -> None:
    assert LIST.resolve("sonnet") == "claude-sonnet-5-5"
    assert LIST.resolve("haiku") == "claude-haiku-5-5"
    assert LIST.resolve("opus") == "claude-opus-5-5"
    assert LIST.resolve("gemini-flash") == "gemini-3.8-flash"
    assert LIST.resolve("gemini-pro").startswith("gemini-")
    assert LIST.resolve("my-own") == "my-own"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("anthropic:haiku", "claude-haiku-5-5"),
        ("gemini:gemini-flash", "gemini-3.8-flash"),
        ("openai:gpt-6-sol", "gpt-6-sol"),
        ("openai:haiku", "haiku"),
        ("anthropic:gemini-pro", "gemini-pro"),
    ],
)
def test_an_alias_does_not_lead_from_one_provider_to_another(name: str, model: str) -> None:
    assert LIST.resolve(name) == model


def test_a_price_may_be_given_with_the_provider_before_it() -> None:
    own = prices.load({"openai:gpt-x": {"in": 1, "out": 2}})
    assert own.worst_case("gpt-x", 1_000_000, 1_000_000) == prices.picodollars(3)


def test_every_alias_and_default_is_priced() -> None:
    own = RLMConfig()
    for model in (*LIST.aliases.values(), own.root_model, own.sub_model):
        assert LIST.get(LIST.resolve(model)) is not None, model


def test_a_session_and_the_gate_have_the_same_default_models() -> None:
    own = RLMConfig()
    assert (own.root_model, own.sub_model) == (DEFAULT_ROOT_MODEL, DEFAULT_SUB_MODEL)


def test_the_list_says_when_it_was_made() -> None:
    assert LIST.date == "2026-11-22"


@pytest.mark.parametrize("model", sorted(LIST.models))
def test_a_cached_token_is_cheaper_and_a_written_one_not(model: str) -> None:
    price = LIST.models[model]
    for rates in (price.rates, price.above or price.rates):
        assert 0 < rates.cache_read < rates.read <= rates.cache_write < rates.write
    assert price.batch == 0.5
    assert price.max_output is not None


def test_each_kind_of_token_has_its_own_price() -> None:
    usage = TokenUsage(1000, 100, 10_000, 500)
    expected = 1000 * 2 + 100 * 10 + 10_000 * 0.1 + 500 * 2.5
    assert LIST.cost("claude-sonnet-5-5", usage) == million(expected)


@pytest.mark.parametrize(
    ("usage", "rate"),
    [
        pytest.param(TokenUsage(100_000), 0.1, id="at the step the low price holds"),
        pytest.param(TokenUsage(100_001), 0.5, id="past it the high one does, on every token"),
    ],
)
def test_haiku_has_a_step_at_100k_prompt_tokens(usage: TokenUsage, rate: float) -> None:
    assert LIST.cost("claude-haiku-5-5", usage) == million(usage.input_tokens * rate)


def test_cached_tokens_count_towards_the_step() -> None:
    usage = TokenUsage(input_tokens=1, cache_read_tokens=100_000)
    assert LIST.cost("claude-haiku-5-5", usage) == million(0.5 + 100_000 * 0.05)


def test_the_worst_case_bounds_every_use_of_that_many_bytes() -> None:
    model = "claude-haiku-5-5"
    for size in (1, 1000, 99_999, 100_000, 100_001, 150_000):
        bound = LIST.worst_case(model, size, 4000)
        assert bound is not None
        for usage in (
            TokenUsage(size, 4000),
            TokenUsage(0, 4000, cache_write_tokens=size),
            TokenUsage(0, 4000, cache_read_tokens=size),
            TokenUsage(min(size, 100_000), 4000),
        ):
            cost = LIST.cost(model, usage)
            assert cost is not None
            assert cost <= bound


def test_a_batch_costs_half() -> None:
    usage = TokenUsage(1001, 101)
    full = LIST.cost("claude-haiku-5-5", usage)
    assert full is not None
    assert LIST.cost("claude-haiku-5-5", usage, batch=True) == full // 2


def test_an_unknown_model_has_no_price_rather_than_none_to_pay() -> None:
    assert LIST.cost("unheard-of", TokenUsage(1, 1)) is None
    assert LIST.worst_case("unheard-of", 1, 1) is None
    assert LIST.max_output("unheard-of") is None


def test_a_dated_snapshot_costs_what_its_model_does() -> None:
    usage = TokenUsage(1000, 1000)
    expected = LIST.cost("claude-haiku-5-5", usage)
    assert LIST.cost("claude-haiku-5-5-20261007", usage) == expected
    assert LIST.cost("claude-haiku-5-5@20261007", usage) == expected


def test_own_prices_replace_the_built_in_ones_whole() -> None:
    own = prices.load({"haiku": {"in": 1.0, "out": 2.0}, "local": {"in": 0.0, "out": 0.0}})
    usage = TokenUsage(10, 10, 10, 10)
    assert own.cost("claude-haiku-5-5", usage) == million(30 * 1 + 10 * 2)
    assert own.cost("local", usage) == 0
    assert LIST.cost("claude-haiku-5-5", usage) != own.cost("claude-haiku-5-5", usage)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"in": 1.0}, id="no output price"),
        pytest.param({"in": 1.0, "out": 2.0, "outptu": 3.0}, id="an unknown key"),
        pytest.param({"in": -1.0, "out": 2.0}, id="below zero"),
        pytest.param({"in": float("nan"), "out": 2.0}, id="no number"),
        pytest.param({"in": float("inf"), "out": 2.0}, id="infinite"),
    ],
)
def test_a_wrong_own_price_is_refused(entry: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"models\.prices\.mine"):
        prices.load({"mine": entry})


def test_sums_do_not_drift() -> None:
    cost = LIST.cost("claude-haiku-5-5", TokenUsage(cache_read_tokens=1))
    assert cost == 10_000
    assert prices.usd(sum([cost] * 10**6)) == 0.01
    assert prices.picodollars(0.1) * 10 == prices.picodollars(1.0)


def test_the_data_file_names_only_known_fields() -> None:
    text = resources.files("rlm_gate.rlm").joinpath("prices.json").read_text()
    fields = {"in", "out", "cache_read", "cache_write", "batch", "max_output", "above", "note"}
    for entry in json.loads(text)["models"].values():
        assert entry.keys() <= fields
