"""The command line, called in a repository of its own with a pack that only the test knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import GitRepo

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
