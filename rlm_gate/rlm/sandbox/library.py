r"""The names a cell reads the corpus by: files, grep, read, span, chunks (design §7.2).

Texts stay in the mapped file and are decoded when asked for. Only \n, \r\n and \r end a line.
"""

from __future__ import annotations

import collections
import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rlm_gate.rlm.sandbox import guards
from rlm_gate.rlm.sandbox.show import representation

_KEPT_CHARS = 32_000_000
"""Characters of decoded texts that are kept: repeated reads of a file cost nothing."""
_CHUNK_CHARS = 24_000


class Files:
    """A read-only mapping path -> text. Texts are decoded when read and kept within a bound."""

    __slots__ = ("__index__of__", "__kept__", "__lines__", "__load__", "__met__", "__weight__")

    def __init__(self, index: dict[str, tuple[int, int]], load: Callable[[int, int], str]) -> None:
        self.__index__of__ = index
        self.__load__ = load
        self.__kept__: collections.OrderedDict[str, str] = collections.OrderedDict()
        self.__met__: set[str] = set()
        self.__weight__ = 0
        self.__lines__: tuple[str, list[str]] = ("", [])

    def __getitem__(self, path: Any) -> str:
        kept = self.__kept__
        if path in kept:
            kept.move_to_end(path)
            return kept[path]
        if path not in self.__index__of__:
            raise KeyError(path)
        text = self.__load__(*self.__index__of__[path])
        self.__met__.add(path)
        if len(text) < _KEPT_CHARS // 4:
            kept[path] = text
            self.__weight__ += len(text)
            while self.__weight__ > _KEPT_CHARS:
                self.__weight__ -= len(kept.popitem(last=False)[1])
        return text

    def __len__(self) -> int:
        return len(self.__index__of__)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.__index__of__))

    def __contains__(self, path: Any) -> bool:
        return path in self.__index__of__

    def __repr__(self) -> str:
        first = ", ".join(map(repr, list(self.__index__of__)[:3]))
        return f"<files: {len(self)} paths: {first}{', ...' if len(self) > 3 else ''}>"

    def get(self, path: Any, default: Any = None) -> Any:
        """Return a text or the default."""
        return self[path] if path in self.__index__of__ else default

    def keys(self) -> list[str]:
        """Return the paths."""
        return list(self.__index__of__)

    def values(self) -> Iterator[str]:
        """Yield the texts."""
        return (self[path] for path in self)

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield paths and texts."""
        return ((path, self[path]) for path in self)


guards.allow(Files, "get items keys values")


class Span:
    """Lines ``start`` to ``end`` of a file. Hits, chunks and symbols are spans, too."""

    __slots__ = ("end", "path", "start")
    shown: tuple[str, ...] = ("path", "start", "end")

    def __init__(self, path: str, start: int, end: int) -> None:
        self.path = path
        self.start = start
        self.end = end

    def key(self) -> tuple[Any, ...]:
        """Return what makes two of them equal."""
        return tuple(getattr(self, name) for name in self.shown)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={_short(getattr(self, name))}" for name in self.shown)
        return f"{type(self).__name__}({inner})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and type(other) is type(self) and other.key() == self.key()

    def __lt__(self, other: Any) -> bool:
        return self.key() < other.key() if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key())


class Hit(Span):
    """A line that matched."""

    __slots__ = ("line", "text")
    shown = ("path", "line", "text")

    def __init__(self, path: str, line: int, text: str) -> None:
        super().__init__(path, line, line)
        self.line = line
        self.text = text


class Chunk(Span):
    """Some lines of a file with their text."""

    __slots__ = ("text",)
    shown = ("path", "start", "end", "text")

    def __init__(self, path: str, start: int, end: int, text: str) -> None:
        super().__init__(path, start, end)
        self.text = text

    def __len__(self) -> int:
        return len(self.text)


class Symbol(Span):
    """A function, class or method, as ``outline`` lists them."""

    __slots__ = ("kind", "name")
    shown = ("name", "kind", "path", "start", "end")

    def __init__(self, path: str, start: int, end: int, name: str, kind: str) -> None:
        super().__init__(path, start, end)
        self.name = name
        self.kind = kind


SPANS = (Span, Hit, Chunk, Symbol)
for _kind in SPANS:
    guards.allow(_kind, "path start end")
guards.allow(Hit, "line text")
guards.allow(Chunk, "text")
guards.allow(Symbol, "name kind")


def _short(value: Any) -> str:
    shown = representation(value)
    return shown if len(shown) <= 120 else shown[:110] + "..." + shown[0]


def split_lines(text: str) -> list[str]:
    """Split at line ends, without an empty last line."""
    lines = _unix(text).split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def _unix(text: str) -> str:
    if "\r" in text:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return text


class Library:
    """The functions over ``files``; each checks its arguments, for they come from a cell."""

    def __init__(self, files: Files | None, outline: Callable[[str], Any] | None = None) -> None:
        self.files = files
        self.outline = outline

    def functions(self) -> dict[str, Any]:
        """Return the functions by their names in a cell."""
        return {
            "grep": self.make_grep(),
            "read": self.make_read(),
            "span": self.make_span(),
            "chunks": self.make_chunks(),
            "chunk_text": chunk_text,
            "chunk_lines": chunk_lines,
        }

    def make_grep(self) -> Callable[..., list[Hit]]:
        """Return ``grep``."""

        def grep(pattern: Any, paths: Any = None, flags: int = 0) -> list[Hit]:
            shape = _pattern(pattern, flags)
            return [
                hit for path in self.select(paths) for hit in _scan(shape, path, self.text(path))
            ]

        return grep

    def make_read(self) -> Callable[..., str]:
        """Return ``read``."""

        def read(path: Any, start: Any = 1, end: Any = None) -> str:
            lines = self.lines(path)
            first = max(1, _integer(start, "start"))
            last = len(lines) if end is None else _integer(end, "end")
            return "\n".join(lines[first - 1 : max(last, 0)])

        return read

    def make_span(self) -> Callable[..., Span]:
        """Return ``span``."""

        def span(path: Any, start: Any = 1, end: Any = None) -> Span:
            last = len(self.lines(path))
            first = min(max(1, _integer(start, "start")), max(1, last))
            stop = last if end is None else min(_integer(end, "end"), last)
            return Span(path, first, max(first, stop))

        return span

    def make_chunks(self) -> Callable[..., Iterator[Chunk]]:
        """Return ``chunks``."""

        def chunks(
            by: Any = "lines", max_chars: Any = _CHUNK_CHARS, paths: Any = None
        ) -> list[Chunk]:
            size = _integer(max_chars, "max_chars")
            if size < 1:
                raise ValueError("max_chars is at least 1")
            cut = self._cutters().get(by)
            if cut is None:
                raise ValueError(f"by is one of {', '.join(sorted(self._cutters()))}")
            return [
                chunk for path in self.select(paths) for chunk in cut(path, self.lines(path), size)
            ]

        return chunks  # type: ignore[return-value]  # a list is an iterable, as cells expect

    def _cutters(self) -> dict[str, Callable[[str, list[str], int], Iterable[Chunk]]]:
        return {"lines": _by_lines, "file": _by_file, "symbols": self._by_symbols}

    def _by_symbols(self, path: str, lines: list[str], size: int) -> Iterable[Chunk]:
        if self.outline is None:
            raise ValueError('by="symbols" needs outline(), which this run does not have')
        starts = {one.start for one in self.outline(path)}
        return _cut(path, lines, size, starts)

    def select(self, paths: Any) -> list[str]:
        """Return the paths that a cell means: None, a path, a folder, a glob, or a list of them."""
        files = self._files()
        if paths is None:
            return files.keys()
        wanted: list[Any] = [paths] if type(paths) is str else list(paths)
        chosen: dict[str, None] = {}
        for one in wanted:
            if type(one) in SPANS:
                chosen[one.path] = None
            elif type(one) is str:
                chosen.update(dict.fromkeys(_matching(files, one)))
            else:
                raise TypeError("paths are str: a path, a folder, or a glob such as 'src/*.py'")
        return [path for path in files if path in chosen]

    def text(self, path: Any) -> str:
        """Return a text. Raises KeyError with what to do for an unknown path."""
        files = self._files()
        if type(path) is not str or path not in files:
            near = [
                one for one in files if type(path) is str and one.endswith(path.rsplit("/")[-1])
            ]
            hint = f"; did you mean {near[0]!r}?" if near else "; the paths are in files"
            raise KeyError(f"no such file: {path!r}{hint}")
        return files[path]

    def lines(self, path: Any) -> list[str]:
        """Return the lines of a text; the last file's are kept."""
        files = self._files()
        kept_path, kept = files.__lines__
        if type(path) is str and path == kept_path and path in files:
            return kept
        lines = split_lines(self.text(path))
        files.__lines__ = (path, lines)
        return lines

    def _files(self) -> Files:
        if self.files is None:
            raise RuntimeError("there are no files in this run: the material is in context")
        return self.files


