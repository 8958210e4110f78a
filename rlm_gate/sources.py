"""Read files from disk or from git objects, and keep a bounded part of their texts.

Links are never followed, and nothing outside the root is read.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from rlm_gate import conventions
from rlm_gate.core import hashes
from rlm_gate.decoding import HEAD, Decoded, decode
from rlm_gate.errors import GitError
from rlm_gate.languages import language_of
from rlm_gate.listings import Entry
from rlm_gate.objects import LIMIT, Content, Objects

_KEPT: Final = 32 << 20
_FIRST_LINE: Final = 200
_OPEN: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody writes to must not stop the gate
    | getattr(os, "O_CLOEXEC", 0)
)
_GONE: Final = {errno.ENOENT, errno.ENOTDIR}
_LINK: Final = {errno.ELOOP, getattr(errno, "EMLINK", errno.ELOOP)}


class Source:
    """The content of entries: those with an id from the objects, the others from below the root."""

    def __init__(self, root: str | None, objects: Objects | None) -> None:
        self._root = root
        self._objects = objects
        self._real: dict[str, bool] = {"": True}

    def read(self, entry: Entry, limit: int = LIMIT) -> Content | None:
        """Return the content, None if it is not there. Raises OSError, GitError."""
        if entry.oid:
            return self._objects.read(entry.oid, limit) if self._objects else None
        return self._from_disk(entry.path, limit)

    def _from_disk(self, path: str, limit: int) -> Content | None:
        if self._root is None or not self._is_real(path.rpartition("/")[0]):
            return None
        try:
            opened = os.open(f"{self._root}/{path}", _OPEN)
        except OSError as error:
            if error.errno in _LINK:
                return Content(0, b"", "symbolic link")
            if error.errno in _GONE:
                return None
            raise
        try:
            return _opened(opened, limit)
        finally:
            os.close(opened)

    def _is_real(self, folder: str) -> bool:
        """Say whether neither the folder nor one above it is a link to somewhere else."""
        known = self._real.get(folder)
        if known is None:
            known = self._is_real(folder.rpartition("/")[0]) and _is_folder(self._root, folder)
            self._real[folder] = known
        return known


class Texts:
    """The texts of entries. What fits is kept: the first ones, for everybody reads in one order."""

    def __init__(self, source: Source, limit: int = _KEPT) -> None:
        self._source = source
        self._left = limit
        self._kept: dict[str, str] = {}
        self._last = ("", "")

    def keep(self, path: str, text: str) -> None:
        """Remember the text if there is room, and in any case until the next one."""
        size = sys.getsizeof(text)
        if size <= self._left and path not in self._kept:
            self._left -= size
            self._kept[path] = text
        self._last = (path, text)

    def judged(self, entry: Entry, sha256: str) -> str:
        """Return the text of a file that was read before. Raises GitError if it changed since."""
        path, text = self._last
        if path == entry.path:
            return text
        if entry.path in self._kept:
            return self._kept[entry.path]
        try:
            content = self._source.read(entry)
        except OSError as error:
            why = f"can't be read any more: {error.strerror}; run again"
            raise GitError(f"{entry.path} {why}") from error
        decoded = understand(entry.path, content.data)[1] if content else None
        if not content or not decoded or hashes.sha256(content.data).hexdigest() != sha256:
            raise GitError(f"{entry.path} changed while it was being judged; run again")
        self.keep(entry.path, decoded.text)
        return decoded.text

    def other(self, entry: Entry) -> str | None:
        """Return the text of a file that is not judged, None if it is none."""
        content = None if entry.special else self._readable(entry)
        if not content or content.special or not content.is_whole:
            return None
        decoded = understand(entry.path, content.data)[1]
        return decoded.text if decoded and not conventions.is_lfs_pointer(content.data) else None

    def is_text(self, entry: Entry) -> bool:
        """Say whether ``other`` has a text for it, mostly by looking at its head."""
        if entry.special or (entry.size or 0) > LIMIT:
            return False
        head = self._readable(entry, HEAD)
        if not head or head.special or head.size > LIMIT:
            return False
        if b"\0" in head.data or conventions.is_lfs_pointer(head.data):
            return self.other(entry) is not None
        return True

    def _readable(self, entry: Entry, limit: int = LIMIT) -> Content | None:
        """Return the content; of what may not be read, nobody here asks for more."""
        try:
            return self._source.read(entry, limit)
        except OSError:
            return None


class Tree(Mapping[str, str]):
    """Path -> text of every text file at the judged side. Listed and read when first asked."""

    def __init__(
        self,
        texts: Texts,
        entries: Callable[[], list[Entry]],
        judged: Mapping[str, Callable[[], str]],
    ) -> None:
        self._texts = texts
        self._list = entries
        self._judged = judged
        self._entries: dict[str, Entry] | None = None
        self._paths: list[str] | None = None

    def __getitem__(self, path: str) -> str:
        if path in self._judged:
            return self._judged[path]()
        entry = self._all().get(path)
        text = self._texts.other(entry) if entry else None
        if text is None:
            raise KeyError(path)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed())

    def __len__(self) -> int:
        return len(self._listed())

    def paths(self) -> set[str]:
        """Return the paths of all entries, of what is no text too: links, images, submodules."""
        return {*self._all(), *self._judged}

    def _listed(self) -> list[str]:
        if self._paths is None:
            entries = self._all().items()
            others = (pair for pair in entries if pair[0] not in self._judged)
            found = {path for path, entry in others if self._texts.is_text(entry)}
            self._paths = sorted(found | set(self._judged))
        return self._paths

    def _all(self) -> dict[str, Entry]:
        if self._entries is None:
            self._entries = {entry.path: entry for entry in self._list()}
        return self._entries


def understand(path: str, data: bytes) -> tuple[str, Decoded | None]:
    """Return the language of a file and its text, None for a binary one."""
    first_line = data[:_FIRST_LINE].partition(b"\n")[0].decode("latin-1")
    language = language_of(path, first_line)
    return language, decode(data, language)


def _opened(file: int, limit: int) -> Content | None:
    status = os.fstat(file)
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return Content(0, b"", "not a regular file")
    if status.st_size > limit:
        return Content(status.st_size, os.read(file, HEAD))
    data = os.read(file, status.st_size)
    return Content(len(data), data)


def _is_folder(root: str | None, folder: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(f"{root}/{folder}").st_mode)
    except OSError as error:
        if error.errno in _GONE:
            return False
        raise
