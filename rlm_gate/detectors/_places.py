"""Say whether what a page points at is in the tree, as GitHub or a generator of sites would.

A page that GitHub alone shows (a README, a page at the root) means paths beside it or from the
root. Any other may be part of a site: there a path counts as missing only if no folder above the
page, and no translation, has it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from rlm_gate import globs
from rlm_gate.core import Corpus, folders_above

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//")
_TEMPLATE = re.compile(r"[{}<>$|*\\]|%[sd]|\.\.\.|^@|^~|^!|^:|^\(|\s=")
_WEB = re.compile(
    r"(?:\.\./)+(?:issues|pulls?|wiki|releases?|actions|discussions|tree|blob|raw|commits?|compare"
    r"|graphs|projects|security|stargazers|network|milestones?|labels|fork|workflows|settings|tags)\b"
)
_PLAIN = re.compile(
    r"(?:[^/]+|(?:.*/)?(?:README|Readme|readme|CONTRIBUTING|SECURITY|SUPPORT|INSTALL|DEVELOPMENT"
    r"|HACKING)(?:[._-][\w.-]+)?|\.github/.*)\Z"
)
_SITE = re.compile(
    r"(?:^|/)(?:docs?|documentation|website|site|content|www|pages|book|wiki)/", re.IGNORECASE
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?\Z")
_TEXTS = (".md", ".mdx", ".rst", ".markdown", ".txt", ".ipynb", ".adoc", ".rst.inc")
_KEPT = re.compile(
    r"\.(?:md|mdx|rst|markdown|ipynb|png|jpe?g|gif|svg|webp|pdf|ya?ml|toml|json|py|sh|ts|js|go|java)\Z",
    re.IGNORECASE,
)
_ASSETS = ("static", "public", "assets", "_static", "docs", "source", "src", "content", "images")
_MADE = re.compile(r"(?:^|/)(?:_?build|dist|out|target|coverage|generated|_autosummary|api)/")


@dataclass(frozen=True, slots=True)
class Target:
    """A path from the root ("" for the page itself), and an anchor in it ("" for none)."""

    path: str
    anchor: str = ""


class Places:
    """The paths of the judged tree, asked as pages ask."""

    def __init__(self, corpus: Corpus) -> None:
        self._tree = corpus.tree
        self._ignored: dict[str, tuple[str, ...]] = {}
        self.paths = corpus.paths()
        self.folders = folders_above(self.paths)
        self._root = corpus.root if corpus.repo is None else None

    def has(self, path: str) -> bool:
        """Say whether there is a file or folder, or a submodule or link above it."""
        return (
            path in self.paths
            or path in self.folders
            or any(above in self.paths for above in _above(path))
            or (self._root is not None and os.path.lexists(f"{self._root}/{path}"))
        )

    def lost(self, page: str, link: str, kind: str, *, site: bool) -> Target | None:
        """Return where the link leads if nothing is there, None where all is well or unsure."""
        path, _, _ = link.partition("#")
        path = unquote(path.partition("?")[0]).strip()
        if not path or _is_elsewhere(link) or (site and kind != "include" and _is_made(path)):
            return None
        candidates = [*self._candidates(page, path, kind, site=site)]
        inside = [one for one in candidates if not one.startswith("..")]
        if not inside or (len(inside) < len(candidates) and not site):
            return None
        if any(self.has(variant) for one in inside for variant in _variants(one, kind)):
            return None
        return None if self._is_ignored(inside[0]) else Target(inside[0])

    def page(self, page: str, link: str) -> Target | None:
        """Return the page of the tree that the link leads to and the anchor it names."""
        path, _, anchor = link.partition("#")
        if not anchor or _is_elsewhere(link) or "?" in path:
            return None
        path = unquote(path)
        found = self._beside(page, path) if path else page
        return Target(found, unquote(anchor)) if found in self.paths else None

    def differs_in_case(self, path: str) -> str:
        """Return the path that is there under other letters, "" if there is none."""
        lower = path.lower()
        return next((one for one in sorted(self.paths) if one.lower() == lower), "")

    def _is_ignored(self, path: str) -> bool:
        """Say whether git leaves the path out: something makes the file when it is needed."""
        return any(
            re.match(pattern, path[len(folder) + bool(folder) :])
            for folder in ("", *_above(path))
            for pattern in self._patterns(folder)
        )

    def _patterns(self, folder: str) -> tuple[str, ...]:
        if folder not in self._ignored:
            path = f"{folder}/.gitignore" if folder else ".gitignore"
            lines = (line.strip() for line in self._tree.get(path, "").splitlines())
            good = [line for line in lines if line and not globs.mistake(line)]
            self._ignored[folder] = globs.to_regex(good)
        return self._ignored[folder]

    def _candidates(self, page: str, path: str, kind: str, *, site: bool) -> Iterator[str]:
        yield self._beside(page, path)
        if site or kind in {"document", "include"}:
            relative = path.lstrip("/")
            yield posixpath.normpath(posixpath.join(posixpath.splitext(page)[0], relative))
            for folder in [*_above(page), ""]:
                yield posixpath.normpath(posixpath.join(folder, relative))
                for asset in _ASSETS:
                    yield posixpath.normpath(posixpath.join(folder, asset, relative))

    def _beside(self, page: str, path: str) -> str:
        folder = "" if path.startswith("/") else posixpath.dirname(page)
        joined = posixpath.normpath(posixpath.join(folder, path.lstrip("/")))
        return "" if joined == "." else joined


def is_site(page: str, text: str) -> bool:
    """Say whether a generator of sites may show the page, with paths of its own."""
    return (
        text.startswith(("---\n", "+++\n", "---\r\n"))
        or page.endswith((".mdx", ".rst"))
        or (_SITE.search(page) is not None and not _PLAIN.match(page))
        or not _PLAIN.match(posixpath.splitext(page)[0])
    )


def _is_elsewhere(link: str) -> bool:
    return bool(_SCHEME.match(link) or _TEMPLATE.search(link) or _WEB.match(link))


def _is_made(path: str) -> bool:
    """Say whether the path of a site need not be a file: built, routed, a name in the code."""
    return bool(path.startswith("/") or not _KEPT.search(path) or _MADE.search(path))


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _variants(path: str, kind: str) -> Iterator[str]:
    yield path
    if kind == "document":
        yield from (path + extension for extension in _TEXTS)
    stem = posixpath.splitext(path)[0]
    if path.endswith(_TEXTS):
        yield from (stem + extension for extension in _TEXTS)
    parts = path.split("/")
    for number, part in enumerate(parts[:-1]):
        if _LANGUAGE.match(part):
            yield "/".join([*parts[:number], "en", *parts[number + 1 :]])
            yield "/".join([*parts[:number], *parts[number + 1 :]])
