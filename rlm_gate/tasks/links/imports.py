"""What a file imports: Python, JavaScript, TypeScript, Go. Modules by the name that is written."""

from __future__ import annotations

from collections.abc import Iterator

from rlm_gate.syntax import Node, Tree
from rlm_gate.tasks.links.facts import IMPORT, USES, Fact
from rlm_gate.tasks.links.literals import JAVASCRIPT, Literals
from rlm_gate.tasks.links.parts import line_of, named, within


def imports(tree: Tree, literals: Literals, language: str) -> Iterator[Fact]:
    """Yield the imports of a file, dynamic ones with a literal name too."""
    if language == "python":
        yield from _python(tree)
        yield from _loaded(literals, {"import_module", "__import__"}, {"importlib", ""})
    elif language in JAVASCRIPT:
        yield from _javascript(tree)
        yield from _required(tree)
        yield from _loaded(literals, {"import"}, {""})
    elif language == "go":
        yield from _go(tree)


def _python(tree: Tree) -> Iterator[Fact]:
    for node in within(tree, {"kind": "import_statement"}):
        for part in named(node):
            yield Fact(IMPORT, USES, _plain(part), line_of(part))
    for node in within(tree, {"kind": "import_from_statement"}):
        module = node.field("module_name")
        names = tuple(_plain(part) for part in named(node)[1:])
        if module is not None:
            text = "".join(module.text().split())
            yield Fact(IMPORT, USES, text, line_of(module), names)


def _plain(node: Node) -> str:
    """Return the name that is imported, not the one it is given here."""
    if node.kind() == "wildcard_import":
        return "*"
    original = node.field("name")
    return (original if original is not None else node).text()


def _loaded(literals: Literals, names: set[str], on: set[str]) -> Iterator[Fact]:
    for call in literals.calls:
        if call.name in names and call.on in on and call.value and "{}" not in call.value:
            yield Fact(IMPORT, USES, call.value, call.line)


def _javascript(tree: Tree) -> Iterator[Fact]:
    kinds = [{"kind": "import_statement"}, {"kind": "export_statement"}]
    for node in within(tree, {"any": kinds}):
        source = node.field("source")
        if source is not None:
            whole = node.kind() == "export_statement" and "*" in node.text().partition("from")[0]
            names = ("*",) if whole else tuple(_taken(node))
            yield Fact(IMPORT, USES, _unquoted(source), line_of(source), names)


def _taken(node: Node) -> Iterator[str]:
    kinds = [{"kind": kind} for kind in ("import_specifier", "export_specifier")]
    for part in within(node, {"any": kinds}):
        name = part.field("name")
        if name is not None:
            yield name.text()
    for clause in within(node, {"kind": "import_clause"}):
        yield from ("default" for part in named(clause) if part.kind() == "identifier")
    if within(node, {"kind": "namespace_import"}):
        yield "*"


def _required(tree: Tree) -> Iterator[Fact]:
    """Yield ``require("x")``, with the names of ``const {a} = require("x")``."""
    rule = {"kind": "call_expression", "has": {"field": "function", "regex": "^require$"}}
    for node in within(tree, rule):
        given = named(node.field("arguments"))
        if not given or given[0].kind() != "string":
            continue
        above = node.parent()
        target = above.field("name") if above is not None else None
        taken = named(target) if target is not None and target.kind() == "object_pattern" else []
        names = tuple(part.text().partition(":")[0].strip() for part in taken)
        yield Fact(IMPORT, USES, _unquoted(given[0]), line_of(node), names)


def _go(tree: Tree) -> Iterator[Fact]:
    for node in within(tree, {"kind": "import_spec"}):
        path = node.field("path")
        if path is not None:
            yield Fact(IMPORT, USES, _unquoted(path), line_of(path))


def _unquoted(node: Node) -> str:
    return node.text().strip("\"'`")
