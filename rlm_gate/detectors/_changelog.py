"""What users notice of a change, by its lines, and which changelogs a repository keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rlm_gate.core import Corpus, SourceFile, folders_above, split_lines


@dataclass(frozen=True, slots=True)
class Noticed:
    """A name that users see and that came or went: its line, or those around what is gone."""

    file: SourceFile
    start: int
    end: int
    what: str


# How lines spell what users see: the kind, where it counts, and a pattern whose group is the name.
_Spelling = tuple[str, re.Pattern[str], re.Pattern[str]]
_ANYWHERE = re.compile("")
_OPTION = re.compile(
    r"""\b(?:add_argument|option|Option)\(\s*(?:["']-\w["'],\s*)?["'](?:-\w,\s*)?(--\w[\w-]+)"""
)
_DEPRECATED = re.compile(
    r"\b(DeprecationWarning|FutureWarning|PendingDeprecationWarning)\s*[,)]|(@deprecated)\b"
    r"|^\s*//\s*(Deprecated):|(#\[deprecated)\b"
)
_SPELLINGS: dict[str, tuple[_Spelling, ...]] = {
    "python": (
        ("option", _ANYWHERE, _OPTION),
        (
            "exported name",
            re.compile(r"\A(?!(?:.*/)?_\w+/)(?:.*/)?__init__\.py\Z"),
            re.compile(r"^from \.+[\w.]* import (\w+) as \1\b|^\s+[\"']([A-Za-z]\w*)[\"'],\s*$"),
        ),
    ),
    "typescript": (
        ("option", _ANYWHERE, _OPTION),
        (
            "exported name",
            re.compile(r"\A(?:[^/]+/){0,3}(?:index|main|mod)\.[mc]?[jt]s\Z"),
            re.compile(r"^export (?:type )?(?:\{ ?(\w+)|\* from ['\"](\S+)['\"])"),
        ),
    ),
    "go": (
        (
            "option",
            _ANYWHERE,
            re.compile(
                r"\bFlags\(\)\.\w+\((?:&[\w.]+, )?\"([\w-]+)\"|\bflag\.[A-Z]\w+\(\"([\w-]+)\""
            ),
        ),
        (
            "exported name",
            re.compile(r"\A(?!.*\b(?:internal|cmd|main|examples?|hack|tools?)/)"),
            re.compile(
                r"^func ([A-Z]\w*)[\[(]|^func \(\w+ \*?([A-Z]\w*\) [A-Z]\w*)\(|^type ([A-Z]\w*)\b"
            ),
        ),
    ),
    "rust": (
        (
            "exported name",
            re.compile(r"(?:\A|/)src/lib\.rs\Z"),
            re.compile(r"^pub (?:async |const |unsafe )*(?:fn|struct|enum|trait|mod|use) ([\w:]+)"),
        ),
    ),
}
_FAMILY = {"javascript": "typescript", "tsx": "typescript"}


def noticed(files: Sequence[SourceFile]) -> list[Noticed]:
    """Return what came and what went, as far as no other line of the change has the same name."""
    came = [one for file in files for one in _named(file, _added(file))]
    went = [one for file in files for one in _named(file, _removed(file))]
    found = [*_unmatched(came, went, "new"), *_unmatched(went, came, "gone")]
    for file in files:
        found += _deprecations(file)
    return sorted(found, key=lambda one: (one.file.path, one.start, one.what))


_Name: TypeAlias = tuple[str, SourceFile, int, int]


def _unmatched(ones: Sequence[_Name], others: Sequence[_Name], how: str) -> Iterator[Noticed]:
    known = {name for name, *_ in others}
    for name, file, start, end in ones:
        if name not in known:
            yield Noticed(file, start, end, f"the {name} is {how}")


_Line: TypeAlias = tuple[int, int, str]


def _added(file: SourceFile) -> Iterator[_Line]:
    lines = file.lines
    for span in file.changed:
        for number in range(span.start, span.end + 1):
            yield number, number, lines[number - 1]


def _removed(file: SourceFile) -> Iterator[_Line]:
    """Yield the lines with the numbers of those around them."""
    for block in file.removed:
        start, end = max(1, block.after_line), min(block.after_line + 1, file.line_count)
        yield from ((start, max(start, end), text) for text in split_lines(block.text))


def _named(file: SourceFile, lines: Iterator[_Line]) -> Iterator[_Name]:
    spellings = [
        (kind, pattern)
        for kind, where, pattern in _SPELLINGS[_FAMILY.get(file.language, file.language)]
        if where.search(file.path)
    ]
    for start, end, line in lines:
        for kind, pattern in spellings:
            for match in pattern.finditer(line):
                name = next(one for one in match.groups() if one)
                yield f"{kind} {name}", file, start, end


def _deprecations(file: SourceFile) -> Iterator[Noticed]:
    """Yield one: a name that warns now. Warnings that were there before are moved or reworded."""
    if any(_DEPRECATED.search(line) for *_, line in _removed(file)):
        return
    for start, end, line in _added(file):
        if _DEPRECATED.search(line):
            yield Noticed(file, start, end, "something is deprecated here")
            return


_NAME = re.compile(
    r"(?:changelog|changes|history|news|release[-_]?notes)(?:\.(?:md|rst|txt))?", re.IGNORECASE
)
_OPEN = re.compile(
    r"^[^\w\n]{0,6}(?:version[ :]+)?(?:\S+[ -]+)?\W{0,3}"
    r"(?:unreleased|upcoming|in development|not yet released)\b[^a-z\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_HEAD = 4_000  # characters: the open part stands first
# One file for each change: towncrier, scriv and reno's kin, changie, changesets.
_FRAGMENT = re.compile(
    r"(?P<home>(?:.*/)?)(?:"
    r"(?:changelog\.d|newsfragments|news)/[+\w-]+\.(?:bugfix|feature|fix|fixed|added|changed|removed"
    r"|deprecation|process|vendor|doc|misc|security|removal)(?:\.\w+)*"
    r"|(?:\.changes|changelogs)/unreleased/[^/]+\.ya?ml|\.changeset/(?:[a-z-]+\.md|config\.json))"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """The changelogs that wait for lines, by their folder, and the folders the change wrote in."""

    corpus: Corpus
    open: dict[str, str]
    written: frozenset[str]

    @classmethod
    def of(cls, corpus: Corpus) -> Kept:
        """Find them in the tree's listing; only the heads of changelogs are read."""
        found: dict[str, str] = {}
        for path in sorted(corpus.paths()):
            folder, _, name = path.rpartition("/")
            fragment = _FRAGMENT.fullmatch(path)
            if fragment:
                found[fragment["home"].rstrip("/")] = f"{folder}/"
            elif _NAME.fullmatch(name) and _OPEN.search(corpus.tree.get(path, "")[:_HEAD]):
                found.setdefault(_home(folder), path)
        changed = {file.path for file in corpus.files} | corpus.gone
        return cls(corpus, found, frozenset(path for path in changed if _is_log(path)))

    def silent_for(self, path: str) -> str:
        """Return the nearest changelog above the path if the change wrote in none, else ""."""
        if self.written:
            return ""
        above = sorted(folders_above([path]) & self.open.keys(), key=len)
        return self.open[above[-1]] if above else ""


def _home(folder: str) -> str:
    """Return whose changelog it is: one in docs/ is of the folder above."""
    above, _, last = folder.rpartition("/")
    return above if last in {"doc", "docs"} else folder


def _is_log(path: str) -> bool:
    name = path.rpartition("/")[2]
    return bool(_NAME.fullmatch(name) or _FRAGMENT.fullmatch(path))
