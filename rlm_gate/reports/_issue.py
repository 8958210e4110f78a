"""The one issue about the whole repository: a line for every root cause, by a key without a path.

Nothing is called resolved by a run that did not look: what a cut or offline run did not judge
stays open.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlm_gate.core import Finding, Verdict
from rlm_gate.phrases import counted
from rlm_gate.reports import _digest as digest
from rlm_gate.reports import markdown
from rlm_gate.reports._comment import Items, folded, read, written
from rlm_gate.reports._identity import digest_of
from rlm_gate.reports._plain import one_line, shown_path

MARKER = "<!-- rlm-gate:issue -->"
TITLE = "rlm-gate: findings in the default branch"
MAX_CAUSES = 100
MAX_CHARS = 60_000  # GitHub refuses a body of more than 65,536
_MAX_LABEL = 120
_UNSEEN = "not judged in the last run"


@dataclass(frozen=True, slots=True)
class Issue:
    """The issue's text, and how many root causes are open."""

    body: str
    open: int


def render(verdict: Verdict, before: str = "") -> Issue:
    """Return the issue after this run; ``before`` is the body that it will replace."""
    causes = _causes(verdict)
    now = {key: _label(places) for key, places in causes.items()}
    were, gone = read(before)
    missing = {key: label for key, label in were.items() if key not in now}
    kept = {key: label for key, label in missing.items() if not _judged(label, verdict)}
    current = {**now, **kept}
    resolved = {key: label for key, label in {**gone, **missing}.items() if key not in current}
    body = "\n".join(
        [
            f"{MARKER}\n\n{_head(verdict, len(current))}\n",
            *_lines(now, causes, verdict),
            *(f"- [ ] {markdown.inert(label, _MAX_LABEL)}: {_UNSEEN}" for label in kept.values()),
            "",
            *folded(resolved),
            written(current, resolved),
        ]
    )
    return Issue(body, len(current))


def _head(verdict: Verdict, causes: int) -> str:
    said = f"**{verdict.status}**: {counted(causes, 'root cause')} open in the default branch."
    return f"{said}\n\n{markdown.inert(digest.summary(verdict), 2000)}"


def _lines(now: Items, causes: dict[str, list[Finding]], verdict: Verdict) -> list[str]:
    lines = []
    for key in list(now)[:MAX_CAUSES]:
        first = causes[key][0]
        more = sum(len(one.places) for one in causes[key]) - 1
        blocks = " ❌" if any(digest.blocks(one, verdict) for one in causes[key]) else ""
        also = f" and {counted(more, 'more place')}" if more else ""
        place = f"{now[key]}:{first.span.start}{also}"
        said = markdown.inert(one_line(first.message, 200), 200)
        lines.append(
            f"- [ ]{blocks} {first.severity.label} {markdown.inert(place, 2 * _MAX_LABEL)}: {said}"
        )
    if len(now) > MAX_CAUSES:
        lines.append(f"- {counted(len(now) - MAX_CAUSES, 'more root cause')}: see the reports")
    return lines


def _causes(verdict: Verdict) -> dict[str, list[Finding]]:
    """Group the findings by cause, the worst first: equal code in two files is one cause."""
    causes: dict[str, list[Finding]] = {}
    for finding in digest.worst_first(verdict):
        key = digest_of(finding.rule_id, finding.fingerprint)[:16]
        causes.setdefault(key, []).append(finding)
    return causes


def _label(findings: list[Finding]) -> str:
    first = findings[0]
    return one_line(f"{first.rule_id} in {shown_path(first.span.path)}", _MAX_LABEL)


def _judged(label: str, verdict: Verdict) -> bool:
    """Say whether this run would have found it again: its rule ran, and over everything."""
    rule = label.partition(" ")[0]
    if verdict.interrupted or rule in verdict.audit.not_evaluated:
        return False
    return not any(rule == gap.rule_id for gap in verdict.coverage.gaps)
