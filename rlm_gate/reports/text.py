"""The report for a terminal or a log: findings by place, what was examined, one verdict line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rlm_gate.core import Finding, Rule, Span, Verdict
from rlm_gate.core.records import dataclass
from rlm_gate.reports import _digest as digest
from rlm_gate.reports import _unseen as unseen
from rlm_gate.reports._causes import also_at, in_a_line, remarks_apart
from rlm_gate.reports._plain import clip, disarm, one_line, plain, shown_path
from rlm_gate.reports._policy import accepted, notices

HELP = "for people: findings with their lines, what was examined, the verdict on the last line"

_WIDTH = 160  # characters of a source line
_STEPS = 12  # places of a flow
_LEAD = 40  # of them before the finding, when the line is longer
_SGR = {
    "bold": "1",
    "dim": "2",
    "critical": "1;31",
    "high": "31",
    "medium": "33",
    "low": "36",
    "info": "34",
    "pass": "1;32",
    "fail": "1;31",
    "inconclusive": "1;33",
}


@dataclass(frozen=True, slots=True)
class _Caps:
    """How much is shown of what can be long. 0: all of it."""

    quote_lines: int = 6
    explanation: int = 400
    gaps: int = 20
    names: int = 8
    rules: int = 20


_SHORT = _Caps()
_FULL = _Caps(quote_lines=0, explanation=2000, gaps=0, names=0, rules=0)


def render(
    verdict: Verdict, *, color: bool = False, verbose: bool = False, quiet: bool = False
) -> bytes:
    """Return the report. ``quiet``: mode, one line a finding, verdict. ``verbose``: no caps."""
    page = _Page(verdict, _colored if color else _bare, verbose=verbose)
    lines = page.quiet() if quiet else page.full()
    return "".join(f"{disarm(line)}\n" for line in lines).encode()


class _Page:
    """One verdict on its way to lines."""

    def __init__(
        self, verdict: Verdict, paint: Callable[[str, str], str], *, verbose: bool
    ) -> None:
        self._verdict = verdict
        self._paint = paint
        self._verbose = verbose
        self._caps = _FULL if verbose else _SHORT
        self._rules = digest.rules_by_id(verdict)
        self._explained: set[str] = set()

    def full(self) -> Iterator[str]:
        caps = self._caps
        yield from digest.preface(self._verdict)
        yield digest.mode(self._verdict)
        yield ""
        findings = digest.ordered(self._verdict.findings)
        shown, many = (findings, {}) if self._verbose else remarks_apart(findings)
        for finding in shown:
            yield self._head(finding)
            yield from self._excerpt(finding)
            yield from self._notes(finding)
            yield ""
        yield from self._section("Noted, of severity info", self._noted(many))
        yield from self._section("Examined", digest.examined(self._verdict))
        yield from self._section(
            "Questions not put", digest.not_evaluated(self._verdict, caps.rules)
        )
        gaps, skips = self._unseen()
        yield from self._section("Not examined", self._capped(gaps))
        yield from self._section("Skipped", iter(skips))
        yield from self._section("Accepted", self._capped(accepted(self._verdict)))
        yield from self._section("Policy", self._capped(notices(self._verdict)))
        yield from self._section("Remarks", digest.remarks(self._verdict))
        if self._verbose:
            yield from self._section(
                "Refuted", map(self._head, digest.ordered(self._verdict.refuted))
            )
        yield self._last()

    def quiet(self) -> Iterator[str]:
        yield from digest.preface(self._verdict)
        yield digest.mode(self._verdict)
        yield from map(self._head, digest.ordered(self._verdict.findings))
        yield self._last()

    def _head(self, finding: Finding) -> str:
        place = f"{shown_path(finding.span.path)}:{finding.span.start}"
        if finding.columns:
            place += f":{finding.columns[0]}"
        severity = finding.severity.label
        mark = " [blocks]" if digest.blocks(finding, self._verdict) else ""
        places = len(finding.places)
        mark += f" [{places:,} places]" if places > 1 else ""
        said = f"{one_line(finding.rule_id)} {one_line(finding.message, 400)}"
        return f"{self._paint(place, 'bold')} {self._paint(severity, severity)} {said}{mark}"

    def _excerpt(self, finding: Finding) -> Iterator[str]:
        lines = finding.quote.split("\n") if finding.quote else []
        cap = self._caps.quote_lines or len(lines)
        numbers = _line_numbers(finding.span, len(lines))
        margin = len(str(finding.span.end))
        for index, text in enumerate(lines[:cap]):
            start, end = _marked(finding, index, len(lines), text)
            shown, below, length = _window(text, start, end)
            gutter = f"  {numbers[index]:>{margin}} | "
            yield self._paint(gutter, "dim") + shown
            if finding.columns and index == 0:
                under = self._paint("^" * length, finding.severity.label)
                yield self._paint(f"  {'':>{margin}} | ", "dim") + " " * below + under
        if len(lines) > cap:
            rest = f"{len(lines) - cap:,} more of the {len(lines):,} lines"
            yield self._paint(f"  {'':>{margin}} | … {rest}", "dim")

    def _notes(self, finding: Finding) -> Iterator[str]:
        margin = " " * (len(str(finding.span.end)) + 2)
        for text in self._remarks(finding):
            yield self._paint(f"{margin} = ", "dim") + text

    def _remarks(self, finding: Finding) -> Iterator[str]:
        rule = self._rules.get(finding.rule_id)
        if rule and (self._verbose or rule.id not in self._explained):
            self._explained.add(rule.id)
            yield from self._advice(rule)
        if finding.explanation:
            yield f"{one_line(finding.engine)} says: {self._clipped(finding.explanation)}"
        if places := also_at(finding, self._caps.names):
            yield places
        if finding.flow:
            steps = [f"{shown_path(span.path)}:{span.start}" for span in finding.flow[:_STEPS]]
            rest = ["…"] if len(finding.flow) > _STEPS else []
            yield f"flow: {' -> '.join(steps + rest)}"
        yield digest.trust(finding, self._verdict)

    def _advice(self, rule: Rule) -> Iterator[str]:
        if self._verbose:
            yield f"why: {one_line(rule.help.why)}"
        yield f"fix: {self._clipped(rule.help.fix)}"
        if self._verbose:
            yield from (f"see: {one_line(link)}" for link in rule.help.links)

    def _clipped(self, text: str) -> str:
        return one_line(text, self._caps.explanation)

    def _section(self, title: str, lines: Iterator[str]) -> Iterator[str]:
        first = next(lines, None)
        if first is None:
            return
        yield self._paint(f"{title}:", "bold")
        yield f"  {first}"
        yield from (f"  {line}" for line in lines)
        yield ""

    def _noted(self, many: Mapping[str, Sequence[Finding]]) -> Iterator[str]:
        """Name a rule's many findings of severity info in one line."""
        for rule_id, findings in many.items():
            said = f"{one_line(rule_id)} {one_line(findings[0].message, 400)}"
            yield f"{said} At {in_a_line(findings, self._caps.names)}; -v shows each"

    def _unseen(self) -> tuple[list[str], list[str]]:
        if not self._verbose:
            return unseen.sentences(self._verdict, self._caps.names)
        groups = unseen.skipped(self._verdict)
        gaps = [entry.sentence for entry in unseen.missing(self._verdict)]
        return gaps, [group.sentence(self._caps.names) for group in groups]

    def _capped(self, sentences: Iterable[str]) -> Iterator[str]:
        lines = list(sentences)
        cap = self._caps.gaps or len(lines)
        yield from lines[:cap]
        if len(lines) > cap:
            yield f"and {len(lines) - cap:,} more; -v or --format json lists all"

    def _last(self) -> str:
        verdict = self._verdict
        word, _, rest = digest.summary(verdict).partition(":")
        return f"{self._paint(word, verdict.status)}:{rest}"


