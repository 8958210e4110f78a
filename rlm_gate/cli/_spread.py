"""How ``check`` runs a part of itself, or has its parts run elsewhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rlm_gate import gate
from rlm_gate.cli import TERMINATED, _opening, _progress, warn
from rlm_gate.config import Flags, Settings
from rlm_gate.core import Verdict
from rlm_gate.errors import EXIT_INTERRUPTED, EXIT_PASS, EXIT_TERMINATED, UsageError
from rlm_gate.reports import store

if TYPE_CHECKING:
    from rlm_gate.rlm.slices import Joined


def shard(flags: Flags, arguments: argparse.Namespace) -> int:
    """Make one slice's calls and write them down. 0: written; whether all is well, merge says."""
    from rlm_gate.scale import shards

    if arguments.output or arguments.format != "text":
        raise UsageError("a shard has no report; rlm-gate merge writes them from all shards")
    try:
        piece = shards.parse_slice(arguments.shard)
    except ValueError as error:
        raise UsageError(f"--shard {arguments.shard!r} is not I/N, as in 1/4") from error
    remarks: list[str] = []
    with (
        _opening.opened(flags) as settings,
        _progress.on_terminal(quiet=arguments.quiet) as progress,
    ):
        made = shards.ask(settings, piece, progress, tell=remarks.append)
    for remark in remarks:
        warn(remark)
    content = shards.write(made)
    if arguments.shard_file:
        store(Path(arguments.shard_file), content, f"--shard-file {arguments.shard_file}")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    if made.interrupted:
        return EXIT_TERMINATED if made.interrupted == TERMINATED else EXIT_INTERRUPTED
    return EXIT_PASS


def on_cluster(arguments: argparse.Namespace) -> Callable[..., Verdict]:
    """Return what has others make the shards, and joins them here into the verdict."""
    name, _, place = arguments.executor.partition("://")
    if name not in {"ray", "modal"} or (place and name != "ray"):
        raise UsageError(
            f"--executor {arguments.executor!r}: there are ray, ray://ADDRESS and modal"
        )
    if find_spec(name) is None:
        raise UsageError(f"--executor {name} needs a package more: pip install 'rlm-gate[{name}]'")

    def judge(settings: Settings, progress: gate.Progress, tell: Callable[[str], None]) -> Verdict:
        joined = _asked(name, arguments, settings, progress, tell)
        return gate.run(settings, progress, tell=tell, joined=joined)

    return judge


def _asked(
    name: str,
    arguments: argparse.Namespace,
    settings: Settings,
    progress: gate.Progress,
    tell: Callable[[str], None],
) -> Joined:
    if name == "modal":
        from rlm_gate.scale import modal

        return modal.asked(settings, arguments.shards, progress, tell)
    from rlm_gate.scale import ray

    address = arguments.executor if "://" in arguments.executor else "auto"
    return ray.asked(settings, address, arguments.shards, progress, tell)
