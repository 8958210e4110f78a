"""The pipeline on one screen: corpus, detectors, audit, policy, verdict.

The one place that survives a plug-in's failure: what breaks here becomes a blocking Skip, and what
was found before is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from rlm_gate import corpus as corpora
from rlm_gate import detectors, engines, finishing, judging, messages, packs, policy, runid
from rlm_gate.config import Settings
from rlm_gate.core import (
    Audit,
    Corpus,
    Coverage,
    Estimate,
    Finding,
    Rule,
    RulePack,
    Skip,
    Trajectory,
    Usage,
    Verdict,
)
from rlm_gate.core.records import dataclass
from rlm_gate.ownrules import INJECTION, OWN_IDS, OWN_RULES, POLICY_CHANGED
from rlm_gate.rlm.ledger import Ledger

if TYPE_CHECKING:
    from rlm_gate.engines import Together
    from rlm_gate.newness import Accepting
    from rlm_gate.providers import Provider
    from rlm_gate.recall import Recall
    from rlm_gate.rlm.audit import Outcome
    from rlm_gate.rlm.callers import Line, Tell
    from rlm_gate.rlm.flagged import Flagged
    from rlm_gate.rlm.job import Job
    from rlm_gate.rlm.planned import AuditPlan
    from rlm_gate.rlm.slices import Joined
    from rlm_gate.symbols import Symbol

Progress = Callable[[str, int, int], None]
"""Told (phase, done, total); total is 0 where it isn't known."""


@dataclass(slots=True)
class _Run:
    """What one run has gathered so far; whatever interrupts it, this is judged."""

    settings: Settings
    corpus: Corpus
    packs: tuple[RulePack, ...]
    chosen: tuple[Rule, ...]
    rules: tuple[Rule, ...]
    ledger: Ledger
    progress: Progress
    audit: Audit
    findings: list[Finding] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    interrupted: str = ""
    trajectory: Trajectory = field(default_factory=Trajectory)
    said: bool = False  # a judged commit's message addresses the reviewer
    provider: Provider | None = None
    tell: Tell = lambda _remark: None
    joined: Joined | None = None
    accepting: Accepting | None = None
    recall: Recall | None = None
    together: Together | None = None
    pending: dict[str, tuple[Rule, ...]] = field(default_factory=dict)  # engines at work
    outlines: Mapping[str, tuple[Symbol, ...]] = field(default_factory=dict)


def _silent(_phase: str, _done: int, _total: int) -> None:
    """Show no progress."""


def run(
    settings: Settings,
    progress: Progress = _silent,
    provider: Provider | None = None,
    tell: Tell = lambda _remark: None,
    joined: Joined | None = None,
) -> Verdict:
    """Judge what the settings name. Raises GateError only where no verdict is possible.

    ``provider`` stands in for the one the settings would open; a test's scripted one, say.
    ``tell`` hears what is no part of a report, such as what this run really paid. ``joined`` has
    the map's outcomes, where shards made its calls; what they lost is missing and blocks.
    """
    try:
        this = _open(settings, progress)
    except KeyboardInterrupt as error:
        return finishing.unread(settings, str(error) or "interrupted")
    this.provider, this.tell, this.joined = provider, tell, joined
    if joined:
        this.skips.extend(finishing.lost_shards(joined, _input(this)))
        this.interrupted = joined.ended
    try:
        _detect(this)
        _audit(this)
        if this.recall:
            this.recall.keep(this.outlines)
    except KeyboardInterrupt as error:
        this.interrupted = str(error) or "interrupted"
        why = f"{this.interrupted}; what was found until then is kept"
        this.skips.append(Skip("run", why, blocking=True))
        fits = policy.Policy.of(settings).narrowed(detectors.why_not)
        this.ledger.cut_short(this.pending, this.interrupted, fits)
        left = this.together.left() if this.together else ()
        this.findings.extend(one for one in left if isinstance(one, Finding))
    finally:
        if this.together:
            this.together.end()
    return _verdict(this)


def planned(settings: Settings, progress: Progress = _silent) -> tuple[str, Job]:
    """Return the digest of the input and the audit to make of it, for whoever makes a slice."""
    this = _open(settings, progress)
    return _input(this), _job(this)


def estimate(settings: Settings) -> Estimate:
    """Say what an audit by these settings would take at most, key or no key."""
    return _forecast(_open(settings, _silent))


def plan(settings: Settings) -> AuditPlan:
    """Say every call that an audit by these settings would make, key or no key."""
    from rlm_gate.rlm.planned import for_settings

    this = _open(settings, _silent)
    return for_settings(this.settings, this.corpus, this.chosen, this.ledger.applies)


