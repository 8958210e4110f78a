"""What repositories have to do with each other: a map of which every edge shows its lines.

The facts come from syntax trees (``links/``). A model, where one is asked, may add edges that no
pattern knows, each with quotes of both ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlm_gate import corpus
from rlm_gate.config import ScopeRequest
from rlm_gate.core import Usage
from rlm_gate.errors import UsageError
from rlm_gate.rlm.prompting import prompt
from rlm_gate.tasks import _desk, _report
from rlm_gate.tasks._answers import PLACE
from rlm_gate.tasks._desk import Desk, Grounds, Options
from rlm_gate.tasks._report import Outcome, Result, Sources, Text, Unexamined
from rlm_gate.tasks.links import drawing, page, reading, tables
from rlm_gate.tasks.links.facts import Fact
from rlm_gate.tasks.links.impact import Impact
from rlm_gate.tasks.links.joining import Edge, Known, edges, modules_of, resources
from rlm_gate.tasks.links.modules import Place
from rlm_gate.tasks.links.page import Advised, Map
from rlm_gate.tasks.links.reading import File

HELP = "Map what repositories have to do with each other: imports, endpoints, tables, events."
MAX_USD = 1.20
FORMATS = ("markdown", "json", "dot", "mermaid", "html")
_TOLD = 2000  # edges that the model gets


@dataclass(frozen=True, slots=True)
class Request:
    """Directories, and a symbol ("PATH:SYMBOL") whose change is to be followed."""

    repos: Sequence[str]
    impact: str | None = None


def run(request: Request, options: Options | None = None) -> Result[Map]:
    """Draw the map. Raises UsageError for a directory or symbol that is not there."""
    options = options or Options()
    sources, known, notes = _read(request.repos)
    joined = edges(known, modules_of(known))
    broken = Impact(known, joined).of(request.impact) if request.impact else ()
    mode = _desk.mode(options, MAX_USD)
    grounds = Grounds(sources)
    error, usage = "", Usage()
    unexamined: tuple[Unexamined, ...] = ()
    advised: tuple[Advised, ...] = ()
    with _desk.opened("depmap", mode, sources, options, str(request.impact)) as desk:
        if desk:
            error, advised = _ask(desk, joined, grounds)
            usage, unexamined = desk.usage(), tuple(desk.unexamined)
    reasons = tuple(reason for reason in (mode.failed, error) if reason)
    counts = sorted({repo: 0 for repo, _ in known.files}.items())
    sizes = tuple((repo, sum(one == repo for one, _ in known.files)) for repo, _ in counts)
    return Result(
        task="depmap",
        outcome=Outcome.INCONCLUSIVE if reasons else Outcome.OK,
        offline=desk is None,
        method=desk.method if desk else mode.method,
        answer=Map(sizes, joined, resources(known), request.impact or "", broken, advised),
        reasons=reasons,
        malformed=tuple(sorted(sources.faults)),
        dropped=tuple(grounds.dropped),
        unexamined=unexamined,
        usage=usage,
        notes=notes,
    )


def render(result: Result[Map], to: str) -> bytes:
    """Return the map in one of FORMATS."""
    makers = {
        "dot": lambda: drawing.dot(result.answer.edges),
        "mermaid": lambda: drawing.mermaid(result.answer.edges),
        "html": lambda: page.html(result),
        "markdown": lambda: page.markdown(result),
    }
    if to in makers:
        return makers[to]().encode("utf-8", "replace")
    return _report.rendered_json(result)


def _read(repos: Sequence[str]) -> tuple[Sources, Known, tuple[str, ...]]:
    """Read every text file of the directories into facts."""
    sources = Sources()
    files: dict[Place, File] = {}
    facts: dict[Place, tuple[Fact, ...]] = {}
    notes: list[str] = []
    for label, folder in _labels(repos):
        read = corpus.build(ScopeRequest(paths=(".",), repo=str(folder)))
        for one in read.files:
            file = File(label, one.path, one.text)
            files[label, one.path] = file
            sources.add(Text(file.name, one.text))
        if read.skipped:
            notes.append(f"{label}: {len(read.skipped)} files left out (binary, vendored, ...)")
    for place, file in files.items():
        try:
            facts[place] = reading.facts(file)
        except (ValueError, RecursionError) as error:
            sources.malformed(file.name, 0, str(error).splitlines()[0])
            facts[place] = ()
    if not tables.can_read_sql():
        notes.append("SQL was not read: pip install 'rlm-gate[graph]' brings its parser")
    return sources, Known(files, facts), tuple(notes)


def _labels(repos: Sequence[str]) -> list[tuple[str, Path]]:
    """Name each directory by its last part; two of one name are told apart by a number."""
    found: dict[str, Path] = {}
    for given in repos:
        folder = Path(os.path.realpath(given))  # of a loop of links there is no folder
        if not folder.is_dir():
            raise UsageError(f"{given}: no such directory")
        label, number = folder.name or "root", 2
        while label in found:
            label, number = f"{folder.name}~{number}", number + 1
        found[label] = folder
    return list(found.items())


_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["edges"],
    "properties": {
        "edges": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind", "why", "source", "target"],
                "properties": {
                    "kind": {"enum": sorted(drawing.COLOURS)},
                    "why": {"type": "string", "maxLength": 600},
                    "source": PLACE,
                    "target": PLACE,
                },
            },
        }
    },
}


def _ask(desk: Desk, joined: Sequence[Edge], grounds: Grounds) -> tuple[str, tuple[Advised, ...]]:
    """Return what went wrong, "" if nothing, and the edges whose both ends were found."""
    rows = [
        {"kind": one.kind, "name": one.name, "source": "/".join(one.source)}
        | {"target": "/".join(one.target), "line": one.evidence[0].line}
        for one in sorted(joined, key=lambda one: not one.crosses)[:_TOLD]
    ]
    found = desk.session(prompt("depmap"), _SCHEMA, {"edges": rows})
    if not found.success:
        return f"the model gave no answer: {found.error}", ()
    kept = []
    for item in found.answer["edges"]:
        ends = [
            grounds.evidence(end["path"], end["line"], end["quote"], item["why"])
            for end in (item["source"], item["target"])
        ]
        said = tuple(end for end in ends if end is not None)
        if len(said) == 2:
            kept.append(Advised(said[0].path, said[1].path, item["kind"], item["why"], said))
    return "", tuple(kept)
