"""The threads that calls run on: how many at once, and when to stop asking. Knows no models."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeAlias

from rlm_gate.errors import ProviderError
from rlm_gate.rlm.pace import SLOW_DOWN

Task: TypeAlias = Callable[[], None]

_ANSWERS = frozenset({"refusal", "max_tokens"})


class Workers:
    """Daemon threads, started when needed. A hanging one can be left behind, as none is joined.

    The pool of the standard library joins its threads at exit, so a reply that never comes would
    hold the process.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._count = 0

    def submit(self, task: Task) -> None:
        """Run the task on a thread. It must not raise."""
        self._tasks.put(task)
        if not self._idle.acquire(blocking=False):
            self._start()

    def replace_one(self) -> None:
        """Start one more thread in place of one that hangs."""
        with self._lock:
            self._most += 1
        self._start()

    def close(self) -> None:
        """Let the threads end once they are idle. Waits for none."""
        with self._lock:
            count, self._most = self._count, 0
        for _ in range(count):
            self._tasks.put(None)

    def _start(self) -> None:
        with self._lock:
            if self._count >= self._most:
                return
            self._count += 1
        threading.Thread(target=self._work, name="rlm-gate-call", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                self._idle.release()
                task = self._tasks.get()
            if task is None:
                return
            task()


class Throttle:
    """How many requests may be under way: halved when the endpoint says it is too many.

    It grows again by one for every full round of answers. Requests that started before the last
    halving don't halve it again: they tell nothing new.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._active = 0
        self._answers = 0
        self._epoch = 0
        self.limit = most

    def enter(self) -> Slot:
        """Wait for a slot, and take it."""
        with self._changed:
            while self._active >= self.limit:
                self._changed.wait()
            self._active += 1
            return Slot(self, self._epoch)

    def leave(self, slot: Slot, failure: ProviderError | None) -> None:
        """Give the slot back, once, and learn from how the request went."""
        with self._changed:
            if slot.free:
                return
            slot.free = True
            self._active -= 1
            if failure is None:
                self._grow()
            elif failure.kind in SLOW_DOWN and slot.epoch == self._epoch:
                self.limit = max(1, self.limit // 2)
                self._epoch += 1
                self._answers = 0
            self._changed.notify_all()

    def _grow(self) -> None:
        self._answers += 1
        if self._answers >= self.limit and self.limit < self._most:
            self.limit += 1
            self._answers = 0


class Slot:
    """One request under way."""

    __slots__ = ("_throttle", "epoch", "free")

    def __init__(self, throttle: Throttle, epoch: int) -> None:
        self._throttle = throttle
        self.epoch = epoch
        self.free = False

    def leave(self, failure: ProviderError | None = None) -> None:
        """Give the slot back. Later calls do nothing."""
        self._throttle.leave(self, failure)


class Breaker:
    """Stop asking an endpoint that has never answered once ``patience`` calls have failed."""

    def __init__(self, patience: int = 8) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._answered = False
        self._failed = 0
        self._last: ProviderError | None = None

    def check(self) -> None:
        """Raise the kind of error that all calls so far have ended in, if it is time to stop."""
        with self._lock:
            last, failed = self._last, self._failed
            if self._answered or last is None or failed < self._patience:
                return
        message = (
            f"the endpoint answered nothing, {failed} of {failed} calls failed; {last.message}"
        )
        raise ProviderError(last.kind, message)

    def answered(self) -> None:
        """Note a reply, whatever it says."""
        with self._lock:
            self._answered = True

    def failed(self, failure: ProviderError) -> None:
        """Note how a call ended. Being asked to wait is not a failure of the endpoint."""
        if failure.kind in SLOW_DOWN or failure.kind in _ANSWERS:
            return
        with self._lock:
            self._failed += 1
            self._last = failure