def _open(settings: Settings, progress: Progress) -> _Run:
    """Read the scope and the packs, and decide who judges which rule."""
    settings, corpus = corpora.read(settings)
    loaded = finishing.loaded(
        settings,
        lambda: (*packs.load(settings, corpus.root), *packs.imported(settings, corpus.root)),
    )
    chosen = packs.select(loaded, settings.select, settings.ignore)
    asks = judging.asks(settings)
    played = judging.played(settings, corpus)
    rules = tuple(rule for rule in chosen if asks or rule.detect or rule.id in played)
    open_ones = () if settings.models.mode == "on" else chosen
    unasked = tuple(sorted(rule.id for rule in open_ones if rule.ask and rule.id not in played))
    missing = settings.models.missing
    mode = "models" if settings.models.mode == "on" else settings.models.mode
    audit = Audit(mode, not_evaluated=unasked, missing_keys=missing)
    detectors.expect_paths(chosen)
    applies = policy.Policy.of(settings).narrowed(detectors.applies)
    ledger = Ledger(corpus, rules, applies, judging.judges(settings, rules, played))
    run = _Run(settings, corpus, loaded, chosen, rules, ledger, progress, audit)
    run.skips.extend(corpus.skipped)
    return run


def _detect(this: _Run) -> None:
    packed = [rule for rule in this.rules if rule.id not in OWN_IDS]  # those run in any case
    used = sorted({entry.engine for rule in packed for entry in rule.detect})
    judges = this.pending = {
        name: tuple(rule for rule in packed if detectors.entries(rule, name)) for name in used
    }
    if this.corpus.scope.whole:
        from rlm_gate import recall

        this.recall = recall.opened(this.settings, this.corpus, this.packs, this.chosen)
    spread = {name: (name, rules) for name, rules in judges.items() if not engines.alone(name)}
    this.together = engines.side_by_side(
        this.recall.rest if this.recall else this.corpus,
        {**spread, "gate": ("injection", OWN_RULES)},
        this.chosen,
        this.ledger.applies,
    )
    if this.together:
        this.together.progress, this.outlines = this.progress, this.together.outlines

    def judged(name: str) -> Iterator[Finding | Skip]:
        return _judged(this, name, name, judges[name])

    begun = {name: judged(name) for name in used if name in detectors.BESIDE}
    detectors.expect(rule for rules in judges.values() for rule in rules)
    for number, name in enumerate(used):
        this.progress("detectors", number, len(used))
        for item in begun.get(name) or judged(name):
            if isinstance(item, Finding):
                this.findings.append(item)
            else:
                this.skips.append(item)
                this.ledger.failed(item)
        del this.pending[name]
    _guard(this)


def _guard(this: _Run) -> None:
    """Run the gate's own rules: no selection leaves them out, for who is fooled judges nothing."""
    for item in _judged(this, "gate", "injection", OWN_RULES):
        if isinstance(item, Finding):
            this.findings.append(item)
        else:
            this.skips.append(item)
            this.ledger.failed(item)
    this.findings.extend(spoken := list(messages.judge(this.corpus)))
    this.said = bool(spoken)


