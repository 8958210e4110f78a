"""Installing the wheel and the sdist as users do, and using them away from the clone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import GitRepo
from rigs.conftest import BAD, run, tool

from rlm_gate import __version__

MEBIBYTE = 1 << 20


@pytest.fixture(scope="session")
def dist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", f"--outdir={folder}", ".", cwd=source)
    return folder


@pytest.fixture
def bad(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("first", **{"bad.py": BAD})
    return git_repo


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_it_works_from_a_fresh_environment(
    kind: str, dist: Path, bad: GitRepo, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", str(venv), cwd=tmp_path)
    pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet")
    run(*pip, str(next(dist.glob(kind))), cwd=tmp_path)
    gate = str(venv / "bin" / "rlm-gate")

    assert run(gate, "--version", cwd=tmp_path) == f"rlm-gate {__version__}\n"
    assert "security/shell-injection" in run(gate, "rules", "list", cwd=tmp_path)
    run(gate, "rules", "validate", cwd=tmp_path)
    assert "bad.py:5:12" in run(gate, "check", "--all", "--offline", cwd=bad.path, code=1)
    size = sum(file.stat().st_size for file in venv.rglob("*") if file.is_file())
    assert size <= 150 * MEBIBYTE  # design §12


@pytest.mark.parametrize(
    "runner",
    [
        pytest.param(("pipx", "run", "--spec"), id="pipx"),
        pytest.param(("uvx", "--from"), id="uvx"),
    ],
)
def test_it_works_without_being_installed(
    runner: tuple[str, ...], source: Path, bad: GitRepo
) -> None:
    name, *flags = runner
    call = (tool(name), *flags, str(source), "rlm-gate", "check", "--all", "--offline")

    assert "bad.py:5:12" in run(*call, cwd=bad.path, code=1)
