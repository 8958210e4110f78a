"""Find runs of lines that two places share. Knows what a line of code is, and no syntax."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from rlm_gate import conventions
from rlm_gate.core import Corpus, Rule, SourceFile, Span, folders_above, split_lines
from rlm_gate.detectors import applies
from rlm_gate.languages import language_of

_NEAREST = 300  # files beside the change that are read
_LOGIC = 3  # lines that decide, repeat or return; fewer make a declaration or a table
_MOST = 3  # findings a file
_PLACES = 4  # of one text among what is added, so that a table of equal lines costs little
_READ_ON = 16  # places of one text in a file from which the run is followed, for the same reason

_QUIET = re.compile(
    r"[\W_]*\Z"  # brackets
    r"|(?:#|//|/\*|\*[\s/]|\*\Z|--\s|\"\"\"|''')"
    r"|(?:import|from|using|use|package|require|include|include_once|require_once|require_relative)\b"
    r"|export\b.*\bfrom\b|(?:const|let|var)\b.*\brequire\("
)
_DECIDES = re.compile(
    r"\b(?:if|elif|unless|for|foreach|while|loop|switch|case|match|when|try|catch|except|rescue"
    r"|raise|throw|return|yield|await|defer|assert)\b"
)
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Copy:
    """A run of added lines (1-based, inclusive) and the place that reads the same.

    ``lines`` are the file's own, ``count`` the lines of code among those of the run.
    """

    path: str
    start: int
    end: int
    lines: Sequence[str]
    count: int
    of: Span


@dataclass(frozen=True, slots=True)
class _Code:
    """The lines of code of a file: their numbers, what they say, and which of them are added."""

    path: str
    lines: Sequence[str]
    numbers: list[int]
    said: list[str]
    added: frozenset[int] = frozenset()

    @classmethod
    def of(cls, path: str, text: str, added: Iterable[Span] = ()) -> _Code:
        lines = split_lines(text)
        numbers, said = [], []
        for number, line in enumerate(lines, 1):
            bare = line.strip()
            if bare and not _QUIET.match(bare):
                numbers.append(number)
                said.append(bare)
        new = frozenset(one for span in added for one in range(span.start, span.end + 1))
        return cls(path, lines, numbers, said, new)

    def windows(self, size: int, *, added: bool = False) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield where each run of so many lines of code begins, and what it says."""
        for at in range(len(self.said) - size + 1):
            if not added or self._is_added(at, size):
                yield at, tuple(self.said[at : at + size])

    def _is_added(self, at: int, size: int) -> bool:
        return all(number in self.added for number in self.numbers[at : at + size])


@dataclass(frozen=True, slots=True)
class _Match:
    """Lines of code ``at`` to ``at + size`` of what is added, and where else they stand."""

    size: int
    at: int
    other: _Code
    there: int


def found(
    corpus: Corpus, files: Sequence[SourceFile], rule: Rule, least: int, tokens: int
) -> Iterator[Copy]:
    """Yield what these files add and another place has, each added line in one copy at most."""
    judged = [_Code.of(file.path, file.text, file.changed) for file in files]
    windows = _added(judged, least)
    if not windows:
        return
    probes = {max(said, key=len) for said in windows}
    matches: dict[str, list[_Match]] = {}
    for other in (*judged, *_others(corpus, files, rule, probes)):
        for code, match in _matches(windows, other, least):
            matches.setdefault(code.path, []).append(match)
    for code in judged:
        yield from _copies(code, matches.get(code.path, []), tokens)


_Windows: TypeAlias = "dict[tuple[str, ...], list[tuple[_Code, int]]]"


def _added(judged: Sequence[_Code], least: int) -> _Windows:
    """Return every run of so many added lines, and where it begins."""
    windows: _Windows = {}
    for code in judged:
        for at, said in code.windows(least, added=True):
            places = windows.setdefault(said, [])
            if len(places) < _PLACES:
                places.append((code, at))
    return windows


