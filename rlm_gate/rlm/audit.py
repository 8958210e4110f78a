"""The audit: the map, then the root loop; without a model the playbook (design §7.1, §7.10).

Everything it could not judge is booked in the ledger with its reason; nothing is lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from rlm_gate.core import (
    Audit,
    Finding,
    Origin,
    Rule,
    Skip,
    SourceFile,
    split_lines,
)
from rlm_gate.errors import SandboxDied
from rlm_gate.providers import Message, ModelRequest
from rlm_gate.rlm import mapping, planner, prices
from rlm_gate.rlm.callers import Line
from rlm_gate.rlm.flagged import Ears
from rlm_gate.rlm.given import candidates, sharp, to_meet, variables
from rlm_gate.rlm.job import Job
from rlm_gate.rlm.loop import Delivery, Step, cell_event, run_loop
from rlm_gate.rlm.masking import Judged, Masked, mask
from rlm_gate.rlm.playbooks import Part
from rlm_gate.rlm.playbooks import audit as playbook
from rlm_gate.rlm.prompting import prompt, questions
from rlm_gate.rlm.repl import Repl
from rlm_gate.rlm.slices import Dealing
from rlm_gate.rlm.surroundings import surroundings
from rlm_gate.rlm.tools import Reporter, SubCalls, outline_of
from rlm_gate.rlm.trajectory import SubCall
from rlm_gate.rlm.withheld import hidden

PLAYBOOK_SECONDS = 60.0
"""One cell of ours over a repository of 10M+ characters; it is bounded by the text, not a model."""


READING_BYTES = 40_000
"""A second reading with its context, about: what the root loop leaves money for."""
HELD_SHARE = 0.4
"""Most of what is left after the map that is held back for second readings."""


@dataclass(slots=True)
class Outcome:
    """What an audit came to. ``audit`` describes it for the reports."""

    audit: Audit
    findings: list[Finding] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)


def with_models(job: Job, line: Line, outcome: Outcome) -> None:
    """Run the map, then the loop where a ``corpus`` rule applies."""
    unsent = hidden(job.corpus, job.limits.never_send)
    calls = list(_sendable(job, unsent))
    mapped = mapping.MapOutcome(line.sub, job.flagged.call)
    done = 0
    beside = surroundings(job.corpus, unsent)
    for wave in mapping.run(calls, line.map_caller, line.sub, job.ledger, mapped, beside):
        done += wave
        job.progress(f"map ({line.state()})", done, len(calls))
        outcome.findings.extend(mapped.take())
        outcome.audit = replace(outcome.audit, refused=mapped.refused)
    asked = planner.over_corpus(job.rules, job.corpus, job.applies)
    if asked:
        _loop(job, line, asked, outcome, mapped.outside)


def only_ask(job: Job, line: Line) -> None:
    """Make the map's calls and judge nothing: the line's recorder hears what they come to."""
    unsent = hidden(job.corpus, job.limits.never_send)
    calls = [call for call in _sendable(job, unsent) if isinstance(call, planner.MapCall)]
    done = 0
    for wave in composed(job, calls, line.sub, line.map_caller.most_at_once):
        line.map_caller.call_many(wave)
        done += len(wave)
        job.progress(f"map ({line.state()})", done, len(calls))


def composed(
    job: Job, calls: Sequence[planner.MapCall], model: str, most: int
) -> Iterator[list[ModelRequest]]:
    """Yield the requests of these calls in waves of at most ``most``."""
    beside = surroundings(job.corpus, hidden(job.corpus, job.limits.never_send))
    for wave in mapping.waves(calls, most):
        yield [mapping.request(call, model, beside(call))[0] for call in wave]


def dealt(job: Job, of: int) -> dict[int, list[planner.MapCall]]:
    """Return the map's calls by the number of their slice, less what must never be sent."""
    unsent = hidden(job.corpus, job.limits.never_send)
    hands: dict[int, list[planner.MapCall]] = {number: [] for number in range(1, of + 1)}
    names = {number: str(number) for number in hands}
    plan = planner.plan(job.corpus, job.rules, job.applies)
    for number, call in Dealing(of, names).deal(plan):
        if isinstance(call, planner.MapCall) and call.file.path not in unsent:
            hands[int(number)].append(call)
    return hands


