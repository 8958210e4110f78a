"""The real tools, and this repository as a commit that they can install.

Run by ``make rigs`` alone: these files are no ``test_*.py``, for they need a network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What is downloaded once is kept: the tests' own home is empty each time.
_CACHES = {
    "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR") or str(Path.home() / ".cache" / "pip"),
    "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv"),
}
GOOD = "def add(a, b):\n    return a + b\n"
BAD = (
    "import subprocess\n"
    "from flask import request\n\n"
    "def run():\n"
    "    return subprocess.call(request.args['run'], shell=True)\n"
)


@pytest.fixture(autouse=True)
def _kept_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _CACHES.items():
        monkeypatch.setenv(name, value)


def tool(name: str) -> str:
    """Return the tool of that name: ours to develop with, or from the rigs' own environment."""
    bins = (Path(sys.prefix) / "bin", Path(sys.prefix) / "rigs" / "bin")
    found = shutil.which(name, path=os.pathsep.join(map(str, bins)))
    assert found, f"{name} is missing; run: make rigs"
    return found


def npm(path: str) -> Path:
    """Return a file or a folder of a package of npm's, and skip where npm could install none."""
    found = Path(sys.prefix) / "rigs" / "npm" / "node_modules" / path
    if not found.exists() and shutil.which("npm") is None:
        pytest.skip("there is no npm on this machine to install it with")
    assert found.exists(), f"{path} is missing; run: make rigs"
    return found


def run(*command: str, cwd: Path, code: int = 0, env: Mapping[str, str] | None = None) -> str:
    """Run a command, check its exit code, and return all it says."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it stands in the work tree: one commit, tagged v0."""
    folder = tmp_path_factory.mktemp("source") / "rlm-gate"
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    run("git", "init", "-q", "-b", "main", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    run("git", *author, "commit", "-q", "-m", "all", cwd=folder)
    run("git", "tag", "v0", cwd=folder)
    return folder
