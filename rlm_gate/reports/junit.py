"""JUnit XML for CI test tabs: a failure is a finding that fails the gate, and nothing else is.

The home of junit-xml, which is imported when rendering. Its defects are worked around: text is
scrubbed before it gets there (a lone surrogate breaks it), every case has a time, every failure a
message, ``disabled`` is dropped and the tree is serialised once, by ElementTree.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from rlm_gate.core import Acceptance, Finding, Gap, Rule, RuleCoverage, Status, Verdict, project_of
from rlm_gate.phrases import counted, listed
from rlm_gate.reports import _digest as digest
from rlm_gate.reports import _unseen as unseen
from rlm_gate.reports._causes import also_at
from rlm_gate.reports._plain import clip, disarm, disarm_xml, one_line, plain, shown_path

if TYPE_CHECKING:
    from junit_xml import TestCase

HELP = "JUnit XML for CI test tabs: one failure for each finding that blocks"

_ELAPSED = 0.001  # none at all makes dorny/test-reporter show NaN
_MAX_FAILURES = 10_000  # GitLab refuses a file over 30 MB or 250,000 objects
_MAX_LINES = 50
_MAX_QUOTE = 2000
_MAX_REASONS = 5


@dataclass(frozen=True, slots=True)
class _Case:
    """One test case; ``outcome`` is passed, failure, error or skipped."""

    suite: str
    classname: str
    name: str
    outcome: str = "passed"
    message: str = ""
    lines: tuple[str, ...] = ()
    path: str = ""
    line: int = 0


def render(verdict: Verdict, *, strict: bool = False) -> bytes:
    """Return the report. ``strict`` leaves out ``file`` and ``line``, which Jenkins' XSD refuses.

    Jenkins itself reads the default; only its schema is narrower than its reader.
    """
    from junit_xml import TestSuite

    suites: defaultdict[str, list[TestCase]] = defaultdict(list)
    for case in _cases(verdict):
        suites[case.suite].append(_test_case(case, strict=strict))
    root = ET.Element("testsuites", name="rlm-gate")
    for name, cases in sorted(suites.items()):
        root.append(TestSuite(name, cases).build_xml_doc())
    _total(root)
    ET.indent(root, space=" ")
    content = disarm_xml(ET.tostring(root, encoding="unicode"))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{content}\n'.encode()


def _cases(verdict: Verdict) -> Iterator[_Case]:
    found = [*_failures(verdict), *_accepted(verdict)]
    cases = [*found, *_skips(verdict), *_RuleCases(verdict).all()]
    yield from cases
    yield from _verdict_case(verdict, {case.outcome for case in cases})


def _failures(verdict: Verdict) -> Iterator[_Case]:
    """Yield a failing case for each finding that blocks; its name survives moved lines."""
    blocking = [one for one in digest.worst_first(verdict) if digest.blocks(one, verdict)]
    occurrence: Counter[tuple[str, str]] = Counter()
    for finding in digest.ordered(blocking[:_MAX_FAILURES]):
        path = shown_path(finding.span.path)
        occurrence[finding.rule_id, path] += 1
        number = occurrence[finding.rule_id, path]
        suite, classname = _suite_and_class(finding.rule_id)
        project = project_of(finding.span.path, verdict.projects)
        yield _Case(
            f"{shown_path(project)}: {suite}" if project else suite,
            classname,
            name=f"{one_line(finding.rule_id)} {path} #{number}",
            outcome="failure",
            message=f"{finding.severity.label}: {one_line(finding.message, 400)}",
            lines=tuple(_evidence(finding, verdict)),
            path=path,
            line=finding.span.start,
        )
    if len(blocking) > _MAX_FAILURES:
        rest = f"{len(blocking) - _MAX_FAILURES:,} more findings block"
        yield _Case("gate", "gate.findings", "more findings", "failure", rest)


def _accepted(verdict: Verdict) -> Iterator[_Case]:
    """Yield a skipped case for each finding that people accepted, with their reason."""
    accepted = [*verdict.suppressed, *verdict.baselined]
    occurrence: Counter[tuple[str, str]] = Counter()
    for one in accepted[:_MAX_FAILURES]:
        finding, by = one.finding, one.by
        path = shown_path(finding.span.path)
        occurrence[finding.rule_id, path] += 1
        number = occurrence[finding.rule_id, path]
        baselined = by.kind is Acceptance.BASELINE
        words = "in the baseline" if baselined else f"suppressed: {one_line(by.reason, 400)}"
        yield _Case(
            *_suite_and_class(finding.rule_id),
            name=f"{one_line(finding.rule_id)} {path} accepted #{number}",
            outcome="skipped",
            message=words,
            lines=(f"{_place(finding)}: accepted at {shown_path(by.place.path)}:{by.place.start}",),
            path=path,
            line=finding.span.start,
        )
    if len(accepted) > _MAX_FAILURES:
        rest = f"{len(accepted) - _MAX_FAILURES:,} more findings are accepted"
        yield _Case("gate", "gate.findings", "more accepted findings", "skipped", rest)


def _skips(verdict: Verdict) -> Iterator[_Case]:
    """Yield an error for each thing whose skip keeps the verdict from being a pass."""
    skips = sorted((skip for skip in verdict.skipped if skip.blocking), key=repr)
    occurrence: Counter[str] = Counter()
    for skip in skips:
        name = unseen.skip_name(skip)
        occurrence[name] += 1
        number = f" #{occurrence[name]}" if occurrence[name] > 1 else ""
        path = shown_path(skip.path) if skip.path else ""
        message = f"not judged: {one_line(skip.why, 400)}"
        yield _Case("gate", "gate.skipped", name + number, "error", message, path=path)


class _RuleCases:
    """A case for each selected rule: whether it was evaluated, not what it found."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._coverage = {rule.rule_id: rule for rule in verdict.coverage.rules}
        self._gaps: defaultdict[str, list[Gap]] = defaultdict(list)
        self._shown: defaultdict[str, list[Finding]] = defaultdict(list)
        for gap in sorted(verdict.coverage.gaps, key=lambda gap: (gap.span, gap.reason)):
            self._gaps[gap.rule_id].append(gap)
        for finding in digest.ordered(verdict.findings):
            self._shown[finding.rule_id].append(finding)

    def all(self) -> Iterator[_Case]:
        for rule in digest.named_rules(self._verdict).values():
            outcome, message = self._evaluation(rule)
            names = _suite_and_class(rule.id)
            yield _Case(*names, one_line(rule.id), outcome, message, tuple(self._lines(rule.id)))
        why = f"not evaluated: {digest.mode(self._verdict)}"
        for rule_id in digest.unknown_rules(self._verdict):
            yield _Case(*_suite_and_class(rule_id), one_line(rule_id), "skipped", why)

    def _evaluation(self, rule: Rule) -> tuple[str, str]:
        gaps = self._gaps[rule.id]
        if any(gap.required for gap in gaps):
            return "error", f"not examined: {_reasons(gaps)}"
        if rule.id in self._verdict.audit.not_evaluated and not rule.detect:
            return "skipped", f"not evaluated: {digest.mode(self._verdict)}"
        if self._shown[rule.id] or _judged(self._coverage.get(rule.id)):
            return "passed", ""
        if gaps:
            return "skipped", f"not examined, nor required at this threshold: {_reasons(gaps)}"
        return "skipped", "it applies to no judged line"

    def _lines(self, rule_id: str) -> Iterator[str]:
        """Yield what nobody judged, then the findings that do not block."""
        missing = [_gap_line(gap) for gap in self._gaps[rule_id]]
        shown = [
            _finding_line(finding)
            for finding in self._shown[rule_id]
            if not digest.blocks(finding, self._verdict)
        ]
        for lines in (missing, shown):
            yield from lines[:_MAX_LINES]
            if len(lines) > _MAX_LINES:
                yield f"and {len(lines) - _MAX_LINES:,} more"


