"""Assess what parallel workers made: four scores each, every one with evidence, and what conflicts.

The host counts the scores from findings whose quotes it found; no model sets one. A worker whose
outputs were not all examined is inconclusive and has no scores: there is no default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlm_gate.core import Severity, split_lines
from rlm_gate.errors import UsageError
from rlm_gate.tasks._answers import NUMBER, TEXT, closed, listed
from rlm_gate.tasks._desk import Desk, Grounds, Mode, Options, mode, opened
from rlm_gate.tasks._report import Outcome, Result, Sources, Text
from rlm_gate.tasks.workers import added, between, criteria, faults, outputs
from rlm_gate.tasks.workers.report import (
    DIMENSIONS,
    FORMATS,
    Assessment,
    CriterionReport,
    Found,
    Shown,
    Worker,
    render,
    scores,
)

__all__ = ["FORMATS", "HELP", "MAX_USD", "Assessment", "Request", "render", "run"]

HELP = "Score what parallel workers made, with evidence, and say where they conflict."
MAX_USD = 0.5
CRITERIA = "acceptance-criteria"
_MOST_FAULTS = 0.5
_TURNS = 10
_ROOT_TOKENS = 4096
_HEURISTIC, _MODEL = "heuristic", "model"
_SEVERITY = {faults.SECURITY: Severity.MEDIUM}
"""Of a model's claim: no model sets it."""


_MAP_SCHEMA = closed(
    claims=listed(category={"enum": list(DIMENSIONS)}, row=NUMBER, quote=TEXT, why=TEXT)
)
_CLAIM = {"path": TEXT, "line": NUMBER, "quote": TEXT, "explanation": TEXT}
SCHEMA = closed(
    findings=listed(category={"enum": [*DIMENSIONS, faults.CONSISTENCY]}, **_CLAIM),
    criteria=listed(id=NUMBER, met={"type": "boolean"}, **_CLAIM),
)


@dataclass(frozen=True, slots=True)
class Request:
    """Where the work is: outputs (files, folders, texts with headers), or a range of a repository.

    ``span`` is ``BASE..HEAD``; commits are their authors', or their ``branches``'.
    ``criteria`` is the text of the acceptance criteria; "": completeness has no score.
    """

    outputs: Sequence[str | Path] = ()
    repo: str = "."
    span: str = ""
    branches: Sequence[str] = ()
    criteria: str = ""


@dataclass(slots=True)
class _Work:
    """What was read and found so far."""

    crew: outputs.Crew
    grounds: Grounds
    readings: dict[str, added.Reading] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    checks: list[tuple[str, criteria.Check]] = field(default_factory=list)
    blocks: list[added.Block] = field(default_factory=list)


def run(request: Request, options: Options | None = None) -> Result[Assessment]:
    """Assess. Raises UsageError for what does not exist, GateError for what models can't do."""
    options = options or Options()
    asked = mode(options, MAX_USD)
    work = _read(request)
    _examine(work, request.criteria, asked)
    result = Result(
        task="assess",
        outcome=Outcome.INCONCLUSIVE if asked.failed else Outcome.OK,
        offline=not asked.asks,
        method=asked.method,
        answer=_assessed(work),
        reasons=(asked.failed,) if asked.failed else (),
        malformed=tuple(work.crew.sources.faults),
    )
    with opened("assess", asked, work.crew.sources, options, request.criteria) as desk:
        if desk is not None:
            result = _by_models(result, work, desk)
    unsure = [one.id for one in result.answer.workers if one.outcome is Outcome.INCONCLUSIVE]
    if unsure:
        why = f"no scores for {', '.join(unsure)}: outputs are empty, unreadable or not all read"
        result = replace(result, outcome=Outcome.INCONCLUSIVE, reasons=(*result.reasons, why))
    elif not any(_scored(one) for one in result.answer.workers):
        why = "nothing here has a score: no code was added, no commits were read"
        why += "" if request.criteria.strip() else ", and no criteria were given (--criteria FILE)"
        result = replace(result, outcome=Outcome.INCONCLUSIVE, reasons=(*result.reasons, why))
    if not request.criteria.strip():
        note = "completeness has no score: no criteria were given (--criteria FILE)"
        result = replace(result, notes=(*result.notes, note))
    return result


def _scored(worker: Worker) -> bool:
    return any(score is not None for score in worker.scores.values())


