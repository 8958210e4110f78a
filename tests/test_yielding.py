"""Who keeps the word where two findings say the same: never one that weighs less."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import finding, rule

from rlm_gate.core import Acceptance, Accepted, Finding, Severity, Span, Suppression
from rlm_gate.policy.yielding import settled

WEAK = finding("own/weak", severity=Severity.HIGH, fingerprint="w")
STRONG = finding("own/strong", severity=Severity.HIGH, fingerprint="s")
RULES = (replace(rule("own/weak"), yields_to=("own/strong",)), rule("own/strong"))
BOTH = frozenset({WEAK.identity, STRONG.identity})


def left(*findings: Finding, blocking: frozenset[tuple[str, str]] = BOTH) -> list[str]:
    return [one.rule_id for one in settled(findings, (), RULES, blocking)[0]]


def at(one: Finding, line: int, first: int, last: int) -> Finding:
    return replace(one, span=Span("a.py", line, line), columns=(first, last))


@pytest.mark.parametrize(
    ("blocking", "expected"),
    [
        pytest.param(BOTH, ["own/strong"], id="both block"),
        pytest.param(frozenset(), ["own/strong"], id="none blocks"),
        pytest.param(frozenset({STRONG.identity}), ["own/strong"], id="the stronger blocks"),
        pytest.param(
            frozenset({WEAK.identity}), ["own/weak", "own/strong"], id="only the weaker blocks"
        ),
    ],
)
def test_what_blocks_yields_only_to_what_blocks(
    blocking: frozenset[tuple[str, str]], expected: list[str]
) -> None:
    assert left(WEAK, STRONG, blocking=blocking) == expected


def test_what_is_graver_yields_to_nothing() -> None:
    assert left(replace(WEAK, severity=Severity.CRITICAL), STRONG) == ["own/weak", "own/strong"]


@pytest.mark.parametrize(
    ("weak", "strong", "yields"),
    [
        pytest.param((1, 1, 5), (1, 1, 5), True, id="the same text"),
        pytest.param((1, 1, 5), (1, 4, 9), True, id="overlapping"),
        pytest.param((1, 1, 5), (1, 5, 9), False, id="side by side"),
        pytest.param((1, 5, 9), (1, 1, 5), False, id="side by side, the other way"),
        pytest.param((1, 1, 5), (2, 1, 5), False, id="another line"),
    ],
)
def test_only_overlapping_text_is_the_same_matter(
    weak: tuple[int, int, int],
    strong: tuple[int, int, int],
    yields: bool,  # a case of the table
) -> None:
    kept = left(at(WEAK, *weak), at(STRONG, *strong))
    assert kept == (["own/strong"] if yields else ["own/weak", "own/strong"])


def test_of_two_the_graver_keeps_the_word() -> None:
    weak = replace(WEAK, severity=Severity.LOW)
    light = finding("own/light", severity=Severity.MEDIUM, fingerprint="l")
    rules = (replace(rule("own/weak"), yields_to=("own/light", "own/strong")), *RULES[1:])
    for order in ((weak, light, STRONG), (STRONG, light, weak)):
        kept, _ = settled(order, (), rules, frozenset())
        heard = {one.rule_id: one.also_matched for one in kept}
        assert heard == {"own/light": (), "own/strong": ("own/weak",)}


def test_one_in_the_baseline_keeps_the_word_of_what_blocks_and_names_it() -> None:
    entry = Suppression(Acceptance.BASELINE, Span("b", 1, 1), ("own/strong",))
    kept, baselined = settled([WEAK], [Accepted(STRONG, entry)], RULES, frozenset({WEAK.identity}))
    assert kept == ()
    assert [one.finding.also_matched for one in baselined] == [("own/weak",)]
