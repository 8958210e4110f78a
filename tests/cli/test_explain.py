from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import GitRepo

from rlm_gate.cli import main

BAD = (
    "import subprocess\n\n\ndef run(request):\n"
    "    return subprocess.call(request.GET['c'], shell=True)\n"
)


@pytest.fixture
def judged(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A repository with a finding, judged offline; its JSON report."""
    git_repo.commit(**{"app.py": BAD})
    monkeypatch.chdir(git_repo.path)
    report = tmp_path / "report.json"
    assert main(["check", "--all", "--offline", "--quiet", f"--output=json={report}"]) == 1
    return report


def fingerprint(report: Path) -> str:
    findings = json.loads(report.read_bytes())["findings"]
    return str(next(one["fingerprint"] for one in findings if one["blocking"]))


def test_the_last_run_is_explained_by_a_few_characters(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["explain", fingerprint(judged)[:8]]) == 0
    told = capsys.readouterr().out
    assert "5 |     return subprocess.call(request.GET['c'], shell=True)" in told
    assert "security/shell-injection" in told
    assert "found by: " in told
    assert "severity: high, as the rule says" in told
    assert "it blocks: " in told


def test_a_finding_that_is_worth_less_than_its_rule_says_both(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.commit(**{"app.py": BAD.replace("request.GET['c']", "request")})
    monkeypatch.chdir(git_repo.path)
    assert main(["check", "--all", "--offline", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["explain", "app.py:5"]) == 0
    assert "severity: medium here; the rule says high" in capsys.readouterr().out


def test_a_report_of_anywhere_is_explained_as_data(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    arguments = ["explain", fingerprint(judged), "--report", str(judged), "--format", "json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["finding"]["path"] == "app.py"
    assert told["rule"]["id"] == "security/shell-injection"
    assert told["state"] == "findings"
    assert told["calls"] == []


def test_an_unknown_fingerprint_names_the_nearest(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = fingerprint(judged)
    wrong = known[:6] + ("0" if known[6] != "0" else "1")
    assert main(["explain", wrong]) == 2
    said = capsys.readouterr().err
    assert f"{known[:16]} security/shell-injection app.py:5" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["abcdef"], "no run of this folder is remembered"),
        (["abcdef", "--report", "none.json"], "No such file"),
        (["abcdef", "--report", "other.json"], "not a report of rlm-gate"),
        (["abcdef", "--report", "text.json"], "not a JSON report"),
        (["abcdef", "--report", "deep.json"], "not a JSON report"),
    ],
)
def test_what_tells_of_no_run_is_a_usage_error(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.json").write_text("{}")
    (tmp_path / "text.json").write_text("no")
    (tmp_path / "deep.json").write_text("[" * 50_000)
    assert main(["explain", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_who_accepted_a_finding_and_why_is_part_of_its_story(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "# rlm-gate: ignore[security/shell-injection] until=2999-01-01 -- behind the wall"
    git_repo.commit(**{"app.py": BAD.replace("True)", f"True)  {said}")})
    monkeypatch.chdir(git_repo.path)
    assert main(["check", "--all", "--offline", "--quiet", "--output=json=report.json"]) == 0
    (one,) = json.loads(Path("report.json").read_bytes())["suppressed"]
    capsys.readouterr()
    assert main(["explain", one["finding"]["fingerprint"]]) == 0
    assert (
        "it does not block: it is suppressed at app.py:5 until 2999-01-01: behind the wall"
        in capsys.readouterr().out
    )
