"""Flag regular expressions that can take exponential time: where they stand, in which spelling.

``_ambiguity`` says which are dangerous. This module finds them in calls that compile or use one,
and in JavaScript's literals, and tells ``re`` what the spelling of another language means.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from rlm_gate import kept, syntax
from rlm_gate.core import Corpus, Finding, Rule, Severity, Skip, SourceFile
from rlm_gate.detectors import (
    Complaint,
    Region,
    Text,
    applies,
    entries,
    finding,
    language_complaints,
    reads,
    unknown_keys,
)

_ENGINE = "redos"
_SHOWN = 40  # characters of the text that a message names


class _Regex(NamedTuple):
    """A regular expression in ``re``'s spelling, and the node that holds it."""

    pattern: str
    flags: int
    node: syntax.Node
    whole: bool = False


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check that there is nothing but ``language``, one or several that the engine reads."""
    yield from unknown_keys(options, ("language",))
    complaints = [*language_complaints(options, languages)]
    yield from complaints
    if not complaints:
        for language in _named(options):
            if language not in _READERS:
                known = ", ".join(_READERS)
                yield ("language",), f"{language!r} is not read by this engine; it has {known}"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the languages the entry names."""
    return frozenset(_named(options))


def version() -> str:
    """Of this module and of the interpreter's reader of expressions."""
    import sys

    return f"2+{sys.version_info.major}.{sys.version_info.minor}"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Yield each expression that can take exponential time, with a text that shows it."""
    for file in corpus.files:
        wanted = [rule for rule in rules if _asks(rule, file)]
        if wanted and file.status != "deleted" and _GROUP_REPEATED.search(file.text):
            yield from _judge(file, wanted)


# Folders of what runs in a browser: who sends it a text there waits himself.
_OF_BROWSERS: Final = frozenset({"javascript", "typescript", "tsx"})
_PAGES: Final = kept.expression(
    r"(?i)(?:^|/)(?:(?:client|frontend|front-end|ui|webui|resources)(?:[_-]?v?\d)?|webapp|public|static|assets"
    r"|webroot|wwwroot|javascripts?|components|composables|pages)/|[._]component\.ts\Z"
)

_GROUP_REPEATED: Final = kept.expression(r"\)[*+{]")


def _asks(rule: Rule, file: SourceFile) -> bool:
    spoken = any(reads(entry.options, file.language) for entry in entries(rule, _ENGINE))
    return spoken and not applies(rule, file)


def _judge(file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    from rlm_gate.detectors._ambiguity import doubled

    lines = Text.of(file.text).lines
    for one in _READERS[file.language](syntax.parse(file.text, file.language).root):
        pump = doubled(one.pattern, one.flags, whole=one.whole)
        if pump:
            span = one.node.range()
            places = (span.start.line, span.start.column, span.end.line, span.end.column)
            region = Region(*(place + 1 for place in places))
            for rule in rules:
                found = finding(rule, file.path, lines, region, _ENGINE)
                own = file.language in _OF_BROWSERS and _PAGES.search(file.path) is not None
                most = Severity.LOW if own else found.severity
                message = f"{rule.message} {_witness(pump)}"
                yield replace(found, message=message, severity=min(found.severity, most))


def _witness(pump: str) -> str:
    shown = json.dumps(pump[:_SHOWN], ensure_ascii=True)
    return f"Each further {shown} in a text that does not match doubles the time."


def _named(options: Mapping[str, Any]) -> tuple[str, ...]:
    value = options["language"]
    return (value,) if isinstance(value, str) else tuple(value)


_PYTHON_CALLS: Final = kept.expression(
    r"(?:(?:re|regex)\.)?(?P<name>compile|match|fullmatch|search|sub|subn|split|findall|finditer)$"
    r"|(?:\w+\.)*(?:RegexValidator|RegexField|re_path)$"
)
_FLAGS: Final = {
    "I": re.IGNORECASE,
    "IGNORECASE": re.IGNORECASE,
    "S": re.DOTALL,
    "DOTALL": re.DOTALL,
    "X": re.VERBOSE,
    "VERBOSE": re.VERBOSE,
    "M": re.MULTILINE,
    "MULTILINE": re.MULTILINE,
}


def _in_python(root: syntax.Node) -> Iterator[_Regex]:
    given = _imported(root)
    constants = _constants(root)
    for call in root.find_all(kind="call"):
        name = _text(call.field("function"))
        known = _PYTHON_CALLS.match(name)
        arguments = _arguments(call)
        if not known or not arguments or (known["name"] == name and name not in given):
            continue
        node = constants.get(arguments[0].text(), arguments[0])
        pattern = _literal(node)
        if pattern:
            flags = sum(
                {
                    _FLAGS[one]
                    for one in re.findall(r"\b[A-Z]+\b", _rest(arguments))
                    if one in _FLAGS
                }
            )
            yield _Regex(pattern, flags, node, known["name"] == "fullmatch")


def _imported(root: syntax.Node) -> frozenset[str]:
    """Return the functions of ``re`` that go by their bare names."""
    found = (node.text() for node in root.find_all(kind="import_from_statement"))
    lists = (
        text.partition("import")[2] for text in found if re.match(r"from\s+(?:re|regex)\s", text)
    )
    return frozenset(word for one in lists for word in re.findall(r"\w+", one))


def _constants(root: syntax.Node) -> Mapping[str, syntax.Node]:
    """Return the texts that names of the module stand for, where each is set once."""
    found: dict[str, list[syntax.Node]] = {}
    for node in root.find_all(kind="assignment"):
        name, value = _text(node.field("left")), node.field("right")
        if name.isidentifier() and value is not None:
            found.setdefault(name, []).append(value)
    return {name: nodes[0] for name, nodes in found.items() if len(nodes) == 1}


def _literal(node: syntax.Node) -> str:
    """Return a Python text as it is, "" for another value."""
    if node.kind() not in {"string", "concatenated_string", "parenthesized_expression"}:
        return ""
    try:
        value = ast.literal_eval(node.text())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return (
        value
        if isinstance(value, str)
        else value.decode("latin-1")
        if isinstance(value, bytes)
        else ""
    )


def _arguments(call: syntax.Node) -> list[syntax.Node]:
    arguments = call.field("arguments")
    inner = arguments.children() if arguments is not None else []
    return [one for one in inner if one.is_named() and "comment" not in one.kind()]


def _rest(arguments: Sequence[syntax.Node]) -> str:
    return " ".join(one.text() for one in arguments[1:])


def _text(node: syntax.Node | None) -> str:
    return node.text() if node is not None else ""


def _in_javascript(root: syntax.Node) -> Iterator[_Regex]:
    for node in root.find_all(kind="regex"):
        pattern, _, flags = node.text()[1:].rpartition("/")
        yield _Regex(_from_javascript(pattern), _flags(flags), node)
    for kind in ("new_expression", "call_expression"):
        for call in root.find_all(kind=kind):
            made = _text(call.field("constructor") or call.field("function"))
            arguments = _arguments(call)
            if made == "RegExp" and arguments and arguments[0].kind() == "string":
                pattern = _unescaped(arguments[0].text()[1:-1])
                yield _Regex(_from_javascript(pattern), _flags(_rest(arguments)), arguments[0])


def _flags(letters: str) -> int:
    return (re.IGNORECASE if "i" in letters else 0) | (re.DOTALL if "s" in letters else 0)


_JAVA_CALLS: Final = kept.expression(r"^(?:compile|matches|replaceAll|replaceFirst|split)$")


def _in_java(root: syntax.Node) -> Iterator[_Regex]:
    for call in root.find_all(kind="method_invocation"):
        name = _text(call.field("name"))
        arguments = _arguments(call)
        if _JAVA_CALLS.match(name) and arguments and arguments[0].kind() == "string_literal":
            pattern = _from_java(_unescaped(arguments[0].text()[1:-1]))
            flags = re.IGNORECASE if "CASE_INSENSITIVE" in _rest(arguments) else 0
            yield _Regex(pattern, flags, arguments[0], name == "matches")


_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0"}
_ESCAPE: Final = kept.expression(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)


def _unescaped(text: str) -> str:
    """Return what a text of JavaScript or Java says."""

    def said(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else _ESCAPES.get(match[2], match[2])

    return _ESCAPE.sub(said, text)


_PIECE: Final = kept.expression(
    r"\\[pP]\{[^}]*\}|\\u\{([0-9A-Fa-f]+)\}|\\k<(\w+)>|\\.|\(\?<(?![=!])|\[\^?\]?|\]", re.DOTALL
)


def _from_javascript(pattern: str) -> str:
    """Return the expression in Python's spelling."""
    return _respelt(pattern, {"[]": "(?!)", "[^]": r"[\s\S]"})


