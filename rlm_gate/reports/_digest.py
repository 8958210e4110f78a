"""What a verdict says, grouped and put into sentences for people.

Sentences hold no hidden characters; what a format must escape on top is that format's matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from rlm_gate.core import (
    Confidence,
    Estimate,
    Finding,
    Help,
    Origin,
    Rule,
    Severity,
    Status,
    Verdict,
    Verification,
)
from rlm_gate.phrases import counted, listed
from rlm_gate.reports import _languages as languages
from rlm_gate.reports._plain import one_line
from rlm_gate.reports._policy import limits
from rlm_gate.reports._unseen import left_out

_NAMES = 8
_REASONS = 5
_OFFLINE = "run with --offline to be judged by detectors alone"
_WHY_NOT = {
    Verification.NOT_ASKED: "a model's word alone does not block",
    Verification.REFUTED: "a second call refuted it, so it does not block",
    Verification.UNCLEAR: "a second call could not tell, so it does not block",
    Verification.FAILED: "the call to verify it failed",
}


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings in the order of every report, ties settled by what they say."""
    return sorted(findings, key=lambda one: (one.sort_key, repr(one)))


def worst_first(verdict: Verdict) -> list[Finding]:
    """Return the findings that block, then the others, each by severity, then by place."""
    return sorted(
        ordered(verdict.findings), key=lambda one: (not blocks(one, verdict), -one.severity)
    )


def blocks(finding: Finding, verdict: Verdict) -> bool:
    """Say whether this finding fails the gate."""
    return finding.identity in verdict.blocking


def rules_by_id(verdict: Verdict) -> dict[str, Rule]:
    """Return the selected rules by id, sorted."""
    return {rule.id: rule for rule in sorted(verdict.rules, key=lambda rule: rule.id)}


def named_rules(verdict: Verdict) -> dict[str, Rule]:
    """Return the selected rules and, made from their findings, the gate's own, by id, sorted."""
    found = {one.rule_id: _own_rule(one) for one in reversed(ordered(verdict.findings))}
    return dict(sorted({**found, **rules_by_id(verdict)}.items()))


def unknown_rules(verdict: Verdict) -> list[str]:
    """Return the rules whose question nobody put and that were therefore not selected at all."""
    return sorted(set(verdict.audit.not_evaluated) - {rule.id for rule in verdict.rules})


def mode(verdict: Verdict) -> str:
    """Say whether language models took part, and what was not evaluated because they did not."""
    audit = verdict.audit
    if audit.mode == "models":
        models = f"{one_line(audit.root_model)} (root), {one_line(audit.sub_model)} (sub)"
        unasked = f"; {_unasked(verdict)}" if audit.not_evaluated else ""
        return f"Language models: {models}{unasked}."
    why = {"offline": "offline, as asked", "no-key": "no API key is set"}
    reason = why.get(audit.mode, one_line(audit.mode))
    return f"No language model was called ({reason}): {_unasked(verdict)}."


def not_evaluated(verdict: Verdict, limit: int) -> Iterator[str]:
    """Name the rules whose question nobody put; some of them were judged by detectors."""
    asked, detected = _split_unasked(verdict)
    for label, rules in (("not evaluated", asked), ("judged by detectors alone", detected)):
        if rules:
            yield f"{label}: {one_line(listed(sorted(rules), limit or len(rules)))}"


def examined(verdict: Verdict) -> Iterator[str]:
    """Say what was judged: how much, by which engine, playbook, packs and sandbox."""
    coverage = verdict.coverage
    scope = one_line(verdict.scope.label or verdict.scope.kind, 200)
    if not coverage.files:
        stopped = verdict.interrupted
        why = f"{stopped} before a file was judged" if stopped else "no text file is in scope"
        yield f"nothing: {why} ({scope})"
    else:
        size = f"{counted(coverage.files, 'file')}, {counted(coverage.lines, 'line')}"
        yield f"{size} ({scope}), {counted(len(verdict.rules), 'rule')}"
        yield from _engines(verdict)
        yield from languages.met(verdict)
        yield _line_checks(verdict)
    if verdict.audit.playbook:
        yield f"playbook: {one_line('; '.join(verdict.audit.playbook))}"
    if verdict.packs:
        packs = sorted(verdict.packs)
        yield f"packs: {one_line(', '.join(f'{name} {version[:12]}' for name, version in packs))}"
    yield f"sandbox: {one_line(verdict.audit.sandbox) or 'not started'}"


