from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rlm_gate import baseline
from rlm_gate.cli import main
from rlm_gate.reports import _overview
from rlm_gate.reports._overview import Row

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


def repository(folder: Path, text: str, files: Mapping[str, str] | None = None) -> Path:
    folder.mkdir(parents=True)
    for name, content in {"app.py": text, **(files or {})}.items():
        (folder / name).write_text(content)
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
    bad = listed.parent / "bad"
    (bad / "app.py").write_text("print(2)\n")
    subprocess.run(["git", "commit", "-q", "-am", "mend"], cwd=bad, check=True)
    repository(listed.parent / "gone", "print(3)\n")
    assert audit(listed, "--resume") == 1
    assert runs(listed) == {"good": 1, "bad": 2, "cloned": 1, "gone": 1}
    assert {name: one["status"] for name, one in rows(listed).items()} == {
        "good": "pass",
        "gone": "pass",
        "bad": "pass",
        "cloned": "fail",
    }


def runs(listed: Path) -> dict[str, int]:
    files = (listed.parent / "out").glob("*/history.jsonl")
    return {file.parent.name: len(file.read_text().splitlines()) for file in files}


def stricter(listed: Path) -> list[str]:
    rule = listed.parent / "own/command.yaml"
    rule.write_text(RULE.replace("os\\.system", "print").replace("os.system(c", "print(c"))
    rule.write_text(rule.read_text().replace("print(1)", "pass").replace("\\(command'", "\\('"))
    return []


def configured(listed: Path) -> list[str]:
    (listed.parent / "good/.rlm-gate.yaml").write_text("version: 1\nfail_on: low\n")
    return []


def baselined(listed: Path) -> list[str]:
    folder = listed.parent / "good/.rlm-gate"
    folder.mkdir()
    (folder / "baseline.json").write_bytes(baseline.render([]))
    return []


@pytest.mark.parametrize(
    ("change", "judged"),
    [
        (stricter, ["bad", "cloned", "good"]),
        (lambda _listed: ["--fail-on", "medium"], ["bad", "cloned", "good"]),
        (lambda _listed: ["--import-sarif", "none.sarif"], ["bad", "cloned", "good"]),
        (configured, ["good"]),
        (baselined, ["good"]),
        (lambda _listed: [], []),
        (lambda _listed: ["--max-usd", "3"], []),
    ],
    ids=["a rule", "a flag", "an import", "a configuration", "a baseline", "nothing", "the budget"],
)
def test_a_resumed_audit_judges_again_what_other_rules_or_policy_would_judge(
    change: Callable[[Path], list[str]],
    judged: list[str],
    listed: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(listed.parent)
    Path("none.sarif").write_text('{"version": "2.1.0", "runs": []}')
    audit(listed)
    assert runs(listed) == {"good": 1, "bad": 1, "cloned": 1}
    audit(listed, "--resume", *change(listed))
    assert sorted(name for name, count in runs(listed).items() if count == 2) == judged


def test_a_result_of_another_day_is_not_used_again(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suppression may have expired since."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    audit(listed)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790200000")
    audit(listed, "--resume")
    assert runs(listed) == {"good": 2, "bad": 2, "cloned": 2}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with one policy for all: its configuration and a pack."""
    folder = tmp_path / "site/acme_policy"
    (folder / "rules/acme").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / ".rlm-gate.yaml").write_text("version: 1\npacks: [acme]\n")
    (folder / "rules/acme/command.yaml").write_text(RULE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


def test_an_installed_package_gives_all_repositories_one_policy(
    package: Path, tmp_path: Path
) -> None:
    lines = ["version: 1", "repos:"]
    for name, text in (("one", BAD), ("two", "print(1)\n"), ("three", BAD)):
        own = {".rlm-gate.yaml": "version: 1\nextends: pkg:acme_policy\n"}
        folder = repository(tmp_path / name, text, own)
        place = f"url: 'file://{folder}'" if name == "three" else f"path: {name}"
        lines.append(f"- {{name: {name}, {place}}}")
    listed = tmp_path / "repos.yaml"
    listed.write_text("\n".join(lines) + "\n")
    given = ["audit-many", str(listed), "--out", str(tmp_path / "out"), "--offline", "-q"]
    assert main(given) == 1
    assert {name: one["status"] for name, one in rows(listed).items()} == {
        "one": "fail",
        "two": "pass",
        "three": "fail",
    }
    (finding,) = json.loads((tmp_path / "out/three/gate.json").read_bytes())["findings"]
    assert finding["rule"] == "acme/command"
    rule = package / "rules/acme/command.yaml"
    rule.write_text(RULE.replace("severity: high", "severity: low"))
    assert main([*given, "--resume"]) == 0
    assert {one["status"] for one in rows(listed).values()} == {"pass"}


def test_the_overview_is_one_page_that_needs_nothing_else(listed: Path) -> None:
    audit(listed)
    (listed.parent / "bad/app.py").write_text("print(2)\n")
    subprocess.run(["git", "commit", "-q", "-am", "mend"], cwd=listed.parent / "bad", check=True)
    audit(listed)
    page = (listed.parent / "out/overview.html").read_text()
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "default-src &#39;none&#39;" in page
    for name, status in (("good", "pass"), ("bad", "pass"), ("cloned", "fail"), ("gone", "error")):
        assert re.search(rf"<tr[^>]*>\s*<th[^>]*>.*{name}.*?{status}", page), name
    assert 'href="bad/gate.html"' in page
    assert 'href="gone/gate.html"' not in page
    assert page.count('class="bar k-high"') == 2, "two runs with findings: 2, then 1"
    assert re.search(r"bad.*?1 → 0", page)
    assert [json.loads(line)["blocking"] for line in history(listed)] == [2, 1]


def history(listed: Path) -> list[str]:
    return (listed.parent / "out/history.jsonl").read_text().splitlines()


def test_a_page_shows_a_hostile_error_as_text() -> None:
    row = Row("a<script>", "", "error", error="</script><img src=x onerror=alert(1)>")
    page = _overview.page([row], [], {}).decode()
    assert "<img" not in page
    assert "a&lt;script&gt;" in page


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
