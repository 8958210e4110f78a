"""Read Markdown and reStructuredText for what they promise: links, anchors, commands.

Markdown is read by markdown-it (CommonMark with tables); of reStructuredText, the directives and
roles that name files. Anchors are made as GitHub makes them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING, Any

from rlm_gate.core import split_lines

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


@dataclass(frozen=True, slots=True)
class Link:
    """A link in line ``line`` (1-based). ``kind``: link, image, include, document or label."""

    line: int
    target: str
    kind: str = "link"


@dataclass(frozen=True, slots=True)
class Command:
    """A line of a fenced block that a shell would read. ``before`` are the lines above it there."""

    line: int
    text: str
    before: tuple[str, ...] = ()


@dataclass(slots=True)
class Page:
    """What a page says. ``loose``: other anchors than its headings' may be made from elsewhere."""

    links: list[Link] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    loose: bool = False


_LOOSE = re.compile(
    r"\{\{|\{%|<%|^:::|--8<--|^\[TOC\]|<[A-Z][a-z]\w*[\s/>]|\$include|@include"
    r"|<!--\s*(?:include|toc|embed|snippet)",
    re.MULTILINE,
)
_TAG = re.compile(r"<(a|img|source|video)\b([^>]*)>", re.IGNORECASE)
_FILE = re.compile(r"""(?<![:\w.-])(href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_NAME = re.compile(r"""\b(?:id|name)\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_OWN_ID = re.compile(r"\{:?\s*#([\w.:-]+)[^}]*\}\s*$")
_LABEL = re.compile(r"(?:^|(?<=[\s(]))!?\[([^\[\]]{2,})\]\[([^\[\]]*)\]")
_SHELLS = frozenset({"sh", "bash", "shell", "console", "zsh", "shell-session", "terminal"})
_PROMPT = re.compile(r"(?:\(?[\w.-]+\)?\s*)?[$%>]\s+(?=\S)|#\s+(?=[a-z./]+\s)")
_EMOJI = re.compile(r":[a-z][a-z0-9_+-]*:")
_TAB = re.compile(r"""^\s*={3}[!+]?\s+["'](.+?)["']\s*$""", re.MULTILINE)  # of mkdocs' material


@lru_cache(maxsize=64)
def read(text: str, language: str) -> Page:
    """Return what a page of that language says; an empty page for any other language."""
    if language == "markdown":
        return _markdown(text)
    return _restructured(text) if language == "restructuredtext" else Page()


def slug(heading: str) -> str:
    """Return GitHub's anchor of a heading's plain text.

    Lower case, without all that is neither letter, mark, decimal or letter number, connector,
    hyphen nor space, each space a hyphen (html-pipeline's table of contents filter).
    """
    kept = (char for char in heading.strip().lower() if _stays(char))
    return "".join(kept).replace(" ", "-")


def squashed(anchor: str) -> str:
    """Return the letters and digits alone: what the generators of sites agree upon."""
    return "".join(char for char in unicodedata.normalize("NFKD", anchor.lower()) if char.isalnum())


def _stays(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in {"Nd", "Nl", "Pc"} or char in "- "


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _markdown(text: str) -> Page:
    page, lines = Page(), split_lines(text)
    start = _front_matter(lines)
    body = "\n".join(["", *[""] * (start - 1), *lines[start:]] if start else lines)
    environment: dict[str, Any] = {}
    tokens = _parser().parse(body, environment)
    seen: dict[str, int] = {}
    for number, token in enumerate(tokens):
        first = token.map[0] + 1 if token.map else 0
        if token.type == "inline":
            heading = tokens[number - 1].type == "heading_open"
            _inline(page, token, first, lines, heading=heading)
            if heading:
                _heading(page, token, seen)
        elif token.type == "html_block":
            _html(page, token.content, first)
        elif token.type == "fence":
            _block(page, token.info, token.content, first + 1)
    page.anchors.update(slug(title) for title in _TAB.findall(text))
    prose = (token.content for token in tokens if token.type in {"inline", "html_block"})
    page.loose = any(_LOOSE.search(content) for content in prose) or page.loose
    return page


def _front_matter(lines: Sequence[str]) -> int:
    """Return how many lines the metadata at the top take."""
    if not lines or lines[0].rstrip() != "---":
        return 0
    ends = (number for number, line in enumerate(lines[1:], 2) if line.rstrip() in {"---", "..."})
    return next(ends, 0)


def _inline(page: Page, token: Token, line: int, lines: Sequence[str], *, heading: bool) -> None:
    at, inside = line, lines[: token.map[1] if token.map else line]
    for child in token.children or ():
        if child.type in {"softbreak", "hardbreak"}:
            at += 1
        elif child.type in _HOLDS:
            target = str(child.attrGet(_HOLDS[child.type]) or "")
            kind = "image" if child.type == "image" else "link"
            page.links.append(Link(_found(target, at, inside, lines), target, kind))
        elif child.type == "html_inline":
            _html(page, child.content, at)
            at += child.content.count("\n")
        elif child.type == "text" and not heading:
            page.links += [Link(at, label, "label") for label in _labels(child.content)]


_HOLDS = {"link_open": "href", "image": "src"}


def _found(target: str, line: int, inside: Sequence[str], lines: Sequence[str]) -> int:
    """Return the line of the paragraph the target stands in, else that of its definition."""
    below = [number for number in range(line, len(inside) + 1) if target in inside[number - 1]]
    if below:
        return below[0]
    defined = (number for number, one in enumerate(lines, 1) if _defines(one, target))
    return next(defined, line)


def _defines(line: str, target: str) -> bool:
    label, found, rest = line.lstrip().partition("]:")
    return bool(found) and label.startswith("[") and target in rest


def _labels(text: str) -> Iterator[str]:
    for match in _LABEL.finditer(text):
        yield match[2] or match[1]


def _heading(page: Page, token: Token, seen: dict[str, int]) -> None:
    text = "".join(_plain(token.children or ()))
    own = _OWN_ID.search(text)
    if own:
        page.anchors.add(own[1].lower())
        text = text[: own.start()]
    page.loose = page.loose or _EMOJI.search(text) is not None  # as :trophy:, in one way or another
    made = slug(text)
    count = seen.get(made, 0)
    seen[made] = count + 1
    page.anchors.add(f"{made}-{count}" if count else made)


def _plain(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in {"text", "code_inline"}:
            yield token.content
        elif token.type in {"softbreak", "hardbreak"}:
            yield " "


def _html(page: Page, content: str, line: int) -> None:
    shown = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), content)
    page.anchors.update(unescape(name).lower() for name in _NAME.findall(shown))
    for tag in _TAG.finditer(shown):
        for name, *values in _FILE.findall(tag[2]):
            at = line + shown.count("\n", 0, tag.start())
            kind = "link" if name.lower() == "href" else "image"
            page.links.append(Link(at, unescape(values[0] or values[1]), kind))


def _block(page: Page, info: str, content: str, line: int) -> None:
    words = re.split(r"[\s{,]", info.strip().lower())
    if words[0] not in _SHELLS and words[0]:
        return
    page.commands += _commands(split_lines(content), line, prompted=not words[0])


def _commands(lines: Sequence[str], first: int, *, prompted: bool) -> Iterator[Command]:
    """Yield the commands; where any line has a prompt, or one is asked for, only those have."""
    stripped = [line.strip() for line in lines]
    prompts = [_PROMPT.match(line) for line in stripped]
    only = prompted or any(prompts)
    before: list[str] = []
    for number, (line, prompt) in enumerate(zip(stripped, prompts, strict=True), first):
        if line and (prompt or not only):
            command = line[prompt.end() :] if prompt else line
            yield Command(number, command, tuple(before))
            before.append(command)


_DIRECTIVE = re.compile(
    r"^\s*\.\.\s+(?:\|[^|\n]+\|\s+)?(image|figure|include|literalinclude)::\s+(\S.*?)\s*$"
)
_NAMED = re.compile(r"(?<![\w`])`[^`<>]*<([^`<>]+)>`__?(?!\w)")
_TARGET = re.compile(r"^\s*\.\.\s+_(?:[^`:\n]+|`[^`\n]+`):\s+(\S+)\s*$")
_DOCUMENT = re.compile(r":(doc|download):`(?:[^`<>]*<([^`<>]+)>|([^`<>]+))`")
_CODE = re.compile(r"^(\s*)\.\.\s+(?:code|code-block|sourcecode|prompt)::\s*(\w[\w-]*)?")


def _restructured(text: str) -> Page:
    page, lines = Page(loose=True), split_lines(text)
    for number, line in _spoken(lines):
        if match := _DIRECTIVE.match(line):
            kind = "image" if match[1] in {"image", "figure"} else "include"
            page.links.append(Link(number, match[2], kind))
        elif match := _TARGET.match(line):
            page.links.append(Link(number, match[1]))
        else:
            page.links += [Link(number, found[1].strip()) for found in _NAMED.finditer(line)]
            page.links += [
                Link(number, found[2] or found[3], "document" if found[1] == "doc" else "include")
                for found in _DOCUMENT.finditer(line)
            ]
        if (match := _CODE.match(line)) and (match[2] or "").lower() in _SHELLS:
            page.commands += _indented(lines, number, len(match[1]))
    return page


_SAMPLE = re.compile(
    r"\s*\.\.\s+(?:code|code-block|sourcecode|prompt|parsed-literal|highlight)::|(?!\s*\.\.\s).*::\s*\Z"
)


def _spoken(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers, without what stands in blocks of code."""
    shown = -1  # the indent of the line that opened a block
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip())
        if shown >= 0 and (not line.strip() or indent > shown):
            continue
        shown = indent if _SAMPLE.match(line) else -1
        yield number, line


def _indented(lines: Sequence[str], after: int, indent: int) -> Iterator[Command]:
    inside = []
    for line in lines[after:]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        inside.append("" if line.strip().startswith(":") else line)
    yield from _commands(inside, after + 1, prompted=False)