def _read(request: Request) -> _Work:
    if not request.outputs and not request.span:
        raise UsageError("no work to assess: name outputs, or a range of commits with --range")
    if request.branches and not request.span:
        raise UsageError("--branch says who made the commits of a range; name it with --range")
    sources = Sources()
    crew = outputs.Crew(sources)
    if request.outputs:
        outputs.from_files(crew, request.outputs)
    if request.span:
        outputs.from_history(crew, request.repo, request.span, request.branches)
    work = _Work(crew, Grounds(sources))
    for worker in crew.workers.values():
        for path, rows in outputs.lines_of(crew, worker):
            work.readings[path] = added.read(worker.id, path, rows)
            work.owners[path] = worker.id
    for path in sources.texts:  # in the order things came: who changed whose lines
        work.blocks.extend(work.readings[path].blocks)
    return work


def _examine(work: _Work, asked_for: str, asked: Mode) -> None:
    """Run every heuristic over every worker, and between them."""
    found = [*faults.detected(work.blocks, asked.settings), *faults.in_lines(work.blocks)]
    for worker in work.crew.workers.values():
        found += faults.in_commits(worker.id, worker.commits, work.readings)
        for path in worker.paths:
            found += faults.in_files(worker.id, path, work.readings[path])
    found += between.inconsistencies(work.blocks)
    if asked_for.strip():
        work.crew.sources.texts.pop(CRITERIA, None)
        work.grounds.sources.add(Text(CRITERIA, asked_for))
        found += _check(work, asked_for)
    work.found = sorted({_found(work, one, _HEURISTIC) for one in found}, key=lambda one: one.key)


def _check(work: _Work, asked_for: str) -> Iterator[faults.Fault]:
    """Look up every criterion in its worker's lines, those for all in everybody's."""
    for criterion in criteria.parse(asked_for, work.crew.workers):
        own = [one for one in work.blocks if criterion.worker in {"", one.worker}]
        check = criteria.check(criterion, own)
        work.checks.append((criterion.worker, check))
        if criterion.worker:
            yield from criteria.faults([check], criterion.worker, CRITERIA)


def _found(work: _Work, fault: faults.Fault, by: str) -> Found:
    shown = []
    for place in fault.places:
        row = work.grounds.row(place.path, place.row)
        shown.append(Shown(place.worker, place.path, row.line, row.quote, place.file, place.number))
    message = work.grounds.masked(fault.message)
    return Found(fault.kind, fault.category, fault.severity.label, message, by, tuple(shown))


def _assessed(work: _Work, unread: Mapping[str, int] | None = None) -> Assessment:
    """Count the scores. ``unread``: how many lines of each path no model read."""
    workers = tuple(
        _worker(work, worker, unread) for _, worker in sorted(work.crew.workers.items())
    )
    whole = tuple(_criterion(owner, check) for owner, check in work.checks)
    shared = tuple(one for one in work.found if one.category == faults.CONSISTENCY)
    return Assessment(workers, shared, whole, _means(workers))


def _worker(work: _Work, worker: outputs.Worker, unread: Mapping[str, int] | None) -> Worker:
    mine = tuple(one for one in work.found if worker.id in one.workers)
    classes: Counter[str] = Counter()
    for path in worker.paths:
        classes += work.readings[path].classes
    lines = sum(len(split_lines(work.crew.sources.texts[path].text)) for path in worker.paths)
    coverage = {"rows": lines, "examined": classes.total(), **dict(sorted(classes.items()))}
    missing = lines - classes.total()
    if unread is not None:
        missing = sum(unread.get(path, 0) for path in worker.paths)
        coverage["read_by_model"] = lines - missing
    faulty = sum(fault.path in worker.paths for fault in work.crew.sources.faults)
    made = classes[added.ADDED]
    sound = lines > 0 and missing == 0 and faulty <= lines * _MOST_FAULTS
    checks = [check.state for owner, check in work.checks if owner in {"", worker.id}]
    own = [check.state for owner, check in work.checks if owner == worker.id] or checks
    return Worker(
        worker.id,
        Outcome.OK if sound else Outcome.INCONCLUSIVE,
        scores(mine, own, lines=made, commits=bool(worker.commits)) if sound else {},
        len(worker.commits),
        coverage,
        mine,
    )


def _criterion(owner: str, check: criteria.Check) -> CriterionReport:
    return CriterionReport(
        check.criterion.line, owner, check.criterion.text, check.state, check.why
    )


def _means(workers: Sequence[Worker]) -> dict[str, float | None]:
    """Return the mean of each dimension, and of the overall scores, over those that have it."""
    means: dict[str, float | None] = {}
    for name in (*DIMENSIONS, "overall"):
        known = [value for one in workers if (value := one.scores.get(name)) is not None]
        means[name] = round(sum(known) / len(known), 1) if known else None
    return means


