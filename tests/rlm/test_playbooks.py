"""What our own cells in the sandbox say of findings that repeat."""

from __future__ import annotations

import pytest
from conftest import GitRepo

from rlm_gate import config, gate

RULE = """\
title: A word
severity: {severity}
precision: high
languages: [python]
detect: [{{engine: regex, pattern: 'frobnicate'}}]
message: Say it otherwise.
help: {{why: So it is., fix: Say it otherwise.}}
tests: {{bad: ["frobnicate()"], good: ["print(1)"]}}
"""
SYSTEMIC = "patterns/systemic-repetition"


@pytest.mark.parametrize(
    ("severity", "systemic"), [("info", 0), ("low", 0), ("medium", 1), ("high", 1)]
)
def test_repeating_does_not_make_a_trifle_serious(
    git_repo: GitRepo, severity: str, systemic: int
) -> None:
    git_repo.write(".rlm-gate.yaml", "version: 1\npacks: [patterns, own]\n")
    git_repo.write(".rlm-gate/rules/own/word.yaml", RULE.format(severity=severity))
    for number in range(5):
        git_repo.write(f"src/part{number}.py", f"def use{number}():\n    frobnicate()\n")
    request = config.ScopeRequest("all", repo=str(git_repo.path))
    flags = config.Flags(scope=request, select=("own/word", SYSTEMIC), offline=True, no_cache=True)
    verdict = gate.run(config.settings(flags, git_repo.path))
    found = [one.rule_id for one in verdict.findings]
    assert "own/word" in found
    assert found.count(SYSTEMIC) == systemic
