"""Argue against candidates that could block: a second call that needs evidence to refute (§7.6).

A refutation counts only with a known reason and a grounded quote of code, never in a call that saw
text addressed to the reviewer. Whatever else comes back is "unclear" or a failed call. Where the
second reader does not confirm, a third who sees both arguments has one more vote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rlm_gate import messages, syntax
from rlm_gate.core import Confidence, Corpus, Finding, Rule, Span, Verification, split_lines
from rlm_gate.errors import BudgetExceeded, ProviderError
from rlm_gate.languages import language_of
from rlm_gate.providers import Message, ModelReply, ModelRequest
from rlm_gate.rlm.answers import strict_json
from rlm_gate.rlm.blocks import Block, block, excerpt, fence, printable
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.grounding import Place, ground
from rlm_gate.rlm.masking import Masked, judged_text, mask, masked_lines, masked_removed
from rlm_gate.rlm.planner import MAP_TOKENS, MapCall, imports_head, shown_parts
from rlm_gate.rlm.prompting import prompt
from rlm_gate.rlm.surroundings import Surroundings

REASONS = ("constant_input", "sanitised", "unreachable", "framework_guarantee", "rule_misread")
_AROUND = 8
_WAY_STEPS = 4
"""Most steps of a claim's flow that a reader is shown beside its block."""
_SAID_CHARS = 1000
_NAME = re.compile(r"[A-Za-z_][\w.]{2,}")
_FILE = re.compile(
    r"([\w@$+~./()\[\]-]*\.\w{1,5})\b(?:['\"`]?(?::|,? (?:at )?(?:lines?|rows?) )(\d+))?"
)
"""A file that some words name, and the line of it, as in "app/views.py, line 12"."""
_FILES = 3
"""Most files that a reader is shown for words that name them, those with a line first."""
_FILE_LINES = 80
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["confirmed", "refuted", "unclear"]},
        "reason": {"type": "string", "enum": ["none", *REASONS]},
        "path": {"type": "string"},
        "row": {"type": "integer"},
        "quote": {"type": "string"},
        "argument": {"type": "string"},
        "addressed_to_reviewer": {"type": "boolean"},
    },
    "required": [
        "verdict",
        "reason",
        "path",
        "row",
        "quote",
        "argument",
        "addressed_to_reviewer",
    ],
    "additionalProperties": False,
}


_OPEN = frozenset({Verification.REFUTED, Verification.UNCLEAR})


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate and what the second reader sees of the repository."""

    finding: Finding
    rule: Rule
    shown: Block
    context: tuple[tuple[str, Block], ...]
    said: str = ""


def verify(
    candidates: Sequence[Finding],
    rules: Mapping[str, Rule],
    corpus: Corpus,
    caller: Caller,
    model: str,
    hidden: frozenset[str] = frozenset(),
    flagged: Callable[[Block], bool] = lambda _block: False,
) -> list[Finding]:
    """Return the candidates with what the second call came to, in their order.

    ``hidden`` paths must not be sent: they are no context, and the caller leaves out candidates
    that stand in them. ``flagged`` says whether a block shows text that addresses the reviewer.
    Where the first two readers differ, a third decides, if the budget still allows one.
    """
    found = Surroundings(Masked(corpus.tree, hidden), messages.by_path(corpus))
    cases = [case(one, rules[one.rule_id], corpus, found) for one in candidates]
    replies = caller.call_many([request(one, model) for one in cases])
    votes = [judged(one, reply, corpus, flagged) for one, reply in zip(cases, replies, strict=True)]
    asked = {
        number: again(cases[number], reply, corpus, found)
        for number, reply in enumerate(replies)
        if isinstance(reply, ModelReply) and votes[number].verification in _OPEN
    }
    thirds = caller.call_many([request(one, model) for one in asked.values()])
    for (number, one), reply in zip(asked.items(), thirds, strict=True):
        votes[number] = settled(votes[number], judged(one, reply, corpus, flagged))
    return votes


def settled(second: Finding, third: Finding) -> Finding:
    """Return what two votes come to: the third reader's word, if it says yes or no."""
    return second if third.verification is Verification.FAILED else third


def again(one: Case, reply: ModelReply, corpus: Corpus, found: Surroundings) -> Case:
    """Return the case for a third reader: what the second said, and the code that it named."""
    answer = _parse(reply.text) or {}
    reason = f" ({answer['reason']})" if answer.get("verdict") == "refuted" else ""
    said = f"{answer.get('verdict')}{reason}: {answer.get('argument', '')}"[:_SAID_CHARS]
    if answer.get("quote"):
        said += f"\nIts evidence, in {printable(answer['path'])}:\n{answer['quote'][:_SAID_CHARS]}"
    more = _named(one, answer.get("argument", ""), corpus, found)
    return replace(one, said=mask(said), context=(*one.context, *more))


