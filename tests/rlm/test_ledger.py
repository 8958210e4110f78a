from __future__ import annotations

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Coverage, Gap, LanguageCoverage, Rule, Skip, SourceFile, Span
from rlm_gate.detectors import applies
from rlm_gate.rlm.ledger import Judges, Ledger

ASK = rule("security/ask", ask="chunk")
LOOP = rule("security/loop", ask="corpus")
CODE = rule("security/code")
FIVE = "1\n2\n3\n4\n5\n"


def engines(asked: Rule, _file: SourceFile) -> tuple[str, ...]:
    return ("regex",) if asked is CODE else ()


def ledger(*rules: Rule, file: SourceFile | None = None) -> Ledger:
    judged = corpus(file or source("a.py", FIVE))
    judges = Judges(engines, frozenset({"security/ask"}), frozenset({"security/loop"}))
    return Ledger(judged, rules, applies, judges)


def close(books: Ledger) -> Coverage:
    return books.coverage(lambda _rule, _path: True)


def test_lines_answered_by_a_model_are_covered_and_the_rest_is_missing() -> None:
    books = ledger(ASK)
    books.answered(["security/ask"], Span("a.py", 1, 2))
    books.answered(["security/ask"], Span("a.py", 4, 4))
    coverage = close(books)
    assert coverage.rules[0].model == 3
    assert coverage.gaps == (
        Gap("security/ask", Span("a.py", 3, 3), "not sent", required=True),
        Gap("security/ask", Span("a.py", 5, 5), "not sent", required=True),
    )
    assert coverage.required_missing == 2


def test_a_failed_call_outweighs_an_answer_for_the_same_lines() -> None:
    books = ledger(ASK)
    books.answered(["security/ask"], Span("a.py", 1, 5))
    books.missing(["security/ask"], Span("a.py", 2, 3), "error (server)")
    assert close(books).gaps == (
        Gap("security/ask", Span("a.py", 2, 3), "error (server)", required=True),
    )


def test_each_gap_has_the_reason_of_its_own_lines() -> None:
    books = ledger(ASK)
    books.answered(["security/ask"], Span("a.py", 1, 5))
    books.missing(["security/ask"], Span("a.py", 1, 2), "error (server)")
    books.missing(["security/ask"], Span("a.py", 4, 4), "over budget")
    assert [(gap.span.start, gap.reason) for gap in close(books).gaps] == [
        (1, "error (server)"),
        (4, "over budget"),
    ]


def test_gaps_are_in_the_order_of_places_then_rules() -> None:
    other = rule("security/also", ask="chunk")
    judges = Judges(engines, frozenset({ASK.id, other.id}), frozenset())
    files = corpus(source("b.py", "1\n"), source("a.py", "1\n2\n"))
    books = Ledger(files, (ASK, other), applies, judges)
    for wanted in (ASK, other):
        books.answered([wanted.id], Span("a.py", 2, 2))
    assert [(gap.span.path, gap.span.start, gap.rule_id) for gap in close(books).gaps] == [
        *(("a.py", 1, other.id), ("a.py", 1, ASK.id)),
        *(("b.py", 1, other.id), ("b.py", 1, ASK.id)),
    ]


@pytest.mark.parametrize(("rules", "seen"), [((ASK,), 2), ((CODE,), 0), ((ASK, CODE), 2)])
def test_of_each_file_it_is_told_how_many_lines_a_model_answered_for(
    rules: tuple[Rule, ...], seen: int
) -> None:
    books = ledger(*rules)
    books.answered([ASK.id, CODE.id], Span("a.py", 1, 2))  # of CODE no model is asked
    [file] = close(books).by_file
    assert file.by_model == seen


def test_answers_for_another_rule_cover_nothing() -> None:
    books = ledger(ASK)
    books.answered(["security/other"], Span("a.py", 1, 5))
    assert close(books).rules[0].missing == 5


