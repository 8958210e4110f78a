"""``rlm-gate rules``: list, show, validate, test, start and learn rules; print their schema."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

from rlm_gate import config, corpus, packs
from rlm_gate.cli import _flags, _learn
from rlm_gate.core import Rule, SourceFile
from rlm_gate.errors import EXIT_FAIL, EXIT_PASS, UsageError
from rlm_gate.ownrules import ALL as OWN
from rlm_gate.phrases import counted, listed
from rlm_gate.repo import Repo

if TYPE_CHECKING:
    from rlm_gate.packs import LoadedPack
    from rlm_gate.rulescore import Report, Score
    from rlm_gate.schemas import Written

_SHOWN = 10  # names that no rule has
HELP = "List, show, validate, test, start or learn rules, or print a rule file's JSON Schema."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the rules of the configured packs")
    _flags.add_format(listing, "a table (default), or every field as JSON")
    showing = actions.add_parser("show", help="one rule: its help and its examples")
    showing.add_argument("rule", metavar="RULE", help="a rule's id or alias")
    for action in (listing, showing):
        action.add_argument(
            "--rules", metavar="DIR|PACK", action="append", help="instead of the configured packs"
        )
    validating = actions.add_parser("validate", help="check rule files, every mistake in one pass")
    validating.add_argument(
        "packs", metavar="DIR|PACK|FILE", nargs="*", help="instead of the configured packs"
    )
    testing = actions.add_parser("test", help="run the rules' own examples through the engines")
    testing.add_argument(
        "names", metavar="DIR|PACK|RULE|FILE", nargs="*", help="only these packs, only these rules"
    )
    testing.add_argument(
        "--own", action="store_true", help="without the packs that come with rlm-gate"
    )
    testing.add_argument(
        "--report",
        metavar="PATH",
        nargs="+",
        help="measure precision and recall on files with 'ruleid:' and 'ok:' comments instead",
    )
    _flags.add_format(testing, "how --report shows its measurement")
    making = actions.add_parser("new", help="write a rule to start from, with its tests")
    making.add_argument("name", metavar="PACK/NAME", help="what the rule will be called")
    learning = "have a model propose a rule from examples, once, and prove it"
    _learn.add_arguments(actions.add_parser("learn", help=learning, description=learning))
    actions.add_parser("schema", help="the JSON Schema of a rule file, for editors")


def run(arguments: argparse.Namespace) -> int:
    """Do the action. A wrong rule file is a PackError, a failing example exit code 1."""
    return {
        "list": _list,
        "show": _show,
        "validate": _validate,
        "test": _test,
        "new": _new,
        "learn": _learn.run,
        "schema": _schema,
    }[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    root = _root()
    names = tuple(arguments.rules) if arguments.rules else None
    settings = config.settings(config.Flags(rules=names), root)
    loaded = packs.load(settings, root)
    rules = sorted((rule for pack in loaded for rule in pack.rules), key=lambda rule: rule.id)
    if arguments.format == "json":
        print(json.dumps([_as_json(rule) for rule in rules], indent=2))
    else:
        for line in _table([_row(rule) for rule in rules]):
            print(line)
        print(f"{counted(len(rules), 'rule')} in {counted(len(loaded), 'pack')}")
        print(f"Beside them the gate's own, in every run: {', '.join(rule.id for rule in OWN)}")
    return EXIT_PASS


def _show(arguments: argparse.Namespace) -> int:
    for own in OWN:  # they are in no pack
        if own.id == arguments.rule:
            print("\n".join(_described(own)))
            return EXIT_PASS
    loaded = _load(arguments.rules or ())
    [rule] = _named(loaded, [arguments.rule])
    tests = next(file.tests for pack in loaded for file in pack.files if file.rule == rule)
    for line in _described(rule):
        print(line)
    for kind, examples in (("Bad", tests.bad), ("Good", tests.good)) if tests else ():
        for example in examples:
            print(f"\n{kind}:\n{indent(_code(example).rstrip(), '    ')}")
    return EXIT_PASS


def _validate(arguments: argparse.Namespace) -> int:
    for pack in _load(_apart(arguments.packs)[0]):  # a file together with its neighbours
        print(f"{pack.folder.label}: {counted(len(pack.files), 'rule')}")
    return EXIT_PASS


def _test(arguments: argparse.Namespace) -> int:
    from rlm_gate import mistakes, ruletest

    folders, alone = _apart(arguments.names)
    named = [name for name in folders if not mistakes.rule_id(name) and not Path(name).is_dir()]
    loaded = _load([name for name in folders if name not in named])
    ids = [*named, *alone]
    if arguments.own:
        loaded = tuple(pack for pack in loaded if not pack.folder.builtin)
    only = {rule.id for rule in _named(loaded, ids)} if ids else None
    if arguments.report:
        return _report(arguments, [rule for pack in loaded for rule in pack.pack.rules], only)
    if arguments.format == "json":
        raise UsageError("JSON is a form of the measurement alone: name folders with --report")
    outcome = ruletest.run(loaded, only)
    for failure in outcome.failures:
        print(failure)
    print(
        f"{counted(outcome.rules, 'rule')}, {counted(outcome.examples, 'example')}:"
        f" {counted(len(outcome.failures), 'failure') if outcome.failures else 'all hold'}"
    )
    return EXIT_FAIL if outcome.failures else EXIT_PASS


def _apart(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names with each rule's file replaced by its folder, and those rules' ids."""
    files = [Path(name) for name in names if name.endswith(".yaml") and Path(name).is_file()]
    others = [name for name in names if Path(name) not in files]
    folders = dict.fromkeys(str(file.parent) for file in files)
    return [*others, *folders], [f"{file.resolve().parent.name}/{file.stem}" for file in files]


