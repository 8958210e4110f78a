"""``rlm-gate rules learn``: its flags, and what it tells of cost, proof and the rule it wrote."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rlm_gate import config, corpus, finishing, mistakes
from rlm_gate.cli import _flags, _progress, warn
from rlm_gate.config import Settings
from rlm_gate.core import Severity, display_path
from rlm_gate.errors import EXIT_FAIL, EXIT_PASS, UsageError
from rlm_gate.phrases import counted
from rlm_gate.repo import Repo

if TYPE_CHECKING:
    from rlm_gate.core import Corpus
    from rlm_gate.learning import Lesson
    from rlm_gate.learning.given import Named, Shown
    from rlm_gate.learning.proposal import Wanted

_LEVELS = tuple(severity.label for severity in reversed(Severity))
_MOST_PLACES = 50
_ROUNDS = 3
_SHOWN_PLACES = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to learn from, what holds for the rule, and what may be spent."""
    parser.add_argument("name", metavar="PACK/NAME", help="what the rule will be called")
    parser.add_argument("description", metavar="DESCRIPTION", help="what it shall find, in words")
    group = parser.add_argument_group("examples (one bad and one good at least)")
    group.add_argument(
        "--bad",
        metavar="FILE[:LINE[-LINE]]",
        action="append",
        default=[],
        help="code that the rule must find; with lines: in these; repeatable",
    )
    group.add_argument(
        "--good",
        metavar="FILE[:LINE[-LINE]]",
        action="append",
        default=[],
        help="code that it must not find; with a line: the function around it; repeatable",
    )
    group.add_argument("--examples", metavar="YAML", help="a file of bad: and good: lists of code")
    group.add_argument("--language", metavar="L", help="of examples whose file name does not tell")
    group = parser.add_argument_group("the rule")
    group.add_argument("--severity", choices=_LEVELS, default="medium", help="(default: medium)")
    group.add_argument(
        "--max-places",
        metavar="N",
        type=_flags.count,
        default=_MOST_PLACES,
        help=f"refuse a rule that flags more places of the repository (default: {_MOST_PLACES})",
    )
    group = parser.add_argument_group("models")
    group.add_argument("--config", metavar="FILE", help="instead of .rlm-gate.yaml")
    group.add_argument("--root-model", metavar="M", help="the model that proposes the patterns")
    group.add_argument(
        "--rounds",
        metavar="N",
        type=_flags.count,
        default=_ROUNDS,
        help=f"how often it may try (default: {_ROUNDS})",
    )
    group.add_argument("--max-usd", metavar="X", type=_flags.positive, help="most dollars to spend")
    group.add_argument("--deadline", metavar="S", type=_flags.positive, help="most seconds to take")
    group.add_argument("--no-cache", action="store_true", help="ask again what was answered before")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="show what would be sent and cost at most; ask nobody, write nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Learn the rule and write its file. 1: no proposal held, and nothing is written."""
    from rlm_gate import learning, scaffold
    from rlm_gate.learning.proof import Ground

    repo = Repo.open()
    root = Path(repo.root) if repo and repo.root else None
    scaffold.target(arguments.name, root or Path.cwd())  # refused before anything is spent
    settings = _settings(arguments, root)
    wanted = _wanted(arguments, settings, root)
    plan = learning.plan(wanted, settings, arguments.rounds)
    most = "an unknown price" if plan.usd is None else f"${plan.usd:.4f} at most"
    if arguments.dry_run:
        print(f"{plan.system}\n{'-' * 72}\n{plan.request}\n{'-' * 72}")
        print(f"{plan.model} would be asked, {arguments.rounds} times at most: {most}")
        return EXIT_PASS
    judged = _corpus(settings, root)
    if settings.models.mode == "on":
        warn(f"asking {plan.model}, {counted(arguments.rounds, 'time')} at most: {most}")
    remarks: list[str] = []
    with _progress.on_terminal(quiet=False) as progress:
        lesson = learning.learn(
            wanted,
            settings,
            Ground(judged, arguments.max_places, _hidden(judged, settings)),
            arguments.rounds,
            tell=remarks.append,
            progress=progress,
        )
    for remark in remarks:
        warn(remark)
    if not lesson.text:
        warn("\n".join(_failure(lesson)))
        return EXIT_FAIL
    path = scaffold.store(arguments.name, root or Path.cwd(), lesson.text)
    for line in _success(lesson, wanted, judged, path):
        print(line)
    return EXIT_PASS


