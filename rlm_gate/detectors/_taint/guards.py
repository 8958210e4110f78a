"""What a condition proves of values from outside: after it they can't do some or any harm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from rlm_gate import kept
from rlm_gate.core.records import dataclass
from rlm_gate.detectors._taint.empty import emptied
from rlm_gate.detectors._taint.reading import PROVED, Env, Reading, guarded
from rlm_gate.detectors._taint.values import ALL, Value
from rlm_gate.syntax import Node

Proof = dict[int, frozenset[str]]
EVERY = frozenset({ALL})
_SHAPES = kept.expression(r"is(?:digit|alnum|alpha|numeric|decimal|identifier)\Z")
_MATCHES = kept.expression(r"(?:\A|\.)(?:match|fullmatch)\Z")
_GETS = kept.expression(r"[\w.]+\.get\w*\([^()]*\)\Z")
_JOINS = frozenset(
    (
        "argument",
        "binary_expression",
        "binary_operator",
        "encapsed_string",
        "interpolation",
        "parenthesized_expression",
        "string",
        "template_string",
        "template_substitution",
    )
)
_CALLS = frozenset(
    (
        "call",
        "call_expression",
        "function_call_expression",
        "member_call_expression",
        "method_invocation",
        "scoped_call_expression",
    )
)
_JOINED = kept.expression(r"(?:\A|\.)(?:join|resolve|Join|format|Sprintf|sprintf)\Z")
_SURE_START = 8  # characters: shorter ones ("/", "http") prove nothing


class _Evaluates(Protocol):
    @property
    def reading(self) -> Reading: ...

    def value(self, node: Node | None, env: Env) -> Value: ...


def after(reader: _Evaluates, node: Node | None, env: Env, *, holds: bool) -> Env:
    """Return the environment where the condition was met, or not."""
    if node is None or not _any_tainted(env):
        return dict(env)
    quiet = len(reader.reading.hits)
    tested: dict[str, Value] = {}
    proof = _proof(_NotingAll(reader, tested), node, env, holds)
    del reader.reading.hits[quiet:]  # the condition itself was judged where it stands
    empty = emptied(reader.reading, node, env, holds=holds)
    if not proof:
        return {**env, **empty}
    known = {f"{PROVED}{text}": one for text, one in tested.items() if one.taints[0].ident in proof}
    proved = guarded(known, proof)
    reader.reading.proved = reader.reading.proved or bool(proved)
    return {**guarded(env, proof), **proved, **empty}


@dataclass(slots=True)
class Noting:
    """A reader, and the values that a condition tested, by their text."""

    reader: _Evaluates
    tested: dict[str, Value]

    @property
    def reading(self) -> Reading:
        """Return what is read."""
        return self.reader.reading

    def value(self, node: Node | None, env: Env) -> Value:
        """Return the value of an expression."""
        return self.reader.value(node, env)


class _NotingAll(Noting):
    """Notes by itself what it is asked for: the same text later is the same value."""

    __slots__ = ()

    def value(self, node: Node | None, env: Env) -> Value:
        value = self.reader.value(node, env)
        if node is not None and value.taints and _reads_the_same(node):
            self.tested[node.text()] = value
        return value


def _reads_the_same(node: Node) -> bool:
    """Say whether the expression has the same value when it stands there again."""
    if node.kind() == "call":
        return _GETS.match(node.text()) is not None
    return node.kind() in {"attribute", "subscript"}


def both(one: Proof, other: Proof) -> Proof:
    """Return what is proved where both hold."""
    return {key: one.get(key, frozenset()) | other.get(key, frozenset()) for key in {*one, *other}}


def either(one: Proof, other: Proof) -> Proof:
    """Return what is proved where one of them holds, not known which."""
    return {key: one[key] & other[key] for key in one.keys() & other.keys()}


def marks(values: Iterable[Value], kinds: frozenset[str]) -> Proof:
    """Return the proof that these values can do no harm of these kinds."""
    return {way.ident: kinds for value in values for one in value.everything for way in one.ways}


def pieces(node: Node) -> Iterator[Node]:
    """Yield what a text is joined of: who knows the whole text knows its parts too."""
    kind = node.kind()
    if kind in _JOINS and _joining(node):
        inside: Iterable[Node] = (one for one in node.children() if one.is_named())
    elif kind in _CALLS and _JOINED.search(_called(node)):
        given = node.field("arguments")
        inside = (one for one in given.children() if one.is_named()) if given is not None else ()
    else:
        yield node
        return
    for one in inside:
        yield from pieces(one)


def _joining(node: Node) -> bool:
    sign = node.field("operator")
    return sign is None or sign.text() in {"+", ".", "%", "/"}


def _called(call: Node) -> str:
    named = call.field("function") or call.field("name")
    return named.text() if named is not None else ""


def is_sure(values: Iterable[Value]) -> bool:
    """Say whether a text that begins with one of these is bound by it."""
    return any(
        not value.everything
        and (not isinstance(value.const, str) or len(value.const) >= _SURE_START)
        for value in values
    )


def _any_tainted(env: Env) -> bool:
    """Look at the fields first: a module's names are many, and nearly all bare."""
    return any(value.taints or (value.items and value.tainted) for value in env.values())


