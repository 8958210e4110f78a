"""Where packs are looked for, what their folders and files may be called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rlm_gate import packs
from rlm_gate.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

from rulepacks import PLAIN, load, mistakes, settings, write


@pytest.mark.parametrize("name", ["Upper.yaml", "two--hyphens.yaml", "under_score.yaml", "ü.yaml"])
def test_a_file_name_that_is_no_rule_name_is_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / name).write_text(PLAIN, encoding="utf-8")
    assert f"{name}:1:1: the file's name is the rule's name" in mistakes(folder)[0]


def test_a_file_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", plain=PLAIN)
    (folder / os.fsdecode(b"\xff.yaml")).write_text(PLAIN)
    [found] = mistakes(folder)
    assert r"/demo/\xff.yaml:1:1: " in found
    found.encode()


def test_the_wrong_extension_is_not_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", plain=PLAIN)
    (folder / "other.yml").write_text(PLAIN)
    [found] = mistakes(folder)
    assert "other.yml:1:1: rename the file to other.yaml" in found


def test_hidden_files_examples_and_documents_are_no_rules(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", plain=PLAIN)
    for name in (".hidden.yaml", "_draft.yaml", "plain.py", "plain.test.yaml", "README.md"):
        (folder / name).write_text("nonsense: [")
    [pack] = load(folder)
    assert [rule.id for rule in pack.rules] == ["demo/plain"]


def test_what_is_no_file_is_a_problem_and_not_waited_for(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", plain=PLAIN)
    os.mkfifo(folder / "pipe.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "endless.yaml").symlink_to("/dev/zero")
    (folder / "dangling.yaml").symlink_to("nowhere")
    found = mistakes(folder)
    assert len(found) == 4
    assert all("can't be read" in one for one in found)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_can_not_be_read_is_a_problem(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", plain=PLAIN)
    (folder / "plain.yaml").chmod(0)
    assert "can't be read: Permission denied" in mistakes(folder)[0]


def test_a_huge_file_is_a_problem(tmp_path: Path) -> None:
    [found] = mistakes(write(tmp_path / "demo", plain="#" * 3_000_000))
    assert "larger than 1024 KiB" in found


def test_by_default_the_builtin_and_the_repositorys_own_packs_count(
    builtin: Path, tmp_path: Path
) -> None:
    assert builtin.is_dir()
    write(tmp_path / "repo" / packs.OWN_RULES / "house", rule=PLAIN)
    found = load(root=tmp_path / "repo")
    assert [pack.name for pack in found] == ["house", "security"]
    assert [pack.name for pack in packs.load(settings(), str(tmp_path / "repo"))] == [
        "house",
        "security",
    ]
    assert [pack.name for pack in load(root=None)] == ["security"]


def test_a_bare_name_is_a_builtin_pack_before_any_folder(
    builtin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert builtin.is_dir()
    write(tmp_path / "security", other=PLAIN)
    monkeypatch.chdir(tmp_path)
    [pack] = load("security")
    assert [rule.id for rule in pack.rules] == ["security/plain"]


def test_a_bare_name_is_the_repositorys_own_pack_or_a_folder(
    builtin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert builtin.is_dir()
    write(tmp_path / packs.OWN_RULES / "house", rule=PLAIN)
    write(tmp_path / "loose", rule=PLAIN)
    monkeypatch.chdir(tmp_path)
    found = load("house", "loose", root=tmp_path)
    assert [pack.name for pack in found] == ["house", "loose"]


def test_naming_packs_replaces_the_configured_ones(builtin: Path, tmp_path: Path) -> None:
    assert builtin.is_dir()
    write(tmp_path / packs.OWN_RULES / "house", rule=PLAIN)
    other = write(tmp_path / "other", rule=PLAIN)
    assert [pack.name for pack in load(other, root=tmp_path)] == ["other"]


def test_the_same_folder_named_twice_is_one_pack(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", rule=PLAIN)
    (tmp_path / "link").symlink_to(folder)
    assert len(load(folder, f"{folder}/", tmp_path / "link" / ".." / "demo")) == 1


def test_the_builtin_folder_itself_may_be_named(builtin: Path) -> None:
    assert [pack.name for pack in load(builtin / "security")] == ["security"]
    assert [pack.name for pack in load(builtin)] == ["security"]


@pytest.mark.parametrize("name", ["security", "gate", "Upper", "a b"])
def test_a_pack_needs_a_name_of_its_own(name: str, builtin: Path, tmp_path: Path) -> None:
    assert builtin.is_dir()
    write(tmp_path / packs.OWN_RULES / name, rule=PLAIN)
    [found] = mistakes(root=tmp_path)
    assert found.startswith(f"{packs.OWN_RULES}/{name}:1:1: ")


def test_a_builtin_name_is_taken_even_where_the_builtin_pack_is_not_asked_for(
    builtin: Path, tmp_path: Path
) -> None:
    load(builtin / "security")  # the same content under the rightful name is in the cache
    [found] = mistakes(write(tmp_path / "security", plain=PLAIN))
    assert "has this name already; rename it" in found


def test_two_folders_of_one_name_clash(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1" / "demo", a=PLAIN), write(tmp_path / "2" / "demo", b=PLAIN)
    found = mistakes(one, two)
    assert any(f"{two}:1:1: {one} has this name already" in problem for problem in found)


def test_every_name_that_leads_nowhere_is_reported(builtin: Path, tmp_path: Path) -> None:
    assert builtin.is_dir()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        packs.load(settings("nowhere", tmp_path / "empty"), None)
    assert str(caught.value) == (
        f"nowhere, {tmp_path}/empty: no such pack or folder of rules; packs here: security"
    )


def test_a_rule_outside_of_a_pack_is_not_passed_over(builtin: Path, tmp_path: Path) -> None:
    assert builtin.is_dir()
    write(tmp_path / packs.OWN_RULES, loose=PLAIN)
    [found] = mistakes(root=tmp_path)
    assert f"{packs.OWN_RULES}/loose.yaml:1:1: a rule lies in a pack" in found


def test_builtin_packs_lie_in_a_wheels_package_or_beside_an_editable_one(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "rlm_gate"
    package.mkdir(parents=True)
    assert packs.builtin_folder(package) == tmp_path / "site-packages" / "rules"
    (package / "rules").mkdir()
    assert packs.builtin_folder(package) == package / "rules"


def test_this_installation_has_builtin_packs() -> None:
    assert load()
