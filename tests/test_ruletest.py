from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rlm_gate import packs, ruletest
from rlm_gate.detectors import ruff

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
title: T
severity: low
precision: low
message: m
help: {why: w, fix: f}
"""
REGEX = HEAD + "languages: [python]\ndetect: [{engine: regex, pattern: bad}]\n"
ASK = HEAD + "languages: [python]\nask: {over: chunk, question: q}\n"


def failures(tmp_path: Path, text: str, **beside: str) -> list[str]:
    """Test one rule, with files beside it (extension -> text); return failures as line: text."""
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "my-rule.yaml").write_text(text, encoding="utf-8")
    for extension, content in beside.items():
        (folder / f"my-rule.{extension}").write_text(content, encoding="utf-8")
    outcome = ruletest.run(packs.load_files([str(folder)], None))
    assert outcome.rules == 1
    return [
        f"{one.path.rpartition('/')[2]}:{one.line}: {one.text.removeprefix('demo/my-rule: ')}"
        for one in outcome.failures
    ]


def test_examples_that_hold_fail_nothing(tmp_path: Path) -> None:
    assert failures(tmp_path, REGEX + "tests: {bad: [bad()], good: [fine()]}") == []


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        pytest.param(
            "bad: [fine()]\n  good: [x]",
            "my-rule.yaml:9: this bad example is not found by regex",
            id="bad, not found",
        ),
        pytest.param(
            'bad: [bad()]\n  good: [x, "y\\nbad()"]',
            "my-rule.yaml:10: this good example is found by regex, in its line 2",
            id="good, found",
        ),
        pytest.param(
            "bad: [{code: bad(), lang: go}]\n  good: [x]",
            "my-rule.yaml:9: the rule does not look at this bad example: its language stops it",
            id="bad, other language",
        ),
        pytest.param(
            "bad: [bad()]\n  good: [{code: bad(), stopped_by: language}]",
            "my-rule.yaml:10: 'stopped_by: language' does not hold: the rule looks at it",
            id="good, not stopped",
        ),
        pytest.param(
            "bad: [bad()]\n  good: [{code: bad(), lang: go, stopped_by: path}]",
            "my-rule.yaml:10: 'stopped_by: path' does not hold: its language stops it",
            id="good, stopped otherwise",
        ),
        pytest.param(
            "bad: [{before: bad(), after: bad()}]\n  good: [x]",
            "my-rule.yaml:9: this bad example is not found by regex",
            id="bad, not in the change",
        ),
    ],
)
def test_an_example_that_does_not_hold_fails_at_its_place(
    tests: str, said: str, tmp_path: Path
) -> None:
    assert failures(tmp_path, f"{REGEX}tests:\n  {tests}") == [said]


def test_a_rule_that_is_switched_off_is_tested_too(tmp_path: Path) -> None:
    text = REGEX + "enabled: false\ntests: {bad: [fine()], good: [x]}"
    assert len(failures(tmp_path, text)) == 1


def test_only_what_a_change_touches_counts(tmp_path: Path) -> None:
    text = f"""{REGEX}tests:
  bad: [{{before: "a\\n", after: "a\\nbad\\n"}}]
  good: [{{before: "bad\\n", after: "bad\\na\\n"}}]
"""
    assert failures(tmp_path, text) == []


def test_every_engine_of_a_rule_judges_its_examples(tmp_path: Path) -> None:
    text = f"""{HEAD}languages: [python, javascript]
detect:
  - {{engine: ruff, select: [S102]}}
  - {{engine: astgrep, language: javascript, rule: {{pattern: evil($A)}}}}
tests:
  bad: [exec(x), {{lang: javascript, code: evil(1)}}]
  good: [print(x), {{lang: javascript, code: exec(1)}}]
"""
    assert failures(tmp_path, text) == []


def test_an_example_that_an_engine_could_not_read_proves_nothing(tmp_path: Path) -> None:
    text = f"""{HEAD}languages: [python]
detect: [{{engine: ruff, select: [S102]}}]
tests: {{bad: [exec(x)], good: ["def ("]}}
"""
    [found] = failures(tmp_path, text)
    assert "could not be judged: ruff: " in found


def test_a_missing_engine_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"""{HEAD}languages: [python]
detect: [{{engine: ruff, select: [S102]}}]
tests: {{bad: [exec(x)], good: [x]}}
"""
    ruff._stable_codes()
    monkeypatch.setattr(ruff, "binary", lambda: None)
    found = failures(tmp_path, text)
    assert len(found) == 2
    assert all("could not be judged" in one for one in found)


def test_a_bad_example_that_no_engine_reads_is_a_failure(tmp_path: Path) -> None:
    text = f"""{HEAD}languages: [python, go]
detect: [{{engine: ruff, select: [S102]}}]
tests: {{bad: [exec(x), {{lang: go, code: x}}], good: [x]}}
"""
    assert failures(tmp_path, text) == ["my-rule.yaml:8: no engine of the rule reads go"]


def test_a_question_may_cover_a_language_that_no_engine_reads(tmp_path: Path) -> None:
    text = f"""{HEAD}languages: [python, go]
