import json
from pathlib import Path

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Rule, Skip
from rlm_gate.detectors import zizmor

PATH = ".github/workflows/a.yml"
TEXT = "on: push\njobs:\n  a:\n    steps:\n      - run: echo\n"


def seeking(rule_id: str = "own/env", *others: str) -> Rule:
    engines = [Detect("zizmor", {"select": ["github-env"]}), *(Detect(one, {}) for one in others)]
    return rule(rule_id, detect=engines, languages=("yaml",))


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int = 0) -> None:
    """Put a program in zizmor's place that answers so."""
    (folder / "answer.json").write_text(answer)
    fake = folder / "zizmor"
    fake.write_text(f"#!/bin/sh\ncat '{folder}/answer.json'\necho trouble >&2\nexit {code}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(zizmor, "binary", lambda: str(fake))


def hit(ident: str, kind: str = "Primary") -> dict[str, object]:
    points = {"start_point": {"row": 4, "column": 8}, "end_point": {"row": 5, "column": 0}}
    return {
        "ident": ident,
        "locations": [{"symbolic": {"kind": kind}, "concrete": {"location": points}}],
    }


def test_a_primary_place_of_a_selected_audit_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits = [hit("github-env"), hit("github-env", "Related"), hit("artipacked")]
    install(tmp_path, monkeypatch, json.dumps(hits))
    [found] = zizmor.detect(corpus(source(PATH, TEXT)), [seeking()])
    assert isinstance(found, Finding)
    assert (found.span.start, found.span.end, found.quote) == (5, 5, "      - run: echo")


def test_other_yaml_is_not_shown_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "no JSON")
    assert not list(zizmor.detect(corpus(source("a.yml", TEXT)), [seeking()]))


@pytest.mark.parametrize(("answer", "code"), [("no JSON", 0), ("[{}]", 0), ("3", 0), ("[]", 1)])
def test_an_answer_that_makes_no_sense_is_a_skip_for_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    install(tmp_path, monkeypatch, answer, code)
    [skip] = zizmor.detect(corpus(source(PATH, TEXT)), [seeking()])
    assert isinstance(skip, Skip)
    assert (skip.path, skip.rule_ids) == (PATH, ("own/env",))


def test_without_it_only_rules_of_its_alone_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zizmor, "binary", lambda: None)
    rules = [seeking(), seeking("own/both", "regex")]
    [skip] = zizmor.detect(corpus(source(PATH, TEXT)), rules)
    assert isinstance(skip, Skip)
    assert skip.rule_ids == ("own/env",)
    assert "rlm-gate[zizmor]" in skip.why
    assert not skip.blocking


def test_its_options_are_checked() -> None:
    assert not list(zizmor.validate({"select": ["github-env"]}, ["yaml"]))
    assert [place for place, _ in zizmor.validate({"audits": 1}, ["python"])] == [
        ("audits",),
        (),
        (),
    ]
