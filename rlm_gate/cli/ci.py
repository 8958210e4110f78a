"""``rlm-gate ci``: what action.yml calls, and any other CI by flags.

On GitHub the event says what is judged; elsewhere the flags must. CI without a key is inconclusive,
never green.
"""

from __future__ import annotations

import argparse
import sys
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
    parser.add_argument(
        "--comment", action="store_true", help="keep one comment on the pull request up to date"
    )
    parser.add_argument(
        "--suggest", action="store_true", help="suggest safe fixes on the lines of the change"
    )
    parser.add_argument(
        "--fork-policy",
        choices=("fail", "offline"),
        default="fail",
        help="a fork's pull request without a key: exit 3 (default), or detectors alone",
    )


def run(arguments: argparse.Namespace) -> int:
    """Judge, and tell the runner the verdict before the exit code does."""
    env = replace(environment(), ci=True)
    if env.github.get("GITHUB_ACTIONS") == "true":
        return _on_github(arguments, env)
    flags = _elsewhere(_flags.flags(arguments))
    return check.examine(flags, arguments, env)[1]


def _elsewhere(flags: Flags) -> Flags:
    """Return the flags for a CI that tells us nothing: a change is judged by its base's policy."""
    if flags.scope == ScopeRequest(repo=flags.scope.repo):
        raise UsageError("outside GitHub, name what is judged: --diff BASE or --all")
    if flags.scope.mode != "diff" or not flags.scope.ref:
        return flags
    base = flags.policy_ref or flags.scope.ref.partition("...")[0]
    return replace(flags, policy_ref=base, accept_new_unsaid="label")


def _on_github(arguments: argparse.Namespace, env: Environment) -> int:
    from rlm_gate.cli import _github

    with _github.Log() as log:
        try:
            arguments = _inputs.join(arguments, env.inputs, add_arguments)
            flags = _of_event(_flags.flags(arguments), arguments.fork_policy, env)
            verdict, code = check.examine(flags, arguments, env)
            log.command(_github.tell(verdict, _files(arguments), env.github))
            _discuss(verdict, arguments, env)
        except GateError as error:
            log.command(_github.tell_error(error, env.github))
            raise
    return code


def _discuss(verdict: Verdict, arguments: argparse.Namespace, env: Environment) -> None:
    """Comment as asked. What GitHub refuses is told and changes no verdict."""
    if not (arguments.comment or arguments.suggest):
        return
    from rlm_gate.cli import _comment

    where = _comment.pull(env.github)
    if where is None:
        print("rlm-gate: no comment: no pull request, or no GITHUB_TOKEN", file=sys.stderr)
        return
    asked = ((arguments.comment, _comment.keep), (arguments.suggest, _comment.suggest))
    for work in (work for wanted, work in asked if wanted):
        try:
            told = work(verdict, where)
        except _comment.ApiError as error:
            told = f"no comment: {error}. {error.remedy}"
        if told:
            print(f"rlm-gate: {told}", file=sys.stderr)


def _of_event(flags: Flags, fork_policy: str, env: Environment) -> Flags:
    """Return the flags with scope and policy of the event, where none was given."""
    scoped = _scoped(flags, env)
    if scoped.scope.mode != "diff":
        return scoped
    policy = _event.policy(env.github, scoped.scope.ref)
    return replace(
        scoped,
        policy_ref=scoped.policy_ref or policy.base,
        trust_head=policy.trust_head,
        accept_new=scoped.accept_new or policy.accepted,
        accept_new_unsaid="label",
        offline_without_key=policy.fork and fork_policy == "offline",
    )


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
