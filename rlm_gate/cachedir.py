"""A cache of bytes in the user's own folders, each entry signed, so that no one else can fill it.

Knows nothing of what it holds. What can't be read or does not verify is a miss, and what can't be
written is not there next time: a cache never fails a run.
"""

from __future__ import annotations

import functools
import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from rlm_gate import __version__
from rlm_gate.core import hashes
from rlm_gate.core.records import dataclass

_KEY_BYTES = 32
_KEY_FILE = "cache.key"
_MAX_BYTES = 64 << 20
_MAX_AGE = 30 * 24 * 3600.0  # seconds
_PRUNED_WITH = "00"  # entries of that prefix trigger a clean-up: every 256th write or so


@dataclass(frozen=True, slots=True)
class CacheDir:
    """The cache below ``cache``; the key that signs it is kept apart, below ``state``.

    ``kind`` (a plain word) and ``key`` (hexadecimal) name an entry and are signed with it, so that
    no entry can stand in for another.
    """

    cache: Path
    state: Path

    def read(self, kind: str, key: str) -> bytes | None:
        """Return what was written under that name, None if there is nothing that verifies."""
        try:
            with self._path(kind, key).open("rb", buffering=0) as entry:  # no copy of what is large
                length = min(os.fstat(entry.fileno()).st_size, _MAX_BYTES)
                signature = entry.read(hashes.KEYED_BYTES)
                data = entry.read(length)
            secret = _key(self.state)
        except OSError:
            return None
        return data if hashes.same(signature, _sign(secret, kind, key, data)) else None

    def write(self, kind: str, key: str, data: bytes) -> None:
        """Store ``data`` under that name, whole or not at all."""
        path = self._path(kind, key)
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(path, _sign(_key(self.state), kind, key, data) + data)
            if key.startswith(_PRUNED_WITH):
                _prune(path.parent, time.time() - _MAX_AGE)

    def trim(self, kind: str, most_bytes: int) -> None:
        """Take the oldest entries of a kind away until the rest is no larger than that."""
        with suppress(OSError):
            entries = [(entry.stat(), entry.path) for entry in os.scandir(self.cache / kind)]
            entries.sort(key=lambda entry: -entry[0].st_mtime_ns)
            total = 0
            for status, path in entries:
                total += status.st_size
                if total > most_bytes:
                    with suppress(FileNotFoundError):
                        Path(path).unlink()

    def signing_key(self) -> bytes:
        """Return the user's random key, made at its first use. Raises OSError without a home."""
        return _key(self.state)

    def _path(self, kind: str, key: str) -> Path:
        if not (kind.isalpha() and key.isalnum()):
            raise ValueError(f"no name for a cache entry: {kind}/{key}")
        return self.cache / kind / key


@functools.cache
def _key(state: Path) -> bytes:
    """Return the signing key, made at the first use. Raises OSError where it can't be kept."""
    return _read_key(state) or _make_key(state)


def entry_key(*parts: bytes | str) -> str:
    """Return the key of what follows from exactly these parts and the installed code."""
    digest = hashes.sha256(_code_version().encode())
    for part in parts:
        content = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()


def stamps(folder: Path) -> list[str]:
    """Return what changes with any file of the folder, without reading one: sizes and times.

    A file that is written anew has another time of change (ctime), which nobody can set.
    """
    found = []
    with suppress(OSError):
        for entry in os.scandir(folder):
            try:
                found.append(_stamp(entry.name, entry.stat()))
            except OSError:  # a link that leads nowhere
                found.append(entry.name)
    return sorted(found)


@functools.cache
def _code_version() -> str:
    """Return what changes with any module here, the interpreter, or an installed package.

    Packages count because they judge too (patterns, engines); installing one touches the folder
    they all lie in.
    """
    package = Path(__file__).parent
    python = "python{}.{}".format(*sys.version_info)
    packages = Path(sys.prefix, "lib", python, "site-packages")
    known = [__version__, sys.version]
    with suppress(OSError):
        known.append(_stamp(packages.name, packages.stat()))
    for folder in ("", "core", "config", "detectors", "detectors/_taint"):
        modules = stamps(package / folder)
        known.extend(one for one in modules if one.partition("\0")[0].endswith((".py", ".json")))
    return "\n".join(known)


def _stamp(name: str, status: os.stat_result) -> str:
    return f"{name}\0{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _sign(secret: bytes, kind: str, key: str, data: bytes) -> bytes:
    return hashes.keyed(secret, f"{kind}/{key}\n".encode(), data)


def _read_key(state: Path) -> bytes | None:
    """Return the key, None if there is none or others could have read or planted it."""
    try:
        descriptor = os.open(state / _KEY_FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        private = stat.S_ISREG(status.st_mode) and not status.st_mode & 0o077
        if not private or status.st_uid != os.getuid():
            return None
        secret = file.read(_KEY_BYTES + 1)
    return secret if len(secret) == _KEY_BYTES else None


def _make_key(state: Path) -> bytes:
    """Keep a new key; one that another process kept in the meantime wins."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state / _KEY_FILE
    if path.exists() and _read_key(state) is None:  # of the wrong owner, mode or length
        path.unlink()
    own = path.with_name(f"{_KEY_FILE}.{os.getpid()}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(_KEY_BYTES))
    try:
        with suppress(FileExistsError):
            os.link(own, path)
    finally:
        own.unlink()
    secret = _read_key(state)
    if secret is None:
        raise PermissionError(f"{path}: not private to this user")
    return secret


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _prune(folder: Path, before: float) -> None:
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before:
                Path(entry.path).unlink()
