"""Read git objects from a ``cat-file --batch`` process, whose command ``repo`` gives."""

from __future__ import annotations

import os
import subprocess
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import IO, Final, NamedTuple

from rlm_gate.decoding import HEAD
from rlm_gate.errors import GitError

LIMIT: Final = 1 << 20
"""Bytes of a file beyond which only its beginning is read."""

_CHUNK: Final = 1 << 16


class Content(NamedTuple):
    """What a file holds: all of it, or its first ``HEAD`` bytes where it is larger than asked.

    ``special`` says what it is if not a regular file; then there is nothing in it.
    """

    size: int
    data: bytes
    special: str = ""

    @property
    def is_whole(self) -> bool:
        """Say whether nothing was left out."""
        return self.size == len(self.data)


class NotStarted(GitError):
    """The machine lets no process, thread or open file more be made."""

    remedy = "End some programs, or raise the limits that 'ulimit -a' shows, and run again."


@contextmanager
def starting(what: str) -> Iterator[None]:
    """Say of what can't be started why. Raises NotStarted, and FileNotFoundError as it comes."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # a thread that can't begin is a RuntimeError
        why = error.strerror if isinstance(error, OSError) else error
        raise NotStarted(f"{what} could not be started: {why}") from error


class Objects:
    """Reads objects through one process: a ``begun`` one, or started when first needed.

    Safe between threads; a fork reads through a process of its own.

    After ``close`` the next question starts another process; the last one ends with this object.
    """

    def __init__(
        self,
        command: Sequence[str],
        directory: str,
        environment: Mapping[str, str],
        begun: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._command = tuple(command)
        self._directory = directory
        self._environment = environment
        self._lock = Lock()
        self._running: tuple[IO[bytes], IO[bytes]] | None = None
        self._end: weakref.finalize[..., Objects] | None = None
        self._owner = os.getpid()
        if begun:
            self._adopt(begun)

    def read(self, name: str, limit: int = LIMIT) -> Content | None:
        """Return the blob of an id or of ``REV:path``, None if there is none. Raises GitError."""
        kind, _, content = self._object(name, limit)
        return content if kind == "blob" else None

    def commit(self, ref: str) -> str:
        """Return the id of the commit that a revision names, "" if it names none."""
        kind, oid, _ = self._object(f"{ref}^{{commit}}", 0)
        return oid if kind == "commit" else ""

    def close(self) -> None:
        """End the process, if one runs and is ours."""
        if self._owner != os.getpid():
            self._leave_to_the_parent()
        with self._lock:
            self._forget()

    @staticmethod
    def process(
        command: Sequence[str], directory: str, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start the process that reads them."""
        with starting("'git cat-file'"):
            return subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def _object(self, name: str, limit: int) -> tuple[str, str, Content]:
        if "\n" in name:  # the protocol has no way to ask for it
            return "", "", Content(0, b"")
        if self._owner != os.getpid():
            self._leave_to_the_parent()
        with self._lock:
            asked, answers = self._running or self._started()
            header = _header(asked, answers, name)
            if header.endswith((b" missing\n", b" ambiguous\n")):
                return "", "", Content(0, b"")
            oid, kind, size = header.decode().split()
            return kind, oid, _content(answers, int(size), limit)

    def _leave_to_the_parent(self) -> None:
        """In a fork: close its ends of the pipes, where answers to both would mix."""
        self._lock = Lock()  # a thread of the parent's may hold the other one
        self._owner = os.getpid()
        self._forget()

    def _forget(self) -> None:
        if self._end:
            self._end()
        self._running = self._end = None

    def _started(self) -> tuple[IO[bytes], IO[bytes]]:
        return self._adopt(self.process(self._command, self._directory, self._environment))

    def _adopt(self, process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
        if not process.stdin or not process.stdout:
            raise GitError("'git cat-file' has no pipes")
        self._end = weakref.finalize(self, _ended, process)
        self._running = process.stdin, process.stdout
        return self._running


def _header(asked: IO[bytes], answers: IO[bytes], name: str) -> bytes:
    with suppress(BrokenPipeError):
        asked.write(name.encode(errors="surrogateescape") + b"\n")
        asked.flush()
    header = answers.readline()
    if not header:
        raise GitError(f"'git cat-file' ended while it was asked for {name!r}")
    return header


def _content(answers: IO[bytes], size: int, limit: int) -> Content:
    """Take one object off the pipe; of one that is too large keep the head only."""
    if size <= limit:
        data = answers.read(size + 1)
        if len(data) <= size:
            raise GitError("'git cat-file' ended in the middle of an object")
        return Content(size, data[:size])
    content = Content(size, answers.read(min(size, HEAD)))
    left = size + 1 - len(content.data)
    while left > 0:
        left -= len(answers.read(min(left, _CHUNK))) or left
    return content


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.stdin and process.stdout:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
    process.wait()
