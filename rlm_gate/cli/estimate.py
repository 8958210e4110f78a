"""``rlm-gate estimate``: what an audit with models would send and cost at most, calling nobody."""

from __future__ import annotations

import argparse
import json
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
    _flags.add_format(parser, "a sentence (default), or every planned call as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Plan the audit and print its bounds."""
    flags = _flags.flags(arguments)
    found = Repo.open(flags.scope.repo)
    settings = config.settings(flags, Path(found.root) if found and found.root else None)
    if arguments.format == "json":
        from rlm_gate.reports._plain import disarm_json
        from rlm_gate.rlm.planned import document

        text = json.dumps(document(gate.plan(settings)), indent=2, sort_keys=True, allow_nan=False)
        print(disarm_json(text))
        return 0
    from rlm_gate.reports._digest import forecast

    print(forecast(gate.estimate(settings)))
    return 0
