"""The reusable workflow under act, called as an organisation's repository calls it.

act runs no upload of artefacts and clones nothing from GitHub here: both actions are stubs. What
the stub of actions/checkout puts in place is what the workflow asks of it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from conftest import GitRepo
from rigs.conftest import BAD, GOOD, ROOT, run, tool

CALLER = """\
on: [pull_request]
permissions: {contents: read, pull-requests: write}
jobs:
  gate:
    uses: ./.github/workflows/reusable.yml
    with: {gate-repository: owner/rlm-gate, gate-ref: v0, offline: true}
"""
CHECKOUT = """\
name: checkout
description: clones what it is asked for
inputs:
  path: {default: "."}
  repository: {default: ""}
  ref: {default: ""}
  fetch-depth: {default: ""}
  persist-credentials: {default: ""}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        FROM: ${{ inputs.repository == 'owner/rlm-gate' && 'SOURCE' || 'JUDGED' }}
        TO: ${{ inputs.path }}
        REF: ${{ inputs.ref }}
      run: |
        git clone --quiet "$FROM" "$TO"
        git -C "$TO" checkout --quiet "${REF:-HEAD}"
"""
NOTHING = """\
name: stub
description: does nothing
runs: {using: composite, steps: [{run: 'true', shell: bash}]}
"""


def action(folder: Path, text: str) -> Path:
    folder.mkdir()
    repo = GitRepo(folder)
    repo.git("init", "-q", "-b", "main")
    repo.commit("action", **{"action.yml": text})
    return folder


def test_a_repository_that_calls_it_is_judged_by_the_gate_it_names(
    git_repo: GitRepo, source: Path, tmp_path: Path
) -> None:
    workflow = (ROOT / ".github/workflows/reusable.yml").read_text(encoding="utf-8")
    files = {".github/workflows/reusable.yml": workflow, ".github/workflows/gate.yml": CALLER}
    base = git_repo.commit("base", **files, **{"kept.py": GOOD})
    git_repo.git("switch", "-q", "-c", "feature")
    head = git_repo.commit("feature", **{"bad.py": BAD})
    git_repo.git("switch", "-q", "main")
    git_repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
    event = tmp_path / "event.json"
    pull = {"number": 1, "head": {"sha": head}, "base": {"sha": base}}
    event.write_text(json.dumps({"pull_request": pull}))
    text = CHECKOUT.replace("SOURCE", str(source)).replace("JUDGED", str(git_repo.path))
    stubs = {
        "actions/checkout": action(tmp_path / "checkout", text),
        "actions/upload-artifact": action(tmp_path / "nothing", NOTHING),
    }
    used = set(re.findall(r"uses: ((actions/[a-z-]+)@[0-9a-f]{40})", workflow))

    log = run(
        *(tool("act"), "pull_request", "-P", "ubuntu-latest=-self-hosted", "-e", str(event)),
        *("-W", ".github/workflows/gate.yml"),
        *("--pull=false", "--action-offline-mode", "--no-cache-server"),
        *("--env", f"PIP_CACHE_DIR={os.environ['PIP_CACHE_DIR']}"),
        *(f"--local-repository={pinned}={stubs[name]}" for pinned, name in sorted(used)),
        cwd=git_repo.path,
        code=1,
    )

    assert "::error file=bad.py,line=5" in log
    assert "Summary - ## ❌ rlm-gate: fail" in log
