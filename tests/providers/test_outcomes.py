"""The table of docs/providers.md, for every provider: the real SDKs over real connections.

``endpoint`` is the Server of conftest.py, ``api`` each API in turn, ``provider`` what reaches it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from apis import APIS, Api, Remote

import rlm_gate
from rlm_gate import providers
from rlm_gate.core import Budget
from rlm_gate.errors import ProviderError, UsageError
from rlm_gate.providers import Message, ModelReply, ModelRequest, Tool, ToolCall, ToolResult
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.pace import Pace

TOOL = Tool("run_python", "Run it.", {"type": "object", "properties": {"code": {}}})
SUB = ModelRequest("model-1", "You read code.", (Message("user", "What is it?"),), 100)
ROOT = replace(SUB, tools=(TOOL,))
SDKS = {"anthropic": "anthropic", "gemini": "google.genai", "openai": "openai"}


@pytest.fixture(params=APIS, ids=lambda api: api.name)
def api(request: pytest.FixtureRequest) -> Api:
    found: Api = request.param
    return found


@pytest.fixture
def provider(api: Api, endpoint: Any) -> Iterator[Remote]:
    endpoint.says(endpoint.sends(api.message("ok", "end_turn")))
    with api.open(endpoint.key, endpoint.url) as ready:
        ready.warm()
        yield ready


def failure(provider: Remote, timeout: float = 30.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.complete(SUB, timeout=timeout)
    return caught.value


def seconds(do: Callable[[], object]) -> float:
    start = time.monotonic()
    do()
    return time.monotonic() - start


def caller(provider: Remote) -> Caller:
    return Caller(provider, Account(Budget()), prices.load(), pace=Pace(sleep=lambda _: None))


# --- what all have in common


def test_a_reply_is_read(provider: Remote) -> None:
    reply = provider.complete(SUB, timeout=30)
    assert (reply.text, reply.stop_reason) == ("ok", "end_turn")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (10, 2)


@pytest.mark.parametrize("stop", ["end_turn", "max_tokens", "refusal", ""])
def test_the_stop_reason_is_one_of_ours(
    api: Api, provider: Remote, endpoint: Any, stop: str
) -> None:
    endpoint.says(endpoint.sends(api.message(None, stop)))
    assert provider.complete(SUB, timeout=30).stop_reason == stop


def test_unknown_parts_are_kept_and_sent_back_but_count_for_nothing(
    api: Api, provider: Remote, endpoint: Any
) -> None:
    endpoint.says(endpoint.sends(api.unknown(api.message("ok", "end_turn"))))
    reply = provider.complete(SUB, timeout=30)
    assert reply.text == "ok"
    provider.complete(replace(SUB, messages=(*SUB.messages, reply.message())), timeout=30)
    assert "hologram" in json.dumps(endpoint.log.bodies[1])


def test_half_a_surrogate_pair_does_not_break_the_next_turn(
    api: Api, provider: Remote, endpoint: Any
) -> None:
    endpoint.says(endpoint.sends(api.message("a \ud83d b \U0001f600", "end_turn")))
    reply = provider.complete(SUB, timeout=30)
    assert reply.text == "a \ufffd b \U0001f600"
    provider.complete(replace(SUB, messages=(*SUB.messages, reply.message())), timeout=30)
    assert len(endpoint.log.bodies) == 2


def test_half_a_surrogate_pair_is_never_sent(provider: Remote, endpoint: Any) -> None:
    odd = "caf\udce9 é"
    said = Message("assistant", odd, (ToolCall("t1", "run_python", {"code": "1"}),))
    told = Message("user", tool_results=(ToolResult("t1", odd),))
    tool = replace(TOOL, description=odd)
    asked = (Message("user", odd), said, told)
    request = replace(ROOT, system=odd, messages=asked, tools=(tool,))
    provider.complete(request, timeout=30)
    sent = json.dumps(endpoint.log.bodies[0], ensure_ascii=False)
    assert sent.count("caf\ufffd é") == 5
    assert "\udce9" not in sent


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k", "topK", "stream", "seed"])
def test_nothing_is_sent_that_newer_models_refuse(
    provider: Remote, endpoint: Any, name: str
) -> None:
    provider.complete(ROOT, timeout=30)
    assert f'"{name}"' not in json.dumps(endpoint.log.bodies[0])


# --- what goes wrong


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
        pytest.param(503, "", True, id="503"),
        pytest.param(504, "server", True, id="504"),
        pytest.param(529, "overloaded", True, id="529"),
    ],
)
def test_every_http_error_has_its_kind(
    api: Api, provider: Remote, endpoint: Any, status: int, kind: str, *, retryable: bool
) -> None:
    endpoint.says(endpoint.sends(api.error("api_error", "the reason why"), status))
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == (kind or api.busy, retryable, False)
    assert f"HTTP {status}: the reason why" in str(error)
    assert len(endpoint.log.bodies) == 1  # the SDK retries nothing by itself


@pytest.mark.parametrize(
    "page", [b"<html>" + b"Bad gateway " * 1000, b"", b"\xff\xfe\x00", b"[" * 100_000, b'"no"']
)
def test_an_error_page_in_html_is_an_http_error(
    provider: Remote, endpoint: Any, page: bytes
) -> None:
    endpoint.says(endpoint.sends(page, 502, "text/html"))
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("server", True, False)
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
    api: Api, provider: Remote, endpoint: Any, header: str, value: str, expected: float | None
) -> None:
    endpoint.says(endpoint.sends(api.error("rate_limit", "no"), 429, **{header: value}))
    assert failure(provider).retry_after == expected


def test_retry_after_may_be_a_date(api: Api, provider: Remote, endpoint: Any) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    endpoint.says(endpoint.sends(api.error("rate_limit", "no"), 429, retry_after=date))
    assert failure(provider).retry_after == pytest.approx(60, abs=3)


@pytest.mark.parametrize("status", [429, 500, 529])
def test_x_should_retry_false_is_honoured(
    api: Api, provider: Remote, endpoint: Any, status: int
) -> None:
    endpoint.says(endpoint.sends(api.error("no", "no"), status, x_should_retry="false"))
    assert not failure(provider).retryable


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        pytest.param(b"<!DOCTYPE html><p>Log in</p>", "text/html", "HTML page", id="HTML"),
        pytest.param(b'{"id": "msg_1", "cont', "application/json", "no JSON", id="half JSON"),
        pytest.param(b"", "application/json", "no JSON", id="nothing"),
        pytest.param(b"\xff\xfe\x00", "application/json", "no JSON", id="no text"),
        pytest.param(b"[" * 100_000, "application/json", "no JSON", id="bottomless JSON"),
        pytest.param(b'["a"]', "application/json", "no JSON object", id="a list"),
        pytest.param(b'{"foo": 1}', "application/json", "the reply has no", id="other JSON"),
    ],
)
def test_a_200_that_is_no_message_is_malformed(
    provider: Remote, endpoint: Any, body: bytes, content_type: str, says: str
) -> None:
    endpoint.says(endpoint.sends(body, 200, content_type))
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("malformed", False, True)
    assert says in str(error)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_cut_was_lost(
    api: Api, provider: Remote, endpoint: Any, *, chunked: bool
) -> None:
    endpoint.says(endpoint.cuts(api.raw("x" * 1000), chunked=chunked))
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("connection", True, True)


def test_a_connection_closed_without_a_word_was_lost(provider: Remote, endpoint: Any) -> None:
    endpoint.says(endpoint.hangs_up)
    error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("connection", True, True)


def test_where_nobody_listens_nothing_was_sent(api: Api, endpoint: Any) -> None:
    endpoint.shutdown()  # or the socket would listen for as long as it is polled
    endpoint.server_close()
    with api.open(endpoint.key, endpoint.url) as provider:
        error = failure(provider)
    assert (error.kind, error.retryable, error.lost) == ("connection", True, False)


@pytest.mark.parametrize("address", ["nowhere", "ftp://127.0.0.1", "http://[::1"])
def test_what_is_no_address_is_a_connection_error(api: Api, address: str) -> None:
    with api.open("sk-" + "x", address) as provider:
        error = failure(provider)
    assert (error.kind, error.lost) == ("connection", False)


def test_silence_ends_at_the_deadline(provider: Remote, endpoint: Any) -> None:
    endpoint.says(endpoint.silent)
    errors: list[ProviderError] = []
    assert seconds(lambda: errors.append(failure(provider, timeout=0.2))) < 0.6
    assert (errors[0].kind, errors[0].lost) == ("timeout", True)


def test_a_body_that_drips_in_ends_at_the_deadline(
    api: Api, provider: Remote, endpoint: Any
) -> None:
    endpoint.says(endpoint.drips(0.05, api.raw("x" * 500)))
    errors: list[ProviderError] = []
    assert seconds(lambda: errors.append(failure(provider, timeout=0.3))) < 0.7
    assert (errors[0].kind, errors[0].retryable, errors[0].lost) == ("timeout", True, True)


def test_headers_that_drip_in_end_at_the_deadline_of_the_caller(
    provider: Remote, endpoint: Any
) -> None:
    endpoint.says(endpoint.drips_headers(0.05))
    outcomes: list[object] = []
    with caller(provider) as calls:
        assert seconds(lambda: outcomes.extend(calls.call_many([SUB], timeout=0.2))) < 1.5
        endpoint.stopping.set()
    (outcome,) = outcomes
    assert isinstance(outcome, ProviderError)
    assert outcome.kind == "timeout"


def test_a_body_without_end_is_malformed(
    api: Api, provider: Remote, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlm_gate.providers._http._MOST_BYTES", 1000)
    endpoint.says(endpoint.sends(api.message("x" * 5000, "end_turn")))
    assert "no end" in str(failure(provider))


@pytest.mark.parametrize("key", [None, "", "  ", "schlüssel", "two words", "a\nb"])
def test_without_a_proper_key_nothing_is_sent(api: Api, endpoint: Any, key: str | None) -> None:
    with api.open(key, endpoint.url) as provider:
        assert failure(provider).kind == "auth"
    assert endpoint.log.bodies == []


def test_the_environment_is_not_searched_for_a_key_or_an_address(
    api: Api, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.says(endpoint.sends(api.message("ok", "end_turn")))
    with api.open(endpoint.key, endpoint.url) as provider:
        provider.complete(SUB, timeout=30)
    found = {"key": "sk-" + "of-the-environment", "address": "http://127.0.0.1:9", "true": "true"}
    for name, kind in api.variables.items():
        monkeypatch.setenv(name, found[kind])
    with api.open(None, endpoint.url) as provider:
        assert failure(provider).kind == "auth"
    with api.open(endpoint.key, endpoint.url) as provider:
        provider.complete(SUB, timeout=30)
    header, prefix = api.key_header
    assert [one[header] for one in endpoint.log.headers] == [f"{prefix}{endpoint.key}"] * 2
    assert len(set(endpoint.log.paths)) == 1


def test_no_error_carries_the_key(api: Api, provider: Remote, endpoint: Any) -> None:
    for answer in (
        endpoint.sends(api.error("auth", f"unknown key {endpoint.key}"), 401),
        endpoint.sends(api.error("api_error", "no"), 500),
        endpoint.hangs_up,
        endpoint.sends(endpoint.key.encode()),
        endpoint.sends(api.error("api_error", "x" * 280 + endpoint.key), 400),
    ):
        endpoint.says(answer)
        error: BaseException | None = failure(provider)
        while error:
            assert endpoint.key[:12] not in f"{error!s}{error!r}{vars(error)}"
            assert type(error).__module__ == "rlm_gate.errors"
            error = error.__cause__ or error.__context__
    assert endpoint.key not in repr(provider)


def test_no_reply_carries_the_key(api: Api, provider: Remote, endpoint: Any) -> None:
    endpoint.says(endpoint.sends(api.message(f"it is {endpoint.key}.", "end_turn")))
    reply = provider.complete(SUB, timeout=5.0)
    assert reply.text == "it is ***."
    assert endpoint.key not in repr(reply)


def test_a_word_in_the_place_of_a_key_is_no_secret(api: Api, endpoint: Any) -> None:
    endpoint.says(endpoint.sends(api.message("none was found", "end_turn")))
    with api.open("none", endpoint.url) as provider:
        assert provider.complete(SUB, timeout=5.0).text == "none was found"


# --- with the caller


def test_outcomes_over_http_become_what_the_caller_promises(
    api: Api, provider: Remote, endpoint: Any
) -> None:
    nothing = api.message(None, "end_turn")
    endpoint.says(
        endpoint.sends(api.error("overloaded", "later"), 529),
        endpoint.sends(api.error("api_error", "later"), 500),
        endpoint.sends(api.message("at last", "end_turn")),
        endpoint.sends(api.message(None, "refusal")),
        endpoint.sends(api.message("cut", "max_tokens")),
        endpoint.sends(api.message("x", "")),
        endpoint.sends(api.message("x", "hiccup")),
        endpoint.sends(nothing),
        endpoint.sends(api.unknown(nothing)),
    )
    with caller(provider) as calls:
        outcomes = [calls.call_many([replace(SUB, system=str(n))])[0] for n in range(7)]
    assert isinstance(outcomes[0], ModelReply)
    assert outcomes[0].text == "at last"
    kinds = [outcome.kind for outcome in outcomes[1:] if isinstance(outcome, ProviderError)]
    assert kinds == ["refusal", "max_tokens", "malformed", "malformed", "malformed", "malformed"]


def test_one_client_serves_many_threads(provider: Remote, endpoint: Any) -> None:
    with caller(provider) as calls:
        outcomes = calls.call_many([replace(SUB, system=str(n)) for n in range(100)])
    assert all(isinstance(outcome, ModelReply) for outcome in outcomes)
    assert len(endpoint.log.bodies) == 100
    assert threading.active_count() < 200


@pytest.mark.parametrize("name", SDKS)
def test_each_is_found_by_name_and_imports_its_sdk_at_first_use(name: str) -> None:
    assert providers.load(name, api_key="k").name == name
    code = (
        f"import sys; from rlm_gate import providers; providers.load({name!r}, api_key='k');"
        f"sys.exit(any(name in sys.modules for name in ({SDKS[name]!r}, 'httpx2', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["gemini", "openai"])
@pytest.mark.parametrize("gone", ["the SDK", "its parent, too"])
def test_without_its_extra_a_provider_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, gone: str
) -> None:
    package = SDKS[name] if gone == "the SDK" else SDKS[name].partition(".")[0]
    for module in [module for module in sys.modules if module.startswith(SDKS[name])]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=rf"pip install 'rlm-gate\[{name}\]'"):
        providers.load(name, api_key="k")


@pytest.mark.parametrize("name", ["ClaudeProvider", "GeminiProvider", "OpenAIProvider"])
def test_the_library_offers_each_provider(name: str) -> None:
    assert getattr(rlm_gate, name)("k").name in SDKS
    assert name in rlm_gate.__all__


def test_what_caches_go_by_tells_addresses_apart_and_shows_none(api: Api) -> None:
    there, elsewhere = (api.open("k", f"https://me:pass@{host}.example") for host in ("a", "b"))
    assert there.name != elsewhere.name
    assert "pass" not in there.name


@pytest.mark.parametrize("name", ["anthropic", "gemini", "openai"])
def test_at_its_own_address_a_provider_has_its_plain_name(name: str) -> None:
    assert providers.load(name, api_key="k").name == name