def with_playbook(job: Job, outcome: Outcome) -> list[str]:
    """Run our own cells in the sandbox over a whole scope; ask nobody.

    Returns the rules that were judged if all came to their end, else none. Cells see the texts of
    the judged files alone: what they find follows from these, the candidates and the rules.
    """
    parts = _parts(job)
    reporter = _reporter(job, Origin.DETECTOR, "playbook")
    examined = []
    broken = False
    try:
        with _repl(job, Judged(job.corpus), reporter.functions()) as repl:
            for part in parts:
                cell = repl.run(f"RULE = {part.rule_id!r}\n{part.code}", PLAYBOOK_SECONDS)
                reason = f"playbook: {cell.error.message}" if cell.error else ""
                broken = broken or bool(reason)
                job.ledger.loop([part.rule_id], reason)
                examined.append(f"{part.examined}: {(cell.output.strip() or reason)[:200]}")
            level = repl.level
    except SandboxDied as error:
        _no_sandbox(job, [part.rule_id for part in parts], error, outcome)
        return []
    outcome.findings.extend(reporter.found)
    outcome.audit = replace(
        outcome.audit, playbook=tuple(examined), sandbox=level, refused=reporter.refused
    )
    return [] if broken else [part.rule_id for part in parts]


def played(job: Job) -> tuple[Rule, ...]:
    """Return the rules that the playbook judges."""
    served = {part.rule_id for part in _parts(job)}
    return tuple(rule for rule in job.rules if rule.id in served)


def _parts(job: Job) -> list[Part]:
    ids = {rule.id for rule in job.rules}
    return [part for part in playbook.PARTS if part.rule_id in ids]


def _loop(
    job: Job,
    line: Line,
    asked: tuple[Rule, ...],
    outcome: Outcome,
    outside: Sequence[mapping.Outside],
) -> None:
    ids = [rule.id for rule in asked]
    texts = Masked(job.corpus.tree, hidden(job.corpus, job.limits.never_send))
    reporter = _reporter(job, Origin.MODEL, line.root, (*asked, *sharp(job)))
    looks = to_meet(job, asked, texts)
    delivery = Delivery(lambda _answer: looks.objection(), looks.met)

    ears = Ears(job.flagged, heard=job.said or job.flagged.judged())

    def heard(step: Step) -> None:
        looks.shown(step.cell.output if step.cell else "")
        ears.text(step.cell.output if step.cell else "")
        line.record("cell", {"depth": 0, **cell_event(step)})
        line.witness.cell(step)
        job.progress(f"root loop ({line.state()})", step.turn, job.limits.max_turns)

    def asked_about(call: SubCall) -> None:
        looks.shown(call.prompt)
        ears.text(call.prompt)
        ears.spans(call.spans)

    functions: dict[str, Callable[..., Any]] = {
        **reporter.functions(),
        **SubCalls(line.sub_caller, line.sub, texts, asked_about).functions(),
        "coverage": cache(lambda: _coverage(job)),  # the map is over: nothing changes any more
        "budget": line.left,
        "outline": outline_of(texts),
        "done": delivery,
    }
    kept = line.caller.account.keeping(_for_readings(job, line, outcome.findings))
    try:
        with kept, _repl(job, texts, functions, asked, outcome.findings, outside) as repl:
            end = run_loop(
                line.caller,
                repl,
                delivery,
                _opening(job, texts, asked, line.root, outcome.findings),
                max_turns=job.limits.max_turns,
                cell_timeout=job.limits.cell_timeout,
                progress=heard,
                left=line.left,
            )
            level = repl.level
    except SandboxDied as error:
        _no_sandbox(job, ids, error, outcome)
        return
    job.ledger.loop(ids, end.error or ("injection" if ears.heard else ""))
    outcome.findings.extend(reporter.found)
    outcome.audit = replace(
        outcome.audit, sandbox=level, refused=outcome.audit.refused + reporter.refused
    )


