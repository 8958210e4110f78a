from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlm_gate.core import (
    Finding,
    Gap,
    Origin,
    Scope,
    Severity,
    Skip,
    Span,
    Status,
    Verdict,
    Verification,
)
from rlm_gate.reports import sarif
from rlm_gate.reports._linehash import line_hashes

SCHEMA = Path(__file__).parents[3] / "shared" / "data" / "schemas" / "sarif-2.1.0.json"


def _run(verdict: Verdict) -> Any:
    (run,) = json.loads(sarif.render(verdict))["runs"]
    return run


def _only(verdict: Verdict, finding: Finding) -> Any:
    (result,) = _run(replace(verdict, findings=(finding,)))["results"]
    return result


def _region(verdict: Verdict, finding: Finding) -> Any:
    return _only(verdict, finding)["locations"][0]["physicalLocation"]["region"]


def test_every_sample_is_valid_by_the_official_schema(sample: Verdict) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    if not SCHEMA.exists():
        pytest.skip("the SARIF schema is not beside this checkout")
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.validators.validator_for(schema)(
        schema, format_checker=jsonschema.FormatChecker()
    )
    validator.validate(json.loads(sarif.render(sample)))


def test_a_run_without_findings_has_results_so_that_old_alerts_are_closed(
    samples: dict[str, Verdict],
) -> None:
    assert _run(samples["passed"])["results"] == []


def test_what_a_second_call_refuted_is_not_in_it(samples: dict[str, Verdict]) -> None:
    assert samples["failed"].refuted
    assert b"app/const.py" not in sarif.render(samples["failed"])
    assert _run(samples["failed"])["properties"]["refuted"] == 1


def test_a_detector_finding_that_was_refuted_is_a_note(samples: dict[str, Verdict]) -> None:
    finding = replace(samples["failed"].findings[1], verification=Verification.REFUTED)
    assert _only(samples["failed"], finding)["level"] == "note"


@pytest.mark.parametrize(
    ("verification", "level"),
    [
        (Verification.NOT_ASKED, "warning"),
        (Verification.UNCLEAR, "warning"),
        (Verification.CONFIRMED, "error"),
    ],
)
def test_what_a_model_alone_says_is_no_error(
    samples: dict[str, Verdict], verification: Verification, level: str
) -> None:
    finding = replace(
        samples["failed"].findings[0],
        severity=Severity.HIGH,
        origin=Origin.MODEL,
        verification=verification,
    )
    assert _only(samples["failed"], finding)["level"] == level


@pytest.mark.parametrize(
    ("severity", "level", "score"),
    [
        (Severity.CRITICAL, "error", "9.5"),
        (Severity.HIGH, "error", "8.0"),
        (Severity.MEDIUM, "warning", "5.0"),
        (Severity.LOW, "note", "2.0"),
        (Severity.INFO, "note", "0.5"),
    ],
)
def test_severity_is_a_level_and_for_the_security_pack_a_score(
    samples: dict[str, Verdict], severity: Severity, level: str, score: str
) -> None:
    rules = tuple(replace(rule, severity=severity) for rule in samples["failed"].rules)
    finding = replace(samples["failed"].findings[0], severity=severity)
    verdict = replace(samples["failed"], rules=rules, findings=(finding,))
    assert _run(verdict)["results"][0]["level"] == level
    by_id = {rule["id"]: rule for rule in _run(verdict)["tool"]["driver"]["rules"]}
    assert by_id["security/sql-injection"]["defaultConfiguration"]["level"] == level
    assert by_id["security/sql-injection"]["properties"]["security-severity"] == score
    assert by_id["security/sql-injection"]["properties"]["tags"][0] == "security"
    assert "security-severity" not in by_id["docs/drift"]["properties"]
    assert "security" not in by_id["docs/drift"]["properties"]["tags"]


def test_rule_index_points_at_the_rule(samples: dict[str, Verdict]) -> None:
    run = _run(samples["failed"])
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_finding_of_the_gates_own_has_a_rule_too(samples: dict[str, Verdict]) -> None:
    own = replace(samples["failed"].findings[0], rule_id="gate/prompt-injection")
    run = _run(replace(samples["failed"], findings=(own,)))
    rule = run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]
    assert rule["id"] == "gate/prompt-injection"
    assert rule["help"]["text"]


