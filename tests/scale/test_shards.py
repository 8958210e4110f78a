"""Shards over the real command line: one run, cut and joined, is one run."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batch_api import Endpoint, nothing, serving
from builders import source
from conftest import GitRepo

from rlm_gate import gate
from rlm_gate.cli import _opening, main
from rlm_gate.config import Flags, ScopeRequest, Settings
from rlm_gate.core import Budget, Span
from rlm_gate.errors import ProviderError
from rlm_gate.providers import ModelReply
from rlm_gate.rlm.planner import MapCall
from rlm_gate.rlm.slices import Dealing, Hearing, Slice
from rlm_gate.scale import shards

RULE = """\
title: A command a caller chooses
severity: high
precision: high
languages: [python]
ask: {{over: {over}, question: Can a caller choose the command?}}
verify: refute
message: Pass a list.
help: {{why: It runs what it gets., fix: Pass a list.}}
tests:
  bad: ["os.system(command)"]
  good: ["print(1)"]
"""
BAD = "import os\n\n\ndef run{0}(command):\n    os.system(command)\n"
FILES = 9
REPORTS = ("json", "sarif", "html")


def answered(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Find the command in every second file, and confirm it."""
    asked = json.dumps(body)
    if "tools" in body or not any(f"app{number}" in asked for number in range(0, FILES, 2)):
        return nothing(body)
    quote = {"row": 5, "quote": "os.system(command)"}
    if "verdict" in json.dumps(body["output_config"]):
        words = {"verdict": "confirmed", "reason": "none", "path": "", "argument": "true"}
        answer: dict[str, Any] = {**words, **quote, "addressed_to_reviewer": False}
    else:
        found = {"rule": "own/ask", **quote, "explanation": "a caller chooses it"}
        answer = {"findings": [found], "addressed_to_reviewer": []}
    return {"type": "text", "text": json.dumps(answer)}, "end_turn"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with serving(Endpoint(answered)) as served:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "made-" + "up")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", served.url)
        yield served


