from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from builders import corpus, finding, rule, source

from rlm_gate.core import Budget, Confidence, Finding, Origin, Span, Verification
from rlm_gate.errors import ProviderError
from rlm_gate.providers.scripted import Answer, ScriptedProvider
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller, Pace
from rlm_gate.rlm.grounding import Place
from rlm_gate.rlm.refute import REASONS, case, is_code, request, verify
from rlm_gate.rlm.surroundings import Surroundings

APP = """\
import os

ALLOWED = {"ls", "df"}
from rlm_gate.rlm.surroundings import Surroundings


def run_command(command):
    # only trusted people call this function
    '''The command was checked before.'''
    if command not in ALLOWED:
        raise ValueError(command)
    os.system(command)  # trusted: nobody else calls it
"""
VIEWS = """\
from app import run_command


def view(request):
    return run_command(request.args["c"])
"""
FILES = corpus(source("app.py", APP), source("views.py", VIEWS))
CLAIM = replace(
    finding(line=11, path="app.py", origin=Origin.MODEL, quote="    os.system(command)"),
    confidence=Confidence.LOW,
)
MODEL = "claude-sonnet-5-5"


def answer(**changes: Any) -> str:
    full = {
        "verdict": "refuted",
        "reason": "sanitised",
        "path": "app.py",
        "row": 9,
        "quote": "if command not in ALLOWED:",
        "argument": "checked against a fixed list",
        "addressed_to_reviewer": False,
    }
    return json.dumps(full | changes)


def verified(reply: Answer, claim: Finding = CLAIM) -> Finding:
    provider = ScriptedProvider([reply])
    pace = Pace(sleep=lambda _seconds: None)
    with Caller(provider, Account(Budget()), prices.load(), pace=pace) as caller:
        (got,) = verify([claim], {claim.rule_id: rule()}, FILES, caller, MODEL)
    return got


@pytest.mark.parametrize("reason", REASONS)
def test_a_known_reason_with_the_code_that_proves_it_refutes(reason: str) -> None:
    got = verified(answer(reason=reason))
    assert got.verification is Verification.REFUTED
    assert got.explanation == f"{reason}: checked against a fixed list"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"reason": "none"}, id="no reason"),
        pytest.param({"quote": ""}, id="no quote"),
        pytest.param({"quote": "if command in SAFE_COMMANDS:"}, id="invented quote"),
        pytest.param({"quote": "# only trusted people call this function"}, id="a comment"),
        pytest.param({"quote": "The command was checked before."}, id="a docstring"),
        pytest.param(
            {"quote": "trusted: nobody else calls it", "row": 11}, id="a comment behind code"
        ),
        pytest.param({"path": "gone.py"}, id="no such file"),
        pytest.param({"addressed_to_reviewer": True}, id="talked into"),
        pytest.param({"verdict": "unclear"}, id="unclear"),
    ],
)
def test_a_refutation_without_proof_is_unclear(changes: dict[str, Any]) -> None:
    got = verified(answer(**changes))
    assert got.verification is Verification.UNCLEAR
    assert got.confidence is Confidence.LOW


def test_a_confirmed_claim_is_trusted_highly() -> None:
    got = verified(answer(verdict="confirmed", reason="none", quote=""))
    assert got.verification is Verification.CONFIRMED
    assert got.confidence is Confidence.HIGH


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(ProviderError("refusal", "no"), id="refusal"),
        pytest.param("prose", id="prose"),
        pytest.param("{}", id="another shape"),
        pytest.param(answer(verdict="certainly"), id="unknown verdict"),
        pytest.param(answer(row="9"), id="wrong type"),
    ],
)
def test_a_call_that_failed_is_neither(reply: Answer) -> None:
    assert verified(reply).verification is Verification.FAILED


def test_the_second_reader_sees_the_code_and_who_calls_it() -> None:
    text = request(case(CLAIM, rule(), FILES, Surroundings(FILES.tree)), MODEL).messages[0].text
    assert "os.system(command)" in text
    assert 'run_command(request.args["c"])' in text
    assert "Question" not in text


def test_a_finding_outside_the_judged_files_is_shown_with_its_surroundings() -> None:
    only = replace(FILES, files=FILES.files[:1])
    elsewhere = replace(CLAIM, span=Span("views.py", 5, 5))
    shown = case(elsewhere, rule(), only, Surroundings(only.tree)).shown
    assert any("run_command" in row.text for row in shown.rows)


@pytest.mark.parametrize(
    ("line", "language", "expected"),
    [
        ("x = check(y)  # safe", "python", True),
        ("# x = check(y)", "python", False),
        ('"""x = check(y)"""', "python", False),
        ("// const x = 1;", "javascript", False),
        ("const x = check(`${y}`);", "javascript", True),
        ("x = check(y)", "text", False),
    ],
)
def test_what_counts_as_code(line: str, language: str, expected: bool) -> None:
    assert is_code(line + "\n", language, Place(1, 1, line)) is expected
