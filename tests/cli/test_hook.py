from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import GitRepo

ZEROS = "0" * 40
Environ = Callable[[Mapping[str, str]], None]
Cli = Callable[..., Any]


@pytest.fixture
def committed(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("first", **{"kept.txt": "peace\n"})
    return git_repo


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Environ:
    def set_all(variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def in_commit(environ: Environ) -> None:
    """What git sets for the hooks of a commit."""
    environ({"GIT_INDEX_FILE": ".git/index"})


@pytest.mark.usefixtures("in_commit")
def test_a_commit_is_judged_by_its_index(committed: GitRepo, cli: Cli) -> None:
    committed.write("kept.txt", "peace\nFORBIDDEN\n")
    committed.git("add", "-A")
    committed.write("kept.txt", "peace\n")

    done = cli("hook")

    assert done.code == 1
    assert "kept.txt:2:1 high words/forbidden" in done.out


@pytest.mark.usefixtures("in_commit")
def test_what_is_not_staged_holds_up_no_commit(committed: GitRepo, cli: Cli) -> None:
    committed.write("kept.txt", "FORBIDDEN\n")
    committed.write("new.txt", "FORBIDDEN\n")

    assert cli("hook").code == 0


@pytest.mark.usefixtures("in_commit")
def test_a_commit_that_only_deletes_is_judged(committed: GitRepo, cli: Cli) -> None:
    committed.git("rm", "-q", "kept.txt")

    done = cli("hook", "--verbose")

    assert done.code == 0
    assert "1 file" in done.out


@pytest.mark.usefixtures("in_commit")
def test_a_commit_asks_no_model_though_there_is_a_key(
    committed: GitRepo, cli: Cli, environ: Environ, asking_pack: Path
) -> None:
    environ({"ANTHROPIC_API_KEY": "made up", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"})
    committed.write("kept.txt", "peace\nmore\n")
    committed.git("add", "-A")

    done = cli("hook", rules=asking_pack)

    assert done.code == 0
    assert done.out.startswith("No language model was called (offline, as asked)")


@pytest.mark.usefixtures("in_commit")
def test_online_asks_before_a_commit(
    committed: GitRepo, cli: Cli, environ: Environ, asking_pack: Path
) -> None:
    environ({"CI": "true"})
    committed.write("kept.txt", "peace\nmore\n")
    committed.git("add", "-A")

    assert cli("hook", "--online", rules=asking_pack).code == 3


@pytest.mark.usefixtures("in_commit")
def test_an_amend_without_changes_does_not_judge_the_whole_tree(
    git_repo: GitRepo, cli: Cli
) -> None:
    git_repo.commit("first", **{"old.txt": "FORBIDDEN\n"})

    assert cli("hook").code == 0


def test_a_run_by_hand_with_nothing_staged_judges_the_whole_tree(
    git_repo: GitRepo, cli: Cli
) -> None:
    git_repo.commit("first", **{"old.txt": "FORBIDDEN\n"})

    done = cli("hook")

    assert done.code == 1
    assert "old.txt:1:1" in done.out


def test_a_run_by_hand_judges_what_is_staged(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit("first", **{"old.txt": "FORBIDDEN\n"})
    git_repo.write("new.txt", "peace\n")
    git_repo.git("add", "-A")

    assert cli("hook").code == 0


def test_refs_given_to_pre_commit_are_compared_at_the_commit_stage_too(
    committed: GitRepo, cli: Cli, environ: Environ
) -> None:
    first = committed.git("rev-parse", "HEAD").strip()
    second = committed.commit("second", **{"new.txt": "FORBIDDEN\n"})
    environ({"PRE_COMMIT_FROM_REF": first, "PRE_COMMIT_TO_REF": second})

    assert cli("hook").code == 1


def test_a_push_is_judged_by_the_pushed_commit_not_the_one_checked_out(
    committed: GitRepo, cli: Cli, environ: Environ
) -> None:
    first = committed.git("rev-parse", "HEAD").strip()
    committed.git("switch", "-q", "-c", "feature")
    pushed = committed.commit("second", **{"new.txt": "FORBIDDEN\n"})
    committed.git("switch", "-q", "main")
    environ({"PRE_COMMIT_FROM_REF": first, "PRE_COMMIT_TO_REF": pushed})

    done = cli("hook", "--stage", "pre-push")

    assert done.code == 1
    assert "new.txt:1:1" in done.out


def test_a_push_judges_nothing_older_than_its_base(
    git_repo: GitRepo, cli: Cli, environ: Environ
) -> None:
    first = git_repo.commit("first", **{"old.txt": "FORBIDDEN\n"})
    pushed = git_repo.commit("second", **{"new.txt": "peace\n"})
    environ({"PRE_COMMIT_FROM_REF": first, "PRE_COMMIT_TO_REF": pushed})

    assert cli("hook", "--stage", "pre-push").code == 0


def test_a_push_that_deletes_a_branch_passes_silently(
    committed: GitRepo, cli: Cli, environ: Environ
) -> None:
    head = committed.git("rev-parse", "HEAD").strip()
    environ({"PRE_COMMIT_FROM_REF": head, "PRE_COMMIT_TO_REF": ZEROS})

    assert cli("hook", "--stage", "pre-push") == (0, "", "")


def test_a_history_new_to_the_remote_is_judged_whole(
    git_repo: GitRepo, cli: Cli, environ: Environ
) -> None:
    git_repo.commit("root", **{"old.txt": "FORBIDDEN\n"})
    git_repo.commit("second", **{"new.txt": "peace\n"})
    environ({"PRE_COMMIT_REMOTE_NAME": "origin", "PRE_COMMIT_LOCAL_BRANCH": "refs/heads/main"})

    done = cli("hook", "--stage", "pre-push")

    assert done.code == 1
    assert "old.txt:1:1" in done.out


def test_a_push_without_a_base_is_compared_with_the_default_branch(
    git_repo: GitRepo, cli: Cli
) -> None:
    git_repo.commit("root", **{"old.txt": "FORBIDDEN\n"})
    git_repo.git("update-ref", "refs/remotes/origin/HEAD", "HEAD")
    git_repo.commit("second", **{"new.txt": "peace\n"})

    assert cli("hook", "--stage", "pre-push").code == 0


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize(
    ("stage", "code"),
    [
        pytest.param("pre-push", 0, id="a push is warned"),
        pytest.param("manual", 3, id="elsewhere it fails"),
    ],
)
def test_missing_evidence_warns_on_a_push_only(
    stage: str, code: int, cli: Cli, environ: Environ, asking_pack: Path
) -> None:
    environ({"CI": "true"})

    done = cli("hook", "--stage", stage, rules=asking_pack)

    assert "INCONCLUSIVE" in done.out
    assert done.code == code


def test_the_configuration_can_make_a_push_wait_for_evidence(
    committed: GitRepo, cli: Cli, environ: Environ, asking_pack: Path
) -> None:
    committed.write(".rlm-gate.yaml", "version: 1\non_inconclusive: fail\n")
    environ({"CI": "true"})

    assert cli("hook", "--stage", "pre-push", rules=asking_pack).code == 3


def test_everything_is_judged_by_hand_at_the_manual_stage(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit("first", **{"old.txt": "FORBIDDEN\n"})
    git_repo.write("new.txt", "peace\n")
    git_repo.git("add", "-A")

    assert cli("hook", "--stage", "manual").code == 1


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give the lines on stdin that git gives a pre-push hook."""

    def give(*lines: str) -> None:
        text = "".join(f"{line}\n" for line in lines).encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))

    return give


def test_every_ref_of_a_push_is_judged(
    committed: GitRepo, cli: Cli, pushed: Callable[..., None]
) -> None:
    base = committed.git("rev-parse", "HEAD").strip()
    good = committed.commit("good", **{"good.txt": "peace\n"})
    bad = committed.commit("bad", **{"bad.txt": "FORBIDDEN\n"})
    pushed(
        f"refs/heads/main {good} refs/heads/main {base}",
        f"refs/heads/feature {bad} refs/heads/feature {good}",
        f"refs/heads/also {bad} refs/heads/also {good}",
        f"(delete) {ZEROS} refs/heads/old {base}",
    )

    done = cli("hook", "--stage", "pre-push", "--remote=origin")

    assert done.code == 1
    assert done.out.count("bad.txt:1:1") == 1  # the third ref is the second once more
    assert done.err.splitlines()[:2] == [
        "rlm-gate: refs/heads/main",
        "rlm-gate: refs/heads/feature",
    ]


def test_a_new_ref_is_compared_with_the_remotes_main_branch(
    git_repo: GitRepo, cli: Cli, pushed: Callable[..., None]
) -> None:
    git_repo.commit("root", **{"old.txt": "FORBIDDEN\n"})
    git_repo.git("update-ref", "refs/remotes/up/main", "HEAD")
    head = git_repo.commit("second", **{"new.txt": "peace\n"})
    pushed(f"refs/heads/new {head} refs/heads/new {ZEROS}")

    assert cli("hook", "--stage", "pre-push", "--remote=up").code == 0


def test_a_ref_whose_old_commit_is_not_here_is_judged_whole(
    git_repo: GitRepo, cli: Cli, pushed: Callable[..., None]
) -> None:
    head = git_repo.commit("root", **{"old.txt": "FORBIDDEN\n"})
    pushed(f"refs/heads/main {head} refs/heads/main {'1' * 40}")

    assert cli("hook", "--stage", "pre-push", "--remote=origin").code == 1


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize(
    ("arguments", "line", "said"),
    [
        pytest.param(("--remote=origin",), "", "--stage pre-push", id="another stage"),
        pytest.param(
            ("--stage", "pre-push", "--remote=origin", "--output", "json=x.json"),
            "",
            "stdout only",
            id="one file for many refs",
        ),
        pytest.param(
            ("--stage", "pre-push", "--remote=origin"), "hello", "no line", id="not git's line"
        ),
    ],
)
def test_what_no_push_looks_like_is_refused(
    arguments: tuple[str, ...], line: str, said: str, cli: Cli, pushed: Callable[..., None]
) -> None:
    pushed(*([line] if line else []))

    done = cli("hook", *arguments)

    assert done.code == 2
    assert said in done.err
