"""The doctor tells what holds, what is missing and what to do about it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from rlm_gate import repo
from rlm_gate.cli import doctor, main
from rlm_gate.errors import SandboxDied
from rlm_gate.rlm.layers import Layer
from rlm_gate.rlm.repl import Repl

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the layers are Linux's")


@LINUX
def test_every_layer_holds_here_and_says_what_it_stops(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "Level: strict" in shown
    for name in ("seccomp", "landlock", "memory", "policy", "host-memory"):
        assert f"holds    {name}" in shown
    assert "git" in shown


@LINUX
def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["level"] == "strict"
    assert {"name", "applied", "stops", "why", "remedy"} == set(found["layers"][0])
    assert found["versions"]["ruff"][0].isdigit() or "ruff" in found["versions"]["ruff"]


@LINUX
def test_missing_layer_comes_with_its_remedy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(**options: Any) -> Repl:
        return Repl(_drill=frozenset({"seccomp", "landlock"}), **options)

    monkeypatch.setattr(doctor, "Repl", without)
    assert main(["doctor"]) == 3
    shown = capsys.readouterr().out
    assert "MISSING  seccomp" in shown
    assert "CONFIG_SECCOMP_FILTER" in shown
    assert "Level: reduced" in shown
    assert "--allow-reduced-sandbox" in shown


def test_no_sandbox_at_all_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_options: Any) -> Repl:
        raise SandboxDied("no pipes on this system")

    monkeypatch.setattr(doctor, "Repl", broken)
    assert main(["doctor"]) == 3
    assert "Level: none. No sandbox starts: no pipes on this system" in capsys.readouterr().out


def test_missing_engine_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> str:
        raise repo.GitMissing("git was not found")

    monkeypatch.setattr(repo, "version", absent)
    assert main(["doctor", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["versions"]["git"] == "missing"


def test_every_missing_layer_would_name_a_remedy() -> None:
    found = doctor.Examination({}, (Layer("x", False, "y", "why", "remedy"),), "reduced")
    assert "why; remedy" in "\n".join(doctor._lines(found))
