"""Run the map: one host-composed call for each chunk and its rules (design §7.1, §7.3).

An answer counts only if it is schema-valid; whatever else happens is a gap with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, NamedTuple, Protocol, TypeVar

from rlm_gate.core import (
    Confidence,
    Finding,
    Origin,
    Rule,
    Span,
)
from rlm_gate.errors import BudgetExceeded, ProviderError
from rlm_gate.ownrules import INJECTION
from rlm_gate.providers import Message, ModelReply, ModelRequest
from rlm_gate.rlm.answers import strict_json
from rlm_gate.rlm.blocks import Block, block, printable
from rlm_gate.rlm.flight import Outcome
from rlm_gate.rlm.grounding import Place, Refusal, ground, ground_removed
from rlm_gate.rlm.ledger import Ledger
from rlm_gate.rlm.masking import mask, masked_lines, masked_removed
from rlm_gate.rlm.planner import MAP_TOKENS, MapCall, TooLong, imports_head
from rlm_gate.rlm.prompting import prompt, questions
from rlm_gate.rlm.surroundings import Context

EXPLANATION_CHARS = 1000
MOST_ITEMS = 300
"""Most items of one answer: MAP_TOKENS have no room for more, and each is looked up."""


OUTSIDE_ITEMS, OUTSIDE_CHARS = 12, 200
"""Most values from outside of one block that the root hears of, and characters about each."""
_KEYS = frozenset({"findings", "addressed_to_reviewer"})


Planned = TypeVar("Planned", bound=MapCall | TooLong)


class Outside(NamedTuple):
    """What a reader says that an outsider can influence at a line: a lead, no finding."""

    path: str
    line: int
    what: str


@dataclass(slots=True)
class MapOutcome:
    """What the map found, and how many of the models' findings had no evidence.

    ``flagged`` says whether a call shows text that addresses the reviewer, in or beside its block.
    ``outside`` is what the readers said before they judged: what comes in from whom.
    """

    engine: str
    flagged: Callable[[MapCall, Sequence[Context]], bool] = lambda _call, _beside: False
    findings: list[Finding] = field(default_factory=list)
    refused: int = 0
    outside: list[Outside] = field(default_factory=list)

    def take(self) -> list[Finding]:
        """Hand over what was found since the last time."""
        taken, self.findings = self.findings, []
        return taken


def request(
    call: MapCall, model: str, beside: Sequence[Context] = ()
) -> tuple[ModelRequest, Block]:
    """Compose the call. Equal chunks with equal context give equal requests wherever they stand."""
    lines = masked_lines(call.file)
    shown = _block(call, lines)
    head = imports_head(call.file, lines, call.shown.start)
    context = ""
    if head:
        context = "# Context, not judged\n\n" + block(call.file, lines, head).render() + "\n\n"
    context += "".join(one.render() for one in beside)
    path = printable(call.file.path)
    chunk = prompt("map_chunk", context=context, path=path, block=shown.render())
    text = chunk + prompt("map_rules", rules=questions(call.rules))
    composed = ModelRequest(
        model=model,
        system=prompt("map"),
        messages=(Message("user", text, shared=len(chunk) if call.groups > 1 else 0),),
        max_tokens=MAP_TOKENS,
        schema=_schema(_named(call)),
        about=f"map {call.shown.path}:{call.shown.start}-{call.shown.end}",
    )
    return composed, shown


def rendered(call: MapCall) -> str:
    """Return the rows of a call as text, with marks and without numbers or fence."""
    shown = _block(call, masked_lines(call.file))
    return "\n".join(f"{row.mark}{row.text}" for row in shown.rows)


def _block(call: MapCall, lines: list[str]) -> Block:
    return block(call.file, lines, call.shown, masked_removed(call.removed), call.left_out)


class MapCaller(Protocol):
    """What makes the calls of a wave: calls.Caller, or batches.BatchCaller."""

    @property
    def most_at_once(self) -> int:
        """How many calls to give it at a time."""
        ...

    def key(self, request: ModelRequest) -> str:
        """Return the key of the request."""
        ...

    def call_many(self, requests: Sequence[ModelRequest]) -> list[Outcome]:
        """Return what came of each, in order."""
        ...


def run(
    calls: Iterable[MapCall | TooLong],
    caller: MapCaller,
    model: str,
    ledger: Ledger,
    outcome: MapOutcome,
    beside: Callable[[MapCall], Sequence[Context]] = lambda _call: (),
) -> Iterator[int]:
    """Make the calls in waves, in order; yield a wave's size once it is grounded and booked.

    ``beside`` returns the context of a call from the rest of the repository.
    """
    for wave in waves(calls, caller.most_at_once):
        contexts = [(call, beside(call)) for call in wave if isinstance(call, MapCall)]
        composed = [request(call, model, context) for call, context in contexts]
        replies = iter(caller.call_many([one for one, _ in composed]))
        blocks = iter(shown for _, shown in composed)
        heard = iter(outcome.flagged(call, context) for call, context in contexts)
        for call in wave:
            if isinstance(call, TooLong):
                ledger.missing([rule.id for rule in call.rules], call.span, "size")
                continue
            _book(call, next(blocks), next(replies), ledger, outcome, spoken_to=next(heard))
        yield len(wave)


def waves(calls: Iterable[Planned], most: int) -> Iterator[list[Planned]]:
    """Yield the calls in waves, the first group of every chunk before the second.

    A prompt cache holds what was answered: groups of one chunk sent at once would all pay in full.
    """
    rest = iter(calls)
    while wave := list(islice(rest, most)):
        wave.sort(key=_group)
        for _, part in groupby(wave, key=_group):
            yield list(part)


def _group(call: MapCall | TooLong) -> int:
    return call.group if isinstance(call, MapCall) else 0


def _book(
    call: MapCall,
    shown: Block,
    reply: ModelReply | ProviderError | BudgetExceeded,
    ledger: Ledger,
    outcome: MapOutcome,
    *,
    spoken_to: bool,
) -> None:
    ids = [rule.id for rule in call.rules]
    answer = _parse(reply.text, _named(call)) if isinstance(reply, ModelReply) else None
    if answer is None:
        for span in call.judged:
            ledger.missing(ids, span, _why_missing(reply))
        return
    spoken = [
        _grounded(call, shown, INJECTION, item, outcome) for item in answer["addressed_to_reviewer"]
    ]
    asked = [item for item in answer["findings"] if item["rule"] in ids]
    outcome.refused += len(answer["findings"]) - len(asked)
    made = [_grounded(call, shown, _rule(call, item["rule"]), item, outcome) for item in asked]
    outcome.findings.extend(one for one in (*spoken, *made) if one)
    addressed = bool(answer["addressed_to_reviewer"]) or spoken_to
    if not addressed:
        outcome.outside.extend(_outside(call, shown, answer))
    for span in call.judged:
        if addressed:
            ledger.missing(ids, span, "injection")
        else:
            ledger.answered(ids, span)


def _outside(call: MapCall, shown: Block, answer: Mapping[str, Any]) -> Iterator[Outside]:
    """Yield what the reader says comes in, rows as lines."""
    for item in answer.get("outside", ())[:OUTSIDE_ITEMS]:
        line = shown.line(item["row"])
        if line:
            yield Outside(call.file.path, line, shown.in_lines(item["what"])[:OUTSIDE_CHARS])


def _grounded(
    call: MapCall, shown: Block, rule: Rule, item: Mapping[str, Any], outcome: MapOutcome
) -> Finding | None:
    """Return the finding if its quote stands in the judged part of the file, else count it."""
    line = shown.line(item["row"]) or call.shown.start
    place = locate(call, line, item["quote"], gone=shown.is_removed(item["row"]))
    if isinstance(place, Refusal):
        outcome.refused += 1
        return None
    return Finding(
        rule_id=rule.id,
        severity=rule.severity,
        confidence=Confidence.LOW,
        message=rule.message,
        span=Span(call.file.path, place.start, place.end),
        quote=place.quote,
        origin=Origin.MODEL,
        engine=outcome.engine,
        explanation=shown.in_lines(str(item.get("explanation", "")))[:EXPLANATION_CHARS],
    )


def locate(call: MapCall, line: int, quote: str, *, gone: bool = False) -> Place | Refusal:
    """Ground a quote in the file or in what the change removed from it, within scope.

    ``gone`` says that the row is a removed one: the same words may still stand elsewhere.
    """
    file = call.file
    removed = ground_removed(masked_removed(call.removed), line, quote, file.line_count)
    if gone and isinstance(removed, Place):
        return removed
    place = ground(mask(file.text), line, quote)
    if isinstance(place, Place) and not _in_scope(file.in_scope, place):
        place = Refusal("outside the judged lines")
    return removed if isinstance(place, Refusal) and isinstance(removed, Place) else place


def _in_scope(scope: Sequence[Span], place: Place) -> bool:
    return any(span.start <= place.end and place.start <= span.end for span in scope)


def _parse(text: str, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]] | None:
    """Return the answer if it has the promised shape, else None; what comes in may be left out."""
    try:
        answer = strict_json(text)
    except ValueError:
        return None
    if not isinstance(answer, dict) or set(answer) - {"outside"} != _KEYS:
        return None
    if not _is_outside(answer.get("outside", [])):
        return None
    findings, addressed = answer["findings"], answer["addressed_to_reviewer"]
    if not isinstance(findings, list) or not isinstance(addressed, list):
        return None
    if len(findings) + len(addressed) > MOST_ITEMS:
        return None
    sound = all(_is_item(item) for item in (*findings, *addressed)) and all(
        item.get("rule") in ids and isinstance(item.get("explanation"), str) for item in findings
    )
    return answer if sound else None


def _is_item(item: object) -> bool:
    return (
        isinstance(item, dict)
        and type(item.get("row")) is int
        and isinstance(item.get("quote"), str)
    )


def _is_outside(items: object) -> bool:
    return isinstance(items, list) and all(
        isinstance(item, dict)
        and type(item.get("row")) is int
        and isinstance(item.get("what"), str)
        for item in items
    )


def _why_missing(reply: ModelReply | ProviderError | BudgetExceeded) -> str:
    if isinstance(reply, ModelReply):
        return "error (malformed)"
    if isinstance(reply, BudgetExceeded):
        return f"budget ({reply.kind})"
    return "refusal" if reply.kind == "refusal" else f"error ({reply.kind})"


def _rule(call: MapCall, rule_id: str) -> Rule:
    return next(rule for rule in call.rules if rule.id == rule_id)


def _named(call: MapCall) -> list[str]:
    """Return the rules that an answer may name: of all groups of the chunk.

    The schema is part of what a prompt cache compares: were it each group's own, no group would
    ever find the chunk that the one before it had cached.
    """
    return [rule.id for rule in call.together or call.rules]


def _schema(ids: Sequence[str]) -> dict[str, Any]:
    item = {"row": {"type": "integer"}, "quote": {"type": "string"}}
    return {
        "type": "object",
        "properties": {
            "outside": _list_of({"row": {"type": "integer"}, "what": {"type": "string"}}),
            "findings": _list_of(
                {
                    "rule": {"type": "string", "enum": list(ids)},
                    **item,
                    "explanation": {"type": "string"},
                }
            ),
            "addressed_to_reviewer": _list_of(item),
        },
        "required": ["outside", "findings", "addressed_to_reviewer"],
        "additionalProperties": False,
    }


def _list_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }
