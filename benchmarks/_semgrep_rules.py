"""Write as many rules for semgrep as our packs have detectors: translated where their shapes allow.

Taint entries become mode: taint (same sinks, the usual sources), regular expressions stay, shapes
become a call or an assignment whose name or text fits the same expression. What ruff or the secret
scanner judges has no text to translate: a call named like the rule stands in, so that the number of
rules is the same. A rule of ours without Python becomes one of JavaScript there: both tools leave
it out for a Python file. No claim is made that they find the same: this is for time and memory.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlm_gate import packs
from rlm_gate.core import Detect, Rule
from rlm_gate.detectors._taint import spec

_SPOKEN = {"python", "javascript", "typescript", "go", "java", "php", "ruby", "html", "yaml", "c"}
_SOURCES = ("request.GET[...]", "request.POST[...]", "request.$ANY.get(...)", "input(...)",
            "sys.argv[...]")  # fmt: skip
_ELSEWHERE = ("req.query", "req.body", "req.params")
_WIDE = re.compile(r"\{0,\d{3,}\}")  # PCRE calls the expression too large
_MOST_SINKS = 60


def write(path: Path) -> Counter[str]:
    """Write the file; return how many rules there are of each sort."""
    loaded = [one.pack for one in packs.load_files(None, None)]
    sorts: Counter[str] = Counter()
    written: list[dict[str, Any]] = []
    for rule in packs.select(loaded):
        if rule.detect:
            sort, body = next(_bodies(rule))
            sorts[sort] += 1
            written.append(_framed(rule, body))
    path.write_text(json.dumps({"rules": written}, indent=1))
    return sorts


def _framed(rule: Rule, body: Mapping[str, Any]) -> dict[str, Any]:
    spoken = [one for one in rule.languages if one in _SPOKEN] or ["python"]
    frame = {"id": rule.id.replace("/", "."), "message": rule.title, "severity": "WARNING"}
    return {"languages": spoken, **frame, **body}


def _bodies(rule: Rule) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (sort, body), the most telling first; the last always fits."""
    for engine, translate in (("taint", _taint_body), ("regex", _regex_body), ("astgrep", _shape)):
        for entry in sorted(rule.detect, key=lambda one: _languages(one) != ["python"]):
            if entry.engine == engine and (body := translate(entry)):
                yield engine, body
    words = rule.id.rpartition("/")[2].replace("-", "_")
    yield "stand-in", _call(rf"^(\w+\.)*{words}$")


def _taint_body(entry: Detect) -> dict[str, Any] | None:
    names = [
        name
        for call in entry.options.get("calls", ())
        for written in ([call["call"]] if isinstance(call["call"], str) else call["call"])
        for name in spec.expanded(written)
    ]
    sinks = sorted(
        {re.sub(r"^\*+\.", "$ANY.", name) for name in names if re.fullmatch(r"[\w.*]+", name)}
    )
    if not sinks:
        return None
    [language] = _languages(entry)
    return {
        "mode": "taint",
        "languages": [language],
        "pattern-sources": [
            {"pattern": one} for one in (_SOURCES if language == "python" else _ELSEWHERE)
        ],
        "pattern-sinks": [{"pattern": f"{one}(...)"} for one in sinks[:_MOST_SINKS]],
    }


def _languages(entry: Detect) -> list[str]:
    named = entry.options.get("language", "python")
    return [
        "python" if "python" in ([named] if isinstance(named, str) else named) else "javascript"
    ]


def _regex_body(entry: Detect) -> dict[str, Any] | None:
    pattern = entry.options["pattern"]
    if pattern.startswith("(?x)"):  # semgrep's PCRE reads other commands into it
        return None
    return {"languages": ["regex"], "pattern-regex": _WIDE.sub("*", pattern)}


def _shape(entry: Detect) -> dict[str, Any] | None:
    expressions = [*_expressions(entry.options.get("rule"))]
    if not expressions:
        return None
    function = next((text for text, named in expressions if named), None)
    body = _call(function) if function else _assignment(expressions[0][0])
    return {**body, "languages": _languages(entry)}


def _expressions(node: Any) -> Iterator[tuple[str, bool]]:
    """Yield (expression, whether a function's name must fit it) of a shape."""
    if isinstance(node, Mapping):
        text = node.get("regex")
        if isinstance(text, str) and not _fits_anything(text):
            yield text, node.get("field") == "function"
        for value in node.values():
            yield from _expressions(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _expressions(value)


def _fits_anything(expression: str) -> bool:
    """Say whether it says next to nothing alone: semgrep would report every line."""
    try:
        return bool(re.match(expression, "some_name"))
    except re.error:
        return True


def _call(expression: str) -> dict[str, Any]:
    where = {"metavariable-regex": {"metavariable": "$F", "regex": expression}}
    return {"patterns": [{"pattern": "$F(...)"}, where], "languages": ["python"]}


def _assignment(expression: str) -> dict[str, Any]:
    where = {"metavariable-regex": {"metavariable": "$X", "regex": expression}}
    return {"patterns": [{"pattern": "$X = $Y"}, where], "languages": ["python"]}
