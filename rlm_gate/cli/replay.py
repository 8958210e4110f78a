"""``rlm-gate replay``: run a journaled check again, with no network and no key."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from rlm_gate.cli import _flags, _opening, check
from rlm_gate.rlm.callers import check_of

HELP = "Repeat a journaled run from its journal alone; any difference is an error."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the journal and the outputs."""
    parser.add_argument("journal", metavar="JOURNAL", type=Path, help="a file below journals/")
    _flags.add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Start the same check, in the directory it ran in, with the journal in the models' place."""
    path = arguments.journal.absolute()
    recorded = check_of(path)
    arguments.output = [_absolute(spec) for spec in arguments.output]
    arguments.history = arguments.history and arguments.history.absolute()
    os.chdir(recorded["directory"])
    flags = replace(_opening.flags_of(recorded["flags"]), replay=path, resume=False)
    return check.judge(flags, arguments)


def _absolute(spec: str) -> str:
    name, equals, path = spec.partition("=")
    return f"{name}{equals}{Path(path).absolute()}" if path else spec
