"""Work shared by forks: all of it is done once, and what a fork can't finish is told."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
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


@pytest.mark.parametrize("began", [0, 1, 2])
@pytest.mark.parametrize("call", ["fork", "memfd_create"])
def test_where_no_more_processes_begin_those_there_are_do_it_all(
    call: str, began: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = getattr(os, call), []

    def scarce(*arguments: object) -> int:
        asked.append(arguments)
        if len(asked) > began:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return int(real(*arguments))

    monkeypatch.setattr(os, call, scarce)
    crew = forks.Crew([*range(40)], lambda piece: (piece, os.getpid()), 4)
    crew.finish()
    assert [crew.results[number][0] for number in range(40)] == [*range(40)]
    assert len({pid for _, pid in crew.results.values()}) <= 1 + began
    assert crew.ended == []


def test_no_number_of_pieces_is_too_large() -> None:
    crew = forks.Crew(range(200_000), lambda piece: piece, 1)
    crew.finish()
    assert len(crew.results) == 200_000
    shared = forks.Crew(range(100_000), abs, 2)
    shared.finish()
    assert len(shared.results) == 100_000


def test_an_interrupt_while_waiting_for_the_forks_keeps_what_they_had_done() -> None:
    parent = os.getpid()
    seen, say = os.pipe()

    def work(piece: int) -> int:
        if os.getpid() == parent:
            return int(os.read(seen, 1) != b"")  # until the fork has done the first two
        if piece == 3:
            os.write(say, b"!")
            time.sleep(60)
        return piece

    crew = forks.Crew([0, 1, 2, 3, 4], work, 2)
    pieces = iter([4])  # all that the fork leaves
    crew._taken = lambda: pieces  # type: ignore[method-assign]  # the parent comes last
    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.6)
    try:
        with pytest.raises(KeyboardInterrupt):
            crew.finish()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
        os.close(seen)
        os.close(say)
    assert {0, 1, 2} <= {*crew.results}
    assert crew.ended == ["killed by signal 9"]


def test_a_signal_for_all_never_lets_a_fork_go_on_with_its_parents_work() -> None:
    """Ctrl-C reaches the whole group, a fork that has just begun too."""
    parent, fork = os.getpid(), os.fork

    def struck() -> int:
        child = fork()
        if not child:
            os.kill(os.getpid(), signal.SIGINT)
        return child

    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fork", struck)
            crew = forks.Crew([*range(20)], lambda piece: time.sleep(0.01) or piece, 2)
        crew.finish()
    except KeyboardInterrupt:
        if os.getpid() != parent:
            os._exit(99)
        raise
    finally:
        if os.getpid() != parent:
            os._exit(98)
        signal.signal(signal.SIGINT, old)
    assert (len(crew.results), crew.ended) == (20, [])


def test_who_ends_early_leaves_no_fork_behind_and_keeps_what_they_did() -> None:
    def work(piece: int) -> int:
        time.sleep(60 if piece == 3 else 0)
        return piece

    crew = forks.Crew([0, 1, 2, 3], work, 2)
    child = crew._forks[0][0]
    time.sleep(0.5)
    started = time.monotonic()
    crew.end()
    assert time.monotonic() - started < 30
    assert {*crew.results} >= {0, 1, 2}
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    crew.end()  # nothing left to do


def test_one_process_needs_nothing_that_other_systems_lack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    for module, name in [
        *((os, name) for name in ("fork", "memfd_create", "waitid", "sched_getaffinity")),
        (signal, "pthread_sigmask"),
    ]:
        monkeypatch.delattr(module, name)
    crew = forks.Crew("abc", str.upper, forks.processes())
    crew.finish()
    assert crew.results == {0: "A", 1: "B", 2: "C"}


def test_a_beginning_that_is_interrupted_leaves_no_fork_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, begun = os.fork, list[int]()

    def interrupted() -> int:
        if begun:
            raise KeyboardInterrupt
        begun.append(real())
        return begun[0]

    monkeypatch.setattr(os, "fork", interrupted)
    with pytest.raises(KeyboardInterrupt):
        forks.Crew([*range(10)], lambda _piece: time.sleep(60), 3)
    with pytest.raises(ProcessLookupError):
        os.kill(begun[0], 0)


def test_signals_come_through_again_once_the_forks_have_begun() -> None:
    ending = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)
    try:
        crew = forks.Crew([0, 1], lambda _piece: signal.pthread_sigmask(signal.SIG_BLOCK, ()), 2)
        assert not ending & signal.pthread_sigmask(signal.SIG_BLOCK, ())
        crew.finish()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert not any(ending & blocked for blocked in crew.results.values())


def test_a_fork_hears_of_its_end_while_it_works() -> None:
    parent, blocked = os.getpid(), signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def work(piece: int) -> int:
        time.sleep(0.4 if os.getpid() == parent else 60)  # the fork comes first
        return piece

    crew = forks.Crew([0, 1], work, 2)
    time.sleep(0.2)
    os.kill(crew._forks[0][0], signal.SIGTERM)
    crew.finish()
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert crew.ended == ["killed by signal 15"]


def test_what_its_parent_does_at_a_signal_is_not_done_in_a_fork(tmp_path: Path) -> None:
    parent, noted = os.getpid(), tmp_path / "noted"

    def work(piece: int) -> int:
        if os.getpid() == parent:
            time.sleep(0.4)  # the fork comes first
        else:
            os.kill(os.getpid(), signal.SIGINT)  # of a terminal, for all: the parent decides
            os.kill(os.getpid(), signal.SIGTERM)
        return piece

    ending = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(one, lambda *_: noted.touch()) for one in ending]
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)
    try:
        crew = forks.Crew([0, 1], work, 2)
        crew.finish()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for one, handler in zip(ending, before, strict=True):
            signal.signal(one, handler)
    assert crew.ended == ["killed by signal 15"]
    assert not noted.exists()


def test_an_answer_that_was_cut_off_is_missing_and_the_earlier_ones_count() -> None:
    parent = os.getpid()

    def work(piece: int) -> bytes:
        if os.getpid() == parent:
            time.sleep(0.5)  # the fork comes first
        elif piece:
            resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
        return b"x" * (1_000_000 if piece else 10)

    crew = forks.Crew([0, 1, 2], work, 2)
    crew.finish()
    assert crew.ended == ["exit code 1"]
    assert [*map(len, crew.results.values())].count(10) == 1
    assert len(crew.results) == 2


def test_forks_of_a_process_that_is_no_more_end_after_their_piece(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys, time; from rlm_gate import forks\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "def work(piece): (folder / str(piece)).touch(); time.sleep(0.3)\n"
        "crew = forks.Crew(range(100), work, 2)\n"
        "while not any(folder.iterdir()): time.sleep(0.01)\n"
        "print(crew._forks[0][0], flush=True); os._exit(0)\n"
    )
    command = (sys.executable, "-c", code, str(tmp_path))
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    status = Path(f"/proc/{done.stdout.strip()}/stat")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and status.exists() and ") Z " not in status.read_text():
        time.sleep(0.05)
    assert len([*tmp_path.iterdir()]) < 10


def test_no_number_is_taken_twice_however_many_ask_at_once() -> None:
    many = 100_000
    waiting = forks._shared(range(many))
    told, telling = os.pipe()
    if not (child := os.fork()):
        mine = sum(1 for _ in iter(lambda: os.read(waiting.fileno(), 4), b""))
        os.write(telling, mine.to_bytes(4))
        os._exit(0)
    taken = sum(1 for _ in iter(lambda: os.read(waiting.fileno(), 4), b""))
    os.waitpid(child, 0)

    assert taken + int.from_bytes(os.read(told, 4)) == many
    for descriptor in (told, telling):
        os.close(descriptor)
    waiting.close()
