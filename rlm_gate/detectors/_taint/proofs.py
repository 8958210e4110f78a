"""What a condition of JavaScript, Java, Go or PHP proves; ``guards`` is that for Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from rlm_gate import kept
from rlm_gate.detectors._taint.empty import emptied
from rlm_gate.detectors._taint.folding import first
from rlm_gate.detectors._taint.guards import (
    EVERY,
    Noting,
    Proof,
    both,
    either,
    is_sure,
    marks,
    pieces,
)
from rlm_gate.detectors._taint.reading import PROVED, Env, Reading, guarded
from rlm_gate.detectors._taint.targets import CALLS, ELEMENTS, MEMBERS, argued, indexed
from rlm_gate.detectors._taint.values import Value
from rlm_gate.syntax import Node

_NAMES: Final = ("identifier", "variable_name")
_PLAIN: Final = (*_NAMES, *MEMBERS, *ELEMENTS)
_SAME_TEXT: Final = kept.expression(
    r"\.(?:toLowerCase|toUpperCase|trim|toString|strip|getHost|hostname|host|getPath|normalize|ToLower|ToUpper|ToLowerInvariant|ToUpperInvariant|Trim|ToString|Host)\Z"
)
_LISTS: Final = kept.expression(
    r"(?:\A|\.)(?:includes|has|contains|containsKey|Contains|ContainsKey|ContainsAny|Index"
    r"|in_array|array_key_exists|array_search|str_contains|strpos|stripos)\Z"
)
_NEEDLE_FIRST: Final = kept.expression(r"(?:in_array|array_key_exists|array_search)\Z")
_EQUALS: Final = kept.expression(r"\.(?:equals|Equals|equalsIgnoreCase|EqualFold|contentEquals)\Z")
_MATCHES: Final = kept.expression(
    r"(?:\A|\.)(?:test|exec|match|matches|MatchString|find|lookingAt|IsMatch|preg_match|filter_var)\Z"
)
_BEGINS: Final = kept.expression(
    r"(?:\A|\.)(?:startsWith|StartsWith|HasPrefix|hasPrefix|str_starts_with)\Z"
)
_NUMBER: Final = kept.expression(
    r"(?:\A|\.)(?:isInteger|isSafeInteger|isNumeric|isInt|isUUID|isAlphanumeric|is_numeric"
    r"|is_int|ctype_\w+)\Z"
)
# what a request answers in the same way when it is asked again: r.FormValue("name")
_GETS: Final = kept.expression(
    r"[\w.$>()-]*(?:\.|->)(?i:get|input|query|post|param|\w*value|\w*param|header|cookie)\w*\(\s*[\"'][\w.\[\]-]*[\"']\s*\)\Z"
)
_EMPTY: Final = frozenset({"empty", "is_null", "isset"})  # of PHP
_NOWHERE: Final = ("-1", "false", "FALSE")

_HOST: Final = kept.expression(r"\.(?:hostname|host|origin)\Z")
_LOCAL: Final = frozenset({"redirect"})


class _Evaluates(Protocol):
    @property
    def reading(self) -> Reading: ...

    def value(self, node: Node | None, env: Env) -> Value: ...


def after(reader: _Evaluates, node: Node | None, env: Env, *, holds: bool) -> Env:
    """Return the environment where the condition was met, or not."""
    if node is None or not reader.reading.seen:
        return dict(env)
    quiet = len(reader.reading.hits)
    tested: dict[str, Value] = {}
    proof = _proof(Noting(reader, tested), node, env, holds)
    del reader.reading.hits[quiet:]  # the condition itself was judged where it stands
    known = _proved(reader, tested, proof, env) if proof else dict(env)
    return {**known, **emptied(reader.reading, node, known, holds=holds)}


def chosen(reader: _Evaluates, subject: Node | None, env: Env) -> Env:
    """Return the environment where the subject of a switch is one of the author's constants."""
    tested: dict[str, Value] = {}
    proof = marks(_tested(Noting(reader, tested), [subject] if subject else [], env), EVERY)
    return _proved(reader, tested, proof, env) if proof else env


def _proved(
    reader: _Evaluates, tested: Mapping[str, Value], proof: Proof, env: Env
) -> dict[str, Value]:
    proved = guarded({f"{PROVED}{text}": value for text, value in tested.items()}, proof)
    reader.reading.asked = reader.reading.asked or any(text.endswith(")") for text in tested)
    return {**guarded(env, proof), **proved}