def _verdict_case(verdict: Verdict, outcomes: set[str]) -> Iterator[_Case]:
    """Yield the verdict as a case of its own where no other case says the same."""
    summary = digest.summary(verdict)
    if verdict.status is Status.PASS:
        yield _Case(
            "gate",
            "gate.verdict",
            "verdict",
            lines=(*digest.preface(verdict), digest.mode(verdict), summary),
        )
    elif verdict.status is Status.INCONCLUSIVE and "error" not in outcomes:
        yield _Case("gate", "gate.verdict", "verdict", "error", summary)
    elif verdict.status is Status.FAIL and "failure" not in outcomes:
        yield _Case("gate", "gate.verdict", "verdict", "failure", summary)


def _judged(coverage: RuleCoverage | None) -> bool:
    return coverage is not None and bool(coverage.detector or coverage.model)


def _suite_and_class(rule_id: str) -> tuple[str, str]:
    pack, slash, stem = one_line(rule_id).partition("/")
    return (pack, f"{pack}.{stem}") if slash else ("gate", f"gate.{pack}")


def _evidence(finding: Finding, verdict: Verdict) -> Iterator[str]:
    yield f"{_place(finding)}: {one_line(finding.message, 400)}"
    for line in plain(clip(finding.quote, _MAX_QUOTE)).split("\n"):
        yield f"  | {line}"
    if places := also_at(finding, _MAX_LINES):
        yield places
    if finding.explanation:
        yield f"{one_line(finding.engine)} says: {one_line(finding.explanation, 1000)}"
    rule = verdict.rule(finding.rule_id)
    if rule:
        yield f"fix: {one_line(rule.help.fix, 1000)}"
    yield digest.trust(finding, verdict)


