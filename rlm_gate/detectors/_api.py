"""Read the public names of a file, what is said of them, and which parameters are described.

Python, JavaScript, TypeScript, Go and Java, by ast-grep's trees. Knows the conventions of each
language's comments, and no types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rlm_gate import kept
from rlm_gate.core import split_lines
from rlm_gate.core.records import dataclass
from rlm_gate.detectors import _glance
from rlm_gate.syntax import Node, Tree, parse


@dataclass(frozen=True, slots=True)
class Symbol:
    """A public name: its lines (1-based, inclusive), and whether a comment or docstring has it."""

    name: str
    start: int
    end: int
    documented: bool


@dataclass(frozen=True, slots=True)
class Described:
    """A parameter that a comment describes, in which line, of a function with that signature.

    ``known`` are the names of the signature, ``signature`` its first and last line.
    """

    name: str
    line: int
    known: frozenset[str]
    signature: tuple[int, int]


_ALL = kept.expression(r"^__all__\s*(?::[^=\n]+)?=\s*[\[(]([^\])]*)[\])]", re.MULTILINE)
_WORD = kept.expression(r"\w+")
_SMALL = 3  # lines of what explains itself: accessors, empty classes


def symbols(text: str, language: str) -> tuple[Symbol, ...]:
    """Return the public names of the file, in the order of the text."""
    return _symbols(parse(text, language), text, language)


def documented_beside(text: str, language: str) -> tuple[bool, ...]:
    """Say of each public name of a file that nobody judges whether it has a comment.

    Its tree is not kept, and that of a plain Python file not made.
    """
    if language == "python" and (glanced := _glance.documented(text)) is not None:
        words = _named(text)
        return tuple(told for name, told in glanced if words is None or name in words)
    return tuple(one.documented for one in _symbols(Tree(text, language), text, language))


def _symbols(tree: Tree, text: str, language: str) -> tuple[Symbol, ...]:
    found = _READERS[language](tree.root)
    words = _named(text) if language == "python" else None
    return tuple(one for one in found if words is None or one.name in words)


def _named(text: str) -> frozenset[str] | None:
    """Return what a Python module's ``__all__`` names."""
    listed = _ALL.search(text)
    return frozenset(_WORD.findall(listed[1])) if listed else None


def described(text: str, language: str) -> Iterator[Described]:
    """Yield every parameter that the docstring or comment of a function describes."""
    root = parse(text, language).root
    lines = split_lines(text)
    if language == "python":
        for node in root.find_all(kind="function_definition"):
            yield from _of_docstring(node, lines)
    elif language == "java":
        for kind in ("method_declaration", "constructor_declaration"):
            for node in root.find_all(kind=kind):
                yield from _of_javadoc(node)


def _symbol(node: Node, name: str, *, documented: bool, outer: Node | None = None) -> Symbol:
    span = (outer or node).range()
    return Symbol(name, span.start.line + 1, span.end.line + 1, documented)


def _name(node: Node) -> str:
    named = node.field("name")
    return named.text() if named else ""


def _python(root: Node) -> Iterator[Symbol]:
    for node in root.children():
        inner = node.field("definition") if node.kind() == "decorated_definition" else node
        if inner is None or inner.kind() not in {"function_definition", "class_definition"}:
            continue
        name = _name(inner)
        if name.startswith("_") or _is_decorated(node) or _is_empty(inner):
            continue
        yield _symbol(inner, name, documented=docstring(inner) is not None, outer=node)


def _is_decorated(node: Node) -> bool:
    """Say whether a decorator may register the function, or change its signature."""
    return any(
        child.kind() == "decorator" and not _glance.PLAIN_DECORATORS.match(child.text())
        for child in node.children()
    )


def _is_empty(node: Node) -> bool:
    """Say whether a class has nothing but its name and bases, as errors do."""
    body = node.field("body")
    return (
        node.kind() == "class_definition"
        and body is not None
        and body.text().strip() in {"pass", "..."}
    )


def docstring(node: Node) -> Node | None:
    """Return the string that a function's or class's body begins with, if it does."""
    body = node.field("body")
    first = (
        next((one for one in body.children() if one.kind() != "comment"), None) if body else None
    )
    if first is None or first.kind() != "expression_statement":
        return None
    said = first.child(0)
    return said if said is not None and said.kind() in {"string", "concatenated_string"} else None


def _javascript(root: Node) -> Iterator[Symbol]:
    for node in root.children():
        declared = node.field("declaration") if node.kind() == "export_statement" else None
        if declared is None:
            continue
        name = _name(declared)
        if declared.kind() == "lexical_declaration":
            name = _function_constant(declared)
        elif declared.kind() not in _JAVASCRIPT:
            continue
        if name:
            yield _symbol(declared, name, documented=_is_told(node, "/**"), outer=node)


_JAVASCRIPT = {
    "function_declaration",
    "generator_function_declaration",
    "class_declaration",
    "abstract_class_declaration",
}


def _function_constant(node: Node) -> str:
    for child in node.children():
        value = child.field("value") if child.kind() == "variable_declarator" else None
        if value is not None and value.kind() in {"arrow_function", "function_expression"}:
            return _name(child)
    return ""


def _is_told(node: Node, mark: str) -> bool:
    before = node.prev()
    return before is not None and "comment" in str(before.kind()) and before.text().startswith(mark)


