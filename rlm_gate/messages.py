"""Find what the messages of judged commits and the name of the scope say to the reviewer.

A message stands in no file: its finding is anchored where the change begins, and quotes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from rlm_gate.core import Corpus, Finding, Span
from rlm_gate.detectors import Region, finding, injection
from rlm_gate.errors import GitError
from rlm_gate.ownrules import INJECTION
from rlm_gate.repo import Repo

_SHOWN = 3
SAID_CHARS = 1_500
"""Most characters of messages beside one file: a claim needs no more."""


def judge(corpus: Corpus) -> Iterator[Finding]:
    """Yield at most one finding: what the commits of a diff, or its branches' names, say."""
    anchor = next((span for file in corpus.files for span in file.in_scope), None)
    if corpus.scope.kind != "diff" or anchor is None:
        return
    said = [*_in_names(corpus), *_in_messages(corpus)]
    if said:
        where = Region(anchor.start, 1, anchor.start, 1)
        loud = any(injection.shouts(one) for one in said) or injection.shouts("\n".join(said))
        options = {} if loud else {"severity": "low"}
        made = finding(INJECTION, anchor.path, (), where, "injection", options)
        yield replace(
            made,
            message="A commit message of this change speaks to the reviewer.",
            span=Span(anchor.path, anchor.start, anchor.start),
            quote="\n".join(said[:_SHOWN]),
            columns=None,
        )


def by_path(corpus: Corpus) -> Callable[[str], tuple[str, ...]]:
    """Return what tells the lines of the messages that a judged file's authors wrote.

    Only commits that touch the file count, so that another commit changes no request. A message
    that speaks to the reviewer is left out whole; history that can't be read says nothing.
    """
    scope = corpus.scope
    repo = Repo.open(corpus.repo) if corpus.repo and scope.kind == "diff" and scope.head else None

    @cache
    def said(path: str) -> tuple[str, ...]:
        if repo is None or scope.head is None:
            return ()
        try:
            found = repo.messages(scope.base, scope.head, limit=20, path=path)
        except GitError:
            return ()
        quiet = [text.strip() for _, text in found if not injection.lines(text)]
        return tuple("\n\n".join(quiet)[:SAID_CHARS].splitlines())

    return said


def _in_names(corpus: Corpus) -> Iterator[str]:
    if injection.name_speaks(corpus.scope.label):
        yield corpus.scope.label


def _in_messages(corpus: Corpus) -> Iterator[str]:
    """Yield the lines that speak; history that can't be read shows nothing to a model either."""
    scope = corpus.scope
    repo = Repo.open(corpus.repo) if corpus.repo and scope.head else None
    if repo is None or scope.head is None:
        return
    try:
        messages = repo.messages(scope.base, scope.head)
    except GitError:
        return
    for sha, text in messages:
        lines = text.split("\n")
        for number in sorted(injection.lines(text)):
            yield f"commit {sha[:10]}: {lines[number - 1]}"
