"""Find rule packs, load them, choose rules. What was validated once comes from the cache.

A pack is a folder of ``<rule>.yaml`` files. Every mistake of every file is reported in one
PackError; nothing else is raised for what a file may contain.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rlm_gate import compiled, kept, ownrules
from rlm_gate.cachedir import entry_key, stamps
from rlm_gate.config import Settings, read_file
from rlm_gate.core import Rule, RulePack, display_path, hashes
from rlm_gate.core.records import dataclass
from rlm_gate.errors import PackError, Problem, UsageError

if TYPE_CHECKING:
    from rlm_gate.rulefile import RuleFile

OWN_RULES = ".rlm-gate/rules"
RESERVED = "gate"  # the pack name of the findings that the gate itself makes

_ACCEPT_OWN = (
    "Name the paths where it is meant to be, with 'ignore' under 'overrides'; or suppress it."
)
_CACHE_KIND = "packs"
_HIDDEN = (".", "_")
_YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class PackFolder:
    """Where a pack lies. ``label`` is how problems name the folder."""

    name: str
    path: Path
    label: str
    builtin: bool = False


@dataclass(frozen=True, slots=True)
class PackSource:
    """A pack's rule files as read: (file name, content), sorted. ``version`` is their hash."""

    folder: PackFolder
    files: tuple[tuple[str, bytes], ...]
    problems: tuple[Problem, ...]
    version: str


@dataclass(frozen=True, slots=True)
class LoadedPack:
    """A validated pack with what the rules' own tests need."""

    folder: PackFolder
    pack: RulePack
    files: tuple[RuleFile, ...]


def load(settings: Settings, root: Path | str | None) -> tuple[RulePack, ...]:
    """Return the packs the settings name, sorted by name. Raises PackError with every mistake.

    ``root`` is where the repository's own packs are, unless the settings have a home.
    """
    wanted = _Wanted(settings.packs, settings.pack_folders, settings.places)
    folders = _folders(wanted, settings.home or (Path(root) if root else None))
    own = {folder: _read(folder) for folder in folders if not folder.builtin}
    parts = (part for one in folders for part in _identity(one, own.get(one)))
    key = entry_key(_CACHE_KIND, *parts)
    stored = settings.cache.read(_CACHE_KIND, key)
    if stored is not None:
        return compiled.loads(stored)
    with kept.aside():
        built = _built([own.get(one) or _read(one) for one in folders])
    packs = tuple(loaded.pack for loaded in built)
    settings.cache.write(_CACHE_KIND, key, compiled.dumps(packs))
    return packs


def imported(settings: Settings, root: str | None) -> tuple[RulePack, ...]:
    """Make rules of other scanners' results where the run was given any."""
    if not settings.import_sarif:
        return ()
    from rlm_gate.detectors import sarif

    return sarif.imported(settings.import_sarif, root)


def load_files(
    names: Sequence[str] | None,
    root: Path | None,
    shared: Sequence[str] = (),
    places: Mapping[str, tuple[str, int, int]] | None = None,
) -> tuple[LoadedPack, ...]:
    """Return the packs of those names or folders with their files, never from the cache.

    ``shared`` and ``places`` are the settings' ``pack_folders`` and ``places``.
    """
    folders = _folders(_Wanted(names, shared, places or {}), root)
    return _built([_read(folder) for folder in folders])


