"""The Markdown page of a ranking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rlm_gate.tasks._report import Result, cell, quoted, status_lines
from rlm_gate.tasks.backlog.ranking import Answer, Ranked

_DEFECTS = 50


def page(result: Result[Answer]) -> str:
    """Return the whole page."""
    return "\n".join([*_lines(result), ""])


def _lines(result: Result[Answer]) -> Iterator[str]:
    ranking = result.answer.ranking
    now = datetime.fromtimestamp(ranking.now, UTC).isoformat(timespec="seconds")
    yield "# What to do next"
    yield ""
    yield from status_lines(result)
    yield (f"- {ranking.total} issues, {ranking.open} open, {ranking.ready} ready; as of {now}")
    if result.answer.advised:
        yield from ("", "## By the model", "")
    for number, one in enumerate(result.answer.advised, 1):
        yield f"{number}. **{cell(one.id)}** {cell(one.reason, 600)}"
        yield f"   impact: {cell(one.impact, 600)}"
        yield f"   risk: {cell(one.risk, 600)}; effort: {cell(one.effort, 600)}"
        for said in one.evidence:
            yield f"   - {cell(said.path)}:{said.line} {quoted(said.quote)}"
    yield from ("", "## By the graph score", "")
    for number, ranked in enumerate(ranking.top, 1):
        yield from _ranked(number, ranked)
    yield from ("", f"## Defects of the dependencies: {len(ranking.defects)}", "")
    for defect in ranking.defects[:_DEFECTS]:
        place = defect.places[0] if defect.places else None
        where = f" ({cell(place.path)}:{place.line})" if place else ""
        yield f"- {defect.kind}: {cell(', '.join(defect.issues))}: {cell(defect.text)}{where}"
    if len(ranking.defects) > _DEFECTS:
        yield f"- and {len(ranking.defects) - _DEFECTS} more; the JSON has all"


def _ranked(number: int, one: Ranked) -> Iterator[str]:
    issue = one.issue
    yield f"{number}. **{cell(issue.id)}** {cell(issue.title)} (score {one.score.total:.3f})"
    yield f"   - why: {cell(one.reason)}"
    yield f"   - impact: {cell(one.impact)}"
    for chain in one.chains:
        yield f"   - chain: {cell(' → '.join(chain))}"
    yield f"   - risk: {one.risk}{': ' if one.risks else ''}{cell('; '.join(one.risks))}"
    minutes = f", {one.effort.minutes} minutes" if one.effort.minutes else ""
    yield f"   - effort: {one.effort.size}{minutes} ({cell(one.effort.basis)})"
    yield f"   - {cell(one.place.path)}:{one.place.line}"
