"""Syntax trees by ast-grep, the only place that imports it. Knows no rules and no findings.

ast-grep panics on a language it does not have, so every text passes ``grammar`` first. Newlines are
made single before parsing: rows are then the lines of ``core.split_lines``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from rlm_gate import escapes, kept, rustregex, symbols
from rlm_gate.comments import Comment, blank_within, read_comments
from rlm_gate.core.records import dataclass
from rlm_gate.markup import only_php
from rlm_gate.symbols import KINDS, Symbol

if TYPE_CHECKING:
    from ast_grep_py import Config, SgNode

    Node: TypeAlias = SgNode
else:
    Node: TypeAlias = object  # for annotations alone; the real one would load the parser


@dataclass(frozen=True, slots=True)
class Match:
    """A piece of a text: 1-based lines and columns in code points, the end column exclusive."""

    start_line: int
    start_col: int
    end_line: int
    end_col: int
    text: str
    metavars: Mapping[str, str]


def grammar(language: str) -> str | None:
    """Return ast-grep's name for the language, None where it has no grammar."""
    return language if language in KINDS or language in _UNNAMED else None


class Tree:
    """A parsed text. Searching it twice does not parse it twice."""

    __slots__ = ("_ascii", "_escaping", "_root", "_spelled")

    def __init__(self, text: str, language: str) -> None:
        """Parse. Raises ValueError for a language without a grammar."""
        from ast_grep_py import SgRoot

        name = grammar(language)
        if name is None:
            raise ValueError(f"no grammar for {language!r}; ask syntax.grammar() first")
        self._ascii = text.isascii()
        self._root = SgRoot(_readable(text, name), name).root()
        self._escaping = name if name in escapes.LANGUAGES and "\\" in text else ""
        self._spelled: SgNode | None = None

    @property
    def root(self) -> Node:
        """Return the whole tree, for those who read it node by node."""
        return self._root

    def find(
        self, config: Mapping[str, Any], parts: Sequence[Node] | None = None
    ) -> Iterator[Match]:
        """Yield what a checked configuration (rule, constraints, utils) matches, in text order.

        With ``parts`` only what the whole text or one of these of its ``parts`` holds.
        """
        names, narrow, compares = _read(config)
        if parts is None or self.may_match_root(config):
            parts = [self._root]
        for part in parts:
            found = part.find_all(cast("Config", narrow if self._ascii else config))
            sure = self._sure(found, config) if compares and self._escaping else found
            yield from (_match(node, names) for node in sure)

    def may_match_root(self, config: Mapping[str, Any]) -> bool:
        """Say whether the configuration may match all of the text; never wrong when it says no."""
        return _may_match(config["rule"], self._root.kind())

    def parts(self, wanted: Callable[[int, int], bool]) -> list[Node]:
        """Return the outermost nodes below the root whose lines (first, last) are wanted."""
        spans = ((node, node.range()) for node in self._root.children())
        return [node for node, span in spans if wanted(span.start.line + 1, span.end.line + 1)]

    def trouble(self) -> tuple[tuple[int, int], ...]:
        """Return the lines (first, last) of every piece the grammar could not make sense of."""
        spans = (node.range() for node in self._nodes(_TROUBLE))
        return tuple((span.start.line + 1, span.end.line + 1) for span in spans)

    def unclosed(self) -> bool:
        """Say whether the grammar put a bracket where the text has none."""
        return any(node.kind() in _CLOSING for node in self._nodes(_NOTHING))

    def outline(self, language: str) -> tuple[Symbol, ...]:
        """Return the named functions, classes and their like, outer before inner."""
        kinds = KINDS.get(language)
        if not kinds:
            return ()
        nodes = self._nodes({"rule": {"any": [{"kind": kind} for kind in kinds]}})
        return symbols.outline(nodes, language)

    def prose(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield the comments and strings: first line and column, last line and column, exclusive.

        Lines and columns as in Match. What is interpolated into a string counts as part of it.
        """
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            if any(word in str(node.kind()) for word in ("comment", "string")):
                span = node.range()
                yield (
                    span.start.line + 1,
                    span.start.column + 1,
                    span.end.line + 1,
                    span.end.column + 1,
                )
            else:
                waiting.extend(node.children())

    def comments(self, language: str, mark: str) -> Iterator[Comment]:
        """Yield the comments that hold the mark, in text order; what is in a string is none."""
        return read_comments(self._root, mark, statements=language in KINDS)

    def uncommented(self, text: str, language: str, parts: Sequence[Node] | None = None) -> Tree:
        """Return the tree of its text without the comments within expressions, places the same.

        It is this one where there are none, in the ``parts`` of it if some are given. ``text`` and
        ``language`` are what it was made of.
        """
        if not (kinds := _COMMENTS.get(language)) or not any(one in text for one in ("#", "/")):
            return self
        plain = _readable(text, language)
        wanted = cast("Config", {"rule": {"any": [{"kind": one} for one in kinds]}})
        roots = [self._root] if parts is None else [*parts]
        bare = blank_within(plain, (one for root in roots for one in root.find_all(wanted)))
        return self if bare is plain else Tree(bare, language)

    def _sure(self, found: Sequence[SgNode], config: Mapping[str, Any]) -> Iterator[SgNode]:
        """Yield what is found too where strings are not told by their escapes alone."""
        literal = any("\\" in one for one in _patterns(config))
        spelled = escapes.spelled_config(config)
        for node in found:
            if not spelled or not escapes.doubtful(node, spelled_out=literal):
                yield node
                continue
            if self._spelled is None:
                from ast_grep_py import SgRoot

                text = escapes.spelled(self._root.text(), self._root)
                self._spelled = SgRoot(text, self._escaping).root()
            again = self._spelled.find_all(cast("Config", spelled))
            if any(one.range() == node.range() for one in again):
                yield node

    def _nodes(self, config: Mapping[str, Any]) -> list[SgNode]:
        return self._root.find_all(cast("Config", config))


def holds(part: Node, config: Mapping[str, Any]) -> bool:
    """Say whether a checked configuration matches somewhere in a part of a tree."""
    return part.find(cast("Config", config)) is not None


# Languages in which a comment may stand within an expression, and the kinds of it.
_COMMENTS = {
    **dict.fromkeys(
        ["python", "javascript", "typescript", "tsx", "go", "csharp", "php", "ruby"], ("comment",)
    ),
    **dict.fromkeys(("java", "rust"), ("line_comment", "block_comment")),
    "kotlin": ("line_comment", "multiline_comment"),
}


def _readable(text: str, name: str) -> str:
    """Return what the grammar is given of a text."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    return only_php(plain) if name == "php" else plain


# By the configuration, which is kept with it: the names of its variables, itself for ASCII, and
# whether it may compare strings.
_READ: dict[int, tuple[Mapping[str, Any], tuple[str, ...], Mapping[str, Any], bool]] = {}
_MANY = 4096


def _read(config: Mapping[str, Any]) -> tuple[tuple[str, ...], Mapping[str, Any], bool]:
    """Return what a search needs to know of a configuration, made once: it is used for many."""
    known = _READ.get(id(config))
    if known is None or known[0] is not config:
        if len(_READ) >= _MANY:
            _READ.clear()
        compares = escapes.compares([*_patterns(config)], _named(config))
        known = _READ[id(config)] = config, metavars(config), rustregex.narrowed(config), compares
    return known[1:]


def _may_match(rule: Mapping[str, Any], kind: str) -> bool:
    """Say whether the rule may match a root of that kind; never wrong when it says no."""
    if _INSIDE & rule.keys() or rule.get("kind", kind) != kind:
        return False
    pattern = rule.get("pattern", "$A")
    if isinstance(pattern, str) and not _METAVAR.fullmatch(pattern.strip()):
        return False
    either = [_may_match(one, kind) for one in rule.get("any", ())]
    return all(_may_match(one, kind) for one in rule.get("all", ())) and (not either or any(either))


_INSIDE = frozenset(("inside", "precedes", "follows"))  # what no root is


@lru_cache(maxsize=64)  # a change's files: each engine reads them all in turn
def parse(text: str, language: str) -> Tree:
    """Parse the text, or return the tree of it that is at hand: detectors and fingerprints meet.

    Raises ValueError for a language without a grammar.
    """
    return Tree(text, language)


def forget() -> None:
    """Drop the trees that are at hand: they take some twenty times the room of their texts."""
    parse.cache_clear()


def find(text: str, language: str, rule_config: Mapping[str, Any]) -> Iterator[Match]:
    """Yield what a checked rule configuration matches in the text."""
    return parse(text, language).find(rule_config)


def outline(text: str, language: str) -> tuple[Symbol, ...]:
    """Return the text's symbols; empty for a language without a grammar or a symbol table."""
    return parse(text, language).outline(language) if language in KINDS else ()


def validate(rule_config: Mapping[str, Any], language: str) -> str | None:
    """Say what is wrong with a rule configuration for that language, if anything.

    The configuration has the shape of ast-grep's reference: the astgrep engine checked that before.
    """
    if grammar(language) is None:
        known = ", ".join(sorted({*KINDS, *_UNNAMED}))
        return f"ast-grep has no grammar for {language!r}; it has {known}"
    try:
        list(Tree("", language).find(rule_config))
    except RuntimeError as error:
        return _reason(str(error))
    broken = (code for code in _patterns(rule_config) if _is_broken(_plain(code), language))
    return next((_NOT_CODE.format(code=code) for code in broken), None)


_NOT_CODE = (
    "{code!r} does not parse by itself, so it would never match; give the pattern a context and a"
    " selector, or match by kind and has"
)


def _is_broken(code: str, language: str) -> bool:
    """Say whether the code parses neither as it is nor as a statement. A name alone always does.

    C# has no statement that is a name, and yet the pattern ``$NAME`` matches there.
    """
    return not code.isidentifier() and all(
        tree.trouble() or tree.unclosed()
        for tree in (Tree(code, language), Tree(f"{code};", language))
    )


def _plain(pattern: str) -> str:
    return _METAVAR.sub(lambda name: name[1] or "A", pattern)


def _reason(message: str) -> str:
    """Return ast-grep's causes on one line, without its numbers and stack."""
    causes = message.partition("\n\nStack backtrace")[0].partition("Caused by:")[2]
    steps = [re.sub(r"^\s*\d+: ", "", line).strip() for line in causes.splitlines()]
    return " ".join(step for step in steps if step) or message.splitlines()[0]


_METAVAR = kept.expression(r"\${1,3}(?:_[A-Z0-9_]*|([A-Z][A-Z0-9_]*)|(?<=\$\$\$))")
_NOTHING = {"rule": {"regex": "^$"}}
_CLOSING = frozenset(")]}")
_TROUBLE = {"rule": {"all": [{"kind": "ERROR"}]}}  # a bare kind finds none of them


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in {"pattern", "context"} and isinstance(value, str):
                yield value
            else:
                yield from _patterns(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _patterns(value)


def metavars(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the variables in the configuration's patterns, sorted."""
    return tuple(sorted({*_named(config)}))


def _named(config: Mapping[str, Any]) -> Iterator[str]:
    found = (match for code in _patterns(config) for match in _METAVAR.finditer(code))
    yield from (match[1] for match in found if match[1])


def _match(node: SgNode, names: Sequence[str]) -> Match:
    start, end = node.range().start, node.range().end
    found = {name: _captured(node, name) for name in names}
    metavars = {name: text for name, text in found.items() if text is not None}
    return Match(
        start.line + 1, start.column + 1, end.line + 1, end.column + 1, node.text(), metavars
    )


def _captured(node: SgNode, name: str) -> str | None:
    one = node.get_match(name)
    if one is not None:
        return one.text()
    many = node.get_multiple_matches(name)
    if not many:
        return None
    whole = node.get_root().root()
    first, last = many[0].range().start.index, many[-1].range().end.index
    return whole.text()[first - whole.range().start.index : last - whole.range().start.index]


# Languages with a grammar whose pieces nobody needs by name.
_UNNAMED = {"css", "dart", "elixir", "haskell", "hcl", "html", "json", "nix", "solidity", "yaml"}
