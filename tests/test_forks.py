"""Work shared by forks: all of it is done once, and what a fork can't finish is told."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from rlm_gate import forks

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),  # pytest's own
]


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_each_piece_is_done_once(processes: int) -> None:
    crew = forks.Crew([*range(100)], lambda piece: (piece * piece, os.getpid()), processes)
    crew.finish()

    assert [crew.results[number][0] for number in range(100)] == [n * n for n in range(100)]
    assert crew.ended == []


def test_a_fork_takes_pieces_while_the_parent_is_busy() -> None:
    parent = os.getpid()

    def work(_piece: int) -> int:
        time.sleep(0.2 if os.getpid() == parent else 0)
        return os.getpid()

    crew = forks.Crew([*range(20)], work, 2)
    crew.finish()
    assert {*crew.results.values()} > {parent}


def test_pieces_and_results_larger_than_a_pipe_get_through() -> None:
    crew = forks.Crew(["a" * 300_000] * 8, str.upper, 2)
    crew.finish()
    assert {*crew.results.values()} == {"A" * 300_000}
    assert len(crew.results) == 8


@pytest.mark.parametrize(
    ("die", "told"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by signal 9"),
        (lambda: sys.exit(0), "exit code 1"),
        (lambda: 1 / 0, "exit code 1"),
    ],
    ids=["killed", "left", "raised"],
)
def test_what_a_fork_had_taken_when_it_died_is_missing_and_told(die: object, told: str) -> None:
    parent = os.getpid()

    def work(piece: int) -> int:
        if os.getpid() == parent:
            time.sleep(0.3)  # the fork comes first
        elif piece:
            die()  # type: ignore[operator]  # one of the three above
        return piece

    crew = forks.Crew([0, 1, 2, 3], work, 2)
    crew.finish()
    assert crew.ended == [told]
    assert len(crew.results) == 3
    assert all(number == result for number, result in crew.results.items())


def test_an_interrupt_ends_the_forks_and_keeps_what_they_had_done() -> None:
    parent = os.getpid()

    def work(piece: int) -> int:
        if os.getpid() == parent:
            time.sleep(0.5)
            raise KeyboardInterrupt
        if piece > 3:
            time.sleep(60)
        return piece

    before = children()
    crew = forks.Crew([*range(10)], work, 2)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        crew.finish()
    assert time.monotonic() - started < 30
    assert {*crew.results} & {1, 2, 3} or crew.results == {0: 0}
    assert crew.ended == ["killed by signal 9"]
    assert children() <= before  # others of the test process may have ended meanwhile


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_one_core_or_another_thread_means_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks.threading, "active_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2})
    assert forks.processes() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    assert forks.processes() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    monkeypatch.setattr(forks.threading, "active_count", lambda: 2)
    assert forks.processes() == 1