def _by_models(result: Result[Assessment], work: _Work, desk: Desk) -> Result[Assessment]:
    from rlm_gate.rlm.prompting import prompt

    claims = list(_claims(work, desk, prompt("assess_map")))
    unread: Counter[str] = Counter()
    for gap in desk.unexamined:
        unread[gap.path] += gap.end - gap.start + 1
    end = desk.session(
        prompt("assess", turns=_TURNS - 1),
        SCHEMA,
        _variables(work, claims),
        max_turns=_TURNS,
        root_max_tokens=_ROOT_TOKENS,
    )
    reasons = list(result.reasons)
    if end.success:
        _take(work, end.answer)
    else:
        reasons.append(f"the models came to no answer: {end.error}")
    return replace(
        result,
        outcome=Outcome.INCONCLUSIVE if reasons else Outcome.OK,
        method=desk.method,
        answer=_assessed(work, unread),
        reasons=tuple(reasons),
        dropped=tuple(work.grounds.dropped),
        unexamined=tuple(desk.unexamined),
        usage=desk.usage(),
        notes=desk.line.notes,
    )


def _claims(work: _Work, desk: Desk, system: str) -> Iterator[dict[str, Any]]:
    """Yield the readers' claims that stand in the outputs: candidates for the root, no findings."""
    for one in desk.map(system, _MAP_SCHEMA, {CRITERIA}):  # those are no worker's
        for claim in one.answer["claims"] if one.answer else ():
            path, row = one.span.path, claim["row"]
            words = f"{claim['category']}: {claim['why']}"
            if path in work.owners and work.grounds.evidence(path, row, claim["quote"], words):
                told = {"worker": work.owners[path], "path": path, "line": row}
                why = {"quote": claim["quote"][:400], "why": claim["why"][:300], "by": "reader"}
                yield {"category": claim["category"], **told, **why}


def _variables(work: _Work, claims: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = [
        {
            "category": one.category,
            "worker": shown.worker,
            "path": shown.path,
            "line": shown.line,
            "quote": shown.quote[:400],
            "why": one.message,
            "by": one.by,
        }
        for one in work.found
        for shown in one.evidence
    ]
    wanted = [
        {
            "id": number,
            "worker": owner,
            "text": check.criterion.text,
            "state": check.state,
            "why": check.why,
        }
        for number, (owner, check) in enumerate(work.checks)
    ]
    paths = {name: worker.paths for name, worker in sorted(work.crew.workers.items())}
    return {"workers": paths, "candidates": [*known, *claims], "criteria": wanted}


def _take(work: _Work, answer: Mapping[str, Any]) -> None:
    """Keep the root's findings and its word on the criteria as far as the evidence stands."""
    for claim in answer["findings"]:
        if place := _placed(work, claim, claim["category"]):
            category = claim["category"]
            severity = _SEVERITY.get(category, Severity.LOW)
            words = claim["explanation"][:600]
            kind = f"assess/model-{category.replace('_', '-')}"
            fault = faults.Fault(kind, category, severity, words, (place,))
            work.found.append(_found(work, fault, _MODEL))
    work.found.sort(key=lambda one: one.key)
    for claim in answer["criteria"]:
        if claim["met"] and 0 <= claim["id"] < len(work.checks):
            owner, check = work.checks[claim["id"]]
            place = _placed(work, claim, check.criterion.text)
            if place and owner in {"", place.worker}:
                _met(work, claim["id"], replace(check, state=criteria.MET, places=(place,)))


def _met(work: _Work, number: int, check: criteria.Check) -> None:
    """Take the model's word, with its evidence, over the search for names."""
    work.checks[number] = (work.checks[number][0], replace(check, why="shown by the model"))
    line = check.criterion.line
    work.found = [
        one
        for one in work.found
        if one.kind != "assess/unmet-criterion" or one.evidence[0].line != line
    ]


def _placed(work: _Work, claim: Mapping[str, Any], words: str) -> faults.Place | None:
    """Return where a claim's quote stands; the worker is the text's, whatever the claim says."""
    found = work.grounds.locate(claim["path"], claim["line"], claim["quote"], words)
    if found is None:
        return None
    if claim["path"] not in work.owners:
        work.grounds.drop(words, f"{claim['path']} is no worker's")
        return None
    return faults.Place(work.owners[claim["path"]], claim["path"], found)
