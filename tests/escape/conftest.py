"""The arena in which attacks run: a secret to read, a marker to make, a port to reach."""

from __future__ import annotations

import os
import re
import resource
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rlm_gate.core import Audit, Coverage, Scope, Status, Usage, Verdict
from rlm_gate.errors import SandboxDied
from rlm_gate.rlm.repl import Cell, CodeError, Limits, Repl

TOKEN = "kept-in-the-" + "drawer-4711"
CALLS = 50
_QUICK = Limits(grace=0.5)


@dataclass
class Outcome:
    """What an attack came to: refused, raises, killed or finished; and every trace it left."""

    ended: str
    text: str
    output: str
    seconds: float
    effects: list[str]


class Arena:
    """Runs cells in one sandbox after the other and looks for real effects after each."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.secret = folder / "secret.txt"
        self.secret.write_text(TOKEN)
        self.secret.chmod(0o644)
        self.marker = folder / "marker"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.options = {"context": "some text\nof two lines\n", "limits": _QUICK, **options}
        self.calls = 0
        self.repl: Repl | None = None
        self.memory = _peak()  # whatever earlier tests of this process needed

    def close(self) -> None:
        self.listener.close()
        if self.repl:
            self.repl.close()

    def fill(self, code: str) -> str:
        port = self.listener.getsockname()[1]
        for name, text in {
            "SECRET": str(self.secret),
            "MARKER": str(self.marker),
            "PORT": str(port),
            "NUL": "\0",
            "SURROGATE": "\ud800",
            "FORMFEED": "\f",
        }.items():
            code = code.replace(f"{{{{{name}}}}}", text)
        return re.sub(r"\{\{REPEAT:(.*?):(\d+)\}\}", lambda m: m[1] * int(m[2]), code)

    def run(self, code: str, timeout: float = 2.0) -> Outcome:
        """Run an attack, then a harmless cell, which must work."""
        self.calls = 0
        began = time.monotonic()
        try:
            cell = self._open().run(self.fill(code), timeout)
        except SandboxDied as error:
            self.repl = None
            ended, text, output = "killed", str(error), ""
        else:
            ended, output = _ending(cell), cell.output
            text = f"{cell.output}{cell.error}{cell.refusals}"
        seconds = time.monotonic() - began
        return Outcome(ended, text, output, seconds, [*self._effects(text), *self._next()])

    def _open(self) -> Repl:
        if self.repl is None:
            self.repl = Repl(functions=self._functions(), **self.options).__enter__()
        return self.repl

    def _functions(self) -> dict[str, Any]:
        def count(number: int) -> None:
            self.calls += number
            if self.calls > CALLS:
                raise CodeError("the budget is spent")

        def llm_query(_prompt: str, _spans: Any = (), schema: Any = None) -> str:  # noqa: ARG001 - the shape cells call
            count(1)
            return "ok"

        def llm_query_parallel(prompts: list[Any], schema: Any = None) -> list[str]:  # noqa: ARG001 - as above
            count(len(prompts))
            return ["ok"] * len(prompts)

        def done(_answer: Any = None) -> dict[str, str]:
            return {}

        return {"llm_query": llm_query, "llm_query_parallel": llm_query_parallel, "done": done}

    def _effects(self, text: str) -> Iterator[str]:
        if TOKEN in text:
            yield "read the secret"
        if self.marker.is_dir():
            self.marker.rmdir()
            yield "made the marker"
        elif os.path.lexists(self.marker):
            self.marker.unlink()
            yield "made the marker"
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            pass
        else:
            yield "connected"
        if self.calls > CALLS + 1 and "budget" not in text:
            yield "went over the budget"
        if _peak() > self.memory + 300 * 1024:
            yield "filled the host's memory"

    def _next(self) -> Iterator[str]:
        for _ in range(2):  # the first may tell of an automatic restart
            if self._open().run("print(41 + 1)").output == "42\n":
                return
        yield "spoilt the next cell"


def _peak() -> int:
    """Return the most memory this process ever had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _ending(cell: Cell) -> str:
    if cell.restarted:
        return "killed"
    if cell.error is None:
        return "finished"
    return "refused" if cell.error.type in {"NotAllowed", "SyntaxError"} else "raises"


@pytest.fixture(scope="session")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """One arena with every layer on."""
    folder = tmp_path_factory.mktemp("arena")
    folder.chmod(0o755)
    made = Arena(folder)
    yield made
    made.close()


@pytest.fixture
def verdict() -> Verdict:
    """A verdict to put a finding into."""
    return Verdict(
        status=Status.FAIL,
        scope=Scope("all", "all"),
        threshold=None,
        findings=(),
        refuted=(),
        blocking=frozenset(),
        skipped=(),
        coverage=Coverage(files=1, lines=1, rules=()),
        usage=Usage(),
        audit=Audit(mode="offline"),
        rules=(),
        packs=(),
    )