def remarks(verdict: Verdict) -> Iterator[str]:
    """Say what else a reader must know: languages, refusals, cost, what an audit would take."""
    audit = verdict.audit
    yield from languages.warnings(verdict)
    if audit.refused:
        yield (
            f"{counted(audit.refused, 'finding')} refused: "
            "the quoted evidence does not stand in the judged code."
        )
    if verdict.refuted:
        yield f"{counted(len(verdict.refuted), 'finding')} refuted by a second call and left out."
    yield from _spent(verdict)
    yield from _estimate(verdict)
    yield from (one_line(note, 400) for note in audit.notes)


def summary(verdict: Verdict) -> str:
    """Return the verdict in one line: why, the threshold, the counts and what to do next."""
    parts = [f"{_outcome(verdict)} (threshold: {limits(verdict)}).", tally(verdict.findings)]
    if verdict.suppressed or verdict.baselined:
        suppressed, baselined = len(verdict.suppressed), len(verdict.baselined)
        parts.append(f"Accepted: {suppressed:,} suppressed, {baselined:,} in the baseline.")
    if left := left_out(verdict):
        parts.append(left)
    if hardly := languages.unjudged(verdict):
        parts.append(hardly)
    if verdict.reasons:
        reasons = [one_line(reason, 200) for reason in verdict.reasons]
        parts.append(f"Missing evidence: {listed(reasons, _REASONS)}.")
    return f"{verdict.status.upper()}: {' '.join(parts)} Next: {_next(verdict)}"


def tally(findings: Iterable[Finding]) -> str:
    """Return the counts by severity, worst first, as in "3 findings: 1 high, 2 low".

    How many places they have is told where one has several: ", at 9 places in all".
    """
    known = list(findings)
    severities = [one.severity for one in known]
    places = sum(len(one.places) for one in known)
    if not severities:
        return "No findings."
    by_severity = [
        f"{severities.count(severity):,} {severity.label}"
        for severity in reversed(Severity)
        if severity in severities
    ]
    at = f", at {places:,} places in all" if places > len(known) else ""
    return f"{counted(len(known), 'finding')}: {', '.join(by_severity)}{at}."


def trust(finding: Finding, verdict: Verdict) -> str:
    """Say who found it, how far it is trusted, and why it does not block though it could."""
    parts = [f"found by {one_line(finding.engine)}", f"confidence {finding.confidence}"]
    if finding.verification is not Verification.NOT_ASKED:
        parts.append(f"verification: {finding.verification}")
    if finding.identity in verdict.held and _explains(finding):
        parts.append(_WHY_NOT[finding.verification])
    if finding.owners:
        parts.append(f"owners: {listed([one_line(one) for one in finding.owners], _NAMES)}")
    return "; ".join(parts)


def preface(verdict: Verdict) -> tuple[str, ...]:
    """Return what every report says before anything else, a sentence a line."""
    return tuple(one_line(text, 1000) for text in verdict.preface)


def dollars(usd: float | None, *, up: bool = False) -> str:
    """Return an amount to the cent, below ten cents to the hundredth of one. None is unknown."""
    if usd is None:
        return "price unknown"
    digits = 2 if usd >= 0.1 or not usd else 4
    if up:
        usd = math.ceil(round(usd * 10**digits, 6)) / 10**digits
    return f"${usd:,.{digits}f}"


def _own_rule(finding: Finding) -> Rule:
    message = one_line(finding.message) or finding.rule_id
    return Rule(
        id=finding.rule_id,
        title=message,
        severity=finding.severity,
        precision=Confidence.HIGH,
        languages=("any",),
        message=message,
        help=Help(why=message, fix=message),
    )


def _unasked(verdict: Verdict) -> str:
    asked, detected = _split_unasked(verdict)
    total = len({rule.id for rule in verdict.rules} | asked)
    if not (asked or detected):
        known = verdict.rules or not verdict.interrupted
        return "no selected rule needs one" if known else "no rule was read"
    rules = counted(total, "rule")
    alone = f"{len(detected):,} of {rules} judged by detectors alone"
    if not asked:
        return alone
    return f"{len(asked):,} of {rules} not evaluated" + (f"; {alone}" if detected else "")


