"""What a condition of Kotlin proves of values from outside; its trees have no fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from rlm_gate import kept
from rlm_gate.detectors._taint.folding import first, named
from rlm_gate.detectors._taint.guards import EVERY, Proof, both, either, marks
from rlm_gate.detectors._taint.reading import PROVED, Env, Reading, guarded
from rlm_gate.detectors._taint.values import Value
from rlm_gate.syntax import Node

_NAMES: Final = frozenset({"simple_identifier", "navigation_expression", "indexing_expression"})
_SAME_TEXT: Final = kept.expression(
    r"\.(?:lowercase|uppercase|toLowerCase|toUpperCase|trim|toString|orEmpty)\(\)\Z"
)
_HOLDS: Final = frozenset({"contains", "containsKey", "containsAll"})
_EMPTY: Final = frozenset({"isEmpty", "isBlank", "isNullOrEmpty", "isNullOrBlank"})
_FULL: Final = frozenset({"isNotEmpty", "isNotBlank"})
_SURE: Final = frozenset({"matches", "matchEntire", "equals", "contentEquals"})
_LETTERS: Final = kept.expression(r"\.all\s*\{[^{}]*\bis(?:Letter|Digit|LetterOrDigit)\b[^{}]*\}\Z")
_GUARDS: Final = kept.expression(
    r"(?i)valid|allow|safe|permit|whitelist|check|verif|trusted|sanit|isAlphanumeric|isNumeric"
)


class _Reads(Protocol):
    @property
    def reading(self) -> Reading: ...

    def value(self, node: Node | None, env: Env) -> Value: ...


def after(reader: _Reads, node: Node | None, env: Env, *, holds: bool) -> Env:
    """Return the environment where the condition was met, or not."""
    if node is None or not reader.reading.seen:
        return dict(env)
    quiet = len(reader.reading.hits)
    proof = _proof(reader, node, env, holds)
    del reader.reading.hits[quiet:]  # the condition itself was judged where it stands
    return _known(env, proof)


def chosen(reader: _Reads, subject: Node | None, entry: Node, env: Env) -> Env:
    """Return the environment of a branch of ``when``: its subject is one of what it names."""
    conditions = [one for one in named(entry) if one.kind() == "when_condition"]
    if not conditions:
        return dict(env)
    if subject is None:
        alone = first(conditions[0]) if len(conditions) == 1 else None
        return after(reader, alone, env, holds=True)
    if any(re.match(r"!?is\b|!in\b", one.text()) for one in conditions):
        return dict(env)
    if any(reader.value(_listed(one), env).everything for one in conditions):
        return dict(env)
    return _known(env, marks(_tested(reader, [subject], env), EVERY))


def left(reader: _Reads, subject: Node | None, entry: Node, env: Env) -> Env:
    """Return the environment behind a branch of ``when`` that was not taken."""
    conditions = [one for one in named(entry) if one.kind() == "when_condition"]
    if subject is None and len(conditions) == 1:
        return after(reader, first(conditions[0]), env, holds=False)
    return env


def _listed(condition: Node) -> Node | None:
    inner = first(condition)
    return first(inner) if inner is not None and inner.kind() == "range_test" else inner


def _known(env: Env, proof: Proof) -> Env:
    return guarded({name: one for name, one in env.items() if not name.startswith(PROVED)}, proof)


def _proof(reader: _Reads, node: Node, env: Env, holds: bool) -> Proof:  # noqa: FBT001  # the case in hand
    kind, parts = node.kind(), named(node)
    if kind == "parenthesized_expression" and parts:
        return _proof(reader, parts[0], env, holds)
    if kind == "prefix_expression" and parts and node.text().startswith("!"):
        return _proof(reader, parts[-1], env, not holds)
    if kind in {"conjunction_expression", "disjunction_expression"} and len(parts) == 2:
        one, other = (_proof(reader, part, env, holds) for part in parts)
        return both(one, other) if (kind[0] == "c") == holds else either(one, other)
    if kind in {"equality_expression", "check_expression"} and len(parts) == 2:
        return _of_two(reader, node, parts, env, holds)
    return _of_call(reader, node, env, holds) if kind == "call_expression" else {}


def _of_two(reader: _Reads, node: Node, parts: Sequence[Node], env: Env, holds: bool) -> Proof:  # noqa: FBT001  # as above
    sign = "".join(one.text() for one in node.children() if not one.is_named())
    left, right = (reader.value(one, env) for one in parts)
    if sign in {"==", "===", "!=", "!=="}:
        same = holds == (sign[0] == "=")
        known = not (left.everything and right.everything)
        return marks(_tested(reader, parts, env), EVERY) if same and known else {}
    if sign not in {"in", "!in"}:
        return {}
    if holds == (sign == "in"):
        return {} if right.everything else marks(_tested(reader, parts[:1], env), EVERY)
    kinds = reader.reading.specs.replacing.get(left.const, frozenset()) if left.known else None
    return marks(_tested(reader, parts[1:], env), kinds) if kinds else {}


def _of_call(reader: _Reads, node: Node, env: Env, holds: bool) -> Proof:  # noqa: FBT001  # as above
    parts = named(node)
    suffix = next((one for one in parts if one.kind() == "call_suffix"), None)
    function = parts[0] if parts and parts[0] is not suffix else None
    if function is None or suffix is None:
        return {}
    owner = first(function) if function.kind() == "navigation_expression" else None
    method = re.split(r"[.?:]", function.text())[-1]
    given = _given(suffix)
    if method in _HOLDS and owner is not None and given:
        return _of_list(reader, owner, given[0], env, holds)
    if method in _EMPTY | _FULL and owner is not None:
        empty = holds == (method in _EMPTY)
        return marks(_tested(reader, [owner], env), EVERY) if empty else {}
    return _of_yes(reader, node, method, [owner, *given], env) if holds else {}


def _of_yes(
    reader: _Reads, node: Node, method: str, parts: Sequence[Node | None], env: Env
) -> Proof:
    """Say what the yes of a call proves of its receiver and of what it is given."""
    tested = _tested(reader, [one for one in parts if one is not None], env)
    if kinds := reader.reading.specs.clean.find(method):
        return marks(tested, frozenset(kinds))
    sure = method in _SURE or _GUARDS.search(method) or _LETTERS.search(node.text())
    return marks(tested, EVERY) if sure else {}


def _of_list(reader: _Reads, owner: Node, piece: Node, env: Env, found: bool) -> Proof:  # noqa: FBT001  # as above
    whole, part = reader.value(owner, env), reader.value(piece, env)
    if found and not whole.everything:
        return marks(_tested(reader, [piece], env), EVERY)
    if found or not isinstance(part.const, str):
        return {}
    kinds = reader.reading.specs.replacing.get(part.const, frozenset())
    return marks(_tested(reader, [owner], env), kinds) if kinds else {}


def _given(suffix: Node) -> list[Node]:
    holder = next((one for one in named(suffix) if one.kind() == "value_arguments"), None)
    arguments = named(holder) if holder is not None else []
    return [named(one)[-1] for one in arguments if one.kind() == "value_argument" and named(one)]


def _tested(reader: _Reads, nodes: Iterable[Node], env: Env) -> list[Value]:
    """Return what is tested itself, not what other calls make of it."""
    found = []
    for node in nodes:
        current: Node | None = node
        while current is not None and current.kind() == "call_expression":
            same = _SAME_TEXT.search(current.text())
            function = first(current) if same else None
            current = first(function) if function is not None else None
        if current is not None and current.kind() in _NAMES:
            found.append(reader.value(current, env))
    return found
