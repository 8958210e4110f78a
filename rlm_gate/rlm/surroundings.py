"""What a reviewer would open beside a changed block: found by search, ranked, cut to a size.

Definitions of what the judged lines use, callers of what they change, how neighbours are declared.
It reads names, not types: a name that half the repository defines tells nothing and is left out.
Nothing here depends on line numbers, so that a line put above changes no request (design §7.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from rlm_gate import conventions, messages
from rlm_gate.core import Corpus, Removed, SourceFile, Span, split_lines
from rlm_gate.languages import language_of
from rlm_gate.rlm import settings
from rlm_gate.rlm.blocks import Block, Row, printable
from rlm_gate.rlm.definitions import chosen, declared
from rlm_gate.rlm.imports import imports, is_listed, members
from rlm_gate.rlm.masking import Masked, mask
from rlm_gate.rlm.planner import MapCall
from rlm_gate.symbols import Symbol
from rlm_gate.syntax import grammar, outline

CONTEXT_BYTES = 8_000
"""Most UTF-8 bytes of context beside one chunk, headings included: a third of a chunk's size."""
_FRAME = 120
"""Bytes of a heading and a fence, without path and reason."""
_ROW = 9
"""Bytes of the number, mark, bar and line end of a row."""
_DEFINITION_LINES = 40
NAMED_BYTES = 16_000
"""Most bytes of the definitions that a reader named: the line that decides may be the last."""
_NAMED_LINES = 240
_MOST_NAMES = 40
_CALLER_LINES = 24
_AROUND = 4
_CALLERS = 4
_NEIGHBOURS = 12
_AMBIGUOUS = 3
"""A name that more files define says little about who uses this one."""
_LEAST_NAME = 3
_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_USED = re.compile(r"([A-Za-z_]\w{2,})\s*\(|@([A-Za-z_][\w.]*)|\b([A-Z]\w{2,})\b")
_COMMENT = re.compile(r"^[ \t]*(?://|#(?!\[)|\*[ /]|/\*|--|<!--).*", re.MULTILINE)
"""A line that only says something: a sentence begins like the name of a type."""
_WORDS = """
encode decode start stop close read write copy add
and all any append async await bool bytes case catch class const def default dict elif else
enumerate except export extend filter finally float for format forEach from func function get
getattr hasattr if import include int isinstance items join keys len let list map match max
min new next not object open pop print private public push range repr require return self set
setattr slice sorted static str strip struct sum super switch this throw tuple type typeof
update using values var void while with yield zip String Number Object Array Promise Error
Exception None True False Any Optional Union Callable Iterable Mapping Sequence
"""
_COMMON = frozenset(_WORDS.split())
"""Words that look like calls or types in some language and name nothing of the repository."""
_ENTRY = re.compile(
    r"@.*(?:route|get|post|put|delete|patch|view|task|command|api|handler)\b|\breq\b|request",
    re.IGNORECASE,
)
"""What tells a place where the outside comes in, in the usual frameworks."""
_PROSE = frozenset({"text", "markdown", "json", "yaml", "toml", "css", "html"})
_ASIDE = re.compile(r"test|example|(?:^|/)docs?/|sample|demo|bench")
_FAMILIES = (frozenset({"javascript", "typescript", "tsx", "jsx"}), frozenset({"c", "cpp"}))


@dataclass(frozen=True, slots=True)
class Context:
    """Lines of the repository beside a chunk, and why they are shown. They earn no coverage."""

    why: str
    block: Block

    @property
    def size(self) -> int:
        """Bytes it takes in a request, at most."""
        rows = sum(len(row.text.encode("utf-8", "replace")) + _ROW for row in self.block.rows)
        return rows + len(f"{self.why}{self.block.path}".encode("utf-8", "replace")) + _FRAME

    def render(self) -> str:
        """Return it as a request shows it."""
        heading = f"# Context, not judged, {self.why}: {printable(self.block.path)}"
        return f"{heading}\n\n{self.block.render()}\n\n"

    @property
    def spans(self) -> tuple[Span, ...]:
        """The lines shown, each run of them as one span."""
        lines = [row.line for row in self.block.rows if row.line]
        starts = [line for line in lines if line - 1 not in lines]
        ends = [line for line in lines if line + 1 not in lines]
        return tuple(Span(self.block.path, *pair) for pair in zip(starts, ends, strict=True))


