"""The map as DOT, Mermaid and SVG. What is drawn are the edges between repositories.

With one repository, or ``inner``, its own edges are drawn too. Layout: a column a repository.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rlm_gate.tasks.links.joining import Edge
from rlm_gate.tasks.links.modules import Place

COLOURS = {
    "import": "#1f6feb",
    "package": "#57606a",
    "endpoint": "#bf3989",
    "table": "#9a6700",
    "topic": "#1a7f37",
    "type": "#8250df",
}
_MOST = 400  # edges of a picture: more is a black square
_WIDTH, _ROW, _GAP = 320, 22, 160


@dataclass(frozen=True, slots=True)
class Line:
    """An arrow of the picture: all edges of one kind between two files."""

    source: Place
    target: Place
    kind: str
    names: tuple[str, ...]


def lines(edges: Sequence[Edge]) -> tuple[Line, ...]:
    """Return the arrows between repositories; if there are none, those within."""
    crossing = [edge for edge in edges if edge.crosses] or list(edges)
    joined: dict[tuple[Place, Place, str], set[str]] = {}
    for edge in crossing:
        joined.setdefault((edge.source, edge.target, edge.kind), set()).add(edge.name)
    return tuple(
        Line(source, target, kind, tuple(sorted(names)))
        for (source, target, kind), names in sorted(joined.items())
    )[:_MOST]


def _repos(drawn: Sequence[Line]) -> dict[str, list[Place]]:
    places = sorted({end for line in drawn for end in (line.source, line.target)})
    found: dict[str, list[Place]] = {}
    for place in places:
        found.setdefault(place[0], []).append(place)
    return found


def dot(edges: Sequence[Edge]) -> str:
    """Return a digraph of Graphviz with a cluster for each repository."""
    drawn = lines(edges)
    names = _numbers(drawn)
    out = ["digraph depmap {", "  rankdir=LR;", "  node [shape=box, fontsize=10];"]
    for index, (repo, places) in enumerate(_repos(drawn).items()):
        out += [f"  subgraph cluster_{index} {{", f"    label={_quoted(repo)};"]
        out += [f"    {names[place]} [label={_quoted(place[1])}];" for place in places]
        out.append("  }")
    for line in drawn:
        label = _quoted(f"{line.kind}: {_short(line.names)}")
        ends = f"{names[line.source]} -> {names[line.target]}"
        out.append(f'  {ends} [label={label}, color="{COLOURS[line.kind]}", fontsize=8];')
    return "\n".join([*out, "}", ""])


def mermaid(edges: Sequence[Edge]) -> str:
    """Return a flowchart of Mermaid."""
    drawn = lines(edges)
    names = _numbers(drawn)
    out = ["flowchart LR"]
    for index, (repo, places) in enumerate(_repos(drawn).items()):
        out.append(f'  subgraph r{index}["{_entity(repo)}"]')
        out += [f'    {names[place]}["{_entity(place[1])}"]' for place in places]
        out.append("  end")
    for line in drawn:
        label = _entity(f"{line.kind}: {_short(line.names)}")
        out.append(f'  {names[line.source]} -->|"{label}"| {names[line.target]}')
    return "\n".join([*out, ""])


def svg(edges: Sequence[Edge]) -> str:
    """Return a picture: a column a repository, curves from file to file."""
    drawn = lines(edges)
    at: dict[Place, tuple[int, int]] = {}
    boxes: list[str] = []
    for column, (repo, places) in enumerate(_repos(drawn).items()):
        left = 20 + column * (_WIDTH + _GAP)
        boxes.append(f'<text x="{left}" y="24" class="repo">{_safe(repo)}</text>')
        for row, place in enumerate(places):
            top = 40 + row * _ROW
            at[place] = (left, top)
            boxes.append(
                f'<g><title>{_safe("/".join(place))}</title><rect x="{left}" y="{top}"'
                f' width="{_WIDTH}" height="{_ROW - 4}" rx="3"/>'
                f'<text x="{left + 6}" y="{top + 13}">{_safe(place[1][-50:])}</text></g>'
            )
    width = max((left for left, _ in at.values()), default=0) + _WIDTH + 20
    height = max((top for _, top in at.values()), default=0) + 2 * _ROW
    curves = [_curve(line, at) for line in drawn]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
    return "\n".join([f'{head} width="{width}" height="{height}">', *curves, *boxes, "</svg>"])


def _curve(line: Line, at: dict[Place, tuple[int, int]]) -> str:
    (left, top), (right, bottom) = at[line.source], at[line.target]
    back = right <= left
    start, end = (left, right + _WIDTH) if back else (left + _WIDTH, right)
    bend = -_GAP // 2 if back else _GAP // 2
    y1, y2 = top + 9, bottom + 9
    path = f"M{start},{y1} C{start + bend},{y1} {end - bend},{y2} {end},{y2}"
    title = _safe(f"{line.kind}: {_short(line.names)}")
    return f'<path d="{path}" stroke="{COLOURS[line.kind]}"><title>{title}</title></path>'


def _numbers(drawn: Sequence[Line]) -> dict[Place, str]:
    places = [place for found in _repos(drawn).values() for place in found]
    return {place: f"n{number}" for number, place in enumerate(places)}


def _short(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3])[:120] + more


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _quoted(text: str) -> str:
    return json.dumps(_plain(text), ensure_ascii=False)


def _entity(text: str) -> str:
    """Escape as Mermaid does, by number: what it has a meaning for can't stand in a label."""
    return "".join(
        char if char.isalnum() or char in " ./_-:,@*{}" else f"#{ord(char)};" for char in text
    )


def _safe(text: str) -> str:
    return escape(_plain(text), quote=True)
