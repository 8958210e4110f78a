from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from builders import corpus, finding, rule, source

from rlm_gate.config import Override
from rlm_gate.core import (
    Acceptance,
    Audit,
    Coverage,
    Finding,
    Gap,
    Notice,
    Origin,
    RulePack,
    Severity,
    Skip,
    Span,
    Status,
    Suppression,
    Usage,
    Verdict,
    Verification,
)
from rlm_gate.policy import Evidence, Policy, judge, narrow

HIGH = Policy(Severity.HIGH)
# Design §7.6, written out again: (origin, verification) -> status of a run with that one finding,
# and whether the finding is listed as refuted.
TABLE = [
    (Origin.DETECTOR, Verification.NOT_ASKED, Status.FAIL, False),
    (Origin.DETECTOR, Verification.CONFIRMED, Status.FAIL, False),
    (Origin.DETECTOR, Verification.REFUTED, Status.PASS, False),
    (Origin.DETECTOR, Verification.UNCLEAR, Status.FAIL, False),
    (Origin.DETECTOR, Verification.FAILED, Status.FAIL, False),
    (Origin.IMPORTED, Verification.NOT_ASKED, Status.FAIL, False),
    (Origin.IMPORTED, Verification.CONFIRMED, Status.FAIL, False),
    (Origin.IMPORTED, Verification.REFUTED, Status.PASS, False),
    (Origin.IMPORTED, Verification.UNCLEAR, Status.FAIL, False),
    (Origin.IMPORTED, Verification.FAILED, Status.FAIL, False),
    (Origin.MODEL, Verification.NOT_ASKED, Status.PASS, False),
    (Origin.MODEL, Verification.CONFIRMED, Status.FAIL, False),
    (Origin.MODEL, Verification.REFUTED, Status.PASS, True),
    (Origin.MODEL, Verification.UNCLEAR, Status.PASS, False),
    (Origin.MODEL, Verification.FAILED, Status.INCONCLUSIVE, False),
]


def verdict(
    *findings: Finding,
    policy: Policy = HIGH,
    skips: tuple[Skip, ...] = (),
    missing: int = 0,
    usage: Usage | None = None,
    suppressions: tuple[Suppression, ...] = (),
) -> Verdict:
    places = (Span("a.py", line, line) for line in range(1, missing + 1))
    gaps = tuple(Gap("security/example", place, "budget", required=True) for place in places)
    evidence = Evidence(
        corpus=corpus(),
        packs=(),
        rules=(rule(),),
        findings=findings,
        skips=skips,
        coverage=Coverage(0, 0, (), gaps),
        audit=Audit("offline"),
        usage=usage or Usage(),
        suppressions=suppressions,
    )
    return judge(evidence, policy)


def test_the_table_of_what_blocks_has_every_cell() -> None:
    assert {(row[0], row[1]) for row in TABLE} == set(product(Origin, Verification))


@pytest.mark.parametrize(
    ("origin", "verification", "status", "refuted"),
    [pytest.param(*row, id=f"{row[0]}, {row[1]}") for row in TABLE],
)
def test_what_blocks(
    origin: Origin, verification: Verification, status: Status, refuted: bool
) -> None:
    got = verdict(finding(origin=origin, verification=verification))
    assert got.status is status
    assert bool(got.refuted) is refuted
    assert bool(got.findings) is not refuted


def test_every_pair_has_a_row() -> None:
    assert {row[:2] for row in TABLE} == {(o, v) for o in Origin for v in Verification}


def test_below_the_threshold_nothing_blocks() -> None:
    got = verdict(finding(severity=Severity.MEDIUM))
    assert got.status is Status.PASS
    assert got.blocking == frozenset()
    assert len(got.findings) == 1


def test_threshold_never_passes_everything_but_missing_evidence() -> None:
    never = Policy(None)
    assert verdict(finding(severity=Severity.CRITICAL), policy=never).status is Status.PASS
    skip = Skip("ruff", "broke", blocking=True)
    assert verdict(policy=never, skips=(skip,)).status is Status.INCONCLUSIVE


def test_a_second_reading_that_failed_matters_only_where_the_finding_would_block() -> None:
    lost = finding(origin=Origin.MODEL, verification=Verification.FAILED, severity=Severity.MEDIUM)
    assert verdict(lost).status is Status.PASS
    assert verdict(replace(lost, severity=Severity.HIGH)).status is Status.INCONCLUSIVE


