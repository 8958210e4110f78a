"""Ruff's fixes as changes of whole lines, which every reader of reports can apply."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from rlm_gate.core import Fix, Span

_MOST_LINES = 30
_APPLICABILITY = {"safe": True, "unsafe": False}
_MUTABLE_DEFAULT = "B006"
_MAY_BE_NONE = re.compile(r"\b(?:None|Optional|Any|object)\b")
_Place = Mapping[str, int]


def fix(hit: Mapping[str, Any], path: str, lines: Sequence[str]) -> Fix | None:
    """Return the fix that ruff offers for a hit; None where it offers none, or a long one."""
    offered = hit.get("fix")
    if not offered or not offered["edits"] or offered["applicability"] not in _APPLICABILITY:
        return None
    given = [*offered["edits"], *_typed(hit, lines)]
    edits = sorted(given, key=lambda edit: _key(edit["location"]))
    first = edits[0]["location"]["row"]
    last = max(_last(edit) for edit in edits)
    if not 1 <= first <= last <= len(lines) or last - first >= _MOST_LINES:
        return None
    text = _edited(lines[first - 1 : last], edits, first)
    safe = _APPLICABILITY[offered["applicability"]]
    return Fix(Span(path, first, last), text, safe, str(offered.get("message") or ""))


def _typed(hit: Mapping[str, Any], lines: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield what says, beside a default that becomes None, that the parameter may be None."""
    if hit.get("code") != _MUTABLE_DEFAULT:
        return
    place = hit["location"]
    name = re.search(
        r"\bif (\w+) is None:", "".join(e["content"] or "" for e in hit["fix"]["edits"])
    )
    before = lines[place["row"] - 1][: place["column"] - 1]
    found = re.search(rf"\b{name[1]}\s*:\s*(\S.*?)\s*=\s*\Z", before) if name else None
    if found and not _MAY_BE_NONE.search(found[1]):
        quoted = found[1][0] in "'\"" and found[1][0] == found[1][-1]
        here = {"row": place["row"], "column": found.end(1) + 1 - quoted}
        yield {"content": " | None", "location": here, "end_location": here}


def _key(place: _Place) -> tuple[int, int]:
    return place["row"], place["column"]


def _last(edit: Mapping[str, Any]) -> int:
    """Return the last line that the edit changes: one less where it ends at a line's start."""
    start, end = edit["location"], edit["end_location"]
    row: int = end["row"]
    return max(1, row - 1) if end["column"] == 1 and _key(start) < _key(end) else row


def _edited(lines: Sequence[str], edits: Sequence[Mapping[str, Any]], first: int) -> str:
    text = "".join(f"{line}\n" for line in lines)
    starts = [0, *accumulate(len(line) + 1 for line in lines)]

    def offset(place: _Place) -> int:
        return min(starts[place["row"] - first] + place["column"] - 1, len(text))

    for edit in reversed(edits):
        start, end = offset(edit["location"]), offset(edit["end_location"])
        text = text[:start] + (edit["content"] or "") + text[end:]
    return text.removesuffix("\n")
