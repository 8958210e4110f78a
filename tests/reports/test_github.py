from __future__ import annotations

from collections import Counter
from dataclasses import replace

from rlm_gate.core import Severity, Span, Verdict
from rlm_gate.reports import github


def _lines(verdict: Verdict) -> list[str]:
    return github.render(verdict).decode().splitlines()


def test_a_pass_without_findings_says_nothing(samples: dict[str, Verdict]) -> None:
    assert github.render(samples["passed"]) == b""


def test_ten_of_a_level_are_sent_worst_first_and_the_rest_is_counted(
    samples: dict[str, Verdict],
) -> None:
    finding = replace(samples["failed"].findings[2], quote="x")
    many = [
        replace(finding, span=Span("a.py", n, n), severity=severity, fingerprint="")
        for n in range(1, 16)
        for severity in (Severity.MEDIUM, Severity.LOW)
    ]
    critical = replace(many[-1], span=Span("z.py", 1, 1), severity=Severity.CRITICAL)
    lines = _lines(replace(samples["failed"], findings=(*many, critical)))
    assert lines[0].startswith("::warning file=z.py,")
    levels = Counter(line.split()[0] for line in lines[:-1])
    assert levels == {"::warning": 10, "::notice": 10}
    assert lines[-1].startswith("rlm-gate: 11 more findings without an annotation")


def test_only_what_blocks_is_an_error(samples: dict[str, Verdict]) -> None:
    levels = [line.split()[0] for line in _lines(samples["failed"])]
    assert levels == ["::error", "::error", "::warning", "::warning"]


def test_an_inconclusive_verdict_is_an_error_that_counts_among_the_ten(
    samples: dict[str, Verdict],
) -> None:
    finding = samples["failed"].findings[1]
    many = tuple(replace(finding, span=Span("a.py", n, n)) for n in range(1, 16))
    verdict = replace(
        samples["inconclusive"], findings=many, blocking=frozenset({many[0].identity})
    )
    lines = _lines(verdict)
    assert lines[0].startswith("::error title=rlm-gate%3A inconclusive::INCONCLUSIVE: ")
    assert sum(line.startswith("::error") for line in lines) == 10


def test_properties_and_message_are_escaped(samples: dict[str, Verdict]) -> None:
    finding = replace(
        samples["failed"].findings[1], span=Span("a,b:c%.py", 3, 3), message="50% of\nit"
    )
    blocking = frozenset({finding.identity})
    (line,) = _lines(replace(samples["failed"], findings=(finding,), blocking=blocking))
    assert line.startswith("::error file=a%2Cb%3Ac%25.py,line=3,endLine=3,col=2,endColumn=46,")
    assert "::50%25 of it%0A" in line


def test_columns_are_given_only_on_one_line(samples: dict[str, Verdict]) -> None:
    assert samples["failed"].findings[2].columns
    (line,) = [line for line in _lines(samples["failed"]) if "swallowed-error" in line]
    assert ",col=" not in line
