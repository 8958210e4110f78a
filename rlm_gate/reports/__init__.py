"""Find a report by its file name, render a verdict with it, write it to a file.

A report is a module here whose name has no leading underscore: ``HELP`` and ``render``. It sees a
Verdict and nothing else, and the same verdict gives the same bytes.
"""

from __future__ import annotations

import importlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from rlm_gate.core import Verdict, display_path
from rlm_gate.errors import UsageError


class Report(Protocol):
    """What a module in this folder offers."""

    HELP: str

    def render(self, verdict: Verdict) -> bytes:
        """Return the whole report, UTF-8."""


class Target(NamedTuple):
    """One ``--output FORMAT=PATH``, understood."""

    name: str
    path: Path


def names() -> tuple[str, ...]:
    """Return the names of all reports, sorted: those of their files, ``_`` as ``-``."""
    files = Path(__file__).parent.glob("[!_]*.py")
    return tuple(sorted(file.stem.replace("_", "-") for file in files))


def load(name: str) -> Report:
    """Return the report of that name. Raises UsageError with the names that exist."""
    known = names()
    if name not in known:
        raise UsageError(f"unknown format {name!r}; choose from {', '.join(known)}")
    return cast("Report", importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def target(spec: str) -> Target:
    """Understand ``FORMAT=PATH`` before any work is done. Raises UsageError."""
    name, equals, path = spec.partition("=")
    if not (name and equals and path):
        raise UsageError(
            f"--output {display_path(spec)!r} is not FORMAT=PATH, as in sarif=out.sarif"
        )
    load(name)
    if Path(path).is_dir():
        raise UsageError(f"--output {display_path(spec)}: that is a directory, name a file in it")
    if not _is_special(Path(path)):
        _check_folder(spec, Path(path))
    return Target(name, Path(path))


def write(spec: str, verdict: Verdict) -> None:
    """Render the verdict as ``FORMAT=PATH`` says; the file appears whole or not at all.

    Missing folders are created. A device or a pipe is written to, never replaced.
    """
    name, path = target(spec)
    store(path, load(name).render(verdict), spec)


def store(path: Path, content: bytes, spec: str) -> None:
    """Write a whole report; ``spec`` is how the user asked for it. Raises UsageError."""
    try:
        _store(path, content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--output {display_path(spec)}: {reason}") from error


def _store(path: Path, content: bytes) -> None:
    if _is_special(path):
        with suppress(BrokenPipeError), path.open("ab") as stream:  # a reader may have enough
            stream.write(content)
        return
    final = Path(os.path.realpath(path))  # a link stays a link to the new content
    final.parent.mkdir(parents=True, exist_ok=True)
    draft = final.with_name(f".{final.name[:100]}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        draft.replace(final)
    finally:
        draft.unlink(missing_ok=True)


def _check_folder(spec: str, path: Path) -> None:
    folder = next(one for one in path.absolute().parents if one.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        below = display_path(str(folder))
        raise UsageError(f"--output {display_path(spec)}: can't write below {below}")


def _is_special(path: Path) -> bool:
    """Say whether the path is a device or a pipe; /dev/stdout may well lead to a plain file."""
    if path.parts[:2] in {("/", "dev"), ("/", "proc")}:
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
