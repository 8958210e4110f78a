"""How long a call may take, how many run at once, and how long to wait before the next try."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rlm_gate.errors import ProviderError

TIMEOUT = 180.0
WORKERS = 48  # benchmarks/engine.py: 200 calls of 50 ms take 0.40 s at 32, 0.31 at 48, 0.34 at 64
TRIES = 4  # of failures that waiting may mend; being asked to wait counts as none
SLOW_DOWN = frozenset({"rate_limit", "overloaded"})
"""The kinds of failure by which an endpoint asks for fewer calls."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 8.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds for a call, and how many run at once. ``sleep`` and ``clock`` are for tests."""

    timeout: float = TIMEOUT
    workers: int = WORKERS
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


USUAL = Pace()


def pause(failure: ProviderError, attempt: int, key: str, left: float) -> float | None:
    """Return the seconds to wait before the next try; None if there is to be none.

    ``attempt`` counts from 0; ``key`` is the call's, ``left`` are the seconds that it still has.
    """
    if not failure.retryable:
        return None
    if failure.kind not in SLOW_DOWN and attempt + 1 >= TRIES:
        return None
    wait = failure.retry_after
    if wait is None:
        spread = 0.75 + int(key[:2], 16) / 512  # by key: callers must not march in step
        wait = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt) * spread
    return wait if wait < left else None
