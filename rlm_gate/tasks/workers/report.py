"""What an assessment says, how its scores are counted, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rlm_gate.core import (
    Audit,
    Confidence,
    Coverage,
    Finding,
    Help,
    Origin,
    Rule,
    Scope,
    Severity,
    Span,
    Status,
    Verdict,
)
from rlm_gate.tasks._report import (
    Outcome,
    Result,
    cell,
    quoted,
    rendered_json,
    status_lines,
)

FORMATS = ("markdown", "json", "sarif")
DIMENSIONS = ("code_quality", "completeness", "git_hygiene", "security")
FREE: Final = "assess/overlap"
"""Costs nobody points: to work on another's lines is a place to look at, no fault."""
COSTS: Final = {"critical": 40, "high": 20, "medium": 8, "low": 3, "info": 1}
"""Points a finding takes off its dimension, which begins at 100 and ends at 0."""
_STATES: Final = {"met": 1.0, "mentioned": 0.5, "unmet": 0.0}


@dataclass(frozen=True, slots=True)
class Shown:
    """Evidence: a line of a worker's output, and the line of a file that it is, if it is one."""

    worker: str
    path: str
    line: int
    quote: str
    file: str = ""
    file_line: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A fault with its evidence. ``by``: heuristic (also the gate's detectors) or model."""

    kind: str
    category: str
    severity: str
    message: str
    by: str
    evidence: tuple[Shown, ...]

    @property
    def workers(self) -> tuple[str, ...]:
        """Whose work it is about: exactly those whose lines are the evidence."""
        return tuple(sorted({one.worker for one in self.evidence}))

    @property
    def key(self) -> tuple[tuple[tuple[str, str, int, int], ...], str, str]:
        """The order of every report."""
        places = ((one.worker, one.path, one.line, one.file_line) for one in self.evidence)
        return (tuple(places), self.kind, self.message)


@dataclass(frozen=True, slots=True)
class CriterionReport:
    """An acceptance criterion, its line, whose it is ("" for all), and what it came to."""

    line: int
    worker: str
    text: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's scores, 0 to 100; None where nothing tells, none at all if inconclusive.

    ``coverage`` counts rows by what the host took them for; ``examined`` is their sum.
    """

    id: str
    outcome: Outcome
    scores: Mapping[str, float | None]
    commits: int
    coverage: Mapping[str, int]
    findings: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """All workers, what is inconsistent between them, the criteria, and the means."""

    workers: tuple[Worker, ...]
    inconsistencies: tuple[Found, ...]
    criteria: tuple[CriterionReport, ...]
    aggregate: Mapping[str, float | None]


def scores(
    found: Sequence[Found], states: Sequence[str], *, lines: int, commits: bool
) -> dict[str, float | None]:
    """Count the scores of one worker.

    Security, quality and hygiene are 100 minus COSTS for each finding, at least 0; what is
    inconsistent between workers costs quality. Where nothing was added there is nothing to score,
    and hygiene needs commits, or a finding. Completeness is the share of criteria met, half of it
    for those only mentioned. Overall is the mean of those there are.
    """
    by_name: dict[str, float | None] = {
        "code_quality": _left(found, "code_quality", "consistency") if lines else None,
        "completeness": None,
        "git_hygiene": _left(found, "git_hygiene"),
        "security": _left(found, "security") if lines else None,
    }
    if states:
        by_name["completeness"] = round(100 * sum(_STATES[one] for one in states) / len(states), 1)
    if not commits and not any(one.category == "git_hygiene" for one in found):
        by_name["git_hygiene"] = None
    known = [value for value in by_name.values() if value is not None]
    overall = round(sum(known) / len(known), 1) if known else None
    return {**by_name, "overall": overall}


def _left(found: Sequence[Found], *categories: str) -> float:
    paid = (one for one in found if one.category in categories and one.kind != FREE)
    costs = (COSTS[one.severity] for one in paid)
    return float(max(0, 100 - sum(costs)))


def render(result: Result[Assessment], to: str) -> bytes:
    """Return the assessment as Markdown, JSON or, the findings alone, SARIF."""
    if to == "json":
        return rendered_json(result)
    return _sarif(result) if to == "sarif" else _markdown(result)


def _markdown(result: Result[Assessment]) -> bytes:
    answer = result.answer
    names = ("overall", *DIMENSIONS)
    head = " | ".join(name.replace("_", " ") for name in names)
    lines = ["# Assessment", "", *status_lines(result), ""]
    lines += [f"| worker | {head} | rows examined |", "|---" * (len(names) + 2) + "|"]
    for one in answer.workers:
        shown = " | ".join(_score(one.scores.get(name)) for name in names)
        rows = f"{one.coverage['examined']} of {one.coverage['rows']}"
        lines.append(f"| {cell(one.id)} | {shown} | {rows} |")
    means = " | ".join(_score(answer.aggregate[name]) for name in names)
    lines += [f"| mean | {means} | |", ""]
    if answer.inconsistencies:
        lines += ["## Between workers", "", *_findings(answer.inconsistencies), ""]
    for one in answer.workers:
        own = [found for found in one.findings if found.category != "consistency"]
        if own:
            lines += [f"## {cell(one.id)}", "", *_findings(own), ""]
    if answer.criteria:
        lines += ["## Criteria", ""]
        lines += [f"- {one.state}: {cell(one.text)} ({cell(one.why)})" for one in answer.criteria]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _findings(found: Iterable[Found]) -> Iterator[str]:
    for one in found:
        yield f"- {one.severity} {one.category} `{one.kind}` ({one.by}): {cell(one.message, 600)}"
        for shown in one.evidence:
            file = f" ({cell(shown.file)}:{shown.file_line})" if shown.file else ""
            place = f"{cell(shown.path)}:{shown.line}{file}"
            yield f"  - {cell(shown.worker)}, {place}: {quoted(shown.quote)}"


def _sarif(result: Result[Assessment]) -> bytes:
    from rlm_gate.reports import sarif

    kept = {one.key: one for worker in result.answer.workers for one in worker.findings}
    ordered = [kept[key] for key in sorted(kept)]
    found = tuple(sorted((_finding(one) for one in ordered), key=lambda one: one.sort_key))
    rules = {one.kind: _rule(one) for one in ordered}
    rows = sum(one.coverage["rows"] for one in result.answer.workers)
    verdict = Verdict(
        status=Status.PASS if result.conclusive else Status.INCONCLUSIVE,
        scope=Scope("paths", "outputs of workers"),
        threshold=None,
        findings=found,
        refuted=(),
        blocking=frozenset(),
        skipped=(),
        coverage=Coverage(len(result.answer.workers), rows, ()),
        usage=result.usage,
        audit=Audit("offline" if result.offline else "models"),
        rules=tuple(rules[kind] for kind in sorted(rules)),
        packs=(),
        reasons=result.reasons,
    )
    return sarif.render(verdict)


def _finding(one: Found) -> Finding:
    import hashlib

    first = one.evidence[0]
    where = (first.file, first.file_line) if first.file else (first.path, first.line)
    parts = "\0".join((one.kind, *one.workers, *(shown.quote for shown in one.evidence)))
    others = "; ".join(f"{shown.worker}: {shown.path}:{shown.line}" for shown in one.evidence)
    return Finding(
        rule_id=one.kind,
        severity=Severity.parse(one.severity),
        confidence=Confidence.LOW if one.by == "model" else Confidence.MEDIUM,
        message=one.message,
        span=Span(where[0], max(1, where[1]), max(1, where[1])),
        quote=first.quote,
        origin=Origin.MODEL if one.by == "model" else Origin.DETECTOR,
        engine="assess",
        explanation=f"Workers: {', '.join(one.workers)}. Evidence: {others}",
        fingerprint=hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _rule(one: Found) -> Rule:
    return Rule(
        id=one.kind,
        title=one.kind.rpartition("/")[2].replace("-", " ").capitalize(),
        severity=Severity.parse(one.severity),
        precision=Confidence.MEDIUM,
        languages=("any",),
        message=one.message,
        help=Help(why=one.message, fix="Look at the evidence, then mend the cause."),
    )
