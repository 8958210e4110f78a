"""``rlm-gate depmap``: what repositories have to do with each other."""

from __future__ import annotations

import argparse

from rlm_gate.cli import _tasks
from rlm_gate.tasks import depmap

HELP = depmap.HELP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the directories, and the symbol that is to change."""
    parser.add_argument("repos", nargs="+", metavar="REPO", help="a directory; name two or more")
    parser.add_argument(
        "--impact", metavar="PATH:SYMBOL", help="say what a change of this symbol would break"
    )
    _tasks.add_shared(parser, "depmap")


def run(arguments: argparse.Namespace) -> int:
    """Map, and print."""
    request = depmap.Request(tuple(arguments.repos), arguments.impact)
    return _tasks.run("depmap", arguments, lambda options: depmap.run(request, options))
