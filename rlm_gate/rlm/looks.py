"""What the root has met of the judged files: read or searched, or seen as a part of the diff.

It is the least that ``done()`` asks for. That a file was met does not mean that it was understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_FIRST_CHARS = 60
"""Characters of a part, behind its heading, that an output must show for the part to be seen."""


class Looks:
    """The judged files that the root's rules apply to, less those it has met.

    ``paths`` are the REPL's files, in its order. ``parts`` are the parts of the REPL's ``diff``, as
    ``(path, text)``; only files in ``wanted`` have to be met.
    """

    def __init__(
        self, wanted: Iterable[str], paths: Sequence[str], parts: Iterable[tuple[str, str]] = ()
    ) -> None:
        self._missing = dict.fromkeys(wanted)
        self._total = len(self._missing)
        self._paths = paths
        self._parts = [(path, _beginning(text)) for path, text in parts if path in self._missing]

    def met(self, ranges: Any) -> None:
        """Take what the sandbox says was loaded: ``[[first, after last], ...]``, hostile data."""
        for one in ranges if isinstance(ranges, list) else ():
            match one:
                case [int(first), int(last)] if 0 <= first < last <= len(self._paths):
                    self._drop(self._paths[first:last])

    def shown(self, text: str) -> None:
        """Take a text that was shown to the root, or that it showed to another model."""
        if not self._missing:
            return
        self._drop([path for path, beginning in self._parts if beginning in text])
        self._parts = [part for part in self._parts if part[0] in self._missing]

    def objection(self) -> str:
        """Return what has still to be looked at before the root may end, "" if nothing is."""
        if not self._missing:
            return ""
        return (
            f"{len(self._missing)} of {self._total} judged files were neither read nor searched, "
            f"first {next(iter(self._missing))}"
        )

    def _drop(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._missing.pop(path, None)


def _beginning(part: str) -> str:
    heading, _, rows = part.partition("\n")
    return f"{heading}\n{rows[:_FIRST_CHARS]}"
