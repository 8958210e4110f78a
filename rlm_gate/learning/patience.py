"""Say whether a regular expression may take for ever: by its shape, and by trying hard texts.

``re`` can't be stopped once it searches, so what a stranger wrote is tried in a process of its own
first. Shapes: repeated repetition and references back, where the time doubles with each character
(https://owasp.org/www-community/attacks/Regular_expression_Denial_of_Service_-_ReDoS).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rlm_gate import config

SECONDS: Final = 2
"""Processor time for all hard texts together; a sane expression takes some milliseconds."""
_PATIENCE: Final = 60.0  # of the clock, where the system can't limit processor time
_LONG: Final = 4_000
_FEW_REPEATS: Final = 10
_UNITS: Final = ("a", "0", " ", "_", ".", "\n", "(", ")", '"', "a ", "0.")
_MOST_UNITS: Final = 24
_PIECE: Final = re.compile(
    r"(?P<back>\\[1-9]|\(\?P=|\(\?\()"
    r"|(?P<flags>\(\?[aiLmsu]*x)"
    r"|(?P<open>\((?:\?(?:P?<\w+>|<?[=!]|[:>]|[aiLmsu-]+[:)]|#[^)]*\))?)?)"
    r"|(?P<close>\))|(?P<either>\|)"
    r"|(?P<repeat>[*+?]|\{\d*,?\d*\})[?+]?"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<escape>\\.)|(?P<char>.)",
    re.DOTALL,
)


def problem(pattern: str, samples: Sequence[str]) -> str:
    """Say what could take for ever and what to write instead; "" if nothing was found.

    ``samples`` are texts that it will meet.
    """
    return _shape(pattern) or _trial(pattern, (*_hard(pattern), *samples))


@dataclass(slots=True)
class _Group:
    """What was seen in a group so far."""

    varies: bool = False
    either: bool = False


def _shape(pattern: str) -> str:
    groups = [_Group()]
    closed: _Group | None = None  # the group that ended just before
    for piece in _PIECE.finditer(pattern):
        kind = piece.lastgroup or ""
        if kind == "back":
            return "leave out references back and conditions: their time can't be bounded"
        if kind == "flags":
            return "leave out the flag x: write the expression without blanks and comments"
        if kind == "repeat":
            if closed and _explodes(closed, _most(piece["repeat"])):
                return (
                    f"do not repeat a group that itself repeats or chooses ({piece[0]!r} at"
                    f" character {piece.start() + 1}): its time can double with every character"
                )
            groups[-1].varies |= piece["repeat"] != "?"
            groups[-1].either |= piece["repeat"] == "?"  # it chooses between once and never
        closed = _entered(groups, kind, piece[0])
    return ""


def _entered(groups: list[_Group], kind: str, text: str) -> _Group | None:
    """Follow the groups; return the one that this piece closes."""
    if kind == "open" and not text.endswith(")"):
        groups.append(_Group())
    elif kind == "either":
        groups[-1].either = True
    elif kind == "close" and len(groups) > 1:
        inner = groups.pop()
        groups[-1].varies |= inner.varies
        groups[-1].either |= inner.either
        return inner
    return None


def _explodes(group: _Group, most: float) -> bool:
    return most > 1 and (group.varies or (group.either and most > _FEW_REPEATS))


def _most(repeat: str) -> float:
    """Return how often at most ``*``, ``+``, ``?`` or ``{m,n}`` repeats."""
    if repeat == "?":
        return 1
    last = repeat.strip("{}").rpartition(",")[2]
    return int(last) if last.isdigit() else float("inf")


def _hard(pattern: str) -> Iterator[str]:
    """Yield long texts of the pieces that the expression spells out, none of them a whole match."""
    spelt = [run for run in re.split(r"[^\w '\"=:;,<>@#%&!/~`-]+", _plain(pattern)) if run]
    units = [*dict.fromkeys((*_UNITS, *spelt, *(char for run in spelt for char in run)))]
    starts = ["", *sorted(dict.fromkeys(spelt), key=len, reverse=True)[:2]]
    for unit in units[:_MOST_UNITS]:
        for start in starts:
            yield start + unit * (_LONG // len(unit)) + "\x00!"


def _plain(pattern: str) -> str:
    """Return the expression with what spells nothing out cut away, escaped signs as themselves."""
    parts = (
        piece[0]
        if piece.lastgroup == "char"
        else piece[0][1]
        if piece.lastgroup == "escape" and not piece[0][1].isalnum()
        else "\x00"
        for piece in _PIECE.finditer(pattern)
    )
    return "".join(parts)


def _trial(pattern: str, texts: Sequence[str]) -> str:
    asked = json.dumps({"pattern": pattern, "texts": texts, "seconds": SECONDS})
    try:
        done = subprocess.run(  # our own script, by the interpreter that runs us
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("pump.py"))],
            input=asked.encode("utf-8", "surrogatepass"),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            env=config.child_environment(),
        )
    except subprocess.TimeoutExpired:
        return _SLOW
    return "" if done.stdout == b"ok" else _SLOW


_SLOW: Final = (
    f"too slow: hard texts of {_LONG:,} characters take it more than {SECONDS} s; say what stands"
    " between its parts ([^)\\n]{0,80} instead of .*)"
)
