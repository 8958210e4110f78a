"""The process that runs cells: load the mapped corpus, shut itself in, serve the pipe.

Started as ``python -P -s -S -B child.py``; it loads its siblings by path, so that neither the
package around them nor anything of the judged repository is ever imported.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import json
import mmap
import os
import sys
import types
from collections.abc import Callable
from typing import Any

_NAME = "rlm_gate.rlm.sandbox"
_PIECES = 32
"""A context is taken out of the file in so many pieces; one is the most that is held twice."""


def _find_siblings() -> None:
    """Make ``rlm_gate.rlm.sandbox`` importable without its parents' code."""
    parts = _NAME.split(".")
    for count in range(1, len(parts) + 1):
        package = types.ModuleType(".".join(parts[:count]))
        package.__path__ = [os.path.dirname(os.path.abspath(__file__))] if count == 3 else []  # noqa: PTH100, PTH120 - pathlib costs 5 ms of the start
        sys.modules[package.__name__] = package


class Corpus:
    """The mapped file: texts one after the other, then the header, then its length."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self._map = mmap.mmap(descriptor, self.size, access=mmap.ACCESS_READ)
        length = int.from_bytes(self._map[-8:], "little")
        self.header: dict[str, Any] = json.loads(self._map[self.size - 8 - length : self.size - 8])

    def load(self, offset: int, length: int) -> str:
        """Decode one text."""
        with memoryview(self._map) as whole, whole[offset : offset + length] as part:
            return str(part, "utf-8", "surrogatepass")

    def index(self) -> dict[str, tuple[int, int]] | None:
        """Return where each file's text is, or None when the material is in ``context``."""
        listed = self.header["files"]
        if listed is None:
            return None
        found = {}
        for path, offset, length in listed:
            found[path] = (offset, length)
        return found

    def context(self) -> Any:
        """Return ``context`` as the caller gave it: a str, a list or a dict. Works once."""
        self._map.close()
        self._map = mmap.mmap(self._descriptor, self.size, access=mmap.ACCESS_WRITE)
        kind, parts = self.header["context"]
        if kind == "text":
            return self._take(*parts)
        if kind == "texts":
            return [self._take(*part) for part in parts]
        if kind == "named":
            return {name: self._take(*part) for name, part in parts}
        return json.loads(self._take(*parts))

    def _take(self, offset: int, length: int) -> str:
        """Decode one text piece by piece, giving the memory of each piece back."""
        text, end = Growing(), offset + length
        step = max(length // _PIECES, 1 << 16)
        while offset < end:
            stop = min(offset + step, end)
            while stop < end and self._map[stop] & 0xC0 == 0x80:  # within a character
                stop += 1
            text.append(self.load(offset, stop - offset))
            self._drop(offset, stop)
            offset = stop
        return text.value()

    def _drop(self, start: int, stop: int) -> None:
        """Give the whole pages in between back. Where that can't be, they are kept for longer."""
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        pages = (stop - first) // mmap.PAGESIZE
        if pages > 0 and hasattr(mmap, "MADV_REMOVE"):
            with contextlib.suppress(OSError):
                self._map.madvise(mmap.MADV_REMOVE, first, pages * mmap.PAGESIZE)

    def close_unless_files(self) -> None:
        """Give the memory of the mapping back when nothing is read from it any more."""
        if self.header["files"] is None:
            self._map.close()


class Growing:
    """A str that grows in place, as ``+=`` does only where the interpreter happens to see it.

    By PyUnicode_Append of the C API, which copies nothing while nobody else holds the str.
    """

    def __init__(self) -> None:
        self._append = ctypes.pythonapi.PyUnicode_Append
        self._append.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.py_object]
        self._append.restype = None
        new = ctypes.pythonapi.PyUnicode_FromString
        new.argtypes, new.restype = [ctypes.c_char_p], ctypes.c_void_p
        self._held = ctypes.c_void_p(new(b""))

    def append(self, piece: str) -> None:
        """Add a piece. Raises MemoryError as ``+=`` does."""
        self._append(ctypes.byref(self._held), piece)

    def value(self) -> str:
        """Return the str. It grows no more."""
        release = ctypes.pythonapi.Py_DecRef
        release.argtypes, release.restype = [ctypes.c_void_p], None
        text: str = ctypes.cast(self._held, ctypes.py_object).value
        release(self._held)
        return text


