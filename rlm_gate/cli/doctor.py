"""``rlm-gate doctor``: which layers of the sandbox hold here, and which engines are installed."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Any

from rlm_gate import __version__, repo
from rlm_gate.cli import _flags
from rlm_gate.detectors import load
from rlm_gate.errors import EXIT_INCONCLUSIVE, EXIT_PASS, GateError
from rlm_gate.rlm.layers import STRICT, Layer
from rlm_gate.rlm.repl import Repl

HELP = "Show the sandbox's layers, what each stops and how to get a missing one; the versions used."

_NONE = "none"


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. ``level`` is "none" where no sandbox starts; ``why`` says why."""

    versions: dict[str, str]
    layers: tuple[Layer, ...]
    level: str
    why: str = ""

    @property
    def exit_code(self) -> int:
        """0 where model-written code may run and every engine answers, else 3."""
        healthy = self.level == STRICT and "missing" not in self.versions.values()
        return EXIT_PASS if healthy else EXIT_INCONCLUSIVE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the form of the answer."""
    _flags.add_format(parser, "lines (default), or all of it as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Start a sandbox, ask it and the engines, and show what they say."""
    found = examine()
    if arguments.format == "json":
        print(json.dumps(_document(found), indent=2))
    else:
        print("\n".join(_lines(found)))
    return found.exit_code


def examine() -> Examination:
    """Start a sandbox with whatever layers there are, and ask every engine for its version."""
    versions = _versions()
    try:
        with Repl(context="", allow_reduced=True) as repl:
            return Examination(versions, repl.layers, repl.level)
    except GateError as error:
        return Examination(versions, (), _NONE, str(error))


def _versions() -> dict[str, str]:
    asked: dict[str, Callable[[], str]] = {
        "rlm-gate": lambda: __version__,
        "python": platform.python_version,
        "system": lambda: f"{platform.system()} {platform.release()} {platform.machine()}",
        "git": repo.version,
        "ruff": load("ruff").version,
        "ast-grep": lambda: installed("ast-grep-py"),
        "RestrictedPython": lambda: installed("RestrictedPython"),
    }
    return {name: _answer(ask) for name, ask in asked.items()}


def _answer(ask: Callable[[], str]) -> str:
    try:
        return ask().removeprefix("git version ").removeprefix("ruff ")
    except (GateError, PackageNotFoundError):
        return "missing"


def _document(found: Examination) -> dict[str, Any]:
    layers = [asdict(layer) for layer in found.layers]
    return {
        "level": found.level,
        "why": found.why,
        "layers": layers,
        "versions": found.versions,
    }


def _lines(found: Examination) -> Iterator[str]:
    yield "Versions"
    for name, version in found.versions.items():
        yield f"  {name:18} {version}"
    yield ""
    yield "Layers of the sandbox, outermost first"
    for layer in found.layers:
        yield f"  {'holds' if layer.applied else 'MISSING':8} {layer.name:18} stops {layer.stops}"
        if not layer.applied:
            yield f"  {'':27} {layer.why}; {layer.remedy}"
    yield ""
    yield _conclusion(found)


def _conclusion(found: Examination) -> str:
    if found.level == STRICT:
        return "Level: strict. Model-written code may run here."
    if found.layers:
        return (
            "Level: reduced. The root loop, which runs model-written code, is left out unless you "
            "pass --allow-reduced-sandbox; all else works."
        )
    return (
        f"Level: none. No sandbox starts: {found.why}. The root loop is left out; all else works."
    )