def test_a_loop_that_ended_by_done_covers_its_rules() -> None:
    books = ledger(LOOP)
    books.loop(["security/loop"], "")
    assert close(books).rules[0].model == 5


def test_a_loop_that_did_not_end_leaves_every_line_missing() -> None:
    books = ledger(LOOP)
    books.loop(["security/loop"], "no done() in 20 turns")
    coverage = close(books)
    assert coverage.gaps == (
        Gap("security/loop", Span("a.py", 1, 5), "no done() in 20 turns", required=True),
    )


def test_a_loop_that_never_ran_is_missing_too() -> None:
    assert close(ledger(LOOP)).required_missing == 5


@pytest.mark.parametrize("why", ["", "path", "prefilter", "language"])
def test_every_line_of_a_rule_is_in_one_count(why: str) -> None:
    judged = corpus(source("a.py", FIVE), source("b.py", FIVE))
    books = Ledger(
        judged, [CODE], lambda _rule, file: why if file.path == "b.py" else "", Judges(engines)
    )
    [row] = close(books).rules
    assert row.in_scope == row.not_applicable + row.detector + row.model + row.missing == 10
    assert row.not_applicable == (5 if why else 0)
    assert row.prefiltered == (5 if why == "prefilter" else 0)


def test_a_playbook_covers_its_rules_only_once_it_has_ended_well() -> None:
    judged = corpus(source("a.py", FIVE))
    for ended, gaps in ((None, "not sent"), ("broke", "broke"), ("", "")):
        books = Ledger(judged, [LOOP], applies, Judges(engines, playbook=frozenset({LOOP.id})))
        if ended is not None:
            books.loop([LOOP.id], ended)
        coverage = close(books)
        assert [gap.reason for gap in coverage.gaps] == ([gaps] if gaps else [])
        assert coverage.rules[0].detector == (0 if gaps else 5)
        assert coverage.engines == ({} if gaps else {"playbook": (1, 5)})


def test_engines_that_finished_cover_every_line() -> None:
    coverage = close(ledger(CODE))
    assert coverage.rules[0].detector == 5
    assert coverage.engines == {"regex": (1, 5)}
    assert coverage.gaps == ()


def test_a_file_an_engine_could_not_judge_is_missing_with_its_reason() -> None:
    books = ledger(CODE)
    books.failed(Skip("regex", "syntax error", path="a.py", rule_ids=("security/code",)))
    coverage = close(books)
    assert coverage.gaps == (
        Gap("security/code", Span("a.py", 1, 5), "syntax error", required=True),
    )
    assert coverage.engines == {}


def test_a_file_in_trouble_is_counted_once_and_its_neighbours_as_ever() -> None:
    other = rule("security/other")
    judges = Judges(lambda one, _file: ("regex" if one is CODE else "astgrep",))
    judged = corpus(source("a.py", FIVE), source("b.py", "1\n2\n"))
    books = Ledger(judged, (CODE, other), applies, judges)
    books.failed(Skip("regex", "syntax error", path="a.py", rule_ids=(CODE.id,)))
    coverage = close(books)
    rows = [(row.applicable, row.detector, row.missing) for row in coverage.rules]
    assert rows == [(7, 2, 5), (7, 7, 0)]
    assert [one.engines for one in coverage.by_file] == [("astgrep",), ("astgrep", "regex")]


def test_what_a_detector_judged_too_is_still_owed_by_the_model_that_is_asked() -> None:
    judges = Judges(lambda _rule, _file: ("regex",), chunk=frozenset({ASK.id}))
    books = Ledger(corpus(source("a.py", FIVE)), (ASK,), applies, judges)
    books.answered([ASK.id], Span("a.py", 1, 2))
    coverage = close(books)
    [row] = coverage.rules
    assert (row.detector, row.model, row.missing) == (0, 2, 3)
    assert coverage.required_missing == 3


