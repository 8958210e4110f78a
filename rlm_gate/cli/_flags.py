"""The flags that several subcommands share, and how they become ``config.Flags``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from rlm_gate import reports
from rlm_gate.config import Flags, ScopeRequest
from rlm_gate.core import Severity

_LEVELS = (*(severity.label for severity in reversed(Severity)), "never")


def add_scope(parser: argparse.ArgumentParser) -> None:
    """Declare what is judged. Without any of these: the work tree against HEAD."""
    group = parser.add_argument_group("scope (default: the work tree against HEAD)")
    group.add_argument(
        "paths", nargs="*", metavar="PATH", help="narrow the scope; alone: whole files"
    )
    one = group.add_mutually_exclusive_group()
    one.add_argument("--staged", action="store_true", help="the index against HEAD")
    one.add_argument("--diff", metavar="BASE[...HEAD]", help="from the merge base to HEAD")
    one.add_argument("--rev", metavar="REV", help="the whole tree of a revision")
    one.add_argument("--all", action="store_true", help="the whole work tree")
    group.add_argument("--repo", metavar="DIR", default=".", help="the repository, bare or not")


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Declare which rules count and what fails the gate."""
    group = parser.add_argument_group("policy")
    group.add_argument("--config", metavar="FILE", help="instead of .rlm-gate.yaml")
    group.add_argument(
        "--policy-ref", metavar="REF", help="with --diff: the policy of this commit, not the judged"
    )
    group.add_argument(
        "--accept-new-suppressions",
        action="store_true",
        help="let suppressions count that the change itself adds",
    )
    group.add_argument(
        "--rules", metavar="DIR|PACK", action="append", help="instead of the configured packs"
    )
    group.add_argument("--select", metavar="RULE", action="append", help="only this rule or pack")
    group.add_argument(
        "--ignore", metavar="RULE", action="append", help="without this rule or pack"
    )
    group.add_argument(
        "--fail-on", choices=_LEVELS, help="least severity that fails the gate (default: high)"
    )
    group.add_argument(
        "--no-ignores", action="store_true", help="judge generated, vendored and minified files too"
    )
    group.add_argument(
        "--import-sarif",
        metavar="FILE",
        action="append",
        default=[],
        help="judge what another scanner found, too; repeatable",
    )
    group.add_argument(
        "--on-inconclusive", choices=("fail", "warn"), help="exit 3 (default) or warn and exit 0"
    )


def add_models(parser: argparse.ArgumentParser, *, resumes: bool = True) -> None:
    """Declare the models and their limits; ``resumes``: an unfinished run can be taken up."""
    group = parser.add_argument_group("models")
    group.add_argument("--offline", action="store_true", help="call no language model")
    group.add_argument(
        "--root-model", metavar="M", type=_model, help="the model that works in the REPL"
    )
    group.add_argument(
        "--sub-model", metavar="M", type=_model, help="the model that answers over pieces"
    )
    group.add_argument("--max-usd", metavar="X", type=positive, help="most dollars to spend")
    group.add_argument("--max-calls", metavar="N", type=count, help="most model calls")
    group.add_argument("--deadline", metavar="S", type=positive, help="most seconds for the audit")
    group.add_argument(
        "--no-cache", action="store_true", help="ask and judge again what was known before"
    )
    if resumes:
        group.add_argument(
            "--resume", action="store_true", help="go on with the unfinished run of the same input"
        )
    group.add_argument(
        "--allow-reduced-sandbox",
        action="store_true",
        help="run the root loop where the sandbox is not strict",
    )


def add_scale(parser: argparse.ArgumentParser) -> None:
    """Declare how a run is spread."""
    group = parser.add_argument_group("scale (docs/scale.md)")
    group.add_argument(
        "--batch",
        action="store_true",
        help="put the map to the models by message batches: half the price, within 24 hours",
    )
    group.add_argument(
        "--shard",
        metavar="I/N",
        help="make only this slice of the model calls, and print it for rlm-gate merge",
    )
    group.add_argument(
        "--shard-file", metavar="FILE", help="write the shard there instead of to stdout"
    )
    group.add_argument(
        "--executor",
        metavar="ray[://ADDRESS]|modal",
        help="have a Ray cluster or Modal's containers make the shards, and join them here",
    )
    group.add_argument(
        "--shards", metavar="N", type=count, default=16, help="for --executor (default: 16)"
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare the reports."""
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=reports.names(), default="text", help="for stdout")
    group.add_argument(
        "--output", metavar="FORMAT=PATH", action="append", default=[], help="repeatable"
    )
    group.add_argument(
        "--history", metavar="FILE", type=Path, help="add this run to FILE; html draws its trend"
    )
    group.add_argument(
        "--times", action="store_true", help="put what each model call took into html and json"
    )
    group.add_argument("--quiet", "-q", action="store_true", help="findings and verdict only")
    group.add_argument("--verbose", "-v", action="store_true", help="no cuts in the text report")


def add_format(parser: argparse.ArgumentParser, shown: str) -> None:
    """Declare ``--format text|json`` and its short form, for commands that print one answer."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help=shown)
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="short for --format json"
    )


def flags(arguments: argparse.Namespace) -> Flags:
    """Return what the command line gave; None and () are what it did not."""
    return Flags(
        scope=_scope(arguments),
        config=arguments.config,
        rules=tuple(arguments.rules) if arguments.rules else None,
        select=_many(arguments.select),
        ignore=_many(arguments.ignore),
        fail_on=arguments.fail_on,
        policy_ref=arguments.policy_ref,
        accept_new="--accept-new-suppressions" if arguments.accept_new_suppressions else "",
        no_ignores=arguments.no_ignores,
        import_sarif=tuple(arguments.import_sarif),
        offline=arguments.offline,
        root_model=arguments.root_model,
        sub_model=arguments.sub_model,
        max_usd=arguments.max_usd,
        max_calls=arguments.max_calls,
        deadline=arguments.deadline,
        on_inconclusive=arguments.on_inconclusive,
        allow_reduced_sandbox=arguments.allow_reduced_sandbox,
        no_cache=arguments.no_cache,
        resume=arguments.resume,
        replay=getattr(arguments, "replay", None),
        times=getattr(arguments, "times", False),
        batch=getattr(arguments, "batch", False),
    )


def _scope(arguments: argparse.Namespace) -> ScopeRequest:
    mode, ref = "worktree", None
    if arguments.staged:
        mode = "staged"
    elif arguments.all:
        mode = "all"
    elif arguments.diff is not None:
        mode, ref = "diff", arguments.diff
    elif arguments.rev is not None:
        mode, ref = "rev", arguments.rev
    return ScopeRequest(mode, ref, tuple(arguments.paths), arguments.repo)


def _many(values: Iterable[str] | None) -> tuple[str, ...]:
    """Accept the flag repeated and its value separated by commas, as ruff does."""
    return tuple(part for value in values or () for part in value.split(",") if part)


def _model(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("a model's name is wanted")
    return text


def positive(text: str) -> float:
    """Return a number above 0, for argparse."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error


def count(text: str) -> int:
    value = _number(text)
    if value < 1 or value != int(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(value)
