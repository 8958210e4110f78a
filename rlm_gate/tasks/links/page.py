"""The map for people: Markdown, and one HTML file with a picture, without network or scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from rlm_gate.tasks._report import Evidence, Result, cell, quoted, status_lines
from rlm_gate.tasks.links.drawing import COLOURS, svg
from rlm_gate.tasks.links.impact import Broken
from rlm_gate.tasks.links.joining import Edge, Resource

_LISTED = 500


@dataclass(frozen=True, slots=True)
class Advised:
    """An edge that a model added, with the quotes of both ends; or a remark on the map."""

    source: str
    target: str
    kind: str
    why: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """Repositories with their files, the edges, the resources, and what a change would break."""

    repositories: tuple[tuple[str, int], ...]
    edges: tuple[Edge, ...]
    resources: tuple[Resource, ...]
    changed: str = ""
    broken: tuple[Broken, ...] = ()
    advised: tuple[Advised, ...] = field(default=())


def markdown(result: Result[Map]) -> str:
    """Return the page."""
    return "\n".join([*_lines(result), ""])


def _lines(result: Result[Map]) -> Iterator[str]:
    found = result.answer
    yield from ("# Dependency map", "", *status_lines(result))
    for repo, files in found.repositories:
        yield f"- {cell(repo)}: {files} files"
    counts = Counter(edge.kind for edge in found.edges if edge.crosses)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"
    yield f"- edges between repositories: {told}; all edges: {len(found.edges)}"
    if found.changed:
        yield from ("", f"## What a change of {cell(found.changed)} would break", "")
        yield f"{len(found.broken)} symbols."
        for one in found.broken[:_LISTED]:
            where = f"{cell(one.evidence.path)}:{one.evidence.line}"
            yield f"- {cell(' → '.join(one.chain), 900)} ({where} {quoted(one.evidence.quote)})"
    if found.advised:
        yield from ("", "## Found by the model", "")
        for advised in found.advised:
            ends = f"{cell(advised.source)} → {cell(advised.target)}"
            why = f"{cell(advised.why, 600)}{_said(advised.evidence)}"
            yield f"- {cell(advised.kind)}: {ends}: {why}"
    yield from ("", "## Between repositories", "")
    crossing = [edge for edge in found.edges if edge.crosses]
    for edge in crossing[:_LISTED]:
        target = cell("/".join(edge.target))
        yield f"- {edge.kind} {cell(edge.name)} → {target}{_said(edge.evidence)}"
    if len(crossing) > _LISTED:
        yield f"- and {len(crossing) - _LISTED} more; the JSON has all"
    yield from _loose(found.resources)


def _said(evidence: Sequence[Evidence]) -> str:
    places = "; ".join(f"{cell(one.path)}:{one.line} {quoted(one.quote)}" for one in evidence)
    return f" ({places})"


def _loose(resources: Sequence[Resource]) -> Iterator[str]:
    """Yield what is used and defined nowhere: another repository has it, or nobody."""
    loose = [one for one in resources if one.used and not one.defined and one.kind != "endpoint"]
    if loose:
        yield from ("", "## Used, and defined in none of these", "")
    for one in loose[:_LISTED]:
        yield f"- {one.kind} {cell(one.name)}{_said(one.used[:2])}"


_STYLE = """\
body{font:14px/1.45 system-ui,sans-serif;margin:2rem;color:#1f2328;background:#fff}
figure{overflow:auto;border:1px solid #d0d7de;margin:0 0 1rem}
svg path{fill:none;stroke-width:1.3;opacity:.7}svg path:hover{stroke-width:3;opacity:1}
svg rect{fill:#f6f8fa;stroke:#d0d7de}svg text{font:11px ui-monospace,monospace}
svg .repo{font-weight:bold;font-size:14px}td,th{padding:.2rem .5rem;text-align:left;
border-bottom:1px solid #d0d7de;vertical-align:top}code{font-size:12px}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(result: Result[Map]) -> str:
    """Return one self-contained file."""
    found = result.answer
    legend = " ".join(
        f'<span style="color:{colour}">■ {kind}</span>' for kind, colour in COLOURS.items()
    )
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>Dependency map</title><style>{_STYLE}</style></head><body>"
    )
    status = f"<p><b>Status: {result.outcome.value}.</b> {_safe(result.method)}</p>"
    rows = "".join(_row(edge) for edge in found.edges if edge.crosses)
    broken = "".join(
        f"<li>{_safe(' → '.join(one.chain))} <code>{_safe(one.evidence.quote)}</code></li>"
        for one in found.broken
    )
    impact = f"<h2>A change of {_safe(found.changed)} would break</h2><ul>{broken}</ul>"
    return "\n".join(
        (
            head,
            "<h1>Dependency map</h1>",
            status,
            f"<p>{legend}</p>",
            f"<figure>{svg(found.edges)}</figure>",
            impact if found.changed else "",
            "<table><tr><th>kind</th><th>name</th><th>from</th><th>to</th><th>evidence</th></tr>",
            rows,
            "</table></body></html>",
            "",
        )
    )


def _row(edge: Edge) -> str:
    said = "<br>".join(
        f"{_safe(one.path)}:{one.line} <code>{_safe(one.quote)}</code>" for one in edge.evidence
    )
    cells = (edge.kind, edge.name, "/".join(edge.source), "/".join(edge.target))
    return f"<tr>{''.join(f'<td>{_safe(one)}</td>' for one in cells)}<td>{said}</td></tr>"


def _safe(text: str) -> str:
    plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return escape(plain, quote=True)
