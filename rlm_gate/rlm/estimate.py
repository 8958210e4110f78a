"""An upper bound of what an audit would send and cost, before the first call (design §7.1).

Counts bytes, which bound tokens for every tokenizer; the true figure is about a third of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rlm_gate.core import Budget, Corpus, Estimate, Rule, split_lines
from rlm_gate.rlm import planner, prices
from rlm_gate.rlm.ledger import Applies
from rlm_gate.rlm.planner import MAP_TOKENS, ROOT_TOKENS, MapCall, imports_head
from rlm_gate.rlm.prompting import prompt, questions

CELL_BYTES = 20_000
"""Most bytes of output one cell shows the root; see ``repl.Limits``."""
_ROW = 8
_FRAME = 200


def forecast(
    corpus: Corpus,
    rules: Sequence[Rule],
    applies: Applies,
    models: tuple[str, str],
    limits: Budget,
    list_prices: prices.Prices,
) -> Estimate:
    """Return calls, tokens and dollars at most. ``models`` are the (root, sub) ids.

    The run's own dollar limit bounds the dollars; None is a model without a known price.
    """
    root, sub = models
    sizes = [
        _size(call) for call in planner.plan(corpus, rules, applies) if isinstance(call, MapCall)
    ]
    turns = limits.max_turns if planner.over_corpus(rules, corpus, applies) else 0
    opening = len(prompt("audit").encode()) + 4_000
    grown = [opening + turn * (CELL_BYTES + 4 * ROOT_TOKENS) for turn in range(turns)]
    return Estimate(
        calls=len(sizes) + turns,
        input_tokens=sum(sizes) + sum(grown),
        output_tokens=len(sizes) * MAP_TOKENS + turns * ROOT_TOKENS,
        usd=_dollars(
            [
                *(list_prices.worst_case(sub, size, MAP_TOKENS) for size in sizes),
                *(list_prices.worst_case(root, size, ROOT_TOKENS) for size in grown),
            ],
            limits.usd,
        ),
        root_model=root,
        sub_model=sub,
    )


def _dollars(costs: Sequence[int | None], limit: float | None) -> float | None:
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    total = prices.usd(sum(known))
    return total if limit is None else min(total, limit)


def _size(call: MapCall) -> int:
    lines = call.file.lines
    shown = lines[call.shown.start - 1 : call.shown.end]
    head = imports_head(call.file, lines, call.shown.start)
    if head:
        shown = [*lines[: head.end], *shown]
    removed = [line for block in call.removed for line in split_lines(block.text)]
    text = sum(len(line.encode("utf-8", "replace")) + _ROW for line in (*shown, *removed))
    rules = len(questions(call.rules).encode())
    return text + rules + len(prompt("map").encode()) + len(call.file.path) + _FRAME
