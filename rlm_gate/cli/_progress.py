"""Progress on a terminal: one line on stderr, redrawn. Silent in pipes, hooks and CI."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rlm_gate.config import environment

if TYPE_CHECKING:
    from rlm_gate.gate import Progress

_EVERY = 0.1
_CLEAR = "\r\x1b[2K"


@contextmanager
def on_terminal(*, quiet: bool) -> Iterator[Progress]:
    """Yield what the gate tells its progress to; the line is wiped at the end."""
    env = environment()
    if quiet or env.ci or env.pre_commit or not sys.stderr.isatty():
        yield lambda _phase, _done, _total: None
        return
    line = _Line()
    try:
        yield line.show
    finally:
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()


class _Line:
    """The line, drawn at most ten times a second."""

    def __init__(self) -> None:
        self._drawn = 0.0
        self._phase = ""

    def show(self, phase: str, done: int, total: int) -> None:
        """Draw phase and count; a new phase is drawn at once."""
        now = time.monotonic()
        if phase == self._phase and now - self._drawn < _EVERY and done != total:
            return
        self._drawn, self._phase = now, phase
        count = f" {done}/{total}" if total else ""
        sys.stderr.write(f"{_CLEAR}rlm-gate: {phase}{count}")
        sys.stderr.flush()
