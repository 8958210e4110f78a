"""Say which commands of a page can't work: their target, script, file or module is not there.

Only commands that name a part of the judged tree: ``make``, the runners of package.json, scripts by
path, requirement files, own Python modules, compose files. A page about the project itself is
believed to mean its tree; of others only what a change takes away is told.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from rlm_gate.core import Corpus, Span
from rlm_gate.detectors._pages import Command, Page, squashed
from rlm_gate.detectors._places import Places

_OWN = re.compile(
    r"(?:.*/)?(?:README|CONTRIBUTING|DEVELOP\w*|HACKING|INSTALL\w*|BUILD\w*|AGENTS|CLAUDE)"
    r"(?:[._-][\w.-]+)?\Z",
    re.IGNORECASE,
)
_GENERATES = re.compile(
    r"\b(?:npx|npm|yarn|pnpm|bun|bunx)\s+(?:create|init|degit)|\bnpx\s+(?:degit|[\w@/.-]*create)"
    r"|\bcookiecutter\b|\bcopier copy\b|startproject|startapp"
)
_MAKES_FILES = re.compile(
    r"(?:^|[;&|]\s*)(?:curl|wget|tar|unzip|cp|mv|touch|tee|ln|git\s+(?:checkout|clone)|npx|docker\s+cp"
    r"|cat\s*>|./configure|autoreconf|cmake)\b|>\s*[\w./-]+\s*$"
)
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_RULE = re.compile(r"^([^\s#:=][^:=#\n]*?)\s*::?(?!=)", re.MULTILINE)
_PHONY = re.compile(r"^\.PHONY\s*:+((?:\\\n|[^\n])*)", re.MULTILINE)
_INCLUDE = re.compile(r"^-?s?include\s+(.*)$", re.MULTILINE)
_UNSURE = re.compile(r"\$\((?:eval|foreach|call)\b|^define\b", re.MULTILINE)
_SCRIPTS = re.compile(r"""^[ \t]+"([\w:.@/-]+)"\s*:\s*["']""", re.MULTILINE)
_WORD = re.compile(r"[\w][\w.:/@+-]*\Z")
_RUNNERS = frozenset({"python", "python3", "bash", "sh", "node", "ruby", "php", "ts-node", "perl"})
_MOST = 300


Broken = tuple[int, str, Span | None]
"""The line of a command that can't work, why, and the place of the change that took its target."""


def taken(corpus: Corpus) -> dict[tuple[str, str], Span]:
    """Return (runner, name) of the make targets and scripts that the change removes, and where."""
    found: dict[tuple[str, str], Span] = {}
    for file in corpus.files:
        name = posixpath.basename(file.path)
        for block in file.removed if file.status != "deleted" else ():
            span = Span(file.path, block.after_line, block.after_line + 1)
            if name in _MAKEFILES:
                found |= {("make", one): span for one in _targets(block.text)}
            elif name == "package.json":
                found |= {("npm", one): span for one in _SCRIPTS.findall(block.text)}
    return found


def broken(path: str, text: str, page: Page, places: Places, corpus: Corpus) -> Iterator[Broken]:
    """Yield line, why and cause of each command that can't work."""
    if not page.commands or _GENERATES.search(text):
        return
    judge = _Judge(path, text, page, places, corpus, taken(corpus))
    for command in page.commands:
        yield from judge.command(command)


