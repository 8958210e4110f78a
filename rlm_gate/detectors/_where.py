"""Whether a rule's languages and paths let it judge a file. Knows nothing of what the file says."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

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
    if patterns not in _ASKED:
        _SHAPES.update((pattern, globs.matcher(pattern)) for pattern in patterns)
        _ASKED.add(patterns)
    asked, found = _PATHS.get(path, _UNKNOWN)
    if asked < len(_SHAPES):
        found = _fitting(path)
    return not found.isdisjoint(patterns)


_Fitting = tuple[int, frozenset[str]]  # how many shapes a path was asked, and which of them it has
_UNKNOWN: _Fitting = (0, frozenset())
_ASKED: set[tuple[str, ...]] = set()
_SHAPES: dict[str, Callable[[str], bool]] = {}
_PATHS: dict[str, _Fitting] = {}
_SAME: dict[frozenset[str], frozenset[str]] = {}
# (language, which shapes fit) -> rule -> why it does not apply there; both by their numbers, as
# hashing what they hold takes longer than the answer. What has a number here is kept.
_PLACES: dict[tuple[str, int], dict[int, str]] = {}
_RULES: dict[int, Rule] = {}


def _fitting(path: str) -> frozenset[str]:
    """Return which of all patterns match; those that end with a slash look at the folder alone."""
    asked, found = _PATHS.get(path, _UNKNOWN)
    shapes = [*_SHAPES.copy().items()]  # other threads may add to them meanwhile
    if asked == len(shapes):
        return found
    folder = path[: path.rfind("/") + 1]
    inside = folder == path
    new = [one for one, fits in shapes[asked:] if one.endswith("/") == inside and fits(path)]
    found = found.union(new, _fitting(folder) if folder and not inside else ())
    found = _SAME.setdefault(found, found)  # most paths have the same few
    if len(_PATHS) >= _MANY:
        _PATHS.clear()
    _PATHS[path] = (len(shapes), found)
    return found


_MANY = 20_000
