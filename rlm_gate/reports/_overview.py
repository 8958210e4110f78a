"""The report over many repositories: as JSON, as Markdown, and as a page with its trend."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rlm_gate.core import PastRun, Severity
from rlm_gate.reports import _history as history
from rlm_gate.reports import _plots as plots
from rlm_gate.reports import html
from rlm_gate.reports._plain import one_line

VERSION = 2
_SEVERITIES = tuple(severity.label for severity in reversed(Severity))
_MAX_RUNS = 60
_MAX_STEPS = 8
_WORST = ("error", "inconclusive", "fail", "pass")


@dataclass(frozen=True, slots=True)
class Row:
    """What one repository came to. ``status`` is the verdict's, or "error" with ``error``.

    ``findings`` count by severity; ``usd`` is the logical cost of the evidence, None for unknown.
    ``identity`` names all that the verdict depends on, "" where there is none.
    """

    name: str
    commit: str
    status: str
    findings: Mapping[str, int] = field(default_factory=dict)
    blocking: int = 0
    lines: int = 0
    usd: float | None = 0.0
    error: str = ""
    identity: str = ""

    @property
    def found(self) -> int:
        """All findings."""
        return sum(self.findings.values())


def data(rows: Sequence[Row]) -> bytes:
    """Return the report as JSON; ``read`` reads it again."""
    total = {
        "repositories": len(rows),
        "by_status": dict(sorted(Counter(one.status for one in rows).items())),
        "blocking": sum(one.blocking for one in rows),
        "usd": _usd(rows),
    }
    listed = [asdict(one) for one in rows]
    return json.dumps({"version": VERSION, "total": total, "repositories": listed}).encode() + b"\n"


def read(path: Path) -> dict[str, Row]:
    """Return what an earlier audit wrote down, by name; nothing where there is no such file."""
    try:
        told = json.loads(path.read_bytes())
        if told["version"] != VERSION:
            return {}
        return {one["name"]: Row(**one) for one in told["repositories"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def text(rows: Sequence[Row]) -> bytes:
    """Return the report as Markdown."""
    lines = [
        "# Audit of many repositories",
        "",
        "| repository | commit | status | blocking | findings | lines | cost |",
        "|---|---|---|---|---|---|---|",
        *(_line(one) for one in rows),
        "",
        *(f"- {_cell(one.name)}: {_cell(one.error)}" for one in rows if one.error),
    ]
    return ("\n".join(lines).rstrip() + "\n").encode("utf-8", "replace")


def page(
    rows: Sequence[Row], past: Sequence[PastRun], each: Mapping[str, Sequence[PastRun]]
) -> bytes:
    """Return the report as a web page; ``past`` are runs over all, ``each`` those by repository."""
    statuses = Counter(one.status for one in rows)
    counts = _counts(rows)
    columns = [*((run.when[5:10], dict(run.findings)) for run in past[-_MAX_RUNS:])]
    columns.append(("now", counts))
    return html.page(
        "overview.html",
        worst=next((one for one in _WORST if statuses[one]), "pass"),
        statuses=[(one, statuses[one]) for one in reversed(_WORST)],
        rows=[_shown(one, each.get(one.name, ())) for one in _sorted(rows)],
        blocking=sum(one.blocking for one in rows),
        lines=sum(one.lines for one in rows),
        usd=_usd(rows),
        severities=[(name, counts[name]) for name in _SEVERITIES],
        trend=plots.stacked([(label, _stack(found)) for label, found in columns]),
    )


def remember(path: Path, rows: Sequence[Row], when: str) -> None:
    """Add this run over all to the history; ``when`` is an ISO time. Raises UsageError."""
    statuses = {one.status for one in rows}
    run = PastRun(
        when=when,
        commit="",
        status=next((one for one in _WORST if one in statuses), "pass"),
        findings=tuple(_counts(rows).items()),
        blocking=sum(one.blocking for one in rows),
        lines=sum(one.lines for one in rows),
        usd=_usd(rows),
    )
    history.append(path, run)


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    return {name: sum(one.findings.get(name, 0) for one in rows) for name in _SEVERITIES}


def _stack(found: Mapping[str, int]) -> list[tuple[str, float]]:
    return [(name, float(found.get(name, 0))) for name in reversed(_SEVERITIES)]


def _usd(rows: Sequence[Row]) -> float | None:
    known = [one.usd for one in rows if one.usd is not None]
    return round(sum(known), 6) if len(known) == len(rows) else None


def _sorted(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the worst first."""
    yield from sorted(rows, key=lambda one: (-one.blocking, _WORST.index(one.status), one.name))


def _shown(one: Row, past: Sequence[PastRun]) -> dict[str, Any]:
    steps = [str(run.blocking) for run in past[-_MAX_STEPS:]]
    return {
        "name": one_line(one.name, 100),
        "link": f"{one.name}/gate.html" if one.status != "error" else "",
        "commit": one_line(one.commit[:12]),
        "status": one.status,
        "counts": [one.findings.get(name, 0) for name in _SEVERITIES],
        "blocking": one.blocking,
        "steps": " → ".join(steps) if len(steps) > 1 else "",
        "lines": one.lines,
        "usd": one.usd,
        "error": one_line(one.error, 400),
    }


def _line(one: Row) -> str:
    cost = "unknown" if one.usd is None else f"${one.usd:.4f}"
    figures = f"{one.blocking} | {one.found} | {one.lines} | {cost}"
    return f"| {_cell(one.name)} | {one.commit[:12]} | {one.status} | {figures} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
