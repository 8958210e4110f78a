"""What nobody judged, put into sentences."""

from __future__ import annotations

from dataclasses import replace

from rlm_gate.core import Gap, Skip, Span, Verdict
from rlm_gate.reports import _digest as digest
from rlm_gate.reports import _unseen as unseen
from rlm_gate.reports import text

_WHY = "ruff: no Python 3: mend it"


def _with_gaps(verdict: Verdict, *gaps: Gap) -> Verdict:
    coverage = replace(verdict.coverage, gaps=gaps)
    return replace(verdict, coverage=coverage)


def test_gaps_of_one_file_and_reason_are_merged_with_their_rules(
    samples: dict[str, Verdict],
) -> None:
    gaps = [
        Gap(rule, Span("a.py", start, start + 4), "budget", required=True)
        for start in (1, 6, 20)
        for rule in ("docs/drift", "security/sql-injection")
    ]
    (only,) = unseen.missing(_with_gaps(samples["passed"], *reversed(gaps)))
    assert only.sentence == (
        "a.py:1-10, 20-24: docs/drift, security/sql-injection: budget (required)"
    )


def test_required_gaps_come_first_and_others_say_that_they_are_not(
    samples: dict[str, Verdict],
) -> None:
    low = Gap("docs/drift", Span("a.py", 1, 1), "budget")
    high = Gap("security/sql-injection", Span("z.py", 2, 2), "refusal", required=True)
    verdict = _with_gaps(samples["passed"], low, high)
    sentences = [one.sentence for one in unseen.missing(verdict)]
    assert sentences == [
        "z.py:2: security/sql-injection: refusal (required)",
        "a.py:1: docs/drift: budget (not required)",
    ]


def test_what_is_required_is_told_apart_in_the_same_lines(samples: dict[str, Verdict]) -> None:
    span = Span("a.py", 1, 1)
    low, high = Gap("docs/drift", span, "budget"), Gap("docs/lies", span, "budget", required=True)
    assert [one.sentence for one in unseen.missing(_with_gaps(samples["passed"], low, high))] == [
        "a.py:1: docs/lies: budget (required)",
        "a.py:1: docs/drift: budget (not required)",
    ]


def test_skips_are_grouped_by_reason_blocking_ones_first(samples: dict[str, Verdict]) -> None:
    skips = (
        Skip("b", "binary file"),
        Skip("z", "too big", blocking=True),
        Skip("a", "binary file"),
    )
    groups = unseen.skipped(replace(samples["passed"], skipped=skips))
    assert [group.sentence(1) for group in groups] == [
        "too big (1) [makes it inconclusive]: z",
        "binary file (2): a and 1 more",
    ]


def _unread(verdict: Verdict, *names: str) -> Verdict:
    """Let an engine have read none of these files, for two rules, one of them required."""
    skips = [Skip(f"{one}:4 (a slip)", _WHY, path=one, rule_ids=("a/b", "a/c")) for one in names]
    gaps = [
        Gap(rule, Span(one, 1, 9), _WHY, required=rule == "a/b")
        for one in names
        for rule in ("a/b", "a/c")
    ]
    return replace(_with_gaps(verdict, *gaps), skipped=tuple(skips))


def test_files_that_an_engine_could_not_read_are_told_once(samples: dict[str, Verdict]) -> None:
    gaps, skips = unseen.sentences(_unread(samples["passed"], "c.py", "a.py", "b.py"), 2)

    assert gaps == [f"{_WHY} (3 files, 3 required; 2 rules): a.py, b.py and 1 more"]
    assert skips == []


def test_one_file_that_could_not_be_read_is_told_with_its_rules(
    samples: dict[str, Verdict],
) -> None:
    gaps, skips = unseen.sentences(_unread(samples["passed"], "a.py"), 2)

    assert gaps == [f"a.py:1-9: a/b: {_WHY} (required)", f"a.py:1-9: a/c: {_WHY} (not required)"]
    assert skips == [f"{_WHY} (1): a.py:4 (a slip) [a/b, a/c]"]


def test_all_of_them_are_named_where_every_detail_is_asked_for(
    samples: dict[str, Verdict],
) -> None:
    verdict = _unread(samples["passed"], "a.py", "b.py", "c.py")
    shown = text.render(verdict, color=False, verbose=True, quiet=False).decode()

    assert "c.py:1-9: a/b: ruff: no Python 3" in shown
    assert "c.py:4 (a slip)" in shown


def test_what_was_left_out_is_told_by_its_kinds(samples: dict[str, Verdict]) -> None:
    images = [Skip(f"{n}.png", "binary", path=f"{n}.png") for n in range(3)]
    lock = Skip("a.lock", "generated, by its path", path="a.lock")
    huge = Skip("b.py", "text over 1 MiB", blocking=True, path="b.py")
    verdict = replace(samples["passed"], skipped=(*images, lock, huge))

    said = digest.summary(verdict)

    assert "4 files left out: binary (3), generated (1)." in said
    assert "unread" not in said
