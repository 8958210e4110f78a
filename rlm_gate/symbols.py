"""The named pieces of a syntax tree: functions, classes and their like. Knows no parser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from rlm_gate.core.records import dataclass

_Node = Any  # of ast-grep, whose only home is syntax


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A named piece of a file, nested names joined by dots. Lines are 1-based, ends inclusive.

    ``kind`` is class, function, method, interface, type, enum or module.
    """

    start: int
    end: int
    name: str
    kind: str


def outline(nodes: Sequence[_Node], language: str) -> tuple[Symbol, ...]:
    """Return the symbols that nodes of the language's ``KINDS`` make, outer before inner."""
    return tuple(_nested(_pieces(nodes, KINDS[language])))


# Node kinds that make a symbol, by language. An "owner" only lends its name to what is inside; a
# "value" is a function only if a function is what it is given.
_JAVASCRIPT = {
    "class_declaration": "class",
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "method_definition": "method",
    "variable_declarator": "value",
    "field_definition": "value",
    "pair": "value",
    "assignment_expression": "value",
}
_TYPESCRIPT = {
    **{kind: name for kind, name in _JAVASCRIPT.items() if kind != "field_definition"},
    "abstract_class_declaration": "class",
    "public_field_definition": "value",
    "interface_declaration": "interface",
    "type_alias_declaration": "type",
    "enum_declaration": "enum",
    "internal_module": "module",
}
_C = {"function_definition": "function", "struct_specifier": "class", "enum_specifier": "enum"}
KINDS: Final[Mapping[str, Mapping[str, str]]] = {
    "bash": {"function_definition": "function"},
    "c": _C,
    "cpp": {**_C, "class_specifier": "class", "namespace_definition": "module"},
    "csharp": {
        "class_declaration": "class",
        "constructor_declaration": "method",
        "enum_declaration": "enum",
        "interface_declaration": "interface",
        "local_function_statement": "function",
        "method_declaration": "method",
        "namespace_declaration": "module",
        "property_declaration": "method",
        "record_declaration": "class",
        "struct_declaration": "class",
    },
    "go": {
        "function_declaration": "function",
        "method_declaration": "method",
        "type_spec": "type",
    },
    "java": {
        "class_declaration": "class",
        "constructor_declaration": "method",
        "enum_declaration": "enum",
        "interface_declaration": "interface",
        "method_declaration": "method",
        "record_declaration": "class",
    },
    "javascript": _JAVASCRIPT,
    "kotlin": {
        "class_declaration": "class",
        "function_declaration": "function",
        "object_declaration": "class",
    },
    "lua": {"function_declaration": "function"},
    "php": {
        "class_declaration": "class",
        "enum_declaration": "enum",
        "function_definition": "function",
        "interface_declaration": "interface",
        "method_declaration": "method",
        "trait_declaration": "class",
    },
    "python": {"class_definition": "class", "function_definition": "function"},
    "ruby": {
        "class": "class",
        "method": "method",
        "module": "module",
        "singleton_method": "method",
    },
    "rust": {
        "enum_item": "enum",
        "function_item": "function",
        "impl_item": "owner",
        "macro_definition": "function",
        "mod_item": "module",
        "struct_item": "class",
        "trait_item": "interface",
    },
    "scala": {
        "class_definition": "class",
        "function_definition": "function",
        "object_definition": "class",
        "trait_definition": "interface",
    },
    "swift": {
        "class_declaration": "class",
        "function_declaration": "function",
        "init_declaration": "method",
        "protocol_declaration": "interface",
    },
    "tsx": _TYPESCRIPT,
    "typescript": _TYPESCRIPT,
}
_VALUES = {
    "arrow_function": "function",
    "class": "class",
    "function_expression": "function",
    "generator_function": "function",
}
_HOLDERS = {"class", "interface", "owner", "type", "enum"}  # a function directly in one: a method
_IDENTIFIERS = {"identifier", "simple_identifier", "type_identifier"}
_RECEIVER = re.compile(r"\w+(?=\s*(?:\[.*\])?\s*\)\Z)")


class _Piece(NamedTuple):
    """A symbol before nesting, with its place in code points: many can share a line."""

    start: int
    end: int
    symbol: Symbol


def _pieces(nodes: Sequence[_Node], kinds: Mapping[str, str]) -> Iterator[_Piece]:
    for node in nodes:
        kind, name = _kind(node, kinds), _name(node)
        if kind and name:
            outer = _decorated(node).range()
            symbol = Symbol(outer.start.line + 1, outer.end.line + 1, name, kind)
            yield _Piece(outer.start.index, outer.end.index, symbol)


def _kind(node: _Node, kinds: Mapping[str, str]) -> str:
    kind = kinds[node.kind()]
    if kind != "value":
        return kind
    value = node.field("value") or node.field("right")
    return _VALUES.get(value.kind(), "") if value is not None else ""


def _decorated(node: _Node) -> _Node:
    parent = node.parent()
    return parent if parent is not None and parent.kind() == "decorated_definition" else node


def _name(node: _Node) -> str:
    """Return the symbol's own name; a Go method is named with its receiver's type."""
    if node.kind() == "function_definition" and node.field("declarator") is not None:
        named = _declared(node)
    else:
        fields = (node.field(field) for field in ("name", "property", "key", "left", "type"))
        named = next((field for field in fields if field is not None), None)
    named = named or next((part for part in node.children() if part.kind() in _IDENTIFIERS), None)
    receiver = node.field("receiver")
    owner = _RECEIVER.search(receiver.text()) if receiver is not None else None
    name = "".join(named.text().split()) if named is not None else ""
    return f"{owner[0]}.{name}" if owner else name


def _declared(node: _Node) -> _Node | None:
    """Follow C's declarators (pointers, arrays, parentheses) inwards to the name."""
    inner: _Node | None = node
    while inner is not None and (inner is node or inner.kind().endswith("declarator")):
        nested = inner.field("declarator")
        named = (part for part in inner.children() if part.is_named())
        inner = nested if nested is not None else next(named, None)
    return inner


def _nested(pieces: Iterator[_Piece]) -> Iterator[Symbol]:
    """Join nested names by dots, tell methods from functions, drop the owners."""
    around: list[_Piece] = []
    for piece in sorted(pieces, key=lambda piece: (piece.start, -piece.end)):
        while around and around[-1].end < piece.end:
            around.pop()
        symbol = piece.symbol
        if around:
            outer = around[-1].symbol
            method = symbol.kind == "function" and outer.kind in _HOLDERS
            name, kind = f"{outer.name}.{symbol.name}", "method" if method else symbol.kind
            symbol = replace(symbol, name=name, kind=kind)
        around.append(piece._replace(symbol=symbol))
        if symbol.kind != "owner":
            yield symbol
