"""Find the scripts that pages, templates and components hold.

They are given in their place: a text of as many lines and columns, all else blank, so that what is
found in it stands where the file has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from rlm_gate import kept
from rlm_gate.core import SourceFile

HOSTS: Final = frozenset({"html", "svelte", "template", "vue"})
"""The languages whose files hold scripts."""

SCRIPTS: Final = frozenset({"javascript", "typescript"})
"""What the scripts are written in."""

_OPENED = kept.expression(r"<script\b(?P<marks>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)
_CLOSED = kept.expression(r"</script\s*>", re.IGNORECASE)
_OTHER = kept.expression(
    r"\btype\s*=\s*[\"']?(?!(?:text/|application/)?(?:x-)?(?:java|ecma|type)script\b|module\b|[\"'])",
    re.IGNORECASE,
)
_TYPED = kept.expression(r"\blang\s*=\s*[\"']?tsx?\b|\btype\s*=\s*[\"']?text/typescript")
_FILLED = kept.expression(r"<%[^\n]*?%>|\{\{[^\n]*?\}\}|\{[%#][^\n]*?[%#]\}")
_BRANCH = kept.expression(r"(?:\{%[-+]?|<%-?)\s*(?:\}\s*)?(?:else|elif|elsif|elseif)\b")
_NOT_BREAK = kept.expression(r"[^\n]")
_PACKED: Final = 2_000  # characters of a line: nobody wrote it so


def holding(named: frozenset[str]) -> frozenset[str]:
    """Return the languages whose files may hold what is written in one of those named."""
    return frozenset() if SCRIPTS.isdisjoint(named) else HOSTS


def scripts_of(file: SourceFile) -> SourceFile | None:
    """Return the scripts of a file of HOSTS as a file of their own language, None without any."""
    if file.language not in HOSTS or file.status == "deleted" or "<script" not in file.text.lower():
        return None
    text, language = embedded(file.text)
    return replace(file, language=language, read=lambda: text) if text else None


@lru_cache(maxsize=8)
def embedded(text: str) -> tuple[str, str]:
    """Return the scripts, each character in its place, and their language; "" without any."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    pieces, end, typed = [], 0, False
    for start, stop, is_typed in _written(plain):
        pieces += [_NOT_BREAK.sub(" ", plain[end:start]), _FILLED.sub(_word, plain[start:stop])]
        end, typed = stop, typed or is_typed
    if not pieces:
        return "", "javascript"
    blank = _NOT_BREAK.sub(" ", plain[end:])
    return "".join((*pieces, blank)), "typescript" if typed else "javascript"


def _written(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where each script that people wrote begins and ends, and whether it has types."""
    end = 0
    while (opened := _OPENED.search(text, end)) and (closed := _CLOSED.search(text, opened.end())):
        start, stop, end = opened.end(), closed.start(), closed.end()
        code, marks = text[start:stop], opened["marks"]
        if code.strip() and not _OTHER.search(marks) and max(map(len, code.split("\n"))) < _PACKED:
            yield start, stop, _TYPED.search(marks) is not None


def _word(filled: re.Match[str]) -> str:
    """Stand in for what a template puts there: a name of that length, or nothing for a command.

    Where another branch begins stands a comment: what is before it and behind it never meets.
    """
    written = filled[0]
    if _BRANCH.match(written):
        return f"/*else{' ' * (len(written) - 8)}*/"
    return ("x" if written.startswith(("<%=", "<%-", "{{")) else " ") * len(written)
