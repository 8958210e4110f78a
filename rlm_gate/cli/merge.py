"""``rlm-gate merge``: join the shards of a run into its reports and its exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlm_gate import gate
from rlm_gate.cli import _flags, _opening, check
from rlm_gate.config import Settings
from rlm_gate.core import Verdict

if TYPE_CHECKING:
    from rlm_gate.rlm.callers import Tell
    from rlm_gate.scale.shards import Shard

HELP = "Join the files of check --shard into the reports and the exit code of one run."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the shards and the outputs; everything else stands in the shards."""
    parser.add_argument(
        "shards", nargs="+", metavar="SHARD", type=Path, help="a file that check --shard wrote"
    )
    parser.add_argument("--repo", metavar="DIR", help="the repository, at the shards' commit")
    _flags.add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Start the run that the shards are of, with its map answered by them."""
    from rlm_gate.scale import shards

    read = [shards.read(path) for path in arguments.shards]
    joined = shards.joined(read)
    flags = _opening.flags_of(read[0].flags)
    if arguments.repo:
        flags = replace(flags, scope=replace(flags.scope, repo=arguments.repo))
    flags = replace(flags, times=arguments.times)

    def judge(settings: Settings, progress: gate.Progress, tell: Tell) -> Verdict:
        tell(_paid(read))
        models = replace(settings.models, mode="on", missing=())
        return gate.run(replace(settings, models=models), progress, tell=tell, joined=joined)

    return check.examine(flags, arguments, judge=judge)[1]


def _paid(read: Sequence[Shard]) -> str:
    known = [one.usd for one in read if one.usd is not None]
    spent = f"${sum(known):.4f}" if len(known) == len(read) else "an unknown price"
    return f"the shards paid {spent}"
