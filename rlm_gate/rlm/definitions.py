"""Choose the lines that tell most of a definition too long to show: head, what is used, shape."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rlm_gate.symbols import Symbol

_HEAD = 12
"""Most lines of a long definition before its first member: doc comment, bases, constants."""
_MEMBER = 24
"""Most lines of one member that is used."""
_SIGNATURE = 6


def chosen(
    symbol: Symbol,
    symbols: Iterable[Symbol],
    lines: Sequence[str],
    words: Collection[str],
    most: int,
) -> list[int]:
    """Return the numbers of at most ``most`` lines, in order.

    Of a class that is longer: its head, the members that ``words`` name, and how others are
    declared. Of anything else that is longer: its first lines.
    """
    whole = range(symbol.start, min(symbol.end, len(lines)) + 1)
    members = _members(symbol, symbols)
    if len(whole) <= most or not members:
        return list(whole)[:most]
    head = range(symbol.start, min(members[0].start, symbol.start + _HEAD))
    numbers = dict.fromkeys(head)
    used = [one for one in members if _short(one) in words]
    for one in used:
        numbers.update(dict.fromkeys(range(one.start, min(one.end, one.start + _MEMBER - 1) + 1)))
    for one in members:
        numbers.update(dict.fromkeys(range(one.start, declared(lines, one) + 1)))
    return sorted(list(numbers)[:most])


def declared(lines: Sequence[str], symbol: Symbol) -> int:
    """Return the last line of a symbol's declaration: decorators and signature."""
    for number in range(symbol.start, min(symbol.end, symbol.start + _SIGNATURE) + 1):
        text = lines[number - 1].rstrip()
        if text.endswith((":", "{")) or "=>" in text:
            return number
    return symbol.start


def _members(symbol: Symbol, symbols: Iterable[Symbol]) -> list[Symbol]:
    inner = [one for one in symbols if symbol.start < one.start and one.end <= symbol.end]
    return sorted(
        (one for one in inner if symbol.kind not in {"function", "method"}),
        key=lambda one: one.start,
    )


def _short(symbol: Symbol) -> str:
    return symbol.name.rpartition(".")[2]
