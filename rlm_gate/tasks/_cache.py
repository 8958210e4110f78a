"""Results by content in one JSON file that a harness keeps; what can't be used is ignored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from rlm_gate.reports import store
from rlm_gate.tasks._report import Malformed, parsed

_FORMAT = "rlm-gate-analyses"
_VERSION = 1
_MOST = 500
_MOST_BYTES = 64 << 20


def get(path: Path, key: str, tell: Callable[[str], None]) -> Mapping[str, Any] | None:
    """Return the result of that key, if the file has one."""
    found = _entries(path, tell).get(key)
    return found if isinstance(found, dict) else None


def put(path: Path, key: str, result: Mapping[str, Any]) -> None:
    """Add a result; the file appears whole or not at all, and the oldest entries make room.

    Raises UsageError where it can't be written.
    """
    entries = {**_entries(path, lambda _remark: None), key: result}
    kept = dict(list(entries.items())[-_MOST:])
    document = {"format": _FORMAT, "version": _VERSION, "entries": kept}
    store(path, f"{json.dumps(document, indent=1)}\n".encode(), f"--cache-file {path}")


def faults(kept: Iterable[Mapping[str, Any]]) -> tuple[Malformed, ...]:
    """Return malformed lines as they were kept."""
    return tuple(Malformed(**one) for one in kept)


def _entries(path: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        document = parsed(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        tell(f"{path}: this cache is ignored: {error}")
        return {}
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        tell(f"{path}: this cache is ignored: no {_FORMAT}")
        return {}
    entries = document.get("entries")
    if document.get("version") != _VERSION or not isinstance(entries, dict):
        tell(f"{path}: this cache is ignored: not of version {_VERSION}")
        return {}
    return entries
