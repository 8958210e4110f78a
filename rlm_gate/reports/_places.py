"""Where a finding is, as SARIF says it: relative URIs, columns in UTF-16 code units."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote_from_bytes

from rlm_gate.core import Finding
from rlm_gate.reports._plain import clip

_MAX_SNIPPET = 4000


def location(path: str, region: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a SARIF location below the repository's root."""
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": uri(path), "uriBaseId": "%SRCROOT%"},
    }
    return {"physicalLocation": {**physical, "region": region} if region else physical}


def uri(path: str) -> str:
    """Return the path's bytes %-encoded, ``/`` between its parts."""
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:  # no path git or the system gave, but still no reason to fail
        raw = path.encode("utf-8", "surrogatepass")
    return quote_from_bytes(raw, safe="/")


def region(finding: Finding) -> dict[str, Any]:
    """Return the SARIF region of a finding, with its quote as the snippet.

    A quote with another number of lines than the span is of removed lines: the place then has
    lines and no columns.
    """
    start = max(1, finding.span.start)
    lines = finding.quote.split("\n")
    place: dict[str, Any] = {"startLine": start, "endLine": max(start, finding.span.end)}
    if len(lines) == len(finding.span):
        first, last = finding.columns or (1, len(lines[-1]) + 1)
        place["startColumn"] = _utf16_column(lines[0], first)
        place["endColumn"] = _utf16_column(lines[-1], last)
        if len(lines) == 1:
            place["endColumn"] = max(place["startColumn"], place["endColumn"])
    if finding.quote:
        place["snippet"] = {"text": clip(finding.quote, _MAX_SNIPPET)}
    return place


def _utf16_column(line: str, column: int) -> int:
    """Return the 1-based UTF-16 column of a 1-based column in code points."""
    before = line[: max(0, column - 1)]
    return max(1, column) + sum(char > "\uffff" for char in before)