class Host:
    """The pipe as a function call: one request out, one answer back, the clock stopped between."""

    def __init__(self, clock: Any) -> None:
        from rlm_gate.rlm.sandbox import calls, pipe, runner

        self._clock, self._pipe, self._calls, self._runner = clock, pipe, calls, runner
        self._number = 0

    def ask(self, name: str, arguments: list[Any], named: dict[str, Any]) -> Any:
        """Call a host function. Raises HostError with the host's reason."""
        message = {"t": "call", "id": self._number + 1, "name": name, "args": arguments}
        frame = self._pipe.encode({**message, "kwargs": named})
        _headroom(100)
        left = self._clock.pause()
        self._number += 1
        answer = self._exchange(frame)
        self._clock.start(left)
        if "abort" in answer:
            raise self._runner.CellAbort
        if "error" in answer:
            raise self._calls.HostError(answer["error"])
        return answer["value"]

    def _exchange(self, frame: bytes) -> Any:
        """Talk to the host. What breaks off in the middle would put the pipe out of step."""
        whole = False
        try:
            self._pipe.send(frame)
            answer = self._pipe.receive()
            whole = True
        finally:
            if not whole:
                os._exit(98)
        return answer


def _headroom(depth: int) -> None:
    """Raise RecursionError now rather than in the middle of a frame."""
    if depth:
        _headroom(depth - 1)


def _scope(corpus: Corpus, host: Host, output: Any) -> tuple[dict[str, Any], Any]:
    """Return the variables of the first cell, and the maker of the host's functions."""
    from rlm_gate.rlm.sandbox import builtin, calls, facades, library, runner

    header = corpus.header
    printing = runner.printer(output)
    modules = facades.build()
    scope: dict[str, Any] = {"__builtins__": builtin.build(modules, printing), **builtin.guarding()}
    functions = calls.Calls(host.ask, frozenset(header["functions"]), scope)
    made = functions.functions()
    index = corpus.index()
    files = None if index is None else library.Files(index, corpus.load)
    functions.met = lambda: calls.met(files)
    names = library.Library(files, made.get("outline")).functions()
    scope.update({name: modules[name] for name in header["modules"]})
    scope.update(names, **made, results={}, answer={})
    scope["LLMError"] = calls.LLMError
    if files is not None:
        scope["files"] = files
    if header["context"] is not None:
        scope["context"] = corpus.context()
    corpus.close_unless_files()
    for value in (*scope.values(), *scope["__builtins__"].values()):
        if isinstance(value, types.FunctionType):
            value.__qualname__ = value.__name__
    scope.update(header["variables"])
    functions.given = frozenset(scope)
    return scope, functions


def _serve(runner: Any, functions: Any, pipe: Any, probe: Callable[[], bool]) -> None:
    """Run one cell for each request, until the host goes away."""
    while True:
        request = pipe.receive()
        functions.notes.clear()
        done = runner.run(request["code"], request["seconds"])
        error = done["error"]
        full = bool(error and error["type"] == "MemoryError" and not probe())
        notes = [str(note)[:4000] for note in functions.notes[:200]]
        pipe.send(
            pipe.encode({"t": "done", "id": request["id"], **done, "notes": notes, "full": full})
        )


def main(descriptor: int) -> None:
    """Load, lock, say what holds, serve."""
    corpus = Corpus(descriptor)
    header = corpus.header
    sys.path.append(header["policy_path"])
    from rlm_gate.rlm.sandbox import lockdown, pipe, runner

    output = runner.Output(header["output_chars"])
    clock = runner.Clock()
    scope, functions = _scope(corpus, Host(clock), output)
    cells = runner.Runner(scope, output, clock, policy="policy" not in header["skip"])
    cells.follow_up = functions.follow_up
    if "policy" in header["skip"]:  # the layer drill: plain Python inside the other layers
        printing = scope["__builtins__"]["print"]
        scope["__builtins__"] = {**scope["__builtins__"], **vars(builtins), "print": printing}
    wanted = lockdown.Wanted(
        header["memory"], header["cpu_seconds"], header["parent"], frozenset(header["skip"])
    )
    memory = header["memory"] // 4

    def roomy() -> bool:
        try:
            bytes(memory)  # reserved, not touched
        except MemoryError:
            return False
        return True

    report = lockdown.Lockdown(wanted).apply()
    pipe.send(pipe.encode({"t": "ready", "layers": report}))
    _serve(cells, functions, pipe, roomy)


if __name__ == "__main__":
    _find_siblings()
    main(int(sys.argv[1]))
