"""Read what git's listings print with ``-z``: the files of a commit, an index, a work tree."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, NamedTuple

FILE: Final = "100644"
LINK: Final = "120000"
SUBMODULE: Final = "160000"
_SPECIAL: Final = {LINK: "symbolic link", SUBMODULE: "submodule"}
_SPARSE: Final = "S"
_OTHER: Final = "?"


class Entry(NamedTuple):
    """A path at the judged side. ``oid`` is "" for what is on disk, ``size`` None if not told."""

    path: str
    mode: str = FILE
    oid: str = ""
    size: int | None = None

    @property
    def special(self) -> str:
        """What it is if not a regular file, else ""."""
        return _SPECIAL.get(self.mode, "")


def tree(records: Iterable[bytes]) -> list[Entry]:
    """Read ``ls-tree -r -l``: mode, type, id, size, a tab, the path."""
    entries = []
    for record in records:
        meta, _, path = os.fsdecode(record).partition("\t")
        mode, _, oid, size = meta.split()
        entries.append(Entry(path, mode, oid, int(size) if size.isdigit() else None))
    return entries


def index(records: Iterable[bytes]) -> list[Entry]:
    """Read ``ls-files -s``: mode, id, stage, a tab, the path."""
    entries = {}
    for record in records:
        meta, _, path = os.fsdecode(record).partition("\t")
        mode, oid, _ = meta.split(" ")
        entries[path] = Entry(path, mode, oid)
    return list(entries.values())


def work_tree(records: Iterable[bytes]) -> list[Entry]:
    """Read ``ls-files -t -s``: a tag before what ``index`` reads; of other files only the path.

    What a sparse checkout left out is read from its object, the rest from disk.
    """
    entries = {}
    for record in records:
        tag, _, rest = os.fsdecode(record).partition(" ")
        if tag == _OTHER:
            entry = untracked(rest)
        else:
            meta, _, path = rest.partition("\t")
            mode, oid, _ = meta.split(" ")
            entry = Entry(path, mode, oid if tag == _SPARSE else "")
        entries[entry.path] = entry
    return list(entries.values())


def untracked(path: str) -> Entry:
    """Return the entry of an untracked path; one that ends in a slash is another repository."""
    return Entry(path.rstrip("/"), SUBMODULE) if path.endswith("/") else Entry(path)