def _finding_line(finding: Finding) -> str:
    message = one_line(finding.message, 200)
    places = also_at(finding, _MAX_LINES)
    more = f" ({places})" if places else ""
    return f"does not block: {_place(finding)}: {finding.severity.label}: {message}{more}"


def _gap_line(gap: Gap) -> str:
    place = f"{shown_path(gap.span.path)}:{gap.span.start}-{gap.span.end}"
    return f"not examined: {place}: {one_line(gap.reason, 200)}"


def _place(finding: Finding) -> str:
    return f"{shown_path(finding.span.path)}:{finding.span.start}"


def _reasons(gaps: Iterable[Gap]) -> str:
    lines = Counter[str]()
    for gap in gaps:
        lines[one_line(gap.reason, 200)] += len(gap.span)
    named = [f"{counted(number, 'line')} ({reason})" for reason, number in sorted(lines.items())]
    return listed(named, _MAX_REASONS)


def _test_case(case: _Case, *, strict: bool) -> TestCase:
    from junit_xml import TestCase

    # GitLab follows an [[ATTACHMENT|path]] that it meets in the output of a case.
    body = "\n".join(disarm(line) for line in case.lines).replace("[[ATT", "[ [ATT")
    xml = TestCase(
        case.name,
        classname=case.classname,
        elapsed_sec=_ELAPSED,
        file=None if strict else case.path or None,
        line=None if strict else case.line or None,
    )
    text = f"{case.message}\n{body}" if body else case.message
    if case.outcome == "passed":
        xml.stdout = text.lstrip("\n")
    elif case.outcome == "failure":
        xml.add_failure_info(message=case.message, output=text)
    elif case.outcome == "error":
        xml.add_error_info(message=case.message, output=text)
    else:
        xml.add_skipped_info(message=case.message, output=text)
    return xml


def _total(root: ET.Element) -> None:
    """Make the counts what every reader takes: no ``disabled``, times of three decimals."""
    totals: Counter[str] = Counter()
    for suite in root:
        del suite.attrib["disabled"]
        suite.set("time", f"{int(suite.get('tests', '0')) * _ELAPSED:.3f}")
        for key in ("tests", "failures", "errors"):
            totals[key] += int(suite.get(key, "0"))
    for key, value in totals.items():
        root.set(key, str(value))
    root.set("time", f"{totals['tests'] * _ELAPSED:.3f}")
