"""Which page of PHP cannot run where it lies: what it requires is not there, nothing loads it.

Sees the tree's files alone. A page that was moved to a folder of old ones ends at its first line,
for the paths in it were those of the folder it came from.
"""

from __future__ import annotations

import posixpath
from typing import Final, NamedTuple

from rlm_gate import kept
from rlm_gate.core import Corpus, Finding
from rlm_gate.signing import text_of

_MOST: Final = 2000  # pages that are read; where there are more, nothing is known
# At the left margin, so that no condition stands around it. What is only included may be missing.
_REQUIRES: Final = kept.expression(
    r"(?m)^(?:<\?php[ \t]+)?require(?:_once)?[ \t]*\(?[ \t]*"
    r"[\"'](?P<path>[\w.-][\w./-]*\.(?:php|inc))[\"']"
)
_LOADS: Final = kept.expression(r"(?m)\b(?:include|require)(?:_once)?\b[^;\n]{0,200}")
_SAID: Final = kept.expression(r"[\"']([\w./ -]{1,120})[\"']")
_COMMENT: Final = kept.expression(r"(?m)^[ \t]*(?://|#|\*|/\*).*$")
# Paths that begin elsewhere than in the folder of the page that was asked for.
_MOVES: Final = kept.expression(r"\b(?:chdir|set_include_path)\s*\(|\binclude_path\b")
_TESTS: Final = kept.expression(r"(?:^|/)tests?/|(?:^|/)tests?[-_.]")
_SETS: Final = ("/.htaccess", "/.user.ini", "/php.ini", "/Dockerfile")


class _Page(NamedTuple):
    """A page: its folder, what it includes as it says so, and what else stands in its quotes."""

    path: str
    folder: str
    loads: tuple[str, ...]
    said: frozenset[str]


def unloaded(finding: Finding, corpus: Corpus) -> bool:
    """Say whether the finding stands in a page of PHP behind a line that ends it, always."""
    path = finding.span.path
    folder = path.rpartition("/")[0]
    if not folder or not path.endswith(".php"):
        return False
    before = "\n".join(text_of(path, corpus).split("\n")[: finding.span.start - 1])
    before = _COMMENT.sub("", before)
    paths = corpus.paths()
    if _MOVES.search(before) or not any(
        _is_missing(one["path"], folder, paths) for one in _REQUIRES.finditer(before)
    ):
        return False
    pages = sorted(one for one in paths if one.endswith(".php") and not _TESTS.search(one))
    settings = [one for one in paths if f"/{one}".endswith(_SETS)]
    if len(pages) > _MOST or any(_MOVES.search(text_of(one, corpus)) for one in settings):
        return False
    return not any(_loads(one, path) for one in _pages(corpus, pages) if one.path != path)


def _is_missing(required: str, folder: str, paths: frozenset[str]) -> bool:
    """Say whether the file is not where this page looks, but where one of a folder above would."""
    if posixpath.normpath(f"{folder}/{required}") in paths:
        return False
    above = folder
    while above:
        above = above.rpartition("/")[0]
        if posixpath.normpath(f"{above}/{required}" if above else required) in paths:
            return True
    return False


def _loads(page: _Page, path: str) -> bool:
    """Say whether a page may load the path: it names the file or its folder."""
    folder, _, name = path.rpartition("/")
    if page.folder == folder:  # links to its neighbours lead where they end as well
        return any(name in one for one in page.loads)
    last = folder.rpartition("/")[2]
    chosen = any("$" in one for one in page.loads)
    for said in page.said:
        if said.rpartition("/")[2] == name:
            return True
        if ("/" in said or chosen) and last in said.strip("/").split("/"):
            return True
    return False


def _pages(corpus: Corpus, paths: list[str]) -> list[_Page]:
    """Return what the pages say, read once for all findings of a run."""
    return corpus.once(
        "pages", lambda whole: [_read(one, _COMMENT.sub("", text_of(one, whole))) for one in paths]
    )


def _read(path: str, text: str) -> _Page:
    loads = tuple(one[0] for one in _LOADS.finditer(text))
    return _Page(path, path.rpartition("/")[0], loads, frozenset(_SAID.findall(text)))
