"""What the root is given of an audit, and what a playbook is not."""

from __future__ import annotations

from builders import corpus, finding, rule, source

from rlm_gate.core import Corpus, Origin
from rlm_gate.rlm.flagged import Flagged
from rlm_gate.rlm.given import variables
from rlm_gate.rlm.job import Job, Limits
from rlm_gate.rlm.ledger import Judges, Ledger

FLOW = rule("own/flow", ask="corpus")
SHARP = rule("own/sharp", ask="chunk")
APP = "@app.route('/x')\ndef show(request):\n    return 1\n"


def job_about(judged: Corpus, *never_send: str) -> Job:
    def applies(*_of: object) -> str:
        return ""

    rules = (FLOW, SHARP)
    judges = Judges(lambda _rule, _file: (), frozenset())
    return Job(
        corpus=judged,
        rules=rules,
        candidates=(),
        applies=applies,
        ledger=Ledger(judged, rules, applies, judges),
        limits=Limits(3, 1.0, allow_reduced_sandbox=False, ci=False, never_send=never_send),
        progress=lambda _phase, _done, _all: None,
        flagged=Flagged(judged),
    )


def test_of_a_whole_audit_the_root_is_given_the_ways_in_and_a_playbook_none() -> None:
    job = job_about(corpus(source("app.py", APP)))
    asked = variables(job, (FLOW,), (), ())
    assert asked["entries"] == [["app.py", 1, "@app.route('/x')"]]
    assert [one["id"] for one in asked["rules"]] == ["own/flow"]
    assert [one["id"] for one in asked["sharp"]] == ["own/sharp"]
    assert asked["diff"] == ""

    played = variables(job, (), (), ())
    assert (played["entries"], played["rules"], played["sharp"]) == ([], [], [])
    assert played["changed"] == asked["changed"] == [["app.py", 1, 3]]


def test_a_change_is_given_as_its_rows_and_without_ways_in() -> None:
    file = source("app.py", APP, status="modified", changed=[(2, 2)], removed=[(1, "old = 1")])
    given = variables(job_about(corpus(file, kind="diff")), (FLOW,), (), ())
    assert given["entries"] == []
    assert given["changed"] == [["app.py", 1, 2]]  # the line above is where one went
    assert given["removed"] == [["app.py", 1, "old = 1"]]
    assert "=== app.py (modified)" in given["diff"]


def test_what_must_never_be_sent_is_in_nothing_that_is_given() -> None:
    files = (source("app.py", APP), source("keep/own.py", APP))
    given = variables(job_about(corpus(*files), "keep/"), (FLOW,), (), ())
    assert [path for path, *_ in given["entries"]] == ["app.py"]
    assert "keep/own.py" not in repr(given)


def test_a_candidate_quotes_what_was_removed_and_not_the_line_that_it_stood_behind() -> None:
    gone = "    if not allowed(user):\n        raise KeyError"
    file = source("app.py", APP, status="modified", changed=[], removed=[(2, gone)])
    claim = finding(line=2, path="app.py", origin=Origin.MODEL, quote="    if not allowed(user):")
    (told,) = variables(job_about(corpus(file, kind="diff")), (FLOW,), (claim,), ())["candidates"]
    assert told["quote"] == "    if not allowed(user):"
