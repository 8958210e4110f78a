"""Write what a session starts with into one sealed file in memory, from which the child maps it.

Texts are streamed: none is held twice. Files of a corpus stay there and are mapped again by a
restarted child; a context is taken out piece by piece, so that it is never held twice either.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from rlm_gate.errors import SandboxDied

_PIECE = 1 << 20
_HAS_MEMFD = hasattr(os, "memfd_create")
_SEALS = 0x0007  # F_SEAL_SEAL | SHRINK | GROW
_SEAL_WRITE = 0x0008
_F_ADD_SEALS = 1033


class MappedFile:
    """The file and the place of each text in it. Close it when the session is over."""

    def __init__(self, texts: Mapping[str, str] | None, context: Any) -> None:
        self.descriptor = _open()
        self._size = 0
        try:
            self.files = None if texts is None else self._texts(texts)
            self._files_size = self._size
            self.context = None if context is None else self._context(context)
        except BaseException:
            os.close(self.descriptor)
            raise

    @property
    def working_bytes(self) -> int:
        """How much memory work on the texts may take, beside what every cell has.

        A context is held whole, and one emoji in it quadruples it; files are decoded one by one.
        """
        return 2 * self._files_size + 6 * (self._size - self._files_size)

    @property
    def lasting(self) -> bool:
        """Whether another child can start with it: a context is gone once it was loaded."""
        return self.context is None

    def seal(self, header: dict[str, Any]) -> None:
        """Write the header and forbid every change, save that a loaded context is dropped."""
        start = self._size
        whole = {**header, "files": self.files, "context": self.context}
        self._write(json.dumps(whole, separators=(",", ":")))
        self._put(memoryview((self._size - start).to_bytes(8, "little")))
        if _HAS_MEMFD:
            import fcntl

            seals = _SEALS | _SEAL_WRITE if self.lasting else _SEALS
            fcntl.fcntl(self.descriptor, _F_ADD_SEALS, seals)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self.descriptor)

    def _texts(self, texts: Mapping[str, str]) -> list[tuple[str, int, int]]:
        return [(path, *self._write(texts[path])) for path in texts]

    def _context(self, context: Any) -> tuple[str, Any]:
        if isinstance(context, str):
            return "text", self._write(context)
        if isinstance(context, list) and all(isinstance(part, str) for part in context):
            return "texts", [self._write(part) for part in context]
        if isinstance(context, dict) and all(isinstance(one, str) for one in context.values()):
            return "named", [(str(name), self._write(one)) for name, one in context.items()]
        return "json", self._write(json.dumps(context))

    def _write(self, text: str) -> tuple[int, int]:
        start = self._size
        for at in range(0, len(text), _PIECE):
            piece = memoryview(text[at : at + _PIECE].encode("utf-8", "surrogatepass"))
            self._size += len(piece)
            while piece:
                piece = piece[self._put(piece) :]
        return start, self._size - start

    def _put(self, piece: memoryview) -> int:
        try:
            return os.write(self.descriptor, piece)
        except OSError as error:
            raise SandboxDied(f"there is no room for the sandbox's texts: {error}") from error


def _open() -> int:
    try:
        if _HAS_MEMFD:
            return os.memfd_create("corpus", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with tempfile.TemporaryFile() as file:  # unlinked from the start
            return os.dup(file.fileno())
    except OSError as error:
        raise SandboxDied(f"there is no place for the sandbox's texts: {error}") from error
