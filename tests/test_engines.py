"""Engines in several processes: the same findings, and never a green where one of them died."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import SHELL_CODE, SHELL_RULE, corpus, finding, rule, source

from rlm_gate import config, detectors, engines, fingerprint, forks, gate, reports
from rlm_gate.core import Corpus, Finding, Rule, Skip, Status, Verdict
from rlm_gate.detectors import regex

if TYPE_CHECKING:
    from conftest import GitRepo

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),  # pytest's own
]
MANY = 2 * engines.FEW


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    git_repo.write(".rlm-gate/rules/own/shell.yaml", SHELL_RULE.format(severity="high"))
    for number in range(MANY):
        text = f"{SHELL_CODE}# {number}\n" if number % 3 else "print(1)\n"
        git_repo.write(f"some/file_{number:02}.py", text)
    git_repo.commit()
    return git_repo


def check(
    repo: GitRepo,
    monkeypatch: pytest.MonkeyPatch,
    processes: int,
    progress: gate.Progress = lambda _phase, _done, _total: None,
) -> Verdict:
    monkeypatch.setattr(forks, "processes", lambda: processes)
    flags = config.Flags(
        scope=config.ScopeRequest("all", repo=str(repo.path)),
        rules=(str(repo.path / ".rlm-gate/rules"),),
    )
    settings = config.settings(flags, repo.path)
    models = replace(settings.models, mode="offline")
    return gate.run(replace(settings, models=models, no_cache=True), progress)


def test_several_processes_report_the_same_bytes_as_one(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, beside = (check(repo, monkeypatch, processes) for processes in (1, 3))
    assert alone.findings
    for name in reports.names():
        assert reports.load(name).render(alone) == reports.load(name).render(beside)


def test_each_file_is_judged_once_and_the_parent_does_not_do_it_all(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    detect = regex.detect

    def noting(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        for file in corpus.files:
            (tmp_path / f"{os.getpid()}-{file.path.replace('/', '-')}").touch(exist_ok=False)
        return detect(corpus, rules)

    monkeypatch.setattr(regex, "detect", noting)
    check(repo, monkeypatch, 2)
    noted = [one.name.partition("-") for one in tmp_path.iterdir() if one.is_file()]
    judged = [path for _, _, path in noted if path.startswith("some-")]
    assert len(judged) == len({*judged}) == MANY


@pytest.mark.parametrize("severity", ["info", "high"])
def test_a_process_that_dies_is_inconclusive_and_the_rest_is_kept(
    severity: str, git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.write(".rlm-gate/rules/own/shell.yaml", SHELL_RULE.format(severity=severity))
    for number in range(MANY):
        git_repo.write(f"file_{number:02}.py", SHELL_CODE)
    git_repo.commit()
    parent, detect = os.getpid(), regex.detect

    def dying(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)  # the fork comes first
        return detect(corpus, rules)

    monkeypatch.setattr(regex, "detect", dying)
    verdict = check(git_repo, monkeypatch, 2)
    assert verdict.status is (Status.FAIL if severity == "high" else Status.INCONCLUSIVE)
    whys = [one.why for one in verdict.skipped if one.blocking]
    assert whys
    assert all("killed by signal 9" in why for why in whys)
    assert 0 < len(verdict.findings) < MANY
    assert verdict.coverage.gaps  # of every file: nobody knows which of them the dead one had


def places(verdict: Verdict) -> list[str]:
    found = verdict.findings
    spans = (span for one in found for span in (one.span, *(also.span for also in one.also)))
    return sorted(span.path for span in spans)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_engine_that_breaks_over_one_file_judges_the_others(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    whole = check(repo, monkeypatch, processes)
    detect = regex.detect

    def broken(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        for item in detect(corpus, rules):
            if isinstance(item, Finding) and item.span.path == "some/file_20.py":
                raise ValueError("no such kind")
            yield item

    monkeypatch.setattr(regex, "detect", broken)
    verdict = check(repo, monkeypatch, processes)
    [skip] = [one for one in verdict.skipped if one.blocking]
    assert (skip.what, skip.path) == ("regex", "some/file_20.py")
    assert places(whole) == sorted([*places(verdict), "some/file_20.py"])
    assert {gap.span.path for gap in verdict.coverage.gaps} == {"some/file_20.py"}


@pytest.mark.parametrize("paths", [["a.py", "b.py"], ["b.py", "c.py"], ["a.py", "b.py", "c.py"]])
def test_what_was_found_before_an_engine_broke_is_told_once(
    monkeypatch: pytest.MonkeyPatch, paths: list[str]
) -> None:
    def broken(asked: Corpus, _rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        for file in asked.files:
            if file.path == "b.py":
                raise ValueError("no such kind")
            yield finding(path=file.path)

    monkeypatch.setattr(regex, "detect", broken)
    asked = corpus(*(source(path, "1\n") for path in paths))
    found = [*engines.behind_the_seam("regex", asked, [rule()])]
    told = [one.span.path for one in found if isinstance(one, Finding)]
    assert told == [path for path in paths if path != "b.py"]
    assert [one.path for one in found if isinstance(one, Skip)] == ["b.py"]


def test_an_engine_that_notes_something_of_each_file_and_breaks_over_one_is_broken_there_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(asked: Corpus, _rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        for file in asked.files:
            yield Skip(file.path, "packed code")
            if file.path == "b.py":
                raise ValueError("no such kind")

    monkeypatch.setattr(regex, "detect", broken)
    three = corpus(source("a.py", "1\n"), source("b.py", "2\n"), source("c.py", "3\n"))
    found = [*engines.behind_the_seam("regex", three, [rule()])]
    notes = [Skip(path, "packed code") for path in ("a.py", "b.py", "c.py")]
    assert [one for one in found if one in notes] == notes
    assert [one.path for one in found if isinstance(one, Skip) and one.blocking] == ["b.py"]


@pytest.mark.parametrize(
    ("name", "paths", "asked", "concerned"),
    [
        ("sarif", ["a.py", "b.py", "c.py"], [3], None),
        ("sarif", ["a.py"], [1], None),
        ("regex", ["a.py"], [1], "a.py"),
        ("regex", [], [0], None),
    ],
)
def test_an_engine_that_sees_all_files_at_once_breaks_over_all(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    paths: list[str],
    asked: list[int],
    concerned: str | None,
) -> None:
    counts = []

    def broken(given: Corpus, _rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        counts.append(len(given.files))
        raise ValueError("no such kind")

    monkeypatch.setattr(detectors.load(name), "detect", broken)
    files = [source(path, "1\n") for path in paths]
    [skip] = engines.behind_the_seam(name, corpus(*files), [rule()])
    assert isinstance(skip, Skip)
    assert (skip.what, skip.path, skip.blocking) == (name, concerned, True)
    assert counts == asked


def test_an_engine_that_breaks_over_every_file_keeps_what_it_found_in_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(asked: Corpus, _rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        for file in asked.files:
            yield finding(path=file.path)
            raise ValueError("no such kind")

    monkeypatch.setattr(regex, "detect", broken)
    three = corpus(source("a.py", "1\n"), source("b.py", "2\n"), source("c.py", "3\n"))
    found = [*engines.behind_the_seam("regex", three, [rule()])]
    assert [one.span.path for one in found if isinstance(one, Finding)] == ["a.py", "b.py", "c.py"]
    [skip] = [one for one in found if isinstance(one, Skip)]
    assert (skip.path, skip.blocking, skip.rule_ids) == (None, True, (rule().id,))


def test_an_engine_that_breaks_in_every_process_says_so_once(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> Any:
        raise ValueError("no such node")

    monkeypatch.setattr(regex, "detect", broken)
    verdict = check(repo, monkeypatch, 2)
    (skip,) = [one for one in verdict.skipped if one.blocking]
    assert "no such node" in skip.why


def test_an_interrupt_keeps_what_was_found_before(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, detect, seen = os.getpid(), regex.detect, []

    def stopped(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        seen.extend(corpus.files)
        if len(seen) > MANY // 4:
            if os.getpid() == parent:
                raise KeyboardInterrupt
            time.sleep(60)  # it leaves enough to the parent
        return detect(corpus, rules)

    monkeypatch.setattr(regex, "detect", stopped)
    verdict = check(repo, monkeypatch, 2)
    assert [one.what for one in verdict.skipped if one.blocking] == ["run"]
    assert verdict.findings


@pytest.mark.parametrize("processes", [1, 2])
def test_what_an_interrupted_engine_judged_is_missing_and_nothing_is_searched_for_that(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """An interrupt has seconds until it is a kill, and nobody knows which files were done."""
    detectors._KNOWN.clear()

    def stopped(*_arguments: object) -> Any:
        monkeypatch.setattr(detectors, "found", None)
        raise KeyboardInterrupt("terminated")

    monkeypatch.setattr(regex, "detect", stopped)
    verdict = check(repo, monkeypatch, processes)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.coverage.gaps == (), "all of them listed would be the whole plan"
    judged = [one for one in verdict.coverage.by_file if one.path.startswith("some/")]
    assert [one.missing for one in judged] == [one.lines for one in judged]
    assert len(judged) == MANY
    [row] = [one for one in verdict.coverage.rules if one.rule_id == "own/shell"]
    assert (row.detector, row.missing) == (0, row.in_scope - row.not_applicable)
    assert "regex" not in verdict.coverage.engines


def test_what_had_ended_before_the_interrupt_counts(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_run: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gate, "_audit", stopped)
    verdict = check(repo, monkeypatch, 2)
    assert verdict.interrupted
    assert verdict.coverage.gaps == ()
    assert len(verdict.findings) == 1


def test_what_forks_learned_of_prefilters_is_not_searched_again(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    detectors._KNOWN.clear()
    judge = gate._audit

    def audit(this: Any) -> None:
        monkeypatch.setattr(detectors, "found", None)
        judge(this)

    monkeypatch.setattr(gate, "_audit", audit)
    verdict = check(repo, monkeypatch, 3)
    (row,) = [one for one in verdict.coverage.rules if one.rule_id == "own/shell"]
    assert row.prefiltered == MANY // 3


def test_few_files_are_judged_by_one_process(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "Crew", None)
    git_repo.write(".rlm-gate/rules/own/shell.yaml", SHELL_RULE.format(severity="medium"))
    git_repo.write("app.py", SHELL_CODE)
    git_repo.commit()
    assert len(check(git_repo, monkeypatch, 4).findings) == 1


def test_what_was_found_in_a_file_is_named_without_parsing_it_again(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check(repo, monkeypatch, 1)
    monkeypatch.setattr(fingerprint, "outline", None)
    again = check(repo, monkeypatch, 3)
    assert [one.fingerprint for one in again.findings] == [
        one.fingerprint for one in first.findings
    ]


@pytest.mark.parametrize("count", [1, 24, 50, 1000])
def test_pieces_have_each_file_once_in_order_and_the_last_ones_are_small(count: int) -> None:
    files = [source(f"{number}.py", "") for number in range(count)]
    pieces = [*engines._pieces(files, 2)]
    assert [file for piece in pieces for file in piece] == files
    assert all(len(piece) <= 2 for piece in pieces[-4:])


def test_the_parent_tells_how_many_files_are_begun_wherever(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, told = os.getpid(), list[tuple[int, int, int]]()
    detect = regex.detect

    def slow(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        time.sleep(0.02 if os.getpid() == parent else 0.001)
        return detect(corpus, rules)

    def progress(phase: str, done: int, total: int) -> None:
        told.extend([(os.getpid(), done, total)] if phase == "files" else [])

    monkeypatch.setattr(regex, "detect", slow)
    check(repo, monkeypatch, 2, progress)
    counts = [done for pid, done, total in told if pid == parent and total >= MANY]
    assert len(counts) == len(told)
    assert len(counts) > 1
    assert counts == sorted(counts)
    assert MANY // 2 < counts[-1] < told[-1][2]
