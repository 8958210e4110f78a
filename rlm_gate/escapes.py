r"""Tell strings with escapes apart where a grammar shows nothing of them but their escapes.

In Python and Scala ``"a\n"`` has one child, the escape, so that ast-grep takes it for ``"b\n"``.
In the text as it is ``spelled`` here an escape is letters like others, and the two differ.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rlm_gate import kept

_Node = Any  # of ast-grep, whose only home is syntax
LANGUAGES: Final = frozenset(("python", "scala"))
_ESCAPE: Final = "escape_sequence"
_FIRST: Final = 0xE000  # of the characters that nobody's text has: they stand for those of escapes
_LAST: Final = 0x1000
_WRITTEN: Final = kept.expression(r"\\[^\n]")
_BACKSLASH: Final = r"\\\\"  # of a regular expression, as JSON writes half of it


def compares(patterns: Iterable[str], names: Iterable[str]) -> bool:
    """Say whether these patterns may compare strings: one with an escape, or a name used twice."""
    used: Counter[str] = Counter(names)
    return any(many > 1 for many in used.values()) or any("\\" in one for one in patterns)


def doubtful(node: _Node, *, spelled_out: bool) -> bool:
    """Say whether other strings within the node look alike, or the pattern has one of its own."""
    texts: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for escape in node.find_all(kind=_ESCAPE):
        parent = escape.parent()
        if parent is not None:
            inner = tuple(one.text() for one in parent.children())
            texts[inner].add(parent.text())
    return any(spelled_out or len(alike) > 1 for alike in texts.values())


def spelled(text: str, root: _Node) -> str:
    """Return the text with the first two characters of each escape replaced; all places stay."""
    letters = list(text)
    for escape in root.find_all(kind=_ESCAPE):
        start = escape.range().start.index
        if "\n" not in escape.text():
            letters[start : start + 2] = map(_private, letters[start : start + 2])
    return "".join(letters)


def spelled_config(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the configuration for such a text; None where it looks for backslashes itself."""
    if _BACKSLASH in json.dumps(config):
        return None
    return {key: _spelled(value) for key, value in config.items()}


def _spelled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _replaced(one)
            if key in {"pattern", "context"} and isinstance(one, str)
            else _spelled(one)
            for key, one in value.items()
        }
    return [*map(_spelled, value)] if isinstance(value, list | tuple) else value


def _replaced(pattern: str) -> str:
    return _WRITTEN.sub(lambda found: "".join(map(_private, found[0])), pattern)


def _private(letter: str) -> str:
    return chr(_FIRST + ord(letter)) if ord(letter) < _LAST else letter
