"""Read the policy from another commit than the one that is judged: its base, as git blobs.

What a pull request changes must not decide about that pull request. The blobs are copied into a
folder of the run's own; nothing is checked out, nothing is followed, nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rlm_gate import owners
from rlm_gate.config import CONFIG_FILE, PolicyOrigin, ScopeRequest
from rlm_gate.core import display_path
from rlm_gate.core.records import dataclass
from rlm_gate.errors import UsageError
from rlm_gate.listings import Entry
from rlm_gate.objects import Objects
from rlm_gate.repo import Repo

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

_FOLDER: Final = ".rlm-gate/"
_LARGEST: Final = 64 << 20  # bytes; a baseline may be long


@dataclass(frozen=True, slots=True)
class Home:
    """Where the policy of a run lies: the folder to read it from, None for none; and whose."""

    root: Path | None
    origin: PolicyOrigin


@contextmanager
def opened(
    repo: Repo | None, ref: str | None, request: ScopeRequest, *, trust_head: bool = True
) -> Iterator[Home]:
    """Yield where the policy lies: the work tree, or the files of ``ref`` while the block lasts.

    A bare repository has no work tree: a revision of it is judged by its own policy.

    Where ``ref`` has no policy yet it is the head's, or, unless ``trust_head``, the defaults.
    Raises UsageError where there is no such commit, or nothing that it could be the base of.
    """
    if ref is None and repo and not repo.root and request.mode == "rev":
        with _of_commit(repo, request.ref or "HEAD") as root:
            yield Home(root, PolicyOrigin())
        return
    if ref is None or repo is None:
        yield Home(Path(repo.root) if repo and repo.root else None, PolicyOrigin())
        return
    if request.mode != "diff" or not request.ref:
        raise UsageError("--policy-ref names the base of a change: use it with --diff")
    objects = repo.objects()
    try:
        base, head, fork = _commits(repo, objects, ref, request.ref)
        with _folder() as folder:
            yield _Copy(repo, objects, Path(folder)).home(base, head, fork, trust_head=trust_head)
    finally:
        objects.close()


@contextmanager
def _of_commit(repo: Repo, ref: str) -> Iterator[Path | None]:
    """Yield a folder with the policy of that commit; None where there is no such commit."""
    objects = repo.objects()
    try:
        with _folder() as folder:
            commit = objects.commit(ref)
            if commit:
                _Copy(repo, objects, Path(folder)).whole(commit)
            yield Path(folder) if commit else None
    finally:
        objects.close()


def _folder() -> TemporaryDirectory[str]:
    from tempfile import TemporaryDirectory

    return TemporaryDirectory(prefix="rlm-gate-policy-")


def _commits(repo: Repo, objects: Objects, ref: str, judged: str) -> tuple[str, str, str]:
    """Return the commits of the policy, of the head, and the one that the head grew from."""
    base_ref, _, head_ref = judged.partition("...")
    names = (ref, head_ref or "HEAD", base_ref)
    policy, head, base = (objects.commit(name) for name in names)
    for name, commit in zip(names, (policy, head, base), strict=True):
        if not commit:
            raise UsageError(f"{name}: no such commit")
    return policy, head, repo.merge_base(base, head)


class _Copy:
    """Policy files on their way from objects into a folder."""

    def __init__(self, repo: Repo, objects: Objects, folder: Path) -> None:
        self._repo = repo
        self._objects = objects
        self._folder = folder
        self._wanted: list[str] = []

    def home(self, policy: str, head: str, fork: str, *, trust_head: bool) -> Home:
        """Copy the policy of a commit, the head's if it has none, and say what changed since."""
        trees = {commit: self._tree(commit) for commit in {policy, head, fork}}
        source, remark = policy, ""
        if not any(map(_is_own, trees[policy])):
            source = head if trust_head else ""
            brings = any(map(_is_own, trees[head]))
            remark = _no_policy_yet(policy, brings=brings, trusted=trust_head)
        if source:
            self._copy(trees[source])
        else:  # owners are no policy: the base's count
            self._write(entry for path, entry in trees[policy].items() if path in owners.FILES)
        both = (trees[fork], trees[head])
        paths = {path for tree in both for path in tree if self._is_policy(path)}
        changed = sorted(
            path
            for path in paths
            if _identity(trees[fork].get(path)) != _identity(trees[head].get(path))
        )
        contents = {path: self._content(trees[head].get(path)) for path in paths}
        return Home(self._folder, PolicyOrigin(policy, remark, tuple(changed), contents))

    def whole(self, commit: str) -> None:
        """Copy the policy of a commit."""
        self._copy(self._tree(commit))

    def _tree(self, commit: str) -> dict[str, Entry]:
        return {entry.path: entry for entry in self._repo.tree(commit)}

    def _copy(self, tree: Mapping[str, Entry]) -> None:
        """Write the policy's files, then those that its configuration names, and so on."""
        while True:
            self._write(entry for path, entry in tree.items() if self._is_policy(path))
            named = [name for name in self._named() if name not in self._wanted]
            if not named:
                return
            self._wanted.extend(named)

    def _named(self) -> Iterator[str]:
        """Yield the files and folders that the configuration copied so far names."""
        for path in [CONFIG_FILE, *self._wanted]:
            said = _read(self._folder / path)
            names = said.get("packs")
            listed = names if isinstance(names, list) else []
            folders = [name for name in listed if isinstance(name, str) and "/" in name]
            extends = said.get("extends")
            files = [extends] if isinstance(extends, str) and ":" not in extends else []
            base = Path(path).parent
            for name in (*folders, *files):
                place = Path(*_walked(base / name))
                yield place.as_posix()

    def _is_policy(self, path: str) -> bool:
        if _is_own(path) or path in owners.FILES or path.endswith(f"/{CONFIG_FILE}"):
            return True
        return any(path == one or path.startswith(f"{one}/") for one in self._wanted)

    def _write(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            target = self._folder / entry.path
            if entry.special or ".." in entry.path.split("/") or target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._content(entry))

    def _content(self, entry: Entry | None) -> bytes:
        content = self._objects.read(entry.oid, _LARGEST) if entry and not entry.special else None
        return content.data if content else b""


