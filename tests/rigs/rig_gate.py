"""The gate on this repository itself: what `make gate` runs, so that CI judges our own code."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from rigs.conftest import BAD, ROOT, run, tool


def test_our_own_code_passes_our_own_gate() -> None:
    said = run(tool("rlm-gate"), "check", "--all", "--offline", cwd=ROOT)

    assert "\nPASS: nothing blocks (threshold: high)." in said


def test_it_would_say_so_if_it_did_not(source: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(source, ours, symlinks=True)
    (ours / "rlm_gate" / "planted.py").write_text(BAD)

    said = run(tool("rlm-gate"), "check", "--all", "--offline", cwd=ours, code=1)

    assert "rlm_gate/planted.py:5:12 high security/shell-injection" in said


def test_make_gate_runs_the_same_command() -> None:
    told = ("make", "--dry-run", "--old-file", ".venv/installed", "gate")
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(told, cwd=ROOT, env=env, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [".venv/bin/rlm-gate check --all --offline"]