@pytest.mark.parametrize(("ended", "seen"), [("", 5), ("no done()", 0)])
def test_of_a_file_the_root_loop_saw_every_line_or_none(ended: str, seen: int) -> None:
    books = ledger(LOOP)
    books.loop([LOOP.id], ended)
    assert [one.by_model for one in close(books).by_file] == [seen]


def test_a_playbook_is_no_model_in_what_is_told_of_a_file() -> None:
    judges = Judges(engines, playbook=frozenset({LOOP.id}))
    books = Ledger(corpus(source("a.py", FIVE)), (LOOP,), applies, judges)
    books.loop([LOOP.id], "")
    assert [(one.engines, one.by_model) for one in close(books).by_file] == [(("playbook",), 0)]


def test_a_run_that_was_cut_short_counts_as_missing_what_was_under_way() -> None:
    played = rule("security/played", ask="corpus")
    done = rule("security/done", ask="corpus")
    judges = Judges(engines, corpus=frozenset({LOOP.id, done.id}), playbook=frozenset({played.id}))
    rules = (CODE, LOOP, done, played)
    books = Ledger(corpus(source("a.py", FIVE)), rules, lambda _rule, _file: "language", judges)
    books.loop([done.id], "")
    books.cut_short({"regex": [CODE]}, "interrupted", applies)

    coverage = close(books)

    rows = {row.rule_id: (row.applicable, row.missing) for row in coverage.rules}
    assert rows[CODE.id] == (5, 5), "what it applies to is asked anew"
    assert {rows[one.id] for one in (LOOP, done, played)} == {(0, 0)}, "of the others, as before"
    assert [file.missing for file in coverage.by_file] == [5]


def test_the_playbook_and_the_loop_that_were_not_reached_are_missing_for_that_reason() -> None:
    played = rule("security/played", ask="corpus")
    judges = Judges(engines, corpus=frozenset({LOOP.id}), playbook=frozenset({played.id}))
    books = Ledger(corpus(source("a.py", FIVE)), (LOOP, played), applies, judges)
    books.cut_short({}, "interrupted", applies)
    assert {(gap.rule_id, gap.reason) for gap in close(books).gaps} == {
        (LOOP.id, "interrupted"),
        (played.id, "interrupted"),
    }


def test_engines_are_told_in_the_order_of_their_names() -> None:
    of = {"python": ("taint", "regex"), "go": ("ruff", "astgrep", "regex")}
    judges = Judges(lambda _rule, file: of[file.language])
    everywhere = rule("security/everywhere", languages=("any",))
    judged = corpus(source("a.py", FIVE), source("b.go", FIVE))
    coverage = close(Ledger(judged, (everywhere,), applies, judges))
    assert [*coverage.engines] == ["astgrep", "regex", "ruff", "taint"]
    assert [one.engines for one in coverage.by_file] == [
        ("regex", "taint"),
        ("astgrep", "regex", "ruff"),
    ]


def test_an_engine_that_broke_is_missing_on_every_file() -> None:
    books = ledger(CODE)
    books.failed(Skip("regex", "broke", rule_ids=("security/code",)))
    assert close(books).required_missing == 5


def test_excused_rules_are_said_and_not_required() -> None:
    books = ledger(LOOP)
    books.excuse(["security/loop"])
    coverage = close(books)
    assert coverage.required_missing == 0
    assert len(coverage.gaps) == 1


def test_rules_below_the_threshold_are_not_required() -> None:
    coverage = ledger(ASK).coverage(lambda _rule, _path: False)
    assert coverage.required_missing == 0
    assert coverage.rules[0].missing == 5


def test_prefiltered_lines_are_not_applicable_and_counted_apart() -> None:
    strict = rule("security/ask", ask="chunk", prefilter=("nowhere",))
    row = close(ledger(strict)).rules[0]
    assert (row.not_applicable, row.prefiltered, row.applicable) == (5, 5, 0)


