"""What a parameter's written type says: a request of the web, or a thing of the project's own.

Sees TypeScript's annotations and the declarations of the same file; what an import brings, it
guesses by the type's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint import around, spec
from rlm_gate.detectors._taint.values import Taint
from rlm_gate.syntax import Node

_REQUEST: Final = kept.expression(r"req(?:uest)?\Z")
_ALIKE: Final = kept.expression(r"(?:\A|\w)(?:Req|Request|Ctx|Context)\w*\Z")
# who also gets what answers, or what comes next, handles a request of the web
_HANDLES: Final = kept.expression(
    r"[\s{]*_?(?:res|resp|response|reply|rsp|next|ctx|context|done|h|env|info)\b"
)
_SERVES: Final = kept.expression(
    r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|loader|action|middleware|handler)\Z"
)
_LONGEST: Final = 300  # characters of a declaration that are read
_PLAIN: Final = frozenset({"type_identifier", "predefined_type", "generic_type"})
_ANY: Final = frozenset({"any", "unknown", "object", "never"})


def is_own(name: str, parameter: Node) -> bool:
    """Say whether a parameter called as requests are is a thing of the project's own.

    Types declared here count by what they are made of, those of other files by their names.
    """
    written = _written(name, parameter)
    if not written:
        return False
    declared = _declared(written, parameter)
    return not (_ALIKE.search(written) if declared is None else _web().search(declared))


def is_unsure(sink: Node, taint: Taint) -> bool:
    """Say whether only names tell that the source is a request: its type is of another file."""
    said = next(around.said_at(sink, taint.steps), "")
    return any(
        re.search(rf"\b{re.escape(name)}\b", said) is not None
        and _ALIKE.search(written := _written(name, one)) is not None
        and _declared(written, one) is None
        for name, one in _parameters(sink)
    )


def _parameters(sink: Node) -> Iterator[tuple[str, Node]]:
    """Yield the typed parameters of the functions around that are no routes by their names."""
    for function in around.functions(sink):
        parameters, called = function.field("parameters"), function.field("name")
        if called is not None and _SERVES.match(called.text()):
            continue
        for one in parameters.children() if parameters is not None else ():
            pattern = one.field("pattern")
            if pattern is not None:
                yield pattern.text(), one


def _written(name: str, parameter: Node) -> str:
    """Return a parameter's type if that is one plain name, and all that tells what it is."""
    kind = parameter.field("type") if _REQUEST.match(name) else None
    inner = next((one for one in kind.children() if one.is_named()), None) if kind else None
    if inner is None or inner.kind() not in _PLAIN or parameter.text().startswith("@"):
        return ""
    written = inner.text().partition("<")[0].strip()
    told = written in _ANY or written in _known() or _is_answered(parameter)
    return "" if told else written


def _is_answered(parameter: Node) -> bool:
    later = parameter.next()
    while later is not None and not later.is_named():
        later = later.next()
    return later is not None and _HANDLES.match(later.text()) is not None


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(spec.vocabulary("typescript").data["types"])


@lru_cache(maxsize=1)
def _web() -> re.Pattern[str]:
    return kept.expression(rf"\b(?:{'|'.join(map(re.escape, sorted(_known())))})\b")


def _declared(name: str, parameter: Node) -> str | None:
    """Return the beginning of what the file declares under that name, None where it doesn't."""
    text = around.whole(parameter).text()
    found = re.search(rf"\b(?:interface|class|type)\s+{re.escape(name)}\b", text)
    return text[found.end() : found.end() + _LONGEST] if found is not None else None
