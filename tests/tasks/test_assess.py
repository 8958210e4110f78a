from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import planting
import pytest
from loopback import messages

from rlm_gate.cli import main
from rlm_gate.errors import UsageError
from rlm_gate.tasks import Options, assess
from rlm_gate.tasks._report import Outcome
from rlm_gate.tasks.workers.report import Found

OFFLINE = Options(offline=True)
DIFF = """Done, all tests pass.

diff --git a/shop/cart.py b/shop/cart.py
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -1,2 +1,4 @@
 import os
+def pack(path):
+    os.system("gzip " + path)
 # end
"""


def planted(tmp_path: Path, seed: int) -> tuple[list[planting.Planted], assess.Request]:
    faults, criteria = planting.make(tmp_path, seed)
    return faults, assess.Request(repo=str(tmp_path), span="main", criteria=criteria)


def shows(found: Found, fault: planting.Planted) -> bool:
    """Say whether a finding is about the fault; of a secret only what stands before it is shown."""
    secret = fault.kind == "cloud-key"
    marks = [mark.partition('"')[0] if secret else mark for mark in fault.marks]
    return found.category == fault.category and any(
        mark in one.quote for mark in marks for one in found.evidence
    )


@pytest.mark.parametrize("seed", [11, 2026])
def test_half_of_the_planted_faults_are_found_and_nobody_is_blamed_for_another(
    tmp_path: Path, seed: int
) -> None:
    faults, request = planted(tmp_path, seed)
    result = assess.run(request, OFFLINE)
    found = [one for worker in result.answer.workers for one in worker.findings]
    hits = [fault for fault in faults if any(shows(one, fault) for one in found)]
    assert len(faults) == 20
    assert len(hits) >= 10
    for fault in faults:
        blamed = {who for one in found if shows(one, fault) for who in one.workers}
        assert blamed <= set(fault.workers), fault


def test_a_worker_has_only_findings_from_his_own_texts(tmp_path: Path) -> None:
    _, request = planted(tmp_path, 5)
    for worker in assess.run(request, OFFLINE).answer.workers:
        for one in worker.findings:
            for shown in one.evidence:
                own = shown.path.startswith(f"commits/{shown.worker}/")
                assert own or shown.path == assess.CRITERIA


def test_without_a_planted_fault_there_is_next_to_nothing_to_find(tmp_path: Path) -> None:
    planting.make(tmp_path, 3, faults=0)
    result = assess.run(assess.Request(repo=str(tmp_path), span="main"), OFFLINE)
    assert [one for worker in result.answer.workers for one in worker.findings] == []
    assert result.answer.aggregate["security"] == 100


def test_every_row_of_every_output_has_a_class(tmp_path: Path) -> None:
    _, request = planted(tmp_path, 7)
    for worker in assess.run(request, OFFLINE).answer.workers:
        counts = dict(worker.coverage)
        assert counts.pop("rows") == counts.pop("examined") == sum(counts.values()) > 0


def outputs(folder: Path, **texts: str) -> assess.Request:
    for name, text in texts.items():
        (folder / f"{name}.output").write_text(text, encoding="utf-8")
    return assess.Request([folder])


def test_output_files_are_of_the_worker_in_their_name(tmp_path: Path) -> None:
    (tmp_path / "w1-2.output").write_text("more\n", encoding="utf-8")
    result = assess.run(outputs(tmp_path, w1=DIFF, w2=DIFF.replace("cart", "till")), OFFLINE)
    assert [one.id for one in result.answer.workers] == ["w1", "w2"]
    first = result.answer.workers[0]
    assert first.scores["security"] is not None
    assert first.scores["security"] < 100
    (shell,) = [one for one in first.findings if one.category == "security"]
    assert (shell.evidence[0].line, shell.evidence[0].file_line) == (9, 3)
    assert shell.evidence[0].quote == '+    os.system("gzip " + path)'


def test_one_text_with_headers_is_cut_at_them_and_keeps_its_lines(tmp_path: Path) -> None:
    text = f"=== Worker a Outputs ===\n--- File: x ---\n{DIFF}=== Worker b Outputs ===\nhello\n"
    path = tmp_path / "all.txt"
    path.write_text(text, encoding="utf-8")
    result = assess.run(assess.Request([path]), OFFLINE)
    assert [one.id for one in result.answer.workers] == ["a", "b"]
    assert [one.evidence[0].line for one in result.answer.workers[0].findings] == [11]
    assert result.answer.workers[1].findings == ()


def test_prose_alone_earns_no_score_and_no_output_is_inconclusive(tmp_path: Path) -> None:
    result = assess.run(outputs(tmp_path, good=DIFF, prose="I did it all.\n", none=""), OFFLINE)
    by_id = {one.id: one for one in result.answer.workers}
    assert set(by_id["prose"].scores.values()) == {None}
    assert by_id["none"].outcome is Outcome.INCONCLUSIVE
    assert by_id["none"].scores == {}
    assert by_id["good"].outcome is Outcome.OK
    assert not result.conclusive
    assert "none" in result.reasons[0]


def test_edits_of_a_transcript_are_added_lines(tmp_path: Path) -> None:
    given = {"file_path": "a.py", "old_string": "x = 1", "new_string": "eval(input())"}
    content = [{"type": "tool_use", "id": "t", "name": "Edit", "input": given}]
    entry = {"type": "assistant", "message": {"role": "assistant", "content": content}}
    result = assess.run(outputs(tmp_path, w=json.dumps(entry) + "\n"), OFFLINE)
    (worker,) = result.answer.workers
    assert any(one.category == "security" for one in worker.findings)
    assert {one.line for found in worker.findings for one in found.evidence} == {1}


