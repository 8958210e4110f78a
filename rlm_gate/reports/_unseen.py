"""What nobody judged: lines that some rules should have read, and files that were left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from rlm_gate.core import Skip, Span, Verdict, merge_spans
from rlm_gate.core.records import dataclass
from rlm_gate.phrases import counted, listed
from rlm_gate.reports._plain import one_line, shown_path

_NAMES = 8
_KINDS = 5
_ALIKE = 3  # files that an engine could not read for one reason, from which on they are one line


@dataclass(frozen=True, slots=True)
class Missing:
    """Lines of one file that some rules should have judged and nobody did."""

    path: str
    spans: tuple[Span, ...]
    rule_ids: tuple[str, ...]
    reason: str
    required: bool

    @property
    def place(self) -> str:
        """The path with its line ranges: ``src/a.py:1-20,31``."""
        ranges = [_range(span) for span in self.spans]
        return f"{shown_path(self.path)}:{listed(ranges, _NAMES)}"

    @property
    def sentence(self) -> str:
        """One line that says what is missing, under which rules and why."""
        rules = one_line(listed(list(self.rule_ids), _NAMES))
        weight = "required" if self.required else "not required"
        return f"{self.place}: {rules}: {one_line(self.reason, 200)} ({weight})"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Everything that was left out for one reason."""

    why: str
    blocking: bool
    skips: tuple[Skip, ...]

    def sentence(self, limit: int) -> str:
        """One line: why, how many, whether a pass is still possible, and which."""
        weight = " [makes it inconclusive]" if self.blocking else ""
        names = [skip_name(skip) for skip in self.skips]
        shown = listed(names, limit or len(names))
        return f"{one_line(self.why, 200)} ({len(names):,}){weight}: {shown}"


@dataclass(frozen=True, slots=True)
class Unread:
    """Files that one engine could not read for the same reason, under whichever rules."""

    reason: str
    entries: tuple[Missing, ...]

    @property
    def paths(self) -> list[str]:
        """The files, sorted."""
        return sorted({one.path for one in self.entries})

    def sentence(self, limit: int) -> str:
        """One line: why, how many files and rules, whether they are required, and which."""
        rules = counted(len({rule for one in self.entries for rule in one.rule_ids}), "rule")
        required = len({one.path for one in self.entries if one.required})
        weight = f"{required:,} required" if required else "not required"
        names = [shown_path(path) for path in self.paths]
        size = f"{counted(len(names), 'file')}, {weight}; {rules}"
        return f"{one_line(self.reason, 200)} ({size}): {listed(names, limit or len(names))}"


def missing(verdict: Verdict) -> list[Missing]:
    """Merge the gaps: one entry for each file, reason and set of rules; required ones first."""
    rules: defaultdict[tuple[bool, str, Span], set[str]] = defaultdict(set)
    for gap in verdict.coverage.gaps:
        rules[gap.required, gap.reason, gap.span].add(gap.rule_id)
    spans: defaultdict[tuple[bool, str, str, tuple[str, ...]], list[Span]] = defaultdict(list)
    for (required, reason, span), rule_ids in rules.items():
        spans[required, span.path, reason, tuple(sorted(rule_ids))].append(span)
    merged = [
        Missing(path, tuple(merge_spans(parts)), ids, reason, required)
        for (required, path, reason, ids), parts in spans.items()
    ]
    return sorted(
        merged, key=lambda one: (not one.required, one.path, one.spans, one.reason, one.rule_ids)
    )


def skipped(verdict: Verdict) -> list[Skipped]:
    """Group the skips by reason; blocking ones first."""
    groups: defaultdict[tuple[str, bool], list[Skip]] = defaultdict(list)
    for skip in sorted(verdict.skipped, key=repr):
        groups[skip.why, skip.blocking].append(skip)
    by_weight = sorted(groups.items(), key=lambda item: (not item[0][1], item[0][0]))
    return [Skipped(why, blocking, tuple(skips)) for (why, blocking), skips in by_weight]


def skip_name(skip: Skip) -> str:
    """Return what was skipped, and under which rules if it was not all of them."""
    name = shown_path(skip.what)
    if skip.path and skip.path not in skip.what:
        name = f"{shown_path(skip.path)} ({name})"
    rules = f" [{one_line(listed(list(skip.rule_ids), _NAMES))}]" if skip.rule_ids else ""
    return one_line(name, 200) + rules


def sentences(verdict: Verdict, limit: int) -> tuple[list[str], list[str]]:
    """Return what was not examined and what was skipped, each once; ``limit`` names a line."""
    alone, unread = apart(missing(verdict), verdict)
    told = {one.reason for one in unread}
    groups = [group for group in skipped(verdict) if group.why not in told]
    gaps = [*(one.sentence(limit) for one in unread), *(one.sentence for one in alone)]
    return gaps, [group.sentence(limit) for group in groups]


def apart(entries: Iterable[Missing], verdict: Verdict) -> tuple[list[Missing], list[Unread]]:
    """Return the entries to name one by one, and the files that an engine read for no rule."""
    reasons = {skip.why for skip in verdict.skipped if skip.path and skip.rule_ids}
    alike: defaultdict[str, list[Missing]] = defaultdict(list)
    every = list(entries)
    for one in every:
        if one.reason in reasons:
            alike[one.reason].append(one)
    unread = [Unread(reason, tuple(group)) for reason, group in sorted(alike.items())]
    unread = [one for one in unread if len(one.paths) >= _ALIKE]
    told = {one.reason for one in unread}
    return [one for one in every if one.reason not in told], unread


def left_out(verdict: Verdict) -> str:
    """Say what kinds of files nobody judged and nobody had to: images, generated code and such."""
    files = {
        skip.what: one_line(skip.why.partition(",")[0].partition(":")[0], 60)
        for skip in verdict.skipped
        if skip.path and not skip.rule_ids and not skip.blocking
    }
    kinds = Counter(files.values())
    most = sorted(kinds, key=lambda why: (-kinds[why], why))
    named = listed([f"{why} ({kinds[why]:,})" for why in most], _KINDS)
    return f"{counted(len(files), 'file')} left out: {named}." if files else ""


def _range(span: Span) -> str:
    return str(span.start) if span.end <= span.start else f"{span.start}-{span.end}"
