"""Let forked processes share a list of work. Knows nothing of what the work is.

A fork has all that this process knows at no cost, and answers through a file in memory: what it had
finished stays, however it ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import IO, Final, Generic, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_NUMBER: Final = 4  # bytes
MOST_PIECES: Final = 65_536 // _NUMBER  # what a pipe holds


def processes() -> int:
    """Return how many may run at once: one where forking is not safe, or there is one core."""
    safe = sys.platform == "linux" and threading.active_count() == 1
    return len(os.sched_getaffinity(0)) if safe else 1


class Crew(Generic[Piece, Result]):
    """A process and its forks. Each takes the next piece as soon as it has done one."""

    def __init__(
        self, pieces: Sequence[Piece], work: Callable[[Piece], Result], processes: int
    ) -> None:
        """Fork, and let the forks begin. ``pieces`` are at most MOST_PIECES."""
        self._pieces = pieces
        self._work = work
        self._waiting, numbers = os.pipe()
        os.write(numbers, b"".join(one.to_bytes(_NUMBER) for one in range(len(pieces))))
        os.close(numbers)
        self.results: dict[int, Result] = {}
        self.ended: list[str] = []
        self._forks = [self._forked() for _ in range(processes - 1)]

    def finish(self) -> None:
        """Work until nothing is left. ``results`` has what was done, by the pieces' numbers.

        ``ended`` says of each fork that did not end well how it did. If this is interrupted, the
        forks are killed, and what they had done until then counts.
        """
        done = False
        try:
            for number in self._taken():
                self.results[number] = self._work(self._pieces[number])
            done = True
        finally:
            os.close(self._waiting)
            while self._forks:
                self._gather(*self._forks.pop(), kill=not done)

    def _taken(self) -> Iterator[int]:
        while number := os.read(self._waiting, _NUMBER):
            yield int.from_bytes(number)

    def _forked(self) -> tuple[int, IO[bytes]]:
        answers = os.fdopen(os.memfd_create("rlm-gate"), "w+b")
        child = os.fork()
        if child:
            return child, answers
        status = 1
        try:  # nothing of the parent's may run here: no handler, no exit, no flush
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            parent = os.getppid()
            for number in self._taken():
                pickle.dump((number, self._work(self._pieces[number])), answers)
                answers.flush()
                if os.getppid() != parent:
                    break
            status = 0
        finally:
            os._exit(status)

    def _gather(self, child: int, answers: IO[bytes], *, kill: bool) -> None:
        if kill:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code:
            self.ended.append(f"killed by signal {-code}" if code < 0 else f"exit code {code}")
        with answers, suppress(EOFError, pickle.UnpicklingError):  # it died in the middle of one
            answers.seek(0)
            while True:
                number, result = pickle.load(answers)  # noqa: S301  # our own fork wrote it
                self.results[number] = result
