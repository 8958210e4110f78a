"""Tell from the lines of a Python file which of its public names have a docstring, without a tree.

For files that nobody judges: dozens of them are asked what is customary beside a change. Of
11,250 files of packages it is in doubt of 216, and three differ from their trees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlm_gate import kept

PLAIN_DECORATORS = kept.expression(
    r"@(?:abc\.|functools\.|contextlib\.|dataclasses\.)?(?:staticmethod|classmethod|abstractmethod"
    r"|property|cache|cached_property|contextmanager|asynccontextmanager|dataclass|final|override)\b"
)
_HEADER = kept.expression(r"^(?:async[ \t]+)?(def|class)[ \t]+(?!_)(\w+)", re.MULTILINE)
_FIRST = kept.expression(
    r"(?:[ \t]*(?:#.*)?\n)*[ \t]+"  # blank lines and comments
    r"(?:([rRuUbBfF]{0,2}['\"])|((?:pass|\.\.\.)[ \t]*(?:#.*)?(?:\n|\Z))|\S)"
)
_OUTSIDE = kept.expression(r"\n[^\s)#]")
_QUOTES = ('"""', "'''")


def documented(text: str) -> list[tuple[str, bool]] | None:
    """Return each public name of the module and whether it has a docstring, or None if in doubt.

    As the tree shows them: without empty classes, and what a decorator may register.
    """
    found: list[tuple[str, bool]] = []
    end = 0
    for header in _HEADER.finditer(text):
        if any(text.count(quotes, end, header.start()) % 2 for quotes in _QUOTES):
            return None  # within a text
        end = header.start()
        plain, body = _is_plain(text, header.start()), _body(text, header)
        first = _FIRST.match(text, body) if body else None
        if plain is None or first is None:
            return None
        if plain and not (header[1] == "class" and first[2]):
            found.append((header[2], bool(first[1])))
    return found


def _is_plain(text: str, start: int) -> bool | None:
    """Say whether none of its decorators may register the name; None if one has several lines."""
    for line in _above(text, start):
        if line.startswith(")"):
            return None
        if not line.startswith("@"):
            break
        if not PLAIN_DECORATORS.match(line):
            return False
    return True


def _above(text: str, at: int) -> Iterator[str]:
    while at:
        before = text.rfind("\n", 0, at - 1) + 1
        yield text[before : at - 1]
        at = before


def _body(text: str, header: re.Match[str]) -> int:
    """Return where the line after the signature begins, 0 if that is not plain."""
    end = text.find("\n", header.end())
    code = _code(text[header.end() : end])
    if code.endswith(("(", "[", ",")):
        closing = text.find("\n)", end)
        if closing < 0 or _OUTSIDE.search(text, end, closing):
            return 0
        end = text.find("\n", closing + 1)
        code += _code(text[closing + 1 : end])
    whole = code.count("(") == code.count(")") and code.count("[") == code.count("]")
    return end + 1 if whole and end >= 0 and code.endswith(":") else 0


def _code(line: str) -> str:
    return line.partition("#")[0].rstrip()
