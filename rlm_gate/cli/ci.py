"""``rlm-gate ci``: what action.yml calls, and any other CI by flags.

On GitHub the event says what is judged; elsewhere the flags must. CI without a key is inconclusive,
never green.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace

from rlm_gate import reports
from rlm_gate.cli import _event, _flags, _inputs, check
from rlm_gate.config import Environment, Flags, ScopeRequest, environment
from rlm_gate.core import Verdict
from rlm_gate.errors import GateError, UsageError
from rlm_gate.repo import Repo

HELP = "Judge what a CI run is about; on GitHub, write summary, outputs and annotations."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what check has; action.yml gives the same as inputs."""
    _flags.add_scope(parser)
    _flags.add_policy(parser)
    _flags.add_models(parser)
    _flags.add_output(parser)


def run(arguments: argparse.Namespace) -> int:
    """Judge, and tell the runner the verdict before the exit code does."""
    env = replace(environment(), ci=True)
    if env.github.get("GITHUB_ACTIONS") == "true":
        return _on_github(arguments, env)
    flags = _flags.flags(arguments)
    if flags.scope == ScopeRequest(repo=arguments.repo):
        raise UsageError("outside GitHub, name what is judged: --diff BASE or --all")
    return check.examine(flags, arguments, env)[1]


def _on_github(arguments: argparse.Namespace, env: Environment) -> int:
    from rlm_gate.cli import _github

    with _github.Log() as log:
        try:
            arguments = _inputs.join(arguments, env.inputs, add_arguments)
            verdict, code = _examine(arguments, env)
            log.command(_github.tell(verdict, _files(arguments), env.github))
        except GateError as error:
            log.command(_github.tell_error(error, env.github))
            raise
    return code


def _examine(arguments: argparse.Namespace, env: Environment) -> tuple[Verdict, int]:
    return check.examine(_scoped(_flags.flags(arguments), env), arguments, env)


def _scoped(flags: Flags, env: Environment) -> Flags:
    """Return the flags with the scope of the event, if none was given."""
    given = flags.scope
    if replace(given, paths=()) != ScopeRequest(repo=given.repo):
        return flags
    repo = Repo.open(given.repo)
    if not repo or not repo.head:
        raise NotCheckedOut(f"{given.repo}: no commit is checked out here")
    mode, ref = _event.about(env.github, repo)
    return replace(flags, scope=replace(given, mode=mode, ref=ref))


class NotCheckedOut(UsageError):
    """There is no repository to judge."""

    remedy = "Run actions/checkout first; the input 'directory' names another path than '.'."


def _files(arguments: argparse.Namespace) -> Mapping[str, str]:
    targets = [reports.target(spec) for spec in arguments.output]
    return {target.name: str(target.path) for target in reversed(targets)}