def _settings(arguments: argparse.Namespace, root: Path | None) -> Settings:
    from rlm_gate import learning

    if arguments.rounds > learning.MAX_ROUNDS:
        raise UsageError(f"--rounds {arguments.rounds}: {learning.MAX_ROUNDS} are the most")
    model = arguments.root_model
    flags = config.Flags(
        config=arguments.config,
        root_model=model,
        sub_model=model,  # nobody else is asked, so no other key is needed
        max_usd=arguments.max_usd,
        max_calls=arguments.rounds,
        deadline=arguments.deadline,
        no_cache=arguments.no_cache,
    )
    settings = config.settings(flags, root)
    if model is None:
        settings = config.settings(replace(flags, sub_model=settings.models.root), root)
    finishing.check_models(settings)
    if not settings.budget.user_usd:
        settings = replace(settings, budget=replace(settings.budget, usd=learning.MAX_USD))
    return settings


def _wanted(arguments: argparse.Namespace, settings: Settings, root: Path | None) -> Wanted:
    from rlm_gate.learning import given
    from rlm_gate.learning.proposal import Wanted

    if not arguments.description.strip():
        raise UsageError("the description is empty: say in words what the rule shall find")
    if arguments.language and (problem := mistakes.language(arguments.language)):
        raise UsageError(f"--language: {problem}")
    named: list[Named] = [given.Named(text, bad=True) for text in arguments.bad]
    named += [given.Named(text, bad=False) for text in arguments.good]
    shown: tuple[Shown, ...] = given.read(
        named, arguments.examples, arguments.language, _kept_back(settings, root)
    )
    return Wanted(arguments.name, arguments.description, arguments.severity, shown)


def _kept_back(settings: Settings, root: Path | None) -> Callable[[Path], bool]:
    """Return what says of a file whether no model may see it."""
    from rlm_gate.rlm.withheld import is_withheld

    top = os.path.realpath(root or Path.cwd())
    patterns = [re.compile(pattern) for pattern in settings.never_send]

    def hidden(path: Path) -> bool:
        here = Path(os.path.relpath(os.path.realpath(path), top)).as_posix()
        return is_withheld(here) or any(pattern.match(here) for pattern in patterns)

    return hidden


def _corpus(settings: Settings, root: Path | None) -> Corpus:
    """Read the repository, or the folder here where there is none, as the gate would."""
    if root is None:
        return corpus.build(config.ScopeRequest(paths=(".",)), exclude=settings.exclude)
    request = config.ScopeRequest("all", repo=str(root))
    return corpus.build(request, exclude=settings.exclude)


def _hidden(judged: Corpus, settings: Settings) -> frozenset[str]:
    from rlm_gate.rlm import withheld

    return withheld.hidden(judged, settings.never_send)


def _failure(lesson: Lesson) -> Iterator[str]:
    if lesson.cannot:
        yield "no rule was written: the model says that no pattern tells good from bad here:"
        yield f"  {' '.join(lesson.cannot.split())}"
        yield "Describe what can be seen in the code, or let a model judge: a rule with 'ask:'."
        return
    yield f"no rule was written: of {counted(lesson.rounds, 'proposal')} none held; the last one:"
    for problem in lesson.problems:
        yield f"  {problem.replace(chr(10), chr(10) + '  ')}"
    yield (
        "Give more telling examples, allow more --rounds, or, where the places are right,"
        " more --max-places."
    )


def _success(lesson: Lesson, wanted: Wanted, judged: Corpus, path: Path) -> Iterator[str]:
    bad = sum(one.bad for one in wanted.shown)
    good = len(wanted.shown) - bad
    places = lesson.proof.places
    yield display_path(os.path.relpath(path))
    yield (
        f"learned in {counted(lesson.rounds, 'round')}; it finds {counted(bad, 'bad example')}"
        f" and passes {counted(good, 'good one')}"
    )
    files = len({finding.span.path for finding in places})
    yield (
        f"here it flags {counted(len(places), 'place')} in {counted(files, 'file')}"
        f" of {len(judged.files)}" + (":" if places else "")
    )
    for finding in places[:_SHOWN_PLACES]:
        yield f"  {display_path(finding.span.path)}:{finding.span.start}"
    if len(places) > _SHOWN_PLACES:
        yield f"  and {len(places) - _SHOWN_PLACES} more"
    yield "It asks no model and costs nothing from now on; read it before you commit it:"
    yield f"  rlm-gate rules show {wanted.id}"
    yield f"  rlm-gate rules test {wanted.id}"