def test_another_language_is_not_applicable() -> None:
    row = close(ledger(rule("security/ask", ask="chunk", languages=("go",)))).rules[0]
    assert (row.not_applicable, row.prefiltered) == (5, 0)


def test_a_diff_owes_its_added_lines_and_the_neighbours_of_deletions() -> None:
    file = source("a.py", FIVE, status="modified", changed=[(1, 1)], removed=[(3, "gone")])
    coverage = close(ledger(ASK, file=file))
    assert [gap.span for gap in coverage.gaps] == [Span("a.py", 1, 1), Span("a.py", 3, 4)]
    assert coverage.lines == 3


def test_a_deleted_file_owes_one_line() -> None:
    file = source("a.py", "", status="deleted", changed=[], removed=[(0, FIVE)])
    assert close(ledger(ASK, file=file)).required_missing == 1


def test_an_engine_that_is_not_there_examined_nothing_though_another_judged_the_rule() -> None:
    judges = Judges(lambda _rule, _file: ("astgrep", "zizmor"))
    books = Ledger(corpus(source("a.yml", FIVE)), (CODE,), applies, judges)
    books.failed(Skip("zizmor", "no zizmor beside this Python"))
    assert close(books).engines == {"astgrep": (1, 5)}


def test_languages_that_no_deterministic_rule_reads_are_named() -> None:
    books = ledger(CODE, file=source("a.zig", FIVE))
    assert close(books).without_rules == {source("a.zig", FIVE).language: 1}


def test_a_rule_for_other_languages_does_not_count_for_this_one_though_its_engine_reads_any() -> (
    None
):
    ruby = source("a.rb", FIVE)
    judges = Judges(lambda _rule, _file: ("regex",))
    python = rule("patterns/code", languages=("python",))
    coverage = close(Ledger(corpus(ruby), (python,), applies, judges))
    assert coverage.without_rules == {"ruby": 1}


def test_each_language_says_how_many_rules_by_pack_could_judge_its_files_where_they_are() -> None:
    files = (source("a.rb", FIVE), source("b/c.rb", FIVE), source("a.go", "x\n"))
    judges = Judges(lambda _rule, _file: ("regex",))
    rules = (
        rule("security/here", languages=("ruby",)),
        rule("security/elsewhere", languages=("ruby",)),
        rule("docs/none", languages=("ruby",), prefilter=("nowhere",)),
        rule("security/any"),
    )

    def placed(one: Rule, file: SourceFile) -> str:
        return "path" if one.id == "security/elsewhere" else applies(one, file)

    coverage = close(Ledger(corpus(*files), rules, placed, judges))
    assert coverage.languages == (
        LanguageCoverage("ruby", 2, 10, {"docs": 1, "security": 1}),
        LanguageCoverage("go", 1, 1),
    )


def test_a_rule_that_does_not_speak_a_language_is_asked_once_for_it_not_for_every_file() -> None:
    asked: list[str] = []

    def counting(rule: Rule, file: SourceFile) -> str:
        asked.append(file.path)
        return applies(rule, file)

    python = [source(f"{number}.py", "x\n") for number in range(3)]
    pages = [source(f"{number}.html", "x\ny\n") for number in range(50)]
    judges = Judges(lambda _rule, _file: ("regex",))
    mine = rule("security/code", languages=("python",))
    coverage = close(Ledger(corpus(*python, *pages), [mine], counting, judges))
    assert len(asked) == 1 + 1 + 3
    row = coverage.rules[0]
    assert (row.in_scope, row.not_applicable, row.detector) == (103, 100, 3)
    assert coverage.engines == {"regex": (3, 3)}


def test_a_line_that_two_rules_miss_is_one_missing_line_of_its_file() -> None:
    books = ledger(ASK, LOOP)
    books.answered(["security/ask"], Span("a.py", 1, 2))
    (file,) = close(books).by_file
    assert (file.lines, file.missing) == (5, 5)
