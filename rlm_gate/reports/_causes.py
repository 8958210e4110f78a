"""A finding that stands at several places: spread over them, or named in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rlm_gate.core import Finding
from rlm_gate.reports._plain import listed, shown_path


def spread(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield every place of the findings as a finding of its own, for formats that mark lines."""
    for finding in findings:
        yield replace(finding, also=())
        for place in finding.also:
            if place.span in finding.places:
                yield replace(
                    finding,
                    span=place.span,
                    fingerprint=place.fingerprint,
                    columns=None,
                    fix=None,
                    also=(),
                )


def also_at(finding: Finding, limit: int) -> str:
    """Name the further places of a finding, "" if it has none."""
    places = [f"{shown_path(span.path)}:{span.start}" for span in finding.places[1:]]
    return f"also at {listed(places, limit or len(places))}" if places else ""
