"""Two rules that say the same of one place: one word, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Cli
from conftest import GitRepo

Check = Callable[..., tuple[int, Any]]

ALL = ("--all", "--offline")
WEAK, STRONG = "own/weak", "own/strong"
RULE = """\
title: {name}
severity: {severity}
precision: high
languages: [any]
detect: [{{engine: regex, pattern: '{pattern}'}}]
message: Take the word out.
help: {{why: The test says so., fix: Take it out.}}
tests: {{bad: ["{word}"], good: ["peace"]}}
yields_to: [{yields}]
"""


@pytest.fixture(autouse=True)
def own(git_repo: GitRepo, tmp_path: Path) -> Path:
    """The two rules; in the repository a line on which both speak, and one for the weak one."""
    folder = tmp_path / "rules" / "own"
    folder.mkdir(parents=True)
    write(folder, "weak", "medium", "SECRET", STRONG)
    write(folder, "strong", "high", "KEY = SECRET")
    git_repo.commit(**{"a.txt": "KEY = SECRET\nSECRET\n"})
    return folder


@pytest.fixture
def check(cli: Cli, own: Path) -> Check:
    """Judge everything by the two rules; return the exit code and the report."""

    def call(*flags: str) -> tuple[int, Any]:
        done = cli("check", *ALL, f"--rules={own}", "--format=json", *flags)
        return done.code, json.loads(done.out) if done.out else done.err

    return call


def write(folder: Path, name: str, severity: str, word: str, yields: str = "") -> None:
    text = RULE.format(name=name, severity=severity, pattern=word, word=word, yields=yields)
    (folder / f"{name}.yaml").write_text(text)


def said(report: Any) -> list[tuple[str, int, list[str]]]:
    return [(one["rule"], one["start_line"], one["also_matched"]) for one in report["findings"]]


def test_the_stronger_word_stays_and_names_the_other(check: Check) -> None:
    code, report = check()
    assert (code, said(report)) == (1, [(STRONG, 1, [WEAK]), (WEAK, 2, [])])


def test_text_and_sarif_name_the_other_rule(own: Path, cli: Cli) -> None:
    assert f"also matched by {WEAK}" in cli("check", *ALL, f"--rules={own}").out
    log = json.loads(cli("check", *ALL, f"--rules={own}", "--format=sarif").out)
    [first, _] = log["runs"][0]["results"]
    assert first["properties"]["alsoMatched"] == [WEAK]


def test_without_the_stronger_rule_nothing_is_lost(check: Check) -> None:
    for flags in (("--ignore", STRONG), ("--select", WEAK)):
        _, report = check(*flags)
        assert said(report) == [(WEAK, 1, []), (WEAK, 2, [])]


def test_what_suppresses_the_stronger_leaves_the_weaker(git_repo: GitRepo, check: Check) -> None:
    git_repo.commit(**{"a.py": f"# rlm-gate: ignore[{STRONG}] -- no key\nx = 'KEY = SECRET'\n"})
    _, report = check("a.py")
    assert said(report) == [(WEAK, 2, [])]
    assert [one["finding"]["rule"] for one in report["suppressed"]] == [STRONG]


def test_what_suppresses_the_weaker_leaves_the_stronger_and_is_used(
    git_repo: GitRepo, check: Check
) -> None:
    git_repo.commit(**{"a.py": f"# rlm-gate: ignore[{WEAK}] -- no secret\nx = 'KEY = SECRET'\n"})
    _, report = check("a.py")
    assert said(report) == [(STRONG, 2, [])]
    assert report["notices"] == []


def test_one_comment_may_name_both(git_repo: GitRepo, check: Check) -> None:
    git_repo.commit(
        **{"a.py": f"# rlm-gate: ignore[{STRONG}, {WEAK}] -- mine\nx = 'KEY = SECRET'\n"}
    )
    code, report = check("a.py")
    assert (code, said(report)) == (0, [])


def test_a_baseline_of_what_was_shown_holds_for_both(
    git_repo: GitRepo, own: Path, cli: Cli, check: Check
) -> None:
    assert cli("baseline", "create", "--offline", f"--rules={own}").code == 0
    stored = json.loads((git_repo.path / ".rlm-gate/baseline.json").read_text())
    assert [one["rule"] for one in stored["findings"] if one] == [STRONG, WEAK]
    code, report = check()
    assert (code, said(report), report["notices"]) == (0, [], [])
    assert [one["finding"]["also_matched"] for one in report["baselined"]] == [[WEAK], []]


def test_a_finding_yields_to_none_that_weighs_less(own: Path, check: Check) -> None:
    write(own, "strong", "low", "KEY = SECRET")
    _, report = check()
    assert said(report) == [(STRONG, 1, []), (WEAK, 1, []), (WEAK, 2, [])]


def test_other_text_of_the_same_line_is_another_matter(git_repo: GitRepo, check: Check) -> None:
    git_repo.commit(**{"a.txt": "SECRET and then KEY = SECRET\n"})
    _, report = check()
    assert said(report) == [(WEAK, 1, []), (STRONG, 1, [])]


def test_a_word_passes_through_one_that_yields_itself(
    git_repo: GitRepo, own: Path, check: Check
) -> None:
    write(own, "least", "low", "SECRET", WEAK)
    git_repo.commit(**{"a.txt": "KEY = SECRET\n"})
    _, report = check()
    assert said(report) == [(STRONG, 1, ["own/least", WEAK])]


@pytest.mark.parametrize(
    ("yields", "wrong"),
    [
        ("own/stron", "yields_to: no rule is called 'own/stron'; did you mean 'own/strong'?"),
        ("own/weak", "yields_to: 'own/weak' yields to this rule; one of the two must stay"),
        ("own/strong", "yields_to: 'own/strong' yields to this rule; one of the two must stay"),
        ("strong", "yields_to[0]"),
    ],
)
def test_a_name_that_means_nothing_and_a_circle_are_refused(
    own: Path, check: Check, yields: str, wrong: str
) -> None:
    write(own, "strong", "high", "KEY = SECRET", yields)
    code, text = check()
    assert code == 2
    assert wrong in text


def test_a_rule_of_a_pack_that_is_not_loaded_may_be_named(own: Path, check: Check) -> None:
    write(own, "weak", "medium", "SECRET", "elsewhere/strong")
    _, report = check()
    assert said(report) == [(STRONG, 1, []), (WEAK, 1, []), (WEAK, 2, [])]