def _from_java(pattern: str) -> str:
    """Return the expression in Python's spelling, "" where Python has no such sets."""
    return "" if "&&" in pattern else _respelt(pattern, {})


def _respelt(pattern: str, empty: Mapping[str, str]) -> str:
    inside = False

    def spelt(match: re.Match[str]) -> str:
        nonlocal inside
        piece = match[0]
        if piece.startswith("\\"):
            return _escape(match)
        if piece.startswith("(?<"):
            return piece if inside else "(?P<"
        if piece == "]":
            inside = False
            return piece
        if inside:
            return "\\" + piece
        if piece in empty:
            return empty[piece]
        inside = True
        return piece

    return _PIECE.sub(spelt, pattern)


def _escape(match: re.Match[str]) -> str:
    if match[1]:
        return re.escape(chr(min(int(match[1], 16), 0x10FFFF)))
    if match[2]:
        return f"(?P={match[2]})"
    kind = match[0][1]
    if match[0].startswith(("\\p{", "\\P{")):
        return "\\w" if kind == "p" else "\\W"
    return match[0] if kind in "dDwWsSbBAZnrtfvux0123456789" or not kind.isalnum() else kind


_READERS: Final[Mapping[str, Callable[[syntax.Node], Iterator[_Regex]]]] = {
    "python": _in_python,
    "javascript": _in_javascript,
    "typescript": _in_javascript,
    "tsx": _in_javascript,
    "java": _in_java,
}
