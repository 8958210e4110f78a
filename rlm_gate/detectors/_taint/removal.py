"""What a replacement takes out of a text, found by trying it on texts that do harm."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint.values import Value

_WRITTEN: Final = kept.expression(r"/(?P<body>.+)/(?P<flags>[a-z]*)\Z", re.DOTALL)
_DELIMITED: Final = kept.expression(
    r"(?P<end>[^\w\s\\])(?P<body>.+)(?P=end)(?P<flags>[a-zA-Z]*)\Z", re.DOTALL
)
_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
_LONGEST: Final = 200  # of an expression that is tried


def is_counted(values: Sequence[Value], at: int) -> bool:
    """Say whether the argument at this place is how often a replacement is made at most."""
    most = values[at].const if len(values) > at else 0
    return isinstance(most, int) and most > 0


def is_global(pattern: object) -> bool:
    """Say whether it is an expression of JavaScript that finds every place."""
    written = _WRITTEN.match(pattern) if isinstance(pattern, str) else None
    return written is not None and "g" in written["flags"]


def in_slashes(pattern: object) -> object:
    """Return an expression of PHP, which has delimiters and finds every place, as JavaScript's."""
    written = _DELIMITED.match(pattern) if isinstance(pattern, str) else None
    return f"/{written['body']}/{written['flags'].lower()}g" if written else None


def taken_out(
    known: Mapping[str, frozenset[str]], pattern: object, put: object, *, expression: bool = False
) -> frozenset[str]:
    """Return the kinds of harm that are gone with this pattern.

    ``known`` has the kinds by the text that they need. The pattern is a plain text, unless it is
    written as JavaScript's expressions are, or ``expression`` says that it is one. What is replaced
    by nothing may leave what it was to take out: ``....//`` without ``../`` is ``../``.
    """
    if not known or not isinstance(pattern, str) or not pattern:
        return frozenset()
    found = _compiled(pattern, expression=expression)
    if found is None:
        return frozenset()
    gone = (kinds for harm, kinds in known.items() if _is_gone(harm, found, left=put != ""))
    return frozenset[str]().union(*gone)


@lru_cache(maxsize=256)
def _compiled(pattern: str, *, expression: bool) -> re.Pattern[str] | None:
    """Return the expression, None for one that leaves places out or is none of Python's."""
    written = _WRITTEN.match(pattern)
    body, flags = (written["body"], written["flags"]) if written else (pattern, "g")
    if not written and not expression:
        body = re.escape(pattern)
    if "g" not in flags or len(body) > _LONGEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the judged code has written
        try:
            return re.compile(body, sum(_FLAGS.get(one, 0) for one in {*flags}))
        except (re.error, OverflowError, RecursionError):
            return None


def _is_gone(harm: str, found: re.Pattern[str], *, left: bool) -> bool:
    """Say whether none of the texts with the harm has it afterwards; ``left`` in its place."""
    mark = "\0" if left else ""
    return not any(harm in found.sub(lambda _: mark, text) for text in _with(harm))


def _with(harm: str) -> Iterator[str]:
    yield harm
    yield harm * 2
    for before, after in (("a", "b"), ("", "b"), ("a", ""), ("1", "2"), (" ", " "), ("\n", "\n")):
        yield f"{before}{harm}{after}"
    for at in range(1, len(harm)):
        yield harm[:at] + harm + harm[at:]
