"""Several configuration files at once: extended ones, those of sub-folders, and locks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import GitRepo

from rlm_gate import config, gate, packs
from rlm_gate.config import Flags, ScopeRequest, Settings
from rlm_gate.core import Severity
from rlm_gate.errors import ConfigError, PackError, UsageError


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("YAML", ".rlm-gate.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def load(root: Path, *paths: str) -> Settings:
    return config.with_nested(config.settings(Flags(), root), paths)


def problems(root: Path, *paths: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(root, *paths)
    return [str(problem) for problem in caught.value.problems]


RULE = """\
title: T
severity: high
precision: high
languages: [python]
detect: [{engine: regex, pattern: eval}]
message: M
help: {why: w, fix: f}
tests: {bad: ["eval(x)"], good: ["x"]}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that carries a policy: modules, a pack and its record."""
    site = tmp_path / "site-packages"
    write(
        site,
        acme_policy____init__="raise AssertionError('nobody runs this')",
        acme_policy__YAML="fail_on: low\nlock: [fail_on]\nexclude: [gen/]\nbudget: {usd: 3}\n",
        acme_policy__rules__house__no_eval=RULE,
    )
    (site / "acme_policy/rules/house/no_eval").rename(site / "acme_policy/rules/house/no-eval.yaml")
    (site / "acme_policy-1.0.dist-info").mkdir()
    (site / "acme_policy-1.0.dist-info/METADATA").write_text("Name: acme-policy\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(site))
    return site / "acme_policy"


def test_a_file_builds_on_the_one_it_extends(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        YAML="extends: ./policy/base.yaml\nfail_on: medium\nexclude: [b/]\nbudget: {calls: 5}\n",
        policy__b="",
    )
    (root / "policy/base.yaml").write_text(
        "fail_on: low\nexclude: [a/]\nbudget: {usd: 2, calls: 1}\nmodels: {root: opus}\n"
        "packs: [security, ./own]\noverrides: [{paths: [x], ignore: [security]}]\n"
    )
    found = load(root)
    assert found.fail_on is Severity.MEDIUM
    assert found.exclude == ("^(?:.+/)?a/", "^(?:.+/)?b/")
    assert (found.budget.usd, found.budget.max_calls) == (2, 5)
    assert (found.models.root, found.models.sub) == ("opus", "haiku")
    assert found.packs == ("security", str(root / "policy/./own"))
    assert [override.ignore for override in found.overrides] == [("security",)]


def test_an_installed_package_carries_configuration_and_packs(
    package: Path, tmp_path: Path
) -> None:
    root = write(tmp_path / "repo", YAML="extends: pkg:acme-policy\nbudget: {calls: 9}\n")
    found = load(root)
    assert (found.fail_on, found.budget.usd, found.budget.max_calls) == (Severity.LOW, 3, 9)
    assert found.pack_folders == (str(package / "rules"),)
    loaded = {pack.name: pack for pack in packs.load(found, root)}
    assert [rule.id for rule in loaded["house"].rules] == ["house/no-eval"]
    assert "security" in loaded
    write(root, YAML="extends: pkg:acme-policy\npacks: [house]\n")
    assert [pack.name for pack in packs.load(load(root), root)] == ["house"]


def test_a_mistake_in_an_extended_package_is_named_there(package: Path, tmp_path: Path) -> None:
    root = write(tmp_path / "repo", YAML="extends: pkg:acme-policy\n")
    (package / ".rlm-gate.yaml").write_text("exclude: [a]\nfail_on: none\n")
    assert problems(root)[0].startswith("pkg:acme-policy/.rlm-gate.yaml:2:10: fail_on: 'none'")


def test_what_the_extended_file_locks_nobody_can_set(package: Path, tmp_path: Path) -> None:
    root = write(tmp_path / "repo", YAML="extends: pkg:acme-policy\n\nfail_on: never\n")
    lock = f"pkg:acme-policy/{(package / '.rlm-gate.yaml').name}:2"
    assert problems(root) == [f".rlm-gate.yaml:3:1: 'fail_on' is locked by {lock}; leave it out"]


def test_a_package_is_never_taken_from_what_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path, YAML="extends: pkg:planted\n", planted__YAML="fail_on: never\n")
    (root / "planted/__init__.py").write_text("")
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", ["", str(root), *sys.path])
    assert "no Python package 'planted' is installed" in problems(root)[0]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("https://example.org/policy.yaml", "never an address"),
        ("git@example.org:a/b", "never an address"),
        ("pkg:no-such-package-here", "no Python package 'no-such-package-here' is installed"),
        ("pkg:os.path", "no Python package 'os.path'"),
        ("pkg:json", "the package has no .rlm-gate.yaml"),
        ("missing.yaml", "missing.yaml: no such file"),
        ("../outside.yaml", "../outside.yaml lies outside"),
        (".rlm-gate.yaml", "extends itself: .rlm-gate.yaml -> .rlm-gate.yaml"),
        ("circle.yaml", "extends itself: .rlm-gate.yaml -> circle.yaml -> .rlm-gate.yaml"),
    ],
)
def test_what_can_not_be_extended_is_refused_at_its_place(
    said: str, problem: str, tmp_path: Path
) -> None:
    root = write(tmp_path / "repo", YAML=f"fail_on: low\nextends: {said}\n")
    (root / "circle.yaml").write_text("extends: .rlm-gate.yaml\n")
    (tmp_path / "outside.yaml").write_text("fail_on: never\n")
    [found] = problems(root)
    assert problem in found
    assert found.startswith((".rlm-gate.yaml:2:1: ", "circle.yaml:1:1: "))


def test_a_pack_that_leads_nowhere_is_named_at_its_place(tmp_path: Path) -> None:
    root = write(tmp_path, YAML="packs:\n  - security\n  - nope\n  - ./none\n")
    with pytest.raises(PackError) as caught:
        packs.load(load(root), root)
    found = [str(problem) for problem in caught.value.problems]
    assert [one.rpartition(": no such pack")[0] for one in found] == [
        ".rlm-gate.yaml:3:5: nope",
        f".rlm-gate.yaml:4:5: {root / 'none'}",
    ]


def test_a_pack_that_the_command_line_names_has_no_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^nope: no such pack"):
        packs.load(config.settings(Flags(rules=("nope",)), tmp_path), tmp_path)


def test_a_sub_project_decides_for_its_own_files_and_the_nearest_wins(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        YAML="exclude: [x/]\n",
        a__YAML="exclude: [gen/]\noverrides: [{paths: ['*.py'], severity: {security/b: low}}]\n",
        a__b__YAML="packs: [security]\nnever_send: ['/k']\n",
    )
    found = load(root, "a/b/c/file.py", "other/file.py")
    assert found.projects == ("a", "a/b")
    assert found.exclude == ("^(?:.+/)?x/", "^a/(?:(?:.+/)?gen/)")
    assert found.never_send == ("^a/b/(?:k(?:/|\\Z))",)
    outer, inner = found.overrides
    assert (outer.include, outer.severity) == (
        ("^a/(?:(?:.+/)?[^/]*\\.py(?:/|\\Z))",),
        {"security/b": Severity.LOW},
    )
    assert (inner.include, inner.packs) == (("^a/b/(?:)",), ("security",))
    assert load(root, "other/file.py").projects == ()


def test_all_mistakes_of_all_sub_projects_are_named_at_once(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        YAML="lock: [fail_on]\n",
        a__YAML="\nfail_on: never\nmodels: off\n",
        b__YAML="fail_on: none\n",
    )
    (root / "c").mkdir()
    (root / "c/.rlm-gate.yml").write_text("")
    (root / ".github/workflows").mkdir(parents=True)
    (root / ".github/workflows/rlm-gate.yml").write_text("on: push\n")
    assert problems(root, "a/f", "b/f", "c/f", ".github/workflows/f") == [
        "a/.rlm-gate.yaml:2:1: 'fail_on' is locked by .rlm-gate.yaml:1; leave it out",
        (
            "a/.rlm-gate.yaml:3:1: 'models' holds for the whole run; write it at the root of the"
            " repository"
        ),
        (
            "b/.rlm-gate.yaml:1:10: fail_on: 'none' is not one of: critical, high, medium, low,"
            " info or never"
        ),
        "c/.rlm-gate.yml:1:1: this file is not read; rename it to .rlm-gate.yaml",
    ]


def test_a_key_inside_can_be_locked_alone(tmp_path: Path) -> None:
    root = write(tmp_path, YAML="extends: up.yaml\nmodels: {root: opus, allowed: [opus]}\n")
    (root / "up.yaml").write_text("lock: [models.allowed]\nmodels: {allowed: [sonnet]}\n")
    assert problems(root) == [
        ".rlm-gate.yaml:2:22: 'models.allowed' is locked by up.yaml:1; leave it out"
    ]


def test_a_file_named_by_hand_stands_in_for_all(tmp_path: Path) -> None:
    root = write(tmp_path, YAML="fail_on: low\n", a__YAML="exclude: [x]\n")
    (root / "mine.yaml").write_text("fail_on: info\n")
    found = config.settings(Flags(config=str(root / "mine.yaml")), root)
    assert config.with_nested(found, ["a/f"]) == found


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("fail_on: {default: high, secruity: low}\n", ".rlm-gate.yaml:1:26"),
        (
            'overrides:\n  - paths: ["src/"]\n    fail_on: {secruity: low}\n',
            ".rlm-gate.yaml:3:15",
        ),
    ],
)
def test_a_threshold_for_a_pack_nobody_has_is_a_mistake(
    git_repo: GitRepo, text: str, place: str
) -> None:
    git_repo.write(".rlm-gate.yaml", text)
    git_repo.write("a.py", "x = 1\n")
    git_repo.commit()
    request = ScopeRequest("all", repo=str(git_repo.path))
    with pytest.raises(ConfigError) as caught:
        gate.run(config.settings(Flags(scope=request, offline=True), git_repo.path))
    assert str(caught.value).startswith(f"{place}: no loaded pack has 'secruity'")
    assert "did you mean" in str(caught.value)
