"""Jobs for the same engine beside the gate's own: found by file name, imported when asked for.

    from rlm_gate.tasks import Options, assess, checkpoint

    result = assess.run(assess.Request(outputs=["outputs/"]), Options(offline=True))

A new task is one module here whose name has no leading underscore (``Task`` says what it offers),
its prompts ``rlm/prompts/<name>*.md``, and a thin ``cli/<name>.py`` over ``cli/_tasks.py``. In it,
``run``

1. reads the request's files into a ``_report.Sources``: typed parsers, every line they could not
   read noted with ``sources.malformed(...)``, never an exception for what a file holds;
2. works out the deterministic answer, always: it is the offline one, and evidence for the model;
3. asks models through ``_desk.opened(...)``, which yields None offline: ``desk.map(...)`` has the
   sub-model read every line in requests that the host composes (that earns coverage), and
   ``desk.session(...)`` lets the root work in the REPL over ``files`` and ``variables``;
4. keeps a model's claim only with ``Grounds.evidence(path, line, quote)``, which looks the quote up
   and counts what it had to drop;
5. returns a ``_report.Result``. ``render(result, format)`` makes bytes of it for each of FORMATS.

Parsers and heuristics that need more room live in a folder beside the task (``workers/``).
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from rlm_gate.errors import UsageError

if TYPE_CHECKING:
    from rlm_gate.tasks._desk import Options
    from rlm_gate.tasks._report import Evidence, Result

__all__ = ["Evidence", "Options", "Result", "Task", "load", "names"]

_HOMES = {"Options": "_desk", "Result": "_report", "Evidence": "_report"}


class Task(Protocol):
    """What a module in this folder offers beside its own ``Request`` and ``run``."""

    HELP: str
    MAX_USD: float
    """Most dollars a run spends unless the caller says otherwise."""
    FORMATS: tuple[str, ...]
    """What ``render`` can make, the default first."""

    def render(self, result: Result[Any], to: str) -> bytes:
        """Return the report in one of FORMATS, UTF-8."""


def names() -> tuple[str, ...]:
    """Return the tasks' names, sorted."""
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py")))


def load(name: str) -> Task:
    """Import the task of that name. Raises UsageError for one that does not exist."""
    if name not in names():
        raise UsageError(f"unknown task {name!r}; choose from {', '.join(names())}")
    return cast("Task", importlib.import_module(f"{__name__}.{name}"))


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in names():
        return load(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
