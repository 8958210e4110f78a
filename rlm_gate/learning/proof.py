"""Put a proposed rule to the test: on its examples, in the files they are from, in the repository.

What fails is said so that a model can mend the rule: which example, which rows, which code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rlm_gate import engines, examples, ruletest
from rlm_gate.core import Corpus, Finding, Rule, SourceFile
from rlm_gate.learning.given import Shown, span
from rlm_gate.rlm.masking import mask
from rlm_gate.rulefile import RuleFile

_SAMPLE = 8
_QUOTE = 160
Found = Mapping[str, Sequence[Finding]]
"""Findings by path."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of it. ``problems`` empty: the rule holds.

    ``places`` are what it flags in the repository, by path and line; ``unjudged`` counts the files
    that the engine could not read.
    """

    problems: tuple[str, ...] = ()
    places: tuple[Finding, ...] = ()
    unjudged: int = 0


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a rule is tried: the repository, the most places to flag, the paths to keep back."""

    corpus: Corpus
    most: int
    hidden: frozenset[str] = frozenset()


def prove(rule: Rule, file: RuleFile, shown: Sequence[Shown], ground: Ground) -> Proof:
    """Try the rule; the repository only where all examples hold."""
    written = list(examples.written(file, rule))
    problems = [*_on_excerpts(rule, written, shown)] or [*_in_files(rule, shown)]
    if not problems:  # the last word is that of `rules test`
        problems = [problem.text for problem in ruletest.judge(written)]
    return Proof(tuple(problems)) if problems else _in_repository(rule, ground)


def _on_excerpts(
    rule: Rule, written: Sequence[examples.Example], shown: Sequence[Shown]
) -> Iterator[str]:
    found, broken = _run(rule, [example.file for example in written])
    yield from broken
    for name, example, one in zip(names(shown), written, shown, strict=True):
        here = found.get(example.file.path, ())
        if not one.bad:
            yield from (
                f"{name} is found, and must not be: row {finding.span.start}: {_quoted(finding)}"
                for finding in here[:2]
            )
        elif not here:
            yield f"{name} is not found"
        elif one.rows and not any(_touches(finding, one.rows) for finding in here):
            rows = ", ".join(str(finding.span.start) for finding in here[:5])
            yield f"{name}: found in row {rows}, but {_wanted(one.rows)} must be found"


def _in_files(rule: Rule, shown: Sequence[Shown]) -> Iterator[str]:
    files = {one.file.path: one.file for one in shown if one.file}
    found, _ = _run(rule, list(files.values()))
    for name, one in zip(names(shown), shown, strict=True):
        where = span(one)
        if where is None:
            continue
        hit = [
            finding
            for finding in found.get(where.path, ())
            if _touches(finding, (where.start, where.end))
        ]
        if one.bad and not hit:
            yield f"{name} is found alone but not within the file it is from"
        elif hit and not one.bad:
            yield f"{name} is found within the file it is from: {_quoted(hit[0])}"


def _in_repository(rule: Rule, ground: Ground) -> Proof:
    found, broken = _run(rule, ground.corpus.files)
    places = tuple(finding for path in sorted(found) for finding in found[path])
    problems = list(broken)
    if len(places) > ground.most:
        problems.append(
            f"all examples hold, but the rule flags {len(places)} places in {len(found)} of"
            f" {len(ground.corpus.files)} files of the repository, and {ground.most} are the most:"
            " it is too broad. Some of them:\n" + "\n".join(_sample(places, ground.hidden))
        )
    return Proof(tuple(problems), places, len(ground.corpus.skipped))


def _run(rule: Rule, files: Sequence[SourceFile]) -> tuple[Found, list[str]]:
    """Return what the rule finds, in the order of the text, and which engines broke on it."""
    found: dict[str, list[Finding]] = defaultdict(list)
    broken: list[str] = []
    corpus = examples.corpus_of(files)
    for engine in sorted({entry.engine for entry in rule.detect}):
        for item in engines.behind_the_seam(engine, corpus, (rule,)):
            if isinstance(item, Finding):
                found[item.span.path].append(item)
            elif item.blocking:
                broken.append(f"the engine {engine} broke on this rule: {item.why}")
    ordered = {
        path: sorted(items, key=lambda one: (one.span.start, one.span.end))
        for path, items in found.items()
    }
    return ordered, broken


def names(shown: Sequence[Shown]) -> Iterator[str]:
    """Yield what each example is called when a model is told of it."""
    count = {True: 0, False: 0}
    for one in shown:
        count[one.bad] += 1
        yield f"{'bad' if one.bad else 'good'} example {count[one.bad]}"


def _touches(finding: Finding, rows: tuple[int, int]) -> bool:
    return finding.span.start <= rows[1] and rows[0] <= finding.span.end


def _wanted(rows: tuple[int, int]) -> str:
    return f"row {rows[0]}" if rows[0] == rows[1] else f"one of the rows {rows[0]}-{rows[1]}"


def _sample(places: Sequence[Finding], hidden: frozenset[str]) -> Iterator[str]:
    """Yield some places spread over all of them, without what no model may see."""
    sendable = [one for one in places if one.span.path not in hidden]
    step = max(1, len(sendable) // _SAMPLE)
    for finding in sendable[::step][:_SAMPLE]:
        yield f"- {_quoted(finding)}"


def _quoted(finding: Finding) -> str:
    line = mask(finding.quote).split("\n", 1)[0].strip()
    return line if len(line) <= _QUOTE else f"{line[:_QUOTE]}..."
