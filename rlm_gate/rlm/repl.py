"""The host's side of the REPL: one sandboxed child, cells in, what they came to out.

It knows the pipe and the clock; what the functions of a cell do is their caller's business.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, TypeAlias

from rlm_gate.errors import GateError, SandboxDied
from rlm_gate.rlm.frames import Closed, Pipe, Silence, Violation, check_depth, encode
from rlm_gate.rlm.layers import STRICT, Layer, describe, host_layer, level
from rlm_gate.rlm.mapped import MappedFile
from rlm_gate.rlm.plaintext import clean

__all__ = ["Cell", "CellError", "CodeError", "HostFunction", "Json", "Layer", "Limits", "Repl"]

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
HostFunction: TypeAlias = Callable[..., Any]
"""Called with the JSON arguments a cell sent. Raises CodeError (for the model) or GateError."""

MODULES = ("re", "json", "math", "statistics", "collections", "itertools", "textwrap")
"""Facades that are there without an import."""
_CHILD = Path(__file__).parent / "sandbox" / "child.py"
_START_SECONDS = 20.0
_TRIPPED = {-31: "made a forbidden system call", 97: "tried what only an escape would"}
_LOST = "[the sandbox was restarted: variables and results of earlier cells are gone]"


class CodeError(Exception):
    """A mistake of the cell that called a host function; the model sees the text and mends it."""


@dataclass(frozen=True, slots=True)
class CellError:
    """Why a cell failed: the exception's type and text, and the cell's line that failed."""

    type: str
    message: str
    line: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell came to.

    ``output`` is what it printed, head and tail when longer than the limit; ``output_chars`` the
    true length. ``refusals`` are texts of the host to be shown under it (refused findings, a
    ``done()`` that is held back). ``restarted``: the child had to be replaced, its state is lost,
    and the output says so.
    """

    code: str
    output: str
    output_chars: int
    error: CellError | None
    restarted: bool
    refusals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a session.

    Characters of output shown, memory beside the texts, seconds between a cell's time and its
    kill, processor time of a child, calls of host functions in one cell.
    """

    output_chars: int = 20_000
    memory_mb: int = 1024
    grace: float = 2.0
    cpu_seconds: int = 3600
    calls: int = 20_000


class Repl:
    """A session's REPL. Start it with ``with``; cells run one at a time, in any thread.

    The child dies with the *thread* that started it (the kernel's rule for parent-death signals),
    so start a Repl in a thread that lives as long as it does.
    """

    def __init__(
        self,
        *,
        texts: Mapping[str, str] | None = None,
        context: Any = None,
        variables: Mapping[str, Json] | None = None,
        functions: Mapping[str, HostFunction] | None = None,
        limits: Limits | None = None,
        allow_reduced: bool = False,
        _drill: frozenset[str] = frozenset(),
    ) -> None:
        self._texts, self._context = texts, context
        self._variables = dict(variables or {})
        self._functions = dict(functions or {})
        self._signatures = {name: inspect.signature(one) for name, one in self._functions.items()}
        self._limits = limits or Limits()
        self._allow_reduced = allow_reduced
        self._drill = _drill
        self._mapped: MappedFile | None = None
        self._child: _Child | None = None
        self._number = 0
        self._last_call = 0
        self._dead = ""
        self.layers: tuple[Layer, ...] = ()
        self.level = ""

    def __enter__(self) -> Self:
        if os.name != "posix":
            raise SandboxDied("the sandbox needs a POSIX system; use WSL or a container")
        host = host_layer()
        try:
            self._map()
            self._texts = None
            self._start(host)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child and give the texts' memory back."""
        self._stop()
        if self._mapped:
            self._mapped.close()
            self._mapped = None

    def run(self, code: str, timeout: float = 10.0) -> Cell:
        """Run a cell. Its own mistakes are in the Cell.

        Time in host functions does not count. Raises SandboxDied when the child broke the rules
        (the Repl is then over), and what a host function raised, other than CodeError, after the
        cell was ended.
        """
        if self._dead or self._mapped is None:
            raise SandboxDied(self._dead or "the REPL is not open")
        if self._child is None:
            self._restart()
        self._number += 1
        turn = _Turn(self._number, code, timeout, timeout + self._limits.grace)
        try:
            cell = self._converse(turn)
        except Violation as violation:
            self._fail(f"the sandbox broke the protocol: {violation}")
        except Silence:
            cell = self._lost(code, "Timeout", f"the cell was killed after {timeout:g} s")
        except Closed:
            cell = self._ended(code)
        finally:
            if turn.open and self._child:  # it still waits for the answer of a call that failed
                self._stop()
                self._dead = "a function of the host failed"
        if turn.failure:
            raise turn.failure
        return cell

    def _restart(self) -> None:
        if self._mapped and not self._mapped.lasting:
            self._mapped.close()
            self._map()
        self._start(("host-memory", ""))

    def _map(self) -> None:
        self._mapped = MappedFile(self._texts, self._context)
        self._mapped.seal(self._header())

    def _header(self) -> dict[str, Any]:
        assert self._mapped is not None  # noqa: S101 - called between open and seal
        return {
            "variables": self._variables,
            "functions": sorted(self._functions),
            "modules": MODULES,
            "output_chars": self._limits.output_chars,
            "memory": (self._limits.memory_mb << 20) + self._mapped.working_bytes,
            "cpu_seconds": self._limits.cpu_seconds,
            "parent": os.getpid(),
            "policy_path": _policy_path(),
            "skip": sorted(self._drill),
        }

    def _start(self, host: tuple[str, str]) -> None:
        assert self._mapped is not None  # noqa: S101 - the callers checked
        self._child = child = _Child(self._mapped.descriptor)
        self._last_call = 0
        try:
            ready = child.pipe.receive(time.monotonic() + _START_SECONDS)
        except (Violation, Silence, Closed):
            complaint = child.complaint()
            self._fail(f"the sandbox could not be started: {complaint or 'no answer'}")
        if ready["t"] != "ready":
            self._fail("the sandbox broke the protocol while starting")
        policy = ("policy", "left out on purpose" if "policy" in self._drill else "")
        self.layers = describe([host, ("own-process", ""), policy, *map(tuple, ready["layers"])])
        self.level = level(self.layers)
        if self.level != STRICT and not self._allow_reduced:
            missing = ", ".join(layer.name for layer in self.layers if not layer.applied)
            self._fail(f"the sandbox lacks layers it must have here: {missing}")

    def _converse(self, turn: _Turn) -> Cell:
        child = self._child
        assert child is not None  # noqa: S101 - run() started it
        request = {"t": "run", "id": turn.number, "code": turn.code, "seconds": turn.seconds}
        child.pipe.send(encode(request), turn.deadline())
        while True:
            message = child.pipe.receive(turn.deadline())
            if message["t"] == "done":
                break
            if message["t"] != "call" or message["id"] <= self._last_call:
                raise Violation("a message out of turn")
            self._last_call = message["id"]
            child.pipe.send(self._reply(message, turn), turn.deadline())
        if message["id"] != turn.number:
            raise Violation("an answer to another question")
        turn.open = False
        return self._cell(turn.code, message)

    def _reply(self, message: dict[str, Any], turn: _Turn) -> bytes:
        """Return the frame that answers a call. A model's JSON may hold what JSON has not: NaN."""
        answer = self._answer(message, turn)
        try:
            return encode(answer)
        except (ValueError, RecursionError) as error:
            return encode({"error": f"{message['name']}() got an answer that is no JSON: {error}"})

    def _answer(self, message: dict[str, Any], turn: _Turn) -> dict[str, Any]:
        """Call the host function that the cell asks for; the cell's clock stands meanwhile."""
        turn.calls += 1
        turn.hold()
        try:
            if turn.failure is None:
                return {"value": self._call(message, turn)}
        except CodeError as error:
            return {"error": str(error)}
        except GateError as error:
            turn.failure = error
        finally:
            turn.go_on()
        return {"abort": True}

    def _call(self, message: dict[str, Any], turn: _Turn) -> Any:
        name, arguments, named = message["name"], message["args"], message["kwargs"]
        if turn.calls > self._limits.calls:
            raise CodeError(f"more than {self._limits.calls:,} calls in one cell")
        if name not in self._functions:
            raise Violation("a call of a function that was not given")
        check_depth(arguments)
        check_depth(named)
        try:
            self._signatures[name].bind(*arguments, **named)
        except TypeError as error:
            raise CodeError(f"{name}(): {error}") from None
        return self._functions[name](*arguments, **named)

    def _cell(self, code: str, done: dict[str, Any]) -> Cell:
        error = done["error"]
        restarted = done["full"]
        if restarted:
            self._stop()
        output = clean(done["output"][: self._limits.output_chars + 200])
        return Cell(
            code=code,
            output=f"{output}{_LOST}\n" if restarted else output,
            output_chars=done["chars"],
            error=None if error is None else _cell_error(error),
            restarted=restarted,
            refusals=tuple(clean(note[:4000]) for note in done["notes"][:200]),
        )

    def _lost(self, code: str, kind: str, message: str) -> Cell:
        self._stop()
        error = CellError(kind, f"{message}. Work on less at once", None, "")
        return Cell(code, f"{_LOST}\n", 0, error, restarted=True, refusals=())

    def _ended(self, code: str) -> Cell:
        """Tell a crash, which costs the state, from an attempt to leave, which ends everything."""
        assert self._child is not None  # noqa: S101 - it was just talked to
        returned = self._child.wait()
        if returned in _TRIPPED:
            self._fail(f"the code in the sandbox {_TRIPPED[returned]}")
        return self._lost(code, "Crash", f"the cell ended the interpreter ({returned})")

    def _stop(self) -> None:
        if self._child:
            self._child.kill()
            self._child = None

    def _fail(self, reason: str) -> NoReturn:
        self._dead = reason
        self._stop()
        raise SandboxDied(reason) from None


class _Turn:
    """One cell's identity and its clock, which stands while the host works."""

    def __init__(self, number: int, code: str, seconds: float, wall: float) -> None:
        self.number, self.code, self.seconds = number, code, seconds
        self.calls = 0
        self.failure: GateError | None = None
        self.open = True
        self._left = wall
        self._since = time.monotonic()

    def deadline(self) -> float:
        return self._since + self._left

    def hold(self) -> None:
        self._left -= time.monotonic() - self._since

    def go_on(self) -> None:
        self._since = time.monotonic()


class _Child:
    """The process and its pipe."""

    def __init__(self, corpus: int) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-S", "-B", str(_CHILD), str(corpus)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(corpus,),
                env={"PYTHONHASHSEED": "0"},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxDied(f"the sandbox could not be started: {error}") from error
        streams = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._streams = [stream for stream in streams if stream]
        writing, reading, self._complaints = self._streams
        self.pipe = Pipe(reading.fileno(), writing.fileno())

    def complaint(self) -> str:
        """Return the last line the child wrote before it died."""
        watch = select.poll()
        watch.register(self._complaints, select.POLLIN | select.POLLHUP)
        text = self._complaints.read(1 << 16) if watch.poll(1000) else b""
        lines = (text or b"").decode(errors="replace").strip().splitlines()
        return clean(lines[-1]) if lines else ""

    def wait(self) -> int:
        """Return how the child ended."""
        try:
            return self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return 0

    def kill(self) -> None:
        """End the child and everything of it."""
        self._process.kill()
        self._process.wait()
        for stream in self._streams:
            stream.close()


def _cell_error(error: dict[str, Any]) -> CellError:
    return CellError(
        clean(error["type"][:200]),
        clean(error["message"][:4000]),
        error["line"],
        clean(error["source"][:500]),
    )


def _policy_path() -> str:
    """Return the folder RestrictedPython is installed in, without importing it."""
    found = importlib.util.find_spec("RestrictedPython")
    if found is None or found.origin is None:
        raise SandboxDied("RestrictedPython is not installed")
    return str(Path(found.origin).parent.parent)
