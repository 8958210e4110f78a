"""Turn what the command line asked for into paths and changes: which, and at which side.

Knows git's answers and the file system, not what the files hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from rlm_gate.config import ScopeRequest
from rlm_gate.core import Scope
from rlm_gate.core.records import dataclass
from rlm_gate.errors import UsageError
from rlm_gate.listings import Entry
from rlm_gate.objects import Objects
from rlm_gate.patches import Change, Side
from rlm_gate.repo import Repo

ATTRIBUTES: Final = ".gitattributes"
_ABSENT: Final = Side("000000", "")
_SHOWN_PATHS: Final = 3


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be judged: ``changes`` in a diff, else whole ``entries``.

    ``tree`` lists every file at the judged side. Attributes are those of ``commit``, of the index
    if ``cached``, else of the work tree; ``attributes_changed`` by the very change that is judged.
    ``named`` are the files that were asked for one by one.
    """

    scope: Scope
    tree: Callable[[], list[Entry]]
    entries: tuple[Entry, ...] = ()
    changes: tuple[Change, ...] = ()
    commit: str = ""
    cached: bool = False
    attributes_changed: bool = False
    named: frozenset[str] = frozenset()


def select(request: ScopeRequest, repo: Repo, objects: Objects) -> Selection:
    """Return what the request means in this repository. Raises UsageError, GitError."""
    _refuse_empty(request)
    wanted = _Wanted.of(request, repo)
    if request.mode == "worktree" and request.paths:
        return _named_files(repo, wanted)
    return _SCOPES[request.mode](request, repo, objects, wanted)


def folder(request: ScopeRequest) -> tuple[str, Selection]:
    """Return a root and the named files and folders below it, where there is no repository."""
    _refuse_empty(request)
    here = Path(request.repo).resolve()
    if request.mode != "worktree" or not request.paths:
        raise UsageError(
            f"{here} is not in a git repository; name files or folders to check, or use --repo"
        )
    named = [_real(here, path) for path in request.paths]
    missing = [given for given, path in zip(request.paths, named, strict=True) if not _exists(path)]
    if missing:
        raise UsageError(f"{missing[0]}: no such file or folder")
    inside = all(path.is_relative_to(here) for path in named)
    root = here if inside else Path(os.path.commonpath([path.parent for path in named]))
    paths = {found for path in named for found in _walk(root, path)}
    entries = tuple(Entry(path) for path in sorted(paths))
    scope = Scope("paths", _label(request.paths))
    files = frozenset(str(path.relative_to(root)) for path in named if _is_no_folder(path))
    return str(root), Selection(scope, lambda: list(entries), entries, named=files)


def _refuse_empty(request: ScopeRequest) -> None:
    if not all(request.paths):  # a variable of a script that was not set
        raise UsageError("a path is empty: name a file or folder, or '.' for the whole folder")


