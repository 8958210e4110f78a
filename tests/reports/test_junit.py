from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from rlm_gate.core import Gap, Skip, Span, Status, Verdict
from rlm_gate.reports import junit

SCHEMA = Path(__file__).parents[3] / "shared" / "data" / "schemas" / "junit-10.xsd"
_XS = "{http://www.w3.org/2001/XMLSchema}"


def _tree(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314  # our own report, or Jenkins' own schema


def _cases(verdict: Verdict) -> dict[str, ET.Element]:
    """Return the cases by name. Every name must be there once: GitLab drops the second."""
    cases = list(_tree(junit.render(verdict)).iter("testcase"))
    by_name = {case.get("name", ""): case for case in cases}
    assert len(by_name) == len(cases)
    return by_name


def _outcomes(verdict: Verdict) -> dict[str, str]:
    kinds = {"failure", "error", "skipped"}
    return {
        name: next((child.tag for child in case if child.tag in kinds), "passed")
        for name, case in _cases(verdict).items()
    }


def test_a_failure_is_a_finding_that_blocks_and_nothing_else_is(
    samples: dict[str, Verdict],
) -> None:
    assert _outcomes(samples["failed"]) == {
        "security/sql-injection app/admin.py #1": "failure",
        "security/sql-injection app/db.py #1": "failure",
        "security/sql-injection": "passed",
        "patterns/swallowed-error": "passed",
        "docs/drift": "passed",
    }


def test_a_failure_has_place_message_and_text(samples: dict[str, Verdict]) -> None:
    case = _cases(samples["failed"])["security/sql-injection app/db.py #1"]
    assert dict(case.attrib) == {
        "name": "security/sql-injection app/db.py #1",
        "classname": "security.sql-injection",
        "file": "app/db.py",
        "line": "12",
        "time": "0.001000",
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("high: Pass parameters")
    assert "cur.execute(" in (failure.text or "")


def test_findings_of_one_rule_in_one_file_are_numbered_not_named_by_line(
    samples: dict[str, Verdict],
) -> None:
    finding = samples["failed"].findings[1]
    moved = [replace(finding, span=Span("app/db.py", line, line)) for line in (5, 9)]
    earlier = set(_outcomes(replace(samples["failed"], findings=tuple(moved))))
    moved = [replace(finding, span=Span("app/db.py", line, line)) for line in (105, 109)]
    later = set(_outcomes(replace(samples["failed"], findings=tuple(moved))))
    assert earlier == later
    assert "security/sql-injection app/db.py #2" in later


def test_findings_that_do_not_block_stand_in_the_output_of_their_rule(
    samples: dict[str, Verdict],
) -> None:
    output = _cases(samples["failed"])["patterns/swallowed-error"].findtext("system-out")
    assert output == (
        "does not block: app/übung datei.py:3: medium: Handle the error or let it rise."
    )


def test_missing_required_lines_and_blocking_skips_are_errors(
    samples: dict[str, Verdict],
) -> None:
    outcomes = _outcomes(samples["inconclusive"])
    assert outcomes == {
        "a.rs (engine astgrep) [patterns/swallowed-error]": "error",
        "big.py": "error",
        "security/sql-injection": "error",
        "patterns/swallowed-error": "passed",
        "docs/drift": "skipped",
    }
    error = _cases(samples["inconclusive"])["security/sql-injection"].find("error")
    assert error is not None
    assert error.get("message") == "not examined: 60 lines (budget)"


def test_two_skips_of_one_name_are_two_cases(samples: dict[str, Verdict]) -> None:
    skips = (Skip("a", "x", blocking=True), Skip("a", "y", blocking=True))
    outcomes = _outcomes(replace(samples["inconclusive"], skipped=skips))
    assert {"a", "a #2"} <= set(outcomes)


def test_gaps_that_are_not_required_are_no_error_but_no_pass_either(
    samples: dict[str, Verdict],
) -> None:
    coverage = replace(
        samples["passed"].coverage,
        rules=(),
        gaps=(Gap("security/sql-injection", Span("a", 1, 3), "sandbox"),),
    )
    verdict = replace(samples["passed"], coverage=coverage)
    assert _outcomes(verdict)["security/sql-injection"] == "skipped"


def test_a_rule_nobody_could_ask_is_skipped_and_one_with_detectors_is_not(
    samples: dict[str, Verdict],
) -> None:
    outcomes = _outcomes(samples["passed"])
    assert outcomes["docs/drift"] == "skipped"
    assert outcomes["security/sql-injection"] == "passed"


def test_a_pass_is_a_case_so_that_no_report_is_empty(samples: dict[str, Verdict]) -> None:
    assert _outcomes(samples["empty"]) == {"docs/drift": "skipped", "verdict": "passed"}


@pytest.mark.parametrize(
    ("status", "outcome"), [(Status.INCONCLUSIVE, "error"), (Status.FAIL, "failure")]
)
def test_a_verdict_that_no_case_explains_is_a_case_of_its_own(
    samples: dict[str, Verdict], status: Status, outcome: str
) -> None:
    verdict = replace(samples["passed"], status=status, reasons=("every model call failed (3)",))
    assert _outcomes(verdict)["verdict"] == outcome


def test_counts_of_suites_and_root_are_those_of_the_cases(sample: Verdict) -> None:
    root = _tree(junit.render(sample))
    for element in (root, *root):
        assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
        for tag, key in (("failure", "failures"), ("error", "errors")):
            assert int(element.get(key, "")) == len(list(element.iter(tag)))


def test_gitlab_finds_no_attachment_in_the_output(samples: dict[str, Verdict]) -> None:
    finding = replace(samples["failed"].findings[2], message="[[ATTACHMENT|/etc/passwd]]")
    content = junit.render(replace(samples["failed"], findings=(finding,)))
    assert b"/etc/passwd" in content
    assert b"[[ATTACHMENT" not in content


def test_failures_beyond_the_limit_are_one_case_with_their_number(
    samples: dict[str, Verdict],
) -> None:
    finding = replace(samples["failed"].findings[1], quote="x")
    many = tuple(replace(finding, span=Span("a.py", n, n)) for n in range(1, 10_003))
    blocking = frozenset({many[0].identity})
    verdict = replace(samples["failed"], findings=many, blocking=blocking)
    case = _cases(verdict)["more findings"]
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "2 more findings block"


def _allowed() -> dict[str, tuple[set[str], set[str], set[str]]]:
    """Read element -> (attributes, required ones, children) from Jenkins' schema."""
    rules = {}
    for element in _tree(SCHEMA.read_bytes()).findall(f"{_XS}element"):
        attributes = list(element.iter(f"{_XS}attribute"))
        rules[element.get("name", "")] = (
            {one.get("name", "") for one in attributes},
            {one.get("name", "") for one in attributes if one.get("use") == "required"},
            {one.get("ref", "") for one in element.iter(f"{_XS}element")} - {""},
        )
    return rules


@pytest.mark.skipif(not SCHEMA.exists(), reason="Jenkins' schema is not beside this checkout")
def test_strict_xml_has_only_what_jenkins_schema_knows(sample: Verdict) -> None:
    rules = _allowed()
    for element in _tree(junit.render(sample, strict=True)).iter():
        attributes, required, children = rules[element.tag]
        assert required <= set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
        if element.tag.startswith("testsuite"):
            assert re.fullmatch(r"[0-9]{0,3}(\.[0-9]{0,3})?", element.get("time", ""))


def test_strict_xml_lacks_only_file_and_line(samples: dict[str, Verdict]) -> None:
    full = junit.render(samples["failed"]).decode()
    strict = junit.render(samples["failed"], strict=True).decode()
    assert re.sub(r' (file|line)="[^"]*"', "", full) == strict != full
