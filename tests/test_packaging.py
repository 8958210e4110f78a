"""What is inside the wheel and the sdist. Installing them is the rigs' part: it needs a network."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from rlm_gate import __version__

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from the sdist: what is missing there is missing here."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def members(built: Path) -> tuple[set[str], set[str]]:
    """Return the names in the wheel, and those in the sdist below its one folder."""
    wheel, sdist = next(built.glob("*.whl")), next(built.glob("*.tar.gz"))
    with ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        return inside, {name.partition("/")[2] for name in archive.getnames()}


def data() -> set[str]:
    """Return the files of the package that are no Python, by their place in a wheel."""
    kinds = {".md", ".json", ".typed", ".yaml"}
    own = {path for path in (ROOT / "rlm_gate").rglob("*") if path.suffix in kinds}
    own |= {ROOT / "rlm_gate" / "py.typed"}
    return {path.relative_to(ROOT).as_posix() for path in own}


def modules() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / "rlm_gate").rglob("*.py")}


def packs() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / "rules").rglob("*.yaml")}


def test_wheel_and_sdist_hold_code_data_and_packs(built: Path) -> None:
    wheel, sdist = members(built)

    needed = {"rlm_gate/rlm/prices.json", "rlm_gate/reports/schema.json", "rlm_gate/py.typed"}
    assert needed | {"rlm_gate/rlm/prompts/audit.md", "rlm_gate/rlm/plan.schema.json"} <= data()
    assert modules() | data() | {f"rlm_gate/{path}" for path in packs()} <= wheel
    assert modules() | data() | packs() <= sdist


def test_the_wheel_holds_nothing_but_the_package(built: Path) -> None:
    wheel, _ = members(built)

    assert {name.partition("/")[0] for name in wheel} == {
        "rlm_gate",
        f"rlm_gate-{__version__}.dist-info",
    }
    assert not any("__pycache__" in name for name in wheel)


def test_the_sdist_is_enough_to_make_and_test(built: Path) -> None:
    _, sdist = members(built)

    assert {"Makefile", "pyproject.toml", "README.md", "docs/cli.md", "tests/conftest.py"} <= sdist
    assert not any(name.startswith((".venv", ".git/")) for name in sdist)
