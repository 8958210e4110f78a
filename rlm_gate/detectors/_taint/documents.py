"""Queries of document databases: what is won by an operator where a text was awaited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import around
from rlm_gate.detectors._taint.values import Lines
from rlm_gate.syntax import Node

_LISTS: Final = kept.expression(
    r"(?:await\s+)?[\w$.?!]*\.(?:find|count|countDocuments|distinct|aggregate|paginate)\("
)
# what a text must equal to let somebody in, or is known to one person alone
_KNOWN_TO_ONE: Final = kept.expression(
    r"(?i)pass(?:word|wd|code|phrase)|token|secret|\botp\b|\bpin\b|code\b|key\b|hash|mail|login"
    r"|user_?name|phone|session|invit|share|\$where|mapReduce"
)
# the whole filter is what was sent, or its keys are
_WHOLE: Final = kept.expression(
    r"\(\s*(?:[\w$]+\.)+(?:query|body)\s*[,)]|\.\.\.\s*[\w$.]+|\[\s*[\w$.]+\s*\]\s*="
    r"|^\s*(?:(?:const|let|var)\s+)?[\w$]+\s*=\s*(?:await\s+)?(?:[\w$]+\.)+(?:query|body|json\(\))"
    r"\s*;?\s*$"
)
_FILTER: Final = kept.expression(r"[^(]*\(\s*([\w$]+)\s*[,)]")
_FILLED: Final = kept.expression(r"([\w$]+)(?:\.([\w$.]+)|\[([^\]\n]*)\])\s*=(?!=)")
_ONLY_TEXTS: Final = kept.expression(r"\bsearchParams\.get\(")


def widens_a_list(sink: Node, steps: Sequence[Lines]) -> bool:
    """Say whether an operator gets no more rows than who leaves the field out: a list's filter.

    What ``searchParams.get`` gives is a text, whatever the query does.
    """
    said = [*around.said_at(sink, steps), sink.text()]
    if any(_ONLY_TEXTS.search(one) for one in said):
        return True
    if not _LISTS.match(sink.text()):
        return False
    said.extend(_fields(sink))
    return not any(_KNOWN_TO_ONE.search(one) or _WHOLE.search(one) for one in said)


def _fields(sink: Node) -> Iterator[str]:
    """Yield what is set in the filter, if it has a name, by the function around."""
    named = _FILTER.match(sink.text())
    function = next(around.functions(sink), None)
    if named is None or function is None:
        return
    for filled in _FILLED.finditer(function.text()):
        if filled[1] == named[1]:
            yield filled[2] or f"[{filled[3]}] ="
