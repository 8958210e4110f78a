from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from builders import corpus, finding, rule, source

from rlm_gate.core import Budget, Confidence, Finding, Origin, Span, Verification
from rlm_gate.errors import ProviderError
from rlm_gate.providers import ModelReply
from rlm_gate.providers.scripted import Answer, ScriptedProvider
from rlm_gate.rlm import prices
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.grounding import Place
from rlm_gate.rlm.pace import Pace
from rlm_gate.rlm.refute import REASONS, again, case, is_code, request, verify
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


def voted(
    *replies: Answer, claim: Finding = CLAIM, limit: int | None = None
) -> tuple[Finding, int]:
    provider = ScriptedProvider(replies)
    pace = Pace(sleep=lambda _seconds: None)
    account = Account(Budget(max_calls=limit))
    with Caller(provider, account, prices.load(), pace=pace) as caller:
        (got,) = verify([claim], {claim.rule_id: rule()}, FILES, caller, MODEL)
    return got, len(provider.requests)


YES = answer(verdict="confirmed", reason="none", path="", row=0, quote="")
OPEN = answer(verdict="unclear", reason="none", path="", row=0, quote="", argument="run_command()?")


@pytest.mark.parametrize(
    ("second", "third", "outcome"),
    [
        (answer(), YES, Verification.CONFIRMED),
        (answer(), OPEN, Verification.UNCLEAR),
        (answer(), answer(), Verification.REFUTED),
        (OPEN, YES, Verification.CONFIRMED),
        (OPEN, answer(), Verification.REFUTED),
        (OPEN, ProviderError("refusal", "no"), Verification.UNCLEAR),
        (answer(), "prose", Verification.REFUTED),
    ],
)
def test_where_the_readers_differ_a_third_decides(
    second: Answer, third: Answer, outcome: Verification
) -> None:
    got, calls = voted(second, third)
    assert got.verification is outcome
    assert calls == 2


def test_two_who_agree_need_no_third() -> None:
    assert voted(YES, answer())[1] == 1


def test_the_budget_bounds_the_votes() -> None:
    got, calls = voted(OPEN, YES, limit=1)
    assert got.verification is Verification.UNCLEAR
    assert calls == 1


def test_the_third_reader_sees_the_argument_and_the_code_that_it_names() -> None:
    deep = corpus(
        source("app.py", APP.replace("trusted people", "people")),
        source("ways.py", "def only_from_cron(name):\n    return name == 'cron'\n"),
    )
    found = Surroundings(deep.tree)
    said = answer(argument="It depends on only_from_cron() and what calls it.")
    one = again(case(CLAIM, rule(), deep, found), ModelReply(said), deep, found)
    (message,) = request(one, MODEL).messages
    assert "You are the third." in message.text
    assert "It depends on only_from_cron()" in message.text
    assert "return name == 'cron'" in message.text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("guard of web/layout.py line 90", "mark 90", id="a line"),
        pytest.param("It hangs on layout.py.", "mark 1", id="the file"),
        pytest.param("It hangs on layout.py line 900.", "mark 1", id="no such line"),
    ],
)
def test_a_file_that_words_name_is_shown(said: str, shown: str) -> None:
    marks = "".join(f"# mark {number}\n" for number in range(1, 200))
    deep = corpus(source("app.py", APP), source("web/layout.py", marks), source("b/x.py", marks))
    one = case(replace(CLAIM, explanation=said), rule(), deep, Surroundings(deep.tree))
    (found,) = [part for why, part in one.context if why == "a file that was named"]
    assert found.path == "web/layout.py"
    assert f"# {shown}" in [row.text for row in found.rows]


def test_a_name_that_two_files_have_shows_neither() -> None:
    deep = corpus(source("app.py", APP), source("a/x.py", "1\n"), source("b/x.py", "2\n"))
    one = case(replace(CLAIM, explanation="See x.py."), rule(), deep, Surroundings(deep.tree))
    assert "a file that was named" not in [why for why, _ in one.context]


