"""What a rule's taint entries name: sinks, what cleans values for them, and the sources.

A pattern is a dotted name with imports resolved. ``{a,b}`` are alternatives, ``*.`` in front stands
for any receiver, ``**.`` for any or none, ``()`` behind for what the call returns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

from rlm_gate import kept
from rlm_gate.core import Detect, Rule
from rlm_gate.core.records import dataclass
from rlm_gate.languages import family

Item = TypeVar("Item")
_Shape = tuple[str, bool, bool]

REMOTE = "remote"
UNKNOWN = "unknown"  # whatever is not known to be the author's own
_KNOWN_OWNERS = ("re.", "str.", "os.path.", "itertools.")  # no pattern means these by a star
_SIGNS = kept.expression(r"[{},]")
_LAST = kept.expression(r"\.((?:[^.{}]|\{[^.{}]*\})+)\Z")
_PART = r"[\w$]+(?:\(\)|\[\])?"
PATTERN = kept.expression(
    rf"(?:\*{{1,2}}\.)?[\w.$]+(?:\(\)|\[\])?(?:\.{_PART})*(?:\[\](?:read)?)?\Z"
)


@lru_cache(maxsize=4096)
def expanded(pattern: str) -> tuple[str, ...]:
    """Return the pattern with each of its alternatives; these may have alternatives themselves."""
    start = pattern.find("{")
    cuts = _cuts(pattern, start) if start >= 0 else []
    if not cuts:
        return (pattern,)
    choices = [pattern[one + 1 : other].strip() for one, other in pairwise((start, *cuts))]
    ends = expanded(pattern[cuts[-1] + 1 :])
    inner = (one for choice in choices for one in expanded(choice))
    return tuple(f"{pattern[:start]}{one}{end}" for one in inner for end in ends)


def _cuts(pattern: str, start: int) -> list[int]:
    """Return where the alternatives of the brace at ``start`` end, [] where it is not closed."""
    depth, cuts = 0, []
    for sign in _SIGNS.finditer(pattern, start):
        depth += {"{": 1, "}": -1}.get(sign[0], 0)
        if depth <= 1 and sign[0] != "{" and (sign[0] == "," or not depth):
            cuts.append(sign.start())
        if not depth:
            return cuts
    return []


@lru_cache(maxsize=4096)
def _shapes(pattern: str) -> Mapping[str, Sequence[_Shape]]:
    """Return (bare name, some receiver, maybe one) of each alternative, by its last part."""
    found: dict[str, list[_Shape]] = {}
    for one in expanded(pattern):
        bare = one.lstrip("*").removeprefix(".") if one.startswith("*") else one
        shape = (bare, one.startswith("*."), one.startswith("**."))
        found.setdefault(bare.rpartition(".")[2], []).append(shape)
    return found


@lru_cache(maxsize=4096)
def _lasts(pattern: str) -> tuple[str, ...]:
    """Return the last part of each alternative, each once; most patterns vary in their first."""
    end = _LAST.search(pattern)
    return tuple(dict.fromkeys(expanded(end[1])) if end else _shapes(pattern))


class Table(Generic[Item]):
    """Patterns, found by the last part of a name."""

    def __init__(self) -> None:
        self._by_last: dict[str, list[tuple[str, Item]]] = {}

    def add(self, pattern: str, item: Item) -> None:
        """Let names that fit the pattern mean the item."""
        for last in _lasts(pattern):
            self._by_last.setdefault(last, []).append((pattern, item))

    def find(self, name: str) -> list[Item]:
        """Return the items of all patterns that the name fits, in the order they were added."""
        last = name.rpartition(".")[2]
        entries = self._by_last.get(last, ())
        return [
            item
            for pattern, item in entries
            for shape in _shapes(pattern)[last]
            if _fits(name, *shape)
        ]

    @property
    def words(self) -> frozenset[str]:
        """Return words of which a text has at least one if any pattern can match in it."""
        return frozenset(last.removesuffix("()") for last in self._by_last)


def _fits(name: str, bare: str, some: bool, maybe: bool) -> bool:  # noqa: FBT001  # a table's row
    if name == bare:
        return not some
    return (some or maybe) and name.endswith(f".{bare}") and not name.startswith(_KNOWN_OWNERS)


@dataclass(frozen=True, slots=True)
class Sink:
    """A call that does harm with what it is given.

    ``args`` are the dangerous arguments, by position or keyword; () means all. It is a sink only
    where the keywords of ``when`` have these constants, none of ``unless`` is given, and the text
    of the call fits ``has`` and not ``lacks``. ``argv``: the argument is a list for a program,
    dangerous in its first place or behind ``sh -c``.
    """

    entry: Entry
    args: tuple[int | str, ...] = ()
    when: Mapping[str, Any] = field(default_factory=dict)
    unless: tuple[str, ...] = ()
    has: re.Pattern[str] | None = None
    lacks: re.Pattern[str] | None = None
    argv: bool = False
    program: bool = False  # the arguments themselves are that list
    first: int = 0  # where it begins
    text: bool = False  # lists and objects do no harm
    roles: tuple[str, ...] = ()  # of a list of messages, what is said in these roles


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``engine: taint`` entry of a rule."""

    rule: Rule
    kind: str
    sources: tuple[str, ...]
    language: tuple[str, ...]
    options: Mapping[str, Any]

    @property
    def returns(self) -> str:
        """What a handler's return value is, if returning is the sink: ``html``."""
        return str(self.options.get("returns", ""))

    @property
    def needs(self) -> re.Pattern[str] | None:
        """What the text of the file must have for the entry to be worth a look."""
        pattern = self.options.get("needs")
        return _compiled(pattern) if pattern else None

    def fits(self, function: str) -> bool:
        """Say whether the text of the function lets the sink be one."""
        wanted, unwanted = (self.options.get(key) for key in ("function_has", "function_lacks"))
        return (not wanted or re.search(wanted, function) is not None) and (
            not unwanted or re.search(unwanted, function) is None
        )

    @property
    def text_has(self) -> re.Pattern[str] | None:
        """What a text must have, marks of ``values`` for what varies, for the sink to be one."""
        pattern = self.options.get("text_has")
        return _compiled(pattern) if pattern else None

    @property
    def known_by(self) -> re.Pattern[str] | None:
        """What the call or the value must have for the call to be the sink for sure."""
        pattern = self.options.get("known_by")
        return _compiled(pattern) if pattern else None

    @property
    def known_file(self) -> re.Pattern[str] | None:
        """What the file may have instead."""
        pattern = self.options.get("known_file")
        return _compiled(pattern) if pattern else None

    @property
    def safe_prefix(self) -> re.Pattern[str] | None:
        """What a text must begin with for its rest to do no harm."""
        pattern = self.options.get("safe_prefix")
        return _compiled(pattern) if pattern else None


