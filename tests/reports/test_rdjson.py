from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from rlm_gate.core import Fix, Span, Verdict
from rlm_gate.reports import rdjson


def _diagnostics(verdict: Verdict) -> list[dict[str, Any]]:
    diagnostics: list[dict[str, Any]] = json.loads(rdjson.render(verdict))["diagnostics"]
    return diagnostics


def test_columns_count_the_bytes_of_utf8(samples: dict[str, Verdict]) -> None:
    (one,) = _diagnostics(samples["unicode"])
    assert samples["unicode"].findings[0].columns == (5, 10)
    assert one["location"]["range"] == {
        "start": {"line": 3, "column": 5},
        "end": {"line": 4, "column": len("    '👩\u200d💻'"[:9].encode()) + 1},
    }


def test_what_blocks_is_an_error_and_nothing_else_is(samples: dict[str, Verdict]) -> None:
    found = [one["severity"] for one in _diagnostics(samples["failed"])]
    assert found == ["ERROR", "ERROR", "WARNING", "WARNING"]


def test_removed_lines_have_a_place_and_no_columns(samples: dict[str, Verdict]) -> None:
    (one,) = _diagnostics(samples["deleted"])
    assert one["location"]["range"] == {"start": {"line": 30}, "end": {"line": 30}}


def test_a_flow_is_told_without_the_place_itself(samples: dict[str, Verdict]) -> None:
    claim = _diagnostics(samples["never"])[-1]
    assert [one["location"]["path"] for one in claim["related_locations"]] == ["app/db.py"]


def test_a_rule_has_its_page(samples: dict[str, Verdict]) -> None:
    code = _diagnostics(samples["failed"])[0]["code"]
    assert code["value"] == "security/sql-injection"
    assert code["url"].startswith("https://cwe.mitre.org/")


def test_a_fix_is_a_suggestion_of_whole_lines(samples: dict[str, Verdict]) -> None:
    one = _diagnostics(samples["audited"])[1]
    (suggestion,) = one["suggestions"]
    assert suggestion["range"] == {"start": {"line": 12}, "end": {"line": 12}}
    assert suggestion["text"].startswith("\tcur.execute(")


def test_a_fix_that_takes_lines_away_takes_their_ends_too(samples: dict[str, Verdict]) -> None:
    gone = replace(
        samples["failed"].findings[0], fix=Fix(Span("app/admin.py", 2, 3), "", safe=True)
    )
    (one,) = _diagnostics(replace(samples["failed"], findings=(gone,)))
    assert one["suggestions"] == [
        {
            "range": {"start": {"line": 2, "column": 1}, "end": {"line": 4, "column": 1}},
            "text": "",
        }
    ]