def _named(
    one: Case, words: str, corpus: Corpus, found: Surroundings
) -> Iterator[tuple[str, Block]]:
    """Yield the definitions that some words name, as far as the case does not show them whole."""
    file = corpus.file(one.finding.span.path)
    code = "\n".join(row.text for row in one.shown.rows)
    names = [
        said[0].rstrip(".").rpartition(".")[2]
        for said in _NAME.finditer(words)
        if _is_name(said, code)
    ]
    seen = {row for _, part in (("", one.shown), *one.context) for row in _places(part)}
    defined = found.named(file, names) if file else ()
    shown = [*_files(words, found.texts), *((part.why, part.block) for part in defined)]
    for why, part in shown:
        if not seen.issuperset(_places(part)):
            yield why, part


def _is_name(said: re.Match[str], code: str) -> bool:
    """Say whether a word names something: "now" and "fetch" are English unless they are called."""
    word, behind = said[0].rstrip("."), said.string[said.end() : said.end() + 1]
    return (
        not word.isalpha()
        or not word.islower()
        or behind in {"(", "`"}
        or re.search(rf"\b{re.escape(word)}\s*\(", code) is not None
    )


def _files(words: str, texts: Mapping[str, str]) -> Iterator[tuple[str, Block]]:
    """Yield what stands at the places in files that some words name."""
    said = sorted(dict.fromkeys(_FILE.findall(words)), key=lambda place: not place[1])
    places: dict[str, str] = {}
    for name, line in said:
        ends = [
            path for path in texts if f"/{path}".endswith(f"/{name.strip('()[].').lstrip('./')}")
        ]
        if len(ends) == 1:
            places.setdefault(ends[0], line)
    for path, line in list(places.items())[:_FILES]:
        last = len(split_lines(texts[path]))
        asked = Span(path, int(line), int(line)) if line and int(line) <= last else None
        span = _widened(asked, last) if asked else Span(path, 1, max(1, min(last, _FILE_LINES)))
        yield "a file that was named", excerpt(path, texts[path], span)


def _places(part: Block) -> Iterator[tuple[str, int]]:
    return ((part.path, row.line) for row in part.rows if row.line)


def case(finding: Finding, rule: Rule, corpus: Corpus, found: Surroundings) -> Case:
    """Gather the code around a candidate, the head of its file, and what belongs beside it."""
    file = corpus.file(finding.span.path)
    if file is None:
        text = judged_text(corpus, finding.span.path) or ""
        around = _widened(finding.span, len(split_lines(text)))
        shown = excerpt(finding.span.path, text, around)
        return Case(finding, rule, shown, tuple(_way(finding, shown, found)))
    lines = masked_lines(file)
    part = next(
        (one for one in shown_parts(file) if _holds(one, finding.span)),
        MapCall(file, _widened(finding.span, len(lines)), (), (), ()),
    )
    shown = block(file, lines, part.shown, masked_removed(part.removed), part.left_out)
    head = imports_head(file, lines, part.shown.start)
    context = [("head of the file", block(file, lines, head))] if head else []
    judged = (finding.span, *part.judged)
    beside = found.around(file, part.parts[-1], judged, gone=part.removed)
    context.extend(_way(finding, shown, found))
    made = Case(finding, rule, shown, (*context, *((one.why, one.block) for one in beside)))
    more = _named(made, finding.explanation, corpus, found)
    return replace(made, context=(*made.context, *more))


def _way(finding: Finding, shown: Block, found: Surroundings) -> Iterator[tuple[str, Block]]:
    """Yield the steps of the claim's flow that the block does not show."""
    steps = [
        (number, step)
        for number, step in enumerate(finding.flow, 1)
        if step.path in found.texts and not (step.path == shown.path and shown.row(step.start))
    ]
    for number, step in steps[-_WAY_STEPS:]:
        text = found.texts[step.path]
        around = _widened(step, len(split_lines(text)))
        yield f"step {number} of the value's way", excerpt(step.path, text, around)


def request(one: Case, model: str) -> ModelRequest:
    """Compose the second call."""
    rule, finding = one.rule, one.finding
    told = "" if finding.engine == "taint" else finding.explanation  # its lines: shown as context
    claim = told or f"A detector says: this breaks the rule. {rule.title}."
    row, evidence = _evidence(one)
    claim = one.shown.in_rows(mask(claim)) + f"\nThe evidence, row {row}:\n{evidence}"
    context = "".join(
        f"\n# Context, {why}: {printable(part.path)}\n\n{part.render()}\n"
        for why, part in one.context
    )
    said = ""
    if one.said:
        said = f"\n# What the second reader said\n\nYou are the third.\n{fence(one.said)}\n"
    text = prompt(
        "refute_request",
        said=said,
        rule=rule.id,
        title=rule.title,
        message=rule.message,
        question=rule.ask.question.strip() if rule.ask else "",
        why=rule.help.why.strip(),
        claim=claim,
        path=printable(finding.span.path),
        block=one.shown.render(),
        context=context,
    )
    return ModelRequest(
        model=model,
        system=prompt("refute"),
        messages=(Message("user", text),),
        max_tokens=MAP_TOKENS,
        schema=_SCHEMA,
        about=f"verify {rule.id} {finding.span.path}:{finding.span.start}",
    )


