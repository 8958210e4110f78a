"""What is judged: files, as spans of lines, and what could not be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, TypeVar

from rlm_gate.core.records import dataclass

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Lines ``start`` to ``end`` of a file, 1-based, end inclusive."""

    path: str
    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        """Say whether the two share a line."""
        return self.path == other.path and self.start <= other.end and other.start <= self.end

    def __len__(self) -> int:
        return self.end - self.start + 1


@dataclass(frozen=True, slots=True)
class Removed:
    """Lines that a change deletes: their text, and the surviving line they stood after (0: top)."""

    after_line: int
    text: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A judged text file. ``text`` is read when first asked for, through the corpus' bounded cache.

    ``changed`` is the judged part: the added lines of a diff, or the whole file. ``status`` is one
    of added, modified, renamed, deleted, whole. A deleted file has no text and no changed lines.
    ``sha256`` is of the bytes as stored. ``notes`` are facts a report should carry ("read as
    Latin-1").
    """

    path: str
    status: str
    language: str
    changed: tuple[Span, ...]
    removed: tuple[Removed, ...]
    line_count: int
    sha256: str
    read: Callable[[], str] = field(repr=False, compare=False)
    old_path: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The decoded text, line ends as they are in the file. "" for a deleted file."""
        return self.read()

    @property
    def lines(self) -> list[str]:
        r"""The lines without their ends. Only \n, \r\n and \r end a line, as in git and ruff."""
        return split_lines(self.text)

    @property
    def in_scope(self) -> tuple[Span, ...]:
        """Return the lines that must be examined: changed ones and the neighbours of deletions.

        A deleted file has no lines left; line 1 stands for it, so that its loss can be missing. A
        removed blank line leaves nothing unprotected, and its neighbours as they were.
        """
        if self.status == "deleted":
            return (Span(self.path, 1, 1),)
        if not self.removed and len(self.changed) < 2:
            return self.changed
        last = self.line_count
        neighbours = [
            Span(self.path, max(1, block.after_line), min(last, block.after_line + 1))
            for block in self.removed
            if last and block.text.strip()
        ]
        return tuple(merge_spans((*self.changed, *neighbours)))

    def touched(self, start: int, end: int) -> bool:
        """Say whether lines ``start`` to ``end`` hold a changed line or enclose a removed one."""
        return any(span.start <= end and start <= span.end for span in self.changed) or any(
            start <= block.after_line < end for block in self.removed
        )


def split_lines(text: str) -> list[str]:
    r"""Split at \n, \r\n and \r alone: ``str.splitlines`` also cuts at form feeds and U+2028."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def folders_above(paths: Iterable[str]) -> set[str]:
    """Return every folder that one of the paths is in, "" for the root."""
    folders = {""}
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    return folders


def project_of(path: str, projects: Iterable[str]) -> str:
    """Return the nearest of these folders that the path is in, "" for the root."""
    return max((one for one in projects if path.startswith(f"{one}/")), key=len, default="")


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that could not be judged. It is reported, never dropped.

    ``blocking`` makes the verdict INCONCLUSIVE whatever the rules' severities. With ``path`` and
    ``rule_ids`` the pairs (every judged line of that file, those rules) count as missing; a
    ``rule_ids`` without a path means those rules on every file.
    """

    what: str
    why: str
    blocking: bool = False
    path: str | None = None
    rule_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What is judged. ``kind``: worktree, staged, diff, rev, all or paths; ``label`` is for people.

    ``whole`` scopes (rev, all, paths) judge every line; the others what changed.
    """

    kind: str
    label: str
    base: str | None = None
    head: str | None = None

    @property
    def whole(self) -> bool:
        """Say whether every line of every file is judged."""
        return self.kind in {"rev", "all", "paths"}


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is judged (``files``), what was left out and why, and the whole tree beside it.

    ``tree`` maps every text path at the judged side to its text, read when asked for; it serves the
    REPL's ``files`` and is never touched by the offline hook. ``root`` is the directory the paths
    are relative to, None for a bare repository; ``repo`` where git finds the repository, bare or
    not, None outside one. ``listing`` names every path of that tree, ``gone`` those
    that the judged change deletes or moves away, binaries among both. ``of`` is the corpus that
    this is a piece of, None where it is no piece. ``known`` says of some paths whether the tree has
    them.
    """

    scope: Scope
    files: tuple[SourceFile, ...]
    skipped: tuple[Skip, ...]
    tree: Mapping[str, str] = field(repr=False)
    root: str | None = None
    repo: str | None = None
    listing: Callable[[], Iterable[str]] | None = field(default=None, repr=False, compare=False)
    gone: frozenset[str] = frozenset()
    of: Corpus | None = field(default=None, repr=False, compare=False)
    known: Mapping[str, bool] = field(default_factory=dict, repr=False, compare=False)
    _by_path: dict[str, SourceFile] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _folders: dict[str, list[str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _made: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def paths(self) -> frozenset[str]:
        """Return every path of the tree, whatever it holds; lists it, and reads nothing."""
        return frozenset(self.listing() if self.listing else self.tree)

    def has(self, path: str) -> bool:
        """Say whether the tree has the path; lists it if that is not known."""
        known = self.known.get(path)
        return path in self.paths() if known is None else known

    def piece(self, files: tuple[SourceFile, ...]) -> Corpus:
        """Return a corpus of some of the files, which knows the one it comes from."""
        return replace(self, files=files, of=self.of or self)

    def once(self, name: str, make: Callable[[Corpus], Made]) -> Made:
        """Return what is made of the whole tree under that name, made once: pieces share it.

        It ends with the corpus, and must not hold it.
        """
        if self.of:
            return self.of.once(name, make)
        if name not in self._made:
            self._made[name] = make(self)
        made: Made = self._made[name]
        return made

    def beside(self, path: str) -> list[str]:
        """Return what lies in the folder of the path and is not judged, by this or its whole."""
        if self.of:
            return self.of.beside(path)
        if not self._folders:
            for one in sorted(self.paths()):
                self._folders.setdefault(one.rpartition("/")[0], []).append(one)
        near = self._folders.get(path.rpartition("/")[0], ())
        return [one for one in near if self.file(one) is None]

    def file(self, path: str) -> SourceFile | None:
        """Return the judged file of that path."""
        if not self._by_path:
            self._by_path.update((file.path, file) for file in reversed(self.files))
        return self._by_path.get(path)


def display_path(path: str) -> str:
    """Return the path for people and text formats: control characters and non-UTF-8 escaped."""
    return "".join(_escape(char) for char in path)


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return char


def merge_spans(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans of one or more files sorted, with touching ones joined."""
    current: Span | None = None
    for span in sorted(spans):
        if current and span.path == current.path and span.start <= current.end + 1:
            current = Span(current.path, current.start, max(current.end, span.end))
            continue
        if current:
            yield current
        current = span
    if current:
        yield current
