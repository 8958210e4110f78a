"""What the playbook said is said again where nothing changed that it is shown, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from builders import SHELL_CODE

from rlm_gate import config, detectors, gate, reports
from rlm_gate.core import Verdict
from rlm_gate.errors import SandboxDied
from rlm_gate.rlm import audit

if TYPE_CHECKING:
    from conftest import GitRepo

RULES = ("security/shell-injection", "patterns/systemic-repetition")


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    for name in "abcde":
        git_repo.write(f"{name}.py", SHELL_CODE)
    git_repo.write("plain.py", "print(1)\n")
    git_repo.commit()
    return git_repo


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note each sandbox that is opened."""
    seen: list[object] = []
    repl = audit.Repl

    def noted(**arguments: Any) -> object:
        seen.append(arguments["texts"])
        return repl(**arguments)

    monkeypatch.setattr(audit, "Repl", noted)
    return seen


def check(repo: GitRepo, overrides: tuple[config.Override, ...] = (), **more: Any) -> Verdict:
    detectors._KNOWN.clear()  # every run is a process of its own
    scope = config.ScopeRequest("all", None, (), str(repo.path))
    flags = config.Flags(scope=scope, select=RULES, offline=True, **more)
    return gate.run(replace(config.settings(flags, repo.path), overrides=overrides))


def report(verdict: Verdict) -> bytes:
    return reports.load("json").render(verdict)


def systemic(verdict: Verdict) -> list[str]:
    return [one.explanation for one in verdict.findings if one.rule_id == RULES[1]]


def test_an_unchanged_run_opens_no_sandbox_and_says_the_same(
    repo: GitRepo, opened: list[object]
) -> None:
    first = check(repo)
    assert len(opened) == 1
    assert len(systemic(first)) == 1
    again = check(repo)
    assert len(opened) == 1
    assert report(again) == report(first)
    assert again.audit == first.audit


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda repo: repo.write("a.py", f"# x\n{SHELL_CODE}"), id="a file"),
        pytest.param(lambda repo: repo.write("f.py", SHELL_CODE), id="a new file"),
        pytest.param(lambda repo: repo.write("plain.py", "print(2)\n"), id="nothing found"),
        pytest.param(lambda repo: (repo.path / "e.py").unlink(), id="a file less"),
    ],
)
def test_what_changed_is_counted_anew(repo: GitRepo, opened: list[object], change: Any) -> None:
    check(repo)
    change(repo)
    after = check(repo)
    assert len(opened) == 2
    assert report(after) == report(check(repo, no_cache=True))


def test_another_policy_is_another_question(repo: GitRepo, opened: list[object]) -> None:
    assert len(systemic(check(repo))) == 1
    left_out = config.Override(include=(".*",), ignore=(RULES[1],))
    assert not systemic(check(repo, (left_out,)))
    assert len(opened) == 2


def test_nothing_is_kept_where_nothing_may_be(repo: GitRepo, opened: list[object]) -> None:
    check(repo, no_cache=True)
    check(repo, no_cache=True)
    assert len(opened) == 2


def test_what_came_to_no_end_is_tried_again(
    repo: GitRepo, opened: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = audit.playbook.SYSTEMIC
    with monkeypatch.context() as broken:
        broken.setattr(audit.playbook, "PARTS", (replace(part, code="1 / 0"),))
        assert not systemic(check(repo))
    assert len(systemic(check(repo))) == 1
    assert len(opened) == 2


def test_without_a_sandbox_nothing_is_kept(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    def died(**_arguments: Any) -> object:
        raise SandboxDied("no sandbox here")

    with monkeypatch.context() as broken:
        broken.setattr(audit, "Repl", died)
        assert not systemic(check(repo))
    assert len(systemic(check(repo))) == 1


def test_the_cells_see_the_judged_files_alone(repo: GitRepo, opened: list[Any]) -> None:
    repo.write("logo.min.js", "x\n")
    repo.write("vendor/lib.py", SHELL_CODE)
    verdict = check(repo)
    assert {skip.path for skip in verdict.skipped} >= {"vendor/lib.py"}
    assert [*opened[0]] == [*(f"{name}.py" for name in "abcde"), "plain.py"]
    assert {*opened[0].values()} == {SHELL_CODE, "print(1)\n"}
    assert "vendor/lib.py" not in opened[0]
    assert len(opened[0]) == 6
