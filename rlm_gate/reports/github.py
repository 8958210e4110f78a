"""GitHub workflow commands: annotations on the lines of a change, and nothing else.

GitHub keeps ten annotations of a level for each step and drops the rest without a word; the worst
are sent, and a last line says how many are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from rlm_gate.core import Finding, Severity, Status, Verdict
from rlm_gate.phrases import counted
from rlm_gate.reports import _digest as digest
from rlm_gate.reports._causes import spread
from rlm_gate.reports._plain import disarm_inside, one_line, shown_path

HELP = "GitHub workflow commands: the ten worst findings of each level as annotations"

_MAX_PER_LEVEL = 10


def render(verdict: Verdict) -> bytes:
    """Return one command a line: errors block, warnings and notices do not."""
    return "".join(f"{line}\n" for line in _lines(verdict)).encode()


def _lines(verdict: Verdict) -> Iterator[str]:
    sent: Counter[str] = Counter()
    if verdict.status is Status.INCONCLUSIVE:
        sent["error"] += 1
        yield _command("error", {"title": "rlm-gate: inconclusive"}, digest.summary(verdict))
    left_out = 0
    for finding in spread(digest.worst_first(verdict)):
        level = _level(finding, verdict)
        sent[level] += 1
        if sent[level] > _MAX_PER_LEVEL:
            left_out += 1
        else:
            yield _command(level, _place(finding), _message(finding, verdict))
    if left_out:
        kept = f"GitHub keeps {_MAX_PER_LEVEL} of a level for each step"
        yield f"rlm-gate: {counted(left_out, 'more finding')} without an annotation: {kept}."


def _level(finding: Finding, verdict: Verdict) -> str:
    if digest.blocks(finding, verdict):
        return "error"
    return "warning" if finding.severity >= Severity.MEDIUM else "notice"


def _place(finding: Finding) -> dict[str, str]:
    """Return the properties; GitHub takes columns only of findings on one line."""
    span = finding.span
    start = max(1, span.start)
    properties = {
        "file": shown_path(span.path),
        "line": str(start),
        "endLine": str(max(start, span.end)),
    }
    if finding.columns and span.start == span.end:
        first, end = finding.columns
        properties |= {"col": str(first), "endColumn": str(max(first, end))}
    return {**properties, "title": f"{one_line(finding.rule_id)} ({finding.severity.label})"}


def _message(finding: Finding, verdict: Verdict) -> str:
    rule = verdict.rule(finding.rule_id)
    parts = [one_line(finding.message, 400) or finding.rule_id]
    if finding.explanation:
        parts.append(f"{one_line(finding.engine)} says: {one_line(finding.explanation, 600)}")
    if rule:
        parts.append(f"Fix: {one_line(rule.help.fix, 400)}")
    return "\n".join([*parts, digest.trust(finding, verdict)])


def _command(level: str, properties: Mapping[str, str], message: str) -> str:
    pairs = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return disarm_inside(f"::{level} {pairs}::{escaped(message)}")


def escaped(text: str) -> str:
    """Return the text as the message of a workflow command has to be written."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return escaped(text).replace(":", "%3A").replace(",", "%2C")
