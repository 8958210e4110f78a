"""Fixtures for all tests: a clean environment, no sockets but loopback, real git repositories."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import rulepacks

from rlm_gate import packs
from rlm_gate.cachedir import CacheDir

_GIT_ENV = {
    "GIT_AUTHOR_NAME": "A U Thor",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "A U Thor",
    "GIT_COMMITTER_EMAIL": "author@example.com",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
_SCRUBBED = ("GIT_", "GITHUB_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "OPENAI_", "RLM_GATE_")


class Compiled(NamedTuple):
    """What the tests of a process share: compiled rule packs, and the key that signs them."""

    packs: Path
    key: Path


@pytest.fixture(scope="session")
def compiled_packs(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """A cache for packs alone, which are told apart by all that they follow from."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "packs").mkdir(mode=0o700)
    CacheDir(folder, folder).signing_key()
    return Compiled(folder / "packs", folder / "cache.key")


@pytest.fixture(autouse=True)
def _clean_environment(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    compiled_packs: Compiled,
) -> None:
    """No key, no CI, no user configuration; caches and state in a folder of the test's own.

    Only compiled packs are shared, unless the test is marked ``cold``: a second or two per test.
    """
    for name in list(os.environ):
        if name.startswith((*_SCRUBBED, "PRE_COMMIT")) or name == "CI":
            monkeypatch.delenv(name)
    for name, value in _GIT_ENV.items():
        monkeypatch.setenv(name, value)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    if request.node.get_closest_marker("cold") is None:
        cache, state = (home / kind / "rlm-gate" for kind in ("cache", "state"))
        cache.mkdir(mode=0o700, parents=True)
        state.mkdir(mode=0o700, parents=True)
        (cache / "packs").symlink_to(compiled_packs.packs)
        (state / "cache.key").hardlink_to(compiled_packs.key)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]  # the address is whatever the caller gave

    monkeypatch.setattr(socket.socket, "connect", guarded)


@dataclass(frozen=True)
class GitRepo:
    """A real repository in a temporary folder."""

    path: Path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, check=True, capture_output=True, text=True
        )
        return done.stdout

    def write(self, name: str, content: str | bytes) -> Path:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def commit(self, message: str = "change", **files: str) -> str:
        """Write ``files`` (name -> text), commit everything, return the commit id."""
        for name, content in files.items():
            self.write(name, content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture
def git_repo(tmp_path: Path) -> GitRepo:
    """An empty repository on branch main."""
    repo = GitRepo(tmp_path / "repo")
    repo.path.mkdir()
    repo.git("init", "-q", "-b", "main")
    return repo


@pytest.fixture
def builtin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of built-in packs of the test's own, with the one pack ``security``."""
    folder = tmp_path / "installed" / "rules"
    rulepacks.write(folder / "security", plain=rulepacks.PLAIN)
    monkeypatch.setattr(packs, "builtin_folder", lambda: folder)
    return folder
