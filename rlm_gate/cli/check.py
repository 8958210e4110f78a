"""``rlm-gate check``: judge a change, a revision or the whole repository."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlm_gate import config, kept, repo, reports
from rlm_gate.cli import TERMINATED, _flags, _lastrun, _progress, warn
from rlm_gate.core import PastRun, Verdict, display_path
from rlm_gate.errors import EXIT_INTERRUPTED, EXIT_PASS, EXIT_TERMINATED, UsageError

if TYPE_CHECKING:
    from rlm_gate import gate
    from rlm_gate.rlm.callers import Tell

Judge = Callable[[config.Settings, "gate.Progress", "Tell"], Verdict]
"""What comes to a verdict by these settings: ``gate.run``, or what stands in for it."""

HELP = "Judge the work tree, the index, a diff, a revision or the whole repository."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the scopes, the policy, the models and the outputs."""
    _flags.add_scope(parser)
    _flags.add_policy(parser)
    _flags.add_models(parser)
    _flags.add_output(parser)
    _flags.add_scale(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge, write every report, and let the verdict decide the exit code."""
    if arguments.shard:
        from rlm_gate.cli import _spread

        return _spread.shard(_flags.flags(arguments), arguments)
    if arguments.executor:
        from rlm_gate.cli import _spread

        spread = _spread.on_cluster(arguments)
        return examine(_flags.flags(arguments), arguments, judge=spread)[1]
    return judge(_flags.flags(arguments), arguments)


def judge(flags: config.Flags, arguments: argparse.Namespace) -> int:
    """Run the gate with these flags and return the exit code."""
    return examine(flags, arguments)[1]


def examine(
    flags: config.Flags,
    arguments: argparse.Namespace,
    env: config.Environment | None = None,
    judge: Judge | None = None,
) -> tuple[Verdict, int]:
    """Run the gate, print and write as the output arguments say; return the exit code too.

    Git begins to answer before the rest of the gate is imported.
    """
    try:
        if flags.scope.mode == "staged":
            repo.begin(flags.scope.repo)
        table = "change"
        if flags.scope.whole:
            import hashlib  # noqa: F401  # core.hashes takes it for what is much

            table = "whole"
        with kept.opened((env or config.environment()).cache, table):
            return _examined(flags, arguments, env, judge)
    finally:
        repo.end()


def _examined(
    flags: config.Flags,
    arguments: argparse.Namespace,
    env: config.Environment | None,
    judge: Judge | None,
) -> tuple[Verdict, int]:
    from rlm_gate import gate, masks
    from rlm_gate.cli import _opening

    _check_targets(arguments.output)
    past = _past(arguments.history)
    remarks: list[str] = []
    with (
        _opening.opened(flags, env) as settings,
        _progress.on_terminal(quiet=arguments.quiet) as progress,
    ):
        tell = remarks.append
        verdict = (
            judge(settings, progress, tell) if judge else gate.run(settings, progress, tell=tell)
        )
    for remark in remarks:
        warn(remark)
    verdict = replace(masks.of_verdict(verdict), history=past)
    unwritten = _write(arguments.output, verdict)
    _lastrun.remember(verdict)
    _print(verdict, arguments)
    if arguments.history and flags.replay is None:
        _remember(arguments.history, verdict, repo.Repo.open(flags.scope.repo))
    if unwritten:
        remedy = "Make room there, or name another place; every other report was written."
        raise UsageError(unwritten, remedy=remedy)
    return verdict, exit_code(verdict, settings.on_inconclusive)


def _write(specs: Sequence[str], verdict: Verdict) -> str:
    """Write the reports that can be written, for the run may have cost much; tell of the others."""
    wrong = []
    for spec in specs:
        try:
            reports.write(spec, verdict)
        except UsageError as error:
            wrong.append(str(error))
    return "\n".join(wrong)


def _past(path: Path | None) -> tuple[PastRun, ...]:
    """Return the runs before this one; a broken file is told before any work is done."""
    if path is None:
        return ()
    from rlm_gate.reports import _history

    return _history.read(path)


def _remember(path: Path, verdict: Verdict, found: repo.Repo | None) -> None:
    from datetime import UTC, datetime

    from rlm_gate.reports import _history

    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    _history.add(path, verdict, when=now, commit=(found.head if found else None) or "")


def _check_targets(specs: Sequence[str]) -> None:
    """Refuse outputs that can't all be written, before any work is done."""
    paths = [reports.target(spec).path for spec in specs]
    for path in paths:
        if str(path) == "-":
            raise UsageError("--output writes files; for standard output use --format")
        if paths.count(path) > 1 and not str(path).startswith("/dev/"):
            raise UsageError(f"--output names {display_path(str(path))} more than once")


def exit_code(verdict: Verdict, on_inconclusive: str) -> int:
    """Return the verdict's code; an interrupt outranks it, ``warn`` turns only 3 into 0."""
    if verdict.interrupted:
        return EXIT_TERMINATED if verdict.interrupted == TERMINATED else EXIT_INTERRUPTED
    if verdict.exit_code == 3 and on_inconclusive == "warn":
        return EXIT_PASS
    return verdict.exit_code


def _print(verdict: Verdict, arguments: argparse.Namespace) -> None:
    if sys.stdout is None:  # closed by whoever started us: reports in files are all there is
        return
    if arguments.format == "text":
        from rlm_gate.reports import text

        content = text.render(
            verdict,
            color=_wants_color(),
            verbose=arguments.verbose,
            quiet=arguments.quiet,
        )
    else:
        content = reports.load(arguments.format).render(verdict)
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except OSError as error:
        raise UsageError(f"the report can't be written to standard output: {error}") from error


def _wants_color() -> bool:
    """Say whether to colour: NO_COLOR never, FORCE_COLOR also into a pipe (no-color.org)."""
    env = config.environment()
    return (env.force_color or sys.stdout.isatty()) and not env.no_color