def surroundings(
    corpus: Corpus, unsent: frozenset[str]
) -> Callable[[MapCall], tuple[Context, ...]]:
    """Return what shows a change's call the code around it; a whole scope is shown anyway."""
    if corpus.scope.whole:
        return lambda _call: ()
    found = Surroundings(Masked(corpus.tree, unsent), messages.by_path(corpus))
    known: dict[tuple[str, Span], tuple[Context, ...]] = {}

    def beside(call: MapCall) -> tuple[Context, ...]:
        key = (call.file.path, call.shown)
        if key not in known:
            known[key] = found.around(call.file, call.parts[-1], call.judged, gone=call.removed)
        return known[key]

    return beside


class Surroundings:
    """Finds context in ``texts``: path -> text at the judged side, masked.

    Every file is read once, when the first chunk asks. Tests and copies rank behind the product.
    ``said`` tells what the messages of the commits say that touch a file: a claim, no evidence.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        said: Callable[[str], Sequence[str]] = lambda _path: (),
    ) -> None:
        self.texts = texts
        self.said = said
        self._outlines: dict[str, tuple[Symbol, ...]] = {}

    def around(
        self,
        file: SourceFile,
        shown: Span,
        judged: Sequence[Span],
        room: int = CONTEXT_BYTES,
        gone: Sequence[Removed] = (),
    ) -> tuple[Context, ...]:
        """Return what belongs beside ``shown``, in the order of its worth, within ``room``.

        What ``gone`` lines called tells what they checked.
        """
        if file.path not in self.texts:
            return ()
        kept: list[Context] = []
        seen: dict[str, list[Span]] = {file.path: [shown]}
        for one in self._ranked(file, shown, judged, gone):
            if one.size > room or not one.block.rows or _overlaps(one, seen):
                continue
            room -= one.size
            kept.append(one)
            seen.setdefault(one.block.path, []).extend(one.spans)
        return tuple(kept)

    def named(self, file: SourceFile, names: Iterable[str]) -> tuple[Context, ...]:
        """Return the definitions of names that someone gave, the nearest first, within a size."""
        if file.path not in self.texts:
            return ()
        asked = [name for name in dict.fromkeys(names) if name not in _COMMON][:_MOST_NAMES]
        room = NAMED_BYTES
        kept: list[Context] = []
        lines = split_lines(self.texts[file.path])
        for one in self._definitions(file, lines, asked, asked, _NAMED_LINES):
            if one.size <= room:
                room -= one.size
                kept.append(one)
        return tuple(kept)

    def _ranked(
        self, file: SourceFile, shown: Span, judged: Sequence[Span], gone: Sequence[Removed]
    ) -> Iterator[Context]:
        lines = split_lines(self.texts[file.path])
        said = _said(lines, judged)
        removed = "\n".join(block.text for block in gone)
        used = list(_used(f"{said}\n{removed}"))
        yield from self._message(file.path)
        yield from self._settings(file, lines, shown, judged)
        yield from self._members(file, lines, judged)
        words = frozenset(_WORD.findall(said))
        yield from self._definitions(file, lines, used[:_MOST_NAMES], words)
        yield from self._callers(file, shown, judged)
        yield from self._neighbours(file, shown)

    def _message(self, path: str) -> Iterator[Context]:
        lines = self.said(path)
        if lines:
            rows = tuple(Row(" ", line, None) for line in split_lines(mask("\n".join(lines))))
            yield Context("what its author says of the change", Block(path, rows))

    # Constants and defaults that the judged lines depend on

    def _settings(
        self, file: SourceFile, lines: Sequence[str], shown: Span, judged: Sequence[Span]
    ) -> Iterator[Context]:
        words = dict.fromkeys(_WORD.findall(_said(lines, judged)))
        found = settings.here(file.path, lines, shown, words)
        if found:
            rows = tuple(Row(" ", line, number) for number, line in found.items())
            yield Context("what it depends on is set here", Block(file.path, rows))
        head = "\n".join(lines[:400])
        for name in filter(settings.CONSTANT.fullmatch, words):
            for path in self._paths.get(name, ()):
                if path != file.path and imports(head, name, path):
                    yield from self._setting(name, path)

    def _setting(self, name: str, path: str) -> Iterator[Context]:
        for found, span in settings.assigned(path, split_lines(self.texts[path])):
            if found == name:
                yield Context(f"{name} is set here", self._excerpt(path, span.start, span.end))

    # Definitions of what the judged lines use

    def _definitions(
        self,
        file: SourceFile,
        lines: Sequence[str],
        used: Iterable[str],
        words: Collection[str],
        most: int = _DEFINITION_LINES,
    ) -> Iterator[Context]:
        head = "\n".join(lines[:400])
        for name in used:
            places = self._defined(name, file.language)
            meant = _nearest(places, file.path, name, head)
            if meant is not None:
                yield self._definition(*meant, words, most)

    def _members(
        self, file: SourceFile, lines: Sequence[str], judged: Sequence[Span]
    ) -> Iterator[Context]:
        """Yield what is called as a member of an imported module, however common its name is."""
        said = _said(lines, judged)
        for module, name in members("\n".join(lines[:400]), said):
            for path, symbol in self._defined(name, file.language):
                if PurePosixPath(path).stem == module and not _is_aside(path):
                    yield self._definition(path, symbol, ())

    def _definition(
        self, path: str, symbol: Symbol, words: Collection[str], most: int = _DEFINITION_LINES
    ) -> Context:
        lines = split_lines(self.texts[path])
        numbers = chosen(symbol, self._outline(path), lines, words, most)
        name = symbol.name.rpartition(".")[2]
        rows = tuple(Row(" ", lines[number - 1], number) for number in numbers)
        return Context(f"definition of {name}", Block(path, rows))

    def _defined(self, name: str, language: str) -> list[tuple[str, Symbol]]:
        return [
            (path, symbol)
            for path in self._paths.get(name, ())
            if _kin(language_of(path), language)
            for symbol in self._outline(path)
            if symbol.name.rpartition(".")[2] == name
        ]

    # Callers of what the judged lines belong to

    def _callers(self, file: SourceFile, shown: Span, judged: Sequence[Span]) -> Iterator[Context]:
        for name in _changed_names(self._outline(file.path), judged):
            found = sorted(self._calls(name, file, shown), key=lambda one: one[:3])
            written = [one for one in found if not self._is_generated(one[2])]
            for *_, context in (written or found)[:_CALLERS]:
                yield context

    def _calls(
        self, name: str, file: SourceFile, shown: Span
    ) -> Iterator[tuple[bool, bool, str, Context]]:
        defined = {path for path, _ in self._defined(name, file.language) if not _is_aside(path)}
        if len(defined) > _AMBIGUOUS:
            return
        shape = re.compile(rf"(?<!def )(?<!function )(?<!func )\b{re.escape(name)}\s*[(,)]")
        for path in self._paths.get(name, ()):
            lines = split_lines(self.texts[path])
            for number, line in enumerate(lines, 1):
                here = path == file.path and shown.start <= number <= shown.end
                if here or not shape.search(line) or is_listed(lines, number):
                    continue
                start, end = self._frame(path, number, len(lines))
                block = self._excerpt(path, start, end)
                entry = any(_ENTRY.search(row.text) for row in block.rows)
                yield _is_aside(path), not entry, path, Context(f"uses {name}", block)
                break

    def _frame(self, path: str, number: int, last: int) -> tuple[int, int]:
        """Return the symbol around a line where it is short, else some lines around it."""
        around = [one for one in self._outline(path) if one.start <= number <= one.end]
        inner = min(around, key=lambda one: one.end - one.start, default=None)
        if inner and inner.end - inner.start < _CALLER_LINES:
            return inner.start, inner.end
        return max(1, number - _AROUND), min(last, number + _AROUND)

    # How the file's other symbols are declared: guards that the neighbours have

    def _neighbours(self, file: SourceFile, shown: Span) -> Iterator[Context]:
        lines = split_lines(self.texts[file.path])
        others = [
            one
            for one in self._outline(file.path)
            if one.kind in {"function", "method"}
            and not (one.start <= shown.end and shown.start <= one.end)
        ]
        numbers = {
            number
            for one in others[:_NEIGHBOURS]
            for number in range(one.start, declared(lines, one) + 1)
        }
        rows = [Row(" ", lines[number - 1], number) for number in sorted(numbers)]
        if rows:
            yield Context("how its neighbours are declared", Block(file.path, tuple(rows)))

    # What there is

    @cached_property
    def _paths(self) -> dict[str, list[str]]:
        """Where each name occurs that some file defines: product before tests, then by path."""
        names: dict[str, list[str]] = {}
        for path in sorted(self.texts, key=lambda path: (_is_aside(path), path)):
            language = language_of(path)
            if language in _PROSE or grammar(language) is None:
                continue
            for name in set(_WORD.findall(self.texts[path])):
                names.setdefault(name, []).append(path)
        return names

    def _is_generated(self, path: str) -> bool:
        return bool(conventions.by_content(self.texts[path], language_of(path), path))

    def _outline(self, path: str) -> tuple[Symbol, ...]:
        if path not in self._outlines:
            self._outlines[path] = outline(self.texts[path], language_of(path))
        return self._outlines[path]

    def _excerpt(self, path: str, start: int, end: int) -> Block:
        lines = split_lines(self.texts[path])[start - 1 : end]
        return Block(path, tuple(Row(" ", line, start + at) for at, line in enumerate(lines)))


def _said(lines: Sequence[str], judged: Sequence[Span]) -> str:
    return "\n".join(line for span in judged for line in lines[span.start - 1 : span.end])


def _used(said: str) -> Iterator[str]:
    """Yield the names that the lines call, decorate with or use as types, once each."""
    seen = set(_COMMON)
    for found in _USED.finditer(_COMMENT.sub("", said)):
        name = (found[1] or found[2] or found[3]).rpartition(".")[2]
        if name not in seen and len(name) >= _LEAST_NAME:
            seen.add(name)
            yield name


def _nearest(
    places: Sequence[tuple[str, Symbol]], path: str, name: str, head: str
) -> tuple[str, Symbol] | None:
    """Return the definition that is meant: of this file, imported, or the only one there is."""
    here = [one for one in places if one[0] == path]
    imported = [one for one in places if imports(head, name, one[0])]
    product = [one for one in places if not _is_aside(one[0])]
    only = product if len({one for one, _ in product}) == 1 else []
    for group in (here, imported, only):
        if group:
            return group[0]
    return None


def _changed_names(symbols: Sequence[Symbol], judged: Sequence[Span]) -> list[str]:
    """Return the names of the symbols that the judged lines stand in, innermost first."""
    touched = [
        one for one in symbols if any(one.start <= s.end and s.start <= one.end for s in judged)
    ]
    names = (
        one.name.rpartition(".")[2]
        for one in sorted(touched, key=lambda one: (one.end - one.start, one.name))
    )
    return [
        name
        for name in dict.fromkeys(names)
        if len(name) >= _LEAST_NAME and name not in _COMMON and not name.startswith("__")
    ]


def _overlaps(one: Context, seen: Mapping[str, Sequence[Span]]) -> bool:
    taken = seen.get(one.block.path, ())
    return any(part.overlaps(other) for part in one.spans for other in taken)


def _is_aside(path: str) -> bool:
    """Say whether the path is not the product's source: tests, documentation, built copies."""
    return bool(_ASIDE.search(path.lower()) or conventions.by_path(path))


def _kin(one: str, other: str) -> bool:
    return one == other or any(one in family and other in family for family in _FAMILIES)
