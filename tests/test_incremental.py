"""A night pays for what changed: map calls of a second run over a repository of 1M characters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import GitRepo

from rlm_gate import config, gate
from rlm_gate.core import Budget, Status
from rlm_gate.providers.scripted import ScriptedProvider

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
NOTHING = json.dumps({"findings": [], "addressed_to_reviewer": []})
SMALL, LARGE = 300, 150_000


def module(name: str, characters: int) -> str:
    """Return a Python file of about that size: imports, then small functions."""
    parts = [f'"""The {name}."""\n\nimport json\nimport os\nfrom pathlib import Path\n']
    size, number = len(parts[0]), 0
    while size < characters:
        number += 1
        parts.append(
            f"\n\ndef {name}_{number}(path, limit={number}):\n"
            f"    content = json.loads(Path(path).read_text())\n"
            f"    chosen = [item for item in content if item['rank'] > limit]\n"
            f"    return os.path.join('{name}', str(len(chosen) + {number * 7}))\n"
        )
        size += len(parts[-1])
    return "".join(parts)


@pytest.fixture
def repository(git_repo: GitRepo) -> GitRepo:
    """Make 301 files with 1,000,000 characters, one of them very large."""
    git_repo.write(".rlm-gate/rules/own/ask.yaml", RULE)
    for number in range(SMALL):
        name = f"module{number:03}"
        git_repo.write(f"src/{name}.py", module(name, (1_000_000 - LARGE) // SMALL))
    git_repo.write("src/large.py", module("large", LARGE))
    git_repo.commit()
    return git_repo


def map_calls(repo: GitRepo) -> int:
    """Run the gate over everything and return how many map calls were really made."""
    flags = config.Flags(
        scope=config.ScopeRequest("all", repo=str(repo.path)),
        rules=(str(repo.path / ".rlm-gate/rules"),),
    )
    settings = config.settings(flags, repo.path)
    models = replace(settings.models, mode="on")
    settings = replace(settings, models=models, budget=Budget(usd=100.0))
    provider = ScriptedProvider(lambda _request: NOTHING)
    assert gate.run(settings, provider=provider).status is Status.PASS
    return len(provider.requests)


def insert_on_top(path: Path) -> None:
    path.write_text(
        "# Copyright: see LICENSE, as everywhere in this repository.\n" + path.read_text()
    )


def test_one_percent_of_the_files_edited_costs_at_most_two_percent(repository: GitRepo) -> None:
    first = map_calls(repository)
    assert first >= SMALL
    assert map_calls(repository) == 0
    edited = ["src/module007.py", "src/module150.py", "src/large.py"]
    for name in edited:
        insert_on_top(repository.path / name)
    again = map_calls(repository)
    assert again == len(edited)  # in a file of many chunks, too, only the first has changed
    assert again <= 0.02 * first
    assert map_calls(repository) == 0
