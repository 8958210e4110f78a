"""Tell from a pattern's spelled out texts where it can't match: ``in`` is far faster than ``re``.

Reads regular expressions only as far as that needs; what it does not know needs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

Texts = tuple[str, ...]

_MOST = 48
"""Alternatives worth looking for one by one."""

# The pieces of a regular expression, as far as they matter for finding plain text in it.
_PIECE = re.compile(
    r"(?P<char>\\[^\w\s]|[\w \"'=:;,<>@#%&!/~`-])|(?P<optional>[?*]|\{\d*,?\d*\})"
    r"|(?P<open>\((?:\?(?:P<\w+>|:)|(?!\?)))|(?P<odd>\(\?)"
    r"|(?P<close>\))|(?P<either>\|)|(?P<other>\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|\d{1,3}|.)|.)",
    re.DOTALL,
)
_FLAGS = re.compile(r"\(\?([a-z]+)\)")
_KNOWN_FLAGS = frozenset("aims")
# What Python's re takes for an ASCII letter where case does not count, though lower() does not.
_FALSE_LETTERS = "\u0130\u0131\u017f\u212a"


def possible(pattern: str, text: str) -> bool:
    """Say whether the pattern may match in the text; never wrong when it says no."""
    texts, folded = needed(pattern)
    if not texts:
        return True
    if folded:
        lowered = _lowered(text)
        return lowered is None or any(one in lowered for one in texts)
    return any(one in text for one in texts)


@lru_cache(maxsize=8192)
def needed(pattern: str) -> tuple[Texts, bool]:
    """Return texts of which each match has at least one, () if none is known.

    With True, case does not count: the texts are in lower case and ASCII.
    """
    flags = _FLAGS.match(pattern)
    given = frozenset(flags[1]) if flags else frozenset()
    if not given <= _KNOWN_FLAGS or "(?#" in pattern:
        return (), False
    texts = _of_group(_PIECE.finditer(pattern, flags.end() if flags else 0))
    if "i" not in given:
        return texts, False
    lowered = tuple(sorted({one.lower() for one in texts}))
    return (lowered, True) if all(map(str.isascii, lowered)) else ((), False)


def alternatives(pattern: str) -> bool:
    """Say whether the pattern has alternatives outside all groups."""
    depth = 0
    for piece in _PIECE.finditer(pattern):
        kind = piece.lastgroup
        if kind == "either" and not depth:
            return True
        depth += (kind in {"open", "odd"}) - (kind == "close")
    return False


@lru_cache(maxsize=2)
def _lowered(text: str) -> str | None:
    """Return the text in lower case, None where that differs from what ``re`` makes of case."""
    if not text.isascii() and any(letter in text for letter in _FALSE_LETTERS):
        return None
    return text.lower()


def _of_group(pieces: Iterator[re.Match[str]]) -> Texts:
    """Return what a group needs: of each alternative the best of its parts. Reads to its end."""
    branches: list[Texts] = []
    parts: list[Texts] = [("",)]  # a text that grows is the last one
    for piece in pieces:
        kind = piece.lastgroup
        if kind == "char":
            parts[-1] = (parts[-1][0] + piece[0][-1],)
        elif kind == "close":
            break
        elif kind == "either":
            branches.append(_best(parts))
            parts = [("",)]
        else:
            _broken(parts, kind, pieces)
    branches.append(_best(parts))
    texts = tuple(sorted({text for one in branches for text in one}))
    return texts if all(branches) and len(texts) <= _MOST else ()


def _broken(parts: list[Texts], kind: str | None, pieces: Iterator[re.Match[str]]) -> None:
    """Go on behind what is no plain text: a quantifier, a group, anything else."""
    if kind == "optional":
        last = parts.pop()
        if last == ("",) and parts:
            parts.pop()  # all of a group or class
        parts.append((last[0][:-1],))
    elif kind == "open":
        parts.append(_of_group(pieces))
    else:
        if kind == "odd":
            _of_group(pieces)  # it may look elsewhere, or forbid
        parts.append(())
    parts.append(("",))


def _best(parts: Sequence[Texts]) -> Texts:
    fitting = [one for one in parts if one and all(one)]
    return max(fitting, key=lambda one: min(map(_rareness, one)) - min(len(one), 4), default=())


def _rareness(text: str) -> int:
    return len(text) + sum(not letter.isalnum() for letter in text)