def _matching(files: Files, wanted: str) -> list[str]:
    if wanted in files:
        return [wanted]
    if any(char in wanted for char in "*?["):
        shape = re.compile(fnmatch.translate(wanted))
        return [path for path in files if shape.match(path)]
    return [path for path in files if path.startswith(wanted)]


def _integer(value: Any, name: str) -> int:
    if type(value) is not int:
        raise TypeError(f"{name} is an int")
    return value


def _pattern(pattern: Any, flags: Any) -> re.Pattern[str]:
    if type(pattern) is re.Pattern and type(pattern.pattern) is str:
        return re.compile(pattern.pattern, pattern.flags | re.MULTILINE)
    if type(pattern) is not str:
        raise TypeError("the pattern is a str or a compiled pattern")
    return re.compile(pattern, _integer(flags, "flags") | re.MULTILINE)


_BLANKS = re.compile(r"\s*")


def _scan(shape: re.Pattern[str], path: str, text: str) -> Iterator[Hit]:
    r"""Yield a hit for each line a match starts on, looking at each character once.

    Where ``^\s*`` swallowed line ends, the match starts on the line of its first other character.
    """
    text = _unix(text)
    line, counted, position = 1, 0, 0
    while position <= len(text):
        match = shape.search(text, position)
        if match is None:
            return
        filled = _BLANKS.match(text, match.start()).end()  # type: ignore[union-attr]  # always
        start = filled if filled < match.end() else match.start()
        line += text.count("\n", counted, start)
        counted = start
        begin = text.rfind("\n", 0, counted) + 1
        end = text.find("\n", counted)
        end = len(text) if end < 0 else end
        if begin < len(text):
            yield Hit(path, line, text[begin:end])
        position = end + 1


