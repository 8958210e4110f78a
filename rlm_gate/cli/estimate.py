"""``rlm-gate estimate``: what an audit with models would send and cost at most, calling nobody."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rlm_gate import config, gate
from rlm_gate.cli import _flags
from rlm_gate.repo import Repo

HELP = "Say what an audit with models would send and cost at most; call nobody."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the scope, the policy and the models, as check has them."""
    _flags.add_scope(parser)
    _flags.add_policy(parser)
    _flags.add_models(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a sentence")


def run(arguments: argparse.Namespace) -> int:
    """Plan the audit and print its bounds."""
    from rlm_gate.reports._digest import forecast

    flags = _flags.flags(arguments)
    found = Repo.open(flags.scope.repo)
    root = Path(found.root) if found and found.root else None
    estimate = gate.estimate(config.settings(flags, root))
    print(json.dumps(asdict(estimate), indent=2) if arguments.json else forecast(estimate))
    return 0
