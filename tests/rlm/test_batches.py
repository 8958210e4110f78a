"""Batches over real HTTP, by the real SDK, against a server of the documented shapes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from batch_api import Endpoint, serving, some_fail
from conftest import GitRepo

from rlm_gate.cli import main
from rlm_gate.core import Budget
from rlm_gate.providers import Message, ModelReply, ModelRequest
from rlm_gate.providers.anthropic import ClaudeProvider
from rlm_gate.rlm import prices, wire
from rlm_gate.rlm.batches import BatchCaller, Channel, Sent
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller

MODEL = "claude-haiku-5-5"
PRICES = prices.load()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint()) as served:
        yield served


@pytest.fixture
def provider(endpoint: Endpoint) -> Iterator[ClaudeProvider]:
    with ClaudeProvider("made-up", endpoint.url) as made:
        yield made


def requests(count: int) -> list[ModelRequest]:
    return [
        ModelRequest(MODEL, "judge", (Message("user", f"chunk {number} " + "x" * 400),), 64)
        for number in range(count)
    ]


def caller(
    provider: ClaudeProvider, usd: float | None = None, sent: tuple[Sent, ...] = ()
) -> tuple[BatchCaller, Account, list[str]]:
    account, told = Account(Budget(usd=usd, deadline=60.0)), list[str]()
    single = Caller(provider, account, PRICES)
    channel = Channel(provider, lambda _kind, _data: None, sent, tell=told.append)
    return BatchCaller(single, channel), account, told


def test_every_request_is_answered_once_whatever_failed_or_expired(
    endpoint: Endpoint, provider: ClaudeProvider
) -> None:
    endpoint.fate = some_fail
    asked = requests(300)
    batched, account, _ = caller(provider)
    outcomes = batched.call_many(asked)
    assert all(isinstance(one, ModelReply) for one in outcomes)
    answered = Counter(endpoint.answered + endpoint.single)
    assert len(answered) == 300
    assert set(answered.values()) == {1}
    assert 0 < len(endpoint.single) < 30
    assert [len(one.requests) for one in endpoint.batches] == [300]
    replies = [one for one in outcomes if isinstance(one, ModelReply)]
    assert sum(one.batch for one in replies) == 300 - len(endpoint.single)
    cost = sum(PRICES.cost(MODEL, one.usage, batch=one.batch) or 0 for one in replies)
    assert account.paid().usd == account.usage().usd == prices.usd(cost)


def test_a_batch_costs_half(provider: ClaudeProvider) -> None:
    batched, half, _ = caller(provider)
    batched.call_many(requests(4))
    whole = Account(Budget(usd=None))
    Caller(provider, whole, PRICES).call_many(requests(4))
    assert half.usage().usd == pytest.approx((whole.usage().usd or 0) / 2)


def test_equal_requests_go_once_and_results_keep_their_order(
    endpoint: Endpoint, provider: ClaudeProvider
) -> None:
    batched, _, _ = caller(provider)
    first, *_, second = requests(10_001)
    outcomes = batched.call_many([first, second, first])
    assert outcomes[0] == outcomes[2] != outcomes[1]
    assert [len(one.requests) for one in endpoint.batches] == [2]


def test_a_batch_is_no_larger_than_the_budget_bears_at_worst(
    endpoint: Endpoint, provider: ClaudeProvider
) -> None:
    need = Caller(provider, Account(Budget()), PRICES).need(requests(1)[0], batch=True)
    limit = prices.usd(int((need.cost or 0) * 10.5))
    batched, account, _ = caller(provider, usd=limit)
    outcomes = batched.call_many(requests(40))
    sizes = [len(one.requests) for one in endpoint.batches]
    assert sizes[0] == 10
    assert len(sizes) > 1
    assert (account.paid().usd or 0) <= limit
    assert [isinstance(one, ModelReply) for one in outcomes].count(True) == sum(sizes)


def test_a_batch_sent_before_a_kill_is_found_again_by_its_custom_ids(
    endpoint: Endpoint, provider: ClaudeProvider
) -> None:
    asked = requests(60)
    keys = {Caller(provider, Account(Budget()), PRICES).key(one): one for one in asked}
    endpoint.fate = lambda key: "expired" if key == next(iter(keys)) else "succeeded"
    provider.submit({f"other-{number}": one for number, one in enumerate(asked)})
    provider.submit(keys)
    provider.submit(dict(list(keys.items())[:2]))
    batched, _, told = caller(provider, sent=(Sent(frozenset(keys), time.time()),))
    assert all(isinstance(one, ModelReply) for one in batched.call_many(asked))
    assert len(endpoint.batches) == 3, "what expired goes singly, in no second batch"
    assert len(endpoint.single) == 1
    assert told == ["batch msgbatch_1 of the unfinished run is used"]


def test_an_endpoint_without_batches_is_told_and_asked_singly(
    endpoint: Endpoint, provider: ClaudeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClaudeProvider, "submit", refused)
    batched, _, told = caller(provider)
    assert all(isinstance(one, ModelReply) for one in batched.call_many(requests(3)))
    assert len(endpoint.single) == 3
    assert "singly at full price" in told[0]


def refused(*_: object) -> str:
    from rlm_gate.errors import ProviderError

    raise ProviderError("bad_request", "HTTP 404: no such endpoint")


RULE = """\
title: A command a caller chooses
severity: high
precision: high
languages: [python]
ask: {over: chunk, question: Can a caller choose the command?}
message: Pass a list.
help: {why: It runs what it gets., fix: Pass a list.}
tests:
  bad: ["os.system(command)"]
  good: ["print(1)"]
