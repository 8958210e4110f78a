"""Recognise error lines of usual tools, and what is the same in two of them."""

from __future__ import annotations

import re
from typing import Final

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NOISE: Final = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{20,}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ][\d:.]+Z?\b"), "<time>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<address>"),
    (re.compile(r"(?:[\w.@~-]*/)+([\w.-]+)"), r"\1"),
    (re.compile(r":\d+(?::\d+)?\b"), ":<n>"),
    (re.compile(r"\b(line|column|row|pid|in) \d+(?:\.\d+)?(s|ms)?\b"), r"\1 <n>"),
    (re.compile(r"\b[0-9a-f]{12,40}\b"), "<hash>"),
    (re.compile(r"\s+"), " "),
)
_ERROR: Final = re.compile(
    r"""^[\s>|E]*(?:
      (?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt)\b(?!\s*\()(?::|$)
    | (?i:fatal|panic|error|err!|critical)\b\s*(?:\[[^\]]*\]|[A-Z]+\d+)?\s*[:!]
    | npm\ ERR!\ (?:code|[A-Z])
    | .*?\berror\ (?:TS|CS|E|C)\d+
    | FAILED\ \S
    | .*:\ (?:command\ not\ found|Permission\ denied|No\ such\ file\ or\ directory)\s*$
    | Segmentation\ fault
    | \[TIMEOUT\]
    )""",
    re.VERBOSE,
)
_SUMMARY: Final = re.compile(
    r"\b(?:Tests?:\s*)?(\d+) (?:failed|failing|failures?)\b"
    r"|\bfailures=(\d+)|\bFound (\d+) errors?\b|\b(\d+) errors? generated\b"
)


def is_error(row: str) -> bool:
    """Say whether a row is the line that names an error, and no count of failed tests."""
    bare = _ANSI.sub("", row)
    return bool(_ERROR.match(bare)) and not _SUMMARY.search(bare)


def normal(row: str) -> str:
    """Return the row without what differs between two runs: numbers of lines, folders, times."""
    text = _ANSI.sub("", row).strip(" >|\t")
    for pattern, instead in _NOISE:
        text = pattern.sub(instead, text)
    return text[:300]


def failures(row: str) -> int | None:
    """Return how many tests or checks a summary row says have failed; None if it is none."""
    match = _SUMMARY.search(_ANSI.sub("", row))
    if match:
        return int(next(group for group in match.groups() if group)[:9])
    return 0 if re.search(r"^=*\s*\d+ passed\b(?!.*failed)", row) else None
