from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from rlm_gate.cli import main

BAD = "import os\n\n\ndef run(command):\n    os.system(command)\n"
RULE = """\
title: A command a caller chooses
severity: high
precision: high
languages: [python]
detect: [{engine: regex, pattern: 'os\\.system\\(command'}]
message: Pass a list.
help: {why: It runs what it gets., fix: Pass a list.}
tests:
  bad: ["os.system(command)"]
  good: ["print(1)"]
"""


def repository(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(text)
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of a good, a bad, a missing and a cloned repository."""
    repository(tmp_path / "good", "print(1)\n")
    repository(tmp_path / "bad", BAD)
    away = repository(tmp_path / "away", BAD)
    rules = tmp_path / "own"
    rules.mkdir()
    (rules / "command.yaml").write_text(RULE)
    file = tmp_path / "repos.yaml"
    file.write_text(
        "version: 1\nrepos:\n- path: good\n- path: gone\n- path: bad\n"
        f"- {{url: 'file://{away}', name: cloned, rev: main}}\n"
    )
    return file


def audit(listed: Path, *flags: str) -> int:
    out, rules = listed.parent / "out", listed.parent / "own"
    given = ["--out", str(out), "--rules", str(rules), "--offline", "-q"]
    return main(["audit-many", str(listed), *given, *flags])


def rows(listed: Path) -> dict[str, dict[str, object]]:
    data = json.loads((listed.parent / "out/overview.json").read_bytes())
    return {one["name"]: one for one in data["repositories"]}


def test_each_repository_is_judged_and_one_that_fails_stops_no_other(listed: Path) -> None:
    assert audit(listed) == 1
    found = {name: one["status"] for name, one in rows(listed).items()}
    assert found == {"good": "pass", "gone": "error", "bad": "fail", "cloned": "fail"}
    for name in ("good", "bad", "cloned"):
        folder = listed.parent / "out" / name
        assert json.loads((folder / "gate.sarif").read_bytes())["version"] == "2.1.0"
        assert (folder / "gate.html").exists()
    assert "| bad |" in (listed.parent / "out/overview.md").read_text()
    assert "- gone: " in (listed.parent / "out/overview.md").read_text()


def test_a_resumed_audit_judges_again_only_what_changed_or_had_failed(listed: Path) -> None:
    assert audit(listed) == 1
    out = listed.parent / "out"
    bad = listed.parent / "bad"
    (bad / "app.py").write_text("print(2)\n")
    subprocess.run(["git", "commit", "-q", "-am", "mend"], cwd=bad, check=True)
    repository(listed.parent / "gone", "print(3)\n")
    assert audit(listed, "--resume") == 1
    runs = {
        path.parent.name: len(path.read_text().splitlines()) for path in out.glob("*/history.jsonl")
    }
    assert runs == {"good": 1, "bad": 2, "cloned": 1, "gone": 1}
    assert {name: one["status"] for name, one in rows(listed).items()} == {
        "good": "pass",
        "gone": "pass",
        "bad": "pass",
        "cloned": "fail",
    }


def test_a_clone_follows_its_remote(listed: Path) -> None:
    audit(listed)
    away = listed.parent / "away"
    (away / "app.py").write_text("print(2)\n")
    subprocess.run(["git", "commit", "-q", "-am", "mend"], cwd=away, check=True)
    audit(listed)
    assert rows(listed)["cloned"]["status"] == "pass"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("repos: []\n", ":1:1: a mapping of version and repos"),
        ("repos:\n- path: a\n- path: b/a\n", ":3:"),
        ("repos:\n- {path: a, url: b}\n", "either path or url"),
        ("repos:\n- {path: a, branch: b}\n", "unknown key 'branch'"),
        ("repos:\n- {path: .., name: ../x}\n", "can't name a folder"),
        ("repos:\n- 3\n", "a mapping of path or url"),
    ],
)
def test_a_wrong_list_is_refused_with_the_line(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "repos.yaml"
    file.write_text(text)
    assert main(["audit-many", str(file), "--out", str(tmp_path / "out"), "--offline"]) == 2
    assert says in capsys.readouterr().err
