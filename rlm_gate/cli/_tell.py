"""What commands print; work and its exit code are the same whether or not somebody reads of it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable


class _Patient(io.FileIO):
    """A descriptor to write to that leads nowhere once its reader has gone."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]  # what BufferedWriter hands on
        """Write; after a reader (``| head -1``) has gone let all the rest vanish.

        So it is after another error, which is raised once, for whoever writes to tell of it.
        """
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if not isinstance(error, BrokenPipeError):
                raise
            return super().write(data)


def outlive_readers() -> None:
    """Let what this process prints vanish in silence once nobody reads it any more."""
    old = sys.stdout
    if isinstance(old, io.TextIOWrapper) and old is sys.__stdout__:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Patient(old.fileno(), "w", closefd=False)),
            encoding=old.encoding,
            errors=old.errors,
            line_buffering=old.line_buffering,
            write_through=old.write_through,
        )


def tell(lines: Iterable[str]) -> None:
    """Print each line as it comes."""
    for line in lines:
        print(line, flush=True)
