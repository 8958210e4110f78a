"""Keep the books of who examined which line for which rule (design §7.5).

Only what the host itself sent or ran earns coverage; a prompt the root wrote earns none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import compress
from operator import not_

from rlm_gate.core import (
    Applies,
    Corpus,
    Coverage,
    FileCoverage,
    Gap,
    LanguageCoverage,
    Rule,
    RuleCoverage,
    Skip,
    SourceFile,
    Span,
    merge_spans,
)
from rlm_gate.core.records import dataclass
from rlm_gate.sieve import Answers, Sieve


@dataclass(frozen=True, slots=True)
class Judges:
    """Who is to judge each rule in this run, decided before it starts.

    ``engines`` names a rule's detectors that can read a file, by its language alone; ``chunk`` and
    ``corpus`` are the rules put to models over the map and over the root loop; ``playbook`` the
    rules our own cells serve.
    """

    engines: Callable[[Rule, SourceFile], tuple[str, ...]]
    chunk: frozenset[str] = frozenset()
    corpus: frozenset[str] = frozenset()
    playbook: frozenset[str] = frozenset()
    unasked: str = "not sent"


@dataclass(slots=True)
class Ledger:
    """Collects the evidence of one run; ``coverage`` closes it."""

    corpus: Corpus
    rules: Sequence[Rule]
    applies: Applies
    judges: Judges
    _answered: dict[tuple[str, str], list[Span]] = field(default_factory=lambda: defaultdict(list))
    _reasons: dict[tuple[str, str], list[tuple[Span, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _failed: dict[tuple[str, str | None], str] = field(default_factory=dict)
    _loops: dict[str, str] = field(default_factory=dict)
    _excused: set[str] = field(default_factory=set)
    _idle: set[str] = field(default_factory=set)
    _cut: set[str] = field(default_factory=set)

    def answered(self, rule_ids: Iterable[str], span: Span) -> None:
        """Record that a host-composed call judged these lines, with a schema-valid answer."""
        for rule_id in rule_ids:
            self._answered[rule_id, span.path].append(span)

    def missing(self, rule_ids: Iterable[str], span: Span, reason: str) -> None:
        """Record why a call judged nothing. It outweighs the answers of others for these lines."""
        for rule_id in rule_ids:
            self._reasons[rule_id, span.path].append((span, reason))

    def failed(self, skip: Skip) -> None:
        """Record what a detector could not judge; one that is named without a file did nothing."""
        if skip.path is None:
            self._idle.add(skip.what)
        for rule_id in skip.rule_ids:
            self._failed[rule_id, skip.path] = skip.why

    def loop(self, rule_ids: Iterable[str], reason: str) -> None:
        """Record how the root loop (or a playbook) ended for these rules: "" is by ``done()``."""
        for rule_id in rule_ids:
            self._loops[rule_id] = reason

    def cut_short(self, engines: Mapping[str, Sequence[Rule]], why: str, fits: Applies) -> None:
        """Record that the run ended before these engines did: what they judged is not known.

        For their rules ``fits`` says what they apply to, and reads no text for that; what is
        missing is counted by rule and by file, for all of it listed would be the whole plan.
        """
        for name, rules in engines.items():
            self.failed(Skip(name, why, rule_ids=tuple(rule.id for rule in rules)))
        for rule_id in (self.judges.playbook | self.judges.corpus) - self._loops.keys():
            self._loops[rule_id] = why
        cut, applies = {rule.id for rules in engines.values() for rule in rules}, self.applies
        self.applies = lambda rule, file: (fits if rule.id in cut else applies)(rule, file)
        self._cut |= cut

    def excuse(self, rule_ids: Iterable[str]) -> None:
        """Let what is missing of these rules be said, but not required (design §8)."""
        self._excused.update(rule_ids)

    def coverage(self, required: Callable[[Rule, str], bool]) -> Coverage:
        """Close the books: one row per rule, every gap by line, what the engines finished."""
        gaps: list[Gap] = []
        engines: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        by_file: list[FileCoverage] = []
        counts = {rule.id: _Counts(rule.id) for rule in self.rules}
        troubled = {path for _, path in self._failed}
        for answers, files in Sieve(self.rules, self.applies).groups(self.corpus.files):
            group = self._group(answers, files[0], counts)
            for file in files:
                one, missed = self._booked(file, group, alone=file.path in troubled)
                by_file.append(one)
                gaps.extend(missed)
                for name in one.engines:
                    engines[name][0] += 1
                    engines[name][1] += one.lines
            group.close(counts)
        lines = sum(one.lines for one in by_file)
        by_id = {rule.id: rule for rule in self.rules}
        languages = self._languages({one.path: one.lines for one in by_file}, counts.values())
        bare = [row for row in languages if not row.own_rules]
        return Coverage(
            files=len(self.corpus.files),
            lines=lines,
            rules=tuple(counts[rule_id].row(lines) for rule_id in sorted(counts)),
            gaps=tuple(
                replace(gap, required=self._required(gap, by_id, required))
                for gap in sorted(gaps, key=lambda gap: (gap.span, gap.rule_id, gap.reason))
            ),
            engines={name: (many, read) for name, (many, read) in sorted(engines.items())},
            without_rules={
                row.language: row.files for row in sorted(bare, key=lambda row: row.language)
            },
            by_file=tuple(sorted(by_file, key=lambda one: one.path)),
            languages=languages,
        )

    def _speaker(self, rule: Rule, sample: SourceFile, counts: _Counts) -> _Speaker:
        by_model = rule.id in self.judges.chunk or rule.id in self.judges.corpus
        by_playbook = rule.id in self.judges.playbook
        return _Speaker(rule, counts, self.judges.engines(rule, sample), by_model, by_playbook)

    def _group(self, answers: Answers, sample: SourceFile, counts: Mapping[str, _Counts]) -> _Group:
        """Return what holds of every file that gets these answers."""
        pairs = tuple(self._speaker(rule, sample, counts[rule.id]) for rule in answers.fitting)
        read = (*answers.fitting, *answers.prefiltered)
        for rule in read:
            if self.judges.engines(rule, sample):
                counts[rule.id].read_in.add(sample.language)
        alike = [self._is_settled(pair) for pair in pairs]
        settled = tuple(compress(pairs, alike))
        return _Group(
            answers=answers,
            pairs=pairs,
            settled=settled,
            others=tuple(compress(pairs, map(not_, alike))),
            finished=frozenset(name for pair in settled for name in pair.judged_by),
            cut=any(pair.rule.id in self._cut for pair in pairs),
            looped=any(self._is_looped(rule) for rule in answers.fitting),
        )

    def _is_settled(self, pair: _Speaker) -> bool:
        """Say whether a pair came to the same in all files, but for those an engine failed on."""
        if pair.by_model or not pair.judged_by:
            return not pair.by_model
        if not pair.engines:
            return not self._loops.get(pair.rule.id, self.judges.unasked)
        return (pair.rule.id, None) not in self._failed

    def _is_looped(self, rule: Rule) -> bool:
        """Say whether the root loop judged under the rule."""
        return rule.id in self.judges.corpus and self._loops.get(rule.id) == ""

    def _booked(
        self, file: SourceFile, group: _Group, *, alone: bool
    ) -> tuple[FileCoverage, list[Gap]]:
        """Book one file; ``alone`` if it may have fared otherwise than its group."""
        lines = _length(file.in_scope)
        group.lines += lines
        group.alike += 0 if alone else lines
        finished = set() if alone else set(group.finished)
        pairs = group.pairs if alone else group.others
        gaps = [gap for pair in pairs for gap in self._gaps(pair, file, lines, finished)]
        lost = lines if group.cut else _length(merge_spans(gap.span for gap in gaps))
        engines = tuple(sorted(finished - self._idle))
        return self._of_file(file, lines, engines, lost, looped=group.looped), gaps

    def _of_file(
        self, file: SourceFile, total: int, engines: tuple[str, ...], missing: int, *, looped: bool
    ) -> FileCoverage:
        """Sum up one file: who finished on it, what a model judged, what some rule missed."""
        if looped:
            seen = total
        elif self.judges.chunk:
            answered = (
                span
                for rule in self.rules
                if rule.id in self.judges.chunk
                for span in self._answered.get((rule.id, file.path), ())
            )
            seen = total - _length(subtract(file.in_scope, answered))
        else:
            seen = 0
        return FileCoverage(file.path, total, engines, seen, missing)

    def _required(
        self, gap: Gap, rules: Mapping[str, Rule], required: Callable[[Rule, str], bool]
    ) -> bool:
        excused = gap.rule_id in self._excused
        return not excused and required(rules[gap.rule_id], gap.span.path)

    def _gaps(
        self, pair: _Speaker, file: SourceFile, total: int, finished: set[str]
    ) -> Iterator[Gap]:
        """Count what was judged of a file that the rule applies to; yield what nobody judged."""
        rule, counts = pair.rule, pair.counts
        if pair.by_model:
            yield from self._by_model(rule, file, counts)
            return
        if not pair.judged_by:
            counts.not_applicable += total
            return
        reason = self._detector_gap(rule, file, by_playbook=not pair.engines)
        if reason:
            counts.missing += total
            if rule.id not in self._cut:
                yield from (Gap(rule.id, span, reason) for span in file.in_scope)
            return
        counts.detector += total
        finished.update(pair.judged_by)

    def _detector_gap(self, rule: Rule, file: SourceFile, *, by_playbook: bool) -> str:
        if by_playbook:
            return self._loops.get(rule.id, self.judges.unasked)
        for key in ((rule.id, file.path), (rule.id, None)):
            if key in self._failed:
                return self._failed[key]
        return ""

    def _by_model(self, rule: Rule, file: SourceFile, counts: _Counts) -> Iterator[Gap]:
        total = _length(file.in_scope)
        if rule.id in self.judges.corpus:
            reason = self._loops.get(rule.id, self.judges.unasked)
            judged = total if not reason else 0
            spans = () if judged else file.in_scope
        else:
            answered = self._answered.get((rule.id, file.path), [])
            lost = [span for span, _ in self._reasons.get((rule.id, file.path), [])]
            spans = tuple(subtract(file.in_scope, subtract(tuple(merge_spans(answered)), lost)))
            judged = total - _length(spans)
            reason = ""
        counts.model += judged
        counts.missing += total - judged
        for span in spans:
            yield Gap(rule.id, span, reason or self._reason(rule.id, span))

    def _reason(self, rule_id: str, span: Span) -> str:
        reasons = self._reasons.get((rule_id, span.path), [])
        fitting = {reason for place, reason in reasons if place.overlaps(span)}
        return ", ".join(sorted(fitting)) or self.judges.unasked

    def _languages(
        self, lines: Mapping[str, int], counts: Iterable[_Counts]
    ) -> tuple[LanguageCoverage, ...]:
        """Count for each language its files, their lines and the rules that read it, by pack."""
        general = {rule.id for rule in self.rules if rule.languages == ("any",)}
        packs: dict[str, Counter[str]] = defaultdict(Counter)
        for rule in counts:
            for language in rule.read_in if rule.rule_id not in general else ():
                packs[language][rule.rule_id.partition("/")[0]] += 1
        sizes: dict[str, list[int]] = defaultdict(list)
        for file in self.corpus.files:
            sizes[file.language].append(lines[file.path])
        rows = (
            LanguageCoverage(name, len(many), sum(many), dict(sorted(packs[name].items())))
            for name, many in sizes.items()
        )
        return tuple(sorted(rows, key=lambda row: (-row.lines, row.language)))


@dataclass(slots=True)
class _Counts:
    rule_id: str
    not_applicable: int = 0
    prefiltered: int = 0
    detector: int = 0
    model: int = 0
    missing: int = 0
    read_in: set[str] = field(default_factory=set)

    def row(self, in_scope: int) -> RuleCoverage:
        return RuleCoverage(
            self.rule_id,
            in_scope,
            self.not_applicable,
            self.prefiltered,
            self.detector,
            self.model,
            self.missing,
        )


@dataclass(frozen=True, slots=True)
class _Speaker:
    """A rule that speaks of a language, and who judges its files, which may be nobody."""

    rule: Rule
    counts: _Counts
    engines: tuple[str, ...]
    by_model: bool
    by_playbook: bool

    @property
    def judged_by(self) -> tuple[str, ...]:
        """Return who judges its files where no model does."""
        return self.engines or (("playbook",) if self.by_playbook else ())


@dataclass(slots=True)
class _Group:
    """Files of one language of which all rules say the same.

    ``settled`` pairs came to the same in all of them, and are counted together in ``close``: by the
    ``alike`` lines, those of files that were not looked at alone.
    """

    answers: Answers
    pairs: tuple[_Speaker, ...]
    settled: tuple[_Speaker, ...]
    others: tuple[_Speaker, ...]
    finished: frozenset[str]
    cut: bool
    looped: bool
    lines: int = 0
    alike: int = 0

    def close(self, counts: Mapping[str, _Counts]) -> None:
        """Count the lines of all its files."""
        for pair in self.settled:
            if pair.judged_by:
                pair.counts.detector += self.alike
            else:
                pair.counts.not_applicable += self.alike
        for rule in self.answers.prefiltered:
            counts[rule.id].prefiltered += self.lines
        for rule in (*self.answers.prefiltered, *self.answers.away):
            counts[rule.id].not_applicable += self.lines


def _length(spans: Iterable[Span]) -> int:
    return sum(len(span) for span in spans)


def subtract(spans: Sequence[Span], answered: Iterable[Span]) -> Iterator[Span]:
    """Yield the parts of ``spans`` (one file, sorted) that no answered span covers."""
    covered = list(merge_spans(answered))
    for span in spans:
        start = span.start
        for other in covered:
            if other.end < start or other.start > span.end:
                continue
            if other.start > start:
                yield Span(span.path, start, other.start - 1)
            start = max(start, other.end + 1)
        if start <= span.end:
            yield Span(span.path, start, span.end)
