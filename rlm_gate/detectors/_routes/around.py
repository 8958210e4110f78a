"""Look around a file for what its routes hang on: handlers elsewhere, and who mounts a router."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache

from rlm_gate import kept
from rlm_gate.core import Corpus
from rlm_gate.detectors._routes import words

_LARGEST = 1_000_000  # characters: what is longer was made by a program
_MOST = 60  # files that may mount a router
_ENDINGS = (".js", ".ts", ".mjs", ".cjs", ".jsx", ".tsx", "/index.js", "/index.ts")
_MOUNTS = kept.expression(
    r"(?:^|/)(?:index|app|server|main|routes?|router|api|express|routing|loaders?)\.[cm]?[jt]s$"
)
_CHECKING = kept.expression(r"(?i)(?:middleware|guard|auth|role|user)[\w.-]*\.(?:js|ts|cs)$")
_STEPS = kept.expression(
    r"\.(?:use|register|route)\(((?:[^()\n]|\((?:[^()\n]|\([^()\n]*\))*\)|\n){0,400})\)"
)
_COMMENT = kept.expression(r"/\*(?:[^*]|\*(?!/))*\*/|(?<![:'\"`\w])//[^\n]*")
_QUOTED = kept.expression(r"""^\s*['"`]([^'"`\n]*)['"`]""")


class Around:
    """The tree around the files that are judged; what was read is kept."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._texts: dict[str, str] = {}
        self._by_name: dict[str, list[str]] | None = None
        self._endings: dict[tuple[str, ...], list[str]] = {}
        self._mounted: dict[str, tuple[tuple[str, ...], bool]] = {}
        self._mounts: list[str] | None = None
        self._has: dict[tuple[str, str], bool] = {}
        self._by_stem: dict[str, list[str]] | None = None
        self._folders: dict[str, list[str]] | None = None

    def text(self, path: str) -> str:
        """Return a file's text without its comments, "" for none, or one too long to be read."""
        if path not in self._texts:
            file = self._corpus.file(path)
            text = file.text if file else self._corpus.tree.get(path, "")
            self._texts[path] = "" if len(text) > _LARGEST else text
        return self._texts[path]

    def folder(self, path: str) -> list[str]:
        """Return every path in the folder of this one, sorted."""
        if self._folders is None:
            self._folders = {}
            for one in sorted(self._corpus.paths()):
                self._folders.setdefault(posixpath.dirname(one), []).append(one)
        return self._folders.get(posixpath.dirname(path), [])

    def ending(self, *endings: str) -> list[str]:
        """Return every path that ends so, sorted."""
        if endings not in self._endings:
            self._endings[endings] = sorted(
                one for one in self._corpus.paths() if one.endswith(endings)
            )
        return self._endings[endings]

    def named(self, name: str) -> list[str]:
        """Return every path whose last part this is, sorted."""
        if self._by_name is None:
            self._by_name = {}
            for one in sorted(self._corpus.paths()):
                self._by_name.setdefault(posixpath.basename(one), []).append(one)
        return self._by_name.get(name, [])

    def has(self, path: str, wanted: re.Pattern[str], comment: re.Pattern[str]) -> bool:
        """Say whether a file has that outside its comments."""
        key = (path, wanted.pattern)
        if key not in self._has:
            self._has[key] = wanted.search(comment.sub("", self.text(path))) is not None
        return self._has[key]

    def beside(self, path: str, relative: str, page: str) -> str:
        """Return the path that a page of PHP, or what it includes, means, or ""."""
        bare = relative.lstrip("/")
        tried = [posixpath.join(posixpath.dirname(one), bare) for one in (path, page, "")]
        known = self._corpus.paths()
        return next((one for one in map(posixpath.normpath, tried) if one in known), "")

    def imported(self, path: str, wanted: str) -> str:
        """Return the path that a file of JavaScript means by the name of a module, or ""."""
        known = self._corpus.paths()
        if wanted.startswith("."):
            base = posixpath.normpath(posixpath.join(posixpath.dirname(path), wanted))
            stem = re.sub(r"\.[cm]?jsx?$", "", base)
            tried = (base, *(stem + one for one in _ENDINGS))
            return next((one for one in tried if one in known), "")
        if self._by_stem is None:
            self._by_stem = {}
            for one in known:
                if one.endswith((".js", ".ts", ".mjs")) and "node_modules/" not in one:
                    stem = posixpath.basename(one).rpartition(".")[0]
                    self._by_stem.setdefault(stem, []).append(one)
        if wanted[:1] not in "@~#" and "/" not in wanted:
            return ""
        found = self._by_stem.get(posixpath.basename(wanted), [])
        return found[0] if len(found) == 1 else ""

    def mounted(self, path: str) -> tuple[tuple[str, ...], bool]:
        """Return the paths that a router's file is mounted on, and whether behind a check.

        Who mounts it may be mounted in turn.
        """
        if path not in self._mounted:
            self._mounted[path] = (), False  # for those that mount each other
            stem = re.sub(r"\.[cm]?[jt]s$", "", posixpath.basename(path))
            if stem == "index":
                stem = posixpath.basename(posixpath.dirname(path))
            prefixes: list[str] = []
            guarded = False
            for one in self._mounting(path):
                for prefix, behind in _mounts(self.text(one), stem):
                    above, covered = self.mounted(one)
                    prefixes += [prefix, *above]
                    guarded = guarded or behind or covered
            self._mounted[path] = tuple(prefixes), guarded
        return self._mounted[path]

    def _mounting(self, path: str) -> list[str]:
        """Return the files above that look as if they mounted routers."""
        found: list[str] = []
        folder = posixpath.dirname(path)
        folders = [folder]
        while folder:
            folder = posixpath.dirname(folder)
            folders += [folder, posixpath.join(folder, "src")]
        for one in dict.fromkeys(folders):
            inside = self.folder(posixpath.join(one, "x"))
            near = one == folders[0]  # a router may mount those beside it
            found += [
                other for other in inside if other != path and (near or _MOUNTS.search(other))
            ]
        others = [one for one in self.mounts if one not in found and one != path]
        return [*found, *others][:_MOST]

    @property
    def checks(self) -> list[str]:
        """Return every file that by its name checks who is calling or says what an account is."""
        return [one for one in self.ending(".js", ".ts", ".cs") if _CHECKING.search(one)]

    @property
    def mounts(self) -> list[str]:
        """Return every file that by its name may mount routers, sorted."""
        if self._mounts is None:
            known = sorted(self._corpus.paths())
            self._mounts = [
                one for one in known if _MOUNTS.search(one) and "node_modules/" not in one
            ]
        return self._mounts


_ROUTED = kept.expression(r"(?i:rout(?:e|er|es)\b)|Routes?\b|require\(")
_WORD = kept.expression(r"\w+")


@lru_cache(maxsize=64)
def _mounts(text: str, stem: str) -> list[tuple[str, bool]]:
    """Return each path that the router of this module is mounted on, and whether behind a check."""
    if stem not in text:
        return []
    plain = _COMMENT.sub("", text)
    quoted = (
        rf"['\"][^'\"\n]*(?<![\w.-]){re.escape(stem)}(?:\.[cm]?[jt]s)?(?:/index(?:\.[jt]s)?)?['\"]"
    )
    called = [re.escape(one) for one in _names(plain, quoted)]
    either = "|".join([*called, rf"(?:require|import)\(\s*{quoted}\)?"])
    router = re.compile(rf"(?<![\w.])(?:{either})(?:\.\w+)?(?![\w(])")
    mounted: list[tuple[str, bool]] = []
    before: list[str] = []  # paths for which a check stands above
    for step in _STEPS.finditer(plain):
        path = _QUOTED.match(step[1])
        prefix = path[1] if path else ""
        rest = step[1][path.end() :] if path else step[1]
        bare = router.sub("", rest)
        if bare != rest:
            covered = any(prefix.startswith(one.rstrip("/*")) for one in before)
            mounted.append((prefix, covered or words.is_guard(bare)))
        elif words.is_guard(rest) and not _ROUTED.search(rest):
            before.append(prefix)
    return mounted


def _names(text: str, quoted: str) -> set[str]:
    """Return the names that a file gives to what it imports from the quoted module."""
    using = re.compile(
        r"\b(?:(?:const|let|var)[ ]+([\w{} ,:]+?)[ ]*=[ ]*(?:await[ ]+)?(?:require|import)\(\s*"
        rf"|import[ ]+([\w{{}} ,*:\n]+?)\s+from[ ]+){quoted}"
    )
    found = [one[1] or one[2] for one in using.finditer(text)]
    return {word for names in found for word in _WORD.findall(names)} - {"as", "default", "type"}