def _is_own(path: str) -> bool:
    return path == CONFIG_FILE or path.startswith(_FOLDER)


def _identity(entry: Entry | None) -> tuple[str, str]:
    return (entry.mode, entry.oid) if entry else ("", "")


def _walked(path: Path) -> list[str]:
    """Return the steps of a relative path, "." and ".." taken; out of the root leads nowhere."""
    steps: list[str] = []
    for step in path.parts:
        if step == "..":
            steps = steps[:-1]
        elif step != ".":
            steps.append(step)
    return steps


def _read(path: Path) -> Mapping[str, Any]:
    """Return what a configuration says, as far as it can be read; its mistakes are told later."""
    from rlm_gate import yamlmarks

    if not path.is_file():
        return {}
    data = yamlmarks.parse_bytes(path.read_bytes(), display_path(str(path))).data
    return data if isinstance(data, dict) else {}


def _no_policy_yet(policy: str, *, brings: bool, trusted: bool) -> str:
    base = f"the base, {policy[:12]}, has no policy yet"
    if not brings:
        return ""
    if trusted:
        return f"Policy: {base}; that of this change itself is used."
    return f"Policy: {base}, and that of this change is not trusted here; the defaults hold."


def contents(repo: Repo, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
    """Return what these files hold at a commit, by their paths, as far as they are there."""
    objects = repo.objects()
    try:
        found = {path: objects.read(f"{commit}:{path}", _LARGEST) for path in paths}
    finally:
        objects.close()
    return {path: content.data for path, content in found.items() if content}
