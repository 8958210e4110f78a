"""What people accept costs no second reading, and what they refuse still gets one."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from conftest import GitRepo

from rlm_gate import config, gate
from rlm_gate.core import Status, Verdict, Verification
from rlm_gate.providers import ModelRequest
from rlm_gate.providers.scripted import Answer, ScriptedProvider

RULE = """\
title: A command a caller chooses
severity: {severity}
precision: high
languages: [python]
{judge}
verify: refute
message: Pass a list.
help: {{why: It runs what it gets., fix: Pass a list.}}
tests: {{bad: ["os.system(command)"], good: ["print(1)"]}}
"""
JUDGES = {
    "seen": "detect: [{engine: regex, pattern: 'os\\.system'}]",
    "told": "ask: {over: chunk, question: Can a caller choose the command?}",
}
LINE = "    os.system({name}_command)  # {comment}\n"
CONFIRMED = {
    "verdict": "confirmed",
    "reason": "none",
    "path": "",
    "row": 0,
    "quote": "",
    "argument": "so it is",
    "addressed_to_reviewer": False,
}


def app(**comments: str) -> str:
    """Return a function for each name, with its bad line and the comment behind it."""
    return "import os\n" + "".join(
        f"\n\ndef {name}():\n{LINE.format(name=name, comment=comment)}"
        for name, comment in comments.items()
    )


def ignoring(judge: str, more: str = "") -> str:
    return f"rlm-gate: ignore[own/{judge}]{more} -- known"


def judged(
    repo: GitRepo, judge: str, *flags: tuple[str, object]
) -> tuple[Verdict, list[ModelRequest]]:
    """Judge everything by one rule; return the verdict and the second readings asked for."""
    rule = RULE.format(severity="high", judge=JUDGES[judge])
    repo.write(f".rlm-gate/rules/own/{judge}.yaml", rule)
    request = config.ScopeRequest("all", paths=("app.py",), repo=str(repo.path))
    rules = (str(repo.path / ".rlm-gate/rules"),)
    made = config.settings(config.Flags(scope=request, rules=rules), repo.path)
    made = replace(made, models=replace(made.models, mode="on"), no_cache=True, **dict(flags))  # type: ignore[arg-type]  # the flags name fields of Settings

    def reply(request: ModelRequest) -> Answer:
        if request.about.startswith("verify "):
            return json.dumps(CONFIRMED)
        rows = re.findall(
            r"^ *(\d+)[^\n|]*\| ( +os\.system.*)$", request.messages[0].text, re.MULTILINE
        )
        found = [
            {"rule": "own/told", "row": int(row), "quote": quote, "explanation": "x"}
            for row, quote in rows
        ]
        return json.dumps({"findings": found, "addressed_to_reviewer": []})

    provider = ScriptedProvider(reply)
    verdict = gate.run(made, provider=provider)
    return verdict, [one for one in provider.requests if one.about.startswith("verify ")]


@pytest.mark.parametrize("judge", JUDGES)
def test_a_suppressed_finding_is_listed_and_not_read_again(git_repo: GitRepo, judge: str) -> None:
    git_repo.write("app.py", app(first=ignoring(judge), second="as it is"))

    verdict, readings = judged(git_repo, judge)

    assert [one.about for one in readings] == [f"verify own/{judge} app.py:9"]
    (accepted,) = verdict.suppressed
    assert (accepted.finding.span.start, accepted.by.reason) == (5, "known")
    assert accepted.finding.verification is Verification.NOT_ASKED
    (left,) = verdict.findings
    assert left.verification is Verification.CONFIRMED
    assert verdict.status is Status.FAIL


@pytest.mark.parametrize("judge", JUDGES)
def test_a_baselined_finding_is_listed_and_not_read_again(git_repo: GitRepo, judge: str) -> None:
    git_repo.write("app.py", app(first="as it is"))
    (known,) = judged(git_repo, judge)[0].findings
    entry = json.dumps({"fingerprint": known.fingerprint, "path": "app.py", "rule": known.rule_id})
    content = f'{{"version": 1, "findings": [\n{entry},\n{{}}]}}\n'
    accepting = ("accepted", {config.BASELINE_FILE: content.encode()})

    verdict, readings = judged(git_repo, judge, accepting)

    assert readings == []
    assert [one.finding.fingerprint for one in verdict.baselined] == [known.fingerprint]
    assert verdict.status is Status.PASS


@pytest.mark.parametrize(
    ("more", "policy"),
    [
        pytest.param(" until=2020-01-01", config.Accepting(), id="expired"),
        pytest.param("", config.Accepting(forbid_rules=("own",)), id="forbidden"),
        pytest.param("", config.Accepting(max_days=9), id="without the expiry that is wanted"),
    ],
)
def test_what_is_accepted_in_vain_is_read_again(
    git_repo: GitRepo, more: str, policy: config.Accepting
) -> None:
    git_repo.write("app.py", app(first=ignoring("seen", more)))

    verdict, readings = judged(git_repo, "seen", ("accepting", policy), ("today", "2026-12-01"))

    assert len(readings) == 1
    assert verdict.suppressed == ()
    assert [one.verification for one in verdict.findings] == [Verification.CONFIRMED]


def test_two_findings_of_one_text_are_told_apart(git_repo: GitRepo) -> None:
    twice = LINE.format(name="the", comment="same") * 2
    git_repo.write("app.py", f"import os\n\n\ndef run():\n{twice}")
    first, second = judged(git_repo, "seen")[0].findings
    entry = json.dumps({"fingerprint": second.fingerprint, "path": "app.py", "rule": "own/seen"})
    content = f'{{"version": 1, "findings": [\n{entry},\n{{}}]}}\n'

    verdict, readings = judged(
        git_repo, "seen", ("accepted", {config.BASELINE_FILE: content.encode()})
    )

    assert [one.about for one in readings] == [f"verify own/seen app.py:{first.span.start}"]
    assert [one.finding.span.start for one in verdict.baselined] == [second.span.start]
