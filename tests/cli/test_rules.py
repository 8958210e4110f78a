from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rlm_gate.cli import main

if TYPE_CHECKING:
    from pathlib import Path

RULE = """\
title: No evil
severity: high
precision: medium
tags: [external/cwe/cwe-1]
languages: [python]
detect: [{engine: regex, pattern: evil}]
ask: {over: chunk, question: Is it evil?}
message: Stop that.
help: {why: It is bad., fix: Do good., links: ["https://example.com/"]}
aliases: [demo/once]
tests:
  bad:
    - evil()
    - {before: x, after: evil()}
  good: [fine()]
"""


@pytest.fixture(autouse=True)
def _in_a_repository(git_repo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(git_repo.path)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "all" / "demo"
    folder.mkdir(parents=True)
    (folder / "no-evil.yaml").write_text(RULE)
    quiet = RULE.replace("demo/once", "demo/before").replace(
        "ask: {over: chunk", "ask: {over: corpus"
    )
    (folder / "quiet.yaml").write_text(quiet + "enabled: false\n")
    return folder


def test_list_is_a_table_of_every_rule(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "list", "--rules", str(pack)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["RULE", "SEVERITY", "LANGUAGES", "JUDGED", "BY", "TITLE"]
    assert " ".join(lines[1].split()) == "demo/no-evil high python regex + model (chunk) No evil"
    assert lines[2].endswith("regex + model (corpus)  No evil (only by --select)")
    assert lines[3] == "2 rules in 1 pack"


def test_list_as_json(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "list", "--format", "json", "--rules", str(pack)]) == 0
    whole = capsys.readouterr().out
    assert main(["rules", "list", "--json", "--rules", str(pack)]) == 0
    assert capsys.readouterr().out == whole
    first, second = json.loads(whole)
    assert first == {
        "id": "demo/no-evil",
        "title": "No evil",
        "severity": "high",
        "precision": "medium",
        "languages": ["python"],
        "engines": ["regex"],
        "ask": "chunk",
        "verify": "none",
        "tags": ["external/cwe/cwe-1"],
        "aliases": ["demo/once"],
        "yields_to": [],
        "enabled": True,
    }
    assert not second["enabled"]


@pytest.mark.parametrize("name", ["demo/no-evil", "demo/once"])
def test_show_tells_the_help_and_the_examples(
    name: str, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "show", name, "--rules", str(pack)]) == 0
    out = capsys.readouterr().out
    for text in (
        "demo/no-evil: No evil",
        "severity high, precision medium, python",
        "once called: demo/once",
        "Stop that.",
        "Why: It is bad.",
        "Fix: Do good.",
        "Asked: Is it evil?",
        "See https://example.com/",
        "Bad:\n    evil()\n",
        "    before:\n      x\n    after:\n      evil()\n",
        "Good:\n    fine()\n",
    ):
        assert text in out


def test_show_refuses_what_is_no_rule(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "show", "demo/no-evli", "--rules", str(pack)]) == 2
    assert "did you mean 'demo/no-evil'?" in capsys.readouterr().err
    assert main(["rules", "show", "demo", "--rules", str(pack)]) == 2
    assert "write <pack>/<rule>" in capsys.readouterr().err


def test_validate_counts_or_names_every_mistake(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "validate", str(pack.parent)]) == 0
    assert capsys.readouterr().out == f"{pack}: 2 rules\n"
    (pack / "bad.yaml").write_text(RULE.replace("high", "hihg").replace("title", "titel"))
    assert main(["rules", "validate", str(pack)]) == 2
    err = capsys.readouterr().err
    assert f"{pack}/bad.yaml:1:1: unknown key 'titel'; did you mean 'title'?" in err
    assert f"{pack}/bad.yaml:2:11: severity: 'hihg' is not one of" in err


def test_validate_checks_the_configured_packs(
    pack: Path, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.write(".rlm-gate.yaml", f"packs: [{pack}]")
    assert main(["rules", "validate"]) == 0
    assert capsys.readouterr().out == f"{pack}: 2 rules\n"


def test_test_says_that_all_hold(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", str(pack)]) == 0
    assert capsys.readouterr().out == "2 rules, 6 examples: all hold\n"


def test_test_names_the_example_that_fails(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pack / "third.yaml").write_text(
        RULE.replace("demo/once", "demo/third-once").replace("[fine()]", "[evil()]")
    )
    assert main(["rules", "test", str(pack)]) == 1
    assert capsys.readouterr().out == (
        f"{pack}/third.yaml:15:10: demo/third: this good example is found by regex, in its line 1\n"
        "3 rules, 9 examples: 1 failure\n"
    )
    assert main(["rules", "test", str(pack), "demo/no-evil"]) == 0
    assert capsys.readouterr().out == "1 rule, 3 examples: all hold\n"
    assert main(["rules", "test", str(pack), "demo/nothing"]) == 2


def test_one_builtin_rule_can_be_tested_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "list", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]["id"]
    assert main(["rules", "test", first]) == 0
    assert capsys.readouterr().out.startswith("1 rule, ")
    assert main(["rules", "show", first]) == 0


def test_a_rule_can_be_tested_and_validated_by_its_file(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "test", str(pack / "no-evil.yaml")]) == 0
    assert capsys.readouterr().out == "1 rule, 3 examples: all hold\n"
    assert main(["rules", "validate", str(pack / "no-evil.yaml")]) == 0
    assert capsys.readouterr().out == f"{pack}: 2 rules\n"