def test_what_is_held_reaches_the_threshold_and_does_not_block() -> None:
    alone = finding(origin=Origin.MODEL, fingerprint="m")
    got = verdict(finding(fingerprint="c", line=9), alone, finding(severity=Severity.LOW))
    assert got.blocking == {("c", "a.py")}
    assert got.held == {("m", "a.py")}


def test_a_refuted_finding_counts_as_accepted_by_nobody() -> None:
    at = Span("a.py", 1, 1)
    accepts = Suppression(
        Acceptance.COMMENT, at, ("security/example",), reason="so", target=at, path="a.py"
    )
    refuted = finding(origin=Origin.MODEL, verification=Verification.REFUTED)
    assert verdict(refuted, suppressions=(accepts,)).suppressed == ()
    assert len(verdict(finding(), suppressions=(accepts,)).suppressed) == 1


@pytest.mark.parametrize(("severity", "kept"), [(Severity.INFO, 1), (Severity.LOW, 2)])
def test_only_a_remark_gives_way_to_something_graver(severity: Severity, kept: int) -> None:
    rules = (rule("own/a", severity=severity), rule("own/b"))
    said = [finding("own/a", severity=severity), finding("own/b")]
    judged = corpus(source("a.py", "quoted()\n"))
    assert len(narrow(said, judged, rules, Policy(Severity.HIGH))) == kept


def test_fail_outranks_inconclusive_and_still_says_why() -> None:
    got = verdict(finding(), missing=3)
    assert got.status is Status.FAIL
    assert got.reasons == ("3 required line checks are missing",)


def test_missing_required_lines_are_inconclusive() -> None:
    assert verdict(missing=1).status is Status.INCONCLUSIVE


def test_a_run_in_which_every_call_failed_is_inconclusive() -> None:
    assert verdict(usage=Usage(calls=0, failed_calls=4)).status is Status.INCONCLUSIVE


def test_a_cause_is_told_once_and_skips_are_in_the_order_of_their_names() -> None:
    lost = [Skip("b", "broke", blocking=True, path=path) for path in ("y.py", "x.py", None)]
    other = Skip("a", "too large", blocking=True)
    got = verdict(skips=(*lost, other))
    assert got.reasons == ("a: too large", "b: broke")
    assert got.skipped == (other, lost[2], lost[1], lost[0])


def test_a_skip_that_does_not_block_changes_nothing() -> None:
    assert verdict(skips=(Skip("logo.png", "binary"),)).status is Status.PASS


@pytest.mark.parametrize(("status", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 3)])
def test_exit_codes(status: str, code: int) -> None:
    made = {
        "pass": verdict(),
        "fail": verdict(finding()),
        "inconclusive": verdict(missing=1),
    }[status]
    assert made.exit_code == code


FILE = source("a.py", "one\ntwo\nthree\nfour\nfive\n", status="modified", changed=[(2, 2)])


@pytest.mark.parametrize(("line", "kept"), [(1, 0), (2, 1), (3, 0)])
def test_code_must_touch_a_changed_line(line: int, kept: int) -> None:
    found = narrow([finding(line=line)], corpus(FILE, kind="diff"), [rule()], HIGH)
    assert len(found) == kept


def test_what_a_model_found_was_placed_when_it_was_grounded() -> None:
    said = finding(line=5, origin=Origin.MODEL)
    assert narrow([said], corpus(FILE, kind="diff"), [rule()], HIGH) == (said,)


def test_code_around_a_removed_line_counts() -> None:
    file = source("a.py", "call(\n)\nx\n", status="modified", changed=[], removed=[(1, "  verify")])
    around = finding(line=1)
    around = Finding(
        **{name: getattr(around, name) for name in around.__slots__} | {"span": Span("a.py", 1, 2)}
    )
    kept = narrow([around, finding(line=2)], corpus(file, kind="diff"), [rule()], HIGH)
    assert kept == (around,)


def test_one_place_and_rule_is_one_finding() -> None:
    model = finding(line=2, origin=Origin.MODEL)
    code = finding(line=2)
    assert narrow([model, code], corpus(FILE), [rule()], HIGH) == (code,)
    assert narrow([code, model], corpus(FILE), [rule()], HIGH) == (code,)


def test_findings_are_sorted_by_place() -> None:
    file = source("a.py", "1\n2\n3\n")
    shuffled = [finding(line=3), finding(line=1), finding(line=2)]
    kept = narrow(shuffled, corpus(file), [rule()], HIGH)
    assert [one.span.start for one in kept] == [1, 2, 3]


