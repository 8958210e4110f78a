"""The Containerfile as far as it can be read: pinned, no root, and its packages are ours."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
BUILD, RUN = TEXT.split("\nFROM ")[1:]
EXTRAS = ("gemini", "openai", "zizmor")


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "container" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", text, re.MULTILINE))


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("need", wanted(), ids=lambda need: need.name)
def test_every_dependency_is_pinned_to_a_version_that_fits(need: Requirement) -> None:
    assert need.specifier.contains(pins("requirements.txt")[need.name.lower()]), "run: make lock"


@pytest.mark.parametrize("name", ["requirements.txt", "build.txt"])
def test_every_pin_has_a_hash_and_no_other_place_to_come_from(name: str) -> None:
    text = (ROOT / "container" / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) == len(pins(name)) > 3
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "--require-hashes" in BUILD


def test_the_base_is_named_by_digest_in_both_stages() -> None:
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", TEXT, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE) == ["${BASE}", "${BASE}"]


def test_what_runs_is_no_root_and_has_nothing_to_build_with() -> None:
    *_, user = re.findall(r"^USER (\S+)", RUN, re.MULTILINE)
    assert user == "10001:10001"
    installed = re.search(r"apt-get install (.*?) &&", RUN)
    assert installed
    packages = [word.strip('"') for word in installed[1].split() if not word.startswith("-")]
    assert packages == ["git=${GIT_VERSION}"]
    assert "pip install" not in RUN
    assert re.search(r"rm -rf .*/site-packages/pip\*", RUN)
    assert re.findall(r"^COPY (.*)$", RUN, re.MULTILINE) == [
        "--from=build /opt/rlm-gate /opt/rlm-gate"
    ]


def test_the_builder_is_sent_all_that_is_copied_and_little_more() -> None:
    lines = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        name.removeprefix("./")
        for line in re.findall(r"^COPY (.*)$", BUILD, re.MULTILINE)
        for name in line.split()[:-1]
    }
    assert sent == copied
    assert "*" in lines
    assert all((ROOT / name).exists() for name in copied)
    assert any(fnmatch("rlm_gate/__pycache__", line) for line in lines)
