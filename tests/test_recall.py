"""What is remembered of files: the same report, sooner; never the answer of another question."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import finding, source

from rlm_gate import cachedir, config, detectors, gate, recall, reports, syntax
from rlm_gate.core import Corpus, Finding, Fix, Skip, Span, Verdict
from rlm_gate.detectors import regex, secrets
from rlm_gate.errors import UsageError
from rlm_gate.rlm import planner

if TYPE_CHECKING:
    from conftest import GitRepo

RULE = """\
title: Shell command from a variable
severity: high
precision: high
languages: [python]
prefilter: [import]
detect: [{engine: regex, pattern: 'os\\.system\\(command'}]
message: Pass a list.
help: {why: It runs what it gets., fix: Pass a list.}
tests:
  bad: ["import os; os.system(command)"]
  good: ["print(1)"]
"""
ASKS = """\
title: Something only a reader knows
severity: high
precision: low
languages: [python]
ask: {over: chunk, question: Is it right?}
message: Mend it.
help: {why: It is wrong., fix: Mend it.}
tests:
  bad: ["x = 1"]
  good: [{lang: go, code: "var x"}]
"""
SECRETS = "{engine: secrets, formats: guessed}"
PASSWORD = "pass" + "word = 'Kw9!zPq27LmXe'"
BAD = "import os\n\n\ndef run(command):\n    os.system(command)\n"


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    git_repo.write(".rlm-gate/rules/own/shell.yaml", RULE)
    for name in ("a.py", "b.py", "sub/c.py"):
        git_repo.write(name, BAD)
    git_repo.write("plain.py", "print(1)\n")
    git_repo.commit()
    return git_repo


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note which files the regex engine is given."""
    seen: list[str] = []
    detect = regex.detect

    def noting(corpus: Corpus, rules: object) -> Iterator[Finding | Skip]:
        seen.extend(file.path for file in corpus.files if file.language == "python")
        return detect(corpus, rules)  # type: ignore[arg-type]  # as it was given

    monkeypatch.setattr(regex, "detect", noting)
    return seen


def check(repo: GitRepo, mode: str = "all", *, no_cache: bool = False) -> Verdict:
    detectors._KNOWN.clear()  # every run is a process of its own
    scope = config.ScopeRequest(mode, None, (), str(repo.path))
    rules = (str(repo.path / ".rlm-gate/rules"),)
    flags = config.Flags(scope=scope, rules=rules, offline=True, no_cache=no_cache)
    return gate.run(config.settings(flags, repo.path))


def report(verdict: Verdict) -> bytes:
    return reports.load("json").render(verdict)


