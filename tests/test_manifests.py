"""What other people's machines read: action.yml and .pre-commit-hooks.yaml fit the command line."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlm_gate import cli
from rlm_gate.cli import _inputs

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
ELSEWHERE = {
    "python",
    "extras",
    "anthropic-api-key",
    "github-token",
}  # for the steps themselves, not for rlm-gate


def environment() -> dict[str, str]:
    """Return what the action hands to rlm-gate, by the names of the inputs."""
    given = {name: value for step in STEPS for name, value in step.get("env", {}).items()}
    start = "RLM_GATE_INPUT_"
    return {
        name.removeprefix(start).lower().replace("_", "-"): value
        for name, value in given.items()
        if name.startswith(start)
    }


def test_every_input_reaches_the_command_line_and_means_something_there() -> None:
    assert set(environment()) == set(ACTION["inputs"]) - ELSEWHERE
    assert set(environment()) == set(_inputs._NAMES)


@pytest.mark.parametrize("name", environment())
def test_every_input_is_handed_on_under_its_own_name(name: str) -> None:
    assert environment()[name].startswith(f"${{{{ inputs.{name}")


@pytest.mark.parametrize("step", STEPS, ids=[step["name"] for step in STEPS])
def test_no_step_runs_text_from_outside(step: dict[str, Any]) -> None:
    assert "${{" not in step["run"]
    assert "uses" not in step
    assert step["shell"] == "bash"


def test_modules_are_never_run_from_the_checkout() -> None:
    for step in STEPS:
        for line in step["run"].splitlines():
            assert not re.search(r"(?<!-I) -[mc] ", line), line


def test_the_action_fails_in_its_last_step_only() -> None:
    assert [step["name"] for step in STEPS if "exit-code" in str(step.get("env"))] == ["Verdict"]
    assert STEPS[-1]["name"] == "Verdict"


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_every_hook_calls_a_stage_that_it_runs_in(hook: dict[str, Any]) -> None:
    command, *words = shlex.split(hook["entry"])
    parsed = cli._parser(words).parse_args(words)

    assert command == "rlm-gate"
    assert getattr(parsed, "stage", "pre-commit") in hook["stages"]
    # deletions are in no list of files, and a list is cut into several runs
    assert hook["always_run"]
    assert not hook["pass_filenames"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_cancelled_step_waits_until_the_reports_are_written(name: str, tmp_path: Path) -> None:
    """The runner signals the shell, and only that."""
    [judge] = [step for step in STEPS if step.get("id") == "gate"]
    gate = tmp_path / "bin" / "rlm-gate"
    gate.parent.mkdir()
    gate.write_text(
        "#!/bin/sh\n"
        "trap 'sleep 0.2; echo done > report; exit 143' TERM\n"
        "echo started; while :; do sleep 0.05; done\n"
    )
    gate.chmod(0o755)
    outputs = tmp_path / "outputs"
    python = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL)"
    start = f"{python}; os.execvp('bash', sys.argv[1:])"  # the tests may run with it ignored
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            start,
            "bash",
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            judge["run"],
        ],
        cwd=tmp_path,
        env={**os.environ, "RLM_GATE_VENV": str(tmp_path), "GITHUB_OUTPUT": str(outputs)},
        stdout=subprocess.PIPE,
        text=True,
    ) as step:
        assert step.stdout
        assert step.stdout.readline() == "started\n"
        step.send_signal(getattr(signal, name))
        assert step.wait(10) == 0

    assert (tmp_path / "report").read_text() == "done\n"
    assert outputs.read_text() == "exit-code=143\n"
