"""The whole plan of an audit as data: every call with its lines, questions, context and price.

It composes each request as the audit would, so its bytes are those that would be sent (§7.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlm_gate.config import Settings
from rlm_gate.core import Applies, Budget, Corpus, Estimate, Rule, Span
from rlm_gate.providers import ModelRequest, TokenUsage
from rlm_gate.rlm import mapping, planner, prices, wire
from rlm_gate.rlm.estimate import forecast, to_ask
from rlm_gate.rlm.planner import MAP_TOKENS, MapCall, TooLong, imports_head
from rlm_gate.rlm.surroundings import Context, surroundings
from rlm_gate.rlm.withheld import hidden

SCHEMA = "rlm-gate-plan/1"
BYTES_PER_TOKEN = 3
"""Bytes of source code in a token, about: for the likely price alone, never for a limit."""
LIKELY_ANSWER = 400
"""Tokens of a usual answer: what comes in, and one or two findings."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A call that would be made. ``size`` is in UTF-8 bytes; prices in picodollars or unknown."""

    call: MapCall
    beside: tuple[Context, ...]
    size: int
    worst: int | None
    likely: int | None


@dataclass(frozen=True, slots=True)
class Unplanned:
    """Judged lines that no call can show to these rules, and why: size or never_send."""

    span: Span
    rules: tuple[Rule, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """What an audit would send: the map's calls, what stays out, the root loop's rules."""

    corpus: Corpus
    calls: tuple[Planned, ...]
    missing: tuple[Unplanned, ...]
    loop: tuple[Rule, ...]
    bounds: Estimate
    priced_on: str


def for_settings(
    settings: Settings, corpus: Corpus, chosen: Sequence[Rule], applies: Applies
) -> AuditPlan:
    """Return the plan of an audit by the settings' models and limits."""
    rules, models, known = to_ask(settings, chosen)
    limits, kept = settings.budget, settings.never_send
    return plan(corpus, rules, applies, models, limits, known, kept)


def plan(
    corpus: Corpus,
    rules: Sequence[Rule],
    applies: Applies,
    models: tuple[str, str],
    limits: Budget,
    list_prices: prices.Prices,
    never_send: Sequence[str] = (),
) -> AuditPlan:
    """Return the plan of an audit by these rules. ``models`` are the (root, sub) ids."""
    unsent = hidden(corpus, never_send)
    beside = surroundings(corpus, unsent)
    calls: list[Planned] = []
    missing: list[Unplanned] = []
    for one in planner.plan(corpus, rules, applies):
        if isinstance(one, TooLong):
            missing.append(Unplanned(one.span, one.rules, "size"))
        elif one.file.path in unsent:
            missing.extend(Unplanned(span, one.rules, "never_send") for span in one.judged)
        else:
            calls.append(_planned(one, beside(one), models[1], list_prices))
    return AuditPlan(
        corpus=corpus,
        calls=tuple(calls),
        missing=tuple(missing),
        loop=planner.over_corpus(rules, corpus, applies),
        bounds=forecast(corpus, rules, applies, models, limits, list_prices),
        priced_on=list_prices.date,
    )


def document(made: AuditPlan) -> dict[str, Any]:
    """Return the plan by the schema in plan.schema.json: plain lists, dicts, numbers, text."""
    scope = made.corpus.scope
    return {
        "schema": SCHEMA,
        "scope": {
            "kind": scope.kind,
            "label": scope.label,
            "base": scope.base,
            "head": scope.head,
        },
        "models": {"root": made.bounds.root_model, "sub": made.bounds.sub_model},
        "prices": made.priced_on,
        "rules": [_rule(rule) for rule in _rules(made)],
        "calls": [_call(one) for one in made.calls],
        "loop": {"rules": [rule.id for rule in made.loop], "turns": made.bounds.turns},
        "missing": [
            {**_lines(one.span), "rules": [rule.id for rule in one.rules], "reason": one.reason}
            for one in made.missing
        ],
        "skipped": [
            {"what": skip.what, "why": skip.why, "path": skip.path} for skip in made.corpus.skipped
        ],
        "totals": _totals(made),
    }


def _planned(
    call: MapCall, beside: tuple[Context, ...], sub: str, list_prices: prices.Prices
) -> Planned:
    request, _ = mapping.request(call, sub, beside)
    size = wire.input_bytes(request)
    worst = list_prices.worst_case(sub, size, MAP_TOKENS)
    return Planned(call, beside, size, worst, _likely(request, call.group, size, list_prices))


def _likely(request: ModelRequest, group: int, size: int, list_prices: prices.Prices) -> int | None:
    """Price a call as it usually goes: the first question of a chunk caches it for the others."""
    message = request.messages[0]
    shared = len((request.system + message.text[: message.shared]).encode("utf-8", "replace"))
    kept = shared // BYTES_PER_TOKEN if message.shared else 0
    usage = TokenUsage(
        input_tokens=size // BYTES_PER_TOKEN - kept,
        output_tokens=LIKELY_ANSWER,
        cache_read_tokens=kept if group else 0,
        cache_write_tokens=0 if group else kept,
    )
    return list_prices.cost(request.model, usage)


def _rules(made: AuditPlan) -> list[Rule]:
    asked = (*made.loop, *(rule for one in made.calls for rule in one.call.rules))
    missed = (rule for one in made.missing for rule in one.rules)
    return sorted({rule.id: rule for rule in (*asked, *missed)}.values(), key=lambda one: one.id)


def _rule(rule: Rule) -> dict[str, Any]:
    over = rule.ask.over if rule.ask else "chunk"
    return {"id": rule.id, "title": rule.title, "over": over, "tags": list(rule.tags)}


def _call(one: Planned) -> dict[str, Any]:
    call = one.call
    head = imports_head(call.file, call.file.lines, call.shown.start)
    return {
        "path": call.file.path,
        "status": call.file.status,
        "shown": _range(call.shown),
        "left_out": _range(call.left_out) if call.left_out else None,
        "judged": [_range(span) for span in call.judged],
        "removed": [
            {"after_line": block.after_line, "lines": len(block.text.splitlines())}
            for block in call.removed
        ],
        "rules": [rule.id for rule in call.rules],
        "group": call.group,
        "groups": call.groups,
        "imports": _range(head) if head else None,
        "context": list(_context(one.beside)),
        "input_bytes": one.size,
        "output_tokens": MAP_TOKENS,
        "worst_usd": _usd(one.worst),
        "likely_usd": _usd(one.likely),
    }


def _context(beside: Sequence[Context]) -> Iterator[dict[str, Any]]:
    for one in beside:
        for span in one.spans:
            yield {**_lines(span), "why": one.why}


def _totals(made: AuditPlan) -> dict[str, Any]:
    files = made.corpus.files
    return {
        "files": len(files),
        "judged_lines": sum(len(span) for file in files for span in file.in_scope),
        "added_lines": sum(len(span) for file in files for span in file.changed),
        "removed_lines": sum(
            len(block.text.splitlines()) for file in files for block in file.removed
        ),
        "calls": len(made.calls),
        "input_bytes": sum(one.size for one in made.calls),
        "output_tokens": len(made.calls) * MAP_TOKENS,
        "map_usd": prices.total([one.worst for one in made.calls]),
        "likely_map_usd": prices.total([one.likely for one in made.calls]),
        "usd": made.bounds.usd,
    }


def _usd(cost: int | None) -> float | None:
    return None if cost is None else prices.usd(cost)


def _range(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}


def _lines(span: Span) -> dict[str, Any]:
    return {"path": span.path, **_range(span)}