def test_overrides_change_severity_by_path_and_the_last_wins() -> None:
    policy = Policy(
        Severity.HIGH,
        (
            Override((r"tests/",), severity={"security/example": Severity.LOW}),
            Override((r"tests/keep/",), severity={"security/example": Severity.CRITICAL}),
            Override((r"gone/",), ignore=("security",)),
        ),
    )
    assert policy.severity(rule(), "src/a.py") is Severity.HIGH
    assert policy.severity(rule(), "tests/a.py") is Severity.LOW
    assert policy.severity(rule(), "tests/keep/a.py") is Severity.CRITICAL
    assert policy.severity(rule(), "gone/a.py") is None
    assert policy.required(rule(), "src/a.py")
    assert not policy.required(rule(), "tests/a.py")
    assert not policy.required(rule(), "gone/a.py")


def test_ignored_path_drops_the_finding() -> None:
    policy = Policy(Severity.HIGH, (Override((r"a\.py",), ignore=("security/example",)),))
    assert narrow([finding(line=2)], corpus(FILE), [rule()], policy) == ()


def test_a_comment_at_either_end_of_a_finding_speaks_of_it_and_one_in_its_middle_does_not() -> None:
    found = replace(finding(line=2), span=Span("a.py", 2, 6))
    for line, accepted in ((1, 0), (2, 1), (4, 0), (6, 1), (7, 0)):
        place = Span("a.py", line, line)
        comment = Suppression(
            Acceptance.COMMENT,
            place,
            ("security/example",),
            reason="known",
            target=place,
            path="a.py",
        )
        assert len(verdict(found, suppressions=(comment,)).suppressed) == accepted, line


def test_a_remark_is_left_out_where_its_pack_says_something_graver() -> None:
    remark = finding("security/remark", line=2, severity=Severity.INFO)
    rules = [rule("security/remark", severity=Severity.INFO), rule(), rule("docs/other")]
    file = source("a.py", "one\ntwo\nthree\n")

    def kept(*findings: Finding) -> set[str]:
        return {one.rule_id for one in narrow(findings, corpus(file), rules, HIGH)}

    assert kept(remark, finding(line=2)) == {"security/example"}
    assert kept(remark, finding(line=3)) == {"security/example", "security/remark"}
    assert kept(remark, finding("docs/other", line=2)) == {"docs/other", "security/remark"}
    assert (
        len(narrow([remark, replace(remark, span=Span("a.py", 2, 3))], corpus(file), rules, HIGH))
        == 1
    )
    asked = replace(remark, origin=Origin.MODEL)
    assert kept(asked, finding(line=2)) == {"security/example", "security/remark"}


class TestSupportingCode:
    """A rule can be less severe in code that only its developers run."""

    EXAMPLE = "examples/a.py"

    def severity(self, path: str, *overrides: Override) -> Severity | None:
        lesser = replace(rule(), supporting=Severity.MEDIUM)
        return Policy(Severity.HIGH, overrides).severity(lesser, path)

    def test_it_is_less_severe_there_and_the_same_elsewhere(self) -> None:
        assert self.severity(self.EXAMPLE) is Severity.MEDIUM
        assert self.severity("app/a.py") is Severity.HIGH

    def test_what_is_doubted_elsewhere_is_low_there(self) -> None:
        lesser = replace(rule(), supporting=Severity.MEDIUM)
        assert HIGH.severity(lesser, self.EXAMPLE, Severity.MEDIUM) is Severity.LOW
        assert HIGH.severity(lesser, "app/a.py", Severity.MEDIUM) is Severity.MEDIUM

    def test_a_rule_that_says_nothing_of_it_is_the_same_everywhere(self) -> None:
        assert HIGH.severity(rule(), self.EXAMPLE) is Severity.HIGH

    def test_it_never_raises_a_severity(self) -> None:
        low = replace(rule(severity=Severity.LOW), supporting=Severity.MEDIUM)
        assert HIGH.severity(low, self.EXAMPLE) is Severity.LOW

    def test_what_the_user_says_of_the_rule_counts(self) -> None:
        said = Override((".*",), severity={rule().id: Severity.CRITICAL})
        assert self.severity(self.EXAMPLE, said) is Severity.CRITICAL


def test_a_finding_that_shows_less_than_its_rule_keeps_the_lesser_severity() -> None:
    shown = replace(finding(line=2), severity=Severity.MEDIUM)
    [kept] = narrow([shown], corpus(FILE), [rule()], HIGH)
    assert kept.severity is Severity.MEDIUM


def test_two_findings_of_one_place_are_one_with_the_worse_severity() -> None:
    worse = finding(line=2)
    shown = replace(worse, severity=Severity.MEDIUM, columns=(1, 2))
    for both in ([worse, shown], [shown, worse]):
        [kept] = narrow(both, corpus(FILE), [rule()], HIGH)
        assert kept.severity is Severity.HIGH


def test_of_two_detectors_of_a_place_the_one_that_shows_the_way_is_told() -> None:
    bare = finding(line=4)
    way = replace(bare, engine="z", flow=(Span("a.py", 2, 2), bare.span))
    for both in ([bare, way], [way, bare]):
        [kept] = narrow(both, corpus(source("a.py", "a\n" * 9)), [rule()], Policy(Severity.HIGH))
        assert kept.flow == way.flow


@pytest.mark.parametrize(
    "flow", [(), (Span("a.py", 2, 2), Span("a.py", 4, 4))], ids=["bare", "way"]
)
def test_which_of_two_alike_came_first_decides_nothing(flow: tuple[Span, ...]) -> None:
    one, other = (replace(finding(line=4), engine=name, flow=flow) for name in ("ruff", "taint"))
    judged = corpus(source("a.py", "a\n" * 9))
    assert narrow([one, other], judged, [rule()], HIGH) == narrow(
        [other, one], judged, [rule()], HIGH
    )


@pytest.mark.parametrize(
    ("flow", "kept"),
    [
        pytest.param((5, 2), 1, id="it ends in the change"),
        pytest.param((2, 5), 0, id="it only passes through"),
        pytest.param((), 0, id="none"),
    ],
)
def test_a_flow_counts_where_it_ends(flow: tuple[int, ...], kept: int) -> None:
    """The change must be the cause: what merely passes through it was there before."""
    steps = tuple(Span("a.py", line, line) for line in flow)
    found = replace(finding(line=4), flow=steps)
    assert len(narrow([found], corpus(FILE, kind="diff"), [rule()], HIGH)) == kept


def test_reports_show_no_lines_of_a_text_that_others_would_read_otherwise() -> None:
    guessed = replace(source("b.py", "one\n"), notes=("read as Latin-1",))
    evidence = Evidence(
        corpus=corpus(FILE, guessed, source("c.py", "", status="deleted")),
        packs=(),
        rules=(rule(),),
        findings=(),
        skips=(),
        coverage=Coverage(0, 0, ()),
        audit=Audit("offline"),
        usage=Usage(),
    )
    text = judge(evidence, HIGH).text
    assert [text(path) for path in ("a.py", "b.py", "c.py", "none")] == [FILE.text, *[None] * 3]


def test_a_verdict_says_what_it_was_judged_from() -> None:
    pack = RulePack("security", "1", (rule(),))
    evidence = Evidence(
        corpus=corpus(FILE),
        packs=(pack,),
        rules=(rule(),),
        findings=(),
        skips=(),
        coverage=Coverage(5, 4, ()),
        audit=Audit("offline"),
        usage=Usage(calls=2),
        interrupted="SIGTERM",
        notices=(Notice(Span("b.py", 1, 1), "n", "t"), Notice(Span("a.py", 1, 1), "n", "t")),
        projects=("web",),
    )
    got = judge(evidence, Policy(Severity.HIGH, packs={"docs": Severity.LOW}))
    assert got.packs == (("security", "1"),)
    assert (got.rules, got.coverage, got.audit, got.usage) == (
        evidence.rules,
        evidence.coverage,
        evidence.audit,
        evidence.usage,
    )
    assert (got.scope, got.threshold, got.thresholds) == (
        evidence.corpus.scope,
        Severity.HIGH,
        (("docs", Severity.LOW),),
    )
    assert (got.interrupted, got.projects) == ("SIGTERM", ("web",))
    assert [one.place.path for one in got.notices] == ["a.py", "b.py"]


@pytest.mark.parametrize(("interrupted", "told"), [("", 1), ("interrupted", 0)])
def test_a_run_that_was_interrupted_calls_no_suppression_needless(
    interrupted: str, told: int
) -> None:
    place = Span("a.py", 2, 2)
    comment = Suppression(
        Acceptance.COMMENT, place, (rule().id,), reason="so", target=place, path="a.py"
    )
    evidence = Evidence(
        corpus=corpus(FILE),
        packs=(),
        rules=(rule(),),
        findings=(),
        skips=(),
        coverage=Coverage(0, 0, ()),
        audit=Audit("offline"),
        usage=Usage(),
        interrupted=interrupted,
        suppressions=(comment,),
    )
    assert len(judge(evidence, HIGH).notices) == told
