from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rlm_gate.core import Budget
from rlm_gate.errors import BudgetExceeded, EngineError, ProviderError
from rlm_gate.providers import Message, ModelReply, ModelRequest, Provider, TokenUsage
from rlm_gate.providers.scripted import ScriptedProvider
from rlm_gate.rlm import journal, prices, wire
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller, Outcome
from rlm_gate.rlm.journal import Journal, Record, Replay, ReplayMismatch
from rlm_gate.rlm.pace import Pace

SECRET = b"s" * 32
LIST = prices.load()


def ask(text: str) -> ModelRequest:
    return ModelRequest("claude-haiku-5-5", "You read.", (Message("user", text),), 100)


def run(
    provider: Provider, texts: str, limits: Budget | None = None, **more: Any
) -> tuple[list[Outcome], Account]:
    account = Account(limits or Budget())
    pace = Pace(sleep=lambda _: None)
    with Caller(provider, account, LIST, pace=pace, **more) as calls:
        return calls.call_many([ask(text) for text in texts]), account


def write(directory: Path, **data: Any) -> Path:
    with Journal(directory, "input", SECRET) as log:
        log.record("cell", data)
    return log.path


def unended(directory: Path, name: str = "input", *keys: str) -> Path:
    log = Journal(directory, name, SECRET)
    for key in keys:
        log.record("reply", {"key": key, "reply": wire.reply_json(ModelReply(key))})
    log.close(ended=False)
    return log.path


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    path = write(tmp_path / "deep" / "down", text="é\ud800", number=1)
    records = list(journal.read(path))
    assert [record.kind for record in records] == ["run", "cell", "end"]
    assert records[0].data["input"] == "input"
    assert records[1] == Record("cell", {"text": "é\ud800", "number": 1})


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = write(tmp_path / "state")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("torn", [b'{"kind":"ce', b"{", b'{"kind":"cell","data":{}}'])
def test_a_torn_last_line_is_left_out(tmp_path: Path, torn: bytes) -> None:
    path = unended(tmp_path, "input", "a")
    with path.open("ab") as file:
        file.write(torn)
    assert [record.kind for record in journal.read(path)] == ["run", "reply"]
    assert list(journal.replies(path, SECRET)) == ["a"]


@pytest.mark.parametrize("line", [b"{\n", b"[]\n", b'"x"\n', b'{"kind":"x"}\n', b"\xff\n"])
def test_any_other_line_that_is_no_record_is_an_error(tmp_path: Path, line: bytes) -> None:
    path = unended(tmp_path, "input", "a")
    with path.open("ab") as file:
        file.write(line + b'{"kind":"cell","data":{}}\n')
    with pytest.raises(EngineError, match=r"\.jsonl:3: not a journal record") as caught:
        list(journal.read(path))
    assert "rlm_gate" not in str(caught.value), "our own names help nobody"
    assert list(journal.replies(path, SECRET)) == ["a"]


@pytest.mark.parametrize(
    "first",
    [
        {"kind": "cell", "data": {}},
        {"kind": "run", "data": {"version": 2, "input": "input"}},
        {"kind": "run", "data": {"version": 1}},
        {"kind": "run", "data": []},
    ],
)
def test_a_file_that_is_no_journal_of_this_version_is_refused(
    tmp_path: Path, first: dict[str, Any]
) -> None:
    path = tmp_path / "1.jsonl"
    path.write_text(json.dumps(first) + "\n")
    with pytest.raises(EngineError, match=r"1\.jsonl"):
        list(journal.read(path))
    assert journal.unfinished(tmp_path, "input") is None


def test_a_missing_journal_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="can't be read: No such file"):
        list(journal.read(tmp_path / "none.jsonl"))


def test_the_last_runs_are_kept(tmp_path: Path) -> None:
    paths = [write(tmp_path) for _ in range(journal.KEPT + 3)]
    assert sorted(tmp_path.iterdir()) == sorted(paths[3:])


def test_a_run_that_goes_on_is_not_deleted(tmp_path: Path) -> None:
    running = Journal(tmp_path, "input", SECRET, keep=1)
    ended = write(tmp_path)
    with Journal(tmp_path, "input", SECRET, keep=1) as newest:
        assert sorted(tmp_path.iterdir()) == sorted([running.path, newest.path])
    assert not ended.exists()
    running.close(ended=True)


def test_a_journal_that_can_not_be_written_fails_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Journal(tmp_path / "file", "input", SECRET) as log:
        log.record("cell", {})
    assert "can't be written" in log.warnings[0]
    assert len(log.warnings) == 1


def test_a_full_disk_ends_the_journal_and_not_the_run(tmp_path: Path) -> None:
    log = Journal(tmp_path, "input", SECRET)
    full = os.open("/dev/full", os.O_WRONLY)
    assert log._file is not None
    os.dup2(full, log._file)
    os.close(full)
    log.record("cell", {})
    log.record("cell", {})
    log.close(ended=True)
    assert "No space left" in log.warnings[0]
    assert len(log.warnings) == 1


# --- resume


def test_the_newest_unfinished_run_of_the_same_input_is_resumed(tmp_path: Path) -> None:
    assert journal.unfinished(tmp_path / "none", "input") is None
    unended(tmp_path)
    newest = unended(tmp_path)
    unended(tmp_path, "other input")
    write(tmp_path)
    assert journal.unfinished(tmp_path, "input") == newest


def test_a_run_that_ended_or_goes_on_is_not_resumed(tmp_path: Path) -> None:
    write(tmp_path)
    running = Journal(tmp_path, "input", SECRET)
    assert journal.unfinished(tmp_path, "input") is None
    running.close(ended=False)
    assert journal.unfinished(tmp_path, "input") == running.path


