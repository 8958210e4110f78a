"""What is known of a value while a function is read: its name, its text, where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from rlm_gate.core import hashes
from rlm_gate.core.records import dataclass

Lines = tuple[int, int]
Key = Any  # a constant: the index or key of an element

UNSET: Final = object()
STORED: Final = "stored"  # the class of what a database holds: nobody knows who wrote it
_NO_STRANGERS: Final = frozenset({STORED, "local"})  # nor who set the program's surroundings
ALL: Final = "*"  # clean for every kind of sink
TEXTUAL: Final = frozenset({"nosql"})  # kinds of sinks that only objects harm
ONE_PART: Final = frozenset({"path", "one part"})  # doubts about what holds no slash
MADE: Final = frozenset({"made"})  # doubts about what a function made that nobody sees here
STILL: Final = "%"  # before a kind of doubts that ends where the value is decoded
# How a text shows its parts that vary: from outside, the author's own, not known which of the two.
OUTSIDE: Final = "\x00"
OWN: Final = "\x01"
VARIES: Final = "\x02"
_LONGEST_TEXT = 4_000
_LONGEST = 14  # steps of a flow that are kept
_WAYS = 4  # that met in one value
_NONE: Final[frozenset[str]] = frozenset()


def ident_of(*parts: str | int) -> int:
    """Return the number of a source that goes by these; unlike hash(), it never changes."""
    return hashes.number(repr(parts).encode())


class Taint(NamedTuple):
    """That a value was written by somebody else.

    ``origin`` is the class of its source (remote, local, unknown), ``ident`` the place of the
    source in the text or what :func:`ident_of` makes of its name, ``clean`` the kinds of sinks it
    can't harm any more. ``guessed``: a function that nobody sees here made the value from it.
    ``doubts``: the kinds of sinks for which what the source can hold may not be enough.
    ``met``: the taints of which it was made, each by itself; empty for a single one.
    """

    origin: str
    ident: int
    steps: tuple[Lines, ...]
    clean: frozenset[str] = frozenset()
    guessed: bool = False
    doubts: frozenset[str] = frozenset()
    met: tuple[Taint, ...] = ()

    @property
    def ways(self) -> tuple[Taint, ...]:
        """Return the single taints in it."""
        return self.met or (self,)

    def each(self, change: Callable[[Taint], Taint]) -> Taint:
        """Return the taint with the change made to it and to those that met in it."""
        made = change(self)
        return made._replace(met=tuple(map(change, self.met))) if self.met else made

    def at(self, lines: Lines) -> Taint:
        """Return the taint after one more step."""
        return self.each(lambda one: _at(one, lines))

    def decoded(self) -> Taint:
        """Return the taint of what decoding makes of the value."""
        return self.each(_decoded)

    def cleaned(self, kinds: frozenset[str]) -> Taint:
        """Return the taint, harmless for these kinds of sinks."""
        return self.each(lambda one: one._replace(clean=one.clean | kinds))

    def proved(self, proof: Mapping[int, frozenset[str]]) -> Taint:
        """Return the taint, harmless for what is proved of its source."""
        made = self.each(lambda one: one._replace(clean=one.clean | proof.get(one.ident, _NONE)))
        return made._replace(clean=_clean_of(made.met)) if made.met else made

    def doubtful(self, kind: str) -> bool:
        """Say whether what its source can hold may not be enough for a sink of that kind."""
        return not self.doubts.isdisjoint((kind, STILL + kind))

    def harms(self, kind: str) -> bool:
        """Say whether a sink of that kind is still in danger."""
        return not self.clean & {kind, ALL}


@dataclass(frozen=True, slots=True)
class Value:
    """An abstract value.

    ``fixed``: the author of the code wrote all of it, known or not which of several texts it is.
    ``name`` is a dotted name with imports resolved, calls as ``()``: ``sqlite3.connect().cursor``.
    ``const`` is the value itself where it is known, ``prefix`` the known beginning of a text,
    ``written`` all of its known parts, with OUTSIDE, OWN or VARIES between them.
    ``items`` are the elements of a ``shape`` (list, dict or store); those with unknown keys are
    joined under UNSET. ``taints`` has at most one entry for each class of sources.
    """

    name: str = ""
    const: Any = UNSET
    taints: tuple[Taint, ...] = ()
    items: Mapping[Key, Value] | None = None
    shape: str = ""
    prefix: str = ""
    written: str = ""
    fixed: bool = False

    @property
    def known(self) -> bool:
        """Say whether the value is a constant."""
        return self.const is not UNSET

    @property
    def harmless(self) -> bool:
        """Say whether all of it was written by the author of the code."""
        if self.items is not None:
            return not self.taints and all(item.harmless for item in self.items.values())
        return self.fixed

    @property
    def row(self) -> tuple[Value, ...] | None:
        """Return the elements of a list of which all places are known."""
        if self.shape != "list" or self.items is None or UNSET in self.items:
            return None
        return tuple(self.items.values())

    @property
    def text(self) -> str:
        """Return it as a part of a text: what is known of it, or a mark."""
        if self.known:
            return str(self.const)
        if self.written or not self.tainted:
            return self.written or (OWN if self.harmless else VARIES)
        origins = {one.origin for one in self.everything}
        return VARIES if origins <= _NO_STRANGERS else OUTSIDE

    def taint(self, origins: Iterable[str]) -> Taint | None:
        """Return the taint of the first of these classes of sources that it has."""
        wanted = tuple(origins)
        found = {one.origin: one for one in self.everything}
        return next((found[origin] for origin in wanted if origin in found), None)

    @property
    def everything(self) -> tuple[Taint, ...]:
        """Return its own taints and those of its elements."""
        if not self.items:
            return self.taints
        inner = (one for item in self.items.values() for one in item.everything)
        return merged((*self.taints, *inner))

    @property
    def tainted(self) -> bool:
        """Say whether it or an element was written by somebody else."""
        return bool(self.taints) or bool(
            self.items and any(item.tainted for item in self.items.values())
        )

    def element(self, key: Key) -> Value:
        """Return what stands under a key; a key nobody knows may mean any element."""
        if self.items is None:
            return Value(taints=self.taints)
        if key is not UNSET and hashable(key):
            key = self._index(key)
            if key in self.items:
                return self.items[key]
            if UNSET not in self.items and self.shape != "list":
                return Value(taints=self.taints)
        written = self.items and UNSET not in self.items and not self.taints
        more = () if written else (Value(taints=self.taints),)
        return joined((*self.items.values(), *more))

    def with_item(self, key: Key, item: Value) -> Value:
        """Return the value after an element was set."""
        old = dict(self.items or {})
        if key is UNSET or not hashable(key):
            old[UNSET] = join(old[UNSET], item) if UNSET in old else item
        else:
            old[self._index(key)] = item
        shape = self.shape or "dict"
        return replace(self, items=old, shape=shape, const=UNSET)

    def _index(self, key: Key) -> Key:
        negative = self.shape == "list" and isinstance(key, int) and key < 0
        return key + len(self.items or ()) if negative and UNSET not in (self.items or ()) else key

    def cleaned(self, kinds: Iterable[str]) -> Value:
        """Return the value, harmless for these kinds of sinks."""
        more = frozenset(kinds)
        items = self.items and {key: item.cleaned(more) for key, item in self.items.items()}
        return replace(self, taints=tuple(one.cleaned(more) for one in self.taints), items=items)

    def part(self, key: str | int) -> Value:
        """Return a part of its own: what is proved of another one says nothing of it."""
        return Value(taints=tuple(part_of(one, key) for one in self.taints))

    def unseen(self) -> Value:
        """Return the value that a function nobody sees here made from it."""
        taints = tuple(one.each(_unseen) for one in self.taints)
        return replace(self, taints=taints) if taints else self

    def doubted(self, kinds: frozenset[str]) -> Value:
        """Return the value, whose harm at these kinds of sinks is not sure."""
        if not (kinds and self.taints):
            return self
        taints = (one.each(lambda single: single._replace(doubts=kinds)) for one in self.taints)
        return replace(self, taints=tuple(taints))

    def raw(self) -> Value:
        """Return the value after decoding: what escaping had made harmless is not any more."""
        return replace(self, taints=tuple(one.decoded() for one in self.taints))

    def at(self, lines: Lines) -> Value:
        """Return the value after one more step of its flow."""
        if not self.taints:
            return self
        return replace(self, taints=tuple(one.at(lines) for one in self.taints))


NOTHING: Final = Value()


def constant(value: Any) -> Value:
    """Return a value that the code spells out."""
    known = value if isinstance(value, str) else ""
    return Value(const=value, prefix=known, written=known, fixed=True)


def listed(items: Sequence[Value]) -> Value:
    """Return a list or tuple of these elements."""
    return Value(items=dict(enumerate(items)), shape="list")


def part_of(taint: Taint, key: str | int) -> Taint:
    """Return the taint of a part that has a proof of its own."""
    return taint.each(lambda one: one._replace(ident=ident_of(one.ident, key)))


def merged(taints: Iterable[Taint]) -> tuple[Taint, ...]:
    """Join taints, one for each class of sources; dangerous for what any of them endangers."""
    found: dict[str, Taint] = {}
    for one in taints:
        old = found.get(one.origin)
        if old is None:
            found[one.origin] = one
        elif old != one:
            found[one.origin] = _met(old, one)
    return tuple(found.values())


def _met(old: Taint, one: Taint) -> Taint:
    worse = one if len(one.clean) < len(old.clean) else old
    ways = {(way.ident, way.clean, way.guessed, way.doubts): way for way in (*one.ways, *old.ways)}
    kept = sorted(ways.values(), key=_tameness)[:_WAYS]
    return worse._replace(
        clean=_clean_of((old, one)),
        guessed=old.guessed and one.guessed,
        doubts=old.doubts & one.doubts,
        met=tuple(kept) if len(ways) > 1 else (),
    )


def _tameness(taint: Taint) -> tuple[bool, int, bool, int, int]:
    """Order ways by the harm they may do: what is proved of all kinds does none."""
    clean, doubts = taint.clean, taint.doubts
    return ALL in clean, len(clean), taint.guessed, len(doubts), len(taint.steps)


def _clean_of(ways: Sequence[Taint]) -> frozenset[str]:
    """Return the kinds of sinks that none of these can harm."""
    known = [one.clean for one in ways]
    every = frozenset().union(*known)
    return frozenset(kind for kind in every if all(kind in one or ALL in one for one in known))


def _at(taint: Taint, lines: Lines) -> Taint:
    if lines == taint.steps[-1] or len(taint.steps) >= _LONGEST:
        return taint
    return taint._replace(steps=(*taint.steps, lines))


def _decoded(taint: Taint) -> Taint:
    doubts = frozenset(kind for kind in taint.doubts if not kind.startswith(STILL))
    left = doubts - ONE_PART if doubts >= ONE_PART else doubts
    return taint._replace(clean=frozenset(), doubts=left)


def _unseen(taint: Taint) -> Taint:
    return taint._replace(guessed=True, doubts=taint.doubts | MADE)


def mixed(values: Iterable[Value], name: str = "") -> Value:
    """Return something made from these values: it has their taints and nothing else of them."""
    return Value(name=name, taints=merged(one for value in values for one in value.everything))


def built(values: Sequence[Value]) -> Value:
    """Return something that consists of these values alone: fixed where all of them are."""
    return replace(mixed(values), fixed=all(value.harmless for value in values))


def text(parts: Sequence[Value]) -> Value:
    """Return the text of these parts in a row."""
    if all(isinstance(part.const, str | int | float) for part in parts):
        return constant("".join(str(part.const) for part in parts))
    prefix = ""
    for part in parts:
        prefix += str(part.const) if part.known else part.prefix
        if not part.known:
            break
    written = "".join(part.text for part in parts)[:_LONGEST_TEXT]
    return replace(built(parts), prefix=prefix, written=written)


def join(one: Value, other: Value) -> Value:
    """Return what is known of a value that is either of the two."""
    if one is other or one == other:
        return one
    same = one.known and other.known and one.const == other.const
    return Value(
        name=one.name if one.name == other.name else "",
        const=one.const if same else UNSET,
        taints=merged((*one.taints, *other.taints)),
        items=_joined_items(one, other),
        shape=one.shape if one.shape == other.shape else "",
        prefix=one.prefix if one.prefix == other.prefix else "",
        written=_joined_text(one, other),
        fixed=one.fixed and other.fixed,
    )


def joined(values: Iterable[Value]) -> Value:
    """Return what is known of a value that is any of these."""
    result: Value | None = None
    for value in values:
        result = value if result is None else join(result, value)
    return result or NOTHING


def hashable(key: Key) -> bool:
    """Say whether the constant can be a key."""
    return isinstance(key, str | int | float | bytes | bool | tuple | None)


def _joined_text(one: Value, other: Value) -> str:
    """Return the text of the one that comes from outside; both at once can't be told."""
    if one.written == other.written:
        return one.written
    if one.tainted != other.tainted:
        return (one if one.tainted else other).text
    if one.written and other.written.startswith(one.written):  # what a loop put behind it
        return other.written
    return one.written or other.written


def _joined_items(one: Value, other: Value) -> Mapping[Key, Value] | None:
    if one.items is None or other.items is None or one.shape != other.shape:
        loose = [value.items for value in (one, other) if value.items]
        return (
            {UNSET: joined(item for items in loose for item in items.values())} if loose else None
        )
    keys = dict.fromkeys([*one.items, *other.items])
    return {
        key: join(one.items[key], other.items[key])
        if key in one.items and key in other.items
        else one.items.get(key) or other.items[key]
        for key in keys
    }