def test_schema_is_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "tests" in schema["required"]


def test_without_an_action_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rules"])
    assert caught.value.code == 2
    assert "ACTION" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["prompt-injection", "hidden-text", "policy-changed"])
def test_the_gates_own_rules_can_be_looked_up(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "show", f"gate/{name}"]) == 0
    assert f"gate/{name}" in capsys.readouterr().out


def test_a_new_rule_is_valid_and_its_examples_hold(
    git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "new", "mine/old-call"]) == 0
    assert "rules test mine/old-call" in capsys.readouterr().out
    path = git_repo.path / ".rlm-gate/rules/mine/old-call.yaml"
    assert main(["rules", "test", "mine/old-call"]) == 0
    assert capsys.readouterr().out == "1 rule, 3 examples: all hold\n"
    path.write_text(path.read_text().replace("pattern: ", "pattern: not_", 1))
    assert main(["rules", "validate"]) == 2
    before = path.read_text()
    assert main(["rules", "new", "mine/old-call"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == before


def test_the_name_of_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "new", "House/X"]) == 2
    said = "a rule id is wanted: <pack>/<rule>, of a-z, 0-9 and single hyphens"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mine", "Mine/x", "security/x", "gate/x", "a/../b", "../a/b"])
def test_a_new_rule_needs_a_name_of_its_own(
    name: str, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "new", name]) == 2
    assert not (git_repo.path / ".rlm-gate").exists()
    assert capsys.readouterr().err


ANNOTATED = """\
# ruleid: demo/no-evil
evil()
# ruleid: demo/no-evil
fine(1)
# ok: demo/no-evil
evil(2)
# todoruleid: demo/no-evil
fine(3)
# todook: demo/no-evil
evil(4)
evil(5)
# ruleid: somebody-elses
fine(6)
"""


def test_json_without_a_measurement_is_refused(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "test", str(pack), "--format", "json"]) == 2
    assert "name folders with --report" in capsys.readouterr().err


def test_precision_and_recall_on_annotated_files(
    pack: Path, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.write("code/tests/a.py", ANNOTATED)
    git_repo.write("code/b.py", "evil(0)\n")
    assert main(["rules", "test", str(pack), "--report", "code", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "files": 1,
        "rules": [
            {
                "id": "demo/no-evil",
                "found": 1,
                "false": 2,
                "missed": 1,
                "precision": 1 / 3,
                "recall": 0.5,
            }
        ],
        "not_judged": [],
        "unknown": ["somebody-elses"],
    }
    assert main(["rules", "test", str(pack), "--report", "code"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["demo/no-evil", "1", "2", "1", "33%", "50%"]
    assert lines[2:] == ["1 rule, 1 annotated file", "no rule is called: somebody-elses"]


def test_a_name_without_its_pack_may_be_another_tools_and_measures_nothing(
    pack: Path, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.write("code/theirs.py", "# ruleid: no-evil\nfine()\n# ok: evil\nevil()\n")
    assert main(["rules", "test", str(pack), "--report", "code"]) == 2
    said = "no rule is called: no-evil (write demo/no-evil if it is meant), evil"
    assert said in capsys.readouterr().err
    git_repo.write("code/ours.py", "# ruleid: demo/no-evil\nevil()\n")
    assert main(["rules", "test", str(pack), "--report", "code"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["demo/no-evil", "1", "0", "0", "100%", "100%"]
    assert lines[2:] == ["1 rule, 1 annotated file", said]


def test_of_many_names_that_no_rule_has_ten_are_shown(
    pack: Path, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    many = ", ".join(f"rule-{number:02}" for number in range(12))
    git_repo.write("code/a.py", f"# ruleid: demo/no-evil\nevil()\n# ok: {many}\nfine()\n")
    assert main(["rules", "test", str(pack), "--report", "code"]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("no rule is called: rule-00, rule-01, ")
    assert said.endswith(", rule-08, rule-09 and 2 more")


def test_a_folder_without_annotations_measures_nothing(
    pack: Path, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.write("code/b.py", "evil(0)\n")
    assert main(["rules", "test", str(pack), "--report", "code"]) == 2
    assert "ruleid:" in capsys.readouterr().err
    assert main(["rules", "test", str(pack), "--report", "nowhere"]) == 2
    assert "nowhere: no such file or folder" in capsys.readouterr().err


def test_one_annotated_file_is_measured_alone(
    pack: Path, git_repo: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    git_repo.write("code/a.py", "# ruleid: demo/no-evil\nevil()\n")
    git_repo.write("code/b.py", "# ruleid: demo/no-evil\nfine()\n")
    assert main(["rules", "test", str(pack), "--report", "code/a.py"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["demo/no-evil", "1", "0", "0", "100%", "100%"]
    assert lines[2] == "1 rule, 1 annotated file"
