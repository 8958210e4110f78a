"""Ask a repository's past: the commits of a diff, and how often files change. Home of GitPython.

GitPython reads the wrong index in a hook and no sha256 repository, so nothing that is judged comes
from here. It is imported when first used, and each repository is closed at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rlm_gate.errors import GitError
from rlm_gate.repo import GitMissing

if TYPE_CHECKING:
    from git import Repo

_TIMEOUT: Final = 60.0
_COMMIT: Final = re.compile(r"\0([0-9a-f]{40})\n")


@dataclass(frozen=True, slots=True)
class Commit:
    """Who changed something, and what they said about it. ``body`` is without the subject."""

    sha: str
    author: str
    subject: str
    body: str


def commits(root: str, base: str | None, head: str, limit: int = 20) -> tuple[Commit, ...]:
    """Return the commits after ``base`` (None: since the beginning) up to ``head``, newest first.

    Merges are left out: they say nothing of their own. Raises GitError, also where GitPython can't
    read the repository.
    """
    with _opened(root) as repo:
        tip = repo.commit(head).hexsha
        since = [f"^{repo.commit(base).hexsha}"] if base else []
        shas = _ask(repo, "rev-list", "--no-merges", f"--max-count={limit}", tip, *since, "--")
        return tuple(_commit(repo, sha) for sha in shas.decode().split())


def patches(
    root: str, base: str | None, head: str, limit: int = 5000
) -> Iterator[tuple[Commit, str]]:
    """Yield the commits after ``base`` up to ``head``, oldest first, each with its unified diff.

    Merges are left out. Bytes that are not UTF-8 are replaced. Raises GitError.
    """
    quiet = ("--no-show-signature", "--no-mailmap", "--no-color", "-O/dev/null", "--no-renames")
    what = ("-p", "-U1", "--no-merges", "--no-relative", "--no-ext-diff", "--no-textconv")
    with _opened(root) as repo:
        tip = repo.commit(head).hexsha
        since = [f"^{repo.commit(base).hexsha}"] if base else []
        shape = ("--reverse", "--topo-order", "--format=%x00%H", f"--max-count={limit}")
        told = _ask(repo, "log", *shape, *quiet, *what, tip, *since, "--")
        parts = _COMMIT.split(told.decode(errors="replace"))
        for sha, patch in zip(parts[1::2], parts[2::2], strict=True):
            yield _commit(repo, sha), patch.strip("\n")


def churn(root: str, head: str, limit: int = 500) -> Mapping[str, int]:
    """Return how many of the last commits touched each path, most often touched first."""
    with _opened(root) as repo:
        tip = repo.commit(head).hexsha
        quiet = ("--format=", "--no-show-signature", "--no-mailmap", "--no-color", "-O/dev/null")
        what = ("--name-only", "--no-renames", "--no-merges", "--no-relative", "--no-ext-diff")
        listed = _ask(repo, "log", "-z", *quiet, *what, f"--max-count={limit}", tip, "--")
    paths = (path.lstrip(b"\n") for path in listed.split(b"\0"))
    counts = Counter(path.decode(errors="surrogateescape") for path in paths if path)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def clone(url: str, folder: Path) -> None:
    """Clone the repository bare into the folder, or bring the clone that is there up to date.

    Every branch of the clone is the remote's. Raises GitError; a protocol that runs commands is
    refused by GitPython.
    """
    if folder.exists():
        with _opened(str(folder)) as repo:
            repo.git.fetch("--prune", "--force", "origin", "+refs/heads/*:refs/heads/*")
        return
    import git
    from git.exc import GitError as GitPythonError

    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        git.Repo.clone_from(url, str(folder), bare=True).close()
    except (GitPythonError, ValueError) as error:
        raise GitError(f"can't clone {url}: {error}") from error


@contextmanager
def _opened(root: str) -> Iterator[Repo]:
    """Open a repository; its processes end with the block, its errors become ours."""
    try:
        import git
        from git.exc import GitError as GitPythonError
        from git.exc import ODBError
    except ImportError as error:  # GitPython's way to say that there is no git
        raise GitMissing(f"git was not found: {error}") from error
    try:
        with git.Repo(root, expand_vars=False) as repo:
            repo.git.update_environment(GIT_DIR=str(repo.git_dir), GIT_OPTIONAL_LOCKS="0")
            yield repo
    except (GitPythonError, ODBError, ValueError) as error:
        raise GitError(f"{root}: GitPython can't read the history: {error}") from error


def _ask(repo: Repo, *arguments: str) -> bytes:
    answer = repo.git.execute(
        ["git", *arguments],
        stdout_as_string=False,
        strip_newline_in_stdout=False,
        kill_after_timeout=_TIMEOUT,
    )
    return answer if isinstance(answer, bytes) else b""


def _commit(repo: Repo, sha: str) -> Commit:
    commit = repo.commit(sha)
    message = commit.message
    text = message.decode(errors="replace") if isinstance(message, bytes) else message
    subject, _, body = text.strip().partition("\n")
    return Commit(sha, commit.author.name or "", subject, body.strip())
