"""What people accept by a comment or in the file form, and what may block where."""

from __future__ import annotations

import pytest
from cli.conftest import Check, Cli, kinds, places
from conftest import GitRepo

pytestmark = pytest.mark.usefixtures("december")
SAID = "# rlm-gate: ignore[words/forbidden]"


def test_a_comment_with_rule_and_reason_suppresses(git_repo: GitRepo, check: Check) -> None:
    git_repo.commit(**{"a.py": f"{SAID} until=2027-01-31 -- a name\nFORBIDDEN = 1\n"})
    code, report = check()
    assert (code, places(report), kinds(report)) == (0, [], [])
    (one,) = report["suppressed"]
    assert one["by"]["reason"] == "a name"
    assert one["finding"]["start_line"] == 2


@pytest.mark.parametrize(
    ("comment", "config", "said"),
    [
        (f"{SAID} until=2026-11-30 -- a name", "", "it expired on 2026-11-30"),
        (SAID, "", "it has no reason"),
        (f"{SAID} -- a name", "max_days: 30", "an expiry of at most 30 days: until=2026-12-31"),
        (f"{SAID} until=2027-01-01 -- x", "max_days: 30", "an expiry of at most 30 days"),
        (f"{SAID} -- a name", "forbid_rules: [words/forbidden]", "forbids to accept words/"),
        (f"{SAID} -- a name", "forbid_severities: [high]", "findings of severity high"),
        ("# rlm-gate: ignore[words/other] -- a name", "", "no rule 'words/other' is known"),
        ("# rlm-gate: ignore -- a name", "", "no rule, or the reason"),
    ],
)
def test_a_suppression_that_does_not_count_lets_the_finding_block_and_is_said(
    git_repo: GitRepo, cli: Cli, check: Check, comment: str, config: str, said: str
) -> None:
    git_repo.commit(**{"a.py": f"x = 1\nFORBIDDEN = 1  {comment}\n"})
    git_repo.write(".rlm-gate.yaml", f"suppressions: {{{config}}}\n")

    code, report = check()

    assert (code, places(report), report["suppressed"]) == (1, ["a.py:2"], [])
    assert [said in one["text"] for one in report["notices"]] == [True]
    assert f"a.py:2: {report['notices'][0]['text']}" in cli("check", "--all", "--offline").out


def test_a_reason_is_not_needed_where_the_policy_says_so(git_repo: GitRepo, check: Check) -> None:
    git_repo.commit(**{"a.py": f"FORBIDDEN = 1  {SAID}\n"})
    git_repo.write(".rlm-gate.yaml", "suppressions: {require_reason: false}\n")
    assert check()[0] == 0


def test_an_unused_suppression_is_said_where_the_run_could_know(
    git_repo: GitRepo, check: Check
) -> None:
    git_repo.commit(**{"a.py": f"x = 1  {SAID} -- was needed once\n", "b.py": "x = 1\n"})
    code, report = check()
    assert (code, kinds(report)) == (0, [("unused-suppression", 1)])
    git_repo.write("b.py", "x = 2\n")
    assert kinds(check("--diff", "HEAD")[1]) == []


FILE = """\
suppressions:
  - rule: words/forbidden
    path: legacy/
    reason: goes away with the module
    owner: "@data"
    until: 2027-01-31
  - {rule: words/forbidden, path: gone/, reason: was needed once}
"""


def test_the_file_form_suppresses_by_path_and_is_watched_too(
    git_repo: GitRepo, check: Check
) -> None:
    git_repo.commit(**{"legacy/a.txt": "FORBIDDEN\n", "a.txt": "FORBIDDEN\n"})
    git_repo.write(".rlm-gate/suppressions.yaml", FILE)
    code, report = check()
    assert (code, places(report)) == (1, ["a.txt:1"])
    assert report["suppressed"][0]["by"]["owner"] == "@data"
    assert kinds(report) == [("unused-suppression", 7)]
    assert check("--rev", "HEAD")[1]["suppressed"]


def test_mistakes_in_the_file_form_are_errors_with_their_places(
    git_repo: GitRepo, check: Check
) -> None:
    git_repo.commit(**{"a.txt": "x\n"})
    git_repo.write(
        ".rlm-gate/suppressions.yaml",
        "suppressions:\n  - {rule: words/forbidden, path: a, until: soon}\n",
    )
    code, error = check()
    assert code == 2
    assert ".rlm-gate/suppressions.yaml:2:45: 'soon' is no date" in error


@pytest.mark.parametrize(
    ("config", "flags", "code"),
    [
        ("fail_on: {default: high, words: critical}", (), 0),
        ("fail_on: {default: never, words: low}", (), 1),
        ("fail_on: {words: low}", (), 1),
        ("overrides: [{paths: ['*.txt'], fail_on: never}]", (), 0),
        ("overrides: [{paths: ['*.py'], fail_on: never}]", (), 1),
        ("fail_on: never\noverrides: [{paths: [a.txt], fail_on: {words: high}}]", (), 1),
        ("fail_on: {words: critical}", ("--fail-on=high",), 1),
        ("overrides: [{paths: [a.txt], fail_on: never}]", ("--fail-on=high",), 1),
        ("overrides: [{paths: [a.txt], severity: {words: low}}]", (), 0),
    ],
)
def test_thresholds_by_run_pack_and_path(
    git_repo: GitRepo, check: Check, config: str, flags: tuple[str, ...], code: int
) -> None:
    git_repo.commit(**{"a.txt": "FORBIDDEN\n"})
    git_repo.write(".rlm-gate.yaml", f"{config}\n")
    assert check("--all", *flags)[0] == code