def _by_file(path: str, lines: list[str], size: int) -> Iterable[Chunk]:
    text = "\n".join(lines)
    if lines and len(text) <= size:
        return [Chunk(path, 1, len(lines), text)]
    return _by_lines(path, lines, size)


def _by_lines(path: str, lines: list[str], size: int) -> Iterable[Chunk]:
    return _cut(path, lines, size, frozenset())


def _cut(path: str, lines: list[str], size: int, starts: Iterable[int]) -> Iterator[Chunk]:
    """Yield chunks of at most ``size`` characters (a longer line stands alone).

    With ``starts``, a chunk ends before the last symbol that would not fit whole.
    """
    marks = frozenset(starts)
    first, weight, mark = 1, 0, 0
    for number, line in enumerate(lines, 1):
        while number > first and weight + len(line) + 1 > size:
            cut = mark if mark > first else number
            yield Chunk(path, first, cut - 1, "\n".join(lines[first - 1 : cut - 1]))
            first, mark = cut, 0
            weight = sum(len(one) + 1 for one in lines[cut - 1 : number - 1])
        if number in marks:
            mark = number
        weight += len(line) + 1
    if first <= len(lines):
        yield Chunk(path, first, len(lines), "\n".join(lines[first - 1 :]))


def chunk_text(text: Any, size: Any = _CHUNK_CHARS, overlap: Any = 0) -> list[str]:
    """Cut a text into pieces of ``size`` characters."""
    if type(text) is not str:
        raise TypeError("chunk_text takes a str")
    size, overlap = _integer(size, "size"), _integer(overlap, "overlap")
    if not 0 <= overlap < size:
        raise ValueError("size is at least 1 and overlap less than size")
    return [text[at : at + size] for at in range(0, max(len(text), 1), size - overlap)]


def chunk_lines(text: Any, n: Any = 200) -> list[str]:
    """Cut a text into pieces of ``n`` lines."""
    if type(text) is not str:
        raise TypeError("chunk_lines takes a str")
    n = _integer(n, "n")
    if n < 1:
        raise ValueError("n is at least 1")
    lines = text.split("\n")
    return ["\n".join(lines[at : at + n]) for at in range(0, len(lines), n)]
