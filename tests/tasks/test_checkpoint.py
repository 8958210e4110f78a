from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import logbook
import pytest
from loopback import messages

from rlm_gate.cli import main
from rlm_gate.errors import UsageError
from rlm_gate.tasks import Options, checkpoint

OFFLINE = Options(offline=True)
STUCK = "Exit Code: 1\n\n--- OUTPUT ---\n" + "TypeError: a thing\nok\nok\nok\nok\n" * 3
FINE = "Exit Code: 0\n\n--- OUTPUT ---\nAll tests pass.\n"


def write(folder: Path, text: str, name: str = "session-a-1.log") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_three_times_the_same_error_asks_for_a_human_and_quotes_it(tmp_path: Path) -> None:
    path = write(tmp_path, STUCK)
    result = checkpoint.run(checkpoint.Request([path]), OFFLINE)
    assert result.answer.checkpoint
    assert 0.5 <= result.answer.confidence <= 1
    assert [one.line for one in result.answer.findings[0].evidence] == [4, 9, 14]
    assert {one.quote for one in result.answer.findings[0].evidence} == {"TypeError: a thing"}
    assert "no language model" in result.method


def test_a_good_session_goes_on_and_is_not_surer_than_patterns_can_be(tmp_path: Path) -> None:
    result = checkpoint.run(checkpoint.Request([write(tmp_path, FINE)]), OFFLINE)
    assert not result.answer.checkpoint
    assert result.answer.confidence == checkpoint.SUREST


@pytest.mark.parametrize(
    ("text", "flags", "code"),
    [(STUCK, ["--exit-code"], 1), (STUCK, [], 0), (FINE, ["--exit-code"], 0), ("", [], 3)],
)
def test_the_exit_code_says_it_if_asked_to(
    tmp_path: Path, text: str, flags: list[str], code: int
) -> None:
    assert main(["checkpoint", str(write(tmp_path, text)), "--offline", *flags]) == code


@pytest.mark.parametrize("text", ["", "milk\nbread\n"])
def test_what_was_not_read_makes_nobody_sure_that_all_is_well(tmp_path: Path, text: str) -> None:
    result = checkpoint.run(checkpoint.Request([write(tmp_path, text)]), OFFLINE)
    assert not result.conclusive
    assert result.answer.confidence == 0


