"""Read what git's diff plumbing prints with ``--raw -z -p -U0``. Runs nothing.

The content of a hunk is counted, never recognised: a removed line may look like any header.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO, Final, NamedTuple

from rlm_gate.errors import GitError

_HUNK: Final = rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@"
_TO_QUOTE: Final = rb'[\x00-\x1f\x7f"\\]'
_UNMERGED: Final = "U"
_ESCAPES: Final = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


class Side(NamedTuple):
    """One side of a change. ``oid`` is all zeros for what is absent, or only on the disk."""

    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """Say whether it is a regular file: no link, no submodule, not absent."""
        return self.mode.startswith("10")

    @property
    def is_stored(self) -> bool:
        """Say whether git has the content as an object."""
        return self.oid.strip("0") != ""


class Hunk(NamedTuple):
    """``length`` lines from ``start`` on in the new file stand where ``removed`` stood.

    With a length of 0, ``start`` is the line before the gap. Lines are git's: only a line feed ends
    one.
    """

    start: int
    length: int
    removed: bytes

    @property
    def after(self) -> int:
        """The last line before the hunk that both files have."""
        return self.start - 1 if self.length else self.start


class Change(NamedTuple):
    """One path of a diff. ``letter`` is git's: A, M, D, R, T (another type of file), U (unmerged).

    A file that was only touched is not ``shown``. One that git calls ``binary``, by its content,
    its attributes or its size, has no hunks.
    """

    letter: str
    path: str
    old_path: str | None
    old: Side
    new: Side
    hunks: tuple[Hunk, ...] = ()
    shown: bool = False
    binary: bool = False


def parse(stream: IO[bytes]) -> Iterator[Change]:
    """Yield the changes in git's order."""
    raw, lines = _split(stream)
    patches = _patches(lines)
    waiting = next(patches, None)
    for change in _raw(raw):
        header, hunks, shown, binary = _header(change), list[Hunk](), False, False
        while waiting and waiting.header == header and change.letter != _UNMERGED:
            shown, binary = True, binary or waiting.binary
            hunks += waiting.hunks
            waiting = next(patches, None)  # a change of type is shown as two patches
        yield change._replace(hunks=tuple(hunks), shown=shown, binary=binary)
    if waiting:
        raise GitError(f"can't read git's diff: no change belongs to {waiting.header!r}")


class _Patch:
    """One "diff --git" part while it is read."""

    __slots__ = ("binary", "header", "hunks")

    def __init__(self, header: bytes) -> None:
        self.header = header
        self.hunks: list[Hunk] = []
        self.binary = False


def _split(stream: IO[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Cut the raw part from the lines of the patches: two NUL bytes are between them."""
    head = b""
    for line in stream:
        head += line
        if b"\0\0" in head:
            break
    raw, _, first = head.partition(b"\0\0")
    return raw, chain([first] if first else [], stream)


def _raw(raw: bytes) -> Iterator[Change]:
    fields = iter(raw.split(b"\0") if raw else [])
    for meta in fields:
        old_mode, new_mode, old_oid, new_oid, letter = meta.decode().lstrip(":").split(" ")
        first = os.fsdecode(next(fields))
        second = os.fsdecode(next(fields)) if letter[0] in "RC" else None
        sides = Side(old_mode, old_oid), Side(new_mode, new_oid)
        yield Change(letter[0], second or first, first if second else None, *sides)


def _patches(lines: Iterator[bytes]) -> Iterator[_Patch]:
    patch = None
    for line in lines:
        if line.startswith(b"diff --git "):
            if patch:
                yield patch
            patch = _Patch(line)
        elif patch and line.startswith(b"@@ "):
            patch.hunks.append(_hunk(line, lines))
        elif patch and line.startswith(b"\\") and patch.hunks and not patch.hunks[-1].length:
            patch.hunks[-1] = _unterminated(patch.hunks[-1])
        elif patch and line.startswith(b"Binary files "):
            patch.binary = True
    if patch:
        yield patch


def _hunk(header: bytes, lines: Iterator[bytes]) -> Hunk:
    found = re.match(_HUNK, header)
    if not found:
        raise GitError(f"can't read git's diff: {header!r}")
    old_left, start, length = int(found[1] or b"1"), int(found[2]), int(found[3] or b"1")
    new_left, removed = length, list[bytes]()
    while old_left or new_left:
        line = next(lines, b"")
        if line.startswith(b"-"):
            old_left -= 1
            removed.append(line[1:])
        elif line.startswith(b"+"):
            new_left -= 1
        elif line.startswith(b"\\") and removed:
            removed[-1] = removed[-1].removesuffix(b"\n")
        else:
            raise GitError(f"can't read git's diff: {line!r} in a hunk without context")
    return Hunk(start, length, b"".join(removed))


def _unterminated(hunk: Hunk) -> Hunk:
    """Take off the line feed that git had to add to a last line without one."""
    return Hunk(hunk.start, hunk.length, hunk.removed.removesuffix(b"\n"))


def _header(change: Change) -> bytes:
    names = (b"a/" + os.fsencode(change.old_path or change.path), b"b/" + os.fsencode(change.path))
    return b"diff --git %s %s\n" % (_quoted(names[0]), _quoted(names[1]))


def _quoted(name: bytes) -> bytes:
    """Quote as git does with core.quotePath off: control characters, quotes and backslashes."""
    if not re.search(_TO_QUOTE, name):
        return name
    return b'"' + re.sub(_TO_QUOTE, _escaped, name) + b'"'


def _escaped(found: re.Match[bytes]) -> bytes:
    byte = found[0][0]
    return b"\\" + (_ESCAPES[byte].encode() if byte in _ESCAPES else b"%03o" % byte)