def _proof(reader: _Evaluates, node: Node, env: Env, holds: bool) -> Proof:  # noqa: FBT001  # the case in hand
    kind = node.kind()
    inner = first(node)
    if kind == "parenthesized_expression" and inner is not None:
        return _proof(reader, inner, env, holds)
    if (
        kind in {"unary_expression", "unary_op_expression", "prefix_unary_expression"}
        and inner is not None
        and node.text().startswith("!")
    ):
        return _proof(reader, inner, env, not holds)
    if kind == "binary_expression":
        return _of_two(reader, node, env, holds)
    if kind in CALLS:
        return _of_call(reader, node, env, holds)
    return _of_presence(reader, node, env) if holds else _of_absence(reader, node, env)


def _of_absence(reader: _Evaluates, node: Node, env: Env) -> Proof:
    """Read ``!$x``: what is empty in PHP does no harm, whoever left it so."""
    is_php = node.text().startswith("$")
    return marks(_tested(reader, [node], env), EVERY) if is_php else {}


def _of_two(reader: _Evaluates, node: Node, env: Env, holds: bool) -> Proof:  # noqa: FBT001  # as above
    sign, left, right = node.field("operator"), node.field("left"), node.field("right")
    if sign is None or left is None or right is None:
        return {}
    if sign.text() in {"&&", "||"}:
        one, other = _proof(reader, left, env, holds), _proof(reader, right, env, holds)
        return both(one, other) if (sign.text() == "&&") == holds else either(one, other)
    return _of_comparison(reader, sign.text(), (left, right), env, holds)


def _of_comparison(
    reader: _Evaluates,
    sign: str,
    sides: tuple[Node, Node],
    env: Env,
    holds: bool,  # noqa: FBT001  # as above
) -> Proof:
    left = sides[0]
    if (found := _of_index(reader, sign, sides, env, holds)) is not None:
        return found
    values = [reader.value(one, env) for one in sides]
    if sign == "in" and holds and not values[1].everything:
        return marks(_tested(reader, pieces(left), env), EVERY)
    if (checked := _of_null(reader, sign, sides, env, holds)) is not None:
        return checked
    equal = (sign in {"==", "==="} and holds) or (sign in {"!=", "!=="} and not holds)
    if equal and left.kind() == "unary_expression" and left.text().startswith("typeof"):
        return _of_type(reader, left, values[1], env)
    if equal and not all(one.everything for one in values):
        return marks(_tested(reader, (part for one in sides for part in pieces(one)), env), EVERY)
    return {}


def _of_null(
    reader: _Evaluates,
    sign: str,
    sides: tuple[Node, Node],
    env: Env,
    holds: bool,  # noqa: FBT001  # as above
) -> Proof | None:
    """Read ``check(x) != null``: such a function returns nothing for what it refuses."""
    call, other = sides
    nothing = other.kind() in {"null", "null_literal", "nil", "undefined"}
    if not nothing or call.kind() not in CALLS:
        return None
    there = (sign in {"!=", "!=="}) == holds
    words = reader.reading.words.data["guard_words"]
    method = _written(call).rpartition(".")[2]
    if not there or not re.search(rf"{words}|[fF]ilter", method):
        return {}
    return marks(_tested(reader, _parts(call)[1], env), EVERY)


def _of_type(reader: _Evaluates, node: Node, kind: Value, env: Env) -> Proof:
    """Read ``typeof x === "string"``: no object, so no operators of a query."""
    inner = first(node)
    kinds = {"number": EVERY, "boolean": EVERY, "string": frozenset({"nosql"})}.get(kind.const)
    return marks(_tested(reader, [inner], env), kinds) if inner is not None and kinds else {}


def _of_index(
    reader: _Evaluates,
    sign: str,
    sides: tuple[Node, Node],
    env: Env,
    holds: bool,  # noqa: FBT001  # as above
) -> Proof | None:
    """Read ``list.indexOf(x) >= 0`` and ``text.indexOf("..") === -1``."""
    call = next(
        (one for one in sides if re.search(r"(?i)indexOf\(|\.Index\(|\bstri?pos\(", one.text())),
        None,
    )
    if call is None or call.kind() not in CALLS:
        return None
    other = next(one for one in sides if one is not call).text()
    absent = (sign in {"==", "==="} and other in _NOWHERE) or (sign == "<" and other == "0")
    present = (sign in {"!=", "!==", ">"} and other in _NOWHERE) or (sign == ">=" and other == "0")
    if not absent and not present:
        return {}
    return _of_list(reader, call, env, present == holds)


def _of_list(reader: _Evaluates, call: Node, env: Env, found: bool) -> Proof:  # noqa: FBT001  # as above
    """Say what it proves that something is, or is not, in a list or text."""
    owner, arguments = _parts(call)
    if not arguments:
        return {}
    if (
        owner is None or len(arguments) > 1
    ):  # strings.Contains(text, piece), slices.Contains(list, it)
        back = bool(_NEEDLE_FIRST.search(_written(call)))
        arguments = arguments[1::-1] if back else arguments
        owner, arguments = arguments[0], arguments[1:] or arguments[:1]
    whole, piece = reader.value(owner, env), reader.value(arguments[0], env)
    if found and not whole.everything:
        return marks(_tested(reader, pieces(arguments[0]), env), EVERY)
    if not found and isinstance(piece.const, str):
        kinds = reader.reading.specs.replacing.get(piece.const, frozenset())
        return marks(_tested(reader, [owner], env), kinds) if kinds else {}
    return {}


