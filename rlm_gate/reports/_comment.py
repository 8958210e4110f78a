"""The one comment on a pull request: the summary, what was resolved, and what the next one needs.

The state is in the comment itself, out of sight. Whoever may edit the comment may edit it, so it is
read as hostile: it can only name things, and what it names is written as inert text.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any

from rlm_gate.core import Finding, Verdict
from rlm_gate.phrases import counted
from rlm_gate.reports import markdown
from rlm_gate.reports._identity import identified
from rlm_gate.reports._plain import clip, one_line, shown_path

MARKER = "<!-- rlm-gate:comment -->"
MAX_CHARS = 60_000  # GitHub refuses a body of more than 65,536; what follows adds up to less
_MAX_SUMMARY = 35_000
_MAX_RESOLVED = 7_000
_MAX_STATE = 12_000
_MAX_ITEMS = 100
_MAX_LABEL = 120
_STATE = re.compile(r"<!-- rlm-gate:state ([A-Za-z0-9+/=]*) -->")
_ID = re.compile(r"[0-9a-f]{16}")

Items = dict[str, str]
"""Findings by id, each with a label."""


def render(verdict: Verdict, before: str = "") -> str:
    """Return the comment's body; ``before`` is the body that it will replace."""
    now = {identity[:16]: _label(one) for identity, one in identified(verdict.findings)}
    were, gone = read(before)
    resolved = {key: label for key, label in {**gone, **were}.items() if key not in now}
    summary = markdown.render(verdict, limit=_MAX_SUMMARY).decode()
    return "\n".join([MARKER, summary, *folded(resolved), written(now, resolved)])


def _label(finding: Finding) -> str:
    return one_line(f"{finding.rule_id} in {shown_path(finding.span.path)}", _MAX_LABEL)


def folded(resolved: Items) -> Iterable[str]:
    """Yield the resolved findings, folded away, the newest that there is room for."""
    if not resolved:
        return
    lines, room = [], _MAX_RESOLVED
    for label in list(resolved.values())[::-1]:
        line = f"- {markdown.inert(label, _MAX_LABEL)}"
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    title = f"{counted(len(resolved), 'finding')} resolved"
    yield "\n".join([f"<details><summary>{title}</summary>\n", *lines, "\n</details>\n"])


def written(now: Items, resolved: Items) -> str:
    """Return the state as a hidden line, the oldest left out first where it would be too long."""
    items = [list(now.items()), list(resolved.items())[-_MAX_ITEMS:]]
    while True:
        raw = json.dumps(items, separators=(",", ":")).encode()
        if len(raw) <= _MAX_STATE:
            return f"<!-- rlm-gate:state {base64.b64encode(raw).decode()} -->"
        items = [part[len(part) // 2 :] for part in items]


def read(body: str) -> tuple[Items, Items]:
    """Return what stood in that comment, and what it called resolved."""
    found = _STATE.search(body)
    try:
        state = json.loads(base64.b64decode(found[1], validate=True)) if found else []
    except (binascii.Error, ValueError, RecursionError):
        return {}, {}
    parts = state if isinstance(state, list) and len(state) == 2 else [[], []]
    return _items(parts[0]), _items(parts[1])


def _items(part: Any) -> Items:
    pairs = part if isinstance(part, list) else []
    return {
        pair[0]: clip(one_line(pair[1]), _MAX_LABEL)
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair)
        if _ID.fullmatch(pair[0])
    }
