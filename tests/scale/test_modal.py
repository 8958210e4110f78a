"""Modal's own client against a server on the loopback: sessions and shards there and back."""

from __future__ import annotations

import gc
import importlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from batch_api import Endpoint, nothing
from batch_api import serving as answering
from conftest import GitRepo

from rlm_gate.cli import main
from rlm_gate.errors import UsageError
from rlm_gate.providers._http import Remote

pytest.importorskip("modal", reason="pip install 'rlm-gate[modal]' brings it")

import modal_server
from modal import Client

from rlm_gate.scale import modal

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
FILES = 6
CHECK = ("check", "--rev", "HEAD", "--rules", ".rlm-gate/rules", "--quiet")
KEY = "sk-none-" + "but-this-test-has-it"


def in_container(name: str, *given: Any, **named: Any) -> Any:
    """Run a function of the app here, as its container would."""
    return getattr(modal, name).local(*given, **named)


@pytest.fixture(autouse=True)
def _nothing_left_open(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what a container's end would. What else is open warns here, in the test it is of."""
    made: list[Remote[Any]] = []
    init = Remote.__init__

    def noted(self: Remote[Any], *given: Any, **named: Any) -> None:
        made.append(self)
        init(self, *given, **named)

    monkeypatch.setattr(Remote, "__init__", noted)
    yield
    for one in made:
        one.close()
    made.clear()
    gc.collect()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with answering(Endpoint(nothing)) as served:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", served.url)
        yield served


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[modal_server.Modal]:
    with modal_server.serving(in_container) as told:
        importlib.reload(modal)  # what an earlier server called its secret would be kept
        monkeypatch.setenv("MODAL_SERVER_URL", told.url)
        monkeypatch.setenv("MODAL_TOKEN_ID", "ak-made-" + "up")
        monkeypatch.setenv("MODAL_TOKEN_SECRET", "as-made-" + "up")
        try:
            yield told
        finally:
            Client.from_env().close()


@pytest.fixture
def project(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    git_repo.write(".rlm-gate/rules/own/ask.yaml", RULE)
    for number in range(FILES):
        git_repo.write(f"app{number}.py", f"import os\n\n\nprint({number})\n")
    git_repo.commit()
    monkeypatch.chdir(git_repo.path)
    return git_repo


def test_a_server_that_has_ended_holds_no_connection() -> None:
    with socket.socket() as peer:
        peer.settimeout(10)
        with modal_server.serving(in_container) as told:
            peer.connect(("127.0.0.1", int(told.url.rpartition(":")[2])))
            assert peer.recv(1), "it was not let in"
        while peer.recv(4096):
            pass


def test_a_server_that_ends_closes_what_it_was_letting_in(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", left.append)
    with ExitStack() as peers:
        with modal_server.serving(in_container) as told:
            for _ in range(20):
                peer = peers.enter_context(socket.socket())
                peer.connect(("127.0.0.1", int(told.url.rpartition(":")[2])))
        gc.collect()
    assert not left


@pytest.mark.usefixtures("project")
def test_containers_give_the_same_bytes_as_one_process(
    endpoint: Endpoint,
    server: modal_server.Modal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    assert main([*CHECK, "--no-cache", "--output", f"json={one}"]) == 0
    once = Counter(endpoint.single)
    endpoint.single.clear()
    there = ["--executor", "modal", "--shards", "4", "--output", f"json={other}"]
    assert main([*CHECK, *there]) == 0
    assert one.read_bytes() == other.read_bytes()
    spent = json.loads(one.read_bytes())["usage"]["usd"]
    assert f"the shards paid ${spent:.4f} in their containers\n" in capsys.readouterr().err
    assert Counter(endpoint.single) == once
    assert server.ended == ["ap-1"]
    endpoint.single.clear()
    assert main([*CHECK, *there]) == 0
    assert endpoint.single == [], "what this machine's cache holds was asked again"
    assert server.ended == ["ap-1"], "an app was started to ask nothing"


def test_the_app_is_what_the_page_says(server: modal_server.Modal) -> None:
    with modal.app.run():
        pass
    made = server.functions["make_shard"], server.functions["run_rlm_remote"]
    assert {(one.module_name, one.timeout_secs) for one in made} == {
        ("rlm_gate.scale.modal", modal.CONTAINER_SECONDS)
    }
    assert modal.WORK_SECONDS < modal.CONTAINER_SECONDS == 600
    assert {server.secrets[secret] for one in made for secret in one.secret_ids} == {"rlm-gate"}
    mounted, same = (
        set[str]().union(*(server.mounts[mount] for mount in one.mount_ids)) for one in made
    )
    assert mounted == same
    needed = ("rlm/prices.json", "rlm/prompts/map.md", "rlm/sandbox/child.py", "scale/modal.py")
    assert {f"/root/rlm_gate/{name}" for name in needed} <= mounted
    assert not any(name.endswith(".pyc") for name in mounted)
    commands = "\n".join(line for image in server.images for line in image.dockerfile_commands)
    assert "anthropic<3,>=2" in commands
    assert "google-genai" in commands
    assert "pytest" not in commands


@pytest.mark.usefixtures("project")
def test_a_lost_container_is_named_and_a_second_run_asks_only_what_is_missing(
    endpoint: Endpoint, server: modal_server.Modal, capsys: pytest.CaptureFixture[str]
) -> None:
    def lost(name: str, parcel: str) -> Any:
        if json.loads(parcel)["piece"][0] == 2:
            raise TimeoutError("Task's current input hit its timeout of 600s")
        return in_container(name, parcel)

    server.run = lost
    there = [*CHECK, "--executor", "modal", "--shards", "3"]
    assert main(there) == 3
    said = capsys.readouterr().out
    assert "missing: lost by Modal: FunctionTimeoutError: Task's current input hit" in said
    assert len(endpoint.single) == FILES - FILES // 3
    endpoint.single.clear()
    server.run = in_container
    assert main(there) == 0
    assert len(endpoint.single) == FILES // 3


@pytest.mark.usefixtures("project")
def test_a_container_gets_its_share_of_the_budget_and_no_key(
    endpoint: Endpoint, server: modal_server.Modal
) -> None:
    sent: list[str] = []

    def kept(name: str, parcel: str) -> Any:
        sent.append(parcel)
        return in_container(name, parcel)

    server.run = kept
    assert main([*CHECK, "--executor", "modal", "--shards", "2", "--max-calls", "4"]) == 3
    assert len(sent) == 2
    assert len(endpoint.single) == 4
    assert not any(KEY in parcel for parcel in sent)
    texts = [{number for number in range(FILES) if f"print({number})" in one} for one in sent]
    assert sorted(map(sorted, texts)) == [[0, 2, 4], [1, 3, 5]], "more than its own slice was sent"


@pytest.mark.usefixtures("project")
def test_work_ends_before_its_container_would_and_says_what_it_did_not_come_to(
    endpoint: Endpoint,
    server: modal_server.Modal,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(modal, "WORK_SECONDS", 0.5)
    endpoint.held.set()
    assert main([*CHECK[:-1], "--executor", "modal", "--shards", "1"]) == 3
    endpoint.let_go.set()
    said = capsys.readouterr().out
    assert said.count("own/ask: budget (deadline) (required)") == FILES
    assert server.ended == ["ap-1"]


@pytest.mark.usefixtures("project", "endpoint")
def test_without_a_token_or_the_secret_the_remedy_is_said(
    server: modal_server.Modal,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.known_secrets = frozenset()
    assert main([*CHECK, "--executor", "modal"]) == 3
    said = capsys.readouterr().err
    assert "Secret 'rlm-gate' not found" in said
    assert "modal secret create rlm-gate" in said
    Client.from_env().close()
    with monkeypatch.context() as patch:
        patch.delenv("MODAL_TOKEN_ID")
        patch.delenv("MODAL_TOKEN_SECRET")
        assert main([*CHECK, "--executor", "modal"]) == 3
    assert "no token" in capsys.readouterr().err


@pytest.mark.usefixtures("project", "endpoint")
@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--batch"], "--batch and --executor"),
        (["--offline"], "an offline run has none to share"),
    ],
    ids=["batches", "offline"],
)
def test_what_containers_can_not_share_is_refused(
    flags: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CHECK, "--executor", "modal", *flags]) == 2
    assert why in capsys.readouterr().err


def done(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """As a root, ask eight times and be done; as a sub-model, say yes."""
    if "tools" not in body:
        return {"type": "text", "text": "yes"}, "end_turn"
    turn = sum(message["role"] == "assistant" for message in body["messages"])
    ask = "said = llm_query_parallel([f'{n}: {context}' for n in range(8)])\nprint(said)"
    call = {"type": "tool_use", "id": f"c{turn}", "name": "run_python"}
    code = [ask, "done(said[0])"][min(turn, 1)]
    return {**call, "input": {"code": code}}, "tool_use"


@pytest.mark.parametrize("parallel", [True, False])
def test_a_session_runs_as_its_container_would_run_it(
    *, parallel: bool, endpoint: Endpoint
) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def answer(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        return done(body)

    endpoint.answer = answer
    came = modal.run_rlm_remote.local(
        "the text", "Is it?", "sonnet", "haiku", "claude", parallel, max_usd=0.5
    )
    assert (came["answer"], came["success"], came["error"]) == ("yes", True, "")
    assert (came["iterations"], came["sub_calls"]) == (2, 8)
    assert 0 < came["cost_usd"] < 0.5
    assert came["trajectory"][0]["sub_calls"][0]["answer"] == "yes"
    assert (most > 1) == parallel
    json.dumps(came)


def test_no_flag_takes_a_layer_off_the_sandbox(endpoint: Endpoint) -> None:
    with pytest.raises(UsageError, match="use_restricted_python=False"):
        modal.run_rlm_remote.local("text", "Is it?", use_restricted_python=False)
    assert endpoint.single == []
