"""What the subcommands of the tasks share: flags for models and outputs, reports, exit codes."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlm_gate import masks, tasks
from rlm_gate.cli import _flags, _progress, warn
from rlm_gate.core import display_path
from rlm_gate.errors import EXIT_INCONCLUSIVE, EXIT_PASS, UsageError
from rlm_gate.reports import store

_MARKDOWN = "markdown"
_ESCAPE = re.compile(rb"\\([\\`*_\[\]<>|#])")  # what a report escapes


def add_shared(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare models, limits and outputs of the task of that name."""
    task = tasks.load(name)
    parser.add_argument("--config", metavar="FILE", help="instead of .rlm-gate.yaml")
    _flags.add_models(parser, resumes=False)
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=task.FORMATS, default=task.FORMATS[0], help="for stdout")
    group.add_argument(
        "--output", metavar="FORMAT=PATH", action="append", default=[], help="repeatable"
    )
    group.add_argument("--quiet", "-q", action="store_true", help="show no progress")


def run(
    name: str,
    arguments: argparse.Namespace,
    work: Callable[[tasks.Options], tasks.Result[Any]],
    judge: Callable[[tasks.Result[Any]], int] = lambda _result: EXIT_PASS,
) -> int:
    """Do the work, write and print its reports, and return the exit code.

    ``judge`` decides between 0 and 1; an inconclusive result is 3 whatever it says.
    """
    task = tasks.load(name)
    targets = [_target(spec, task.FORMATS) for spec in arguments.output]
    remarks: list[str] = []
    with _progress.on_terminal(quiet=arguments.quiet) as progress:
        result = work(
            tasks.Options(
                offline=arguments.offline,
                root_model=arguments.root_model,
                sub_model=arguments.sub_model,
                max_usd=arguments.max_usd,
                max_calls=arguments.max_calls,
                deadline=arguments.deadline,
                allow_reduced_sandbox=arguments.allow_reduced_sandbox,
                no_cache=arguments.no_cache,
                config=arguments.config,
                progress=progress,
                tell=remarks.append,
            )
        )
    for remark in remarks:
        warn(remark)
    result = masks.shown(result)
    for to, path in targets:
        store(path, task.render(result, to), f"{to}={path}")
    rendered = task.render(result, arguments.format)
    if arguments.format == _MARKDOWN and sys.stdout.isatty():
        rendered = _ESCAPE.sub(rb"\1", rendered)  # people read it, no renderer does
    sys.stdout.buffer.write(rendered)
    sys.stdout.flush()
    return judge(result) if result.conclusive else EXIT_INCONCLUSIVE


def _target(spec: str, formats: tuple[str, ...]) -> tuple[str, Path]:
    to, equals, path = spec.partition("=")
    if not (equals and path) or to not in formats:
        raise UsageError(
            f"--output {display_path(spec)!r} is not FORMAT=PATH with one of {', '.join(formats)}"
        )
    if Path(path).is_dir():
        raise UsageError(f"--output {display_path(spec)}: that is a directory, name a file in it")
    return to, Path(path)
