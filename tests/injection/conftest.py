"""The obedient model at work, and repositories to plant attempts in."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import GitRepo
from injection.obedient import ASK, DETECT, ENV_SECRET, KEY, LOOP, RULE, Handler, Obedient


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Obedient]:
    """A fresh obedient model behind ANTHROPIC_BASE_URL, and a key for it."""
    model = Obedient()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"model": model}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("GITHUB_TOKEN", ENV_SECRET)
    yield model
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    """A repository with the three rules on main, to be copied."""
    repo = GitRepo(tmp_path_factory.mktemp("template") / "repo")
    repo.path.mkdir()
    repo.git("init", "-q", "-b", "main", "--template=")
    for name, judge in (("ask", ASK), ("loop", LOOP), ("code", DETECT)):
        repo.write(f"packs/{name}/{name}.yaml", RULE.format(judge=judge))
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    repo.git("add", "-A")
    repo.git(*author, "commit", "-q", "-m", "first")
    repo.git("checkout", "-q", "-b", "topic")
    return repo


@pytest.fixture
def repo(template: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """A copy of the template on a branch of its own, the working directory; artefacts beside it."""
    shutil.copytree(template.path, tmp_path / "repo")
    copied = GitRepo(tmp_path / "repo")
    monkeypatch.chdir(copied.path)
    monkeypatch.setenv("RLM_GATE_CACHE_DIR", str(tmp_path / "left/cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "left/state"))
    return copied
