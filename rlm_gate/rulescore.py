"""Measure rules on annotated folders: precision and recall by ``ruleid:`` and ``ok:`` comments.

A line below ``ruleid: <rule>`` must be found by the rule; one below ``ok: <rule>`` must not. What
is found elsewhere in an annotated file counts against a rule that the file names. Lines below
``todoruleid:`` and ``todook:`` are left out.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rlm_gate import examples
from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile

Detect = Callable[[str, Corpus, Sequence[Rule]], Iterator[Finding | Skip]]
_MARK = re.compile(
    r"(?:#|//|--|/\*|<!--|;|%|\{#)\s*(todo)?(ruleid|ok):\s*([\w./-]+(?:\s*,\s*[\w./-]+)*)"
)


@dataclass(frozen=True, slots=True)
class Score:
    """How a rule did: lines rightly found, wrongly found, and missed. None: nothing to divide."""

    rule_id: str
    hits: int
    false: int
    missed: int

    @property
    def precision(self) -> float | None:
        """Return the share of its finds that are right."""
        return _share(self.hits, self.hits + self.false)

    @property
    def recall(self) -> float | None:
        """Return the share of the lines it should find that it found."""
        return _share(self.hits, self.hits + self.missed)


@dataclass(frozen=True, slots=True)
class Report:
    """The scores by rule, how many files spoke of them, the names no rule has, and what failed.

    ``unknown`` maps each name to the rules whose id ends with it. A name without its pack counts
    for none of them, as another tool's rule may be called like one of ours.
    """

    scores: tuple[Score, ...]
    files: int
    unknown: Mapping[str, tuple[str, ...]]
    skips: tuple[Skip, ...]


def measure(files: Iterable[SourceFile], rules: Sequence[Rule], detect: Detect) -> Report:
    """Judge the annotated files among these. Rules that no annotation names are left out."""
    names = {name: rule.id for rule in rules for name in (*rule.aliases, rule.id)}
    marks: dict[str, dict[tuple[str, int], str]] = {}
    unknown: set[str] = set()
    chosen: list[SourceFile] = []
    for file in files:
        found = dict(_marks(file))
        unknown |= {name for name, _ in found if name not in names}
        mine = {(names[name], line): kind for (name, line), kind in found.items() if name in names}
        if mine:
            chosen.append(file)
            marks[file.path] = mine
    spoken = {rule_id for mine in marks.values() for rule_id, _ in mine}
    finds, skips = _found(chosen, [rule for rule in rules if rule.id in spoken], detect)
    counts: dict[str, Counter[str]] = {rule_id: Counter() for rule_id in spoken}
    for file in chosen:
        said = {number for number, line in enumerate(file.lines, 1) if _MARK.search(line)}
        outside = {one for one in finds[file.path] if one[1] not in said}
        _count(marks[file.path], outside, counts)
    scores = tuple(
        Score(rule_id, one["hits"], one["false"], one["missed"])
        for rule_id, one in sorted(counts.items())
    )
    return Report(scores, len(chosen), _likely(unknown, rules), tuple(skips))


def _count(
    marks: Mapping[tuple[str, int], str],
    found: set[tuple[str, int]],
    counts: Mapping[str, Counter[str]],
) -> None:
    named = {rule_id for rule_id, _ in marks}
    for key, kind in marks.items():
        if kind == "ruleid":
            counts[key[0]]["hits" if key in found else "missed"] += 1
    for rule_id, line in found:
        if rule_id in named and marks.get((rule_id, line), "ok") == "ok":
            counts[rule_id]["false"] += 1


def _likely(unknown: Iterable[str], rules: Sequence[Rule]) -> dict[str, tuple[str, ...]]:
    """Map each name, sorted, to the rules it may mean."""
    return {
        name: tuple(sorted(rule.id for rule in rules if rule.id.endswith(f"/{name}")))
        for name in sorted(unknown)
    }


def _marks(file: SourceFile) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield ((name, line), kind) of the line below each annotation, or below several of them."""
    waiting: list[tuple[str, str]] = []
    for number, line in enumerate(file.lines, 1):
        mark = _MARK.search(line)
        if mark:
            kind = f"{mark[1] or ''}{mark[2]}"
            waiting += [(name, kind) for name in re.split(r"\s*,\s*", mark[3])]
        else:
            yield from (((name, number), kind) for name, kind in waiting)
            waiting = []


def _found(
    files: Sequence[SourceFile], rules: Sequence[Rule], detect: Detect
) -> tuple[dict[str, set[tuple[str, int]]], list[Skip]]:
    found: dict[str, set[tuple[str, int]]] = defaultdict(set)
    skips: list[Skip] = []
    corpus = examples.corpus_of(files)
    for engine in sorted({entry.engine for rule in rules for entry in rule.detect}):
        mine = [rule for rule in rules if any(one.engine == engine for one in rule.detect)]
        for item in detect(engine, corpus, mine):
            if isinstance(item, Skip):
                skips.append(item)
            else:
                found[item.span.path].add((item.rule_id, item.span.start))
    return found, skips


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
