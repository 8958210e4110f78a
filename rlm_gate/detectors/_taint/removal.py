"""What a replacement takes out of a text, and whether taking it out once is enough."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint.values import Value

_WRITTEN: Final = kept.expression(r"/(?P<body>.+)/(?P<flags>[a-z]*)\Z", re.DOTALL)
_CLASS: Final = kept.expression(r"\[(?P<members>(?:\\.|[^\]\\^])(?:\\.|[^\]\\])*)\][+*]?\Z")
_PLAIN: Final = kept.expression(r"(?:\\[^a-zA-Z0-9]|[^\\.*+?()\[\]{}|^$])+\Z")


def is_counted(values: Sequence[Value], at: int) -> bool:
    """Say whether the argument at this place is how often a replacement is made at most."""
    most = values[at].const if len(values) > at else 0
    return isinstance(most, int) and most > 0


def is_global(pattern: object) -> bool:
    """Say whether it is an expression of JavaScript that finds every place."""
    written = _WRITTEN.match(pattern) if isinstance(pattern, str) else None
    return written is not None and "g" in written["flags"]


def taken_out(known: Mapping[str, frozenset[str]], pattern: object, put: object) -> frozenset[str]:
    """Return the kinds of harm that are gone with this pattern.

    ``known`` has the kinds by the text that they need. A piece of several different characters
    that is replaced by nothing proves nothing: ``....//`` without ``../`` is ``../``.
    """
    if not isinstance(pattern, str):
        return frozenset()
    written = _WRITTEN.match(pattern)
    if written is None:
        pieces = [re.sub(r"\\|\[|\]", "", pattern)]
    else:
        pieces = [*_pieces(written["body"])] if "g" in written["flags"] else []
    kinds: frozenset[str] = frozenset()
    for piece in pieces:
        if put != "" or len({*piece}) == 1:
            kinds |= known.get(piece, frozenset()) | known.get(piece * 2, frozenset())
    return kinds


def _pieces(body: str) -> Iterator[str]:
    """Yield the plain texts that an expression of alternatives and classes finds."""
    for part in re.split(r"(?<!\\)\|", body):
        if members := _CLASS.match(part):
            yield from re.sub(r"\\(.)", r"\1", members["members"])
        elif _PLAIN.match(part):
            yield re.sub(r"\\(.)", r"\1", part)
