"""What a command says of work that is done whether or not somebody reads of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable


def tell(lines: Iterable[str]) -> None:
    """Print each line as it comes; where the reader has gone (``| head -1``), go on in silence."""
    for line in lines:
        try:
            print(line, flush=True)
        except BrokenPipeError:
            quieten()


def quieten() -> None:
    """Send stdout nowhere from here on, what is still in its buffer too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
