"""Ids for readers that show only one of several entries with the same id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from rlm_gate.core import Finding, hashes
from rlm_gate.reports import _digest as digest


def identified(findings: Iterable[Finding]) -> Iterator[tuple[str, Finding]]:
    """Yield the findings in order, each with an id of its own, 64 hex digits.

    A fingerprint knows no path, so that a renamed file keeps it; equal code in two files, and a
    rule that speaks twice at one place, would otherwise share an id.
    """
    met: Counter[tuple[str, str]] = Counter()
    for finding in digest.ordered(findings):
        key = (finding.span.path, finding.fingerprint)
        met[key] += 1
        yield digest_of(*key, str(met[key])), finding


def digest_of(*parts: str) -> str:
    """Return the SHA-256 of the parts, whatever they hold, as 64 hex digits."""
    return hashes.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
