from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from rlm_gate.core import Finding, Span, Verdict
from rlm_gate.reports import html


def _data(verdict: Verdict) -> Any:
    text = re.search(rb'id="data">(.*?)</script>', html.render(verdict), re.DOTALL)
    assert text
    return json.loads(text[1])


def _only(verdict: Verdict, **changed: Any) -> Any:
    finding = replace(verdict.findings[0], **changed)
    (entry,) = _data(replace(verdict, findings=(finding,), refuted=()))["findings"]
    return entry


def _text(lines: list[list[list[Any]]]) -> str:
    return "\n".join("".join(piece[0] for piece in line) for line in lines)


def _marked(lines: list[list[list[Any]]]) -> str:
    return "".join(piece[0] for line in lines for piece in line if piece[2:] == [1])


def test_nothing_is_loaded_and_nothing_but_its_own_style_and_script_may_act(
    sample: Verdict,
) -> None:
    page = html.render(sample).decode()
    assert not re.search(r"(?:src|href|action|url)=(?!\"#)", page.partition("<script type")[0])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert policy[1].startswith("default-src &#39;none&#39;; ")
    for kind in ("style", "script"):
        (own,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{kind}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert "unsafe" not in policy[1]


def test_the_page_leads_nowhere_but_to_pages_of_rules_over_https(
    samples: dict[str, Verdict],
) -> None:
    rule = samples["failed"].rules[0]
    links = ("javascript:alert(1)", "http://e.example/", "https://e.example/ok")
    bad = replace(rule, help=replace(rule.help, links=links))
    data = _data(replace(samples["failed"], rules=(bad,)))
    assert data["rules"][rule.id]["links"] == ["https://e.example/ok"]


def test_the_finding_marks_what_is_meant_and_colours_the_rest(
    samples: dict[str, Verdict],
) -> None:
    entry = _only(samples["failed"], quote="x = eval(name)  # run", columns=(5, 15))
    assert _text(entry["code"]) == "x = eval(name)  # run"
    assert _marked(entry["code"]) == "eval(name)"
    assert ["# run", "c"] in entry["code"][0]


@pytest.mark.parametrize("path", ["a.py", "b.ts", "c.unknown", "Dockerfile", "d.html", "e"])
def test_code_is_shown_whole_in_any_language(path: str, samples: dict[str, Verdict]) -> None:
    quote = '  if (a < b) {\n\n\treturn "x"; // é 😀\n}'
    entry = _only(samples["failed"], span=Span(path, 5, 8), quote=quote, columns=None)
    assert _text(entry["code"]) == quote
    assert entry["first"] == 5


def test_of_a_long_line_the_part_that_is_meant_is_shown(samples: dict[str, Verdict]) -> None:
    quote = "a" * 5000 + "HERE" + "b" * 5000
    entry = _only(samples["failed"], quote=quote, columns=(5001, 5005))
    assert _marked(entry["code"]) == "HERE"
    assert len(_text(entry["code"])) < 400


def test_removed_lines_have_no_numbers(samples: dict[str, Verdict]) -> None:
    assert _data(samples["deleted"])["findings"][0]["first"] == 0


def test_the_worst_come_first_and_the_refuted_last(samples: dict[str, Verdict]) -> None:
    states = [one["state"] for one in _data(samples["failed"])["findings"]]
    assert states == ["blocks", "blocks", "open", "open", "refuted"]


def test_times_are_in_the_page_only_where_the_verdict_has_them(
    samples: dict[str, Verdict],
) -> None:
    assert b"Seconds that models took" in html.render(samples["audited"])
    turns = tuple(
        replace(turn, call=replace(turn.call, seconds=None))
        for turn in samples["audited"].trajectory.turns
    )
    bare = replace(samples["audited"].trajectory, turns=turns)
    page = html.render(replace(samples["audited"], trajectory=bare))
    assert b"Seconds that models took" not in page
    assert b"<h3>Root loop</h3>" in page


def test_ten_thousand_findings_make_a_page_of_a_few_megabytes_in_seconds(
    samples: dict[str, Verdict],
) -> None:
    def numbered(number: int) -> Finding:
        span = Span(f"src/part{number // 40}.py", number, number)
        quote = f"    value{number} = eval(request.args['n{number}'])"
        fields = {"span": span, "quote": quote, "fingerprint": f"{number:064x}"}
        return replace(samples["failed"].findings[1], **fields)  # type: ignore[arg-type]  # of its own

    many = replace(samples["failed"], findings=tuple(map(numbered, range(1, 10_001))))
    start = time.process_time()
    page = html.render(many)
    assert time.process_time() - start < 20
    assert len(page) < 12_000_000
    assert page.count(b"<tr>") < 400  # what is in the data is not in the markup too
