from __future__ import annotations

from dataclasses import replace

import pytest

from rlm_gate.core import Estimate, Origin, Severity, Verdict, Verification
from rlm_gate.reports import _digest as digest


@pytest.mark.parametrize(
    ("usd", "up", "expected"),
    [
        (None, False, "price unknown"),
        (0.0, False, "$0.00"),
        (0.01234, False, "$0.0123"),
        (0.01231, True, "$0.0124"),
        (1.001, True, "$1.01"),
        (0.12, True, "$0.12"),
        (1234.5, False, "$1,234.50"),
    ],
)
def test_dollars_are_never_zero_for_unknown_and_bounds_round_up(
    usd: float | None, *, up: bool, expected: str
) -> None:
    assert digest.dollars(usd, up=up) == expected


@pytest.mark.parametrize(
    ("origin", "verification", "expected"),
    [
        (Origin.MODEL, Verification.NOT_ASKED, "a model's word alone does not block"),
        (Origin.MODEL, Verification.UNCLEAR, "a second call could not tell, so it does not block"),
        (Origin.MODEL, Verification.FAILED, "the call to verify it failed"),
        (Origin.DETECTOR, Verification.REFUTED, "a second call refuted it, so it does not block"),
    ],
)
def test_a_finding_that_could_block_and_does_not_says_why(
    samples: dict[str, Verdict], origin: Origin, verification: Verification, expected: str
) -> None:
    held = frozenset({samples["failed"].findings[0].identity})
    verdict = replace(samples["failed"], blocking=frozenset(), held=held)
    finding = replace(verdict.findings[0], origin=origin, verification=verification)
    assert digest.trust(finding, verdict).endswith(expected)


def test_a_finding_below_the_threshold_needs_no_reason_for_not_blocking(
    samples: dict[str, Verdict],
) -> None:
    finding = replace(samples["failed"].findings[3], severity=Severity.LOW)
    assert digest.trust(finding, replace(samples["failed"], held=frozenset())) == (
        "found by claude-haiku-5-5; confidence low; verification: unclear"
    )


def test_worst_first_puts_what_blocks_before_what_is_merely_severe(
    samples: dict[str, Verdict],
) -> None:
    failed = samples["failed"]
    critical = replace(failed.findings[3], severity=Severity.CRITICAL)
    order = digest.worst_first(replace(failed, findings=(critical, *failed.findings[:3])))
    assert [digest.blocks(one, failed) for one in order] == [True, True, False, False]
    assert order[2] is critical


def test_the_gates_own_findings_get_a_rule_to_be_named_by(samples: dict[str, Verdict]) -> None:
    own = replace(samples["failed"].findings[0], rule_id="gate/policy-changed", message="Look.")
    rules = digest.named_rules(replace(samples["failed"], findings=(own,)))
    assert list(rules) == sorted(rules)
    assert rules["gate/policy-changed"].title == "Look."


def test_the_first_line_does_not_count_rules_that_detectors_judged_as_not_evaluated(
    samples: dict[str, Verdict],
) -> None:
    audit = replace(samples["passed"].audit, not_evaluated=("security/sql-injection",))
    assert digest.mode(replace(samples["passed"], audit=audit)) == (
        "No language model was called (offline, as asked): 1 of 2 rules judged by detectors alone."
    )


def test_the_first_line_of_a_run_without_questions_claims_no_gap(
    samples: dict[str, Verdict],
) -> None:
    audit = replace(samples["passed"].audit, not_evaluated=())
    assert digest.mode(replace(samples["passed"], audit=audit)) == (
        "No language model was called (offline, as asked): no selected rule needs one."
    )


def test_a_limit_below_what_the_map_may_cost_is_no_mere_figure() -> None:
    estimate = Estimate(10, 100, 100, 5.65, 20, 5.0, "root", "sub")

    assert "LESS THAN the map alone may cost" in digest.forecast(estimate)
    assert "raise --max-usd" in digest.forecast(estimate)
    assert "LESS THAN" not in digest.forecast(replace(estimate, map_usd=5.0))