def test_tags_are_at_most_twenty(samples: dict[str, Verdict]) -> None:
    rule = replace(samples["failed"].rules[0], tags=tuple(f"t{n}" for n in range(40)))
    (entry,) = _run(replace(samples["empty"], rules=(rule,)))["tool"]["driver"]["rules"]
    assert len(entry["properties"]["tags"]) == 20


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b/ü#?%.py", "a%20b/%C3%BC%23%3F%25.py"),
        ("a:b.py", "a%3Ab.py"),
        ("bad\udcff.py", "bad%FF.py"),
        ("new\nline", "new%0Aline"),
        ("lone\ud800", "lone%ED%A0%80"),
    ],
)
def test_uris_are_the_bytes_of_the_path(samples: dict[str, Verdict], path: str, uri: str) -> None:
    finding = replace(samples["failed"].findings[0], span=Span(path, 1, 1))
    artifact = _only(samples["failed"], finding)["locations"][0]["physicalLocation"]
    assert artifact["artifactLocation"] == {"uri": uri, "uriBaseId": "%SRCROOT%"}


@pytest.mark.parametrize(
    ("quote", "span", "columns", "expected"),
    [
        pytest.param("x = 1", (3, 3), (1, 6), (3, 1, 3, 6), id="ascii"),
        pytest.param("'😀' + x", (3, 3), (7, 8), (3, 8, 3, 9), id="after an astral character"),
        pytest.param("😀😀", (3, 3), (1, 3), (3, 1, 3, 5), id="over astral characters"),
        pytest.param("é😀", (3, 3), None, (3, 1, 3, 4), id="no columns: the whole line"),
        pytest.param("😀a\nb😀c", (3, 4), (2, 3), (3, 3, 4, 4), id="each line its own"),
        pytest.param("a\nb", (3, 3), None, (3, None, 3, None), id="removed lines have none"),
        pytest.param("a", (0, 0), None, (1, 1, 1, 2), id="the top of a file"),
    ],
)
def test_columns_are_utf16_code_units(
    samples: dict[str, Verdict],
    quote: str,
    span: tuple[int, int],
    columns: tuple[int, int] | None,
    expected: tuple[int | None, ...],
) -> None:
    finding = replace(
        samples["failed"].findings[1], quote=quote, span=Span("a", *span), columns=columns
    )
    region = _region(samples["failed"], finding)
    keys = ("startLine", "startColumn", "endLine", "endColumn")
    assert tuple(region.get(key) for key in keys) == expected
    assert region["snippet"]["text"] == quote


def test_a_followed_value_is_told_from_its_source_to_its_sink(samples: dict[str, Verdict]) -> None:
    known = samples["failed"].findings[1]
    way = (Span("app/views.py", 7, 8), Span("app/views.py", 9, 9), known.span)
    (flow,) = _only(samples["failed"], replace(known, engine="taint", flow=way))["codeFlows"]
    steps = [step["location"] for step in flow["threadFlows"][0]["locations"]]
    assert [one["message"]["text"] for one in steps] == [
        "step 1 of 3: comes in",
        "step 2 of 3",
        "step 3 of 3: does harm",
    ]
    assert steps[0]["physicalLocation"]["region"] == {"startLine": 7, "endLine": 8}


def test_a_flow_starts_at_the_source_and_passes_the_finding(samples: dict[str, Verdict]) -> None:
    finding = replace(
        samples["failed"].findings[1], flow=(Span("app/views.py", 7, 7), Span("lib.py", 2, 3))
    )
    (flow,) = _only(samples["failed"], finding)["codeFlows"]
    steps = [step["location"]["physicalLocation"] for step in flow["threadFlows"][0]["locations"]]
    assert [step["artifactLocation"]["uri"] for step in steps] == [
        "app/views.py",
        "lib.py",
        "app/db.py",
    ]


def test_a_flow_from_the_first_line_on_is_cut_before_the_finding(
    samples: dict[str, Verdict],
) -> None:
    flow = tuple(Span("lib.py", line, line) for line in range(1, 201))
    finding = replace(samples["failed"].findings[1], flow=flow)
    (flow,) = _only(samples["failed"], finding)["codeFlows"]
    steps = [one["location"]["physicalLocation"] for one in flow["threadFlows"][0]["locations"]]
    assert len(steps) == 100
    assert steps[0]["region"] == {"startLine": 1, "endLine": 1}
    assert steps[-1]["artifactLocation"]["uri"] == "app/db.py"


@pytest.mark.parametrize("start", [1, 2])
def test_the_hash_is_of_the_line_where_the_finding_begins(
    samples: dict[str, Verdict], start: int
) -> None:
    text = "one\ntwo\nthree\n"
    finding = replace(samples["failed"].findings[0], span=Span("a.py", start, start))
    result = _only(replace(samples["failed"], text=lambda _path: text), finding)
    hashed = result["partialFingerprints"]["primaryLocationLineHash"]
    assert hashed == line_hashes(text)[start - 1]