def _report(
    arguments: argparse.Namespace, rules: Sequence[Rule], only: Collection[str] | None
) -> int:
    from rlm_gate import engines, rulescore

    wanted = [rule for rule in rules if rule.detect and (only is None or rule.id in only)]
    files = [file for folder in arguments.report for file in _files(folder)]
    report = rulescore.measure(files, wanted, engines.behind_the_seam)
    if not report.files:
        named = f"; no rule is called: {_strangers(report)}" if report.unknown else ""
        raise UsageError(
            f"no file there has a comment 'ruleid: <pack>/<rule>' or 'ok: <pack>/<rule>'{named}"
        )
    if arguments.format == "json":
        print(json.dumps(_scores_json(report), indent=2))
        return EXIT_PASS
    rows = [
        (one.rule_id, *map(str, (one.hits, one.false, one.missed)), *map(_percent, _shares(one)))
        for one in report.scores
    ]
    heads = ("RULE", "FOUND", "FALSE", "MISSED", "PRECISION", "RECALL")
    for line in _table(rows, heads):
        print(line)
    print(f"{counted(len(rows), 'rule')}, {counted(report.files, 'annotated file')}")
    for skip in report.skips:
        print(f"not judged: {skip.what}: {skip.why}")
    if report.unknown:
        print(f"no rule is called: {_strangers(report)}")
    return EXIT_PASS


def _strangers(report: Report) -> str:
    """Return the names that no rule has, ten at most, those that may mean one of ours first."""
    names = [
        f"{name} (write {' or '.join(ours)} if it is meant)" if ours else name
        for name, ours in sorted(report.unknown.items(), key=lambda one: not one[1])
    ]
    return listed(names, _SHOWN)


def _files(folder: str) -> list[SourceFile]:
    """Return every text file of a folder, whatever its name says: an example is no product."""
    path = Path(folder)
    if not path.exists():
        raise UsageError(f"--report {folder}: no such file or folder")
    place, names = (path, ".") if path.is_dir() else (path.parent, path.name)
    request = config.ScopeRequest(paths=(names,), repo=str(place))
    return list(corpus.build(request, no_ignores=True).files)