def _matches(windows: _Windows, other: _Code, least: int) -> Iterator[tuple[_Code, _Match]]:
    followed: Counter[tuple[str, int]] = Counter()
    for there, said in other.windows(least):
        for code, at in windows.get(said, ()):
            if (
                _is_older(other, there, code, at, least)
                and _begins(code, at, other, there)
                and followed[code.path, at] < _READ_ON
            ):
                followed[code.path, at] += 1
                yield code, _Match(_length(code, at, other, there), at, other, there)


def _is_older(other: _Code, there: int, code: _Code, at: int, least: int) -> bool:
    """Say whether the other place stood there before; of two new ones the first is no copy."""
    if other.path == code.path and abs(at - there) < least:
        return False
    return not all(number in other.added for number in other.numbers[there : there + least]) or (
        other.path,
        there,
    ) < (code.path, at)


def _begins(code: _Code, at: int, other: _Code, there: int) -> bool:
    """Say whether the run begins here; a line before it would make it longer."""
    if not at or not there or code.numbers[at - 1] not in code.added:
        return True
    return code.said[at - 1] != other.said[there - 1]


def _length(code: _Code, at: int, other: _Code, there: int) -> int:
    most = min(len(code.said) - at, len(other.said) - there)
    if other.path == code.path:
        most = min(most, abs(at - there))
    for size in range(most):
        if code.said[at + size] != other.said[there + size]:
            return size
        if code.numbers[at + size] not in code.added:
            return size
    return most


def _copies(code: _Code, matches: Sequence[_Match], tokens: int) -> Iterator[Copy]:
    """Yield the longest matches first, the earliest place of each."""
    taken: set[int] = set()
    told = 0
    for one in sorted(matches, key=lambda match: (-match.size, match.at, match.other.path)):
        own = range(one.at, one.at + one.size)
        if taken.isdisjoint(own) and _is_worth_it(code.said[one.at : one.at + one.size], tokens):
            taken.update(own)
            told += 1
            yield _copy(code, one)
        if told == _MOST:
            return


def _copy(code: _Code, one: _Match) -> Copy:
    first, last = code.numbers[one.at], code.numbers[one.at + one.size - 1]
    numbers = one.other.numbers
    there = Span(one.other.path, numbers[one.there], numbers[one.there + one.size - 1])
    return Copy(code.path, first, last, code.lines, one.size, there)


def _is_worth_it(said: Sequence[str], tokens: int) -> bool:
    decides = sum(_DECIDES.search(line) is not None for line in said)
    return decides >= _LOGIC and sum(len(_TOKEN.findall(line)) for line in said) >= tokens


def _others(
    corpus: Corpus, files: Sequence[SourceFile], rule: Rule, probes: set[str]
) -> Iterator[_Code]:
    """Yield the files nearest to the change that hold the longest line of some added run.

    A commit does not wait for that: its files are compared with themselves and one another.
    """
    for path in () if corpus.scope.kind == "staged" else _near(corpus, files):
        text = corpus.tree.get(path, "")
        if not any(probe in text for probe in probes):
            continue
        file = replace(files[0], path=path, language=language_of(path), read=partial(str, text))
        if not applies(rule, file) and not _is_made(path, text):
            yield _Code.of(path, text)


def _is_made(path: str, text: str) -> bool:
    return bool(conventions.by_path(path) or conventions.by_content(text, language_of(path), path))


def _near(corpus: Corpus, files: Sequence[SourceFile]) -> list[str]:
    """Return the paths of the same languages, those first that share more folders with a change."""
    judged = {file.path for file in corpus.files}
    endings = {_ending(file.path) for file in files}
    above = folders_above(file.path for file in files)
    found = [
        (-_shared(path, above), path)
        for path in corpus.paths()
        if _ending(path) in endings and path not in judged
    ]
    return [path for _, path in sorted(found)[:_NEAREST]]


def _ending(path: str) -> str:
    return path.rpartition(".")[2]


def _shared(path: str, above: set[str]) -> int:
    folder = path.rpartition("/")[0]
    while folder not in above:
        folder = folder.rpartition("/")[0]
    return len(folder)
