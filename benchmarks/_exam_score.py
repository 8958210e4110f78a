"""Score an exam: what was caught, what good change was stopped, what was made up, what it cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _exam_look
from _exam_items import BASE, HEAD, Item, text_at

from rlm_gate.providers import TokenUsage
from rlm_gate.rlm import prices

NEAR = 8
"""Lines between a finding and a listed line, at most."""
_SECRET = re.compile("\u2039[^\u203a]+\u203a")
"""How reports write what they mask: a word between single angle quotation marks."""
_CWE = re.compile(r"cwe-0*(\d+)$")
Families = Callable[[Iterable[int]], set[str]]


@dataclass(frozen=True)
class Said:
    """A finding as both sides tell it: its places, the CWEs it names, and whether it blocks."""

    what: str
    places: tuple[tuple[str, int, int], ...]
    cwes: tuple[int, ...]
    quote: str
    blocks: bool


@dataclass
class Answer:
    """What came of one item. ``usd`` is None where a price is unknown."""

    item: Item
    found: list[Said] = field(default_factory=list)
    blocked: bool = False
    requests: int = 0
    tokens: tuple[int, int] = (0, 0)
    usd: float | None = 0.0
    status: str = ""


def of_audit(item: Item, report: dict[str, Any]) -> Answer:
    """Read the gate's report."""
    rules = {rule["id"]: tuple(_numbers(rule.get("tags", ()))) for rule in report["rules"]}
    found = [
        Said(
            one["rule"],
            tuple((part["path"], part["start_line"], part["end_line"]) for part in _parts(one)),
            rules.get(one["rule"], ()),
            one["quote"],
            one["blocking"],
        )
        for one in report["findings"]
    ]
    used = report["usage"]
    return Answer(
        item,
        found,
        blocked=any(one.blocks for one in found),
        requests=used["calls"] + used["turns"],
        tokens=(used["input_tokens"], used["output_tokens"]),
        usd=used["usd"],
        status=report["status"],
    )


def of_look(item: Item, told: dict[str, Any]) -> Answer:
    """Read the answer to the plain look; one that has not the asked form found nothing."""
    said = _exam_look.findings(told["text"])
    found = [
        Said(
            f"cwe-{one['cwes'][0]}",
            ((one["path"], one["line"], one["line"]),),
            tuple(one["cwes"]),
            one["quote"],
            one["severity"] in {"critical", "high"},
        )
        for one in said or ()
    ]
    used = TokenUsage(
        input_tokens=told["usage"]["input_tokens"], output_tokens=told["usage"]["output_tokens"]
    )
    cost = prices.load().cost(told["model"], used)
    return Answer(
        item,
        found,
        blocked=any(one.blocks for one in found),
        requests=1,
        tokens=(used.input_tokens, used.output_tokens),
        usd=None if cost is None else prices.usd(cost),
        status="malformed" if said is None else "answered",
    )


def caught(answer: Answer, families: Families) -> int:
    """Count the listed rows that a finding meets: near one of its lines, in its CWE family.

    A change has one row, whatever its lines; of a tree every row counts.
    """
    rows = answer.item.flawed
    met = sum(any(_meets(one, row, families) for one in answer.found) for row in rows)
    return min(met, 1) if answer.item.base else met


def invented(answer: Answer, repo: Path) -> Iterator[Said]:
    """Yield the findings whose quote stands neither in the file after the change nor before it."""
    for one in answer.found:
        if _SECRET.search(one.quote) or not one.quote.strip():
            continue  # a masked secret is in no file, and a finding on a whole file quotes nothing
        path = one.places[0][0]
        sides = (HEAD, BASE) if answer.item.base else (HEAD,)
        quote = _plain(one.quote)
        if not any(quote in _plain(text_at(repo, side, path)) for side in sides):
            yield one


def table(
    answers: Sequence[Answer], repos: dict[str, Path], families: Families, *, every: bool
) -> str:
    """Return what a list came to, and with ``every`` a row for each item."""
    rows = [_row(answer, repos, families) for answer in answers] if every else []
    bad = [one for one in answers if not one.item.good]
    good = [one for one in answers if one.item.good]
    total = sum(1 if one.item.base else len(one.item.flawed) for one in bad)
    hits = sum(caught(one, families) for one in bad)
    stopped = sum(one.blocked for one in good)
    noisy = sum(bool(one.found) for one in good)
    fake = sum(len(list(invented(one, repos[one.item.name]))) for one in answers)
    asked = sum(one.requests for one in answers)
    read, written = (sum(one.tokens[side] for one in answers) for side in (0, 1))
    costs = [one.usd for one in answers if one.usd is not None]
    shaky = sum(one.status in {"INCONCLUSIVE", "malformed"} for one in answers)
    head = "| item | repository | caught | blocks | findings |\n|---|---|---|---|---|\n"
    return (
        (head if rows else "")
        + "".join(rows)
        + (
            f"SCORE caught {hits} of {total} ({hits / max(1, total):.3f}) | good {len(good)}, "
            f"with findings {noisy}, blocked {stopped} ({stopped / max(1, len(good)):.3f}) | "
            f"invented {fake} | inconclusive {shaky} | requests {asked}, tokens {read:,} in "
            f"{written:,} out, ${sum(costs):.2f}"
        )
    )


def _row(answer: Answer, repos: dict[str, Path], families: Families) -> str:
    item = answer.item
    fake = {one.what for one in invented(answer, repos[item.name])}
    told = ", ".join(
        f"{one.what} {one.places[0][0]}:{one.places[0][1]}"
        + ("!" if one.blocks else "")
        + (" INVENTED" if one.what in fake else "")
        for one in answer.found
    )
    hit = "good" if item.good else str(caught(answer, families))
    return f"| {item.name} | {item.repo} | {hit} | {answer.status} | {told} |\n"


def _meets(one: Said, row: tuple[str, int, int, tuple[int, ...]], families: Families) -> bool:
    path, first, last, cwes = row
    near = any(
        place == path and start - NEAR <= last and first <= end + NEAR
        for place, start, end in one.places
    )
    return near and bool(families(one.cwes) & families(cwes))


def _parts(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield one
    yield from one["flow"]
    yield from one["also"]


def _numbers(tags: Iterable[str]) -> Iterator[int]:
    for tag in tags:
        found = _CWE.search(tag)
        if found:
            yield int(found[1])


def _plain(text: str) -> str:
    return " ".join(text.split())


def read_json(path: Path) -> dict[str, Any]:
    """Return a file's JSON object."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
