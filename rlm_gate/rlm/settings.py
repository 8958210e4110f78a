"""Constants and defaults: the lines that set, outside functions, what other lines depend on.

Knows layout, not syntax: a name at the start of a line, or a constant's name inside a class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rlm_gate.core import Span

CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]{2,}")
_WORDS = r"(?:(?:export|const|let|var|final|static|public|private)\s+)*"
_TYPE = r"\s*(?::[^=\n]+)?=(?![=>])"
_TOP = re.compile(rf"{_WORDS}([A-Za-z_]\w{{2,}}){_TYPE}")
_INSIDE = re.compile(rf"[ \t]{{1,8}}{_WORDS}(?:[\w.<>\[\]]+\s+)?({CONSTANT.pattern}){_TYPE}")
_LINES = 12
"""Most lines of one setting: a longer table tells by its first."""
_ROWS = 40
"""Most lines of all settings that one block depends on."""


def assigned(path: str, lines: Sequence[str]) -> Iterator[tuple[str, Span]]:
    """Yield the names that are set outside functions, each with its lines to the last bracket."""
    for number, line in enumerate(lines, 1):
        found = _TOP.match(line) or _INSIDE.match(line)
        if found:
            end, opened = number, _depth(line)
            while opened > 0 and end < min(len(lines), number + _LINES - 1):
                opened += _depth(lines[end])
                end += 1
            yield found[1], Span(path, number, end)


def here(path: str, lines: Sequence[str], shown: Span, words: Iterable[str]) -> Mapping[int, str]:
    """Return the lines of a file, by number, that set one of the words outside what is shown."""
    wanted = frozenset(words)
    numbers = {
        number
        for name, span in assigned(path, lines)
        if name in wanted and not span.overlaps(shown)
        for number in range(span.start, span.end + 1)
    }
    return {number: lines[number - 1] for number in sorted(numbers)[:_ROWS]}


def _depth(line: str) -> int:
    return sum(line.count(mark) for mark in "([{") - sum(line.count(mark) for mark in ")]}")
