"""The names of models: a slip is told before any work, a full id is not doubted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import GitRepo

Cli = Callable[..., Any]


def test_a_mistyped_name_is_told_before_any_work_with_its_place(
    git_repo: GitRepo, cli: Cli
) -> None:
    git_repo.write("a.py", "x = 1\n")
    git_repo.write(".rlm-gate.yaml", "models:\n  root: sonet\n  sub: haiku\n")
    for command in (["check", "--all", "--offline"], ["estimate", "--all"]):
        done = cli(*command)
        assert done.code == 2
        assert ".rlm-gate.yaml:2:3: models.root: no model is called 'sonet'" in done.err
        assert "did you mean 'sonnet'?" in done.err


def test_a_mistyped_flag_is_told_too(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.write("a.py", "x = 1\n")
    done = cli("check", "--all", "--offline", "--sub-model=haiko")
    assert done.code == 2
    assert "--sub-model: no model is called 'haiko'; did you mean 'haiku'?" in done.err


@pytest.mark.parametrize("name", ["claude-next-9", "openai:mine", "own"])
def test_a_full_id_and_a_model_with_an_own_price_are_no_slips(
    name: str, git_repo: GitRepo, cli: Cli
) -> None:
    git_repo.write("a.py", "x = 1\n")
    own = "prices: {own: {in: 1, out: 1}}"
    git_repo.write(".rlm-gate.yaml", f"models: {{root: '{name}', {own}}}\n")
    assert cli("check", "--all", "--offline").code == 0
    said = cli("estimate", "--all", rules=None).out
    assert ("no price is known for" in said) == (name != "own")
