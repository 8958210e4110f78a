"""GitHub's ``primaryLocationLineHash``: how code scanning knows an alert again when lines move.

As its upload action computes it (github/codeql-action, src/fingerprints.ts): it warns wherever a
file brings another value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

_BLOCK = 100  # UTF-16 code units from the start of a line
_BASE = 37
_MASK = (1 << 64) - 1
_FIRST = pow(_BASE, _BLOCK, 1 << 64)
_END = 0xFFFF


def line_hashes(text: str) -> list[str]:
    """Return the hash of each line, ``hex:n``: n tells lines with equal ones apart.

    There is one more than a reader sees where the text ends in a line's end.
    """
    window, starts = [0] * _BLOCK, [-1] * _BLOCK
    found: list[str] = []
    met: Counter[int] = Counter()
    value = index = 0
    begins = True
    for unit in (*_units(text), _END, *[0] * _BLOCK):
        if starts[index] >= 0:
            met[value] += 1
            found.append(f"{value:x}:{met[value]}")
            starts[index] = -1
        if begins and unit:
            starts[index], begins = 1, False
        begins = begins or unit == 0x0A
        value = (_BASE * value + unit - _FIRST * window[index]) & _MASK
        window[index] = unit
        index = (index + 1) % _BLOCK
    return found


def _units(text: str) -> Iterator[int]:
    """Yield the UTF-16 code units that count: no blanks, one line feed for each line's end."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    if plain.isascii():
        yield from plain.encode()
        return
    raw = plain.encode("utf-16-le", "surrogatepass")
    yield from (raw[place] | raw[place + 1] << 8 for place in range(0, len(raw), 2))