@dataclass(slots=True)
class _Judge:
    path: str
    text: str
    page: Page
    places: Places
    corpus: Corpus
    taken: dict[tuple[str, str], Span]

    def command(self, command: Command) -> Iterator[Broken]:
        bases = self._bases(command)
        for words in _parts(command.text):
            if not bases:
                return
            if words[0] == "cd":
                bases = self._entered(bases, words, command)
                continue
            for why, cause in self._word(words, bases, command):
                if cause or _OWN.match(posixpath.splitext(self.path)[0]):
                    yield command.line, why, cause

    def _bases(self, command: Command) -> list[str]:
        """Return the folders the command may run in, after the lines above it; [] for unknown."""
        bases = list(dict.fromkeys([posixpath.dirname(self.path), ""]))
        for line in command.before:
            for words in _parts(line):
                if words[0] == "cd":
                    bases = self._entered(bases, words, command)
        return bases

    def _entered(self, bases: list[str], words: list[str], command: Command) -> list[str]:
        if len(words) != 2:
            return []
        wanted = words[1].rstrip("/")
        joined = [_joined(base, wanted) for base in bases]
        inside = [one for one in joined if one == "" or one in self.places.folders]
        if inside or not self._cloned(wanted, command):
            return inside
        return bases

    def _cloned(self, name: str, command: Command) -> bool:
        """Say whether the folder is a fresh clone of this very project, by its page's headings."""
        cloned = any(
            re.search(r"\bgit\s+clone\b", line) for line in [*command.before, command.text]
        )
        return cloned and squashed(name) in {squashed(anchor) for anchor in self.page.anchors}

    def _word(
        self, words: list[str], bases: list[str], command: Command
    ) -> Iterator[tuple[str, Span | None]]:
        program = posixpath.basename(words[0]) if not words[0].startswith(".") else "./"
        if program == "make":
            yield from self._make(words[1:], bases)
        elif program in {"npm", "yarn", "pnpm"}:
            yield from self._script(program, words[1:])
        elif program in {"pip", "pip3", "uv"} and "-r" in words[:-1]:
            yield from self._requirements(words[words.index("-r") + 1], bases)
        elif program in {"python", "python3"} and words[1:2] == ["-m"] and words[2:]:
            yield from self._module(words[2:], bases)
        elif not any(_MAKES_FILES.search(line) for line in [*command.before, command.text]):
            yield from self._file(words, bases)

    def _make(self, words: list[str], bases: list[str]) -> Iterator[tuple[str, Span | None]]:
        if any(word.startswith(("-C", "-f", "--")) for word in words):
            return
        wanted = [word for word in words if _WORD.match(word) and "=" not in word]
        known = self._known_targets(bases)
        for one in wanted:
            if known is not None and one not in known and not self._is_file(one, bases):
                yield f"make {one}: no Makefile has that target", self.taken.get(("make", one))

    def _known_targets(self, bases: list[str]) -> set[str] | None:
        """Return the targets of all Makefiles of the tree, None where none is here, or unsure."""
        here = [name for base in bases for name in _MAKEFILES if _joined(base, name) in self._paths]
        if not here:
            return None
        known: set[str] = set()
        every = [one for one in self._paths if posixpath.basename(one) in _MAKEFILES]
        for path in [*every, *(one for one in self._paths if one.endswith((".mk", ".mak")))][
            :_MOST
        ]:
            text = self.corpus.tree.get(path, "")
            targets = _targets(text)
            if _UNSURE.search(text) or any(one for one in targets if "$" in one or "%" in one):
                return None
            if any(not self._is_included(path, one) for one in _INCLUDE.findall(text)):
                return None
            known |= targets
        return known

    @property
    def _paths(self) -> frozenset[str]:
        return self.places.paths

    def _is_included(self, path: str, names: str) -> bool:
        folder = posixpath.dirname(path)
        return all(
            _joined(folder, name) in self._paths and name.endswith((".mk", ".mak"))
            for name in names.split()
        )

    def _is_file(self, name: str, bases: list[str]) -> bool:
        stems = (_joined(base, name) for base in bases)
        return any(
            one in self._paths or any(path.startswith(f"{one}.") for path in self._paths)
            for one in stems
        )

    def _script(self, program: str, words: list[str]) -> Iterator[tuple[str, Span | None]]:
        if any(word.startswith("-") for word in words[:2]) or not words:
            return
        if words[0] in {"run", "run-script"}:
            name = words[1] if len(words) > 1 else ""
        else:
            name = words[0] if program == "npm" and words[0] == "test" else ""
        if not name or not _WORD.match(name):
            return
        files = [one for one in self._paths if posixpath.basename(one) == "package.json"][:_MOST]
        scripts = [_scripts(self.corpus.tree.get(one, "")) for one in files]
        if scripts and None not in scripts and not any(name in one for one in scripts if one):
            yield (
                f"{program} {name}: no package.json has that script",
                self.taken.get(("npm", name)),
            )

    def _requirements(self, name: str, bases: list[str]) -> Iterator[tuple[str, Span | None]]:
        cause = self._cause([_joined(one, name) for one in bases])
        told = self.text.count(name) > self.text.count(
            f"-r {name}"
        )  # the page may have you write it
        if not _WORD.match(name.removeprefix("./")) or (told and not cause):
            return
        base = posixpath.basename(name)
        if not any(posixpath.basename(path) == base for path in self._paths):
            yield f"{name}: there is no such file", cause

    def _module(self, words: list[str], bases: list[str]) -> Iterator[tuple[str, Span | None]]:
        if not re.fullmatch(r"[a-zA-Z_]\w*(?:\.\w+)*", words[0]):
            return
        path = words[0].replace(".", "/")
        top = path.partition("/")[0]
        roots = [_joined(base, folder) for base in bases for folder in ("", "src", "lib")]
        own = [root for root in roots if _joined(root, f"{top}/__init__.py") in self._paths]
        if not own or any(self._runs(_joined(root, path)) for root in own):
            return
        what = "it has no __main__.py" if "/" not in path else "there is no such module"
        gone = [_joined(root, f"{path}{end}") for root in own for end in (".py", "/__main__.py")]
        yield f"python -m {words[0]}: {what}", self._cause(gone)

    def _runs(self, path: str) -> bool:
        folder, _, stem = path.rpartition("/")
        files = (one.rpartition("/")[2] for one in self._paths if one.rpartition("/")[0] == folder)
        return f"{path}/__main__.py" in self._paths or any(
            name.partition(".")[0] == stem and "." in name for name in files
        )

    def _file(self, words: list[str], bases: list[str]) -> Iterator[tuple[str, Span | None]]:
        name = _script_of(words)
        if not name or not re.fullmatch(r"(?:\./)?[\w.-]+(?:/[\w.-]+)*\.\w+", name):
            return
        paths = [_joined(base, name) for base in bases]
        if any(self.places.has(path) for path in paths):
            return
        cause = self._cause(paths)
        folders = [posixpath.dirname(path) for path in paths]
        here = any(folder and folder in self.places.folders for folder in folders)
        if cause or (here and posixpath.dirname(name.removeprefix("./"))):
            yield f"{name}: there is no such file", cause

    def _cause(self, paths: list[str]) -> Span | None:
        return next((Span(path, 1, 1) for path in paths if path in self.corpus.gone), None)


