"""Run the rules' own examples through the real engines.

A detector must find each bad example and no good one. For a question that only a model answers,
the examples prove the plan: each bad one comes before a model, and a near miss that the rule's
prefilter should stop does not. What a model would say is not tested here.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from rlm_gate import detectors, examples, languages, rewrites
from rlm_gate.core import (
    Corpus,
    Finding,
    Origin,
    Rewrite,
    Rule,
    Skip,
    Span,
    split_lines,
)
from rlm_gate.errors import EngineError, Problem
from rlm_gate.examples import Example
from rlm_gate.packs import LoadedPack
from rlm_gate.rulefile import RuleFile

_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test run came to: counts, and every failure at the place of its example."""

    rules: int
    examples: int
    failures: tuple[Problem, ...]


def run(packs: Sequence[LoadedPack], only: Collection[str] | None = None) -> Outcome:
    """Test every rule of the packs, or those of the ids in ``only``."""
    failures = (
        [] if only is not None else [stray for pack in packs for stray in examples.strays(pack)]
    )
    shown: list[Example] = []
    chosen = [
        (pack, file)
        for pack in packs
        for file in pack.files
        if file.rule and (only is None or file.rule.id in only)
    ]
    for pack, file in chosen:
        found = list(examples.of_rule(pack, file))
        failures.extend(one for one in found if isinstance(one, Problem))
        mine = [one for one in found if isinstance(one, Example)]
        failures.extend(_unproven(file, mine))
        failures.extend(_unproven_fixes(file, mine))
        shown.extend(mine)
    failures.extend(judge([*shown, *_fixed_examples(shown)]))
    return Outcome(len(chosen), len(shown), tuple(sorted(set(failures))))


