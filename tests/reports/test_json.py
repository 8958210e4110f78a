from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlm_gate import core
from rlm_gate.core import Verdict
from rlm_gate.reports import json as report
from rlm_gate.reports import text

SCHEMA = Path(report.__file__).with_name("schema.json")


def _document(verdict: Verdict) -> Any:
    return json.loads(report.render(verdict))


def test_every_sample_is_valid_by_the_published_schema(sample: Verdict) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(_document(sample))


def test_keys_are_sorted_and_the_bytes_are_ascii(sample: Verdict) -> None:
    content = report.render(sample)
    assert content.isascii()
    assert content.endswith(b"}\n")
    document = json.loads(content)
    assert json.dumps(document) == json.dumps(document, sort_keys=True)


def test_on_one_line_it_says_the_same(sample: Verdict) -> None:
    line = report.compact(sample)
    assert line.isascii()
    assert b"\n" not in line
    assert list(json.loads(line).items()) == list(_document(sample).items())


@pytest.mark.parametrize("render", [report.render, report.compact])
def test_no_number_is_written_that_json_does_not_have(
    render: Callable[[Verdict], bytes], samples: dict[str, Verdict]
) -> None:
    usage = dataclasses.replace(samples["audited"].usage, usd=float("nan"))
    with pytest.raises(ValueError, match="JSON"):
        render(dataclasses.replace(samples["audited"], usage=usage))


def test_a_name_that_is_not_utf8_comes_back_as_it_was(samples: dict[str, Verdict]) -> None:
    (finding,) = _document(samples["hostile"])["findings"]
    assert finding["path"] == samples["hostile"].findings[0].span.path
    assert finding["quote"] == samples["hostile"].findings[0].quote


def test_which_findings_block_is_told_finding_by_finding(samples: dict[str, Verdict]) -> None:
    findings = _document(samples["failed"])["findings"]
    assert [finding["blocking"] for finding in findings] == [True, True, False, False]


def test_counts_are_of_the_entries_and_places_of_where_they_stand(sample: Verdict) -> None:
    document = _document(sample)
    findings, places = (
        document["findings"],
        [one for one in document["findings"] for _ in one["also"]],
    )

    assert document["counts"] == _by_severity(findings)
    assert document["places"] == _by_severity([*findings, *places])
    total, spread = len(findings), len(findings) + len(places)
    told = text.render(sample).decode()
    assert (f"{total} finding" in told) is bool(total)
    assert (f", at {spread} places in all." in told) is (spread > total)


def _by_severity(findings: list[Any]) -> dict[str, int]:
    return {
        one.label: sum(finding["severity"] == one.label for finding in findings)
        for one in core.Severity
    }


def test_unknown_cost_is_null_and_not_zero(samples: dict[str, Verdict]) -> None:
    assert _document(samples["inconclusive"])["usage"]["usd"] is None


@pytest.mark.parametrize(
    ("kind", "where", "renamed"),
    [
        pytest.param(core.Verdict, (), {"blocking", "held", "text"}, id="verdict"),
        pytest.param(core.Finding, ("findings",), {"rule_id", "span", "columns"}, id="finding"),
        pytest.param(core.Accepted, ("suppressed",), set(), id="suppressed"),
        pytest.param(core.Accepted, ("baselined",), set(), id="baselined"),
        pytest.param(core.Notice, ("notices",), set(), id="notice"),
        pytest.param(core.Skip, ("skipped",), {"rule_ids"}, id="skip"),
        pytest.param(core.Coverage, ("coverage",), set(), id="coverage"),
        pytest.param(core.RuleCoverage, ("coverage", "rules"), {"rule_id"}, id="rule coverage"),
        pytest.param(core.Gap, ("coverage", "gaps"), {"rule_id", "span"}, id="gap"),
        pytest.param(core.Usage, ("usage",), set(), id="usage"),
        pytest.param(core.Audit, ("audit",), set(), id="audit"),
        pytest.param(core.Estimate, ("audit", "estimate"), set(), id="estimate"),
        pytest.param(core.FileCoverage, ("coverage", "by_file"), set(), id="file coverage"),
        pytest.param(core.Fix, ("findings", "fix"), {"span"}, id="fix"),
        pytest.param(core.RootTurn, ("trajectory", "turns"), set(), id="turn"),
        pytest.param(core.ModelCall, ("trajectory", "calls"), set(), id="call"),
        pytest.param(core.PastRun, ("history",), set(), id="past run"),
    ],
)
def test_no_field_of_the_verdict_is_forgotten(
    samples: dict[str, Verdict], kind: Any, where: tuple[str, ...], renamed: set[str]
) -> None:
    """A field that core gains must come to the report, or be named here."""
    name = {"estimate": "passed", "skipped": "inconclusive", "gaps": "inconclusive"}
    name |= dict.fromkeys(("suppressed", "baselined", "notices"), "accepted")
    entry = _document(samples[name.get(where[-1] if where else "", "audited")])
    for key in where:
        entry = entry[key]
        entry = entry[0] if isinstance(entry, list) else entry
    assert {field.name for field in dataclasses.fields(kind)} - renamed <= set(entry)