def _proof(reader: _Evaluates, node: Node, env: Env, holds: bool) -> Proof:  # noqa: FBT001  # the case in hand
    kind = node.kind()
    if kind in {"parenthesized_expression", "not_operator"}:
        inner = [part for part in node.children() if part.is_named()]
        return _proof(reader, inner[0], env, holds != (kind == "not_operator")) if inner else {}
    if kind == "boolean_operator":
        return _of_both(reader, node, env, holds)
    if kind == "comparison_operator":
        return _of_comparison(reader, node, env, holds)
    if kind == "call" and holds:
        return _of_call(reader, node, env)
    return {}


def _of_both(reader: _Evaluates, node: Node, env: Env, holds: bool) -> Proof:  # noqa: FBT001  # as above
    sign, left, right = node.field("operator"), node.field("left"), node.field("right")
    if sign is None or left is None or right is None:
        return {}
    one, other = _proof(reader, left, env, holds), _proof(reader, right, env, holds)
    return both(one, other) if (sign.text() == "and") == holds else either(one, other)


def _of_comparison(reader: _Evaluates, node: Node, env: Env, holds: bool) -> Proof:  # noqa: FBT001  # as above
    parts = [part for part in node.children() if part.is_named()]
    sign = " ".join(part.text() for part in node.children() if not part.is_named())
    if len(parts) != 2:
        return {}
    left, right = (reader.value(part, env) for part in parts)
    if sign in {"not in", "!="}:
        sign, holds = {"not in": "in", "!=": "=="}[sign], not holds
    if sign == "in" and left.known and not holds:
        kinds = reader.reading.specs.replacing.get(left.const, frozenset())
        return marks((right,), kinds) if kinds else {}
    if sign == "in" and holds and not right.everything:
        return marks((left, *_parts(reader, parts[:1], env)), EVERY)
    if sign == "==" and holds and not (left.everything and right.everything):
        return marks((left, right, *_parts(reader, parts, env)), EVERY)
    return {}


def _parts(reader: _Evaluates, nodes: Iterable[Node], env: Env) -> list[Value]:
    return [reader.value(one, env) for node in nodes for one in pieces(node)]


def _of_call(reader: _Evaluates, node: Node, env: Env) -> Proof:
    function = node.field("function")
    if function is None:
        return {}
    name = reader.value(function, env).name or function.text()
    arguments = node.field("arguments")
    values = (
        [reader.value(part, env) for part in arguments.children() if part.is_named()]
        if arguments
        else []
    )
    receiver = reader.value(function.field("object"), env)
    method = name.rpartition(".")[2]
    if kinds := reader.reading.specs.clean.find(name):
        return marks((*values, receiver), frozenset(kinds))
    if _SHAPES.match(method) or (method == "startswith" and is_sure(values)):
        return marks((receiver,), EVERY)
    if _MATCHES.search(name) or re.search(reader.reading.words.data["guard_words"], method):
        return marks((*values, receiver), EVERY)
    return {}


__all__: Sequence[str] = ["Mapping", "after"]
