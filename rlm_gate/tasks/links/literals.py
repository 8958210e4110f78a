"""Calls with their literal arguments, in Python, JavaScript, TypeScript and Go.

A value is known if it is written there: a string, a joined one, a constant of the same file. What
varies becomes ``{}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rlm_gate.syntax import Node, Tree
from rlm_gate.tasks.links.parts import line_of, named, within

JAVASCRIPT = frozenset({"javascript", "typescript", "tsx"})
_CALLS = {
    "python": ("call",),
    "go": ("call_expression", "composite_literal"),
    **dict.fromkeys(JAVASCRIPT, ("call_expression", "new_expression")),
}
_TEXT = frozenset(
    {"string_content", "string_fragment", "interpreted_string_literal_content", "escape_sequence"}
    | {"raw_string_literal_content"}
)
_LITERALS = {
    "python": ("concatenated_string", "string"),
    "go": ("interpreted_string_literal", "raw_string_literal"),
    **dict.fromkeys(JAVASCRIPT, ("string", "template_string")),
}
_STRINGS = frozenset(kind for kinds in _LITERALS.values() for kind in kinds)
_JOINED = frozenset({"binary_operator", "binary_expression"})
_ASSIGNED = {
    "python": (("assignment", "left", "right"),),
    "go": (
        ("const_spec", "name", "value"),
        ("var_spec", "name", "value"),
        ("short_var_declaration", "left", "right"),
    ),
    **dict.fromkeys(JAVASCRIPT, (("variable_declarator", "name", "value"),)),
}
_NAMES = frozenset({"identifier", "member_expression", "attribute", "selector_expression"})
_WRAPPED = frozenset(
    {"array", "as_expression", "list", "literal_element", "parenthesized_expression"}
)
_DEEP = 12
_VERB = re.compile(r"%[-+#0-9.]*[sdvqxr]")


@dataclass(frozen=True, slots=True)
class Call:
    """A call: ``on`` is what stands before the last dot of what is called, ``name`` after it.

    ``values`` are the positional arguments in order, ``keywords`` those by name or the fields of an
    object given as one; None is a value that is not written there. ``decorates`` names the function
    that a Python decorator stands above.
    """

    on: str
    name: str
    line: int
    values: tuple[str | None, ...]
    keywords: Mapping[str, str | None]
    kinds: tuple[str, ...] = ()
    decorates: bool = False

    def first(self, *names: str) -> str | None:
        """Return the first of these keywords that has a value."""
        return next((found for name in names if (found := self.keywords.get(name))), None)

    @property
    def value(self) -> str | None:
        """The first positional argument."""
        return self.values[0] if self.values else None


@dataclass
class Literals:
    """The tree of one file, and the values of its constants."""

    tree: Tree
    language: str
    constants: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, left, right in _ASSIGNED[self.language]:
            for node in within(self.tree, {"kind": kind}):
                self._keep(node.field(left), node.field(right))

    def _keep(self, target: Node | None, given: Node | None) -> None:
        """Learn a constant; one that is given twice is none."""
        if target is None or given is None:
            return
        if given.kind() == "expression_list":
            given = next(iter(named(given)), None)
        value = self.value(given)
        if value is not None:
            name = target.text()
            self.constants[name] = value if self.constants.get(name, value) == value else "{}"

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every call of the file, in its order."""
        kinds = [{"kind": kind} for kind in _CALLS[self.language]]
        return tuple(self._calls(within(self.tree, {"any": kinds})))

    def strings(self) -> Iterator[tuple[int, str]]:
        """Yield line and value of every string that is no part of another."""
        kinds = [{"kind": kind} for kind in _LITERALS[self.language]]
        for node in within(self.tree, {"any": kinds}):
            above = node.parent()
            if above is None or above.kind() != "concatenated_string":
                yield line_of(node), self.value(node) or ""

    def _calls(self, nodes: Sequence[Node]) -> Iterator[Call]:
        for node in nodes:
            callee = node.field("function") or node.field("constructor") or node.field("type")
            if callee is None:
                continue
            on, _, name = callee.text().rpartition(".")
            given = node.field("arguments") or node.field("body")
            values, kinds, keywords = self._arguments(given)
            above = node.parent()
            decorates = above is not None and above.kind() == "decorator"
            yield Call(on, name, line_of(node), values, keywords, kinds, decorates)

    def _arguments(
        self, given: Node | None
    ) -> tuple[tuple[str | None, ...], tuple[str, ...], dict[str, str | None]]:
        values: list[str | None] = []
        kinds: list[str] = []
        keywords: dict[str, str | None] = {}
        for node in named(given):
            kind = node.kind()
            if kind in {"keyword_argument", "keyed_element"}:
                self._keyword(node, keywords)
                continue
            for pair in named(node) if kind == "object" else ():
                self._keyword(pair, keywords)
            values.append(self.value(node))
            kinds.append(kind)
        return tuple(values), tuple(kinds), keywords

    def _keyword(self, node: Node, keywords: dict[str, str | None]) -> None:
        parts = named(node)
        if len(parts) == 2:
            keywords[parts[0].text().strip("'\"")] = self.value(parts[1])

    def value(self, node: Node | None, depth: int = 0) -> str | None:
        """Return what the expression is, as far as it is written there."""
        if node is None or depth > _DEEP:
            return None
        kind = node.kind()
        if kind in _STRINGS:
            return "".join(self._pieces(node, depth))
        if kind in _NAMES:
            return self._named(node.text())
        if kind in _WRAPPED:
            return self.value(next(iter(named(node)), None), depth + 1)
        return self._worked_out(node, depth)

    def _worked_out(self, node: Node, depth: int) -> str | None:
        if node.kind() in _JOINED:
            return self._sum(node, depth)
        return self._formatted(node, depth) if node.kind() in {"call", "call_expression"} else None

    def _named(self, name: str) -> str | None:
        """Know a constant of the file, and Go's names of the methods of HTTP."""
        if name.startswith("http.Method"):
            return name.removeprefix("http.Method").upper()
        return self.constants.get(name)

    def _pieces(self, node: Node, depth: int) -> Iterator[str]:
        for part in node.children():
            kind = part.kind()
            if kind in _TEXT:
                yield part.text()
            elif kind in {"interpolation", "template_substitution"}:
                yield "{}"
            elif kind == "string":
                yield self.value(part, depth + 1) or ""
            elif kind == "comment" or not part.is_named() or kind.startswith("string_"):
                continue

    def _sum(self, node: Node, depth: int) -> str | None:
        """Join the sides of a plus; of a percent only the left is text."""
        left = self.value(node.field("left"), depth + 1)
        right = self.value(node.field("right"), depth + 1)
        operator = node.field("operator")
        if operator is not None and operator.text() == "%":
            return None if left is None else _VERB.sub("{}", left)
        if operator is None or operator.text() != "+" or left is None is right:
            return None
        return f"{'{}' if left is None else left}{'{}' if right is None else right}"

    def _formatted(self, node: Node, depth: int) -> str | None:
        """Return the text of ``"...".format()`` and of ``fmt.Sprintf("...")``."""
        callee = node.field("function")
        if callee is None:
            return None
        if callee.text().endswith((".Sprintf", "url.Parse", "URL", "_")):
            given = self.value(next(iter(named(node.field("arguments"))), None), depth + 1)
            return None if given is None else _VERB.sub("{}", given)
        if callee.kind() == "attribute" and callee.text().endswith(".format"):
            return self.value(callee.field("object"), depth + 1)
        return None
