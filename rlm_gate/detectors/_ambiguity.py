"""Whether a regular expression can take exponential time: a loop that a text can pass in two ways.

An engine that goes back tries all ways before it says no, and n rounds have 2**n. So the expression
is read as an automaton whose states are its characters; it is dangerous if some state leads back to
itself by one text on two ways (exponential degree of ambiguity: Weber and Seidl, 1991; for engines
that go back: Weideman and others, "Analyzing Matching Time Behavior of Backtracking Regular
Expression Matchers", 2016), and what follows the loop can still fail.

What is not regular (references, atomic groups, word boundaries, looks ahead or behind) counts as a
character that nothing else matches, so that doubt says no. Quadratic time is not looked for.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Any, Final

from rlm_gate.core.records import dataclass

_parser: Any = importlib.import_module("re._parser")
"""The standard library's reader of expressions: not public, but the one that says what re means."""

Label = frozenset[str]

_COMMON: Final = "aZ09_- \t\n!/.é\u4e00"  # a member at least of each class, and one of none
_MANY: Final = 12  # a repeat of more rounds than that is a loop
_STATES: Final = 160
_WAYS: Final = 4_000  # steps that may be taken to count the ways between two characters
_PAIRS: Final = 40_000
_END: Final = "\ue000end"  # stands for the end of the text, which $ asks for
_GROUP_REPEATED: Final = re.compile(r"\)[*+{]")


@lru_cache(maxsize=4_096)
def doubled(pattern: str, flags: int = 0, *, whole: bool = False, references: bool = False) -> str:
    """Return a text whose repeats a loop of the pattern can split in exponentially many ways.

    "" where there is none, where the pattern is not one of ``re``, or where it is too large to say.
    ``whole``: the text must match to its end (``fullmatch``). ``references``: one to a group reads
    as the group does, so that doubt about it says yes.
    """
    if not _GROUP_REPEATED.search(pattern):
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets that a later Python may read otherwise
            parsed = _parser.parse(pattern, flags)
    except (re.error, RecursionError, OverflowError):
        return ""
    builder = _Builder(_alphabet(parsed, parsed.state.flags), parsed.state.flags, references)
    try:
        last = builder.sequence(parsed, builder.state())
        if whole:
            last = builder.consume(last, frozenset({_END}))
        return _pump(_Positions.of(builder, last))
    except (_TooLarge, RecursionError):
        return ""


class _TooLarge(Exception):
    """The automaton, or the search in it, passes its limit."""


def _alphabet(parsed: Any, flags: int) -> str:
    """Return one character at least of every class that the expression tells apart."""
    found = dict.fromkeys(_COMMON)
    for code in _codes(parsed):
        found.update(dict.fromkeys(chr(one) for one in (code - 1, code, code + 1) if one > 0))
    if flags & re.IGNORECASE:
        found.update(dict.fromkeys("".join(found).swapcase()))
    return "".join(one for one in found if one.isprintable() or one in " \t\n")


def _codes(parsed: Iterable[Any]) -> Iterator[int]:
    for op, value in parsed:
        if op.name in {"LITERAL", "NOT_LITERAL"}:
            yield value
        elif op.name == "RANGE":
            yield from value
        elif op.name == "IN":
            yield from _codes(value)
        else:
            for inner in _inner(op.name, value):
                yield from _codes(inner)


def _inner(name: str, value: Any) -> Sequence[Any]:
    """Return the expressions within a node."""
    if name in _REPEATS:
        return (value[2],)
    if name == "SUBPATTERN":
        return (value[3],)
    if name == "BRANCH":
        return tuple(value[1])
    if name in {"ASSERT", "ASSERT_NOT"}:
        return (value[1],)
    if name == "ATOMIC_GROUP":
        return (value,)
    return tuple(one for one in value[1:] if one) if name == "GROUPREF_EXISTS" else ()


_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