def _split_unasked(verdict: Verdict) -> tuple[set[str], set[str]]:
    unasked = set(verdict.audit.not_evaluated)
    detected = {rule.id for rule in verdict.rules if rule.detect} & unasked
    return unasked - detected, detected


def _engines(verdict: Verdict) -> Iterator[str]:
    for name, (files, lines) in sorted(verdict.coverage.engines.items()):
        yield f"{one_line(name)}: {counted(files, 'file')}, {counted(lines, 'line')}"


def _line_checks(verdict: Verdict) -> str:
    rules = verdict.coverage.rules
    in_scope, applicable = sum(r.in_scope for r in rules), sum(r.applicable for r in rules)
    detector, model = sum(r.detector for r in rules), sum(r.model for r in rules)
    absent = sum(r.missing for r in rules)
    done = f"{detector:,} by detectors, {model:,} by models, {absent:,} missing"
    return f"line checks: {applicable:,} of {in_scope:,} apply; {done}"


def _spent(verdict: Verdict) -> Iterator[str]:
    usage = verdict.usage
    if not (usage.calls or usage.failed_calls):
        return
    tokens = f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
    work = f"{counted(usage.calls, 'model call')}, {counted(usage.turns, 'root turn')}"
    failed = f"; {counted(usage.failed_calls, 'call')} failed" if usage.failed_calls else ""
    yield f"Spent: {work}, {tokens}, {dollars(usage.usd)}{failed}."


def _estimate(verdict: Verdict) -> Iterator[str]:
    if verdict.audit.estimate is not None:
        yield forecast(verdict.audit.estimate)


def forecast(estimate: Estimate) -> str:
    """Return what an audit with models would send and cost at most, in one sentence."""
    tokens = f"{estimate.input_tokens:,} tokens in and {estimate.output_tokens:,} out"
    price = dollars(estimate.map_usd, up=True)
    calls = counted(estimate.calls, "call")
    text = (
        f"With models: {calls} of {one_line(estimate.sub_model)} for the map, "
        f"at most {tokens}, {price}"
    )
    if estimate.turns:
        turns = counted(estimate.turns, "turn")
        text += f"; then up to {turns} of {one_line(estimate.root_model)} and second readings"
    if estimate.usd is None:
        who = estimate.sub_model if estimate.map_usd is None else estimate.root_model
        return f"{text}; no price is known for {one_line(who)}, so no dollar limit can be kept."
    if estimate.map_usd is not None and estimate.map_usd > estimate.usd:
        return (
            f"{text}. The whole run stops at {dollars(estimate.usd, up=True)}, which is LESS THAN"
            " the map alone may cost: what is not asked by then is missing evidence; raise"
            " --max-usd, or judge less."
        )
    return f"{text}; the whole run stops at {dollars(estimate.usd, up=True)}."


def _outcome(verdict: Verdict) -> str:
    if verdict.status is Status.FAIL:
        number = sum(blocks(one, verdict) for one in verdict.findings)
        return f"{counted(number, 'finding')} {'blocks' if number == 1 else 'block'}"
    if verdict.status is Status.INCONCLUSIVE:
        return "not everything that had to be examined was"
    return "nothing blocks"


def _next(verdict: Verdict) -> str:
    if verdict.status is Status.FAIL:
        return "mend what is marked [blocks], then run again."
    if verdict.status is Status.INCONCLUSIVE:
        return f"remove the causes named above, or {_way_out(verdict)}."
    remedy = {"offline": "run without --offline", "no-key": _set_keys(verdict)}
    if not verdict.audit.not_evaluated or verdict.audit.mode not in remedy:
        return "nothing to do."
    questions = f"the questions of {counted(len(verdict.audit.not_evaluated), 'rule')}"
    return f"nothing to do; {remedy[verdict.audit.mode]} to put {questions} to a model."


def _way_out(verdict: Verdict) -> str:
    if verdict.audit.mode == "models":
        return _OFFLINE
    if verdict.audit.mode == "no-key":
        return f"{_set_keys(verdict)}, or {_OFFLINE}"
    return "narrow the scope to what can be judged, with 'exclude' in .rlm-gate.yaml say"


def _set_keys(verdict: Verdict) -> str:
    return f"set {' and '.join(verdict.audit.missing_keys) or 'an API key'}"


def _explains(finding: Finding) -> bool:
    refuted = finding.verification is Verification.REFUTED
    return refuted or (finding.origin is Origin.MODEL and finding.verification in _WHY_NOT)
