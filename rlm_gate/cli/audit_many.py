"""``rlm-gate audit-many``: audit a list of repositories, under one budget."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rlm_gate import config, gate, reports
from rlm_gate.cli import _flags, _opening, _progress, check
from rlm_gate.core import Verdict
from rlm_gate.errors import EXIT_PASS, GateError, UsageError
from rlm_gate.repo import Repo

if TYPE_CHECKING:
    from rlm_gate.scale.many import Entry, Row

HELP = "Audit a list of repositories under one budget; one that fails stops no other."
_CODES = {"pass": 0, "fail": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the list, the folder of the reports, the policy and the models."""
    parser.add_argument("list", metavar="FILE", type=Path, help="repos.yaml, docs/scale.md")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="for all reports")
    _flags.add_policy(parser)
    _flags.add_models(parser)
    parser.add_argument("--batch", action="store_true", help="the maps go by message batches")
    parser.add_argument("--quiet", "-q", action="store_true", help="show no progress")
    parser.set_defaults(
        paths=[], staged=False, all=False, diff=None, rev="HEAD", repo=".", times=False
    )


def run(arguments: argparse.Namespace) -> int:
    """Audit one after the other; write the overview after each, for --resume."""
    from rlm_gate.scale import many

    flags = _flags.flags(arguments)
    entries = many.read(arguments.list)
    past = many.rows(arguments.out / "overview.json") if arguments.resume else {}
    rows: list[Row] = []
    code = EXIT_PASS
    for entry in entries:
        left = _left(arguments.max_usd, rows)
        row, stopped = _one(entry, replace(flags, max_usd=left), arguments, past.get(entry.name))
        rows.append(row)
        print(f"{row.name}: {row.status} {row.error}".rstrip())
        data, text = many.overview(rows)
        reports.store(arguments.out / "overview.json", data, "--out")
        reports.store(arguments.out / "overview.md", text, "--out")
        if stopped:
            return stopped
        code = _worse(code, _CODES.get(row.status, 3))
    return code


def _left(limit: float | None, rows: Sequence[Row]) -> float | None:
    """Return what is left of the one budget; each repository has its default where none is set."""
    if limit is None:
        return None
    return max(0.0, limit - sum(row.usd or 0.0 for row in rows))


def _worse(one: int, other: int) -> int:
    """FAIL outranks INCONCLUSIVE, which outranks PASS, as within one run."""
    return min(one or 9, other or 9) % 9


def _one(
    entry: Entry, flags: config.Flags, arguments: argparse.Namespace, past: Row | None
) -> tuple[Row, int]:
    """Audit one repository; return its row, and an exit code if somebody stopped the work."""
    from rlm_gate.scale import many

    commit = ""
    try:
        folder = _folder(entry)
        commit = _commit(folder, entry.rev)
        if past and past.commit == commit and past.status in _CODES:
            return past, 0
        flags = replace(flags, scope=config.ScopeRequest("rev", entry.rev, (), folder))
        verdict = _judged(flags, arguments, arguments.out / entry.name, commit)
    except GateError as error:
        return many.Row(entry.name, commit, "error", error=str(error)), 0
    stopped = check.exit_code(verdict, "fail") if verdict.interrupted else 0
    return many.row(entry.name, commit, verdict), stopped


def _folder(entry: Entry) -> str:
    if entry.path:
        return entry.path
    from rlm_gate import history

    folder = entry.clone(config.environment().cache_dir / "clones")
    history.clone(entry.url, folder)
    return str(folder)


def _commit(folder: str, rev: str) -> str:
    found = Repo.open(folder)
    if found is None:
        raise UsageError(f"{folder} is no git repository")
    objects = found.objects()
    try:
        return objects.commit(rev)
    finally:
        objects.close()


def _judged(flags: config.Flags, arguments: argparse.Namespace, out: Path, commit: str) -> Verdict:
    from rlm_gate.reports import _history

    remarks: list[str] = []
    with (
        _opening.opened(flags) as settings,
        _progress.on_terminal(quiet=arguments.quiet) as progress,
    ):
        verdict = gate.run(settings, progress, tell=remarks.append)
    for remark in remarks:
        print(f"rlm-gate: {out.name}: {remark}", file=sys.stderr)
    past = _history.read(out / "history.jsonl")
    verdict = replace(verdict, history=past)
    for name, file in (("sarif", "gate.sarif"), ("json", "gate.json"), ("html", "gate.html")):
        reports.store(out / file, reports.load(name).render(verdict), f"--out {file}")
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    _history.add(out / "history.jsonl", verdict, when=now, commit=commit)
    return verdict
