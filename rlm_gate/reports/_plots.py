"""The geometry of the page's plots: numbers for SVG, no markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 24
_NICE = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in pixels, with what it stands for."""

    x: float
    y: float
    width: float
    height: float
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis, in pixels."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, as SVG's ``points``."""

    points: str
    kind: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot, WIDTH by HEIGHT."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a whole: ``start`` and ``size`` in per cent."""

    label: str
    count: int
    start: float
    size: float


def parts(counts: Sequence[tuple[str, int]]) -> tuple[Part, ...]:
    """Return the shares of a stacked bar or a ring; nothing where there is nothing to share."""
    total = sum(count for _, count in counts)
    found, start = [], 0.0
    for label, count in counts:
        if count:
            size = 100 * count / total
            found.append(Part(label, count, round(start, 3), round(size, 3)))
            start += size
    return tuple(found)


def stacked(columns: Sequence[tuple[str, Sequence[tuple[str, float]]]], unit: str = "") -> Plot:
    """Plot one bar for each (label, parts), its parts (kind, value) one on the other."""
    most = max((sum(value for _, value in values) for _, values in columns), default=0)
    top, rows = _rows(most, unit)
    step = _room() / max(1, len(columns))
    bars = []
    for number, (label, values) in enumerate(columns):
        floor = float(HEIGHT - _BOTTOM)
        for kind, value in values:
            height = value / top * (HEIGHT - _TOP - _BOTTOM)
            if height:
                floor -= height
                width = min(40.0, step * 0.7)
                x = _LEFT + step * number + (step - width) / 2
                told = f"{label}: {kind} {unit}{value:,.4g}"
                bars.append(Bar(_cut(x), _cut(floor), _cut(width), _cut(height), told, kind))
    return Plot(tuple(bars), (), rows, _columns([label for label, _ in columns], step))


def line(labels: Sequence[str], values: Sequence[float], kind: str, unit: str = "") -> Plot:
    """Plot one line through the values."""
    top, rows = _rows(max(values, default=0), unit)
    step = _room() / max(1, len(values))
    points = [
        f"{_cut(_LEFT + step * (number + 0.5)):g},{_cut(_height(value, top)):g}"
        for number, value in enumerate(values)
    ]
    return Plot((), (Line(" ".join(points), kind),), rows, _columns(labels, step))


def _height(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)


def _room() -> float:
    return float(WIDTH - _LEFT - _RIGHT)


def _rows(most: float, unit: str) -> tuple[float, tuple[Tick, ...]]:
    """Return the axis' top, a round number, and its marks."""
    if most <= 0:
        return 1.0, (Tick(_height(0, 1), f"{unit}0"),)
    size = 10.0 ** math.floor(math.log10(most / 3))
    step = next(size * nice for nice in _NICE if most / (size * nice) <= 4)
    count = math.ceil(most / step)
    top = step * count
    return top, tuple(
        Tick(_cut(_height(step * number, top)), f"{unit}{step * number:,.6g}")
        for number in range(count + 1)
    )


def _columns(labels: Sequence[str], step: float) -> tuple[Tick, ...]:
    """Return labels below the plot, no more than fit."""
    every = max(1, math.ceil(len(labels) * 60 / _room())) if labels else 1
    return tuple(
        Tick(_cut(_LEFT + step * (number + 0.5)), label)
        for number, label in enumerate(labels)
        if number % every == 0
    )


def _cut(value: float) -> float:
    return round(value, 2)
