"""``rlm-gate baseline``: accept what is there today, and keep that list short."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rlm_gate import baseline, config, gate, masks
from rlm_gate.cli import _flags, _progress
from rlm_gate.cli.check import exit_code
from rlm_gate.core import Suppression, Verdict
from rlm_gate.errors import EXIT_FAIL, EXIT_PASS, UsageError, writing
from rlm_gate.phrases import counted
from rlm_gate.policy import Policy
from rlm_gate.repo import Repo

HELP = "Accept the findings of today: create, update, prune or check .rlm-gate/baseline.json."

_ACTIONS = {
    "create": "write a new one from everything that is found now",
    "update": "add what is new, take out what is gone, mend a merged file",
    "prune": "take out what is gone, add nothing",
    "check": "exit 1 if an entry is gone or written twice",
}


class BaselineExists(UsageError):
    """There is a baseline, and creating one would accept everything anew."""

    remedy = "Run 'rlm-gate baseline update', or pass --force to start again."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action; the scope is always the whole work tree."""
    told = "; ".join(f"{name}: {what}" for name, what in _ACTIONS.items())
    parser.add_argument("action", choices=_ACTIONS, help=told)
    parser.add_argument("--repo", metavar="DIR", default=".", help="the repository")
    parser.add_argument("--force", action="store_true", help="let create replace a baseline")
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress")
    _flags.add_policy(parser)
    _flags.add_models(parser)
    parser.set_defaults(paths=(), staged=False, all=True, diff=None, rev=None)


def run(arguments: argparse.Namespace) -> int:
    """Judge the whole work tree and compare it with the baseline."""
    root = _root(arguments.repo)
    path = root / config.BASELINE_FILE
    old = path.read_bytes() if path.is_file() else None
    if arguments.action == "create" and old is not None and not arguments.force:
        raise BaselineExists(f"{config.BASELINE_FILE} exists")
    if arguments.action in {"prune", "check"} and old is None:
        raise UsageError(f"{config.BASELINE_FILE}: there is none; 'baseline create' writes one")
    settings = _settings(arguments, root, old)
    with _progress.on_terminal(quiet=arguments.quiet) as progress:
        verdict = gate.run(settings, progress)
    if verdict.interrupted:
        return exit_code(verdict, settings.on_inconclusive)
    entries = _read(settings)
    return _DO[arguments.action](path, entries, verdict, Policy.of(settings))


def _root(directory: str) -> Path:
    found = Repo.open(directory)
    if not found or not found.root:
        raise UsageError(f"{directory}: a baseline belongs to a repository with a work tree")
    return Path(found.root)


def _settings(arguments: argparse.Namespace, root: Path, old: bytes | None) -> config.Settings:
    """Return the settings; create begins with nothing, update with what can still be read."""
    settings = config.settings(_flags.flags(arguments), root)
    accepted = dict(settings.accepted)
    accepted.pop(config.BASELINE_FILE, None)
    if old is not None and arguments.action == "update":
        accepted[config.BASELINE_FILE] = baseline.render(baseline.salvage(old))
    elif old is not None and arguments.action != "create":
        accepted[config.BASELINE_FILE] = old
    return replace(settings, accepted=accepted)


def _read(settings: config.Settings) -> tuple[Suppression, ...]:
    content = settings.accepted.get(config.BASELINE_FILE)
    return baseline.parse(content) if content is not None else ()


def _kept(entries: Sequence[Suppression], verdict: Verdict) -> list[Suppression]:
    """Return the entries whose finding is there, or may be: this run could not tell."""
    stale = {one.place for one in verdict.notices if one.kind == "stale-baseline"}
    moved = {one.by.place: one.finding for one in verdict.baselined}
    return [
        replace(one, path=moved[one.place].span.path) if one.place in moved else one
        for one in entries
        if one.place not in stale
    ]


def _found(verdict: Verdict, policy: Policy) -> list[Suppression]:
    """Return entries for what the report shows; what may not be accepted stays a finding."""
    allowed = [one for one in verdict.findings if not policy.forbids(one)]
    refused = sum(len(one.places) for one in verdict.findings if policy.forbids(one))
    if refused:
        print(f"rlm-gate: {refused:,} left out: the policy forbids to accept them")
    return list(baseline.entries_of(allowed))


def _create(path: Path, entries: Sequence[Suppression], verdict: Verdict, policy: Policy) -> int:
    del entries
    return _write(path, [], _found(verdict, policy), 0)


def _update(path: Path, entries: Sequence[Suppression], verdict: Verdict, policy: Policy) -> int:
    kept = _kept(entries, verdict)
    return _write(path, kept, _found(verdict, policy), len(entries) - len(kept))


def _prune(path: Path, entries: Sequence[Suppression], verdict: Verdict, policy: Policy) -> int:
    del policy
    kept = _kept(entries, verdict)
    return _write(path, kept, [], len(entries) - len(kept))


def _check(path: Path, entries: Sequence[Suppression], verdict: Verdict, policy: Policy) -> int:
    del policy
    stale = [one for one in verdict.notices if one.kind == "stale-baseline"]
    for one in stale:
        print(masks.shown(f"{one.place.path}:{one.place.start}: {one.text}"))
    sorted_ = path.read_bytes() == baseline.render(entries)
    if not sorted_ and not stale:
        print(f"{config.BASELINE_FILE}: not as it would be written; run 'rlm-gate baseline update'")
    print(f"rlm-gate: {counted(len(entries), 'entry')}, {len(stale):,} stale")
    return EXIT_PASS if sorted_ and not stale else EXIT_FAIL


_DO: dict[str, Callable[[Path, Sequence[Suppression], Verdict, Policy], int]] = {
    "create": _create,
    "update": _update,
    "prune": _prune,
    "check": _check,
}


def _write(
    path: Path, kept: Sequence[Suppression], new: Sequence[Suppression], dropped: int
) -> int:
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(config.BASELINE_FILE):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(baseline.render([*kept, *new]))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    print(
        f"rlm-gate: {config.BASELINE_FILE}: {counted(len(kept) + len(new), 'entry')}"
        f" ({len(new):,} new, {dropped:,} taken out)"
    )
    return EXIT_PASS