def _shares(one: Score) -> tuple[float | None, float | None]:
    return one.precision, one.recall


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _scores_json(report: Report) -> dict[str, object]:
    return {
        "files": report.files,
        "rules": [
            {
                "id": one.rule_id,
                "found": one.hits,
                "false": one.false,
                "missed": one.missed,
                "precision": one.precision,
                "recall": one.recall,
            }
            for one in report.scores
        ],
        "not_judged": [f"{skip.what}: {skip.why}" for skip in report.skips],
        "unknown": list(report.unknown),
    }


def _new(arguments: argparse.Namespace) -> int:
    from rlm_gate import scaffold

    path = scaffold.create(arguments.name, _root() or Path.cwd())
    print(f"{path}\nIts examples hold: rlm-gate rules test {arguments.name}")
    return EXIT_PASS


def _schema(_arguments: argparse.Namespace) -> int:
    from rlm_gate import schemas

    print(json.dumps(schemas.json_schema(schemas.RuleModel), indent=2))
    return EXIT_PASS


def _root() -> Path | None:
    found = Repo.open()
    return Path(found.root) if found and found.root else None


def _load(names: Sequence[str]) -> tuple[LoadedPack, ...]:
    """Load the packs of those names, or the configured ones, with their examples."""
    root = _root()
    settings = config.settings(config.Flags(rules=tuple(names) or None), root)
    return packs.load_files(settings.packs, root, settings.pack_folders, settings.places)


def _named(loaded: Iterable[LoadedPack], names: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules of those ids or aliases. Raises UsageError for any other name."""
    for name in names:
        if "/" not in name.removesuffix("/"):
            raise UsageError(f"{name!r} is no rule's id; write <pack>/<rule>")
        if packs.matching(OWN, name):
            text = f"{name} is the gate's own and in no pack; it has no examples to run"
            raise UsageError(text, remedy=f"Run 'rlm-gate rules show {name}'.")
    return packs.select([pack.pack for pack in loaded], names)


def _as_json(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.label,
        "precision": str(rule.precision),
        "languages": list(rule.languages),
        "engines": _engines(rule),
        "ask": rule.ask.over if rule.ask else None,
        "verify": rule.verify,
        "tags": list(rule.tags),
        "aliases": list(rule.aliases),
        "yields_to": list(rule.yields_to),
        "enabled": rule.enabled,
    }


def _row(rule: Rule) -> tuple[str, ...]:
    asks = [f"model ({rule.ask.over})"] if rule.ask else []
    judges = " + ".join([*_engines(rule), *asks])
    title = rule.title if rule.enabled else f"{rule.title} (only by --select)"
    return (rule.id, rule.severity.label, ", ".join(rule.languages), judges, title)


def _engines(rule: Rule) -> list[str]:
    return sorted({entry.engine for entry in rule.detect})


_HEADS = ("RULE", "SEVERITY", "LANGUAGES", "JUDGED BY", "TITLE")


def _table(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...] = _HEADS) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _described(rule: Rule) -> Iterator[str]:
    yield f"{rule.id}: {rule.title}"
    yield f"severity {rule.severity.label}, precision {rule.precision}, {', '.join(rule.languages)}"
    if rule.supporting is not None:
        yield f"in supporting code (examples, scripts, ...): {rule.supporting.label} at most"
    yield f"judged by {_row(rule)[3]}, verify: {rule.verify}"
    if rule.tags:
        yield f"tags: {', '.join(rule.tags)}"
    if rule.aliases:
        yield f"once called: {', '.join(rule.aliases)}"
    if rule.yields_to:
        yield f"yields to {', '.join(rule.yields_to)}"
    yield f"\n{rule.message}\n\nWhy: {rule.help.why}\n\nFix: {rule.help.fix}"
    if rule.ask:
        yield f"\nAsked: {rule.ask.question}"
    yield from (f"\nSee {link}" for link in rule.help.links)


def _code(example: Written) -> str:
    from rlm_gate.schemas import ChangeModel

    if isinstance(example, ChangeModel):
        return f"before:\n{indent(example.before, '  ')}\nafter:\n{indent(example.after, '  ')}"
    return example if isinstance(example, str) else example.code
