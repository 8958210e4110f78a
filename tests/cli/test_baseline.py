from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from builders import corpus, rule, source
from cli.conftest import Check, Cli, kinds, places
from conftest import GitRepo

from rlm_gate.baseline import render
from rlm_gate.cli import main
from rlm_gate.core import (
    Acceptance,
    Audit,
    Coverage,
    Gap,
    Origin,
    Severity,
    Span,
    Suppression,
    Usage,
)
from rlm_gate.policy import Evidence, Policy, judge

BASELINE = ".rlm-gate/baseline.json"

pytestmark = pytest.mark.usefixtures("december")


def entries(repo: GitRepo) -> list[Any]:
    text = (repo.path / BASELINE).read_text()
    return [one for one in json.loads(text)["findings"] if one]


def test_a_baseline_accepts_what_is_there_and_nothing_more(
    git_repo: GitRepo, cli: Cli, check: Check
) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN one\n"})
    assert check()[0] == 1

    assert cli("baseline", "create", "--offline").code == 0

    code, report = check()
    assert (code, places(report), len(report["baselined"])) == (0, [], 1)
    git_repo.write("a.txt", "FORBIDDEN one\nFORBIDDEN two\n")
    code, report = check()
    assert (code, places(report)) == (1, ["a.txt:2"])
    assert check("--staged")[0] == 0


def test_a_fixed_finding_hides_no_new_one_of_the_same_text(
    git_repo: GitRepo, cli: Cli, check: Check
) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN x\n"})
    cli("baseline", "create", "--offline")
    git_repo.write("a.txt", "peace\n")
    git_repo.write("b.txt", "FORBIDDEN x\nFORBIDDEN x\n")

    code, report = check()

    assert (code, places(report)) == (1, ["b.txt:1", "b.txt:2"])
    assert kinds(report) == [("stale-baseline", 2)]


def test_an_entry_follows_a_renamed_file_one_for_one(
    git_repo: GitRepo, cli: Cli, check: Check
) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN x\n"})
    cli("baseline", "create", "--offline")
    git_repo.git("mv", "a.txt", "b.txt")
    assert check()[0] == 0

    git_repo.write("c.txt", "FORBIDDEN x\n")
    code, report = check()

    assert (code, len(report["findings"]), len(report["baselined"])) == (1, 1, 1)
    (git_repo.path / "c.txt").unlink()
    assert cli("baseline", "update", "--offline").code == 0
    assert [one["path"] for one in entries(git_repo)] == ["b.txt"]


