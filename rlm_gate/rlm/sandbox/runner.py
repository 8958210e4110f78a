"""Run cells one after the other: the clock, the output, and errors told by line."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from rlm_gate.rlm.sandbox.policy import RefusedCode, compile_cell
from rlm_gate.rlm.sandbox.show import text

_TICK = 0.1
"""Seconds after which a deadline that code swallowed in a ``finally`` strikes again."""
_KEPT_SOURCES = 50
_HIDDEN = {
    "open": "the repository is in files",
    "input": "nobody is there to answer",
    "dir": "show_vars() lists variables",
    "globals": "show_vars() lists variables",
    "locals": "show_vars() lists variables",
    "eval": "json.loads() reads data",
    "exec": "write the code into a cell",
    "compile": "write the code into a cell",
    "id": "addresses differ from run to run",
    "breakpoint": "print() what you want to see",
    "__import__": "write 'import re'",
}


class CellTimeout(BaseException):
    """The cell's time is over. No cell can name it, and a bare ``except:`` does not catch it."""


class CellAbort(BaseException):
    """The host ends the cell."""


class Clock:
    """A deadline by signal that only runs while the cell's own code runs."""

    def __init__(self) -> None:
        self._armed = False
        self._left = 0.0
        signal.signal(signal.SIGALRM, self._strike)

    def _strike(self, _number: int, _frame: FrameType | None) -> None:
        if self._armed:
            raise CellTimeout

    def start(self, seconds: float) -> None:
        """Let the time run."""
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), _TICK)

    def stop(self) -> None:
        """Stop for good."""
        self._armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def pause(self) -> float:
        """Stop while the host works; return what is left."""
        self._armed = False
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        return left


class Output:
    """What a cell prints: the head and the tail within a bound, and the true length."""

    def __init__(self, limit: int) -> None:
        self._head_room = limit * 2 // 3
        self._tail_room = limit - self._head_room
        self.clear()

    def clear(self) -> None:
        """Begin a new cell."""
        self.chars = 0
        self._head: list[str] = []
        self._left = self._head_room
        self._tail: list[str] = []
        self._tail_chars = 0

    def write(self, piece: str) -> None:
        """Add text. Costs memory up to the bound only."""
        self.chars += len(piece)
        if self._left > 0:
            self._head.append(piece[: self._left])
            piece = piece[self._left :]
            self._left -= len(self._head[-1])
        if piece:
            self._tail.append(piece if len(piece) <= self._tail_room else piece[-self._tail_room :])
            self._tail_chars += len(self._tail[-1])
            if self._tail_chars > 16 * self._tail_room:
                self._pack()

    def _pack(self) -> None:
        self._tail = ["".join(self._tail)[-self._tail_room :]]
        self._tail_chars = len(self._tail[0])

    def text(self) -> str:
        """Return the output as it is shown."""
        self._pack()
        head, tail = "".join(self._head), self._tail[0]
        missing = self.chars - len(head) - len(tail)
        if not missing:
            return head + tail
        note = f"\n[... {missing:,} of {self.chars:,} characters left out ...]\n"
        return head + note + tail


def printer(output: Output) -> Any:
    """Return the ``print`` of cells."""

    def print(*values: Any, sep: Any = " ", end: Any = "\n", flush: Any = False) -> None:  # noqa: A001, ARG001 - it stands for print
        between = " " if sep is None else sep
        last = "\n" if end is None else end
        if type(between) is not str or type(last) is not str:
            raise TypeError("sep and end are str")
        shown = [value if type(value) is str else text(value) for value in values]
        output.write(between.join(shown) + last)

    return print


class Runner:
    """Run cells in one scope. What a cell defines stays, whatever becomes of the cell."""

    def __init__(
        self, scope: dict[str, Any], output: Output, clock: Clock, *, policy: bool
    ) -> None:
        self.scope = scope
        self.follow_up: Callable[[], str] = str
        self.output = output
        self.clock = clock
        self._policy = policy
        self._count = 0
        self._sources: dict[str, list[str]] = {}

    def run(self, code: str, seconds: float) -> dict[str, Any]:
        """Run a cell; return its output and its error, both formatted under the deadline."""
        self.output.clear()
        name = self._name(code)
        try:
            try:
                self.clock.start(seconds)
                error = self._attempt(code, name)
            finally:
                self.clock.stop()
        except CellTimeout as timeout:
            self.clock.stop()  # a second strike may have hit the first stop
            error = self._timed_out(timeout, name, seconds)
        except CellAbort as abort:
            error = self._describe("Aborted", "the session has ended", abort.__traceback__, name)
        return {"output": self.output.text(), "chars": self.output.chars, "error": error}

    def _name(self, code: str) -> str:
        self._count += 1
        name = f"<cell {self._count}>"
        self._sources[name] = code.split("\n")
        if len(self._sources) > _KEPT_SOURCES:
            del self._sources[next(iter(self._sources))]
        return name

    def _attempt(self, code: str, name: str) -> dict[str, Any] | None:
        try:
            self._execute(code, name)
            more = self.follow_up()
            if more:
                self._execute(more, "<cell end>")
        except RefusedCode as refused:
            return self._error(refused.kind, refused.message, refused.line, name)
        except Exception as error:  # noqa: BLE001 - the cell's own errors, whatever they are
            return self._failed(error, name)
        return None

    def _execute(self, code: str, name: str) -> None:
        compiled = compile_cell(code, name) if self._policy else compile(code, name, "exec")
        exec(compiled, self.scope)  # noqa: S102 - running cells is what this process is for

    def _failed(self, error: Exception, name: str) -> dict[str, Any]:
        kind = type(error).__name__
        try:
            message = self._message(error)
        except Exception:  # noqa: BLE001 - the cell's own __str__
            message = "(the error has no readable text)"
        return self._describe(kind, message, error.__traceback__, name)

    def _message(self, error: Exception) -> str:
        if isinstance(error, KeyError) and len(error.args) == 1 and type(error.args[0]) is str:
            known = error.args[0]
            return known if known.startswith("no such file") else repr(known)
        message = text(error)
        if isinstance(error, NameError) and error.name in _HIDDEN:
            return f"{error.name!r} is not available here: {_HIDDEN[error.name]}"
        if isinstance(error, MemoryError):
            return "the cell needs more memory than the sandbox has"
        return message

    def _timed_out(self, timeout: CellTimeout, name: str, seconds: float) -> dict[str, Any]:
        message = (
            f"the cell was stopped after {seconds:g} s; what it defined before is kept. "
            "Work on less at once"
        )
        return self._describe("Timeout", message, timeout.__traceback__, name)

    def _describe(
        self, kind: str, message: str, trace: TracebackType | None, name: str
    ) -> dict[str, Any]:
        """Tell the line of this cell, and the place in an older one if the error is there."""
        line: int | None = None
        deepest = (name, 0)
        while trace is not None:
            where = trace.tb_frame.f_code.co_filename
            if where == name:
                line = trace.tb_lineno
            if where in self._sources:
                deepest = (where, trace.tb_lineno)
            trace = trace.tb_next
        if deepest[0] != name:
            source = self._line(*deepest).strip()
            message = f"{message} (in {deepest[0][1:-1]}, line {deepest[1]}: {source})"
        return self._error(kind, message, line, name)

    def _error(self, kind: str, message: str, line: int | None, name: str) -> dict[str, Any]:
        source = self._line(name, line) if line else ""
        return {"type": kind[:200], "message": message[:4000], "line": line, "source": source[:500]}

    def _line(self, name: str, line: int) -> str:
        lines = self._sources.get(name, [])
        return lines[line - 1] if 0 < line <= len(lines) else ""
