"""Let forked processes share a list of work. Knows nothing of what the work is.

A fork has all that this process knows at no cost, and answers through a file in memory: what it had
finished stays, however it ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Generic, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_NUMBER: Final = 4  # bytes
_HANG_UP: Final = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows knows none
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, _HANG_UP)


def processes() -> int:
    """Return how many may run at once: one where forking is not safe, or there is one core."""
    safe = sys.platform == "linux" and threading.active_count() == 1
    return len(os.sched_getaffinity(0)) if safe else 1


class Crew(Generic[Piece, Result]):
    """A process and its forks. Each takes the next piece as soon as it has done one.

    ``results`` has what was done, by the pieces' numbers. ``ended`` says of each fork that did not
    end well how it did. Whoever does not come to ``finish`` has to call ``end``.
    """

    def __init__(
        self, pieces: Sequence[Piece], work: Callable[[Piece], Result], processes: int
    ) -> None:
        """Fork, and let the forks begin. Where the system grants no process more, fewer do it."""
        self._pieces = pieces
        self._work = work
        self._waiting: IO[bytes] | None = None
        self._forks: list[tuple[int, IO[bytes]]] = []
        self.results: dict[int, Result] = {}
        self.ended: list[str] = []
        try:
            with suppress(OSError):  # no more processes, memory or descriptors
                self._fork(processes - 1)
        except BaseException:
            self.end()
            raise

    def finish(self, taken: Callable[[int], None] = lambda _number: None) -> None:
        """Work until nothing is left. ``taken`` hears the number of each piece begun here.

        All pieces before it have been taken by then, here or by a fork.

        If this is interrupted, the forks are killed, and what they had done until then counts.
        """
        try:
            for number in self._taken():
                taken(number)
                self.results[number] = self._work(self._pieces[number])
            for child, _ in self._forks:  # an interrupt finds them all still here
                os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        finally:
            self.end()

    def end(self) -> None:
        """Take what the forks have done; one that is still at work is killed."""
        while self._forks:
            self._gather(*self._forks.pop())
        if self._waiting:
            self._waiting.close()

    def _fork(self, times: int) -> None:
        if times > 0:
            self._waiting = _shared(range(len(self._pieces)))
        gc.freeze()  # a collection would write to what parent and forks share
        for _ in range(times):
            answers = _memory()
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
            try:
                self._forks.append((self._forked(answers, before), answers))
            except BaseException:
                answers.close()
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _taken(self) -> Iterator[int]:
        """Yield numbers that no other takes: all read one file, whose place they share."""
        if self._waiting is None:
            yield from range(len(self._pieces))
            return
        while number := os.read(self._waiting.fileno(), _NUMBER):
            yield int.from_bytes(number)

    def _forked(self, answers: IO[bytes], mask: Iterable[int]) -> int:
        parent = os.getpid()
        if child := os.fork():
            return child
        status = 1
        try:  # nothing of the parent's may run here: no handler, no exit, no flush
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(_HANG_UP, signal.SIG_IGN)  # the parent, who hears it too, ends us
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for number in self._taken():
                pickle.dump((number, self._work(self._pieces[number])), answers)
                answers.flush()
                if os.getppid() != parent:
                    break
            status = 0
        finally:
            os._exit(status)

    def _gather(self, child: int, answers: IO[bytes]) -> None:
        os.kill(child, signal.SIGKILL)  # of one that has ended it changes nothing
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code:
            self.ended.append(f"killed by signal {-code}" if code < 0 else f"exit code {code}")
        with answers, suppress(EOFError, pickle.UnpicklingError):  # it died in the middle of one
            answers.seek(0)
            while True:
                number, result = pickle.load(answers)  # noqa: S301  # our own fork wrote it
                self.results[number] = result


def _shared(numbers: Iterable[int]) -> IO[bytes]:
    """Return a file in memory of which no two processes read the same number.

    Linux lets one after the other read from the place that processes share in a file, but only in
    one that was opened by its name; one that memfd_create made they may read at the same time.
    """
    with _memory(numbers) as memory:
        return Path(f"/proc/self/fd/{memory.fileno()}").open("rb", buffering=0)


def _memory(numbers: Iterable[int] = ()) -> IO[bytes]:
    """Return a file in memory, to be read from its beginning."""
    memory = os.fdopen(os.memfd_create("rlm-gate"), "w+b")
    try:
        memory.write(b"".join(one.to_bytes(_NUMBER) for one in numbers))
        memory.seek(0)
    except OSError:
        with suppress(OSError):
            memory.close()
        raise
    return memory