def test_create_replaces_no_baseline_unasked(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN\n"})
    cli("baseline", "create", "--offline")

    refused = cli("baseline", "create", "--offline")

    assert refused.code == 2
    assert "baseline update" in refused.err
    assert cli("baseline", "create", "--offline", "--force").code == 0


def test_prune_takes_out_what_is_gone_and_adds_nothing(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN one\n", "b.txt": "FORBIDDEN two\n"})
    cli("baseline", "create", "--offline")
    assert cli("baseline", "check", "--offline").code == 0
    git_repo.write("a.txt", "FORBIDDEN three\n")

    stale = cli("baseline", "check", "--offline")

    assert stale.code == 1
    assert f"{BASELINE}:2: what words/forbidden found in a.txt is no longer found" in stale.out
    assert cli("baseline", "prune", "--offline").code == 0
    assert [one["path"] for one in entries(git_repo)] == ["b.txt"]
    assert cli("baseline", "check", "--offline").code == 0


def test_what_a_run_did_not_judge_is_not_stale(git_repo: GitRepo, cli: Cli, check: Check) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN one\n", "b.txt": "FORBIDDEN two\n"})
    cli("baseline", "create", "--offline")
    git_repo.write("a.txt", "peace\n")

    assert kinds(check("b.txt")[1]) == []
    assert kinds(check("--staged")[1]) == []
    assert kinds(check("a.txt")[1]) == [("stale-baseline", 2)]


@pytest.mark.parametrize("union", [True, False], ids=["merge=union", "conflict"])
def test_two_branches_baselines_merge(
    git_repo: GitRepo, cli: Cli, check: Check, *, union: bool
) -> None:
    attributes = f"{BASELINE} merge=union\n" if union else ""
    git_repo.commit(**{".gitattributes": attributes, "a.txt": "FORBIDDEN base\n"})
    cli("baseline", "create", "--offline")
    git_repo.commit()
    git_repo.git("checkout", "-q", "-b", "other")
    for branch, name in (("other", "m.txt"), ("main", "n.txt")):
        git_repo.git("checkout", "-q", branch)
        git_repo.write(name, f"FORBIDDEN {branch}\n")
        cli("baseline", "update", "--offline")
        git_repo.commit()
    try:
        git_repo.git("merge", "-q", "other")
    except subprocess.CalledProcessError:
        assert not union
        code, error = check()
        assert code == 2
        assert f"{BASELINE}:3:1: a merge left its marks here" in error
        assert "baseline update" in error
    assert cli("baseline", "update", "--offline").code == 0
    assert sorted(one["path"] for one in entries(git_repo)) == ["a.txt", "m.txt", "n.txt"]
    assert check()[0] == 0


def test_entries_are_one_a_line_sorted_and_without_line_numbers(
    git_repo: GitRepo, cli: Cli
) -> None:
    git_repo.commit(**{"b.txt": "FORBIDDEN\n", "a.txt": "FORBIDDEN 2\n\nFORBIDDEN 1\n"})
    cli("baseline", "create", "--offline")
    head, *lines, tail = (git_repo.path / BASELINE).read_text().splitlines()
    assert (head, tail) == ('{"version": 1, "findings": [', "{}]}")
    assert [json.loads(line.rstrip(","))["path"] for line in lines] == ["a.txt", "a.txt", "b.txt"]
    assert set(json.loads(lines[0].rstrip(","))) == {"fingerprint", "origin", "path", "rule"}


def test_the_policy_can_forbid_to_accept_a_rule(git_repo: GitRepo, cli: Cli, check: Check) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN\n"})
    cli("baseline", "create", "--offline")
    git_repo.write(".rlm-gate.yaml", "suppressions: {forbid_rules: [words]}\n")

    code, report = check()

    assert (code, places(report)) == (1, ["a.txt:1"])
    done = cli("baseline", "create", "--offline", "--force")
    assert "1 left out" in done.out
    assert entries(git_repo) == []


def test_a_secret_is_not_accepted_where_the_policy_forbids_it_nor_written_down(
    git_repo: GitRepo, cli: Cli
) -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:36]
    git_repo.commit(**{"a.txt": f"FORBIDDEN {token}\n"})
    cli("baseline", "create", "--offline")
    assert len(entries(git_repo)) == 1
    assert token not in (git_repo.path / BASELINE).read_text()


def test_an_entry_that_was_written_twice_is_said_and_update_keeps_it_once(
    git_repo: GitRepo, cli: Cli, check: Check
) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN one\n"})
    cli("baseline", "create", "--offline")
    head, entry, *rest = (git_repo.path / BASELINE).read_text().splitlines(keepends=True)
    git_repo.write(BASELINE, "".join([head, entry, entry, *rest]))

    assert kinds(check()[1]) == [("stale-baseline", 3)]
    doubled = cli("baseline", "check", "--offline")
    assert doubled.code == 1
    assert f"{BASELINE}:3: what words/forbidden found in a.txt is written twice" in doubled.out
    assert cli("baseline", "update", "--offline").code == 0
    assert len(entries(git_repo)) == 1
    assert cli("baseline", "check", "--offline").code == 0


def test_a_merge_that_doubled_the_lines_is_mended_too(git_repo: GitRepo, cli: Cli) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN one\n"})
    cli("baseline", "create", "--offline")
    text = (git_repo.path / BASELINE).read_text()
    git_repo.write(BASELINE, f"<<<<<<< a\n{text}=======\n{text}>>>>>>> b\n")

    assert cli("baseline", "update", "--offline").code == 0
    assert len(entries(git_repo)) == 1


def test_what_is_written_has_each_entry_once() -> None:
    entry = Suppression(
        Acceptance.BASELINE, Span(BASELINE, 0, 0), ("own/a",), path="a.py", fingerprint="0" * 64
    )
    assert render([entry, entry]) == render([entry])


def test_what_a_model_found_is_not_stale_after_a_run_without_one(
    git_repo: GitRepo, cli: Cli, pack: Path
) -> None:
    rule = (pack / "forbidden.yaml").read_text()
    asks = f"{rule}ask: {{over: chunk, question: Is this word meant?}}\n"
    (pack / "both.yaml").write_text(asks)
    git_repo.commit(**{"a.txt": "peace\n"})
    for origin, stale in (("model", []), ("detector", [2])):
        entry = {"fingerprint": "0" * 64, "path": "a.txt", "rule": "words/both", "origin": origin}
        text = f'{{"version": 1, "findings": [\n{json.dumps(entry)},\n{{}}]}}\n'
        git_repo.write(BASELINE, text)
        done = cli("check", "--all", "--offline", "--format=json")
        assert [line for _, line in kinds(json.loads(done.out))] == stale, origin


def test_an_entry_is_not_stale_where_its_rule_could_not_be_judged() -> None:
    entry = Suppression(
        Acceptance.BASELINE,
        Span(BASELINE, 2, 2),
        ("security/example",),
        path="a.py",
        fingerprint="f",
        origin=Origin.DETECTOR,
    )
    for gaps, said in (((), 1), ((Gap("security/example", Span("a.py", 1, 1), "broke"),), 0)):
        notices = judge(evidence(gaps, entry), Policy(Severity.HIGH)).notices
        assert [one.kind for one in notices] == ["stale-baseline"] * said


def test_a_suppression_by_path_is_not_unused_where_its_rule_could_not_be_judged() -> None:
    entry = Suppression(
        Acceptance.FILE,
        Span(".rlm-gate/suppressions.yaml", 2, 2),
        ("security/example",),
        reason="known",
        patterns=(r"^legacy/",),
    )
    for gaps, said in (((), 1), ((Gap("security/example", Span("a.py", 1, 1), "broke"),), 0)):
        notices = judge(evidence(gaps, entry), Policy(Severity.HIGH)).notices
        assert [one.kind for one in notices] == ["unused-suppression"] * said


def evidence(gaps: tuple[Gap, ...], entry: Suppression) -> Evidence:
    return Evidence(
        corpus=corpus(source("a.py", "x = 1\n")),
        packs=(),
        rules=(rule(),),
        findings=(),
        skips=(),
        coverage=Coverage(1, 1, (), gaps),
        audit=Audit("offline"),
        usage=Usage(),
        suppressions=(entry,),
    )


def test_one_entry_is_called_an_entry(
    git_repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.commit(**{"a.py": "print(1)\n"})
    known = git_repo.path / ".rlm-gate" / "baseline.json"
    entry = '{"fingerprint": "' + "1" * 64 + '", "path": "a.py"}'
    git_repo.write(str(known.relative_to(git_repo.path)), "{}")
    for lines, said in (([], "0 entries"), ([entry], "1 entry,"), ([entry, entry], "2 entries")):
        body = "".join(f"{line},\n" for line in lines)
        known.write_text('{"version": 1, "findings": [\n' + body + "{}]}\n")
        main(["baseline", "check", "--repo", str(git_repo.path), "--offline"])
        assert said in capsys.readouterr().out