def check_commit(repo: Repo, ref: str) -> None:
    """Refuse a name of no commit, with what may have been meant. Raises UsageError."""
    objects = repo.objects()
    try:
        _commit(repo, objects, ref)
    finally:
        objects.close()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The paths that narrow a scope: as given, and from the root of the repository."""

    given: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @classmethod
    def of(cls, request: ScopeRequest, repo: Repo) -> _Wanted:
        """Translate paths that are relative to the directory the user is in."""
        root = Path(repo.root or "/")
        here = Path(request.repo).resolve() if repo.root else root
        paths = []
        for given in request.paths:
            path = _real(here, given)
            if not path.is_relative_to(root):
                raise UsageError(f"{given} is outside the repository {root}")
            paths.append("" if path == root else str(path.relative_to(root)))
        return cls(request.paths, tuple(paths))

    def holds(self, path: str | None) -> bool:
        """Say whether a path is one of these or below one."""
        return not self.paths or any(_below(path, wanted) for wanted in self.paths)

    def check(self, selected: Iterable[str], tree: Callable[[], Iterable[Entry]]) -> None:
        """Refuse a path that nothing selected and nothing at the judged side has."""
        missing = self._unmatched(zip(self.given, self.paths, strict=True), list(selected))
        if missing:
            found = [entry.path for entry in tree()]
            for given, _ in self._unmatched(missing, found):
                raise UsageError(f"{given}: no such file or folder at the side that is judged")

    @staticmethod
    def _unmatched(pairs: Iterable[tuple[str, str]], found: Sequence[str]) -> list[tuple[str, str]]:
        return [
            (given, wanted)
            for given, wanted in pairs
            if wanted and not any(_below(path, wanted) for path in found)
        ]

    @property
    def suffix(self) -> str:
        """What a label should add."""
        return f", in {_label(self.given)}" if self.given else ""


def _worktree(request: ScopeRequest, repo: Repo, objects: Objects, wanted: _Wanted) -> Selection:
    del request, objects, wanted
    if repo.root is None:
        raise UsageError(f"{repo.directory} has no work tree; use --rev, --diff or --all")
    untracked = [_added(entry) for entry in repo.untracked()]
    again = {change.path for change in untracked}  # git rm --cached: deleted, and yet there
    tracked = [change for change in repo.unstaged() if change.path not in again]
    changes = tuple(change for change in (*tracked, *untracked) if _says_something(change))
    scope = Scope("worktree", "the work tree against HEAD", base=repo.head or None)
    changed = _changes_attributes(changes)
    return Selection(scope, repo.work_tree, changes=changes, attributes_changed=changed)


def _staged(request: ScopeRequest, repo: Repo, objects: Objects, wanted: _Wanted) -> Selection:
    del request, objects
    scope = Scope("staged", f"staged changes{wanted.suffix}", base=repo.head or None)
    selection = Selection(scope, repo.index, changes=tuple(repo.staged()), cached=True)
    return _narrowed(selection, wanted)


def _diff(request: ScopeRequest, repo: Repo, objects: Objects, wanted: _Wanted) -> Selection:
    ref = request.ref or ""
    base_ref, _, head_ref = ref.partition("...")
    base, head = (_commit(repo, objects, one) for one in (base_ref, head_ref or "HEAD"))
    base = repo.merge_base(base, head)
    label = f"{base_ref}...{head_ref or 'HEAD'}{wanted.suffix}"
    changes = tuple(repo.between(base, head))
    scope = Scope("diff", label, base, head)
    return _narrowed(
        Selection(scope, lambda: repo.tree(head), changes=changes, commit=head), wanted
    )


def _rev(request: ScopeRequest, repo: Repo, objects: Objects, wanted: _Wanted) -> Selection:
    commit = _commit(repo, objects, request.ref or "")
    return _whole_tree("rev", f"{request.ref}{wanted.suffix}", repo, commit, wanted)


def _all(request: ScopeRequest, repo: Repo, objects: Objects, wanted: _Wanted) -> Selection:
    del request, objects
    if repo.root is None:
        return _whole_tree("all", f"all of HEAD{wanted.suffix}", repo, repo.head, wanted)
    listed = repo.work_tree()
    entries = tuple(entry for entry in listed if wanted.holds(entry.path))
    wanted.check((entry.path for entry in entries), lambda: listed)
    scope = Scope("all", f"the whole work tree{wanted.suffix}")
    return Selection(scope, lambda: listed, entries)


def _whole_tree(kind: str, label: str, repo: Repo, commit: str, wanted: _Wanted) -> Selection:
    listed = repo.tree(commit)
    entries = tuple(entry for entry in listed if wanted.holds(entry.path))
    wanted.check((entry.path for entry in entries), lambda: listed)
    scope = Scope(kind, label, head=commit or None)
    return Selection(scope, lambda: listed, entries, commit=commit)


def _named_files(repo: Repo, wanted: _Wanted) -> Selection:
    """Select whole files from disk: a named one even if git ignores it, a folder as git sees it."""
    if repo.root is None:
        raise UsageError(f"{repo.directory} has no work tree; add --rev, --diff or --all")
    root = Path(repo.root)
    files = [path for path in wanted.paths if _is_no_folder(root / path)]
    others = [path for path in wanted.paths if path not in files]
    found = {path: Entry(path) for path in files}
    if others:
        listed = repo.work_tree([path for path in others if path] if "" not in others else [])
        found |= {entry.path: entry for entry in listed if entry.path not in found}
    for given, path in zip(wanted.given, wanted.paths, strict=True):
        if not _exists(root / path) and not any(_below(one, path) for one in found):
            raise UsageError(f"{given}: no such file or folder")
    entries = tuple(found[path] for path in sorted(found))
    scope = Scope("paths", _label(wanted.given))
    named = {path for path in wanted.paths if path in found}  # a submodule too
    return Selection(scope, repo.work_tree, entries, named=frozenset(named))


_SCOPES: Final = {
    "worktree": _worktree,
    "staged": _staged,
    "diff": _diff,
    "rev": _rev,
    "all": _all,
}


def _commit(repo: Repo, objects: Objects, ref: str) -> str:
    commit = objects.commit(ref) if ref else ""
    if not commit:
        raise UsageError(f"{ref or 'an empty name'}: no such commit{_advice(repo, ref)}")
    return commit


def _advice(repo: Repo, ref: str) -> str:
    """Return what the user may have meant, or why the commit may be missing."""
    import difflib

    if ".." in ref:
        return "; write BASE or BASE...HEAD"
    names = repo.refs()
    close = [name for name in names if name.endswith(f"/{ref}")]
    close = close or difflib.get_close_matches(ref, names)
    if close:
        return f"; did you mean {' or '.join(close[:_SHOWN_PATHS])}?"
    return "; this clone is shallow, so fetch it first" if repo.shallow else ""


def _narrowed(selection: Selection, wanted: _Wanted) -> Selection:
    spoken = [change for change in selection.changes if _says_something(change)]
    changes = tuple(change for change in spoken if wanted.holds(change.path))
    wanted.check((change.path for change in changes), selection.tree)
    changed = _changes_attributes(spoken)
    return replace(selection, changes=changes, attributes_changed=changed)


def _says_something(change: Change) -> bool:
    """Tell real changes from files that were only touched, or only made executable."""
    return change.letter != "M" or bool(change.hunks) or change.binary or not change.new.is_file


def _changes_attributes(changes: Iterable[Change]) -> bool:
    paths = {path for change in changes for path in (change.path, change.old_path) if path}
    return any(path.rpartition("/")[2] == ATTRIBUTES for path in paths)


def _added(entry: Entry) -> Change:
    return Change("A", entry.path, None, _ABSENT, Side(entry.mode, ""))


def _below(path: str | None, wanted: str) -> bool:
    return path is not None and (not wanted or path == wanted or path.startswith(f"{wanted}/"))


def _label(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:_SHOWN_PATHS])
    more = len(paths) - _SHOWN_PATHS
    return f"{shown} and {more} more" if more > 0 else shown


def _real(here: Path, given: str) -> Path:
    """Return the place a path names; its last part may be a link, and stays one."""
    path = Path(os.path.normpath(here / given))
    return path.parent.resolve() / path.name


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _is_no_folder(path: Path) -> bool:
    return path.is_symlink() or (path.exists() and not path.is_dir())


def _walk(root: Path, start: Path) -> Iterator[str]:
    """Yield the files at or below a path; links are listed and never entered."""
    if _is_no_folder(start):
        yield str(start.relative_to(root))
        return
    shut: list[OSError] = []
    for current, folders, files in os.walk(start, onerror=shut.append):
        if ".git" in folders:
            folders.remove(".git")
        links = [name for name in folders if (Path(current) / name).is_symlink()]
        for name in (*files, *links):
            yield str((Path(current) / name).relative_to(root))
    for error in shut:  # to be told as what can't be read
        yield str(Path(os.fsdecode(error.filename)).relative_to(root))
