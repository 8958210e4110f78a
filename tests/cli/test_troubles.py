"""What the machine refuses: places nobody may read or write, full disks, no more processes.

Never a green run over what was not read, and no traceback: the place, the cause and the remedy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import GitRepo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel to refuse")
_SETPRIV = shutil.which("setpriv")
_POWERLESS = (
    () if os.geteuid() else (_SETPRIV or "", "--bounding-set=-all", "--inh-caps=-all", "--")
)
powerless = pytest.mark.skipif(
    os.geteuid() == 0 and not _SETPRIV, reason="root may read everything, and there is no setpriv"
)


_WITHOUT_RULES = {"rules", "install", "depmap", "--version"}


class Run:
    """Runs the command line in a repository, as a process of its own with one pack."""

    def __init__(self, folder: Path, pack: Path) -> None:
        self.folder = folder
        self.pack = pack
        self.limits = "true"

    def __call__(
        self, *arguments: str, more: str = "", prefix: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        rules = () if arguments[0] in _WITHOUT_RULES else ("--rules", str(self.pack))
        command = (*prefix, sys.executable, "-m", "rlm_gate", *arguments, *rules)
        script = f'{self.limits} && exec "$@" {more}'
        done = subprocess.run(
            ("sh", "-c", script, "sh", *command),
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
            errors="surrogateescape",
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done


@pytest.fixture
def run(git_repo: GitRepo, pack: Path) -> Run:
    git_repo.commit(**{"good.txt": "peace\n"})
    return Run(git_repo.path, pack)


@pytest.fixture
def closed(run: Run) -> Iterator[Path]:
    """A folder nobody may enter, with a tracked file and one git does not know."""
    folder = run.folder / "closed"
    folder.mkdir()
    (folder / "tracked.txt").write_text("FORBIDDEN\n")
    subprocess.run(["git", "add", "closed"], cwd=run.folder, check=True)
    (folder / "other.txt").write_text("FORBIDDEN\n")
    folder.chmod(0)
    yield folder
    folder.chmod(0o755)


@powerless
@pytest.mark.parametrize("scope", [("--all",), (), (".",), ("closed",)])
def test_a_folder_that_may_not_be_read_is_missing_evidence(
    run: Run, closed: Path, scope: tuple[str, ...]
) -> None:
    done = run("check", "--offline", *scope, prefix=_POWERLESS)
    assert closed.name
    assert done.returncode == 3, done.stdout
    assert "closed: can't be read: Permission denied" in done.stdout
    if scope:
        assert "closed/tracked.txt: can't be read: Permission denied" in done.stdout


@powerless
def test_a_file_that_may_not_be_read_is_missing_evidence_and_stops_nothing(run: Run) -> None:
    (run.folder / "bad.txt").write_text("FORBIDDEN\n")
    (run.folder / "shut.txt").write_text("FORBIDDEN\n")
    (run.folder / "shut.txt").chmod(0)
    for scope in (("--all",), ()):
        done = run("check", "--offline", *scope, prefix=_POWERLESS)
        assert done.returncode == 1, done.stderr
        assert "shut.txt: can't be read: Permission denied" in done.stdout
        assert "bad.txt:1" in done.stdout


@powerless
def test_outside_a_repository_it_is_missing_evidence_too(tmp_path: Path, pack: Path) -> None:
    run = Run(tmp_path / "plain", pack)
    (run.folder / "closed").mkdir(parents=True)
    (run.folder / "closed").chmod(0)
    try:
        done = run("check", "--offline", ".", prefix=_POWERLESS)
    finally:
        (run.folder / "closed").chmod(0o755)
    assert done.returncode == 3, done.stdout
    assert "closed: can't be read: Permission denied" in done.stdout


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (("baseline", "create", "--offline"), ".rlm-gate/baseline.json"),
        (("rules", "new", "own/mine"), "own/mine.yaml"),
        (("install",), ".git/hooks/pre-"),
    ],
    ids=["baseline", "rule", "hooks"],
)
def test_what_can_not_be_written_is_named_and_nothing_half_written_stays(
    run: Run, command: tuple[str, ...], place: str
) -> None:
    (run.folder / "bad.txt").write_text("FORBIDDEN\n")
    before = {*run.folder.rglob("*")}
    run.limits = "ulimit -f 0"
    done = run(*command)
    assert done.returncode == 2, done.stderr
    assert place in done.stderr
    assert "can't be written: File too large" in done.stderr
    assert "Make room" in done.stderr
    assert not [one for one in {*run.folder.rglob("*")} - before if one.is_file()]


def test_a_report_that_can_not_be_written_takes_no_other_with_it(run: Run) -> None:
    (run.folder / "bad.txt").write_text("FORBIDDEN\n")
    outputs = ("--output=json=/dev/full", "--output=sarif=kept.sarif", "--history", "runs.jsonl")
    done = run("check", "--offline", *outputs)
    assert done.returncode == 2
    assert "--output json=/dev/full: No space left on device" in done.stderr
    assert "every other report was written" in done.stderr
    assert "FAIL: 1 finding blocks" in done.stdout
    assert '"startLine": 1' in (run.folder / "kept.sarif").read_text()
    assert '"status": "fail"' in (run.folder / "runs.jsonl").read_text()


def test_a_sandbox_without_room_is_told_and_the_rest_is_judged(run: Run) -> None:
    (run.folder / "bad.txt").write_text("FORBIDDEN\n")
    run.limits = "ulimit -f 0"
    done = run("check", "--all", "--offline")
    assert done.returncode == 1, done.stderr
    assert "bad.txt:1" in done.stdout


def test_an_answer_that_nobody_gets_is_no_pass_and_no_finding(run: Run) -> None:
    assert run("check", "--offline", more=">/dev/full").returncode == 2
    assert run("check", "--offline", more=">/dev/full 2>/dev/full").returncode == 2
    done = run("rules", "list", more=">/dev/full")
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert run("rules", "list", more=">/dev/full 2>/dev/full").returncode == 3


def test_a_closed_stderr_or_stdin_changes_nothing(run: Run) -> None:
    (run.folder / "bad.txt").write_text("FORBIDDEN\n")
    for more in ("2>&-", "<&-", "2>&- <&-"):
        done = run("check", "--offline", more=more)
        assert done.returncode == 1
        assert "bad.txt:1" in done.stdout


def test_a_machine_that_starts_no_more_is_told_with_the_remedy(run: Run) -> None:
    run.limits = "ulimit -n 9"
    done = run("check", "--all", "--offline")
    assert done.returncode == 3
    assert "Too many open files" in done.stderr
    assert "ulimit" in done.stderr


@pytest.mark.parametrize("command", [("check", "--offline"), ("rules", "list"), ("--version",)])
def test_a_folder_that_is_gone_is_told(run: Run, command: tuple[str, ...]) -> None:
    gone = run.folder / "gone"
    gone.mkdir()
    run.folder = gone
    run.limits = 'rmdir "$PWD"'
    done = run(*command)
    assert done.returncode == 2
    assert "the current folder does not exist any more\nChange to a folder" in done.stderr


def test_a_loop_of_links_is_no_folder(run: Run) -> None:
    (run.folder / "loop").symlink_to("loop")
    for command in (("depmap", "loop"), ("check", "--offline", "--all", "--repo=loop")):
        done = run(*command)
        assert done.returncode == 2, done.stderr
        assert "loop: no such directory" in done.stderr
