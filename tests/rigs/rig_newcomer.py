"""The way of a new user: an empty repository, the built wheel, init, the first commit and so on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import GitRepo
from rigs.conftest import BAD, GOOD, run, tool


@pytest.fixture(scope="module")
def gate(source: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command, from the built wheel in a fresh environment."""
    folder = tmp_path_factory.mktemp("newcomer")
    build = (sys.executable, "-m", "build", "--no-isolation", "--wheel", f"--outdir={folder}", ".")
    run(*build, cwd=source)
    run(sys.executable, "-m", "venv", str(folder / "venv"), cwd=folder)
    pip = (str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet")
    run(*pip, str(next(folder.glob("*.whl"))), cwd=folder)
    return str(folder / "venv" / "bin" / "rlm-gate")


def said(text: str) -> None:
    """Show a step's output: pytest prints it with -rP."""
    sys.stdout.write(f"{text}\n---\n")


def test_from_an_empty_repository_to_the_first_nightly_run(
    gate: str, source: Path, git_repo: GitRepo, tmp_path: Path
) -> None:
    # init
    said(run(gate, "init", "--yes", "--action", "owner/rlm-gate@v0", cwd=git_repo.path))
    git_repo.write("app.py", GOOD)
    git_repo.git("add", "-A")
    said(run("git", "commit", "-m", "first", cwd=git_repo.path))
    remote = tmp_path / "remote.git"
    git_repo.git("init", "-q", "--bare", str(remote))
    git_repo.git("remote", "add", "origin", str(remote))
    said(run("git", "push", "-u", "origin", "main", cwd=git_repo.path))
    base = git_repo.git("rev-parse", "HEAD").strip()

    # a commit that the hook stops, and a push of it past the hook
    git_repo.git("switch", "-q", "-c", "feature")
    git_repo.write("bad.py", BAD)
    git_repo.git("add", "-A")
    stopped = run("git", "commit", "-m", "bad", cwd=git_repo.path, code=1)
    assert "bad.py:5:12 high security/shell-injection" in stopped
    said(stopped)
    git_repo.git("commit", "-q", "--no-verify", "-m", "bad")
    pushing = ["git", "push", "origin", "feature"]
    push = subprocess.run(pushing, cwd=git_repo.path, capture_output=True, text=True, check=False)
    assert push.returncode == 1
    assert "bad.py:5:12" in push.stdout + push.stderr
    head = git_repo.git("rev-parse", "HEAD").strip()

    # the first pull request: the workflow that init wrote, under act
    git_repo.git("switch", "-q", "main")
    git_repo.git("merge", "-q", "--no-ff", "--no-verify", "-m", "merge", "feature")
    pull = {"number": 1, "head": {"sha": head}, "base": {"sha": base}}
    log = act(git_repo, source, tmp_path, "pull_request", {"pull_request": pull}, "rlm-gate.yml")
    assert re.search(r"error file=bad\.py,line=5", log)
    said(log[-3000:])

    # the first night
    log = act(git_repo, source, tmp_path, "schedule", {}, "rlm-gate-nightly.yml")
    assert re.search(r"error file=bad\.py,line=5", log)
    said(log[-3000:])


def act(repo: GitRepo, source: Path, folder: Path, event: str, payload: object, name: str) -> str:
    """Run a workflow as it was written; the other actions are stubs that do nothing."""
    stub = folder / "stub"
    if not stub.exists():
        for part in ("", "upload-sarif", "restore", "save"):
            (stub / part).mkdir(parents=True, exist_ok=True)
            (stub / part / "action.yml").write_text(
                "name: stub\ndescription: does nothing\n"
                "runs: {using: composite, steps: [{run: 'true', shell: bash}]}\n"
            )
        stubbed = GitRepo(stub)
        stubbed.git("init", "-q", "-b", "main")
        stubbed.commit("stub")
    text = (repo.path / ".github" / "workflows" / name).read_text()
    others = {
        used for used in re.findall(r"uses: (\S+@[0-9a-f]{40})", text) if "checkout" not in used
    }
    places = {re.sub(r"^([^/]+/[^/@]+)[^@]*", r"\1", used) for used in others}
    local = [f"{place}={stub}" for place in sorted(places)] + [f"owner/rlm-gate@v0={source}"]
    file = folder / "event.json"
    file.write_text(json.dumps(payload))
    return run(
        *(tool("act"), event, "-P", "ubuntu-latest=-self-hosted", "-e", str(file)),
        *("-W", f".github/workflows/{name}"),
        *("--pull=false", "--action-offline-mode", "--no-cache-server"),
        *(word for one in local for word in ("--local-repository", one)),
        cwd=repo.path,
        code=1,
    )