def _evidence(one: Case) -> tuple[int, str]:
    """Return row and quote as the block shows them, masked as part of its file; never the raw one.

    A quote of removed lines stands in their rows, not in the line it is anchored on.
    """
    span, quote = one.finding.span, one.finding.quote
    rows = [row.text for row in one.shown.rows if row.line and span.start <= row.line <= span.end]
    shown = "\n".join(rows)
    gone = one.shown.removed_row(span.start, quote) if quote not in shown else 0
    if gone:
        return gone, quote
    return one.shown.row(span.start), shown or mask(quote)


def judged(
    one: Case,
    reply: ModelReply | ProviderError | BudgetExceeded,
    corpus: Corpus,
    flagged: Callable[[Block], bool] = lambda _block: False,
) -> Finding:
    """Return the candidate with its verification: the host decides what a refutation is worth."""
    answer = _parse(reply.text) if isinstance(reply, ModelReply) else None
    if answer is None:
        return replace(one.finding, verification=Verification.FAILED)
    if answer["verdict"] == "confirmed":
        return _with(one.finding, Verification.CONFIRMED, Confidence.HIGH)
    saw = any(flagged(part) for part in (one.shown, *(part for _, part in one.context)))
    if answer["verdict"] == "refuted" and not saw and _counts(answer, one, corpus):
        argued = f"{answer['reason']}: {one.shown.in_lines(answer['argument'])}"[:1000]
        refuted = _with(one.finding, Verification.REFUTED, Confidence.LOW)
        return replace(refuted, explanation=argued)
    return _with(one.finding, Verification.UNCLEAR, Confidence.LOW)


def _with(finding: Finding, verification: Verification, confidence: Confidence) -> Finding:
    return replace(finding, verification=verification, confidence=confidence)


def _counts(answer: Mapping[str, Any], one: Case, corpus: Corpus) -> bool:
    """Say whether a refutation has its reason and its proof, and was not talked into."""
    if answer["addressed_to_reviewer"] or answer["reason"] not in REASONS:
        return False
    path = answer["path"] or one.finding.span.path
    text = judged_text(corpus, path)
    if text is None:
        return False
    line = _line(answer["row"], path, one)
    place = ground(text, line, answer["quote"])
    return isinstance(place, Place) and is_code(text, language_of(path), place, answer["quote"])


def is_code(text: str, language: str, place: Place, quote: str = "") -> bool:
    """Say whether the place holds code: something that is neither comment nor string.

    Of a line only what the quote says of it counts: a comment behind code is a comment.
    """
    if syntax.grammar(language) is None:
        return False
    covered = list(syntax.parse(text, language).prose())
    lines = split_lines(text)
    said = quote.strip() if place.start == place.end else ""
    rows = [(number, lines[number - 1]) for number in range(place.start, place.end + 1)]
    return any(
        re.search(r"\w", _outside(line, number, covered)[_part(line, said)])
        for number, line in rows
    )


def _part(line: str, said: str) -> slice:
    """Return where in the line the words stand; all of it if they are not there."""
    start = line.find(said) if said else -1
    return slice(start, start + len(said)) if start >= 0 else slice(None)


def _outside(line: str, number: int, covered: Sequence[tuple[int, int, int, int]]) -> str:
    """Return the line with its comments and strings blanked out."""
    kept = list(line)
    for first, start, last, end in covered:
        if first <= number <= last:
            left = start - 1 if number == first else 0
            right = end - 1 if number == last else len(kept)
            kept[left:right] = " " * (min(right, len(kept)) - left)
    return "".join(kept)


def _line(row: int, path: str, one: Case) -> int:
    blocks = [part for part in (one.shown, *(part for _, part in one.context)) if part.path == path]
    return next((line for part in blocks if (line := part.line(row))), row)


def _holds(part: MapCall, span: Span) -> bool:
    return any(one.start <= span.start and span.end <= one.end for one in part.parts)


def _widened(span: Span, last: int) -> Span:
    return Span(span.path, max(1, span.start - _AROUND), max(1, min(last, span.end + _AROUND)))


def _parse(text: str) -> dict[str, Any] | None:
    """Return the answer if it has exactly the promised shape, else None."""
    try:
        answer = strict_json(text)
    except ValueError:
        return None
    if not isinstance(answer, dict) or set(answer) != set(_SCHEMA["required"]):
        return None
    kinds = {"row": int, "addressed_to_reviewer": bool}
    sound = all(type(answer[key]) is kinds.get(key, str) for key in answer)
    known = answer["verdict"] in {"confirmed", "refuted", "unclear"}
    return answer if sound and known else None
