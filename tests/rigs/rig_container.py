"""The Containerfile in the hands of a linter of such files, and of rlm-gate itself."""

from __future__ import annotations

from pathlib import Path

from rigs.conftest import ROOT, run, tool


def test_hadolint_finds_nothing() -> None:
    assert run(tool("hadolint"), "--failure-threshold", "style", "Containerfile", cwd=ROOT) == ""


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM debian\nRUN apt-get install git\n")
    assert "DL3006" in run(tool("hadolint"), "Containerfile", cwd=tmp_path, code=1)


def test_rlm_gate_finds_nothing_that_it_would_find() -> None:
    flags = ("--offline", "--fail-on", "info", "--quiet")
    said = run(tool("rlm-gate"), "check", "Containerfile", ".containerignore", *flags, cwd=ROOT)
    assert "No findings" in said
