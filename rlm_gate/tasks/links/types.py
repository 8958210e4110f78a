"""Types that a file declares, with their members: so that two of one shape are seen."""

from __future__ import annotations

from collections.abc import Iterator

from rlm_gate.syntax import Node, Tree
from rlm_gate.tasks.links.facts import DEFINES, TYPE, Fact
from rlm_gate.tasks.links.parts import line_of, within

_SCRIPT: dict[str, tuple[str, ...]] = {
    "interface_declaration": ("property_signature",),
    "type_alias_declaration": ("property_signature",),
    "class_declaration": ("public_field_definition", "field_definition"),
    "enum_declaration": ("enum_assignment", "property_identifier"),
}
_DECLARED: dict[str, dict[str, tuple[str, ...]]] = {
    "python": {"class_definition": ("typed_parameter", "assignment")},
    "go": {"type_spec": ("field_declaration",)},
    "javascript": {"class_declaration": ("field_definition",)},
    "typescript": _SCRIPT,
    "tsx": _SCRIPT,
}


def types(tree: Tree, language: str) -> Iterator[Fact]:
    """Yield the classes, structs, interfaces and enums of a file."""
    for kind, members in _DECLARED[language].items():
        for node in within(tree, {"kind": kind}):
            name = node.field("name")
            if name is not None:
                yield Fact(TYPE, DEFINES, name.text(), line_of(name), _members(node, members))


def _members(node: Node, kinds: tuple[str, ...]) -> tuple[str, ...]:
    names: set[str] = set()
    for kind in kinds:
        for part in within(node, {"kind": kind}) if kind in _known(node) else ():
            if kind == "field_declaration":
                fields = (one for one in part.children() if one.kind() == "field_identifier")
                names.update(one.text() for one in fields)
                continue
            name = part.field("name") or part.field("left") or part
            if kind != "assignment" or (name.kind() == "identifier" and part.field("type")):
                names.add(name.text())
    return tuple(sorted(names))


def _known(node: Node) -> frozenset[str]:
    """Return the kinds that occur below it: asking for another is an error in some grammars."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        for part in waiting.pop().children():
            found.add(part.kind())
            waiting.append(part)
    return frozenset(found)