detect: [{{engine: ruff, select: [S102]}}]
ask: {{over: chunk, question: q}}
tests: {{bad: [exec(x), {{lang: go, code: x}}], good: [x]}}
"""
    assert failures(tmp_path, text) == []


PLAN = ASK + "prefilter: ['\\bquery']\npaths: {exclude: [gen/]}\n"


def test_the_plan_of_a_question_holds(tmp_path: Path) -> None:
    tests = """tests:
  bad: [query(), {before: "query()\\n", after: "x\\n"}]
  good: [query(1), {code: requery(), stopped_by: prefilter}]
"""
    assert failures(tmp_path, PLAN + tests) == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("requery()", "the rule does not look at this bad example: its prefilter stops it"),
        ("{code: query(), path: gen/a.py}", "look at this bad example: its path stops it"),
        ("{code: query(), lang: go}", "look at this bad example: its language stops it"),
    ],
)
def test_a_bad_example_must_come_before_a_model(bad: str, said: str, tmp_path: Path) -> None:
    tests = f"tests: {{bad: [{bad}], good: [{{code: x, stopped_by: prefilter}}]}}"
    [found] = failures(tmp_path, PLAN + tests)
    assert said in found


def test_a_prefilter_must_be_shown_to_stop_something(tmp_path: Path) -> None:
    [found] = failures(tmp_path, PLAN + "tests: {bad: [query()], good: [x]}")
    assert found.startswith("my-rule.yaml:8: no good example has 'stopped_by: prefilter'")


def test_a_question_without_a_prefilter_has_nothing_to_stop(tmp_path: Path) -> None:
    assert failures(tmp_path, ASK + "tests: {bad: [query()], good: [x]}") == []


SMALL = REGEX + "tests: {bad: [bad()], good: [fine()]}"


def test_lines_beside_the_rule_are_found_or_not(tmp_path: Path) -> None:
    code = "# ruleid: my-rule\nbad()\n# ok: my-rule\nfine()\n"
    assert failures(tmp_path, SMALL, py=code) == []


def test_a_line_that_is_not_found_or_found_without_leave_fails_there(tmp_path: Path) -> None:
    code = "# ruleid: my-rule\nfine()\n# ok: my-rule\nbad()\nbad()\n"
    assert failures(tmp_path, SMALL, py=code) == [
        "my-rule.py:2: nothing is found in this line, which follows 'ruleid:'",
        "my-rule.py:4: found by regex, but no 'ruleid:' stands above",
        "my-rule.py:5: found by regex, but no 'ruleid:' stands above",
    ]


def test_a_file_beside_a_question_must_come_before_a_model(tmp_path: Path) -> None:
    text = (
        ASK
        + "prefilter: [query]\n"
        + "tests: {bad: [query()], good: [{code: x, stopped_by: prefilter}]}\n"
    )
    [found] = failures(tmp_path, text, py="# ruleid: my-rule\nfine()\n")
    assert "my-rule.py:1: the rule does not look at this bad example" in found


def test_the_same_path_in_two_examples_is_two_files(tmp_path: Path) -> None:
    text = f"""{REGEX}tests:
  bad: [{{code: bad(), path: a.py}}, {{code: also bad(), path: a.py}}]
  good: [{{code: fine(), path: a.py}}]
"""
    assert failures(tmp_path, text) == []


def test_an_example_is_judged_by_its_own_tree_alone(tmp_path: Path) -> None:
    page = "languages: [markdown]\ndetect: [{engine: guides, find: commands}]\ntests:\n"
    bad = '  bad: [{path: tools/README.md, code: "```sh\\n./tools/begin.sh\\n```"}]\n'
    good = '  good: [{path: README.md, code: "```sh\\nmake all\\n```"}]\n'
    text = "languages: [any]\ndetect: [{engine: regex, pattern: bad}]\ntests:\n"
    makefile = '  bad: [{path: Makefile, code: "bad:"}]\n  good: [x]\n'
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "one.yaml").write_text(HEAD + page + bad + good)
    (tmp_path / "demo" / "two.yaml").write_text(HEAD + text + makefile)
    assert ruletest.run(packs.load_files([str(tmp_path / "demo")], None)).failures == ()


def test_strays_fail_and_are_left_alone_where_single_rules_are_tested(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "one.yaml").write_text(SMALL)
    (folder / "two.yaml").write_text(REGEX + "tests: {bad: [fine()], good: [x]}")
    (folder / "three.py").write_text("")
    loaded = packs.load_files([str(folder)], None)
    everything = ruletest.run(loaded)
    assert (everything.rules, everything.examples, len(everything.failures)) == (2, 4, 2)
    one = ruletest.run(loaded, {"demo/one"})
    assert (one.rules, one.examples, one.failures) == (1, 2, ())
