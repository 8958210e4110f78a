"""A finding that stands at several places: spread over them, or named in one line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rlm_gate.core import Finding, Severity
from rlm_gate.phrases import listed
from rlm_gate.reports._plain import shown_path

_MANY = 5  # findings of severity info of one rule, from which on a page names them together


def spread(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield every place of the findings as a finding of its own, for formats that mark lines."""
    for finding in findings:
        yield replace(finding, also=())
        for place in finding.also:
            if place.span in finding.places:
                yield replace(
                    finding,
                    explanation="" if finding.engine == "taint" else finding.explanation,
                    flow=(),  # both tell of the first place
                    span=place.span,
                    fingerprint=place.fingerprint,
                    columns=None,
                    fix=None,
                    also=(),
                )


def also_at(finding: Finding, limit: int) -> str:
    """Name the further places and rules of a finding, "" if it has none."""
    places = [f"{shown_path(span.path)}:{span.start}" for span in finding.places[1:]]
    at = f"also at {listed(places, limit or len(places))}" if places else ""
    said = f"also matched by {', '.join(finding.also_matched)}" if finding.also_matched else ""
    return "; ".join(filter(None, (at, said)))


def remarks_apart(
    findings: Sequence[Finding],
) -> tuple[list[Finding], Mapping[str, list[Finding]]]:
    """Return the findings to show one by one, and by rule the many of severity info."""
    by_rule: defaultdict[str, list[Finding]] = defaultdict(list)
    for one in findings:
        if one.severity is Severity.INFO:
            by_rule[one.rule_id].append(one)
    many = {rule: found for rule, found in sorted(by_rule.items()) if len(found) >= _MANY}
    return [one for one in findings if one not in many.get(one.rule_id, ())], many


def in_a_line(findings: Sequence[Finding], limit: int) -> str:
    """Name the places of findings of one rule."""
    places = [f"{shown_path(span.path)}:{span.start}" for one in findings for span in one.places]
    return listed(places, limit or len(places))