def test_the_command_line_and_the_library_agree(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = write(tmp_path, STUCK)
    main(["checkpoint", str(path), "--offline", "--format", "json"])
    result = checkpoint.run(checkpoint.Request([path]), OFFLINE)
    assert capsysbinary.readouterr().out == checkpoint.render(result, "json")


def test_a_missing_log_is_a_usage_error_and_binary_is_inconclusive(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone"):
        checkpoint.run(checkpoint.Request([tmp_path / "gone.log"]), OFFLINE)
    (tmp_path / "b.jsonl").write_bytes(bytes(range(256)))
    assert not checkpoint.run(checkpoint.Request([tmp_path]), OFFLINE).conclusive


def test_a_secret_in_a_log_stays_masked(tmp_path: Path) -> None:
    secret = "ghp" + "_" + "x7KqZ2mWv9RtYb4NcLs8HdPf3GjQaU6eTi1o"
    log = STUCK.replace("a thing", f"a {secret}")
    result = checkpoint.run(checkpoint.Request([write(tmp_path, log)]), OFFLINE)
    assert result.answer.checkpoint
    for to in checkpoint.FORMATS:
        assert secret.encode() not in checkpoint.render(result, to)


def test_analyses_are_cached_by_content(tmp_path: Path) -> None:
    path, cache = write(tmp_path, STUCK), tmp_path / "cache.json"
    request = checkpoint.Request([path], cache_file=cache)
    first = checkpoint.run(request, OFFLINE)
    kept = json.loads(cache.read_text())
    (key,) = kept["entries"]
    kept["entries"][key]["answer"]["reason"] = "from the cache"
    cache.write_text(json.dumps(kept))
    again = checkpoint.run(request, OFFLINE)
    assert again.answer.reason == "from the cache"
    assert again.answer.findings == first.answer.findings
    write(tmp_path, FINE)
    assert checkpoint.run(request, OFFLINE).answer.reason != "from the cache"
    assert len(json.loads(cache.read_text())["entries"]) == 2


def test_a_cached_result_gives_the_same_bytes(tmp_path: Path) -> None:
    request = checkpoint.Request([write(tmp_path, STUCK)], cache_file=tmp_path / "c.json")
    first, second = (checkpoint.render(checkpoint.run(request, OFFLINE), "json") for _ in "ab")
    assert first == second


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "rlm-gate-analyses"}', "\x00"])
def test_a_broken_cache_is_told_and_ignored(tmp_path: Path, content: str) -> None:
    cache = write(tmp_path, content, "cache.json")
    told: list[str] = []
    request = checkpoint.Request([write(tmp_path, STUCK)], cache_file=cache)
    result = checkpoint.run(request, Options(offline=True, tell=told.append))
    assert result.answer.checkpoint
    assert "ignored" in told[0]
    assert json.loads(cache.read_text())["version"] == 1


def answered(**changes: Any) -> str:
    answer = {
        "checkpoint": True,
        "reason": "It turns in circles.",
        "confidence": 0.9,
        "findings": [
            {
                "indicator": "repeated_failure",
                "path": "LOG",
                "line": 4,
                "quote": "TypeError: a thing",
                "explanation": "again and again",
            }
        ],
        **changes,
    }
    lines = [
        f"answer = json.loads({json.dumps(json.dumps(answer))})",
        "for one in answer['findings']:",
        "    one['path'] = list(files)[0]",
        "done(answer)",
    ]
    return "\n".join(lines)


def sub(_asked: dict[str, Any]) -> str:
    claim = {"indicator": "confidence_drop", "row": 5, "quote": "never said so", "why": "made up"}
    return json.dumps({"claims": [claim]})


def test_with_a_model_over_http_only_grounded_claims_are_reported(tmp_path: Path) -> None:
    true = {
        "indicator": "repeated_failure",
        "path": "",
        "line": 4,
        "quote": "TypeError: a thing",
        "explanation": "again and again",
    }
    invented = {**true, "line": 6, "quote": "a line that nobody wrote"}
    cell = answered(findings=[true, invented])
    path = write(tmp_path, STUCK)
    with messages(sub, ["print(candidates, exits)", cell]) as served:
        result = checkpoint.run(checkpoint.Request([path]), Options(provider=served.provider))
    assert result.conclusive
    assert result.answer.reason == "It turns in circles."
    by_model = [one for one in result.answer.findings if one.by == "model"]
    assert [one.evidence[0].line for one in by_model] == [4]
    assert len(result.dropped) == 2
    assert result.answer.coverage["read_by_model"] == result.answer.coverage["total"]
    assert result.usage.turns == 2


def test_a_checkpoint_without_evidence_is_inconclusive(tmp_path: Path) -> None:
    cell = answered(findings=[])
    with messages(lambda _: '{"claims": []}', ["print(1)", cell]) as served:
        request = checkpoint.Request([write(tmp_path, FINE)])
        result = checkpoint.run(request, Options(provider=served.provider))
    assert not result.conclusive
    assert "no evidence" in result.reasons[0]


def test_a_log_of_a_real_size_stays_below_the_limit(tmp_path: Path) -> None:
    case = next(one for one in logbook.cases(3, 20) if one.format == "transcript")
    text = next(iter(case.files.values()))
    path = write(tmp_path, text * (400_000 // len(text)), "big.jsonl")
    empty = answered(checkpoint=False, findings=[])
    cells = ["print(len(candidates), exits)", "print(grep('failed')[:5])", empty]
    with messages(lambda _: '{"claims": []}', cells) as served:
        result = checkpoint.run(checkpoint.Request([path]), Options(provider=served.provider))
    assert result.reasons == ()
    assert result.usage.usd is not None
    assert 0 < result.usage.usd <= checkpoint.MAX_USD


def test_a_budget_too_small_is_inconclusive_and_spends_nothing(tmp_path: Path) -> None:
    with messages(sub, [answered()]) as served:
        request = checkpoint.Request([write(tmp_path, STUCK)])
        result = checkpoint.run(request, Options(provider=served.provider, max_usd=0.000001))
    assert not result.conclusive
    assert result.unexamined
    assert served.requests == []