@dataclass(slots=True)
class _Builder:
    """States joined by empty steps, and edges that take a character."""

    alphabet: str
    flags: int
    references: bool = False
    groups: dict[int, Any] = field(default_factory=dict)
    empty: list[list[int]] = field(default_factory=list)
    edges: list[tuple[int, Label, int]] = field(default_factory=list)
    begins: dict[int, int] = field(default_factory=dict)  # where a round of a loop begins: its end

    def state(self) -> int:
        if len(self.empty) > 4 * _STATES:
            raise _TooLarge
        self.empty.append([])
        return len(self.empty) - 1

    def consume(self, start: int, label: Label) -> int:
        end = self.state()
        self.edges.append((start, label, end))
        if len(self.edges) > _STATES:
            raise _TooLarge
        return end

    def sequence(self, parsed: Iterable[Any], start: int) -> int:
        for op, value in parsed:
            start = self._node(op.name, value, start)
        return start

    def _node(self, name: str, value: Any, start: int) -> int:
        if name in _LABELS:
            return self.consume(start, self._label(name, value))
        if name in {"MAX_REPEAT", "MIN_REPEAT"}:
            least, most, body = value
            return self._repeat(int(least), int(most), body, start)
        if name == "BRANCH":
            return self._either(value[1], start)
        if name == "AT":
            return self._anchor(value.name, start)
        return self._group(name, value, start)

    def _group(self, name: str, value: Any, start: int) -> int:
        if name == "SUBPATTERN":
            self.groups[value[0]] = value[3]
            return self.sequence(value[3], start)
        read = self.references and name == "GROUPREF" and value in self.groups
        return self.sequence(self.groups[value], start) if read else self._opaque(start)

    def _opaque(self, start: int) -> int:
        return self.consume(start, frozenset({f"\ue000{len(self.edges)}"}))

    def _anchor(self, name: str, start: int) -> int:
        if name in {"AT_END", "AT_END_STRING"}:
            return self.consume(start, frozenset({_END}))
        return start if name.startswith("AT_BEGINNING") else self._opaque(start)

    def _either(self, branches: Iterable[Any], start: int) -> int:
        end = self.state()
        for branch in branches:
            first = self.state()
            self.empty[start].append(first)
            self.empty[self.sequence(branch, first)].append(end)
        return end

    def _repeat(self, least: int, most: int, body: Any, start: int) -> int:
        if most <= _MANY:
            return self._rounds(least, most, body, start)
        for _ in range(min(least - 1, 2)):
            start = self.sequence(body, start)
        first, end = self.state(), self.state()
        self.empty[start].append(first)
        last = self.sequence(body, first)
        over = self.state()  # a state of its own: inner loops may end in `last`, too
        self.begins[first] = over
        self.empty[last].append(over)
        self.empty[over] += [first, end]
        if not least:
            self.empty[start].append(end)
        return end

    def _rounds(self, least: int, most: int, body: Any, start: int) -> int:
        end = self.state()
        for number in range(most):
            if number >= least:
                self.empty[start].append(end)
            first = self.state()
            self.empty[start].append(first)
            start = self.sequence(body, first)
        self.empty[start].append(end)
        return end

    def _label(self, name: str, value: Any) -> Label:
        if name == "ANY":
            every = self.alphabet if self.flags & re.DOTALL else self.alphabet.replace("\n", "")
            return frozenset(every)
        negated = name == "NOT_LITERAL" or (name == "IN" and value[0][0].name == "NEGATE")
        items = value if name == "IN" else [(_parser.LITERAL, value)]
        tests = [_test(op.name, item) for op, item in items if op.name != "NEGATE"]
        fold = bool(self.flags & re.IGNORECASE)
        return frozenset(one for one in self.alphabet if _fits(one, tests, fold=fold) != negated)


_LABELS: Final = ("LITERAL", "NOT_LITERAL", "ANY", "IN")


def _fits(char: str, tests: Iterable[Callable[[str], bool]], *, fold: bool) -> bool:
    forms = {char, char.swapcase()} if fold else {char}
    return any(test(form) for test in tests for form in forms if len(form) == 1)


def _test(name: str, value: Any) -> Callable[[str], bool]:
    if name == "LITERAL":
        return lambda char: ord(char) == value
    if name == "RANGE":
        return lambda char: value[0] <= ord(char) <= value[1]
    shape = re.compile(_CATEGORIES.get(value.name, r"(?!)"))
    return lambda char: shape.match(char) is not None


_CATEGORIES: Final = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


@dataclass(frozen=True, slots=True)
class _Positions:
    """The edges that take a character, and which may follow which, in one way or in two.

    ``accepting`` are those after which the expression may end without asking for the text's end.
    """

    labels: Sequence[Label]
    follows: Sequence[Mapping[int, int]]
    accepting: frozenset[int]

    @classmethod
    def of(cls, built: _Builder, last: int) -> _Positions:
        leaving: dict[int, list[int]] = {}
        for number, (start, _, _) in enumerate(built.edges):
            leaving.setdefault(start, []).append(number)
        follows, accepting = [], set()
        for number, (_, _, end) in enumerate(built.edges):
            ways = _ways(built, end)
            counted: dict[int, int] = {}
            for state, many in ways.items():
                for after in leaving.get(state, ()):
                    counted[after] = counted.get(after, 0) + many
            follows.append(counted)
            if last in ways:
                accepting.add(number)
        return cls([label for _, label, _ in built.edges], follows, frozenset(accepting))


