from __future__ import annotations

from dataclasses import replace

from rlm_gate.core import LanguageCoverage, Rule, Verdict
from rlm_gate.reports import _digest as digest


def _met(verdict: Verdict, *rows: LanguageCoverage, rules: int = 60) -> Verdict:
    bare = {row.language: row.files for row in rows if not row.own_rules}
    coverage = replace(verdict.coverage, languages=rows, without_rules=bare)
    return replace(verdict, coverage=coverage, rules=_many(verdict.rules, rules))


def _many(rules: tuple[Rule, ...], count: int) -> tuple[Rule, ...]:
    one = replace(rules[0], languages=("python",))
    return tuple(replace(one, id=f"security/r{number}") for number in range(count))


PHP = LanguageCoverage("php", 41, 6525, {"docs": 1, "security": 17})
RUBY = LanguageCoverage("ruby", 120, 3597, {"docs": 1, "security": 4})
ERB = LanguageCoverage("template", 29, 884)
MARKDOWN = LanguageCoverage("markdown", 9, 40_000, {"docs": 1})


def test_the_report_names_each_language_with_its_size_and_how_many_rules_could_judge_it(
    samples: dict[str, Verdict],
) -> None:
    lines = [*digest.examined(_met(samples["passed"], PHP, ERB))]
    assert (
        "languages, and the rules for each: php (41 files, 6,525 lines; 18 rules),"
        " template (29 files, 884 lines; 0 rules)"
    ) in lines


def test_languages_with_few_rules_or_none_are_told_apart_and_prose_is_not_blamed(
    samples: dict[str, Verdict],
) -> None:
    remarks = [*digest.remarks(_met(samples["passed"], PHP, RUBY, ERB, MARKDOWN))]
    assert "No deterministic rule for: template (29 files, 884 lines)." in remarks
    [few] = [text for text in remarks if text.startswith("Few")]
    assert "ruby (120 files, 3,597 lines; 5 rules: 1 docs, 4 security)" in few
    assert "php" not in few
    assert "markdown" not in few


def test_the_last_line_says_when_a_good_part_of_the_code_was_hardly_judged(
    samples: dict[str, Verdict],
) -> None:
    verdict = _met(samples["passed"], PHP, RUBY, ERB, MARKDOWN)
    assert "Hardly judged: ruby (120 files, 3,597 lines; 5 rules: 1 docs, 4 security)." in (
        digest.summary(verdict)
    )
    assert "template" not in digest.summary(verdict)  # less than a tenth of the code
    assert "Hardly" not in digest.summary(_met(samples["passed"], PHP))
    asked = replace(verdict, audit=replace(verdict.audit, mode="models"))
    assert "Hardly" not in digest.summary(asked)


def test_a_run_that_was_narrowed_to_a_few_rules_does_not_call_them_few(
    samples: dict[str, Verdict],
) -> None:
    verdict = _met(samples["passed"], RUBY, rules=2)
    assert not [text for text in digest.remarks(verdict) if text.startswith("Few")]