@pytest.fixture
def project(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    git_repo.write(".rlm-gate/rules/own/ask.yaml", RULE.format(over="chunk"))
    git_repo.write(".rlm-gate/rules/own/loop.yaml", RULE.format(over="corpus"))
    for number in range(FILES):
        git_repo.write(f"app{number}.py", BAD.format(number))
    git_repo.commit()
    monkeypatch.chdir(git_repo.path)
    return git_repo


def check(*flags: str) -> int:
    return main(["check", "--rev", "HEAD", "--rules", ".rlm-gate/rules", "--no-cache", *flags])


def outputs(folder: Path) -> list[str]:
    return [f"--output={name}={folder / name}" for name in REPORTS]


@pytest.fixture
def settings(project: GitRepo, endpoint: Endpoint) -> Iterator[Settings]:
    """The settings of ``check``."""
    assert project.path.exists()
    assert endpoint.url
    scope = ScopeRequest(mode="rev", ref="HEAD")
    with _opening.opened(Flags(scope=scope, rules=(".rlm-gate/rules",), no_cache=True)) as opened:
        yield opened


def cut(folder: Path, of: int, *flags: str) -> list[str]:
    """Make every shard and return their files."""
    files = [str(folder / f"shard-{number}.json") for number in range(1, of + 1)]
    for number, file in enumerate(files, 1):
        assert check("--shard", f"{number}/{of}", "--shard-file", file, *flags) == 0
    return files


def same_bytes(one: Path, other: Path) -> None:
    for name in REPORTS:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("of", [3, 12])
def test_joined_shards_give_the_same_bytes_as_one_run(
    of: int, endpoint: Endpoint, tmp_path: Path
) -> None:
    assert check(*outputs(tmp_path / "one")) == 1
    once = Counter(endpoint.single)
    endpoint.single.clear()
    files = cut(tmp_path, of)
    assert main(["merge", *reversed(files), *outputs(tmp_path / "joined")]) == 1
    same_bytes(tmp_path / "one", tmp_path / "joined")
    assert Counter(endpoint.single) == once, "some call was made twice, or not at all"
    assert set(once.values()) == {1}


@pytest.mark.usefixtures("project")
def test_every_shard_asks_its_part_of_the_map_and_nothing_else(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    for file in cut(tmp_path, 3):
        assert len(json.loads(Path(file).read_bytes())["calls"]) == FILES / 3
    assert len(endpoint.single) == FILES
    assert not any(mark.endswith("r") for mark in endpoint.single)


@pytest.mark.usefixtures("project")
def test_a_missing_shard_is_inconclusive_and_named(
    endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = cut(tmp_path, 4)
    endpoint.answer = nothing  # the second readers confirm nothing, so nothing blocks
    assert main(["merge", *files[:2], files[3]]) == 3
    said = capsys.readouterr().out
    assert "INCONCLUSIVE" in said
    assert "app2.py:1-5: own/ask: missing: no file of shard 3/4 was given (required)" in said


@pytest.mark.usefixtures("project")
def test_a_call_that_failed_in_its_shard_is_missing_and_not_asked_again(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    def refuses(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        block, stop = nothing(body)
        return block, "refusal" if "app5" in json.dumps(body) and "tools" not in body else stop

    endpoint.answer = refuses
    assert check(*outputs(tmp_path / "one")) == 3
    files = cut(tmp_path, 2)
    endpoint.single.clear()
    assert main(["merge", *files, *outputs(tmp_path / "joined")]) == 3
    same_bytes(tmp_path / "one", tmp_path / "joined")
    assert all(mark.endswith("r") for mark in endpoint.single)


@pytest.mark.usefixtures("project")
def test_a_shard_that_was_interrupted_is_named_and_its_rest_is_missing(
    endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.answer = nothing
    files = [Path(file) for file in cut(tmp_path, 2)]
    whole = shards.read(files[1])
    first = next(iter(whole.outcomes))
    rest = {key: one for key, one in whole.outcomes.items() if key != first}
    files[1].write_bytes(shards.write(replace(whole, outcomes=rest, interrupted="terminated")))
    asked = len(endpoint.single)
    assert main(["merge", *map(str, files)]) == 3
    said = capsys.readouterr().out
    assert "shard 2/2: ended early: terminated" in said
    assert "error (shard) (required)" in said
    assert all(mark.endswith("r") for mark in endpoint.single[asked:])


@pytest.mark.usefixtures("project")
def test_what_a_lost_node_had_told_is_not_asked_again(
    endpoint: Endpoint, tmp_path: Path, settings: Settings
) -> None:
    known = dict([*shards.read(Path(cut(tmp_path, 1)[0])).outcomes.items()][:4])
    endpoint.single.clear()
    digest, job = gate.planned(settings)
    made = shards.made(settings, digest, job, Hearing(Slice(1, 1), known))
    assert len(endpoint.single) == FILES - 4
    assert len(made.outcomes) == FILES


@pytest.mark.usefixtures("project")
def test_an_interrupt_of_the_making_ends_the_run_that_joins_and_keeps_what_came(
    endpoint: Endpoint, tmp_path: Path, settings: Settings
) -> None:
    one, _ = [shards.read(Path(file)) for file in cut(tmp_path, 2)]
    asked = len(endpoint.single)
    cut_off = shards.Shard(Slice(2, 2), one.input, {}, {}, interrupted="terminated")
    joined = shards.joined_of(one.input, 2, [one, cut_off], {})
    verdict = gate.run(settings, joined=replace(joined, ended="terminated"))
    assert verdict.interrupted == "terminated"
    assert verdict.findings
    assert len(endpoint.single) == asked, "the user has ended it: nobody pays for more"


@pytest.mark.usefixtures("project", "endpoint")
def test_an_executor_that_is_not_there_is_told_with_the_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert check("--executor", "ray") == 2
    assert "pip install 'rlm-gate[ray]'" in capsys.readouterr().err
    assert check("--executor", "dask") == 2
    assert "ray://ADDRESS" in capsys.readouterr().err


@pytest.mark.usefixtures("project", "endpoint")
def test_a_shard_that_somebody_else_wrote_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = cut(tmp_path, 2)
    shard = json.loads(Path(files[1]).read_bytes())
    shard["calls"] = {}
    Path(files[1]).write_text(json.dumps(shard))
    assert main(["merge", *files]) == 2
    assert "signature" in capsys.readouterr().err


@pytest.mark.usefixtures("endpoint")
def test_shards_of_other_input_are_refused(
    project: GitRepo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = cut(tmp_path, 2)
    assert main(["merge", files[0], files[0]]) == 2
    assert "more than once" in capsys.readouterr().err
    project.commit(**{"app0.py": BAD.format("other")})
    assert main(["merge", *files]) == 2
    assert "other files, rules or settings" in capsys.readouterr().err
    later = tmp_path / "later.json"
    assert check("--shard", "2/2", "--shard-file", str(later)) == 0
    assert main(["merge", files[0], str(later)]) == 2
    assert "different runs" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": "rlm-gate-shard"}', "\x00"])
def test_what_is_no_shard_is_refused_by_name(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shard.json"
    file.write_text(content)
    assert main(["merge", str(file)]) == 2
    assert "shard.json" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("slice_", ["0/2", "3/2", "2", "a/b", "1/0", "/"])
def test_a_slice_that_means_nothing_is_refused(slice_: str) -> None:
    assert check("--shard", slice_) == 2


@pytest.mark.usefixtures("project", "endpoint")
def test_an_offline_shard_is_refused() -> None:
    assert check("--offline", "--shard", "1/2") == 2


@pytest.mark.usefixtures("project", "endpoint")
def test_a_shard_spends_no_more_than_its_share(tmp_path: Path) -> None:
    files = cut(tmp_path, 3, "--max-calls", "4")
    made = [json.loads(Path(file).read_bytes())["calls"] for file in files]
    assert [sum("reply" in one for one in calls.values()) for calls in made] == [2, 1, 1]
    assert main(["merge", *files]) == 3


def test_all_shares_of_a_budget_are_never_more_than_it() -> None:
    limits = Budget(usd=1.0, max_calls=10, max_tokens=7)
    parts = [Slice(number, 3).share(limits) for number in (1, 2, 3)]
    assert sum(part.usd or 0 for part in parts) <= 1.0
    assert [part.max_calls for part in parts] == [4, 3, 3]
    assert [part.max_tokens for part in parts] == [3, 2, 2]
    assert {part.deadline for part in parts} == {limits.deadline}


def test_joined_a_reply_outweighs_the_failure_of_another_shard() -> None:
    reply = ModelReply("yes", stop_reason="end_turn")
    failure = ProviderError("server", "HTTP 500")
    for first, second in ((reply, failure), (failure, reply)):
        parts = [
            shards.Shard(Slice(number, 2), "input", {}, {"key": outcome})
            for number, outcome in ((1, first), (2, second))
        ]
        assert shards.joined(parts).outcomes == {"key": reply}


def test_the_calls_of_one_chunk_are_dealt_to_one_shard() -> None:
    file = source("a.py", "x = 1\n")
    span = Span("a.py", 1, 1)
    calls = [
        MapCall(file, span, (span,), (), (), group=group, groups=groups)
        for groups in (2, 1, 3)
        for group in range(groups)
    ]
    dealt = [why for why, _ in Dealing(2, {2: "elsewhere"}).deal(calls)]
    assert dealt == ["", "", "elsewhere", "", "", ""]
