"""An upper bound of what an audit would send and cost, before the first call (design §7.1).

Counts bytes, which bound tokens for every tokenizer; the true figure is about a third of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from rlm_gate.config import Settings
from rlm_gate.core import Applies, Budget, Corpus, Estimate, Rule, SourceFile, split_lines
from rlm_gate.rlm import planner, prices
from rlm_gate.rlm.budget import bound_unpriced
from rlm_gate.rlm.planner import MAP_TOKENS, MapCall, imports_head
from rlm_gate.rlm.prompting import prompt, questions
from rlm_gate.rlm.surroundings import CONTEXT_BYTES

_ROW = 9
"""Number, mark, bar and line end around each row of a block."""
_FRAME = 1500
"""Headings, fences and the schema of the answer, without the rules' ids."""


Blocks = Callable[[SourceFile], Sequence[int]]
"""Tells the bytes of each block of a file that a model would be shown, its imports included."""


def blocks(file: SourceFile) -> list[int]:
    """Measure each block of the file. Of a whole file the text alone decides."""
    return [_block(part) for part in planner.shown_parts(file)]


def for_settings(
    settings: Settings,
    corpus: Corpus,
    chosen: Sequence[Rule],
    applies: Applies,
    measured: Blocks = blocks,
) -> Estimate:
    """Return what an audit by the settings' models and limits takes at most."""
    rules, models, known = to_ask(settings, chosen)
    return forecast(corpus, rules, applies, models, settings.budget, known, measured)


def to_ask(
    settings: Settings, chosen: Sequence[Rule]
) -> tuple[tuple[Rule, ...], tuple[str, str], prices.Prices]:
    """Return the rules with a question, the (root, sub) ids and the prices that settings mean."""
    models = settings.models
    known = prices.load(models.prices)
    ids = (known.resolve(models.root), known.resolve(models.sub))
    return tuple(rule for rule in chosen if rule.ask), ids, known


def forecast(
    corpus: Corpus,
    rules: Sequence[Rule],
    applies: Applies,
    models: tuple[str, str],
    limits: Budget,
    list_prices: prices.Prices,
    measured: Blocks = blocks,
) -> Estimate:
    """Return what an audit by these rules takes at most. ``models`` are the (root, sub) ids."""
    root, sub = models
    limits, _ = bound_unpriced(replace(limits, user_usd=False), models, list_prices)
    calls = [*_calls(corpus, rules, applies, measured)]
    beside = 0 if corpus.scope.whole else CONTEXT_BYTES
    sizes = [size + beside for size in _sizes(calls)]
    costs = [list_prices.worst_case(sub, size, MAP_TOKENS) for size in sizes]
    map_usd = prices.total(costs)
    turns = limits.max_turns if planner.over_corpus(rules, corpus, applies) else 0
    more = turns or any(rule.verify == "refute" for call in calls for rule in call.rules)
    return Estimate(
        calls=len(calls),
        input_tokens=sum(sizes),
        output_tokens=len(calls) * MAP_TOKENS,
        map_usd=map_usd,
        turns=turns,
        usd=limits.usd if more else _least(map_usd, limits.usd),
        root_model=root,
        sub_model=sub,
    )


def _least(cost: float | None, limit: float | None) -> float | None:
    return cost if cost is None or limit is None else min(cost, limit)


class _Call(NamedTuple):
    """A call of the map: its rules, and the bytes of its block with the name of the file."""

    rules: tuple[Rule, ...]
    size: int


def _calls(
    corpus: Corpus, rules: Sequence[Rule], applies: Applies, measured: Blocks
) -> Iterator[_Call]:
    """Yield what ``planner.plan`` does, less what no call can show."""
    for file, groups in planner.meetings(corpus, rules, applies):
        for size in measured(file):
            yield from (_Call(group, len(file.path) + size) for group in groups)


def _sizes(calls: Sequence[_Call]) -> Iterator[int]:
    """Yield the bytes of each call; what many calls have in common is counted once."""
    always = len(prompt("map").encode()) + _FRAME
    asked: dict[tuple[str, ...], int] = {}
    for call in calls:
        ids = tuple(rule.id for rule in call.rules)
        if ids not in asked:
            asked[ids] = len(questions(call.rules).encode()) + sum(len(one) + 4 for one in ids)
        yield always + asked[ids] + call.size


def _block(call: MapCall) -> int:
    lines = call.file.lines
    rows = [row for part in call.parts for row in lines[part.start - 1 : part.end]]
    head = imports_head(call.file, lines, call.shown.start)
    if head:
        rows += lines[: head.end]
    rows += [line for block in call.removed for line in split_lines(block.text)]
    return len("".join(rows).encode("utf-8", "replace")) + len(rows) * _ROW