def _script_of(words: list[str]) -> str:
    """Return the file of the project that the command runs, "" for none."""
    program = words[0]
    if program in _RUNNERS:
        return next((word for word in words[1:2] if not word.startswith("-")), "")
    if "compose" in " ".join(words[:2]) and "-f" in words[:-1]:
        return words[words.index("-f") + 1]
    return program if "/" in program and not program.startswith(("/", "~", "..")) else ""


def _parts(line: str) -> Iterator[list[str]]:
    """Yield the words of each command of a line; nothing of what a shell alone could read."""
    for part in re.split(r"&&|\|\||;|\|", line.partition(" #")[0]):
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        while words and (words[0] in {"sudo", "time", "exec"} or re.match(r"\w+=", words[0])):
            words = words[1:]
        if words:
            yield words


def _targets(text: str) -> set[str]:
    rules = (name for names in _RULE.findall(text) for name in names.split())
    phony = (name for names in _PHONY.findall(text) for name in names.replace("\\\n", " ").split())
    return {name for name in (*rules, *phony) if not name.startswith(".")}


def _scripts(text: str) -> set[str] | None:
    """Return the names of the scripts, None where the file is no plain JSON object."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    scripts = read.get("scripts", {}) if isinstance(read, dict) else None
    return {*scripts} if isinstance(scripts, dict) else None


def _joined(folder: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(folder, path))
    return "" if joined == "." else joined
