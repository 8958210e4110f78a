"""``rlm-gate ci``: what action.yml calls, and what any other CI calls.

On GitHub the event says what is judged, in GitLab CI and Jenkins their variables; elsewhere the
flags must. CI without a key is inconclusive,
never green.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from rlm_gate import reports
from rlm_gate.cli import _event, _flags, _inputs, check, warn
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
        "--issue", action="store_true", help="keep one issue about the default branch up to date"
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
    flags = _elsewhere(_flags.flags(arguments), arguments.fork_policy, env)
    return check.examine(flags, arguments, env)[1]


def _elsewhere(flags: Flags, fork_policy: str, env: Environment) -> Flags:
    """Return the flags for another CI: a change is judged by its base's policy."""
    if flags.scope == ScopeRequest(repo=flags.scope.repo):
        return _told(flags, fork_policy, env)
    if flags.scope.mode != "diff" or not flags.scope.ref:
        return flags
    base = flags.policy_ref or flags.scope.ref.partition("...")[0]
    return replace(flags, policy_ref=base, accept_new_unsaid="label")


def _told(flags: Flags, fork_policy: str, env: Environment) -> Flags:
    """Return the flags with what the system's variables say. Raises UsageError."""
    from rlm_gate.cli import _systems

    told = _systems.about(env.system, _checked_out(flags.scope.repo)) if env.system else None
    if told is None:
        raise UsageError("this CI says nothing: name what is judged, --diff BASE or --all")
    scope = replace(flags.scope, mode=told.mode, ref=told.ref)
    return _governed(replace(flags, scope=scope), told.policy, fork_policy)


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
    if not (arguments.comment or arguments.suggest or arguments.issue):
        return
    from rlm_gate.cli import _api, _comment, _issue

    where, api = _comment.pull(env.github), _api.opened(env.github)
    works: tuple[tuple[bool, Callable[[], str] | None], ...] = (
        (arguments.comment, partial(_comment.keep, verdict, where) if where else None),
        (arguments.suggest, partial(_comment.suggest, verdict, where) if where else None),
        (arguments.issue, partial(_issue.keep, verdict, api) if api else None),
    )
    for work in (work for wanted, work in works if wanted):
        try:
            told = work() if work else "no comment: no pull request, or no GITHUB_TOKEN"
        except _api.ApiError as error:
            told = f"no comment: {error}. {error.remedy}"
        if told:
            warn(told)


def _of_event(flags: Flags, fork_policy: str, env: Environment) -> Flags:
    """Return the flags with scope and policy of the event, where none was given."""
    scoped = _scoped(flags, env)
    if scoped.scope.mode != "diff":
        return scoped
    return _governed(scoped, _event.policy(env.github, scoped.scope.ref), fork_policy)


def _governed(flags: Flags, policy: _event.Policy, fork_policy: str) -> Flags:
    """Return the flags with whose policy holds."""
    if flags.scope.mode != "diff":
        return flags
    return replace(
        flags,
        policy_ref=flags.policy_ref or policy.base,
        trust_head=policy.trust_head,
        accept_new=flags.accept_new or policy.accepted,
        accept_new_unsaid="label",
        offline_without_key=policy.fork and fork_policy == "offline",
    )


def _scoped(flags: Flags, env: Environment) -> Flags:
    """Return the flags with the scope of the event, if none was given."""
    given = flags.scope
    if replace(given, paths=()) != ScopeRequest(repo=given.repo):
        return flags
    mode, ref = _event.about(env.github, _checked_out(given.repo))
    return replace(flags, scope=replace(given, mode=mode, ref=ref))


def _checked_out(directory: str) -> Repo:
    repo = Repo.open(directory)
    if not repo or not repo.head:
        raise NotCheckedOut(f"{directory}: no commit is checked out here")
    return repo


class NotCheckedOut(UsageError):
    """There is no repository to judge."""

    remedy = (
        "Check it out first, on GitHub with actions/checkout; the input 'directory' names another"
        " path than '.'."
    )


def _files(arguments: argparse.Namespace) -> Mapping[str, str]:
    targets = [reports.target(spec) for spec in arguments.output]
    return {target.name: str(target.path) for target in reversed(targets)}
