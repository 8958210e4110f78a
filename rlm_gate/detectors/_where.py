"""Whether a rule's languages and paths let it judge a file. Knows nothing of what the file says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from rlm_gate import globs
from rlm_gate.core import Rule, SourceFile
from rlm_gate.languages import covers


def why_not(rule: Rule, file: SourceFile) -> str:
    """Return "language" or "path" where the rule does not judge the file, else "".

    It is asked of each rule and file, several times; files of one language in folders alike get one
    answer.
    """
    asked, fitting = _PATHS.get(file.path, _UNKNOWN)
    known = None
    if asked == len(_SHAPES):
        known = _PLACES.get((file.language, id(fitting)), {}).get(id(rule))
    return _asked_anew(rule, file) if known is None else known


def open_to(rules: Sequence[Rule], file: SourceFile) -> Sequence[Rule]:
    """Return those of the rules whose languages and paths let them judge the file.

    Of a tuple it is found out once for all files at places alike.
    """
    if not isinstance(rules, tuple):
        return [rule for rule in rules if not why_not(rule, file)]
    key = (id(rules), file.language, id(_fitting(file.path)))
    known = _OPEN.get(key)
    if known is None or known[1] != len(_SHAPES):
        if len(_OPEN) >= _FEW:
            _OPEN.clear()
        left = tuple(rule for rule in rules if not why_not(rule, file))
        key = (id(rules), file.language, id(_fitting(file.path)))  # they may have brought shapes
        known = _OPEN[key] = rules, len(_SHAPES), left
    return known[2]


def expect_paths(rules: Iterable[Rule]) -> None:
    """Say which rules will be asked: a path then meets all their patterns at once."""
    for rule in rules:
        _register(rule.exclude)
        _register(rule.include)


def place(file: SourceFile) -> tuple[str, int]:
    """Return what all files share of which the expected rules say the same, but for prefilters.

    The number means something while this process lives.
    """
    return file.language, id(_fitting(file.path))


def _asked_anew(rule: Rule, file: SourceFile) -> str:
    """Return what a rule's languages and paths say against a file; all alike get one answer."""
    why = "" if speaks(rule.languages, file.language) else "language"
    if not why and (
        (rule.exclude and _matches(rule.exclude, file.path))
        or (rule.include and not _matches(rule.include, file.path))
    ):
        why = "path"
    asked, fitting = _PATHS.get(file.path, _UNKNOWN)
    if asked == len(_SHAPES):
        if len(_PLACES) >= _MANY or len(_RULES) >= _MANY:
            _PLACES.clear()
            _RULES.clear()
        _RULES[id(rule)] = rule
        _PLACES.setdefault((file.language, id(fitting)), {})[id(rule)] = why
    return why


@lru_cache(maxsize=4096)
def speaks(languages: tuple[str, ...], language: str) -> bool:
    """Say whether one of the languages covers that of a file."""
    return any(covers(one, language) for one in languages)


def _matches(patterns: tuple[str, ...], path: str) -> bool:
    """Say whether any of the patterns matches: rules share most, so a path is asked each once."""
    _register(patterns)
    asked, found = _PATHS.get(path, _UNKNOWN)
    if asked < len(_SHAPES):
        found = _fitting(path)
    return not found.isdisjoint(patterns)


def _register(patterns: tuple[str, ...]) -> None:
    if patterns not in _ASKED:
        _SHAPES.update((pattern, globs.matcher(pattern)) for pattern in patterns)
        _ASKED.add(patterns)


_Shape = tuple[str, Callable[[str], bool]]
_Fitting = tuple[int, frozenset[str]]  # how many shapes a path was asked, and which of them it has
_UNKNOWN: _Fitting = (0, frozenset())
_ASKED: set[tuple[str, ...]] = set()
_SHAPES: dict[str, Callable[[str], bool]] = {}
_PATHS: dict[str, _Fitting] = {}
_SAME: dict[frozenset[str], frozenset[str]] = {}
_NAMES: dict[str, tuple[int, Sequence[str]]] = {}
_SORTED: list[_Sorts] = []  # one, once there are shapes
# (language, which shapes fit) -> rule -> why it does not apply there; both by their numbers, as
# hashing what they hold takes longer than the answer. What has a number here is kept.
_PLACES: dict[tuple[str, int], dict[int, str]] = {}
_RULES: dict[int, Rule] = {}
# The same for a tuple of rules, kept with how many shapes there were: those that may judge there.
_OPEN: dict[tuple[int, str, int], tuple[Sequence[Rule], int, Sequence[Rule]]] = {}


class _Sorts(NamedTuple):
    """The first ``many`` shapes by what they look at: a folder, a whole path, any name in it."""

    of: Mapping[str, Callable[[str], bool]]
    many: int
    folders: Sequence[_Shape]
    paths: Sequence[_Shape]
    names: Sequence[_Shape]


def _sorts() -> _Sorts:
    """Return all shapes, sorted anew when some have come; other threads may add more meanwhile."""
    if _SORTED and _SORTED[0].of is _SHAPES and _SORTED[0].many == len(_SHAPES):
        return _SORTED[0]
    shapes = [*_SHAPES.copy().items()]
    folders = [one for one in shapes if one[0].endswith("/")]
    names = [one for one in shapes if globs.of_a_name(one[0])]
    paths = [one for one in shapes if one not in folders and one not in names]
    _SORTED[:] = [_Sorts(_SHAPES, len(shapes), folders, paths, names)]
    _NAMES.clear()
    return _SORTED[0]


def _fitting(path: str) -> frozenset[str]:
    """Return which of all patterns match; what a folder or a name says is found out once."""
    asked, found = _PATHS.get(path, _UNKNOWN)
    if asked == len(_SHAPES):
        return found
    sorts = _sorts()
    folder = path[: path.rfind("/") + 1]
    inside = folder == path
    new = {one for one, fits in (sorts.folders if inside else sorts.paths) if fits(path)}
    if "\n" in path:
        new.update(one for one, fits in sorts.names if not inside and fits(path))
    else:
        names = path.split("/")[:-1] if inside else [path[len(folder) :]]
        new = new.union(*(_named(name, sorts) for name in names))
    found = frozenset(new.union(_fitting(folder) if folder and not inside else ()))
    found = _SAME.setdefault(found, found)  # most paths have the same few
    if len(_PATHS) >= _MANY:
        _PATHS.clear()
    _PATHS[path] = (sorts.many, found)
    return found


def _named(name: str, sorts: _Sorts) -> Sequence[str]:
    """Return which patterns for the name of a file or folder match."""
    asked, found = _NAMES.get(name, (0, ()))
    if asked != sorts.many:
        found = tuple(one for one, fits in sorts.names if fits(name))
        if len(_NAMES) >= _MANY:
            _NAMES.clear()
        _NAMES[name] = (sorts.many, found)
    return found


_FEW = 256
_MANY = 20_000
