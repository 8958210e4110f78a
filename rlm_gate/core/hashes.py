"""SHA-256 and a keyed hash, by the interpreter's own code where OpenSSL's is not loaded anyway.

``hashlib`` loads OpenSSL as it is imported: 3 MiB, and more time than a hook's few hashes take by
the code that every Python has. A run that hashes a whole repository gains by OpenSSL's, which is
six times as fast: it imports ``hashlib``, and from then on that one serves here.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any, Final, Protocol

KEYED_BYTES: Final = 32
"""What a keyed hash is long."""


class Hash(Protocol):
    """What both ways give: fed in pieces, asked at the end."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """Return the hash of all bytes until now."""

    def hexdigest(self) -> str:
        """Return it in hexadecimal digits."""


def sha256(content: bytes = b"") -> Hash:
    """Return the SHA-256 of the content, to be told or continued."""
    known = sys.modules.get("hashlib")
    made: Hash = (known or _built_in("sha256", "_sha256", "_sha2")).sha256(content)
    return made


def keyed(secret: bytes, *parts: bytes) -> bytes:
    """Return what nobody can make of these bytes, put together, without the secret: BLAKE2b."""
    module = _built_in("blake2b", "_blake2")
    signature: Hash = module.blake2b(key=secret, digest_size=KEYED_BYTES)
    for part in parts:
        signature.update(part)
    return signature.digest()


def number(content: bytes) -> int:
    """Return a number of 64 bits by which the content may go: the same in every process."""
    module = _built_in("blake2b", "_blake2")
    return int.from_bytes(module.blake2b(content, digest_size=8).digest())


def same(one: bytes, other: bytes) -> bool:
    """Compare without telling by the time it takes where they differ."""
    equal: bool = importlib.import_module("_operator")._compare_digest(one, other)  # noqa: SLF001
    return equal


@cache
def _built_in(wanted: str, *names: str) -> Any:
    """Return the first of these modules of the interpreter's that has it, else ``hashlib``."""
    for name in names:
        try:
            module = importlib.import_module(name)
        except ImportError:  # of another version, or built without it
            continue
        if hasattr(module, wanted):
            return module
    return importlib.import_module("hashlib")
