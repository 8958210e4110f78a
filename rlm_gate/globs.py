"""Turn gitignore-style globs into regular expressions. Home of pathspec.

The results are matched with ``re.match`` against a repository-relative path with forward slashes.
Knows one glob at a time: no negation, and no order among several.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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