def _ways(built: _Builder, start: int) -> dict[int, int]:
    """Count the ways of empty steps to each state; no loop's round is empty, as engines see to."""
    found: dict[int, int] = {}
    waiting: list[tuple[int, frozenset[int]]] = [(start, frozenset())]
    for _ in range(_WAYS):
        if not waiting:
            return found
        state, barred = waiting.pop()
        found[state] = found.get(state, 0) + 1
        if state in built.begins:
            barred |= {built.begins[state]}
        waiting += [(one, barred) for one in built.empty[state] if one not in barred]
    raise _TooLarge


def _pump(graph: _Positions) -> str:
    """Return a text that leads from a character back to it in two ways, "" if there is none."""
    for loop in _components(range(len(graph.labels)), graph.follows.__getitem__):
        if graph.accepting & loop:
            continue  # the expression is content wherever the loop stops
        if found := _twice(graph, loop) or _apart(graph, loop):
            return found
    return ""


def _twice(graph: _Positions, loop: frozenset[int]) -> str:
    """Find a step that empty rounds make possible in two ways, as in (a+)+."""
    for one in sorted(loop):
        for after, ways in sorted(graph.follows[one].items()):
            if ways > 1 and after in loop:
                back = _way((after, after), (one, one), graph, loop)
                return back if back is not None else ""
    return ""


def _apart(graph: _Positions, loop: frozenset[int]) -> str:
    """Find two ways that part and meet again, as in (a|ab|b)+."""
    if len(loop) < 2:
        return ""
    for start in sorted(loop):
        met = _way((start, start), (start, start), graph, loop, apart=True)
        if met:
            return met
    return ""


_Pair = tuple[int, int]


def _way(
    start: _Pair, goal: _Pair, graph: _Positions, loop: frozenset[int], *, apart: bool = False
) -> str | None:
    """Return the shortest text from one pair of characters to another; ``apart``: not all as one.

    The first character is that of the start. None where no text leads there.
    """
    begin = (start, False)
    before: dict[tuple[_Pair, bool], tuple[tuple[_Pair, bool], str] | None] = {begin: None}
    waiting = deque([begin])
    if start == goal and not apart:
        return _shown(graph.labels[start[0]])
    while waiting:
        here = waiting.popleft()
        for pair, char in _steps(here[0], graph, loop):
            there = (pair, here[1] or pair[0] != pair[1])
            reached = pair == goal and (there[1] or not apart)
            if reached:
                return _text(before, here) + char if apart else _read(before, here, graph) + char
            if there not in before:
                before[there] = (here, char)
                waiting.append(there)
                if len(before) > _PAIRS:
                    raise _TooLarge
    return None


def _text(before: Mapping[Any, Any], state: Any) -> str:
    """Return the characters of the way to a state, the start's own not counted."""
    taken = []
    while (step := before[state]) is not None:
        state, char = step
        taken.append(char)
    return "".join(reversed(taken))


def _read(before: Mapping[Any, Any], state: Any, graph: _Positions) -> str:
    first = state
    while before[first] is not None:
        first = before[first][0]
    return _shown(graph.labels[first[0][0]]) + _text(before, state)


def _steps(pair: _Pair, graph: _Positions, loop: frozenset[int]) -> Iterator[tuple[_Pair, str]]:
    one, other = pair
    for left in graph.follows[one]:
        if left in loop:
            for right in graph.follows[other]:
                if right in loop and (shared := graph.labels[left] & graph.labels[right]):
                    yield (min(left, right), max(left, right)), _shown(shared)


def _shown(label: Label) -> str:
    """Return the character of a class that reads best."""
    return min(label, key=lambda one: (not one.isalnum(), not one.isascii(), one))


def _components(
    nodes: Iterable[int], follows: Callable[[int], Iterable[int]]
) -> Iterator[frozenset[int]]:
    """Yield the sets of nodes that lead to one another, by their smallest; no lone ones."""
    reach = {node: _reachable(node, follows) for node in nodes}
    done: set[int] = set()
    for node, reached in reach.items():
        if node not in done and node in reached:
            loop = frozenset(one for one in reached if node in reach[one])
            done |= loop
            yield loop


def _reachable(start: int, follows: Callable[[int], Iterable[int]]) -> set[int]:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for one in follows(waiting.pop()):
            if one not in found:
                found.add(one)
                waiting.append(one)
    return found