def test_a_diff_cut_at_any_byte_is_read_without_a_crash(tmp_path: Path) -> None:
    for cut in range(0, len(DIFF), 9):
        assess.run(outputs(tmp_path, w=DIFF[:cut]), OFFLINE)


@pytest.mark.parametrize("to", assess.FORMATS)
def test_the_command_line_and_the_library_agree_and_repeat_themselves(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], to: str
) -> None:
    request = outputs(tmp_path, w1=DIFF)
    assert main(["assess", str(tmp_path), "--offline", "--format", to]) == 0
    assert capsysbinary.readouterr().out == assess.render(assess.run(request, OFFLINE), to)


def test_sarif_points_at_the_file_of_the_repository(tmp_path: Path) -> None:
    result = assess.run(outputs(tmp_path, w1=DIFF), OFFLINE)
    (run,) = json.loads(assess.render(result, "sarif"))["runs"]
    places = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    uris = {(one["artifactLocation"]["uri"], one["region"]["startLine"]) for one in places}
    assert uris == {("shop/cart.py", 3)}


def test_fail_under_a_score_is_exit_1_and_nothing_to_assess_is_exit_2(tmp_path: Path) -> None:
    outputs(tmp_path, w1=DIFF)
    assert main(["assess", str(tmp_path), "--offline", "--fail-under", "99"]) == 1
    assert main(["assess", str(tmp_path), "--offline", "--fail-under", "1"]) == 0
    assert main(["assess", "--offline"]) == 2
    with pytest.raises(UsageError, match=r"--branch .* name it with --range"):
        assess.run(assess.Request([tmp_path], branches=("feature",)), OFFLINE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no \*\.output"):
        assess.run(assess.Request([tmp_path / "empty"]), OFFLINE)


CRITERIA = "## w1\n\n- `pack` compresses a file\n- `unpack` restores it\n"


def answer(**changes: Any) -> str:
    place = {"path": "", "line": 9, "quote": 'os.system("gzip " + path)', "explanation": "shell"}
    told = {
        "findings": [
            {"category": "security", **place},
            {"category": "code_quality", **place, "quote": "a line that nobody wrote"},
        ],
        "criteria": [
            {"id": 0, "met": True, **place, "quote": "def pack(path):", "line": 8},
            {"id": 1, "met": True, **place, "quote": "def unpack(path):"},
        ],
        **changes,
    }
    lines = [
        f"told = json.loads({json.dumps(json.dumps(told))})",
        "for one in told['findings'] + told['criteria']:",
        "    one['path'] = workers['w1'][0]",
        "done(told)",
    ]
    return "\n".join(lines)


def sub(asked: dict[str, Any]) -> str:
    there = "gzip" in asked["messages"][0]["content"][-1]["text"] if asked["messages"] else False
    claim = {"category": "security", "row": 9, "quote": "never written here", "why": "made up"}
    return json.dumps({"claims": [claim] if there else []})


def test_with_a_model_over_http_what_has_no_evidence_is_dropped(tmp_path: Path) -> None:
    request = assess.Request(outputs(tmp_path, w1=DIFF).outputs, criteria=CRITERIA)
    with messages(sub, ["print(candidates, criteria)", answer()]) as served:
        result = assess.run(request, Options(provider=served.provider))
    assert result.conclusive
    (worker,) = result.answer.workers
    assert [one.category for one in worker.findings if one.by == "model"] == ["security"]
    assert [one.state for one in result.answer.criteria] == ["met", "unmet"]
    assert worker.scores["completeness"] == 50
    assert worker.coverage["read_by_model"] == worker.coverage["rows"]
    assert len(result.dropped) == 3
    assert result.usage.usd is not None
    assert result.usage.usd <= assess.MAX_USD


def test_no_reader_is_asked_to_review_the_criteria_as_work(tmp_path: Path) -> None:
    request = assess.Request(outputs(tmp_path, w1=DIFF).outputs, criteria=CRITERIA)
    read: list[str] = []

    def answered(asked: dict[str, Any]) -> str:
        read.append(json.dumps(asked["messages"]))
        return '{"claims": []}'

    with messages(answered, [answer()]) as served:
        result = assess.run(request, Options(provider=served.provider))
    assert len(read) == 1
    assert "`unpack` restores it" not in read[0]
    assert result.unexamined == ()


def test_six_workers_of_a_real_size_stay_below_the_limit(tmp_path: Path) -> None:
    more = "".join(f"{number} tests were run, and this one said ok\n" for number in range(2500))
    texts = {f"w{number}": DIFF + more for number in range(1, 7)}
    request = outputs(tmp_path, **texts)
    cells = ["print(len(candidates))", "print(grep('gzip')[:3])", answer(criteria=[])]
    with messages(lambda _: '{"claims": []}', cells) as served:
        result = assess.run(request, Options(provider=served.provider))
    assert result.conclusive
    assert result.usage.usd is not None
    assert result.usage.calls > 20
    assert 0 < result.usage.usd <= assess.MAX_USD


def test_lines_that_no_model_read_make_their_worker_inconclusive(tmp_path: Path) -> None:
    request = outputs(tmp_path, w1=DIFF, w2="x\n")
    with messages(lambda _: "no json", [answer()]) as served:
        result = assess.run(request, Options(provider=served.provider))
    assert not result.conclusive
    assert {one.outcome for one in result.answer.workers} == {Outcome.INCONCLUSIVE}
    assert all(one.scores == {} for one in result.answer.workers)