class Part(Generic[Item]):
    """What a table has of some entries, in their order."""

    def __init__(self, table: Table[tuple[int, Item]], owners: frozenset[int]) -> None:
        self._table = table
        self._owners = owners

    def find(self, name: str) -> list[Item]:
        """Return the items of all patterns that the name fits."""
        found = [one for one in self._table.find(name) if one[0] in self._owners]
        if len(found) > 1:
            found.sort(key=itemgetter(0))
        return [item for _, item in found]


class Cleaning(Part[str]):
    """The kinds of harm that a call ends: of a known name, or of one that says so."""

    def __init__(
        self,
        table: Table[tuple[int, str]],
        owners: frozenset[int],
        saying: Iterable[tuple[re.Pattern[str], str]],
    ) -> None:
        super().__init__(table, owners)
        self._saying = tuple(saying)

    def find(self, name: str) -> list[str]:
        """Return the kinds of harm that the call of that name ends."""
        last = name.rpartition(".")[2]
        said = [kind for words, kind in self._saying if words.search(last)]
        return [*super().find(name), *said]


@dataclass(frozen=True, slots=True)
class Specs:
    """All entries that judge one file, as parts of the tables."""

    entries: tuple[Entry, ...]
    calls: Part[Sink]
    stores: Part[Entry]
    clean: Part[str]
    replacing: Mapping[str, frozenset[str]]

    @property
    def returning(self) -> tuple[Entry, ...]:
        """Return the entries for which a handler's return value is a sink."""
        return tuple(entry for entry in self.entries if entry.returns)

    @property
    def words(self) -> frozenset[str]:
        """Return words of which a text has at least one if it can hold a sink."""
        return frozenset[str]().union(*map(words, self.entries))


