"""``rlm-gate checkpoint``: say whether a human should look at an agent's work now."""

from __future__ import annotations

import argparse
from pathlib import Path

from rlm_gate.cli import _tasks
from rlm_gate.errors import EXIT_FAIL, EXIT_PASS
from rlm_gate.tasks import checkpoint
from rlm_gate.tasks._report import read_text

HELP = checkpoint.HELP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the logs, the issue and the outputs."""
    parser.add_argument(
        "logs", nargs="+", metavar="LOG", help="session-*.log, *.jsonl, or a folder of them"
    )
    parser.add_argument("--issue", metavar="FILE", help="what the agent was asked to do")
    parser.add_argument("--exit-code", action="store_true", help="exit 1 if a human should look")
    parser.add_argument(
        "--cache-file", metavar="FILE", help="keep analyses by content in this JSON file"
    )
    _tasks.add_shared(parser, "checkpoint")


def run(arguments: argparse.Namespace) -> int:
    """Decide, and say so by the exit code if asked to."""
    issue = read_text(Path(arguments.issue), arguments.issue) if arguments.issue else ""
    request = checkpoint.Request(arguments.logs, issue, arguments.cache_file)
    return _tasks.run(
        "checkpoint",
        arguments,
        lambda options: checkpoint.run(request, options),
        lambda result: EXIT_FAIL if arguments.exit_code and result.answer.checkpoint else EXIT_PASS,
    )
