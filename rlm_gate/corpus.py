"""Build the Corpus: the text files of a scope as spans of lines, and what was left out and why.

Which paths are meant, and at which side, is for ``scopes``; what a path holds, for ``reading``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import scopes
from rlm_gate.config import ScopeRequest, Settings, with_nested
from rlm_gate.core import Corpus, Skip, SourceFile, folders_above
from rlm_gate.elsewhere import package_of
from rlm_gate.listings import Entry
from rlm_gate.reading import UNREADABLE, Reading
from rlm_gate.repo import Repo
from rlm_gate.scopes import ATTRIBUTES, Selection
from rlm_gate.sources import Source, Texts, Tree

_ASKED: Final = ("linguist-generated", "linguist-vendored", "filter")
_TELLING: Final = (b"linguist-", b"filter=lfs")
_FEW: Final = 64  # questions to git that take less time than a list of the tree


Excluding = Sequence[str] | Callable[[Sequence[str]], Sequence[str]]
"""Patterns for ``re.match``, or who knows them once it is told which paths are selected."""


def read(settings: Settings) -> tuple[Settings, Corpus]:
    """Read the scope; what sub-projects decide is known when the paths are."""
    joined = settings

    def exclude(paths: Sequence[str]) -> Sequence[str]:
        nonlocal joined
        joined = with_nested(settings, paths)
        return joined.exclude

    corpus = build(settings.scope, exclude=exclude, no_ignores=settings.no_ignores)
    return joined, corpus


def build(request: ScopeRequest, *, exclude: Excluding = (), no_ignores: bool = False) -> Corpus:
    """Read what the request asks for, less the paths that ``exclude`` matches.

    Raises UsageError for a directory, ref or path that does not exist, GitError for what git can't
    do.
    """
    repo = Repo.open(request.repo)
    if not repo:
        root, selection = scopes.folder(request)
        source = Source(root, None)
        excluded = _pattern(exclude, selection)
        reading = Reading(
            source, Texts(source), whole=True, excluded=excluded, no_ignores=no_ignores
        )
        return _corpus(selection, reading, root)
    objects = repo.objects()
    try:
        selection = scopes.select(request, repo, objects)
        source = Source(repo.root, objects)
        attributes = _attributes(repo, selection, source)
        reading = Reading(
            source,
            Texts(source),
            selection.scope.whole,
            _pattern(exclude, selection),
            no_ignores,
            attributes,
            on_disk=selection.scope.kind == "worktree",
        )
        corpus = _corpus(selection, reading, repo.root)
        return replace(corpus, repo=repo.directory, known=_packages(selection, source))
    finally:
        objects.close()


def _pattern(exclude: Excluding, selection: Selection) -> re.Pattern[str] | None:
    patterns = exclude(_paths(selection)) if callable(exclude) else exclude
    return re.compile("|".join(f"(?:{one})" for one in patterns)) if patterns else None


def _corpus(selection: Selection, reading: Reading, root: str | None) -> Corpus:
    outcomes = list(_outcomes(selection, reading))
    files = [outcome for outcome in outcomes if isinstance(outcome, SourceFile)]
    files.sort(key=lambda file: file.path)
    skipped = [outcome for outcome in outcomes if isinstance(outcome, Skip)]
    compiled = [*_compiled(files, reading)]
    made = {skip.path for skip in compiled}
    files = [file for file in files if file.path not in made]
    skipped += compiled
    if not files:
        skipped = [_asked_for(skip) if skip.path in selection.named else skip for skip in skipped]
    skipped.sort(key=lambda skip: (skip.what, skip.why))
    judged = {file.path: file.read for file in files if file.status != "deleted"}
    tree = Tree(reading.texts, selection.tree, judged)
    gone = frozenset(_gone(selection))
    scope, skips = selection.scope, tuple(skipped)
    return Corpus(scope, tuple(files), skips, tree, root, listing=tree.paths, gone=gone)


def _compiled(files: Sequence[SourceFile], reading: Reading) -> Iterator[Skip]:
    """Yield the scripts that were compiled from TypeScript which is judged itself."""
    beside = {file.path: file for file in files if file.language in {"typescript", "tsx"}}
    for file in files if beside else ():
        if skip := reading.compiled(file, beside):
            yield skip


def _gone(selection: Selection) -> Iterator[str]:
    for change in selection.changes:
        if change.letter == "D":
            yield change.path
        elif change.letter == "R" and change.old_path:
            yield change.old_path


def _asked_for(skip: Skip) -> Skip:
    """Let a file that was named and can't be judged keep a run from passing that judged nothing."""
    if not skip.why.startswith(UNREADABLE):
        return skip
    return replace(skip, why=f"{skip.why}; it was named, and can't be judged", blocking=True)


def _outcomes(selection: Selection, reading: Reading) -> Iterator[SourceFile | Skip]:
    if selection.attributes_changed:
        yield Skip(ATTRIBUTES, "changed here, so what it says of generated files does not count")
    for entry in selection.entries:
        outcome = reading.entry(entry)
        if outcome:
            yield outcome
    for change in selection.changes:
        yield from reading.change(change)


def _attributes(
    repo: Repo, selection: Selection, source: Source
) -> Mapping[str, Mapping[str, str]]:
    """Ask git for the attributes of the selected paths, if any .gitattributes could matter."""
    if selection.attributes_changed:
        return {}
    files = [_content(source, entry) for entry in _attribute_files(selection)]
    if not any(word in content for content in files for word in _TELLING):
        return {}
    commit, cached = selection.commit, selection.cached
    return repo.attributes(_paths(selection), _ASKED, commit=commit, cached=cached)


def _content(source: Source, entry: Entry) -> bytes:
    """Return what can be read; attributes that can't be leave nothing out."""
    try:
        content = source.read(entry)
    except OSError:
        return b""
    return content.data if content else b""


def _packages(selection: Selection, source: Source) -> dict[str, bool]:
    """Ask whether packages have the names of the changed modules: that is asked of findings.

    To list a whole tree for it would take a good part of a hook's time.
    """
    side = _side(selection)
    changed = [change.path for change in selection.changes if change.path.endswith(".py")]
    asked = map(package_of, changed if side and len(changed) <= _FEW else ())
    return {path: source.read(Entry(path, oid=f"{side}{path}"), 0) is not None for path in asked}


def _side(selection: Selection) -> str:
    """Return what names a path's content at the judged side, "" where that is on disk."""
    return f"{selection.commit}:" if selection.commit else ":0:" if selection.cached else ""


def _attribute_files(selection: Selection) -> Iterator[Entry]:
    """Yield where .gitattributes that concern the selection may be."""
    if selection.scope.kind in {"rev", "all"}:
        yield from (one for one in selection.tree() if one.path.rpartition("/")[2] == ATTRIBUTES)
        return
    side = _side(selection)
    for folder in sorted(folders_above(_paths(selection))):
        path = f"{folder}/{ATTRIBUTES}" if folder else ATTRIBUTES
        yield Entry(path, oid=f"{side}{path}" if side else "")


def _paths(selection: Selection) -> list[str]:
    changed = (
        path for change in selection.changes for path in (change.path, change.old_path) if path
    )
    return [*(entry.path for entry in selection.entries), *changed]
