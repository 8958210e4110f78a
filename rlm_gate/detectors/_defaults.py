"""Compare the default value that a comment names with the one in the signature below it.

Python, JavaScript and TypeScript, plain values alone: numbers, texts, true, false and none. What a
function puts in the place of ``None``, constants by name and values with a unit are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from rlm_gate import kept
from rlm_gate.core import split_lines
from rlm_gate.core.records import dataclass
from rlm_gate.detectors import _api
from rlm_gate.syntax import Node, parse

Plain = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Differing:
    """A parameter, the line that names its default, what it says, and what the code has.

    ``signature`` is the first and last line of the signature, 1-based.
    """

    name: str
    line: int
    said: str
    real: str
    signature: tuple[int, int]


_SAID: Final = kept.expression(
    r"(?i:\bdefaults?[ \t]+(?:to|is)[ \t]+|\bdefault(?:[ \t]+value)?[ \t]*[:=][ \t]*"
    r"|\bdefault[ \t]+value[ \t]+is[ \t]+)"
    r"(``[^`\n]+``|`[^`\n]+`|\"[^\"\n]*\"|'[^'\n]*'|[-+]?\w[\w.+-]*)(?=([^\n]{0,20}))"
)
# a case among several, a sum, a unit in which the code need not count
_MORE: Final = kept.expression(
    r"(?i)\s*(?:[*/%^+]|-\s|(?:if|or|for|when|unless|in|on|otherwise|except|else|times|of|and)\b"
    r"|\(|(?:[kmgt]i?b|bytes?|ms|milli\w*|s|secs?|seconds?|mins?|minutes?|h|hours?|days?|weeks?"
    r"|percent|px)\b)"
)
_JSDOC: Final = kept.expression(
    r"@param[ \t]+(?:\{[^}\n]*\}[ \t]+)?\[(\w+)[ \t]*=[ \t]*([^\]\n]+)\]"
)
_WORDS: Final[dict[str, Plain]] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
}
_FUNCTIONS: Final = ("function_declaration", "method_definition", "arrow_function")
_AROUND: Final = ("lexical_declaration", "variable_declarator", "export_statement")


def differing(text: str, language: str) -> Iterator[Differing]:
    """Yield every default that a docstring or JSDoc gives otherwise than the signature."""
    root, lines = parse(text, language).root, split_lines(text)
    if language == "python":
        for node in root.find_all(kind="function_definition"):
            yield from _of_docstring(node, lines)
        return
    for kind in _FUNCTIONS:
        for node in root.find_all(kind=kind):
            yield from _of_jsdoc(node)


def _of_docstring(node: Node, lines: Sequence[str]) -> Iterator[Differing]:
    said, parameters = _api.docstring(node), node.field("parameters")
    if said is None or parameters is None:
        return
    real = {
        named.text(): value.text()
        for one in parameters.children()
        if (named := one.field("name")) and (value := one.field("value"))
    }
    first, last = said.range().start.line + 1, said.range().end.line + 1
    described = [*_api.documented(lines, first, last)]
    for number, name in described:
        if name in real:
            end = min((line for line, _ in described if line > number), default=last)
            told = "\n".join(lines[number - 1 : _end(lines, number, end)])
            yield from _compared(name, number, told, real[name], _signature(node, parameters))


def _end(lines: Sequence[str], first: int, last: int) -> int:
    """Return the last line that is indented deeper than the first: an entry's own."""
    level = len(lines[first - 1]) - len(lines[first - 1].lstrip())
    for number in range(first + 1, last):
        line = lines[number - 1]
        if not line.strip() or len(line) - len(line.lstrip()) <= level:
            return number - 1
    return max(first, last - 1)


def _signature(node: Node, parameters: Node) -> tuple[int, int]:
    return node.range().start.line + 1, parameters.range().end.line + 1


def _compared(
    name: str, line: int, told: str, real: str, signature: tuple[int, int]
) -> Iterator[Differing]:
    found = [*_SAID.finditer(told)]
    if len(found) != 1 or _MORE.match(found[0][2]):
        return
    said = found[0][1]
    if _differ(_plain(said.strip("`").rstrip("."), quoted=False), _plain(real, quoted=False)):
        at = line + told.count("\n", 0, found[0].start())
        yield Differing(name, at, said.strip("`").rstrip("."), real, signature)


def _of_jsdoc(node: Node) -> Iterator[Differing]:
    comment, parameters = _above(node), node.field("parameters")
    if comment is None or parameters is None:
        return
    real = dict(_defaults(parameters))
    begin = comment.range().start.line + 1
    for offset, line in enumerate(split_lines(comment.text())):
        for found in _JSDOC.finditer(line):
            value = real.get(found[1])
            if value and _differ(
                _plain(found[2].strip(), quoted=True), _plain(value, quoted=False)
            ):
                place = _signature(node, parameters)
                yield Differing(found[1], begin + offset, found[2].strip(), value, place)


def _above(node: Node) -> Node | None:
    """Return the JSDoc above the function, or above the declaration it is the value of."""
    at = node
    while (parent := at.parent()) is not None and parent.kind() in _AROUND:
        at = parent
    before = at.prev()
    return before if before is not None and before.text().startswith("/**") else None


def _defaults(parameters: Node) -> Iterator[tuple[str, str]]:
    for one in parameters.children():
        named = one.field("left") or one.field("pattern")
        value = one.field("right") or one.field("value")
        if named is not None and value is not None and named.kind() == "identifier":
            yield named.text(), value.text()


_UNKNOWN: Final = object()


def _plain(text: str, *, quoted: bool) -> object:
    """Return the plain value that the text writes, else a mark that is none.

    With ``quoted`` a bare word is a text, as JSDoc has it.
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        value = ast.literal_eval(text.replace("`", '"'))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text if quoted and text.isidentifier() else _UNKNOWN
    return value if isinstance(value, bool | int | float | str) else _UNKNOWN


def _differ(said: object, real: object) -> bool:
    """Say whether both are known and not the same; None may stand for what the body puts in.

    How a text is escaped in a comment, and whether its dots are repeated there, is no matter.
    """
    if said is _UNKNOWN or real is _UNKNOWN or real is None:
        return False
    if isinstance(said, str) and isinstance(real, str):
        escaped = "\\" in said or "\\" in real or "\n" in real
        return not escaped and said.rstrip(".") != real.rstrip(".")
    if isinstance(real, str):
        return said is None and real.lower() != "none"
    if isinstance(said, str):
        return False
    return said != real or isinstance(said, bool) is not isinstance(real, bool)