def _colored(text: str, style: str) -> str:
    return f"\x1b[{_SGR[style]}m{text}\x1b[0m"


def _bare(text: str, _style: str) -> str:
    return text


def _line_numbers(span: Span, lines: int) -> list[str]:
    """Return the numbers of the quoted lines; removed ones have none."""
    if lines == len(span):
        return [str(span.start + index) for index in range(lines)]
    return [""] * lines


def _marked(finding: Finding, index: int, lines: int, text: str) -> tuple[int, int]:
    """Return what the finding covers of that quoted line, 0-based, end exclusive."""
    if not finding.columns:
        return 0, 0
    start, end = finding.columns
    first = start - 1 if index == 0 else 0
    last = end - 1 if index == lines - 1 else len(text)
    first = min(max(first, 0), len(text))
    return first, max(min(last, len(text)), first)


def _window(text: str, start: int, end: int) -> tuple[str, int, int]:
    """Return the line as shown, and where and how long its mark is in terminal cells."""
    if len(text) > _WIDTH:
        cut = max(0, min(start - _LEAD, len(text) - _WIDTH))
        before = "…" if cut else ""
        text = before + clip(text[cut : cut + _WIDTH + 1], _WIDTH)
        start, end = start - cut + len(before), end - cut + len(before)
    marked = _shown(text[start:end])
    return _shown(text), _cells(_shown(text[:start])), max(1, _cells(marked))


def _shown(text: str) -> str:
    return plain(text).replace("\t", "    ").replace("\n", "\\x0a")


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