"""


@pytest.fixture
def project(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> GitRepo:
    git_repo.write(".rlm-gate/rules/own/ask.yaml", RULE)
    for number in range(12):
        git_repo.write(f"app{number}.py", f"import os\n\n\nprint({number})\n")
    git_repo.commit()
    monkeypatch.chdir(git_repo.path)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-" + "up")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", endpoint.url)
    return git_repo


CHECK = ["check", "--rev", "HEAD", "--rules", ".rlm-gate/rules", "--batch", "--resume"]


def killed(endpoint: Endpoint, wait: Callable[[], object]) -> None:
    """Start a check and kill it once ``wait`` is over."""
    command = [sys.executable, "-m", "rlm_gate", *CHECK]
    run = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=-3)
    wait()
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    endpoint.on_batch = lambda: None


@pytest.mark.parametrize("answers", [False, True], ids=["before the id came", "while it polls"])
@pytest.mark.usefixtures("project")
def test_a_killed_run_finds_its_batch_and_pays_nothing_twice(
    answers: bool, endpoint: Endpoint, tmp_path: Path
) -> None:
    came, go_on = threading.Event(), threading.Event()
    endpoint.batch_seconds = 1.0

    def held() -> None:
        came.set()
        if not answers:
            go_on.wait(20)

    endpoint.on_batch = held
    killed(endpoint, lambda: (came.wait(20), time.sleep(0.3)))
    go_on.set()
    report = tmp_path / "report.json"
    assert main([*CHECK, "--output", f"json={report}"]) == 0
    assert len(endpoint.batches) == 1
    assert endpoint.single == []
    assert json.loads(report.read_bytes())["usage"]["calls"] == 12


@pytest.mark.usefixtures("project")
def test_a_run_from_the_cache_costs_what_its_batch_did(endpoint: Endpoint, tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    assert main([*CHECK, "--output", f"json={one}"]) == 0
    assert main(["check", *CHECK[1:5], "--output", f"json={other}"]) == 0
    assert one.read_bytes() == other.read_bytes()
    assert (len(endpoint.batches), endpoint.single) == (1, [])


def keys_of(provider: ClaudeProvider, asked: list[ModelRequest]) -> dict[str, ModelRequest]:
    return {Caller(provider, Account(Budget()), PRICES).key(one): one for one in asked}


def test_a_batch_of_the_same_size_that_holds_other_requests_is_left_alone(
    endpoint: Endpoint, provider: ClaudeProvider
) -> None:
    asked = requests(3)
    provider.submit({f"other-{number}": one for number, one in enumerate(asked)})
    sent = Sent(frozenset(keys_of(provider, asked)), time.time())
    batched, _, told = caller(provider, sent=(sent,))
    assert all(isinstance(one, ModelReply) for one in batched.call_many(asked))
    assert [len(one.requests) for one in endpoint.batches] == [3, 3]
    assert told == []


def test_nobody_looks_for_a_batch_among_those_made_long_before_it(
    endpoint: Endpoint, provider: ClaudeProvider
) -> None:
    asked = requests(3)
    keys = keys_of(provider, asked)
    provider.submit(keys)
    endpoint.batches[0].came -= 3600
    batched, _, told = caller(provider, sent=(Sent(frozenset(keys), time.time()),))
    batched.call_many(asked)
    assert len(endpoint.batches) == 2
    assert told == []


def test_a_reply_that_was_not_asked_for_is_not_kept(
    provider: ClaudeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, stranger = requests(2), requests(3)[2]
    foreign = ModelReply("planted", stop_reason="end_turn")
    true_results = ClaudeProvider.results
    (strange_key,) = keys_of(provider, [stranger])

    def more(self: ClaudeProvider, batch_id: str) -> Iterator[tuple[str, ModelReply | None]]:
        yield strange_key, foreign
        yield from true_results(self, batch_id)

    monkeypatch.setattr(ClaudeProvider, "results", more)
    batched, _, _ = caller(provider)
    batched.call_many(asked)
    (outcome,) = batched.call_many([stranger, *asked])[:1]
    assert isinstance(outcome, ModelReply)
    assert outcome.text != "planted"


def test_no_reply_of_a_batch_carries_the_key(endpoint: Endpoint) -> None:
    key = "made-up-" + "key-of-a-test"
    endpoint.answer = lambda _body: ({"type": "text", "text": f"it is {key}"}, "end_turn")
    with ClaudeProvider(key, endpoint.url) as provider:
        outcomes = caller(provider)[0].call_many(requests(2))
    assert [getattr(one, "text", one) for one in outcomes] == ["it is ***"] * 2
    assert endpoint.single == []


def test_an_interrupted_batch_may_be_charged_and_counts_as_if_it_were(
    provider: ClaudeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_self: ClaudeProvider, _batch_id: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ClaudeProvider, "batch", interrupted)
    asked = requests(3)
    batched, account, _ = caller(provider, usd=1.0)
    worst = sum(
        Caller(provider, Account(Budget()), PRICES).need(one, batch=True).cost or 0 for one in asked
    )
    with pytest.raises(KeyboardInterrupt):
        batched.call_many(asked)
    assert account.paid().usd == prices.usd(worst)
    assert account.remaining().usd == pytest.approx(1.0 - prices.usd(worst))


def test_a_batch_is_cut_before_it_is_too_large_for_the_api(
    endpoint: Endpoint, provider: ClaudeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = requests(7)
    size = wire.input_bytes(asked[0])
    monkeypatch.setattr("rlm_gate.rlm.batches.MOST_BYTES", 2 * size)
    batched, _, _ = caller(provider)
    assert all(isinstance(one, ModelReply) for one in batched.call_many(asked))
    assert [len(one.requests) for one in endpoint.batches] == [3, 3, 1]
