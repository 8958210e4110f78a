from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlm_gate.core import Severity, Verdict
from rlm_gate.reports import beads

REAL = Path(__file__).parents[3] / "shared" / "data" / "beads"


def _issues(verdict: Verdict) -> list[dict[str, Any]]:
    return [json.loads(line) for line in beads.render(verdict).splitlines()]


def test_an_issue_is_what_bd_validates(sample: Verdict) -> None:
    for issue in _issues(sample):
        assert 0 < len(issue["title"]) <= 500
        assert issue["status"] == "open"
        assert issue["priority"] in range(5)
        assert issue["issue_type"] in {"bug", "feature", "task", "epic", "chore"}
        assert all(isinstance(label, str) for label in issue["labels"])


def test_no_findings_are_no_lines(samples: dict[str, Verdict]) -> None:
    assert beads.render(samples["passed"]) == b""


def test_ids_are_stable_and_different(samples: dict[str, Verdict]) -> None:
    ids = [issue["id"] for issue in _issues(samples["many"])]
    assert len({*ids}) == 30
    few = replace(samples["many"], findings=samples["many"].findings[3:5])
    assert [issue["id"] for issue in _issues(few)] == ids[3:5]


def test_priority_zero_is_the_worst(samples: dict[str, Verdict]) -> None:
    for severity, priority in zip(Severity, (4, 3, 2, 1, 0), strict=True):
        finding = replace(samples["failed"].findings[0], severity=severity)
        (issue,) = _issues(replace(samples["failed"], findings=(finding,)))
        assert issue["priority"] == priority


def test_real_trackers_have_fields_of_the_same_names_and_kinds(samples: dict[str, Verdict]) -> None:
    if not REAL.is_dir():
        pytest.skip("the trackers are not beside this checkout")
    real: dict[str, set[type]] = {}
    for file in REAL.glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            for key, value in json.loads(line).items():
                real.setdefault(key, set()).add(type(value))
    # Seldom filled in, so not in these two; both are in Beads' own type.
    real |= {"acceptance_criteria": {str}, "external_ref": {str}}
    for issue in _issues(samples["failed"]):
        assert all(type(value) in real[key] for key, value in issue.items())