def _for_readings(job: Job, line: Line, found: Sequence[Finding]) -> int:
    """Return the picodollars of second readings: a long loop must not leave findings open."""
    verified = {rule.id for rule in job.rules if rule.verify == "refute"}
    readings = sum(one.rule_id in verified for one in (*job.candidates, *found))
    caller = line.caller
    each = caller.prices.worst_case(line.root, READING_BYTES, planner.MAP_TOKENS) or 0
    left = line.left()["usd"]  # logical, so that a replay and a warm cache show the root the same
    share = 0 if left is None else prices.picodollars(left * HELD_SHARE)
    return min(readings * each, share)


def _repl(
    job: Job,
    texts: Mapping[str, str],
    functions: Mapping[str, Callable[..., Any]],
    asked: tuple[Rule, ...] = (),
    found: Sequence[Finding] = (),
    outside: Sequence[mapping.Outside] = (),
) -> Repl:
    return Repl(
        texts=texts,
        variables=variables(job, asked, found, outside),
        functions=functions,
        allow_reduced=job.limits.allow_reduced_sandbox,
    )


def _removed(files: Sequence[SourceFile]) -> str:
    """Say how many lines the change took out: a removed guard is judged, and no line of a file."""
    lines = sum(len(split_lines(block.text)) for file in files for block in file.removed)
    return f", and what the {lines} removed lines leave behind" if lines else ""


def _opening(
    job: Job,
    texts: Mapping[str, str],
    asked: tuple[Rule, ...],
    model: str,
    found: Sequence[Finding],
) -> ModelRequest:
    sizes = [len(texts[path]) for path in texts]
    files = job.corpus.files
    text = prompt(
        "audit_request",
        scope=f"The scope is: {mask(job.corpus.scope.label)}.",
        files_total=len(sizes),
        chars_total=f"{sum(sizes):,}",
        judged_files=len(files),
        judged_lines=sum(len(span) for file in files for span in file.in_scope),
        removed=_removed(files),
        candidates_total=len(candidates(job, found)),
        turns=job.limits.max_turns,
        rules=questions(asked),
        sharp="\n".join(f"- {rule.id}: {rule.title}" for rule in sharp(job)) or "none",
    )
    return ModelRequest(
        model=model,
        system=prompt("audit"),
        messages=(Message("user", text),),
        max_tokens=planner.ROOT_TOKENS,
    )


def _reporter(job: Job, origin: Origin, engine: str, asked: Sequence[Rule] = ()) -> Reporter:
    rules = {rule.id: rule for rule in asked or job.rules}
    return Reporter(job.corpus, rules, job.applies, origin, engine)


def _coverage(job: Job) -> dict[str, Any]:
    """Return what the map left unexamined, by rule: lines that no sub-call answered for."""
    closed = job.ledger.coverage(lambda _rule, _path: True)
    mapped = job.ledger.judges.chunk
    return {
        "files": closed.files,
        "lines": closed.lines,
        "missing": {
            row.rule_id: row.missing
            for row in closed.rules
            if row.missing and row.rule_id in mapped
        },
    }


def _sendable(job: Job, unsent: frozenset[str]) -> Iterable[planner.MapCall | planner.TooLong]:
    """Plan the map; what must never be sent, or no shard sent, is booked as missing instead."""
    plan = planner.plan(job.corpus, job.rules, job.applies)
    for elsewhere, call in (job.dealing or Dealing()).deal(plan):
        if isinstance(call, planner.MapCall):
            why = "never_send" if call.file.path in unsent else elsewhere
            if why:
                for span in call.judged:
                    job.ledger.missing([rule.id for rule in call.rules], span, why)
                continue
        yield call


def _no_sandbox(job: Job, ids: Sequence[str], error: SandboxDied, outcome: Outcome) -> None:
    """Below the strict level only the root loop is left out (design §8)."""
    reason = f"sandbox: {error}"
    job.ledger.loop(ids, reason)
    if not job.limits.ci:
        job.ledger.excuse(ids)
    outcome.skips.append(Skip("sandbox", str(error), rule_ids=tuple(ids)))
