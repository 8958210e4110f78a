"""``rlm-gate init``: look at a repository once, offline, and set the gate up in it.

Shows what was found and what it would write, asks, and writes only what is not there yet.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rlm_gate import config, gate
from rlm_gate.cli import _progress, install
from rlm_gate.cli._tell import tell
from rlm_gate.core import Verdict, display_path
from rlm_gate.errors import EXIT_PASS, UsageError, writing
from rlm_gate.repo import Repo

HELP = "Set the gate up in a repository: configuration, hooks, workflows, maybe a baseline."

_TEMPLATES = Path(__file__).with_name("written")
_WORKFLOWS = {"rlm-gate.yml": "workflow.yml", "rlm-gate-nightly.yml": "workflow-nightly.yml"}
"""What is written, and the template: one called rlm-gate.yml would pass for a configuration."""
_ACTION = re.compile(r"\./?|[\w.-]+/[\w./-]+@[\w./-]+")
_SHOWN = 10
_KEY_LINES = """\
To let models answer what no detector can, add a key: two lines, with GitHub's own client.
  gh secret set ANTHROPIC_API_KEY
  gh variable set RLM_GATE_OFFLINE --body false
On this machine: export ANTHROPIC_API_KEY=..."""


class NotAsked(UsageError):
    """There is nobody to ask."""

    remedy = "Give --yes to write, or --dry-run to see what would be written."


@dataclass(frozen=True, slots=True)
class Step:
    """A file to write, relative to the root; ``there`` says that it exists and stays."""

    path: str
    text: str
    there: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is written, and whether it asks."""
    parser.add_argument("--repo", metavar="DIR", default=".", help="the repository")
    parser.add_argument(
        "--action",
        metavar="NAME@REF",
        help="write GitHub workflows that use this action: OWNER/rlm-gate@COMMIT",
    )
    parser.add_argument("--branch", default="main", help="the default branch, for the workflows")
    parser.add_argument("--no-hooks", action="store_true", help="write no git hooks")
    parser.add_argument(
        "--baseline", action="store_true", help="accept what is found today, in a baseline"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="write without asking")
    parser.add_argument("--dry-run", "-n", action="store_true", help="show, and write nothing")


def run(arguments: argparse.Namespace) -> int:
    """Look, show, ask, write."""
    if arguments.action and not _ACTION.fullmatch(arguments.action):
        raise UsageError(f"--action {arguments.action!r}: write OWNER/rlm-gate@COMMIT")
    root = _root(arguments.repo)
    verdict = _look(root)
    steps = plan(root, arguments.action, arguments.branch)
    hooks = None if arguments.no_hooks else install.place(str(root))
    tell([*_found(verdict), "", *_told(steps, hooks, arguments)])
    if arguments.dry_run or not _agreed("Write this?", yes=arguments.yes):
        tell(["Nothing was written."])
        return EXIT_PASS
    tell(_written(root, steps))
    tell(_hooked(hooks))
    _accept(root, verdict, arguments)
    tell(["", _KEY_LINES])
    return EXIT_PASS


def plan(root: Path, action: str | None, branch: str) -> list[Step]:
    """Return the files of a repository with the gate; workflows only where the action is known."""
    texts = {config.CONFIG_FILE: _template("config.yaml")}
    for name, template in _WORKFLOWS.items() if action else ():
        text = _template(template).replace("uses: ACTION", f"uses: {action}")
        texts[f".github/workflows/{name}"] = text.replace("[BRANCH]", f"[{branch}]")
    return [Step(path, text, (root / path).exists()) for path, text in texts.items()]


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _root(directory: str) -> Path:
    repo = Repo.open(directory)
    if repo is None or repo.root is None:
        raise install.NoRepository(f"{directory}: no git repository with a work tree")
    return Path(repo.root)


def _look(root: Path) -> Verdict:
    scope = config.ScopeRequest("all", repo=str(root))
    settings = config.settings(config.Flags(scope=scope, offline=True), root)
    with _progress.on_terminal(quiet=False) as progress:
        return gate.run(settings, progress)


def _found(verdict: Verdict) -> Iterator[str]:
    """Yield what the detectors see today, the worst first."""
    from rlm_gate.reports import _digest as digest

    yield digest.summary(verdict)
    worst = digest.worst_first(verdict)
    for finding in worst[:_SHOWN]:
        place = f"{display_path(finding.span.path)}:{finding.span.start}"
        yield f"  {place} {finding.severity.label} {finding.rule_id}"
    if len(worst) > _SHOWN:
        yield f"  and {len(worst) - _SHOWN} more: rlm-gate check --all --offline"


def _told(steps: list[Step], hooks: Path | None, arguments: argparse.Namespace) -> Iterator[str]:
    for step in steps:
        if step.there:
            yield f"{step.path}: is there already, and stays as it is"
            continue
        yield f"{step.path}: would be written:"
        yield from (f"  | {line}".rstrip() for line in step.text.splitlines())
    if not arguments.action:
        yield "no workflows: --action OWNER/rlm-gate@COMMIT says where the action lives"
    if hooks is not None:
        others = install.foreign(hooks)
        yield from (f"{name}: another hook is there, and stays" for name in others)
        mine = ", ".join(name for name in install.HOOKS if name not in others)
        yield f"git hooks in {display_path(str(hooks))}: {mine or 'none'}"
    if arguments.baseline:
        yield f"{config.BASELINE_FILE}: what is found today would be accepted"


def _agreed(question: str, *, yes: bool) -> bool:
    if yes:
        return True
    if not (sys.stdin and sys.stdin.isatty()):
        raise NotAsked("there is no terminal to ask on")
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def _written(root: Path, steps: list[Step]) -> Iterator[str]:
    for step in steps:
        if step.there:
            continue
        path = root / step.path
        with writing(step.path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
        yield f"{step.path}: written"


def _hooked(hooks: Path | None) -> Iterator[str]:
    if hooks is None:
        return
    others = install.foreign(hooks)
    yield from install.write(hooks, tuple(name for name in install.HOOKS if name not in others))


def _accept(root: Path, verdict: Verdict, arguments: argparse.Namespace) -> None:
    """Write the baseline if that was asked for, or is agreed to now."""
    if not verdict.findings or (root / config.BASELINE_FILE).exists():
        return
    asked = arguments.baseline or (
        not arguments.yes and _agreed("Accept what is found today, in a baseline?", yes=False)
    )
    if asked:
        from rlm_gate.cli import main

        main(["baseline", "create", "--offline", "--quiet", "--repo", str(root)])
    else:
        tell(["To accept what is found today: rlm-gate baseline create --offline"])
