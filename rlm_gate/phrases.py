"""Phrases of English that reports, remarks and commands share: counts and shortened lists."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return ``1 file``, ``12,000 lines``, ``2 entries``."""
    if number == 1:
        return f"{number:,} {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number:,} {plural}"


def listed(names: list[str], limit: int) -> str:
    """Return the names joined by commas, and how many were left out beyond ``limit``."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"
