"""Find the programs that are engines of their own."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=8)
def installed(name: str) -> str | None:
    """Return the program installed with this interpreter, else the one on PATH, else None."""
    file = f"{name}.exe" if os.name == "nt" else name
    folders = [Path(sys.executable).parent, *map(Path, os.get_exec_path())]
    paths = (folder / file for folder in folders)
    return next((str(path) for path in paths if os.access(path, os.X_OK)), None)
