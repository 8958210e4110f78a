from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from rlm_gate.core import Verdict
from rlm_gate.reports import sarif, sarif_full
from rlm_gate.reports._linehash import line_hashes


def _results(verdict: Verdict) -> list[dict[str, Any]]:
    runs = json.loads(sarif_full.render(verdict))["runs"]
    return [result for run in runs for result in run["results"]]


def test_what_people_accepted_stands_here_with_its_reason_and_not_in_githubs_profile(
    samples: dict[str, Verdict],
) -> None:
    verdict = samples["accepted"]
    assert verdict.suppressed
    assert verdict.baselined
    told = [result for result in _results(verdict) if "suppressions" in result]
    assert len(told) == len(verdict.suppressed) + len(verdict.baselined)
    assert all(result["suppressions"][0]["justification"] for result in told)
    assert b"suppressions" not in sarif.render(verdict)
    assert len(json.loads(sarif.render(verdict))["runs"][0]["results"]) < len(_results(verdict))


def test_beside_a_baseline_every_result_has_a_state(samples: dict[str, Verdict]) -> None:
    states = [result["baselineState"] for result in _results(samples["accepted"])]
    assert states.count("unchanged") == len(samples["accepted"].baselined)
    assert {*states} == {"new", "unchanged"}
    assert all("baselineState" not in result for result in _results(samples["failed"]))


def test_a_fix_replaces_whole_lines(samples: dict[str, Verdict]) -> None:
    (fix,) = next(result["fixes"] for result in _results(samples["audited"]) if "fixes" in result)
    (change,) = fix["artifactChanges"]
    (replacement,) = change["replacements"]
    assert replacement["deletedRegion"] == {"startLine": 2, "endLine": 2}
    assert replacement["insertedContent"] == {"text": "run(sql, values)"}


def test_a_result_has_githubs_hash_of_its_line(samples: dict[str, Verdict]) -> None:
    text = "first\n" * 11 + "cur.execute(sql)\n"
    verdict = replace(samples["failed"], text=lambda _path: text)
    found = [
        result["partialFingerprints"]["primaryLocationLineHash"]
        for result in json.loads(sarif.render(verdict))["runs"][0]["results"]
        if result["locations"][0]["physicalLocation"]["region"]["startLine"] == 12
    ]
    assert found == [line_hashes(text)[11]]


def test_a_file_that_can_not_be_read_has_no_hash(samples: dict[str, Verdict]) -> None:
    assert "primaryLocationLineHash" not in sarif.render(samples["failed"]).decode()
