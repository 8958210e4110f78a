"""Join the facts of all files into edges: who depends on whom, by what, and where it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rlm_gate.core import split_lines
from rlm_gate.tasks._report import Evidence
from rlm_gate.tasks.links import facts as kinds
from rlm_gate.tasks.links.facts import DEFINES, USES, Fact
from rlm_gate.tasks.links.modules import Modules, Place, go_package
from rlm_gate.tasks.links.reading import File

_LEAST_MEMBERS = 3
_QUOTED = 300


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """``source`` depends on ``target`` by ``name``. Both ends are (repository, path).

    ``kind``: import, package, endpoint, table, topic or type. ``evidence`` is the line of the
    source, then that of the target where there is one. ``names`` are what an import takes.
    """

    source: Place
    target: Place
    kind: str
    name: str
    evidence: tuple[Evidence, ...]
    names: tuple[str, ...] = ()

    @property
    def crosses(self) -> bool:
        """Say whether it leads from one repository into another."""
        return self.source[0] != self.target[0]


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """An endpoint, table or topic: who defines it and who uses it, each with a line."""

    kind: str
    name: str
    defined: tuple[Evidence, ...]
    used: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """All facts, by file, and the files by place."""

    files: Mapping[Place, File]
    facts: Mapping[Place, Sequence[Fact]]
    _lines: dict[Place, list[str]] = field(default_factory=dict, compare=False, repr=False)

    def of(self, kind: str, role: str) -> Iterator[tuple[Place, Fact]]:
        """Yield every fact of a kind and role, in the order of places."""
        for place in sorted(self.facts):
            for fact in self.facts[place]:
                if fact.kind == kind and fact.role == role:
                    yield place, fact

    def evidence(self, place: Place, line: int) -> Evidence:
        """Read the line in the file."""
        if place not in self._lines:
            self._lines[place] = split_lines(self.files[place].text)
        text = self._lines[place]
        quote = text[line - 1].strip()[:_QUOTED] if 1 <= line <= len(text) else ""
        return Evidence(self.files[place].name, line, quote)


def modules_of(known: Known) -> Modules:
    """Return the index that imports are looked up in."""
    paths: dict[str, set[str]] = defaultdict(set)
    for repo, path in known.files:
        paths[repo].add(path)
    return Modules({repo: frozenset(found) for repo, found in paths.items()}, known.facts)


def edges(known: Known, modules: Modules) -> tuple[Edge, ...]:
    """Return every edge, sorted."""
    found: set[Edge] = set(_imports(known, modules))
    found.update(_packages(known))
    found.update(_types(known))
    for kind in (kinds.TABLE, kinds.TOPIC):
        found.update(_joined(known, kind, _same))
    found.update(_joined(known, kinds.ENDPOINT, serves))
    return tuple(sorted(found))


def resources(known: Known) -> tuple[Resource, ...]:
    """Return the endpoints, tables and topics by name, sorted."""
    found: dict[tuple[str, str], tuple[set[Evidence], set[Evidence]]] = {}
    for kind in (kinds.ENDPOINT, kinds.TABLE, kinds.TOPIC):
        for side, role in enumerate((DEFINES, USES)):
            for place, fact in known.of(kind, role):
                sides = found.setdefault((kind, fact.name), (set(), set()))
                sides[side].add(known.evidence(place, fact.line))
    return tuple(
        Resource(kind, name, tuple(sorted(sides[0])), tuple(sorted(sides[1])))
        for (kind, name), sides in sorted(found.items())
    )


def _imports(known: Known, modules: Modules) -> Iterator[Edge]:
    for place, fact in known.of(kinds.IMPORT, USES):
        for target in modules.targets(known.files[place], fact):
            if target.place not in {place, (place[0], go_package(place[1]))}:
                said = (known.evidence(place, fact.line),)
                yield Edge(place, target.place, kinds.IMPORT, fact.name, said, target.names)


def _packages(known: Known) -> Iterator[Edge]:
    offered: dict[str, list[tuple[Place, Fact]]] = defaultdict(list)
    for place, fact in known.of(kinds.PACKAGE, DEFINES):
        offered[fact.name].append((place, fact))
    for place, fact in known.of(kinds.PACKAGE, USES):
        for target, offer in offered[fact.name]:
            if target != place:
                said = (known.evidence(place, fact.line), known.evidence(target, offer.line))
                yield Edge(place, target, kinds.PACKAGE, fact.name, said)


def _types(known: Known) -> Iterator[Edge]:
    """Yield types of one name and the same members in two repositories: one leans on the other."""
    shapes: dict[tuple[str, frozenset[str]], list[tuple[Place, Fact]]] = defaultdict(list)
    for place, fact in known.of(kinds.TYPE, DEFINES):
        members = frozenset(name.replace("_", "").lower() for name in fact.names)
        if len(members) >= _LEAST_MEMBERS:
            shapes[fact.name, members].append((place, fact))
    for (name, _), found in shapes.items():
        first, origin = found[0]
        for place, fact in found[1:]:
            if place[0] != first[0]:
                said = (known.evidence(place, fact.line), known.evidence(first, origin.line))
                yield Edge(place, first, kinds.TYPE, name, said)


def _joined(known: Known, kind: str, fits: Callable[[str, str], bool]) -> Iterator[Edge]:
    """Yield an edge from each user of a resource to each who defines it."""
    defined = list(known.of(kind, DEFINES))
    by_name: dict[str, list[tuple[Place, Fact]]] = defaultdict(list)
    for place, fact in defined:
        by_name[fact.name].append((place, fact))
    cached: dict[str, list[str]] = {}
    for place, fact in known.of(kind, USES):
        if fact.name not in cached:
            cached[fact.name] = _fitting(fact.name, by_name, fits)
        for name in cached[fact.name]:
            for target, offer in by_name[name]:
                if target != place:
                    said = (known.evidence(place, fact.line), known.evidence(target, offer.line))
                    yield Edge(place, target, kind, name, said)


def _fitting(name: str, known: Iterable[str], fits: Callable[[str, str], bool]) -> list[str]:
    return [one for one in known if fits(name, one)]


def _same(used: str, defined: str) -> bool:
    return used == defined


def serves(used: str, defined: str) -> bool:
    """Say whether a route serves a request: "GET /users/1" is served by "GET /users/{}".

    A route may be mounted below a prefix that another file gives: its end must fit, with two
    written segments at least.
    """
    method, path = used.split(" ", 1)
    served, route = defined.split(" ", 1)
    if route == "/":  # every server has one
        return False
    if "*" not in {method, served} and method != served:
        return False
    asked, given = path.strip("/").split("/"), route.strip("/").split("/")
    written = sum(1 for part in given if part != "{}" and part)
    if len(asked) != len(given) and (len(asked) < len(given) or written < 2):
        return False
    tail = asked[len(asked) - len(given) :]
    pairs = list(zip(tail, given, strict=True))
    if not any(one == other != "{}" for one, other in pairs) and path != route:
        return False
    return all(other in {one, "{}"} for one, other in pairs)
