"""What a comment, an entry of the file form and one of the baseline accept, and what they don't."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import corpus, finding, rule, source

from rlm_gate.config import Accepting
from rlm_gate.core import (
    Acceptance,
    Coverage,
    Finding,
    Gap,
    Origin,
    RulePack,
    Severity,
    Span,
    Suppression,
)
from rlm_gate.policy.accepting import Question, Settled, settle
from rlm_gate.policy.decided import Policy

ID = "own/found"
RULE = replace(rule(ID), aliases=("own/once",))
ASKED = rule("own/asked", ask="chunk")
PACK = RulePack("own", "1", (RULE, ASKED))
TODAY = "2026-06-15"
TEXT = "one\ntwo\nthree\nfour\nfive\n"


def found(line: int = 2, path: str = "a.py", **more: Any) -> Finding:
    return replace(finding(ID, path, line, fingerprint=f"{line}"), **more)


def comment(**more: Any) -> Suppression:
    at = Span("a.py", 2, 2)
    return replace(
        Suppression(Acceptance.COMMENT, at, (ID,), reason="so", target=at, path="a.py"), **more
    )


def entry(**more: Any) -> Suppression:
    at = Span("suppressions", 3, 3)
    return replace(
        Suppression(Acceptance.FILE, at, (ID,), reason="so", patterns=(r"a\.py\Z",)), **more
    )


def known(line: int = 2, path: str = "a.py", number: int = 1, **more: Any) -> Suppression:
    at = Span("baseline", number, number)
    return replace(
        Suppression(Acceptance.BASELINE, at, (ID,), path=path, fingerprint=f"{line}"), **more
    )


def settled(
    findings: list[Finding],
    *written: Suppression,
    gaps: tuple[Gap, ...] = (),
    accepting: Accepting | None = None,
    **more: Any,
) -> Settled:
    question = Question(
        corpus=corpus(source("a.py", TEXT), source("src/a.py", TEXT)),
        packs=(PACK,),
        rules=PACK.rules,
        coverage=Coverage(2, 10, (), gaps=gaps),
        asked=False,
        complete=True,
        narrowed=False,
        findings=tuple(findings),
        suppressions=written,
    )
    policy = Policy(Severity.HIGH, accepting=accepting or Accepting(), today=TODAY)
    return settle(replace(question, **more), policy)


def kinds(outcome: Settled) -> list[str]:
    return [one.kind for one in outcome.notices]


@pytest.mark.parametrize(
    ("until", "holds"),
    [("", True), ("2026-06-14", False), ("2026-06-15", True), ("2027-01-01", True)],
)
def test_an_acceptance_holds_through_its_last_day(until: str, *, holds: bool) -> None:
    outcome = settled([found()], comment(until=until))
    assert bool(outcome.suppressed) is holds
    assert kinds(outcome) == ([] if holds else ["refused-suppression"])


@pytest.mark.parametrize(
    ("until", "holds"), [("", False), ("2026-06-25", True), ("2026-06-26", False)]
)
def test_the_longest_time_is_counted_to_the_day(until: str, *, holds: bool) -> None:
    outcome = settled([found()], comment(until=until), accepting=Accepting(max_days=10))
    assert bool(outcome.suppressed) is holds


@pytest.mark.parametrize("forbidden", ["own/found", "own"])
def test_what_the_policy_forbids_is_not_accepted_by_rule_or_pack(forbidden: str) -> None:
    accepting = Accepting(forbid_rules=(forbidden,))
    for written in (comment(), entry(), known()):
        outcome = settled([found()], written, accepting=accepting)
        assert (outcome.suppressed, outcome.baselined) == ((), ())
        assert outcome.findings == (found(),)
    [notice] = settled([], comment(), accepting=accepting).notices
    assert notice.kind == "refused-suppression"


def test_a_severity_that_the_policy_forbids_is_not_accepted() -> None:
    accepting = Accepting(forbid_severities=(Severity.CRITICAL,))
    grave = found(severity=Severity.CRITICAL)
    assert settled([grave], comment(), accepting=accepting).findings == (grave,)
    assert settled([found()], comment(), accepting=accepting).findings == ()


def test_a_reason_is_wanted_unless_the_policy_says_otherwise() -> None:
    assert settled([found()], comment(reason="")).findings
    free = Accepting(require_reason=False)
    assert not settled([found()], comment(reason=""), accepting=free).findings


@pytest.mark.parametrize(
    ("span", "accepted"),
    [
        pytest.param((2, 2), True, id="its line"),
        pytest.param((2, 4), True, id="begins there"),
        pytest.param((1, 2), True, id="ends there"),
        pytest.param((1, 3), False, id="goes over it"),
        pytest.param((3, 3), False, id="the next line"),
    ],
)
def test_a_comment_speaks_of_what_begins_or_ends_in_its_lines(
    span: tuple[int, int], *, accepted: bool
) -> None:
    outcome = settled([found(span=Span("a.py", *span))], comment())
    assert bool(outcome.suppressed) is accepted


def test_a_comment_speaks_of_its_own_file_and_rule() -> None:
    elsewhere, other = found(path="src/a.py"), found(rule_id="own/asked")
    outcome = settled([elsewhere, other], comment())
    assert outcome.suppressed == ()
    assert settled([found()], comment(rules=("own/once",))).suppressed


def test_an_entry_speaks_of_whole_paths_and_of_one_finding_if_it_names_it() -> None:
    outcome = settled([found(), found(path="src/a.py")], entry())
    assert [one.span.path for one in outcome.findings] == ["src/a.py"]
    outcome = settled([found(2), found(3)], entry(fingerprint="3"))
    assert [one.fingerprint for one in outcome.findings] == ["2"]


def test_of_two_acceptances_the_one_that_counts_is_taken() -> None:
    outcome = settled([found()], comment(until="2026-01-01"), entry())
    assert [one.by.kind for one in outcome.suppressed] == [Acceptance.FILE]


def test_an_entry_of_the_baseline_is_for_one_finding() -> None:
    twice = [found(), found(rule_id="own/asked")]  # of one fingerprint at one path
    assert len(settled(twice, known()).baselined) == 1
    assert len(settled(twice, known(number=1), known(number=2)).baselined) == 2
    [notice] = settled([found()], known(number=1), known(number=2)).notices
    assert notice.kind == "stale-baseline"
    assert "written twice" in notice.text


def test_an_entry_whose_file_is_there_is_for_no_other_file() -> None:
    moved = found(path="src/a.py")
    assert settled([moved], known()).findings == (moved,)
    outcome = settled([moved], known(path="gone.py"))
    assert outcome.findings == ()
    both = [moved, found(path="src/b.py")]
    assert len(settled(both, known(path="gone.py")).findings) == 1


def test_what_matched_at_its_place_takes_no_entry_of_a_file_that_is_gone() -> None:
    outcome = settled([found()], known(), known(path="gone.py"))
    assert [one.by.path for one in outcome.baselined] == ["a.py"]
    assert [(one.kind, "gone.py" in one.text) for one in outcome.notices] == [
        ("stale-baseline", True)
    ]


def test_a_refuted_finding_is_in_no_list_of_accepted_ones() -> None:
    refuted = frozenset({found().identity})
    for written in (comment(), known()):
        outcome = settled([found()], written, refuted=refuted)
        assert (outcome.suppressed, outcome.baselined, outcome.findings) == ((), (), ())
        assert kinds(outcome) == []


GAP = (Gap(ID, Span("a.py", 1, 5), "broke"),)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param({}, True, id="a whole run"),
        pytest.param({"complete": False}, False, id="interrupted"),
        pytest.param({"gaps": GAP}, False, id="not all judged"),
    ],
)
def test_what_nothing_needs_is_told_where_it_would_be_known(
    more: dict[str, Any], *, told: bool
) -> None:
    assert kinds(settled([], comment(), **more)) == (["unused-suppression"] if told else [])
    assert kinds(settled([], known(), **more)) == (["stale-baseline"] if told else [])


def test_of_a_part_of_the_tree_no_file_is_said_to_be_gone() -> None:
    gone = known(path="gone.py")
    assert kinds(settled([], gone)) == ["stale-baseline"]
    assert kinds(settled([], gone, narrowed=True)) == []
    assert kinds(settled([], gone, gaps=GAP)) == []
    assert kinds(settled([], entry(), narrowed=True)) == []
    assert kinds(settled([], known(), narrowed=True)) == ["stale-baseline"]


def test_what_a_model_found_is_missed_only_where_models_were_asked() -> None:
    by_model = known(rules=("own/asked",), origin=Origin.MODEL)
    by_code = known(rules=("own/asked",), origin=Origin.DETECTOR)
    assert kinds(settled([], by_model)) == []
    assert kinds(settled([], by_model, asked=True)) == ["stale-baseline"]
    assert kinds(settled([], by_code)) == ["stale-baseline"]


def test_a_name_that_nobody_knows_is_told_and_accepts_nothing() -> None:
    outcome = settled([found()], comment(rules=("own/unheard", ID)))
    assert outcome.suppressed
    assert kinds(outcome) == ["unknown-rule"]


def test_the_rules_of_the_gate_itself_are_known_without_a_pack() -> None:
    own = found(rule_id="gate/prompt-injection")
    outcome = settled([own], comment(rules=("gate/prompt-injection",)))
    assert len(outcome.suppressed) == 1
    assert kinds(outcome) == []


def test_an_entry_of_a_rule_that_its_pack_has_no_more_is_stale() -> None:
    gone = known(rules=("own/gone",))
    assert kinds(settled([], gone)) == ["stale-baseline"]
    assert kinds(settled([], gone, gaps=GAP)) == ["stale-baseline"], "no run could find it"
    assert kinds(settled([], known(rules=("other/gone",)))) == [], "that pack is not here"
    assert kinds(settled([], known(rules=("own/gone", "other/gone")))) == ["stale-baseline"]


def test_an_entry_of_a_file_outside_of_the_scope_is_not_stale() -> None:
    """It is in the tree, and nobody looked: left out as generated, for example."""
    judged = corpus(source("a.py", TEXT))
    beside = replace(judged, tree={**judged.tree, "made.py": TEXT})
    assert kinds(settled([], known(path="made.py"), corpus=beside)) == []


def test_what_only_models_find_is_not_missed_where_none_was_asked() -> None:
    written = comment(rules=("own/asked",))
    assert kinds(settled([], written)) == []
    assert kinds(settled([], written, asked=True)) == ["unused-suppression"]


def test_what_the_policy_forbids_is_refused_and_not_called_needless() -> None:
    accepting = Accepting(forbid_severities=(Severity.CRITICAL,))
    [notice] = settled([found(severity=Severity.CRITICAL)], comment(), accepting=accepting).notices
    assert notice.kind == "refused-suppression"
    assert notice.text == "the policy forbids to accept findings of severity critical"


@pytest.mark.parametrize(
    ("written", "more", "said"),
    [
        (comment(reason=""), {}, "add one: -- why this is"),
        (entry(reason=""), {}, "add one: reason: why this is"),
        (comment(), {"max_days": 10}, "at most 10 days: until=2026-06-25"),
        (entry(), {"max_days": 10}, "at most 10 days: until: 2026-06-25"),
        (comment(until="2026-06-14"), {}, "it expired on 2026-06-14; mend"),
    ],
)
def test_a_refusal_says_what_to_write_in_the_words_of_its_file(
    written: Suppression, more: dict[str, Any], said: str
) -> None:
    outcome = settled([found()], written, accepting=Accepting(**more))
    assert outcome.findings == (found(),)
    [notice] = outcome.notices
    assert said in notice.text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ((known(),), f"what {ID} found in a.py is no longer found; run"),
        ((known(), known(number=2)), f"what {ID} found in a.py is written twice; run"),
        (
            (known(rules=()), known(rules=(), number=2)),
            "what a rule found in a.py is written twice",
        ),
    ],
)
def test_a_stale_entry_is_told_by_its_rule_its_path_and_the_cause(
    written: tuple[Suppression, ...], said: str
) -> None:
    assert settled([], *written).notices[-1].text.startswith(said)


def test_a_change_says_nothing_of_baseline_entries_it_may_not_have_looked_at() -> None:
    part = corpus(source("a.py", TEXT, status="modified", changed=[(1, 1)]), kind="diff")
    assert kinds(settled([], known(), corpus=part)) == []
    assert kinds(settled([], known(path="gone.py"), corpus=part)) == []
