"""The peak memory of process trees, each shared page counted once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

EVERY = 0.25
"""Seconds between two looks: what lives shorter may be missed."""


class Memory(threading.Thread):
    """Looks at process trees; ``peak`` is the most bytes that they held together (PSS)."""

    def __init__(self, *pids: int, without: int = 0) -> None:
        super().__init__(daemon=True)
        self.pids = pids
        self.without = without
        self.peak = 0
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Look until it is over."""
        while not self._over.wait(EVERY):
            self.peak = max(self.peak, sum(held(pid) for pid in tree(self.pids) - {self.without}))


def tree(pids: tuple[int, ...]) -> set[int]:
    """Return the processes and all that descend from them."""
    parents: dict[int, list[int]] = {}
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            fields = _read(one / "stat").rpartition(")")[2].split()
            if fields:
                parents.setdefault(int(fields[1]), []).append(int(one.name))
    found, todo = set(), [*pids]
    while todo:
        pid = todo.pop()
        found.add(pid)
        todo += [child for child in parents.get(pid, ()) if child not in found]
    return found


def held(pid: int) -> int:
    """Return the bytes that a process holds, shared pages by its share; 0 if it is gone."""
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
