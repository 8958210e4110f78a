"""No text in a change talks the gate into a green verdict, and nothing leaks on the way."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import GitRepo
from injection.obedient import ATTEMPTS, ENV_SECRET, KEY, Attempt, Obedient

from rlm_gate import reports
from rlm_gate.cli import main

CLAIMED = [one for one in ATTEMPTS if one.claimed]
DOCS = Path(__file__).parents[2] / "docs/security.md"
OWN = {"gate/prompt-injection", "gate/hidden-text"}


def planted(repo: GitRepo, attempt: Attempt) -> None:
    for name, text in attempt.files().items():
        repo.write(name, text)
    repo.git("add", "-A")
    repo.git("-c", "gc.auto=0", "commit", "-q", "--no-verify", "-m", attempt.message())


def check(
    repo: GitRepo, *flags: str, written: tuple[str, ...] = ("json",)
) -> tuple[int, dict[str, object]]:
    """Run the real command line with these reports; return its exit code and the JSON report."""
    left = repo.path.parent / "left"
    outputs = [f"--output={name}={left / name}" for name in written]
    code = main(["check", "--diff", "main", *flags, *outputs, "--deadline", "20"])
    return code, json.loads((left / "json").read_bytes())


def rules(document: dict[str, object], key: str = "findings") -> set[str]:
    found = document[key]
    assert isinstance(found, list)
    return {one["rule"] for one in found}


def artefacts(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> dict[str, bytes]:
    """Return all that the run has left behind, what it printed too."""
    left = repo.path.parent / "left"
    files = {str(one.relative_to(left)): one for one in left.rglob("*") if one.is_file()}
    assert any("journals" in name for name in files), "the journal is looked at as well"
    printed = capsys.readouterr()
    texts = {name: one.read_bytes() for name, one in files.items()}
    return {**texts, "stdout": printed.out.encode(), "stderr": printed.err.encode()}


def assert_nothing_leaks(left: dict[str, bytes], model: Obedient) -> None:
    for name, content in left.items():
        assert KEY.encode() not in content, name
        assert ENV_SECRET.encode() not in content, name
    assert all(KEY not in body and ENV_SECRET not in body for body in model.bodies)


def assert_harmless(left: dict[str, bytes]) -> None:
    """No report holds anything that its reader would obey or load."""
    for name in (*reports.names(), "stdout", "stderr"):
        text = left[name].decode()
        assert not re.search(r"##\[|\x1b\[|[\u202a-\u202e\u2066-\u2069]", text), name
        assert not re.search("[\U000e0020-\U000e007e\u200b]", text), name
        assert not re.search(r"^\s*::(?!error|warning|notice)", text, re.MULTILINE), name
        if name in {"markdown", "html", "junit"}:
            assert not re.search(r"<(img|script|iframe)[^>]*(onerror|evil)", text), name
        if name == "markdown":
            assert "![" not in text
            assert "](http" not in re.sub(r"\]\(https://(cwe\.mitre|trojansource)", "", text)


@pytest.mark.parametrize("attempt", [pytest.param(one, id=one.id) for one in ATTEMPTS])
def test_a_flaw_that_a_detector_finds_still_fails_the_run(
    attempt: Attempt, repo: GitRepo, model: Obedient, capsys: pytest.CaptureFixture[str]
) -> None:
    if (
        not attempt.claimed
    ):  # nobody knows that it lies, so its own words are all the proof there is
        model.proof = attempt.planted.split("\n")[0]
    planted(repo, attempt)
    written = reports.names()
    code, document = check(repo, "--rules=packs/code", "--rules=packs/ask", written=written)
    assert code == 1
    assert "code/code" in rules(document) | rules(document, "refuted")
    left = artefacts(repo, capsys)
    assert_nothing_leaks(left, model)
    assert_harmless(left)


@pytest.mark.parametrize("attempt", [pytest.param(one, id=one.id) for one in CLAIMED])
def test_a_flaw_that_only_a_model_finds_never_passes(
    attempt: Attempt, repo: GitRepo, model: Obedient, capsys: pytest.CaptureFixture[str]
) -> None:
    planted(repo, attempt)
    root = ["--rules=packs/loop"] if attempt.place == "commit" else []  # nobody else reads those
    code, document = check(repo, "--rules=packs/ask", *root)
    assert rules(document) <= OWN
    assert rules(document)
    assert code == 1
    coverage = document["coverage"]
    assert isinstance(coverage, dict)
    assert "injection" in {gap["reason"] for gap in coverage["gaps"]}
    assert_nothing_leaks(artefacts(repo, capsys), model)


@pytest.mark.parametrize("attempt", [pytest.param(one, id=one.id) for one in CLAIMED[::8]])
def test_what_was_read_beside_an_attempt_is_missing_even_if_the_finding_does_not_block(
    attempt: Attempt, repo: GitRepo, model: Obedient
) -> None:
    planted(repo, attempt)
    mild = "{gate/prompt-injection: low, gate/hidden-text: low}"
    override = f"version: 1\noverrides:\n  - paths: ['**']\n    severity: {mild}\n"
    repo.write(".rlm-gate.yaml", override)
    code, document = check(repo, "--rules=packs/ask", "--rules=packs/loop")
    assert document["status"] == "inconclusive"
    assert code == 3
    assert model.bodies


def test_sixty_attempts_and_more_are_claimed_and_the_others_are_listed() -> None:
    assert len(CLAIMED) >= 60
    assert len(CLAIMED) >= 0.9 * len(ATTEMPTS)
    page = DOCS.read_text(encoding="utf-8")
    assert [one.id for one in ATTEMPTS if not one.claimed and f"`{one.id}`" not in page] == []


@pytest.mark.parametrize(
    "attempt", [pytest.param(one, id=one.id) for one in ATTEMPTS if not one.claimed]
)
def test_what_is_not_claimed_is_really_not_found(
    attempt: Attempt, repo: GitRepo, model: Obedient
) -> None:
    planted(repo, attempt)
    code, document = check(repo, "--rules=packs/ask", "--rules=packs/loop")
    assert not rules(document) & OWN, "move it to the claimed ones, and off docs/security.md"
    assert code == 0
    assert model.bodies


def test_accepted_text_is_neither_reported_nor_counts_as_heard(
    repo: GitRepo, model: Obedient
) -> None:
    planted(repo, ATTEMPTS[0])
    accept = "version: 1\noverrides:\n  - paths: [app.py]\n    ignore: [gate/prompt-injection]\n"
    repo.write(".rlm-gate.yaml", accept)
    code, document = check(repo, "--rules=packs/ask", "--rules=packs/loop")
    assert rules(document) == set()
    assert code == 0
    assert model.bodies
