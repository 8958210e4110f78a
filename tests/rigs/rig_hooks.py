"""The hooks under pre-commit and under prek, with real commits and pushes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import GitRepo
from rigs.conftest import BAD, GOOD, ROOT, run, tool

CONFIG = """\
repos:
  - repo: {source}
    rev: v0
    hooks:
      - id: rlm-gate
      - id: rlm-gate-push
      - id: rlm-gate-all
"""


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the managers keep the environments they build; built once."""
    return {
        "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("pre-commit")),
        "PREK_HOME": str(tmp_path_factory.mktemp("prek")),
    }


@pytest.fixture(params=["pre-commit", "prek"])
def hooked(
    request: pytest.FixtureRequest,
    git_repo: GitRepo,
    source: Path,
    stores: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> GitRepo:
    """A repository with the hooks installed, one good commit, and a remote that has it."""
    for name, value in stores.items():
        monkeypatch.setenv(name, value)
    config = CONFIG.format(source=source)
    git_repo.commit("first", **{".pre-commit-config.yaml": config, "kept.py": GOOD})
    remote = git_repo.path.with_name("remote.git")
    run("git", "init", "-q", "--bare", str(remote), cwd=git_repo.path)
    git_repo.git("remote", "add", "origin", str(remote))
    git_repo.git("push", "-q", "origin", "main")
    hooks = ("--hook-type", "pre-commit", "--hook-type", "pre-push")
    run(tool(request.param), "install", *hooks, cwd=git_repo.path)
    return git_repo


def attempt(repo: GitRepo, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["git", *arguments], cwd=repo.path, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_manifest_is_valid() -> None:
    run(tool("pre-commit"), "validate-manifest", ".pre-commit-hooks.yaml", cwd=ROOT)


def test_try_repo_finds_what_is_staged(
    git_repo: GitRepo, source: Path, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", stores["PRE_COMMIT_HOME"])
    git_repo.commit("first", **{"kept.py": GOOD})
    git_repo.write("bad.py", BAD)
    git_repo.git("add", "-A")

    said = run(tool("pre-commit"), "try-repo", str(source), "rlm-gate", cwd=git_repo.path, code=1)

    assert "bad.py:5:12 high security/shell-injection" in said


def test_commits_and_pushes_are_judged(hooked: GitRepo) -> None:
    hooked.write("new.py", GOOD)
    hooked.git("add", "-A")
    assert attempt(hooked, "commit", "-m", "good")[0] == 0

    hooked.write("bad.py", BAD)
    hooked.git("add", "-A")
    code, said = attempt(hooked, "commit", "-m", "bad")
    assert code == 1
    assert "bad.py:5:12 high security/shell-injection" in said

    hooked.write("new.py", BAD)  # neither staged nor part of this commit
    hooked.git("rm", "-q", "--cached", "bad.py")
    hooked.git("rm", "-q", "kept.py")
    assert attempt(hooked, "commit", "-m", "only a deletion")[0] == 0

    hooked.write("new.py", GOOD + "# more\n")
    hooked.git("add", "bad.py")  # staged, and yet no part of a commit of new.py only
    assert attempt(hooked, "commit", "-m", "only this one", "-o", "new.py")[0] == 0

    hooked.git("commit", "-q", "--no-verify", "-m", "past the hook")
    hooked.git("branch", "feature")
    hooked.git("reset", "-q", "--hard", "HEAD~1")
    assert attempt(hooked, "push", "origin", "main")[0] == 0
    code, said = attempt(hooked, "push", "origin", "feature")
    assert code == 1
    assert "bad.py:5:12 high security/shell-injection" in said

    assert attempt(hooked, "push", "--no-verify", "origin", "feature")[0] == 0
    assert attempt(hooked, "push", "origin", ":feature")[0] == 0


def test_everything_is_judged_where_nobody_commits(
    hooked: GitRepo, request: pytest.FixtureRequest
) -> None:
    hooked.write("bad.py", BAD)
    hooked.git("add", "-A")
    hooked.git("commit", "-q", "--no-verify", "-m", "past the hook")
    manager = tool(request.node.callspec.params["hooked"])

    assert "bad.py:5:12" in run(manager, "run", "--all-files", "rlm-gate", cwd=hooked.path, code=1)
    manual = (manager, "run", "--hook-stage", "manual", "rlm-gate-all")
    assert "bad.py:5:12" in run(*manual, cwd=hooked.path, code=1)


RULE = """\
title: A planted word
severity: high
precision: high
languages: [any]
detect: [{engine: regex, pattern: PLANTED}]
message: Take the word out.
help: {why: The rig says so., fix: Take it out.}
tests: {bad: ["PLANTED"], good: ["peace"]}
"""


def test_own_rules_are_proven_before_they_are_committed(
    git_repo: GitRepo, source: Path, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", stores["PRE_COMMIT_HOME"])
    config = f"repos: [{{repo: {source}, rev: v0, hooks: [{{id: rlm-gate-rules}}]}}]\n"
    git_repo.commit("first", **{".pre-commit-config.yaml": config})
    run(tool("pre-commit"), "install", cwd=git_repo.path)
    own = ".rlm-gate/rules/own/planted.yaml"

    git_repo.write("app.py", GOOD)
    git_repo.git("add", "-A")
    code, said = attempt(git_repo, "commit", "-m", "no rules of its own yet")
    assert code == 0, said

    git_repo.write(own, RULE.replace("pattern: PLANTED", "pattern: OTHER"))
    git_repo.git("add", "-A")
    code, said = attempt(git_repo, "commit", "-m", "a rule that misses its own example")
    assert code == 1
    assert "own/planted" in said

    git_repo.write(own, RULE.replace("severity: high", "severity: huge"))
    git_repo.git("add", "-A")
    code, said = attempt(git_repo, "commit", "-m", "a rule that is none")
    assert code == 1
    assert f"{own}:2:11" in said

    git_repo.write(own, RULE)
    git_repo.git("add", "-A")
    code, said = attempt(git_repo, "commit", "-m", "a rule that holds")
    assert code == 0, said