def entries() -> list[Path]:
    folder = config.environment().cache_dir / "findings"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_an_unchanged_run_judges_no_file_and_says_the_same(
    repo: GitRepo, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check(repo)
    assert judged == ["a.py", "b.py", "plain.py", "sub/c.py"]
    judged.clear()
    monkeypatch.setattr(detectors, "found", None)  # no prefilter is searched again

    assert report(check(repo)) == report(first)
    assert judged == []
    assert len(first.findings) == 3


def test_an_unchanged_run_cuts_no_file_to_say_what_models_would_cost(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write(".rlm-gate/rules/own/asks.yaml", ASKS)
    cold = check(repo)
    monkeypatch.setattr(planner, "shown_parts", None)
    assert check(repo).audit.estimate == cold.audit.estimate
    assert cold.audit.estimate
    assert cold.audit.estimate.calls == 4


def test_what_a_run_did_not_measure_the_next_one_does(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write(".rlm-gate/rules/own/asks.yaml", ASKS)
    with monkeypatch.context() as before:
        before.setattr(gate, "_forecast", lambda _run: None)
        check(repo)
    measured = check(repo).audit.estimate
    assert measured == check(repo, no_cache=True).audit.estimate
    monkeypatch.setattr(planner, "shown_parts", None)
    assert check(repo).audit.estimate == measured


def test_an_unchanged_run_parses_no_file_to_name_what_was_found(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = check(repo)
    parsed: list[str] = []
    parse = syntax.outline

    def noted(text: str, language: str) -> Any:
        parsed.append(text)
        return parse(text, language)

    monkeypatch.setattr("rlm_gate.fingerprint.outline", noted)
    monkeypatch.setattr("rlm_gate.recall.outline", noted)
    warm = check(repo)
    assert parsed == []
    assert [one.fingerprint for one in warm.findings] == [one.fingerprint for one in cold.findings]
    assert warm.findings

    repo.write("a.py", BAD.replace("run", "walk"))
    repo.git("add", "-A")
    assert {one.fingerprint for one in check(repo).findings} == {
        one.fingerprint for one in check(repo, no_cache=True).findings
    }


def test_an_unchanged_run_searches_no_file_for_secrets_again(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(repo)
    secrets._CLEAN.clear()
    secrets._find_again.cache_clear()
    searched: list[str] = []
    find = secrets.find

    def noted(text: str) -> Any:
        searched.append(text)
        return find(text)

    monkeypatch.setattr(secrets, "find", noted)
    assert check(repo).findings
    assert not {BAD, BAD.removesuffix("\n")} & {*searched}

    repo.write("a.py", f"{BAD}{PASSWORD}\n")
    repo.git("add", "-A")
    [quote] = [one.quote for one in check(repo).findings if one.span.path == "a.py"]
    assert quote == "    os.system(command)"
    assert f"{BAD}{PASSWORD}\n" in searched


def test_only_what_changed_is_judged_again(repo: GitRepo, judged: list[str]) -> None:
    check(repo)
    judged.clear()
    repo.write("b.py", f"# moved\n{BAD}")
    repo.write("new.py", BAD)
    (repo.path / "a.py").unlink()
    repo.git("add", "-A")

    warm = check(repo)

    assert judged == ["b.py", "new.py"]
    assert report(warm) == report(check(repo, no_cache=True))
    assert [one.span.path for one in warm.findings] == ["b.py", "new.py", "sub/c.py"]


def test_a_file_is_judged_again_under_another_name(repo: GitRepo, judged: list[str]) -> None:
    check(repo)
    judged.clear()
    repo.git("mv", "a.py", "d.py")
    assert {one.span.path for one in check(repo).findings} == {"b.py", "d.py", "sub/c.py"}
    assert judged == ["d.py"]


def test_another_rule_judges_everything_again(repo: GitRepo, judged: list[str]) -> None:
    check(repo)
    judged.clear()
    repo.write(".rlm-gate/rules/own/shell.yaml", RULE.replace("severity: high", "severity: low"))
    assert {one.severity.label for one in check(repo).findings} == {"low"}
    assert judged == ["a.py", "b.py", "plain.py", "sub/c.py"]


def test_another_version_of_an_engine_judges_everything_again(
    repo: GitRepo, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(repo)
    judged.clear()
    monkeypatch.setattr(regex, "version", lambda: "next")
    check(repo)
    assert len(judged) == 4


def test_without_the_cache_nothing_is_read_or_written(repo: GitRepo, judged: list[str]) -> None:
    check(repo, no_cache=True)
    assert entries() == []
    check(repo)
    judged.clear()
    check(repo, no_cache=True)
    assert len(judged) == 4


@pytest.mark.parametrize("mode", ["staged", "worktree"])
def test_a_change_is_judged_without_it(repo: GitRepo, judged: list[str], mode: str) -> None:
    check(repo)
    judged.clear()
    before = entries()
    repo.write("a.py", f"{BAD}\n")
    repo.git("add", "a.py")
    check(repo, mode)
    assert judged == ["a.py"]
    assert entries() == before


def test_what_a_broken_engine_found_is_not_kept(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    detect = regex.detect

    def breaking(corpus: Corpus, rules: object) -> Iterator[Finding | Skip]:
        yield next(detect(corpus, rules))  # type: ignore[arg-type]  # as it was given
        raise RuntimeError("out of order")

    with monkeypatch.context() as patched:
        patched.setattr(regex, "detect", breaking)
        assert any(skip.blocking for skip in check(repo).skipped)
    assert entries() == []
    assert len(check(repo).findings) == 3


@pytest.mark.parametrize("what", ["a.py", "a.py:5"])
def test_a_file_with_a_skip_is_judged_every_time(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    seen: list[list[str]] = []

    def skipping(corpus: Corpus, rules: object) -> Iterator[Finding | Skip]:
        del rules
        seen.append([file.path for file in corpus.files if file.language == "python"])
        yield Skip(what, "regex: not this time")

    monkeypatch.setattr(regex, "detect", skipping)
    first = check(repo)
    assert report(check(repo)) == report(first)
    assert seen == [["a.py", "b.py", "plain.py", "sub/c.py"], ["a.py"]]


def test_a_planted_entry_is_not_believed(repo: GitRepo, judged: list[str]) -> None:
    first = check(repo)
    [entry] = entries()
    signed = entry.read_bytes()
    rows = json.loads(signed[32:])
    for row in rows.values():
        row[3] = {}
    entry.write_bytes(signed[:32] + json.dumps(rows).encode())
    judged.clear()
    assert report(check(repo)) == report(first)
    assert len(judged) == 4


def test_the_judged_repository_stays_as_it_is(repo: GitRepo) -> None:
    check(repo)
    assert len(entries()) == 1
    assert repo.git("status", "--porcelain", "--ignored") == ""


def test_an_engine_whose_version_can_not_be_told_is_not_remembered(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise UsageError("no such binary")

    monkeypatch.setattr(regex, "version", missing)
    assert len(check(repo).findings) == 3
    assert entries() == []


def test_all_that_a_finding_has_comes_back() -> None:
    span = Span("a.py", 3, 4)
    fix = Fix(span, "x\n\ud800", safe=True, what="Mend it")
    flow = (Span("b.py", 1, 2), span)
    rich = replace(finding(fingerprint=""), span=span, flow=flow, fix=fix, columns=(1, 9))
    bare = replace(rich, fix=None, columns=None, flow=())
    stored = json.loads(json.dumps([recall.stored(rich), recall.stored(bare)]))
    assert [*recall.findings_of("a.py", stored)] == [rich, bare]


def test_the_oldest_entries_go_when_there_are_too_many(tmp_path: Path) -> None:
    cache = cachedir.CacheDir(tmp_path / "cache", tmp_path / "state")
    for number in range(5):
        cache.write("findings", f"{number}" * 8, b"x" * 1000)
        (tmp_path / "cache" / "findings" / (f"{number}" * 8)).touch()
    cache.trim("findings", 2500)
    left = sorted(entry.name for entry in (tmp_path / "cache" / "findings").iterdir())
    assert left == ["3" * 8, "4" * 8]


def test_a_file_with_a_secret_is_judged_every_time_and_not_kept(
    repo: GitRepo, judged: list[str]
) -> None:
    repo.write(
        ".rlm-gate/rules/own/password.yaml",
        RULE.replace("prefilter: [import]\n", "")
        .replace("{engine: regex, pattern: 'os\\.system\\(command'}", SECRETS)
        .replace('["import os; os.system(command)"]', f'["{PASSWORD}"]'),
    )
    repo.write("config.py", f"{PASSWORD}\n")
    repo.commit("a password")
    first = check(repo)
    assert "own/password" in {one.rule_id for one in first.findings}
    assert all(b"Kw9" not in one.read_bytes() for one in entries())
    judged.clear()
    assert report(check(repo)) == report(first)
    assert "config.py" in judged


def test_what_anybody_quotes_with_a_secret_is_not_kept_and_the_rest_is(
    repo: GitRepo, judged: list[str]
) -> None:
    token = "AKIA" + "QX7ZP3RW5TBN2LDV"
    repo.write("config.py", BAD.replace("(command)", f"(command)  # {token}"))
    repo.commit("a key")
    first = check(repo)
    quoted = {also.path for one in first.findings for also in (one.span, *one.places)}
    assert "config.py" in quoted
    assert entries()
    assert all(token.encode() not in one.read_bytes() for one in entries())
    judged.clear()
    assert report(check(repo)) == report(first)
    assert judged == ["config.py"]


def test_what_was_not_asked_of_a_file_is_not_taken_for_a_no() -> None:
    """A prefilter that does not match takes a rule's lines out of what has to be judged."""
    file = source("a.py", "import os\n")
    detectors._KNOWN.clear()
    kept = recall.Recall.__new__(recall.Recall)
    kept._prefilters = [("import",), ("eval",), ("exec",)]
    kept._told = {}
    kept._answer(file, "10-")
    assert detectors.prefilters(file) == {("import",): True, ("eval",): False}


def test_engines_that_see_several_files_are_asked_of_all_or_speak_of_changes_alone() -> None:
    several = {name for name in detectors.names() if not detectors.by_file(name)}
    assert several - recall._APART == {"changelog", "copies"}  # nothing is changed in a whole scope
    by_tree = {name for name in detectors.names() if detectors.reads_tree(name)}
    assert by_tree - recall._APART == {"api", "changelog", "copies"}
