from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rlm_gate.core import Severity, Verdict
from rlm_gate.reports import gitlab


def _entries(verdict: Verdict) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(gitlab.render(verdict))
    return entries


def test_an_entry_has_what_gitlab_reads_and_no_byte_order_mark(sample: Verdict) -> None:
    assert gitlab.render(sample).startswith(b"[")
    for entry in _entries(sample):
        assert {*entry} == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert entry["location"]["lines"]["begin"] >= 1
        assert not entry["location"]["path"].startswith(("/", "./"))


def test_no_two_entries_share_a_fingerprint_for_gitlab_would_show_one(
    samples: dict[str, Verdict],
) -> None:
    (first, *_) = samples["failed"].findings
    moved = replace(first, span=replace(first.span, path="copy.py"))
    twice = replace(first, span=replace(first.span, start=9, end=9))
    verdict = replace(samples["failed"], findings=(first, moved, twice))
    assert len({entry["fingerprint"] for entry in _entries(verdict)}) == 3


def test_a_fingerprint_survives_moved_lines(samples: dict[str, Verdict]) -> None:
    finding = samples["failed"].findings[0]
    below = replace(finding, span=replace(finding.span, start=90, end=90))
    one, two = (replace(samples["failed"], findings=(each,)) for each in (finding, below))
    assert _entries(one)[0]["fingerprint"] == _entries(two)[0]["fingerprint"]


@pytest.mark.parametrize(
    ("severity", "word"),
    [*zip(Severity, ("info", "minor", "major", "critical", "blocker"), strict=True)],
)
def test_severities_are_gitlabs(samples: dict[str, Verdict], severity: Severity, word: str) -> None:
    finding = replace(samples["failed"].findings[0], severity=severity)
    (entry,) = _entries(replace(samples["failed"], findings=(finding,)))
    assert entry["severity"] == word


def test_a_file_that_nobody_judged_is_an_entry_too(samples: dict[str, Verdict]) -> None:
    told = [entry for entry in _entries(samples["inconclusive"]) if "Not judged" in str(entry)]
    assert [entry["location"]["path"] for entry in told] == ["a.rs", "big.py"]