def test_the_steps_of_a_flow_are_shown_where_they_stand() -> None:
    claim = replace(CLAIM, flow=(Span("views.py", 5, 5), Span("app.py", 11, 11)))
    found = Surroundings(FILES.tree)
    headings = [why for why, _ in case(claim, rule(), FILES, found).context]
    assert "step 1 of the value's way" in headings
    assert "step 2 of the value's way" not in headings


@pytest.mark.parametrize(
    ("said", "expected"),
    [("refuted", Verification.UNCLEAR), ("confirmed", Verification.CONFIRMED)],
)
def test_who_was_shown_text_for_the_reviewer_can_confirm_and_not_refute(
    said: str, expected: Verification
) -> None:
    model = ScriptedProvider(lambda _request: answer(verdict=said))
    rules = {CLAIM.rule_id: rule()}
    with Caller(model, Account(Budget()), prices.load()) as caller:
        (plain,) = verify([CLAIM], rules, FILES, caller, MODEL)
        (got,) = verify([CLAIM], rules, FILES, caller, MODEL, flagged=lambda _block: True)
    assert plain.verification.value == said
    assert got.verification is expected


def test_lines_that_the_claim_names_are_rows_for_the_second_reader() -> None:
    long = corpus(
        source("app.py", "# a\n" * 40 + "\n" + APP, changed=[(52, 52)], status="modified")
    )
    claim = replace(
        CLAIM, span=Span("app.py", 52, 52), explanation="See line 52, not line 900 or b.py line 52."
    )
    one = case(claim, rule(), long, Surroundings(long.tree))
    (message,) = request(one, MODEL).messages
    row = one.shown.row(52)
    assert row not in {0, 52}
    assert f"See row {row}, not line 900 or b.py line 52." in message.text


def test_code_that_the_claim_names_is_shown_whole() -> None:
    body = "".join(f"    x{number} = {number}\n" for number in range(100))
    long = f"def create_context(name):\n{body}    return 'the line that decides'\n"
    deep = corpus(source("app.py", APP), source("made.py", long))
    claim = replace(CLAIM, explanation="Depends on create_context() switching it on.")
    one = case(claim, rule(), deep, Surroundings(deep.tree))
    (message,) = request(one, MODEL).messages
    assert "the line that decides" in message.text


def test_a_claim_about_a_removed_line_is_told_with_that_line_and_its_row() -> None:
    gone = "    if command == 'rm':\n        raise ValueError(command)"
    file = source("app.py", APP, status="modified", changed=[], removed=[(12, gone)])
    files = corpus(file, kind="diff")
    claim = replace(CLAIM, span=Span("app.py", 12, 12), quote="    if command == 'rm':")
    made = case(claim, rule(), files, Surroundings(files.tree))
    text = request(made, MODEL).messages[0].text
    row = next(n for n, one in enumerate(made.shown.rows, 1) if one.text == claim.quote)
    assert f"The evidence, row {row}:\n    if command == 'rm':\n" in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("The command is now run by anyone.", False),
        ("The command is run, see now().", True),
        ("The command is run after `now`.", True),
        ("The command is run after clock.now.", True),
    ],
)
def test_an_english_word_is_no_name_unless_it_is_written_like_one(said: str, shown: bool) -> None:
    files = corpus(source("app.py", APP), source("clock.py", "def now():\n    return 1\n"))
    made = case(replace(CLAIM, explanation=said), rule(), files, Surroundings(files.tree))
    assert ("definition of now" in [why for why, _ in made.context]) is shown


def test_a_plain_word_that_the_block_calls_is_a_name() -> None:
    files = corpus(
        source("app.py", APP.replace("os.system(command)", "launch(command)")),
        source("shell.py", "def launch(command):\n    return 1\n"),
    )
    claim = replace(CLAIM, explanation="What launch gets is not checked.")
    made = case(claim, rule(), files, Surroundings(files.tree))
    assert "definition of launch" in [why for why, _ in made.context]