def _go(root: Node) -> Iterator[Symbol]:
    if re.search(r"^package\s+main\b", root.text(), re.MULTILINE):
        return
    for node in root.children():
        name, told = "", _is_told(node, "/")
        is_method = node.kind() == "method_declaration"
        is_function = node.kind() == "function_declaration"
        if is_function or (is_method and _is_exported(node.field("receiver"))):
            name = _name(node)
        if name[:1].isupper():
            yield _symbol(node, name, documented=told and _touches(node))


def _is_exported(receiver: Node | None) -> bool:
    found = re.search(
        r"\*?([A-Za-z_]\w*)(?:\[[^\]]*\])?\s*\)\Z", receiver.text() if receiver else ""
    )
    return bool(found) and found[1][:1].isupper() if found else False


def _touches(node: Node) -> bool:
    """Say whether the comment above ends in the line before: only then it belongs to the name."""
    before = node.prev()
    return before is not None and before.range().end.line + 1 == node.range().start.line


def _java(root: Node) -> Iterator[Symbol]:
    for kind in ("class_declaration", "interface_declaration", "method_declaration"):
        for node in root.find_all(kind=kind):
            if _is_public(node) and not _explains_itself(node):
                yield _symbol(node, _name(node), documented=_is_told(node, "/**"))


def _is_public(node: Node) -> bool:
    """Say whether the declaration and all that enclose it are public, and it overrides nothing."""
    at: Node | None = node
    while at is not None and at.kind() != "program":
        if str(at.kind()).endswith("_declaration"):
            words = " ".join(one.text() for one in at.children() if one.kind() == "modifiers")
            if "public" not in words or "@Override" in words:
                return False
        elif not str(at.kind()).endswith("_body"):
            return False
        at = at.parent()
    return True


def _explains_itself(node: Node) -> bool:
    span = node.range()
    small = span.end.line - span.start.line < _SMALL
    name = _name(node)
    return node.kind() == "method_declaration" and (
        name == "main" or (small and re.match(r"(?:get|set|is|has)[A-Z]", name) is not None)
    )


_READERS = {
    "python": _python,
    "javascript": _javascript,
    "typescript": _javascript,
    "tsx": _javascript,
    "go": _go,
    "java": _java,
}

_GOOGLE = kept.expression(r"\s*(?:Args|Arguments|Parameters|Params)\s*:\s*\Z")
_NUMPY = kept.expression(r"\s*Parameters\s*\Z")
_RULER = kept.expression(r"\s*-{3,}\s*\Z")
_ENTRY = kept.expression(r"\s*(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?:\([^)]*\)\s*)?:(?:\s|\Z)")
_NUMPY_ENTRY = kept.expression(r"\s*(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::\s.*)?\Z")
_FIELD = kept.expression(
    r"\s*:(?:param|parameter|arg|argument)\s+(?:[^:\s][^:]*\s)?\\?\*{0,2}(\w+)\s*:"
)


def _of_docstring(node: Node, lines: Sequence[str]) -> Iterator[Described]:
    said, parameters = docstring(node), node.field("parameters")
    parent = node.parent()
    if said is None or parameters is None or (parent and _is_decorated(parent)):
        return
    known = frozenset(_python_names(parameters))
    if "*" in known or any(one.startswith("*") for one in known):
        return
    span = said.range()
    first, last = span.start.line + 1, span.end.line + 1
    header = (node.range().start.line + 1, parameters.range().end.line + 1)
    for number, name in documented(lines, first, last):
        yield Described(name, number, known, header)


def _python_names(parameters: Node) -> Iterator[str]:
    """Yield the names; ``*`` before one that takes any number of further arguments."""
    for one in parameters.children():
        text = one.text()
        if text.startswith("*") and text != "*":
            yield f"*{text.lstrip('*')}"
        elif found := re.match(r"\w+", text):
            yield found[0]


def documented(lines: Sequence[str], first: int, last: int) -> Iterator[tuple[int, str]]:
    """Yield line and name of what the sections and fields in these lines describe."""
    number = first
    while number <= last:
        line = lines[number - 1]
        if found := _FIELD.match(line):
            yield number, found[1]
        elif _GOOGLE.match(line):
            yield from _section(lines, number, last, _indent(line) + 1, _ENTRY)
        elif _NUMPY.match(line) and number < last and _RULER.match(lines[number]):
            yield from _section(lines, number + 1, last, _indent(line), _NUMPY_ENTRY)
        number += 1


def _section(
    lines: Sequence[str], after: int, last: int, least: int, entry: re.Pattern[str]
) -> Iterator[tuple[int, str]]:
    """Yield the entries of a section: lines that are indented as its first one is."""
    level = -1
    for number in range(after + 1, last + 1):
        line = lines[number - 1]
        if not line.strip():
            continue
        indent = _indent(line)
        if indent < least or (number < last and _RULER.match(lines[number])):
            return
        level = indent if level < 0 else level
        found = entry.match(line) if indent == level else None
        if found:
            yield from ((number, name.strip().lstrip("*")) for name in found[1].split(","))
        elif indent <= level:
            return


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


_JAVADOC = kept.expression(r"@param[ \t]+(\w+)")


def _of_javadoc(node: Node) -> Iterator[Described]:
    before, parameters = node.prev(), node.field("parameters")
    if before is None or parameters is None or not before.text().startswith("/**"):
        return
    known = frozenset(
        found
        for one in parameters.children()
        for found in re.findall(r"(\w+)(?:\s*\[\s*\])*\s*\Z", one.text())
    )
    first = before.range().start.line + 1
    header = (node.range().start.line + 1, parameters.range().end.line + 1)
    for offset, line in enumerate(split_lines(before.text())):
        for name in _JAVADOC.findall(line):
            yield Described(name, first + offset, known, header)