def select(
    packs: Iterable[RulePack], select: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[Rule, ...]:
    """Return the rules to run, sorted by id. Raises UsageError for a name that matches nothing.

    A name is a rule's id or alias, or a pack (``security`` or ``security/``). A rule with
    ``enabled: false`` runs only where ``select`` has its id or alias. The gate's own rules run in
    every run and are returned, last, where they are selected. Raises UsageError where no rule is
    left, too.
    """
    rules = sorted((rule for pack in packs for rule in pack.rules), key=lambda rule: rule.id)
    for name in ignore:
        if matching(ownrules.ALL, name):
            text = f"--ignore {name}: the gate's own rules guard the review and run in every run"
            raise UsageError(text, remedy=_ACCEPT_OWN)
    known = (*rules, *ownrules.ALL)
    for name in (*select, *ignore):
        if not matching(known, name):
            raise UsageError(f"no rule or pack is called {name!r}; {_suggest(known, name)}")
    chosen = [rule for rule in (known if select else rules) if _is_selected(rule, select)]
    left = tuple(rule for rule in chosen if not any(_matches(rule, name) for name in ignore))
    if not left:
        raise UsageError("no rule is left to judge by; --select and --ignore exclude each other")
    return left


def matching(rules: Iterable[Rule], name: str) -> tuple[Rule, ...]:
    """Return the rules that a name on the command line or in the configuration means."""
    return tuple(rule for rule in rules if _matches(rule, name))


def builtin_folder(package: Path = Path(__file__).parent) -> Path:
    """Return where the built-in packs lie: in the package of a wheel, else beside it."""
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent / "rules"


def _matches(rule: Rule, name: str) -> bool:
    return _is_called(rule, name) or rule.pack == name.removesuffix("/")


def _is_called(rule: Rule, name: str) -> bool:
    return name == rule.id or name in rule.aliases


def _is_selected(rule: Rule, select: Sequence[str]) -> bool:
    if any(_is_called(rule, name) for name in select):
        return True
    return rule.enabled and (not select or any(_matches(rule, name) for name in select))


def _suggest(rules: Sequence[Rule], name: str) -> str:
    from rlm_gate import mistakes

    if "/" in name:
        return mistakes.rule_hint(name, {rule.id for rule in rules})
    return mistakes.hint(name, {rule.pack for rule in rules})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which packs are asked for: names or folders, None for all; ``places`` is who says so."""

    names: Sequence[str] | None
    shared: Sequence[str]
    places: Mapping[str, tuple[str, int, int]]


def _folders(wanted: _Wanted, root: Path | None) -> list[PackFolder]:
    """Return the packs, sorted by name. Raises PackError, UsageError for one that leads nowhere."""
    builtin = _packs_in(builtin_folder(), builtin=True)
    shared = [pack for folder in wanted.shared for pack in _packs_in(Path(folder))]
    own = [*_own_packs(root), *shared]
    folders = [*builtin, *own] if wanted.names is None else _named(wanted, builtin, own)
    known = {os.path.realpath(folder.path): folder for folder in (*folders, *builtin)}
    chosen = {os.path.realpath(folder.path) for folder in folders}
    return sorted((known[place] for place in chosen), key=lambda pack: (pack.name, pack.label))


def _named(
    wanted: _Wanted, builtin: Sequence[PackFolder], own: Sequence[PackFolder]
) -> list[PackFolder]:
    packs = {folder.name: folder for folder in (*own, *builtin)}
    names = wanted.names or ()
    found = {name: [packs[name]] if name in packs else _packs_at(Path(name)) for name in names}
    wrong = [name for name in names if not found[name]]
    text = f"no such pack or folder of rules; packs here: {', '.join(sorted(packs))}"
    problems = [
        Problem(*wanted.places[name], f"{_short(Path(name))}: {text}")
        for name in wrong
        if name in wanted.places
    ]
    if problems:
        raise PackError(tuple(problems))
    if wrong:
        raise UsageError(f"{', '.join(map(display_path, wrong))}: {text}")
    return [folder for name in names for folder in found[name]]


def _own_packs(root: Path | None) -> list[PackFolder]:
    """Return the repository's packs. Raises PackError for rules that lie outside of a pack."""
    if root is None or not (root / OWN_RULES).is_dir():
        return []
    loose = [name for name in _listed(root / OWN_RULES) if name.endswith(_YAML)]
    if loose:
        text = "a rule lies in a pack: move it to a folder of the pack's name"
        raise PackError(tuple(Problem(f"{OWN_RULES}/{name}", 1, 1, text) for name in loose))
    return _packs_in(root / OWN_RULES, OWN_RULES)


def _packs_at(path: Path) -> list[PackFolder]:
    """Return the folder as a pack if it has rules itself, else the packs below it."""
    if not path.is_dir():
        return []
    if any(name.endswith(_YAML) for name in _listed(path)):
        return [PackFolder(path.resolve().name, path, display_path(str(path)))]
    return _packs_in(path)


def _packs_in(folder: Path, label: str | None = None, *, builtin: bool = False) -> list[PackFolder]:
    if not folder.is_dir():
        return []
    return [
        PackFolder(name, folder / name, display_path(f"{label or _short(folder)}/{name}"), builtin)
        for name in _listed(folder)
        if (folder / name).is_dir()
    ]


def _short(folder: Path) -> str:
    """Return the path as people here would write it."""
    with suppress(ValueError, OSError):
        return str(folder.relative_to(Path.cwd()))
    return str(folder)


def _listed(folder: Path) -> list[str]:
    """Return the names in a folder that are not hidden. Raises PackError if it can't be read."""
    try:
        names = (entry.name for entry in folder.iterdir())
        return sorted(name for name in names if name[0] not in _HIDDEN)
    except OSError as error:
        problem = Problem(display_path(str(folder)), 1, 1, f"can't be read: {error.strerror}")
        raise PackError((problem,)) from error


def _read(folder: PackFolder) -> PackSource:
    files: list[tuple[str, bytes]] = []
    problems: list[Problem] = []
    digest = hashes.sha256()
    for name in filter(_is_rule_file, _listed(folder.path)):
        try:
            content = read_file(folder.path / name)
        except OSError as error:
            problems.append(_problem(folder, name, f"can't be read: {error.strerror}"))
            continue
        files.append((name, content))
        for part in (os.fsencode(name), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return PackSource(folder, tuple(files), tuple(problems), digest.hexdigest())


def _is_rule_file(name: str) -> bool:
    """Say whether it is a rule, not an example in YAML that stands beside one."""
    return name.endswith(_YAML) and not name.endswith((".test.yaml", ".test.yml"))


def _identity(folder: PackFolder, source: PackSource | None) -> Iterator[str]:
    """Yield what tells a pack from any other: its content, if it is not one of the built-in ones.

    They belong to the code and are known as its modules are, by the sizes and times of their files.
    """
    yield f"{folder.name} {folder.builtin}"
    if source is None:
        yield str(folder.path)
        yield from stamps(folder.path)
    else:
        yield source.version
        yield from (str(problem) for problem in source.problems)


def _built(sources: Sequence[PackSource]) -> tuple[LoadedPack, ...]:
    """Validate every file of every pack. Raises PackError with all problems."""
    problems = [problem for source in sources for problem in source.problems]
    problems.extend(_folder_problems([source.folder for source in sources]))
    packs = tuple(_validated(source) for source in sources)
    files = [file for loaded in packs for file in loaded.files]
    problems.extend(problem for file in files for problem in file.problems)
    problems.extend(_clashes(files))
    problems.extend(_misplaced_yields(files))
    if problems:
        raise PackError(tuple(sorted(problems)))
    return packs


def _validated(source: PackSource) -> LoadedPack:
    from rlm_gate import rulefile

    folder = source.folder
    files = tuple(
        rulefile.read(
            folder.name,
            name,
            content,
            display_path(f"{folder.label}/{name}"),
            proven=folder.builtin,
        )
        for name, content in source.files
    )
    rules = tuple(file.rule for file in files if file.rule)
    return LoadedPack(folder, RulePack(folder.name, source.version, rules), files)


def _folder_problems(folders: Sequence[PackFolder]) -> Iterator[Problem]:
    """Yield what is wrong with the packs' names."""
    from rlm_gate import mistakes

    taken = {folder.name: folder.label for folder in _packs_in(builtin_folder(), builtin=True)}
    for folder in folders:
        if mistake := mistakes.name(folder.name):
            yield _problem(folder, "", f"the folder's name is the pack's name: {mistake}")
        elif folder.name == RESERVED:
            yield _problem(folder, "", f"the gate's own findings are called {RESERVED}; rename it")
        elif not folder.builtin and folder.name in taken:
            yield _problem(folder, "", f"{taken[folder.name]} has this name already; rename it")
        taken.setdefault(folder.name, folder.label)


def _clashes(files: Sequence[RuleFile]) -> Iterator[Problem]:
    """Yield the aliases that are another rule's id or alias."""
    rules = [(file, file.rule) for file in files if file.rule]
    owners = {rule.id: rule.id for _, rule in rules}
    for file, rule in rules:
        for index, alias in enumerate(rule.aliases):
            if alias in owners:
                text = f"alias {alias!r} belongs to {owners[alias]} already; choose another"
                yield file.document.problem(("aliases", index), text)
            owners.setdefault(alias, rule.id)


def _misplaced_yields(files: Sequence[RuleFile]) -> Iterator[Problem]:
    """Yield the names in ``yields_to`` that no rule of a known pack has, or that lead in a circle.

    A pack that is not here may be named, if no pack here is called alike: nothing is yielded.
    """
    from rlm_gate import mistakes

    rules = {file.rule.id: file.rule for file in files if file.rule}
    known = {*rules, *_builtin_ids()}
    packs = {one.partition("/")[0] for one in known}
    for file in files:
        for index, name in enumerate(file.rule.yields_to if file.rule else ()):
            if file.rule and file.rule.id in _reached(name, rules):
                text = f"yields_to: {name!r} yields to this rule; one of the two must stay"
                yield file.document.problem(("yields_to", index), text)
            elif name in known:
                continue
            elif (pack := name.partition("/")[0]) in packs:
                text = f"yields_to: no rule is called {name!r}; {mistakes.rule_hint(name, known)}"
                yield file.document.problem(("yields_to", index), text)
            elif meant := mistakes.near(pack, packs):
                text = f"yields_to: no pack is called {pack!r}; {meant}"
                yield file.document.problem(("yields_to", index), text)


def _builtin_ids() -> Iterator[str]:
    """Yield the names of the built-in rules, as their files say: they need not be loaded."""
    for folder in _packs_in(builtin_folder(), builtin=True):
        names = filter(_is_rule_file, _listed(folder.path))
        yield from (f"{folder.name}/{name.rpartition('.')[0]}" for name in names)


def _reached(name: str, rules: Mapping[str, Rule]) -> set[str]:
    """Return the rule and all that it yields to, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += rules[one].yields_to if one in rules else ()
    return found


def _problem(folder: PackFolder, name: str, text: str) -> Problem:
    label = f"{folder.label}/{display_path(name)}" if name else folder.label
    return Problem(label, 1, 1, text)
