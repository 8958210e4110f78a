"""The command line, called in a repository of its own with a pack that only the test knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import GitRepo
from githubs import GitHub, running
from runners import Runner

from rlm_gate.cli import main

_RULE = """\
title: {title}
severity: high
precision: high
languages: [any]
{judge}
message: Take the word out.
help: {{why: The test says so., fix: Take it out.}}
tests:
  bad: ["WORD"]
  good: ["peace"]
"""


class Done(NamedTuple):
    """What one call of the command line came to."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack that finds the line FORBIDDEN, outside the judged repository."""
    folder = tmp_path / "words"
    folder.mkdir()
    judge = "detect: [{engine: regex, pattern: FORBIDDEN|WORD}]"
    (folder / "forbidden.yaml").write_text(_RULE.format(title="A forbidden word", judge=judge))
    return folder


@pytest.fixture
def asking_pack(pack: Path) -> Path:
    """The same pack with a rule that only a model can judge."""
    judge = "ask: {over: chunk, question: Is this word meant?}"
    (pack / "meant.yaml").write_text(_RULE.format(title="A word that is meant", judge=judge))
    return pack


@pytest.fixture
def cli(
    git_repo: GitRepo,
    pack: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Cli:
    """Call the command line in the repository, with the pack where the command takes one."""
    monkeypatch.chdir(git_repo.path)

    def call(*arguments: str, rules: Path | None = pack) -> Done:
        given = [*arguments, *([f"--rules={rules}"] if rules else [])]
        code = main(given)
        out, err = capfdbinary.readouterr()
        return Done(code, out.decode(), err.decode())

    return call


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    runner = tmp_path / "runner"
    runner.mkdir()
    outputs, summary, payload = (runner / name for name in ("output", "summary.md", "event.json"))
    outputs.touch()

    def event(name: str, **content: Any) -> None:
        payload.write_text(json.dumps(content))
        monkeypatch.setenv("GITHUB_EVENT_NAME", name)

    for name, value in {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(payload),
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_STEP_SUMMARY": str(summary),
    }.items():
        monkeypatch.setenv(name, value)
    return Runner(outputs, summary, event)


@pytest.fixture
def inputs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def give(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"RLM_GATE_INPUT_{name.upper()}", value)

    return give


@pytest.fixture
def api() -> Iterator[GitHub]:
    with running() as kept:
        yield kept


Check = Callable[..., tuple[int, Any]]


@pytest.fixture
def december(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the first of December 2026."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1796083200")


@pytest.fixture
def check(cli: Cli) -> Check:
    """Judge everything; return the exit code and the report."""

    def call(*arguments: str) -> tuple[int, Any]:
        done = cli("check", *(arguments or ("--all",)), "--offline", "--format=json")
        return done.code, json.loads(done.out) if done.out else done.err

    return call


def places(report: Any) -> list[str]:
    """Return where the findings of a report begin."""
    return [f"{one['path']}:{one['start_line']}" for one in report["findings"]]


def kinds(report: Any) -> list[tuple[str, int]]:
    """Return the notices of a report and their lines."""
    return [(one["kind"], one["place"]["start_line"]) for one in report["notices"]]
