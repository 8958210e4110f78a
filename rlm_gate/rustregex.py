r"""Say in letters of ASCII what ast-grep's regular expressions say of all letters there are.

Rust builds ``\w``, ``\s`` and ``[^x]`` from the tables of Unicode, for each search anew: a fifth of
a millisecond for ``\w``, a hundredth for ``[0-9A-Za-z_]``. In a text that is ASCII both match the
same. What is not known here stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from rlm_gate import kept

_ALL: Final = r"\x00-\x7f"
_SETS: Final = {
    r"\w": r"0-9A-Za-z_",
    r"\d": r"0-9",
    r"\s": r"\t-\r\x20",
    r"\W": r"\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f",
    r"\D": r"\x00-\x2f\x3a-\x7f",
    r"\S": r"\x00-\x08\x0e-\x1f\x21-\x7f",
}
_PIECE: Final = kept.expression(r"\\.|\[(?P<not>\^?)(?P<members>\]?(?:\\.|[^\]\\])*)\]", re.DOTALL)
_MEMBER: Final = kept.expression(r"\\.", re.DOTALL)
# What classes have beside members and ranges: other classes, sums, properties, long escapes.
_ODD: Final = kept.expression(
    r"(?<!\\)(?:\\\\)*\[|&&|--|~~|-\\[wdsWDS]|\\[wdsWDS]-(?!\Z)|\\[pPxuU]"
)


def narrowed(node: Any) -> Any:
    """Return the part of a rule with its expressions as they may be where the text is ASCII."""
    if isinstance(node, Mapping):
        return {
            key: _kept(one) if key == "regex" and isinstance(one, str) else narrowed(one)
            for key, one in node.items()
        }
    return [*map(narrowed, node)] if isinstance(node, list | tuple) else node


def _kept(pattern: str) -> str:
    """Return ``in_ascii`` of it; where there is nothing to narrow, nothing has to be kept."""
    has_pieces = "\\" in pattern or "[" in pattern
    return kept.fact("ascii", pattern, in_ascii) if has_pieces else pattern


def in_ascii(pattern: str) -> str:
    """Return an expression that matches the same in every text that is ASCII."""
    return _PIECE.sub(_narrow, pattern)


def _narrow(piece: re.Match[str]) -> str:
    text, members = piece[0], piece["members"]
    if members is None:
        return f"[{_SETS[text]}]" if text in _SETS else text
    if _ODD.search(members):
        return text
    narrow = _MEMBER.sub(lambda one: _SETS.get(one[0], one[0]), members)
    return f"[{_ALL}&&[^{narrow}]]" if piece["not"] else f"[{narrow}]"
