"""Find the comments of a syntax tree, and the lines that each speaks of. Knows no parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rlm_gate.core.records import dataclass

_Node = Any  # of ast-grep, whose only home is syntax
_NO_SPACE = re.compile(r"\S")
_BROKEN = "the code around it does not parse, so nobody knows what is a comment; mend that first"
_BODIES = re.compile(
    r"(?:block|body|suite|compound_statement|declaration_list|do_group|statements)"
)
_TEXTS = re.compile(r"(?:string|quoted|attribute_value|heredoc|raw_text|template_chars)")
# What holds statements, members or arms: a comment in it is no part of an expression.
_HOLDS = re.compile(
    r"(?:block|body|suite|compound_statement|declaration_list|statements|members|accessor_list)"
    r"|^(?:program|module|source_file|compilation_unit|document|switch\w*|case\w*|match_\w*)$"
    r"|^(?:if|for|while|try|with)_statement$|^(?:else|elif|except|finally)_clause$|_definition$"
)
_COMPOUND = re.compile(r"(?:if|for|while|until|case|switch|try|with|class|function|module)")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as it is written, delimiters and all. Lines are 1-based, ends inclusive.

    ``alone``: nothing else is on its lines. ``below`` are the lines of what follows directly.
    ``doubtful`` says why it may be no comment, "" if it surely is one.
    """

    text: str
    start: int
    end: int
    alone: bool
    below: tuple[int, int] | None = None
    doubtful: str = ""


def read_comments(root: _Node, mark: str, *, statements: bool) -> Iterator[Comment]:
    """Yield the comments that hold the mark, in text order; what is in a string is none.

    ``statements``: the language has them, so that a comment can speak of a whole one.
    """
    waiting = [(root, False)]
    while waiting:
        node, broken = waiting.pop()
        kind = str(node.kind())
        if "comment" in kind:
            if mark in node.text():
                yield _comment(root, node, broken=broken, statements=statements)
        elif not _TEXTS.search(kind):
            inside = broken or kind == "ERROR"
            waiting += [(child, inside) for child in reversed(node.children())]


def blank_within(text: str, comments: Iterable[_Node]) -> str:
    """Return the text with spaces for those comments that stand within an expression or a head.

    Every character keeps its place. ``text`` is what the comments' tree was made of; those between
    statements or members stay.
    """
    parts, end = [], 0
    for node in comments:
        parent, span = node.parent(), node.range()
        if parent is None or _HOLDS.search(str(parent.kind())):
            continue
        start, past = int(span.start.index), int(span.end.index)
        if start >= end:
            parts += [text[end:start], _NO_SPACE.sub(" ", text[start:past])]
            end = past
    return "".join([*parts, text[end:]]) if parts else text


def _comment(root: _Node, node: _Node, *, broken: bool, statements: bool) -> Comment:
    text = str(node.text()).rstrip("\n")
    start = node.range().start.line + 1
    end = start + text.count("\n")
    return Comment(
        text=text,
        start=start,
        end=end,
        alone=_stands_alone(str(root.text()), _offset(root, node), text),
        below=_below(node, end, statements=statements),
        doubtful=_BROKEN if broken else "",
    )


def _offset(root: _Node, node: _Node) -> int:
    return int(node.range().start.index - root.range().start.index)


def _stands_alone(whole: str, offset: int, text: str) -> bool:
    """Say whether nothing but white space is on the comment's lines before and after it."""
    before = whole[:offset].rpartition("\n")[2]
    after = whole[offset + len(text) :].partition("\n")[0]
    return not before.strip() and not after.strip()


def _below(node: _Node, end: int, *, statements: bool) -> tuple[int, int]:
    """Return the lines of what follows: past further comments, the head of one statement."""
    line, found = end + 1, node.next()
    while found is not None and "comment" in found.kind() and found.range().start.line + 1 == line:
        line += 1 + str(found.text()).rstrip("\n").count("\n")
        found = found.next()
    begins = found is not None and found.range().start.line + 1 == line
    return (line, max(line, _head_end(found))) if statements and begins else (line, line)


def _head_end(node: _Node) -> int:
    """Return the last line of a statement without the blocks in it."""
    waiting = [node]
    while waiting:
        inner = waiting.pop(0)
        if inner is not node and _BODIES.search(str(inner.kind())):
            first = inner.range().start
            opens = str(inner.text()).startswith(("{", "("))  # on the line of the head
            return max(int(node.range().start.line) + 1, int(first.line) + opens)
        waiting += inner.children()
    bare = _COMPOUND.match(str(node.kind()))
    place = node.range().start if bare else node.range().end
    return int(place.line) + 1