def test_a_finding_without_a_message_names_its_rule(samples: dict[str, Verdict]) -> None:
    finding = replace(samples["failed"].findings[0], message="")
    assert _only(samples["failed"], finding)["message"]["text"].startswith(finding.rule_id)


def test_a_models_words_make_no_link(samples: dict[str, Verdict]) -> None:
    finding = replace(samples["failed"].findings[0], explanation="[click](https://e.example)")
    text = _only(samples["failed"], finding)["message"]["text"]
    assert text.startswith(finding.message)
    assert "](" not in text


def test_only_our_own_fingerprint_is_given(samples: dict[str, Verdict]) -> None:
    given = [result["partialFingerprints"] for result in _run(samples["failed"])["results"]]
    assert given == [
        {"rlmGate/v1": finding.fingerprint}
        for finding in sorted(samples["failed"].findings, key=lambda one: one.sort_key)
    ]


@pytest.mark.parametrize(
    ("status", "interrupted", "successful"),
    [
        (Status.PASS, "", True),
        (Status.FAIL, "", True),
        (Status.FAIL, "terminated", False),
        (Status.INCONCLUSIVE, "", False),
    ],
)
def test_execution_is_successful_only_where_it_came_to_its_end(
    samples: dict[str, Verdict], status: Status, interrupted: str, *, successful: bool
) -> None:
    verdict = replace(samples["passed"], status=status, interrupted=interrupted)
    assert _run(verdict)["invocations"][0]["executionSuccessful"] is successful


def test_gaps_are_one_notification_for_each_rule_and_reason(samples: dict[str, Verdict]) -> None:
    (invocation,) = _run(samples["inconclusive"])["invocations"]
    (gap,) = [
        notice
        for notice in invocation["toolExecutionNotifications"]
        if notice["descriptor"]["id"] == "gap"
    ]
    assert gap["level"] == "error"
    assert gap["message"]["text"] == (
        "security/sql-injection did not judge 60 lines of 30 files: budget."
    )
    assert gap["associatedRule"]["id"] == "security/sql-injection"
    assert len(gap["locations"]) == 10


def test_blocking_skips_are_errors_and_others_notes(samples: dict[str, Verdict]) -> None:
    (invocation,) = _run(samples["inconclusive"])["invocations"]
    skips = [
        (notice["level"], notice["message"]["text"])
        for notice in invocation["toolExecutionNotifications"]
        if notice["descriptor"]["id"] == "skip"
    ]
    assert ("note", "Skipped: binary file (2): logo.png, x.bin") in skips
    assert ("error", "Skipped: over 1 MiB (1) [makes it inconclusive]: big.py") in skips


def test_notifications_are_bounded_and_say_how_many_are_left_out(
    samples: dict[str, Verdict],
) -> None:
    gaps = tuple(Gap("docs/drift", Span("a.py", n, n), f"reason {n}") for n in range(1, 501))
    verdict = replace(
        samples["passed"],
        coverage=replace(samples["passed"].coverage, gaps=gaps),
        skipped=(Skip("x", "y"),),
    )
    notices = _run(verdict)["invocations"][0]["toolExecutionNotifications"]
    assert len(notices) == 200
    assert notices[-1]["message"]["text"] == "302 more notifications are left out."


def test_of_too_many_results_the_least_severe_are_left_out(
    samples: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sarif._MAX_RESULTS == 25_000  # GitHub takes no more of a run
    monkeypatch.setattr(sarif, "_MAX_RESULTS", 250)
    low = replace(samples["failed"].findings[2], severity=Severity.LOW)
    many = tuple(replace(low, span=Span("a.py", n, n)) for n in range(1, 261))
    high = replace(samples["failed"].findings[1], span=Span("z.py", 1, 1))
    run = _run(replace(samples["failed"], findings=(*many, high)))
    assert len(run["results"]) == 250
    assert run["results"][-1]["ruleId"] == high.rule_id
    assert run["properties"]["notInThisFile"] == 11


@pytest.mark.parametrize(
    ("kind", "project", "category"),
    [
        ("all", "", "rlm-gate/"),
        ("rev", "web", "rlm-gate/web/"),
        ("diff", "", "rlm-gate/part/"),
        ("paths", "web", "rlm-gate/part/web/"),
    ],
)
def test_a_part_never_shares_the_whole_audits_category(
    samples: dict[str, Verdict], kind: str, project: str, category: str
) -> None:
    judged = replace(
        samples["passed"], scope=Scope(kind, kind), projects=(project,) if project else ()
    )
    runs = json.loads(sarif.render(judged))["runs"]
    assert category in {run["automationDetails"]["id"] for run in runs}
