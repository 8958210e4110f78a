"""The file of past runs, one JSON object a line, oldest first: what a trend is drawn from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlm_gate.core import PastRun, Severity, Verdict, display_path
from rlm_gate.errors import UsageError
from rlm_gate.reports import _digest as digest

VERSION = 1


def read(path: Path) -> tuple[PastRun, ...]:
    """Return the runs; none where there is no file yet. Raises UsageError with file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise UsageError(f"--history {display_path(str(path))}: {error}") from error
    return tuple(
        _run(line, f"{display_path(str(path))}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )


def add(path: Path, verdict: Verdict, *, when: str, commit: str) -> None:
    """Append this run; ``when`` is an ISO time. Raises UsageError where that can't be done."""
    severities = [finding.severity for finding in verdict.findings]
    run = PastRun(
        when=when,
        commit=commit,
        status=verdict.status.value,
        findings=tuple((one.label, severities.count(one)) for one in reversed(Severity)),
        blocking=sum(digest.blocks(one, verdict) for one in verdict.findings),
        lines=verdict.coverage.lines,
        usd=verdict.usage.usd,
    )
    append(path, run)


def append(path: Path, run: PastRun) -> None:
    """Append a run. Raises UsageError where that can't be done."""
    line = {"version": VERSION, **asdict(run), "findings": dict(run.findings)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--history {display_path(str(path))}: {reason}") from error


def _run(line: str, place: str) -> PastRun:
    try:
        value: Any = json.loads(line)
        if value["version"] != VERSION:
            raise UsageError(f"{place}: version {value['version']!r}; this release reads {VERSION}")
        return PastRun(
            when=str(value["when"]),
            commit=str(value["commit"]),
            status=str(value["status"]),
            findings=tuple((str(key), int(count)) for key, count in value["findings"].items()),
            blocking=int(value["blocking"]),
            lines=int(value["lines"]),
            usd=None if value["usd"] is None else float(value["usd"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{place}: no line of a history: {error}") from error
