"""Whether something before a match may have refused its value, by the text of its function.

For languages where the shape of a sink alone is told as grave: a condition or a check that names
what the match holds counts, wherever it leads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rlm_gate import kept, syntax
from rlm_gate.detectors import _shapes
from rlm_gate.detectors._taint import signs

_KOTLIN: Final = ("function_declaration", "lambda_literal")
_ASKED: Final = kept.expression(
    r"(?:params|cookies|request\.\w+|Request\.\w+)(?:\[[^\]\n]*\]|\.(?:fetch|require|get)\([^)\n]*\))+"
)
_NAME: Final = kept.expression(r"(?<![\w.@:$\"'])@?[a-z_]\w*(?!\s*[(:\w])")
_TEXTS: Final = kept.expression(r"\"[^\"#{\n]*\"|'[^'\n]*'")
_COMMENT: Final = kept.expression(r"(?m)^[ \t]*(?:#(?![\[{])|//).*$")
_COMMON: Final = kept.expression(
    r"(?:if|unless|else|end|do|return|await|new|var|let|val|mut|self|this|nil|null|true|false|string"
    r"|int|public|private|async|params|request|cookies|body|query)\Z"
)
_BRANCHES: Final = kept.expression(
    r"\b(?:if|unless|elsif|case|when|while|match|require|assert|switch)\b|\?[^?.:\n]+:|\b(?:and|or)\b|&&"
)
# asks more than whether there is something
_ASKS: Final = kept.expression(
    r"(?i)=~|!~|\b(?:match\w*|is_?match|include\?|in\?|key\?|has_key\?|member\?|any\?|contains\w*"
    r"|start_?s?_?with\??|has|exists\?|cover\?|between\?|can\?|valid\w*\??|allowed\w*\??|permitted\w*\??"
    r"|safe\w*\??|known\w*\??|(?-i:[iI]s(?!Null|Empty|Blank|String|Present)[A-Z]\w*)|try_?parse)(?=[\s(.?!&])|\bwhen\s+[\"':/%]"
)
_QUERY: Final = kept.expression(r"\.exists\?(?=[\s(])")  # the sink itself is no check of its value
_PRESENT: Final = kept.expression(
    r"(?i)\b(?:present|blank|nil|empty|is_?null\w*|exists?|file\.exist\w*|directory\.exist\w*)\b"
)
_ADMIN_BASE: Final = kept.expression(
    r"(?m)^[ \t]*class\s+[\w:]+\s*<\s*[\w:]*Admin|^[ \t]*module\s+Admin\b"
)
_ROUTE: Final = {
    "kind": "call",
    "all": [
        {"has": {"field": "method", "regex": "^(?:get|post|put|patch|delete)$"}},
        {"has": {"kind": "do_block"}},
    ],
}
_CHOSEN: Final = kept.expression(
    r"(?m)^[ \t]*(?:prepend_)?before_(?:action|filter)\s+:\w*"
    r"(?:admin|valid|sanit|allow|permit|authori|whitelist|check)\w*"
)


def refusable(text: str, language: str, tree: syntax.Tree, match: tuple[int, int]) -> bool:
    """Say whether what the lines (first, last) hold may have been refused before.

    A route for administrators counts too: who runs the place can do harm in other ways.
    """
    lines = text.split("\n")
    first = _begin(tree, language, match[0])
    said = "\n".join(lines[match[0] - 1 : match[1]])
    before = _COMMENT.sub("", "\n".join(lines[first - 1 : match[0] - 1]))
    head = "\n".join(lines[max(0, first - 6) : match[0]])
    if signs.ADMINS.search(head) or _CHOSEN.search(text) or _ADMIN_BASE.search(text):
        return True
    names = _carried(_names(said), before)
    own = (_QUERY.sub("", line) for line in lines[match[0] - 1 : match[1]])
    return any(_refuses(line, names) for line in (*before.split("\n"), *own))


def _begin(tree: syntax.Tree, language: str, line: int) -> int:
    """Return the first line of the innermost function around the line, else 1."""
    shape = _shapes.SHAPES.get(language)
    kinds = [{"kind": kind} for kind in (shape.functions if shape else _KOTLIN)]
    nodes = tree.find({"rule": {"any": [*kinds, _ROUTE] if language == "ruby" else kinds}})
    return max(
        (one.start_line for one in nodes if one.start_line <= line <= one.end_line), default=1
    )


def _names(said: str) -> frozenset[str]:
    """Return the variables and the parts of a request that are named there."""
    asked = (one.replace(" ", "") for one in _ASKED.findall(said))
    named = _NAME.findall(_TEXTS.sub("", said))
    return frozenset(one for one in (*asked, *named) if not _COMMON.match(one))


def _carried(names: frozenset[str], before: str) -> frozenset[str]:
    """Return the names with those that they are made of."""
    for line in reversed(before.split("\n")):
        target, equals, value = line.partition("=")
        if (
            equals
            and not value.startswith(("=", "~", ">"))
            and names & {*_NAME.findall(target + " ")}
        ):
            names |= _names(value)
    return names


def _refuses(line: str, names: frozenset[str]) -> bool:
    """Say whether the line asks something of one of the names, or has it checked."""
    packed = line.replace(" ", "")
    if not names & {*_NAME.findall(_TEXTS.sub("", line))} and not any(
        one in packed for one in names if "[" in one or "(" in one
    ):
        return False
    if any(signs.LOOKS.search(one) for one in _called(line)):
        return True
    if not _BRANCHES.search(line):
        return False
    asks = _ASKS.search(line) is not None
    compared = signs.COMPARED.split(line)
    varies = len(compared) > 1 and not any(
        signs.LITERAL.match(one.split("?")[0]) for one in compared[1:]
    )
    return asks or (varies and not _PRESENT.search(line))


def _called(line: str) -> Iterator[str]:
    yield from (one for one in signs.CALLED.findall(line) if not signs.ASIDE.match(one))