def test_an_interrupted_run_can_be_resumed(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Journal(tmp_path, "input", SECRET):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert journal.unfinished(tmp_path, "input")


def test_a_reply_a_stranger_wrote_is_not_believed(tmp_path: Path) -> None:
    path = unended(tmp_path, "input", "a", "b")
    path.write_bytes(path.read_bytes().replace(b'"text":"a"', b'"text":"z"'))
    assert list(journal.replies(path, SECRET)) == ["b"]
    assert journal.replies(path, b"t" * 32) == {}


_CHILD = """
import sys, time
from pathlib import Path
from rlm_gate.core import Budget
from rlm_gate.providers import Message, ModelReply, ModelRequest, TokenUsage
from rlm_gate.providers.scripted import ScriptedProvider
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.pace import Pace
from rlm_gate.rlm.journal import Journal

def answer(request):
    time.sleep(0.004)
    return ModelReply(request.messages[0].text * 5000, usage=TokenUsage(10, 2))

log = Journal(Path(sys.argv[1]), "input", b"s" * 32)
calls = Caller(ScriptedProvider(answer), Account(Budget()), prices.load(), journal=log,
               pace=Pace(workers=2))
requests = [
    ModelRequest("claude-haiku-5-5", "You read.", (Message("user", text),), 100)
    for text in sys.argv[2]
]
print("ready", flush=True)
for request in requests:
    print(calls.call(request).text[0], end="", flush=True)
log.close(ended=True)
"""


@pytest.mark.parametrize("after", [0.0, 0.003, 0.011, 0.023, 0.05])
def test_a_killed_run_is_resumed_and_repeats_no_call_that_was_answered(
    tmp_path: Path, after: float
) -> None:
    texts = "abcdefghijklmnopqrstuvwxyz"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path), texts], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    answered = child.stdout.read().decode()
    child.wait()
    child.stdout.close()

    path = journal.unfinished(tmp_path, "input")
    assert path is not None
    prior = journal.replies(path, SECRET)
    assert {wire.key("scripted", ask(text)) for text in answered} <= prior.keys()
    provider = ScriptedProvider(
        lambda request: ModelReply(request.messages[0].text * 5000, usage=TokenUsage(10, 2))
    )
    with Journal(tmp_path, "input", SECRET) as log:
        outcomes, account = run(provider, texts, prior=prior, journal=log)
    assert [outcome.text[:1] for outcome in outcomes if isinstance(outcome, ModelReply)] == [*texts]
    assert len(provider.requests) == len(texts) - len(prior)
    assert account.usage().output_tokens == 2 * len(texts)
    assert len(journal.replies(log.path, SECRET)) == len(texts)
    assert journal.unfinished(tmp_path, "input") == path  # the killed one stays as it was


# --- replay


def answers(request: ModelRequest) -> ModelReply | ProviderError:
    text = request.messages[0].text
    if text == "e":
        return ProviderError("server", "down", retryable=True)
    stop = "refusal" if text == "r" else "end_turn"
    return ModelReply(text.upper(), stop_reason=stop, usage=TokenUsage(10, 1))


def told(outcomes: list[Outcome]) -> list[str]:
    return [one.text if isinstance(one, ModelReply) else str(one) for one in outcomes]


def record(directory: Path, texts: str, **limits: Any) -> tuple[Path, list[str], Account]:
    with Journal(directory, "input", SECRET) as log:
        outcomes, account = run(ScriptedProvider(answers), texts, Budget(**limits), journal=log)
    return log.path, told(outcomes), account


def test_a_replay_has_the_same_outcomes_and_the_same_usage(tmp_path: Path) -> None:
    path, outcomes, account = record(tmp_path, "aberbc", max_calls=4)
    assert any("budget" in one or "calls:" in one for one in outcomes)
    replay = Replay(path)
    again, second = run(replay.provider("scripted"), "aberbc", Budget(usd=None))
    assert told(again) == outcomes
    assert second.usage() == account.usage()
    assert replay.unused() == 0


def test_a_request_that_was_never_made_is_a_loud_mismatch(tmp_path: Path) -> None:
    path, *_ = record(tmp_path, "ab")
    player = Replay(path).provider("scripted")
    with pytest.raises(ReplayMismatch, match="holds no outcome") as caught:
        run(player, "abz")
    assert caught.value.exit_code == 3
    with pytest.raises(ReplayMismatch):
        run(Replay(path).provider("anthropic"), "a")


def test_a_request_that_is_missing_is_counted(tmp_path: Path) -> None:
    path, *_ = record(tmp_path, "abc")
    replay = Replay(path)
    run(replay.provider("scripted"), "a")
    assert replay.unused() == 2


def test_a_call_that_failed_first_fails_first_again(tmp_path: Path) -> None:
    script = ScriptedProvider([ProviderError("auth", "no"), "yes"])
    with Journal(tmp_path, "input", SECRET) as log:
        first, _ = run(script, "a", journal=log)
        second, _ = run(script, "a", journal=log)
    replay = Replay(log.path).provider("scripted")
    assert told(run(replay, "a")[0]) == told(first) == ["auth: no"]
    assert told(run(replay, "a")[0]) == told(second) == ["yes"]
    assert told(run(replay, "a")[0]) == ["yes"]


def test_a_limit_that_was_reached_is_reached_again(tmp_path: Path) -> None:
    path, *_ = record(tmp_path, "ab", max_calls=1)
    outcomes, _ = run(Replay(path).provider("scripted"), "ab", Budget(usd=None))
    assert isinstance(outcomes[1], BudgetExceeded)
    assert outcomes[1].kind == "calls"