def judge(shown: Iterable[Example]) -> Iterator[Problem]:
    """Yield every failure. An engine sees the examples of all rules at once: it starts but once."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        for batch in _batches(shown):
            beside = [one for example in batch for one in example.beside]
            corpus = examples.corpus_of([example.file for example in batch], beside)
            jobs = [(corpus, engine, rules) for engine, rules in _by_engine(batch).items()]
            answers = pool.map(_detect, *zip(*jobs, strict=True)) if jobs else ()
            found = _Answers(itertools.chain.from_iterable(answers))
            for example in batch:
                yield from _failures(example, found)
                if example.fixed is not None:
                    yield from _fix_failures(example, found.findings(example))


class _Answers:
    """What the engines said of one batch, by rule and path."""

    def __init__(self, items: Iterable[Finding | Skip]) -> None:
        self._findings: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        self._skips: list[Skip] = []
        for item in items:
            if isinstance(item, Skip):
                self._skips.append(item)
            else:
                self._findings[item.rule_id, item.span.path].append(item)

    def findings(self, example: Example) -> list[Finding]:
        """Return what was found in the judged lines of the example."""
        found = self._findings[example.rule.id, example.file.path]
        return [one for one in found if example.file.touched(one.span.start, one.span.end)]

    def skips(self, example: Example) -> list[Skip]:
        """Return why engines could not judge the example.

        An engine that is not installed, of a rule that others judge as well, is no reason.
        """
        return [
            skip
            for skip in self._skips
            if skip.path in {None, example.file.path}
            and (example.rule.id in skip.rule_ids or not (skip.rule_ids or _is_away(skip)))
        ]


def _is_away(skip: Skip) -> bool:
    return skip.path is None and skip.what in detectors.names()


def _detect(corpus: Corpus, engine: str, rules: Sequence[Rule]) -> list[Finding | Skip]:
    try:
        return list(detectors.load(engine).detect(corpus, rules))
    except EngineError as error:
        return [Skip(engine, str(error), rule_ids=tuple(rule.id for rule in rules))]


def _by_engine(batch: Iterable[Example]) -> dict[str, list[Rule]]:
    engines: dict[str, list[Rule]] = defaultdict(list)
    for rule in {example.rule.id: example.rule for example in batch}.values():
        for engine in sorted({entry.engine for entry in rule.detect}):
            engines[engine].append(rule)
    return engines


def _batches(shown: Iterable[Example]) -> list[list[Example]]:
    """Return as few batches as have every path but once; what is judged by its tree has its own."""
    batches: list[list[Example]] = []
    alone: list[list[Example]] = []
    uses: dict[str, int] = defaultdict(int)
    for example in shown:
        reads_tree = any(detectors.reads_tree(entry.engine) for entry in example.rule.detect)
        if example.beside or reads_tree:
            alone.append([example])
            continue
        number = uses[example.file.path]
        uses[example.file.path] += 1
        if number == len(batches):
            batches.append([])
        batches[number].append(example)
    return [*batches, *alone]


def _failures(example: Example, answers: _Answers) -> Iterator[Problem]:
    rule = example.rule
    reason = detectors.applies(rule, example.file)
    if example.stopped_by:
        yield from _wrongly_stopped(example, reason)
    elif example.bad and reason:
        yield example.fails(f"the rule does not look at this bad example: its {reason} stops it")
    elif not _is_read(rule, example.file.language):
        if example.bad and not rule.ask:
            yield example.fails(f"no engine of the rule reads {example.file.language}")
    elif skips := answers.skips(example):
        yield from (example.fails(f"could not be judged: {skip.why}") for skip in skips)
    elif example.lines is not None:
        yield from _wrong_lines(example, example.lines, answers.findings(example))
    else:
        yield from _wrong_findings(example, answers.findings(example))


def _wrongly_stopped(example: Example, reason: str) -> Iterator[Problem]:
    if reason != example.stopped_by:
        said = f"its {reason} stops it" if reason else "the rule looks at it"
        yield example.fails(f"'stopped_by: {example.stopped_by}' does not hold: {said}")


def _wrong_lines(
    example: Example, wanted: frozenset[int], findings: Sequence[Finding]
) -> Iterator[Problem]:
    found = {finding.span.start: finding.engine for finding in findings}
    for line in sorted(wanted - found.keys()):
        yield example.fails("nothing is found in this line, which follows 'ruleid:'", line)
    for line in sorted(found.keys() - wanted):
        yield example.fails(f"found by {found[line]}, but no 'ruleid:' stands above", line)


def _wrong_findings(example: Example, findings: Sequence[Finding]) -> Iterator[Problem]:
    if example.bad and not findings:
        engines = ", ".join(sorted({entry.engine for entry in example.rule.detect}))
        yield example.fails(f"this bad example is not found by {engines}")
    for finding in () if example.bad else findings:
        text = f"this good example is found by {finding.engine}, in its line {finding.span.start}"
        yield example.fails(text)


def _fix_failures(example: Example, findings: Sequence[Finding]) -> Iterator[Problem]:
    """Apply the fixes that lie apart, once, and compare with what the example promises."""
    named = rewrites.attach(findings, [example.rule], {example.file.path: example.file}.get)
    fixes = [one.fix for one in named if one.fix is not None]
    if not fixes:
        yield example.fails("'fixed' is promised, but nothing here has a fix")
        return
    lines = split_lines(example.file.text)
    above = len(lines) + 1
    for fix in sorted(set(fixes), key=lambda one: one.span, reverse=True):
        if fix.span.end < above:
            lines[fix.span.start - 1 : fix.span.end] = split_lines(fix.text)
            above = fix.span.start
    if lines != split_lines(example.fixed or ""):
        made = "\n".join(lines)
        yield example.fails(f"the fix makes something else of it:\n{made}")


def _unproven_fixes(file: RuleFile, shown: Sequence[Example]) -> Iterator[Problem]:
    """Every way to mend must be shown by an example that says what becomes of it."""
    for index, entry in enumerate(file.rule.fix if file.rule else ()):
        promised = [one for one in shown if one.fixed is not None]
        if not any(_may_fix(entry, one) for one in promised):
            text = (
                f"{file.rule.id if file.rule else ''}: no bad example has 'fixed' for it; add one"
            )
            yield file.document.problem(("fix", index), text)


def _may_fix(entry: Rewrite, example: Example) -> bool:
    """Say whether the entry makes of the whole example what it promises, or a part of it."""
    last = len(split_lines(example.file.text))
    whole = Finding(
        rule_id=example.rule.id,
        severity=example.rule.severity,
        confidence=example.rule.precision,
        message="",
        span=Span(example.file.path, 1, max(1, last)),
        quote="",
        origin=Origin.DETECTOR,
        engine=entry.engine,
    )
    fix = rewrites.fix_of(whole, entry, example.file)
    promised = split_lines(example.fixed or "")
    return fix is not None and all(line in promised for line in split_lines(fix.text))


def _fixed_examples(shown: Iterable[Example]) -> Iterator[Example]:
    """Yield what fixes are to leave as good examples of their own."""
    for one in shown:
        if one.fixed is not None:
            file = examples.whole_file(one.file.path, one.file.language, one.fixed)
            yield replace(one, file=file, bad=False, fixed=None)


def _is_read(rule: Rule, language: str) -> bool:
    """Say whether an engine of the rule reads that language."""
    for entry in rule.detect:
        readable = detectors.load(entry.engine).languages(entry.options)
        if readable is None or any(languages.covers(one, language) for one in readable):
            return True
    return False


def _unproven(file: RuleFile, shown: Sequence[Example]) -> Iterator[Problem]:
    """Where a prefilter is all that the examples of a question can prove, they must prove it."""
    rule = file.rule
    if rule is None or rule.detect or not rule.prefilter:
        return
    if not any(example.stopped_by == "prefilter" for example in shown):
        text = "no good example has 'stopped_by: prefilter'; show a near miss that it stops"
        yield file.document.problem(("prefilter",), f"{rule.id}: {text}")