class Tables:
    """Entries of a language as tables. Files differ in which of them apply, and share the tables.

    An entry is put in when a file first asks for it: a hook's few files ask for few.
    """

    def __init__(self) -> None:
        self._calls: Table[tuple[int, Sink]] = Table()
        self._stores: Table[tuple[int, Entry]] = Table()
        self._clean: Table[tuple[int, str]] = Table()
        self._ready: set[int] = set()

    def of(self, entries: Mapping[int, Entry]) -> Specs:
        """Return the specs of these entries, by their numbers."""
        replacing: dict[str, frozenset[str]] = {}
        for number, entry in entries.items():
            if number not in self._ready:
                self._put(number, entry)
            for piece in entry.options.get("replacing", ()):
                replacing[piece] = replacing.get(piece, frozenset()) | {entry.kind}
        owners = frozenset(entries)
        parts = Part(self._calls, owners), Part(self._stores, owners)
        saying = (
            (_compiled(entry.options["clean_named"]), entry.kind)
            for entry in entries.values()
            if "clean_named" in entry.options
        )
        cleaning = Cleaning(self._clean, owners, saying)
        return Specs(tuple(entries.values()), *parts, cleaning, replacing)

    def _put(self, number: int, entry: Entry) -> None:
        self._ready.add(number)
        for call in entry.options.get("calls", ()):
            sink = _sink(entry, call)
            for pattern in _many(call["call"]):
                self._calls.add(pattern, (number, sink))
        for pattern in entry.options.get("stores", ()):
            self._stores.add(pattern, (number, entry))
        for pattern in entry.options.get("clean", ()):
            self._clean.add(pattern, (number, entry.kind))


def entry_of(rule: Rule, detect: Detect) -> Entry:
    """Return the entry of a rule, from options that were checked."""
    options = detect.options
    sources = tuple(options.get("sources", (REMOTE,)))
    return Entry(rule, options["sink"], sources, tuple(_many(options["language"])), options)


def _sink(entry: Entry, call: Mapping[str, Any]) -> Sink:
    return Sink(
        entry,
        args=tuple(call.get("args", ())),
        when=call.get("when", {}),
        unless=tuple(call.get("unless", ())),
        has=_compiled(call["has"]) if "has" in call else None,
        lacks=_compiled(call["lacks"]) if "lacks" in call else None,
        argv=bool(call.get("argv")),
        program="program" in call,
        first=call.get("program", 0),
        text=bool(call.get("text")),
        roles=tuple(call.get("roles", ())),
    )


_compiled = lru_cache(maxsize=1024)(
    kept.expression
)  # a rule's entries are made ready for many files


def words(entry: Entry) -> frozenset[str]:
    """Return the ``words`` of the entry alone."""
    named = (name for call in entry.options.get("calls", ()) for name in _many(call["call"]))
    more = {"return"} if entry.returns else set()
    return _last_words((*named, *entry.options.get("stores", ()))) | more


@lru_cache(maxsize=512)
def _last_words(patterns: tuple[str, ...]) -> frozenset[str]:
    return frozenset(last.removesuffix("()") for one in patterns for last in _lasts(one))


def _many(value: Any) -> Iterable[str]:
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the engine knows of a language's libraries, from ``<language>.json``."""

    sources: Table[str]
    clean: Table[None]
    lookups: frozenset[str]
    requests: Table[None]
    fills: Table[None]
    fluent: Table[None]
    builders: Table[None]
    formats: Table[None]
    texts: Table[None]  # sources that are texts, never objects
    data: Mapping[str, Any]

    @property
    def origins(self) -> frozenset[str]:
        """Return the classes of sources."""
        return frozenset(self.data["sources"])


@lru_cache(maxsize=8)
def vocabulary(language: str) -> Vocabulary:
    """Load the vocabulary of a language."""
    data = _data(family(language))
    sources: Table[str] = Table()
    for origin, patterns in data["sources"].items():
        for pattern in patterns:
            sources.add(pattern, origin)
    return Vocabulary(
        sources=sources,
        clean=_table(data["clean"]),
        lookups=frozenset(data["lookups"]),
        requests=_table(data["requests"]),
        fills=_table(data.get("fills", ())),
        fluent=_table(data.get("fluent", ())),
        builders=_table(data.get("builders", ())),
        formats=_table(data.get("formats", ())),
        texts=_table(data.get("texts", ())),
        data=data,
    )


def _data(name: str) -> dict[str, Any]:
    """Load what is known of a language; ``base`` names one whose libraries are its own too."""
    path = Path(__file__).with_name(f"{name}.json")
    own: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return _joined(_data(own["base"]), own) if "base" in own else own


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        both = {**one, **other}
        return {key: _joined(one[key], other[key]) if key in one and key in other else both[key]
                for key in both}  # fmt: skip
    return [*one, *other] if isinstance(one, list) else other


def _table(patterns: Iterable[str]) -> Table[None]:
    table: Table[None] = Table()
    for pattern in patterns:
        table.add(pattern, None)
    return table
