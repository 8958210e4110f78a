"""Turn gitignore-style globs into regular expressions. Home of pathspec.

The results are matched with ``re.match`` against a repository-relative path with forward slashes.
Knows one glob at a time: no negation, and no order among several.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

_ANYWHERE = "^(?:.+/)?"
_INSIDE, _AT_END = "/", r"(?:/|\Z)"
_ANY = "[^/]*"
_ESCAPED = re.compile(r"\\([^\w\s])")
_SPECIAL = frozenset(".^$*+?{}[]|()\\")
_BRACES = re.compile(r"\{[^}]*,[^}]*\}")


def mistake(glob: str) -> str:
    """Return what is wrong with the glob and what to do about it, "" if it is good."""
    for wrong, remedy in (
        (not glob.strip(), "an empty glob matches nothing; leave it out"),
        (glob.startswith("!"), "'!' is not supported; list what to leave out under 'exclude'"),
        (glob.startswith("#"), "'#' starts a comment; write '\\#'"),
        (glob.startswith("./"), "leave out './': paths start at the repository's root"),
        ("//" in glob, "'//' never matches; write one slash"),
        (".." in glob.split("/"), "'..' never matches: paths start at the repository's root"),
        ("[[:" in glob, "'[[:class:]]' is not supported; write the characters out"),
        (bool(_BRACES.search(glob)), "git's globs have no {a,b}; write one glob each"),
    ):
        if wrong:
            return remedy
    return "" if _translate(glob) else "not a glob that git understands; see 'git help gitignore'"


def to_regex(globs: Sequence[str]) -> tuple[str, ...]:
    """Return one pattern a glob, for ``re.match``. The globs must have passed ``mistake``."""
    return tuple(_translate(glob) for glob in globs)


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what says whether ``re.match`` finds one of these patterns in a path.

    Most patterns name a folder or a file by plain text and stars: they need no ``re``, which takes
    longer to compile one than to ask a few paths.
    """
    plain = _plain(pattern)

    def by_re(path: str) -> bool:
        return _compiled(pattern).match(path) is not None

    if plain is None:
        return by_re
    return lambda path: by_re(path) if "\n" in path else plain(path)


def of_a_name(pattern: str) -> bool:
    """Say whether the pattern matches a path just where it matches the name of a part of it.

    Of paths without a line feed, that is.
    """
    if not pattern.startswith(_ANYWHERE) or not pattern.endswith(_AT_END):
        return False
    return _plain(pattern) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _plain(pattern: str) -> Callable[[str], bool] | None:
    """Return what tells without ``re``, None for a pattern of another shape."""
    if not pattern.startswith(_ANYWHERE):
        start = _literal(pattern.removeprefix("^"))
        fits = pattern.startswith("^") and start is not None and start.endswith("/")
        return (lambda path: path.startswith(start or "")) if fits else None
    shape = pattern.removeprefix(_ANYWHERE)
    end = _AT_END if shape.endswith(_AT_END) else _INSIDE if shape.endswith(_INSIDE) else ""
    parts = [_literal(part) for part in shape.removesuffix(end).split(_ANY)]
    known = [part for part in parts if part is not None and "/" not in part]
    return _of_segment(known, end) if end and len(known) == len(parts) else None


def _literal(pattern: str) -> str | None:
    """Return the text that the pattern spells out, None if it is no plain text."""
    bare = _ESCAPED.sub("", pattern)
    return None if _SPECIAL & {*bare} else _ESCAPED.sub(r"\1", pattern)


def _of_segment(parts: Sequence[str], end: str) -> Callable[[str], bool]:
    """Return what looks for a folder, or for anything at all, whose name is these parts and stars.

    ``parts`` has the texts before, between and behind the stars.
    """
    inside = end == _INSIDE
    if len(parts) == 1:
        name = f"/{parts[0]}/"
        return lambda path: name in (f"/{path}" if inside else f"/{path}/")
    first, *middle, last = parts
    needed = [one for one in (f"/{first}", *middle, f"{last}/") if one != "/"]

    def fits(path: str) -> bool:
        slashed = f"/{path}/"
        for one in needed:
            if one not in slashed:
                return False
        segments = path.split("/")
        return any(_has(one, first, middle, last) for one in segments[: -inside or None])

    return fits


def _has(segment: str, first: str, middle: Sequence[str], last: str) -> bool:
    if not segment.startswith(first) or not segment.endswith(last):
        return False
    at, end = len(first), len(segment) - len(last)
    for part in middle:
        at = segment.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end


def _translate(glob: str) -> str:
    """Return the pattern, "" if there is none."""
    from pathspec.patterns.gitignore.base import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    try:
        pattern = GitIgnoreSpecPattern.pattern_to_regex(glob)[0]
        re.compile(pattern or "")
    except (GitIgnorePatternError, re.error):
        return ""
    return _portable(str(pattern)) if pattern else ""


def _portable(pattern: str) -> str:
    r"""Fit the pattern for ``re.match``.

    The named group goes, so that patterns can be joined; \Z replaces $, which also ends before a
    final line feed; a pattern that may begin anywhere says so.
    """
    pattern = pattern.replace("(?P<ps_d>/)", "/")
    if pattern.endswith("|$)"):
        pattern = pattern.removesuffix("$)") + r"\Z)"
    return pattern if pattern.startswith("^") else f"(?s:.*?){pattern}"
