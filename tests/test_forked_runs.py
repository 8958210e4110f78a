"""Whole runs whose forks are killed, run out of memory, are interrupted or never begin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import SHELL_CODE, SHELL_RULE

from rlm_gate import engines

if TYPE_CHECKING:
    from conftest import GitRepo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone")
MANY = 4 * engines.FEW
# A run with one fork. Given is what the fork does at its second piece, the parent from its first.
# The parent tells when it rests: it has done all that the fork leaves and waits for it, or sleeps.
RUN = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from rlm_gate import forks
from rlm_gate.cli import main
from rlm_gate.detectors import regex
detect, parent, pieces = regex.detect, os.getpid(), []
forks.processes = lambda: 2
waitid = os.waitid
def rests():
    open("{sign}.rests", "w").close()
def waits(*given):
    rests()
    return waitid(*given)
os.waitid = waits
{before}
def judged(corpus, rules):
    pieces.append(corpus)
    if os.getpid() == parent:
        deadline = time.monotonic() + 50
        while not os.path.exists("{sign}") and time.monotonic() < deadline:
            time.sleep(0.01)
        {parent}
    elif len(pieces) == 2:
        sizes = [sum(one.path.endswith(".py") for one in piece.files) for piece in pieces]
        open("{sign}.new", "x").write(" ".join(map(str, sizes)))
        os.rename("{sign}.new", "{sign}")
        {fork}
    return detect(corpus, rules)
regex.detect = judged
sys.exit(main(sys.argv[1:]))
"""

KILL = "os.kill(os.getpid(), {})"
LITTLE_MEMORY = (
    "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28)); bytes(1 << 30)"
)
NO_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"


@contextmanager
def running(
    repo: GitRepo, sign: Path, fork: str = "pass", parent: str = "pass", before: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """Start the run in a session of its own, of which nothing is left afterwards."""
    script = RUN.format(fork=fork, parent=parent, sign=sign, before=before)
    flags = ("--all", "--offline", "--no-cache", f"--repo={repo.path}")
    command = (sys.executable, "-c", script, "check", *flags, "--format=json")
    process = subprocess.Popen(
        (*command, f"--rules={repo.path}/.rlm-gate/rules"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
        assert not in_session(process.pid)
    finally:
        for pid in in_session(process.pid):
            os.kill(pid, signal.SIGKILL)


def in_session(leader: int) -> list[int]:
    """Return who still lives of the session; the dead that nobody waited for do not."""
    listing = ("ps", "-o", "pid=,stat=", "-s", f"{leader}")
    said = subprocess.run(listing, check=False, capture_output=True, text=True).stdout
    lines = (line.split() for line in said.splitlines())
    return [int(pid) for pid, state in lines if not state.startswith("Z")]


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    out, err = process.communicate(timeout=40)
    assert "Traceback" not in err
    return process.returncode, json.loads(out)


def whys(report: dict[str, Any]) -> str:
    return "; ".join(one["why"] for one in report["skipped"] if one["blocking"])


def found(report: dict[str, Any]) -> int:
    return sum(1 + len(one.get("also", ())) for one in report["findings"])


def sizes(sign: Path) -> tuple[int, int]:
    """Return how many files the fork had judged, and how many it was at when something came."""
    first, second = map(int, sign.read_text().split())
    return first, second


def wait_for(sign: Path) -> None:
    """Wait until the fork sleeps and the parent rests, however busy the machine is."""
    deadline = time.monotonic() + 60
    rests = sign.with_name(f"{sign.name}.rests")
    while not (sign.exists() and rests.exists()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert rests.exists()


@pytest.fixture
def repo(git_repo: GitRepo, request: pytest.FixtureRequest) -> GitRepo:
    severity = getattr(request, "param", "high")
    git_repo.write(".rlm-gate/rules/own/shell.yaml", SHELL_RULE.format(severity=severity))
    for number in range(MANY):
        git_repo.write(f"file_{number:03}.py", f"{SHELL_CODE}# {number}\n")
    git_repo.commit()
    return git_repo


@pytest.mark.parametrize(
    ("repo", "code", "fork", "told"),
    [
        pytest.param("high", 1, KILL.format(9), "killed by signal 9", id="killed"),
        pytest.param("info", 3, KILL.format(15), "killed by signal 15", id="terminated"),
        pytest.param("info", 3, NO_ROOM, "exit code 1", id="no room for its answers"),
    ],
    indirect=["repo"],
)
def test_a_fork_that_dies_is_told_and_the_rest_is_kept(
    repo: GitRepo, tmp_path: Path, code: int, fork: str, told: str
) -> None:
    with running(repo, tmp_path / "sign", fork) as process:
        assert (done := ended(process))[0] == code
    assert told in whys(done[1])
    _, lost = sizes(tmp_path / "sign")
    assert found(done[1]) == MANY - lost


def test_files_that_had_no_room_together_are_judged_one_by_one(
    repo: GitRepo, tmp_path: Path
) -> None:
    with running(repo, tmp_path / "sign", LITTLE_MEMORY) as process:
        code, report = ended(process)
    assert (code, found(report), whys(report)) == (1, MANY, "")


@pytest.mark.parametrize(
    ("number", "code", "everyone", "parent"),
    [
        pytest.param(signal.SIGINT, 130, True, "pass", id="Ctrl-C while the parent waits"),
        pytest.param(signal.SIGINT, 130, False, "rests(); time.sleep(60)", id="INT while it works"),
        pytest.param(signal.SIGTERM, 143, True, "rests(); time.sleep(60)", id="TERM to all"),
        pytest.param(signal.SIGTERM, 143, False, "pass", id="TERM while it waits"),
    ],
)
def test_who_interrupts_gets_what_was_found_and_no_process_stays(
    repo: GitRepo, tmp_path: Path, number: int, code: int, everyone: bool, parent: str
) -> None:
    sign = tmp_path / "sign"
    with running(repo, sign, "time.sleep(60)", parent) as process:
        wait_for(sign)
        (os.killpg if everyone else os.kill)(process.pid, number)
        done = ended(process)
    assert done[0] == code
    kept, lost = sizes(sign)
    assert found(done[1]) == (MANY - lost if parent == "pass" else kept)
    assert "what was found until then is kept" in whys(done[1])


def test_without_another_process_one_does_it_all(repo: GitRepo, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    sign.touch()
    refused = "def fork(): raise BlockingIOError(11, 'Resource temporarily unavailable')"
    with running(repo, sign, before=f"{refused}\nos.fork = fork") as process:
        code, report = ended(process)
    assert code == 1
    assert not whys(report)
    assert found(report) == MANY
