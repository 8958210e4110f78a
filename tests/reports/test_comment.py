from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from rlm_gate.core import Verdict
from rlm_gate.reports import _comment as comment


def test_a_comment_is_the_summary_and_knows_itself_again(samples: dict[str, Verdict]) -> None:
    body = comment.render(samples["failed"])
    assert body.startswith(comment.MARKER)
    assert "rlm-gate: fail" in body
    assert "resolved" not in body
    assert comment.render(samples["failed"], body) == body


def test_what_is_resolved_is_folded_and_stays_so_until_it_comes_back(
    samples: dict[str, Verdict],
) -> None:
    both = comment.render(samples["failed"])
    fewer = replace(samples["failed"], findings=samples["failed"].findings[1:])
    after = comment.render(fewer, both)
    assert "<summary>1 finding resolved</summary>" in after
    assert "app/admin.py" in after
    again = comment.render(fewer, after)
    assert again == after
    assert "resolved" not in comment.render(samples["failed"], after)


def test_ten_thousand_findings_fit_into_one_comment(samples: dict[str, Verdict]) -> None:
    many = tuple(
        replace(
            samples["failed"].findings[0],
            span=replace(samples["failed"].findings[0].span, path=f"{'#' * 90}/{number}.py"),
            fingerprint=f"{number:064x}",
        )
        for number in range(3000)
    )
    full = comment.render(replace(samples["failed"], findings=many))
    assert len(full) < comment.MAX_CHARS
    assert len(comment.render(samples["passed"], full)) < comment.MAX_CHARS


@pytest.mark.parametrize(
    "state",
    ["", "%%%", "W10=", base64.b64encode(b"[" * 5000).decode(), "bm8=", "MQ=="],
    ids=["none", "no base64", "short", "deep", "no json", "a number"],
)
def test_a_broken_state_is_no_state(state: str, samples: dict[str, Verdict]) -> None:
    body = f"{comment.MARKER}\n<!-- rlm-gate:state {state} -->"
    assert comment.render(samples["passed"], body) == comment.render(samples["passed"])


def test_an_edited_state_can_not_say_more_than_names(samples: dict[str, Verdict]) -> None:
    evil = "--> ![x](http://e.example) @everyone <script>"
    state = [[["0" * 16, evil], ["not an id", "x"], [1, 2]], []]
    raw = base64.b64encode(json.dumps(state).encode()).decode()
    body = comment.render(samples["passed"], f"<!-- rlm-gate:state {raw} -->")
    assert "1 finding resolved" in body
    for word in ("<script>", "](http", "@everyone"):
        assert word not in body


def test_hostile_names_end_no_comment(samples: dict[str, Verdict]) -> None:
    body = comment.render(samples["hostile"])
    assert body.count("-->") == body.count("<!--")
    assert comment.render(samples["passed"], body).count("1 finding resolved") == 1
