"""What a change of a symbol would break: who uses it, who uses those, with the chain.

By names: an import of the symbol, a use of its name in a file that imports it, a request to a route
or a table that it declares. Types are not inferred, so a method is found by its name alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rlm_gate import syntax
from rlm_gate.core import display_path
from rlm_gate.errors import UsageError
from rlm_gate.symbols import Symbol
from rlm_gate.syntax import Tree
from rlm_gate.tasks._report import Evidence
from rlm_gate.tasks.links.facts import IMPORT
from rlm_gate.tasks.links.joining import Edge, Known
from rlm_gate.tasks.links.modules import Place, go_package
from rlm_gate.tasks.links.parts import line_of, of_kinds
from rlm_gate.tasks.links.reading import CODE

_DECORATED = 4  # lines above a function that its decorators may take
_IDENTIFIERS = {
    "python": ("identifier",),
    "go": ("identifier", "field_identifier", "type_identifier"),
    "javascript": ("identifier", "property_identifier", "shorthand_property_identifier"),
    "typescript": ("identifier", "property_identifier", "type_identifier"),
    "tsx": ("identifier", "property_identifier", "type_identifier"),
}


@dataclass(frozen=True, slots=True, order=True)
class Broken:
    """A symbol that leans on the changed one. ``symbol`` is "" for a module's own lines.

    ``chain`` leads from the changed symbol to this one; ``evidence`` is the line of its last step.
    """

    path: str
    symbol: str
    chain: tuple[str, ...]
    evidence: Evidence


@dataclass(slots=True)
class Impact:
    """Looks up who uses what. Trees are parsed once."""

    known: Known
    edges: Sequence[Edge]
    _into: Mapping[Place, list[Edge]] = field(init=False)
    _uses: dict[Place, dict[str, list[int]]] = field(default_factory=dict)
    _outlines: dict[Place, tuple[Symbol, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        into: dict[Place, list[Edge]] = defaultdict(list)
        for edge in self.edges:
            into[edge.target].append(edge)
        self._into = into

    def of(self, asked: str) -> tuple[Broken, ...]:
        """Return what "path:symbol" would break, nearest first. Raises UsageError for no symbol."""
        start = self._start(asked)
        chains: dict[tuple[Place, str], tuple[str, ...]] = {start: (self._name(start),)}
        found: list[Broken] = []
        front = [start]
        while front:
            following = []
            for node in front:
                for user, line in self._users(*node):
                    if user in chains:
                        continue
                    chains[user] = (*chains[node], self._name(user))
                    place, symbol = user
                    said = self.known.evidence(place, line)
                    found.append(Broken(said.path, symbol, chains[user], said))
                    following.append(user)
            front = following
        return tuple(found)

    def _start(self, asked: str) -> tuple[Place, str]:
        path, _, symbol = asked.rpartition(":")
        fits = [
            place
            for place in sorted(self.known.files)
            if path and f"/{self.known.files[place].name}".endswith(f"/{path}")
        ]
        if len(fits) != 1:
            what = "no file" if not fits else f"{len(fits)} files"
            raise UsageError(
                f"--impact {display_path(asked)}: {what} of that path; write REPO/PATH:SYMBOL"
            )
        names = {one.name for one in self._outline(fits[0])} | set(self._used(fits[0]))
        if symbol not in names:
            raise UsageError(f"--impact {display_path(asked)}: there is no such symbol in the file")
        return fits[0], symbol

    def _name(self, node: tuple[Place, str]) -> str:
        (repo, path), symbol = node
        return f"{repo}/{path}:{symbol or '(module)'}"

    def _users(self, place: Place, symbol: str) -> Iterator[tuple[tuple[Place, str], int]]:
        """Yield who uses the symbol, and where."""
        if not symbol:
            return
        yield from self._inside(place, symbol, symbol)
        for other in self._package(place):
            yield from self._inside(other, symbol, "")
        for target in (place, (place[0], go_package(place[1]))):
            for edge in self._into.get(target, ()):
                if edge.kind == IMPORT:
                    yield from self._importing(edge, symbol)
                elif self._declares(place, symbol, edge):
                    line = edge.evidence[0].line
                    yield (edge.source, self._around(edge.source, line)), line

    def _package(self, place: Place) -> list[Place]:
        """Return the other files of the package of a Go file: they see its names."""
        repo, path = place
        if not path.endswith(".go"):
            return []
        folder = go_package(path)
        inside = (one for one in self.known.files if one[0] == repo and one != place)
        files = (one for one in inside if one[1].endswith(".go"))
        return sorted(one for one in files if go_package(one[1]) == folder)

    def _inside(
        self, place: Place, symbol: str, own: str
    ) -> Iterator[tuple[tuple[Place, str], int]]:
        for line in self._used(place).get(symbol.rpartition(".")[2], ()):
            around = self._around(place, line)
            if around != own.partition(".")[0]:
                yield (place, around), line

    def _importing(self, edge: Edge, symbol: str) -> Iterator[tuple[tuple[Place, str], int]]:
        first, last = symbol.partition(".")[0], symbol.rpartition(".")[2]
        if edge.names and not {first, "*", "default"} & set(edge.names):
            return
        if first in edge.names:
            yield (edge.source, first), edge.evidence[0].line  # it can be imported from there
        for line in self._used(edge.source).get(last, ()):
            if line != edge.evidence[0].line:
                yield (edge.source, self._around(edge.source, line)), line

    def _declares(self, place: Place, symbol: str, edge: Edge) -> bool:
        """Say whether what the edge leans on stands in the symbol, its decorators included."""
        if len(edge.evidence) < 2:
            return False
        line = edge.evidence[1].line
        fits = (one for one in self._outline(place) if one.name == symbol)
        return any(one.start - _DECORATED <= line <= one.end for one in fits)

    def _around(self, place: Place, line: int) -> str:
        """Return the outermost symbol that holds the line."""
        fits = (one.name for one in self._outline(place) if one.start <= line <= one.end)
        return next(fits, "").partition(".")[0]

    def _outline(self, place: Place) -> tuple[Symbol, ...]:
        if place not in self._outlines:
            file = self.known.files[place]
            self._outlines[place] = syntax.outline(file.code, file.language)
        return self._outlines[place]

    def _used(self, place: Place) -> dict[str, list[int]]:
        """Return the lines of each identifier."""
        if place not in self._uses:
            file = self.known.files.get(place)
            lines: dict[str, list[int]] = defaultdict(list)
            if file and file.language in CODE:
                tree = Tree(file.code, file.language)
                for node in of_kinds(tree, *_IDENTIFIERS[file.language]):
                    lines[node.text()].append(line_of(node))
            self._uses[place] = dict(lines)
        return self._uses[place]