def _of_call(reader: _Evaluates, node: Node, env: Env, holds: bool) -> Proof:  # noqa: FBT001  # as above
    owner, arguments = _parts(node)
    name = _name(reader, node, owner, env)
    if _LISTS.search(name):
        return _of_list(reader, node, env, holds)
    if name in _EMPTY and len(arguments) == 1:
        there = holds == (name == "isset")
        return (_of_presence if there else _of_absence)(reader, arguments[0], env)
    if not holds:
        return _of_other_beginning(reader, name, owner, arguments, env)
    every = [one for one in (owner, *arguments) if one is not None]
    tested = _tested(reader, every, env)
    if kinds := reader.reading.specs.clean.find(name):
        return marks(tested, frozenset(kinds))
    return marks(tested, EVERY) if _is_check(reader, name, every, env) else {}


def _of_other_beginning(
    reader: _Evaluates, name: str, owner: Node | None, arguments: Sequence[Node], env: Env
) -> Proof:
    """Read ``!x.startsWith("//")``: it names no other host."""
    if len(arguments) > 1:  # strings.HasPrefix(x, "//")
        owner, arguments = arguments[0], arguments[1:]
    if owner is None or not arguments or not _BEGINS.search(name):
        return {}
    prefix = reader.value(arguments[0], env).const
    return marks(_tested(reader, [owner], env), _LOCAL) if prefix == "//" else {}


def _is_check(reader: _Evaluates, name: str, parts: Sequence[Node], env: Env) -> bool:
    """Say whether a call's yes proves that what it was given is harmless."""
    if _BEGINS.search(name):
        return is_sure([reader.value(one, env) for one in parts][1:])
    if _EQUALS.search(name):
        return not all(reader.value(one, env).everything for one in parts[-2:])
    if any("VALIDATE_URL" in one.text() for one in parts):
        return False
    words = reader.reading.words.data["guard_words"]
    known = _MATCHES.search(name) or _NUMBER.search(name)
    return known is not None or re.search(words, name.rpartition(".")[2]) is not None


def _of_presence(reader: _Evaluates, node: Node, env: Env) -> Proof:
    """Read ``table[x]``, and ``ok`` after ``_, ok := table[x]``: what is in a table is known."""
    if node.kind() in _NAMES:
        tested = env.get(f"{node.text()}?")
        return marks([tested], EVERY) if tested is not None else {}
    if node.kind() not in {"subscript_expression", "index_expression"}:
        return {}
    owner, key = indexed(node)
    if owner is None or key is None or reader.value(owner, env).everything:
        return {}
    return marks(_tested(reader, [key], env), EVERY)


def _parts(call: Node) -> tuple[Node | None, list[Node]]:
    """Return the object a call is upon, and its arguments."""
    function = call.field("function") or call
    owner = function.field("object") or function.field("operand")
    arguments = call.field("arguments")
    return owner, argued(arguments)


def _name(reader: _Evaluates, node: Node, owner: Node | None, env: Env) -> str:
    function = node.field("function") or node.field("name")
    field = function.field("property") or function.field("field") if function is not None else None
    last = field or function
    written = last.text() if last is not None else ""
    if owner is None:
        known = env.get(written)
        return known.name if known is not None and known.name else written
    return f"{reader.value(owner, env).name or '?'}.{written}"


def _tested(reader: _Evaluates, nodes: Iterable[Node], env: Env) -> list[Value]:
    """Return what is tested itself: variables and members, not what other calls make of them."""
    found = []
    for node in nodes:
        current: Node | None = node
        if node.kind() in CALLS and _GETS.match(node.text()):
            asked = reader.value(node, env)
            if asked.taints and isinstance(reader, Noting):
                reader.tested[node.text()] = asked
                found.append(asked)
        while current is not None and current.kind() in CALLS:
            owner, arguments = _parts(current)
            current = None if arguments or not _SAME_TEXT.search(_written(current)) else owner
        if current is not None and current.kind() in _PLAIN:
            value = reader.value(current, env)
            found.append(value)
            if _HOST.search(current.text()):  # whose host is known may be asked
                found.append(reader.value(current.field("object"), env))
            if current.kind() not in _NAMES and value.tainted and isinstance(reader, Noting):
                reader.tested[current.text()] = value
    return found


def _written(call: Node) -> str:
    function = call.field("function")
    name = call.field("name")
    return (
        function.text() if function is not None else f".{name.text()}" if name is not None else ""
    )
