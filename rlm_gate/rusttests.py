"""Tell where a file of Rust begins to hold its own tests: they stand behind what they test."""

from __future__ import annotations

import math

from rlm_gate import kept

_MODULE = kept.expression(
    r"(?m)^#\[cfg\((?:test|all\(test\b[^)\n]*\))\)\]\s*(?:#\[[^\n]*\]\n\s*)*"
    r"(?:pub(?:\([^)\n]*\))?[ ]+)?mod[ ]+\w+[ ]*\{"
)


def begin(text: str) -> float:
    """Return the line before the module of tests, infinity where there is none."""
    found = _MODULE.search(text) if "cfg(" in text else None
    return text.count("\n", 0, found.start()) if found else math.inf
