r"""Who owns a file, by CODEOWNERS as GitHub reads it: the last pattern that matches counts.

Patterns are those of .gitignore without ``!``, ``[ ]`` and ``\#``; GitHub passes over a line it
does not understand, and so does this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from rlm_gate import globs
from rlm_gate.core.records import dataclass

FILES: Final = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in this order; the first there is counts."""

_LARGEST: Final = 3 << 20  # GitHub passes over a larger file
_OWNER: Final = re.compile(r"@[^\s@]+|[^\s@]+@[^\s@]+\.[^\s@]+")
_SPACE: Final = re.compile(r"(?<!\\)[ \t]+")


@dataclass(frozen=True, slots=True)
class Owners:
    """The lines of one CODEOWNERS: a pattern for ``re.match`` and the owners, () for nobody."""

    lines: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = ()

    def of(self, path: str) -> tuple[str, ...]:
        """Return the owners of a path, as they are written."""
        return next((who for pattern, who in reversed(self.lines) if pattern.match(path)), ())


def read(root: Path | None) -> Owners:
    """Return what the repository's CODEOWNERS says; nothing where it has none that can be read."""
    for name in FILES if root else ():
        path = Path(root or "", name)
        try:
            if not path.is_file() or path.is_symlink():
                continue
            if path.stat().st_size > _LARGEST:
                return Owners()
            return parse(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return Owners()


def parse(text: str) -> Owners:
    """Return the lines that mean something."""
    return Owners(tuple(_lines(text.splitlines())))


def _lines(lines: Iterable[str]) -> Iterator[tuple[re.Pattern[str], tuple[str, ...]]]:
    for line in lines:
        glob, *owners = _words(line)
        if not _is_good(glob) or not all(map(_OWNER.fullmatch, owners)):
            continue
        yield re.compile(_pattern(glob)), tuple(owners)


def _pattern(glob: str) -> str:
    """Return the pattern; ``docs/*`` is of the files in docs alone, unlike in .gitignore."""
    pattern = globs.to_regex([glob])[0]
    return pattern.replace("(?:/|\\Z)", "\\Z") if glob.endswith("/*") else pattern


def _words(line: str) -> list[str]:
    """Return pattern and owners; a comment may stand alone or after them."""
    words = _SPACE.split(line.strip())
    end = next((index for index, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:end] or [""]


def _is_good(glob: str) -> bool:
    return not (glob.startswith(("!", "\\#")) or "[" in glob or globs.mistake(glob))