def _judged(this: _Run, label: str, engine: str, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Let the engine judge all files, or those of which nothing is remembered under the label."""

    def detect(corpus: Corpus) -> Iterator[Finding | Skip]:
        if this.together and label in this.together:
            return this.together.items(label)
        return engines.behind_the_seam(engine, corpus, rules)

    return this.recall.judged(label, detect) if this.recall else detect(this.corpus)


def _audit(this: _Run) -> None:
    """Ask models; without them run the playbook and say what an audit would have sent.

    A hook that is told to ask nobody does not wait for that price: ``rlm-gate estimate`` says it.
    """
    if this.settings.replay is not None:
        from rlm_gate.rlm import callers

        callers.check_input(this.settings.replay, _input(this))
    if not this.corpus.files:
        return
    if this.settings.models.mode == "on":
        doubted = {rule.id for rule in this.rules if rule.verify == "refute"}
        if any(rule.ask for rule in this.rules) or any(
            one.rule_id in doubted for one in this.findings
        ):
            _with_models(this)
        return
    if this.ledger.judges.playbook & {rule.id for rule in this.rules}:
        _with_playbook(this)
    if this.settings.models.mode != "offline" or this.corpus.scope.kind != "staged":
        this.audit = replace(this.audit, estimate=_forecast(this))


def _with_models(this: _Run) -> None:
    from rlm_gate.rlm import audit, callers

    with callers.open_line(
        this.settings, _input(this), this.tell, this.provider, this.joined, this.progress
    ) as line:
        described = replace(this.audit, root_model=line.root, sub_model=line.sub, notes=line.notes)
        outcome = audit.Outcome(described)
        try:
            audit.with_models(_job(this), line, outcome)
        finally:  # an interrupt keeps what was found and what was paid
            _take(this, outcome)
        try:
            this.findings = list(_verified(this, line))
        finally:
            this.usage = line.usage()
            this.trajectory = line.witness.trajectory()


def _input(this: _Run) -> str:
    return runid.of(this.settings, this.corpus, this.packs, this.rules)


def _verified(this: _Run, line: Line) -> Iterator[Finding]:
    """Put every candidate that could block, and whose rule wants it, to a second reader."""
    from rlm_gate.rlm import refute, withheld

    rules = {rule.id: rule for rule in _with_host_rules(this)}
    decided = policy.Policy.of(this.settings)
    kept = policy.narrow(this.findings, this.corpus, tuple(rules.values()), decided)
    hidden = withheld.hidden(this.corpus, this.settings.never_send)
    doubted = [
        one
        for one in _unaccepted(this, kept, decided)
        if decided.reaches(one)
        and rules[one.rule_id].verify == "refute"
        and one.span.path not in hidden
    ]
    this.progress("verify", 0, len(doubted))
    answers = refute.verify(
        doubted, rules, this.corpus, line.caller, line.root, hidden, _flagged(this).block
    )
    judged = dict(zip(doubted, answers, strict=True))
    return (judged.get(one, one) for one in kept)


def _unaccepted(this: _Run, kept: Sequence[Finding], decided: policy.Policy) -> Iterator[Finding]:
    """Yield the findings that nobody accepts: no other is worth the price of a second reading."""
    evidence = _evidence(this, kept, Coverage(0, 0, ()))
    left = policy.unaccepted(evidence, decided)
    named = zip(kept, evidence.findings, strict=True)
    return (one for one, finished in named if finished.identity in left)


def _with_playbook(this: _Run) -> None:
    from rlm_gate import played

    this.progress("playbook", 0, 0)
    _take(this, played.judge(_job(this), this.audit, this.settings))


def _job(this: _Run) -> Job:
    from rlm_gate.rlm.job import Job, Limits

    settings = this.settings
    return Job(
        corpus=this.corpus,
        rules=this.rules,
        candidates=tuple(one for one in this.findings if one.rule_id not in OWN_IDS),
        applies=this.ledger.applies,
        ledger=this.ledger,
        limits=Limits(
            settings.budget.max_turns,
            settings.budget.cell_timeout,
            settings.allow_reduced_sandbox,
            settings.ci,
            settings.never_send,
        ),
        progress=this.progress,
        flagged=_flagged(this),
        said=this.said,
        dealing=this.joined.dealing if this.joined else None,
    )


def _flagged(this: _Run) -> Flagged:
    """Return what tells texts that address the reviewer; policy may accept them by path."""
    from rlm_gate.rlm.flagged import Flagged

    decided = policy.Policy.of(this.settings)
    return Flagged(this.corpus, lambda path: decided.severity(INJECTION, path) is None)


def _take(this: _Run, outcome: Outcome) -> None:
    this.findings.extend(outcome.findings)
    this.skips.extend(outcome.skips)
    this.audit = outcome.audit


def _forecast(this: _Run) -> Estimate:
    from rlm_gate.rlm.estimate import blocks, for_settings

    sizes = this.recall.blocks if this.recall else blocks
    return for_settings(this.settings, this.corpus, this.chosen, this.ledger.applies, sizes)


def _verdict(this: _Run) -> Verdict:
    decided = policy.Policy.of(this.settings)
    kept = policy.narrow(this.findings, this.corpus, _with_host_rules(this), decided)
    kept = (*kept, *finishing.policy_changes(this.settings.origin, this.corpus, decided))
    evidence = _evidence(this, kept, this.ledger.coverage(decided.required))
    verdict = policy.judge(evidence, decided)
    return replace(
        verdict,
        preface=(*filter(None, [this.settings.origin.remark]), *_accepting(this).preface),
        trajectory=this.trajectory,
    )


def _evidence(this: _Run, kept: Sequence[Finding], coverage: Coverage) -> policy.Evidence:
    rules, accepting = _with_host_rules(this), _accepting(this)
    return policy.Evidence(
        corpus=this.corpus,
        packs=this.packs,
        rules=rules,
        findings=finishing.finished(
            kept, this.corpus, this.settings.home, rules, this.recall, this.outlines
        ),
        skips=tuple(this.skips),
        coverage=coverage,
        audit=this.audit,
        usage=this.usage,
        interrupted=this.interrupted,
        suppressions=accepting.suppressions,
        narrowed=bool(this.settings.scope.paths),
        notices=accepting.notices,
        projects=this.settings.projects,
    )


def _accepting(this: _Run) -> Accepting:
    """Return what people accept, read when it is first asked for."""
    if this.accepting is None:
        this.accepting = finishing.accepting(this.settings, this.corpus)
    return this.accepting


def _with_host_rules(this: _Run) -> tuple[Rule, ...]:
    """Add the gate's own rules where they have spoken; no pack can switch them off."""
    spoken = {finding.rule_id for finding in this.findings}
    own = [rule for rule in OWN_RULES if rule.id in spoken and rule not in this.rules]
    return (*this.rules, *own, *([POLICY_CHANGED] if this.settings.origin.changed else ()))
