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
    from rlm_gate.reports._overview import Row
    from rlm_gate.scale.many import Entry

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
    from rlm_gate.reports import _history, _overview
    from rlm_gate.scale import many

    flags = _flags.flags(arguments)
    entries = many.read(arguments.list)
    out: Path = arguments.out
    earlier = _overview.read(out / "overview.json") if arguments.resume else {}
    past = _history.read(out / "history.jsonl")
    rows: list[Row] = []
    code, stopped = EXIT_PASS, 0
    for entry in entries:
        left = replace(flags, max_usd=_left(arguments.max_usd, rows))
        row, stopped = _one(entry, left, arguments, earlier.get(entry.name))
        rows.append(row)
        print(f"{row.name}: {row.status} {row.error}".rstrip())
        reports.store(out / "overview.json", _overview.data(rows), "--out")
        reports.store(out / "overview.md", _overview.text(rows), "--out")
        code = _worse(code, _CODES.get(row.status, 3))
        if stopped:
            break
    each = {row.name: _history.read(out / row.name / "history.jsonl") for row in rows}
    reports.store(out / "overview.html", _overview.page(rows, past, each), "--out")
    if not stopped:
        _overview.remember(out / "history.jsonl", rows, _now())
    return stopped or code


def _left(limit: float | None, rows: Sequence[Row]) -> float | None:
    """Return what is left of the one budget; each repository has its default where none is set."""
    if limit is None:
        return None
    return max(0.0, limit - sum(row.usd or 0.0 for row in rows))


def _worse(one: int, other: int) -> int:
    """FAIL outranks INCONCLUSIVE, which outranks PASS, as within one run."""
    return min(one or 9, other or 9) % 9


def _one(
    entry: Entry, flags: config.Flags, arguments: argparse.Namespace, earlier: Row | None
) -> tuple[Row, int]:
    """Audit one repository; return its row, and an exit code if somebody stopped the work."""
    from rlm_gate.reports import _overview
    from rlm_gate.scale import many

    commit = ""
    try:
        folder = _folder(entry)
        commit = _commit(folder, entry.rev)
        flags = replace(flags, scope=config.ScopeRequest("rev", entry.rev, (), folder))
        with _opening.opened(flags) as settings:
            identity = many.identity(settings)
            if earlier and earlier.identity == identity and earlier.status in _CODES:
                return earlier, 0
            verdict = _judged(settings, arguments, arguments.out / entry.name, commit)
    except GateError as error:
        return _overview.Row(entry.name, commit, "error", error=str(error)), 0
    stopped = check.exit_code(verdict, "fail") if verdict.interrupted else 0
    return many.row(entry.name, commit, verdict, identity), stopped


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


def _judged(
    settings: config.Settings, arguments: argparse.Namespace, out: Path, commit: str
) -> Verdict:
    from rlm_gate.reports import _history

    remarks: list[str] = []
    with _progress.on_terminal(quiet=arguments.quiet) as progress:
        verdict = gate.run(settings, progress, tell=remarks.append)
    for remark in remarks:
        print(f"rlm-gate: {out.name}: {remark}", file=sys.stderr)
    past = _history.read(out / "history.jsonl")
    verdict = replace(verdict, history=past)
    for name, file in (("sarif", "gate.sarif"), ("json", "gate.json"), ("html", "gate.html")):
        reports.store(out / file, reports.load(name).render(verdict), f"--out {file}")
    _history.add(out / "history.jsonl", verdict, when=_now(), commit=commit)
    return verdict


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
