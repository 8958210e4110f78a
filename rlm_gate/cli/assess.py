"""``rlm-gate assess``: score what parallel workers made."""

from __future__ import annotations

import argparse
from pathlib import Path

from rlm_gate.cli import _flags, _tasks
from rlm_gate.errors import EXIT_FAIL, EXIT_PASS
from rlm_gate.tasks import Result, assess
from rlm_gate.tasks._report import read_text

HELP = assess.HELP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the work is, what was asked for, and the outputs."""
    parser.add_argument(
        "outputs", nargs="*", metavar="OUTPUT", help="*.output files, folders, or one text of all"
    )
    parser.add_argument("--repo", metavar="DIR", default=".", help="the repository, bare or not")
    parser.add_argument("--range", metavar="BASE..HEAD", default="", help="commits, by author")
    parser.add_argument(
        "--branch", metavar="NAME", action="append", default=[], help="a worker is a branch"
    )
    parser.add_argument("--criteria", metavar="FILE", help="acceptance criteria, as a list")
    parser.add_argument(
        "--fail-under", metavar="SCORE", type=_flags.positive, help="exit 1 if a worker has less"
    )
    _tasks.add_shared(parser, "assess")


def run(arguments: argparse.Namespace) -> int:
    """Assess, and let the least overall score decide the exit code if a limit is given."""
    criteria = read_text(Path(arguments.criteria), arguments.criteria) if arguments.criteria else ""
    request = assess.Request(
        arguments.outputs, arguments.repo, arguments.range, arguments.branch, criteria
    )

    def judge(result: Result[assess.Assessment]) -> int:
        least = [one.scores.get("overall") or 0.0 for one in result.answer.workers]
        limit = arguments.fail_under
        return EXIT_FAIL if limit is not None and min(least, default=0.0) < limit else EXIT_PASS

    return _tasks.run("assess", arguments, lambda options: assess.run(request, options), judge)
