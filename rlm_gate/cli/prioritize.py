"""``rlm-gate prioritize``: what to do next of a backlog."""

from __future__ import annotations

import argparse

from rlm_gate.cli import _flags, _tasks
from rlm_gate.tasks import prioritize

HELP = prioritize.HELP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files, the length of the list, and the time it is made for."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="issues.jsonl, JSON of GitHub, or a folder with it"
    )
    parser.add_argument("--top", metavar="N", type=_flags.count, default=10, help="default: 10")
    parser.add_argument("--now", metavar="TIME", help="ISO 8601; default: the newest in the data")
    _tasks.add_shared(parser, "prioritize")


def run(arguments: argparse.Namespace) -> int:
    """Rank, and print."""
    request = prioritize.Request(tuple(arguments.paths), arguments.top, arguments.now)
    return _tasks.run("prioritize", arguments, lambda options: prioritize.run(request, options))
