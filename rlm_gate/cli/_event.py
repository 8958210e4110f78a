"""Which commits a GitHub event is about. Reads the event and asks git; judges nothing.

Never everything for want of a base, and never nothing: what can't be told is a UsageError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlm_gate.core import display_path
from rlm_gate.errors import UsageError
from rlm_gate.objects import Objects
from rlm_gate.repo import Repo

_WHOLE = frozenset({"schedule", "workflow_dispatch", "repository_dispatch", "release"})
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class NotFetched(UsageError):
    """The event names a commit that this clone does not have."""

    remedy = (
        "Give actions/checkout 'fetch-depth: 2' for pull_request and 'fetch-depth: 0' for other"
        " events, or name what to compare with in the input 'base'."
    )


class UnclearEvent(UsageError):
    """The event does not say what to compare."""

    remedy = "Set the input 'scope' to all, or name what to compare with in the input 'base'."


LABEL = "rlm-gate/accepted"
"""The label on a pull request that lets the suppressions count which it adds."""

_PULLS = frozenset({"pull_request", "pull_request_target"})
_Part = tuple[str, str | None]


def about(github: Mapping[str, str], repo: Repo) -> _Part:
    """Return mode and ref of a ScopeRequest for these GITHUB_* variables. Raises UsageError."""
    name = github.get("GITHUB_EVENT_NAME", "")
    if name in _WHOLE:
        return "all", None
    if name not in _DIFFS:
        raise UnclearEvent(f"the event {name!r} is about no commits")
    event = _Event(name, _payload(github), repo, repo.objects())
    try:
        return _DIFFS[name](event)
    finally:
        event.objects.close()


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose policy holds for an event. ``base`` None: that of what is checked out.

    ``trust_head``: with its policy where the base has none. ``accepted`` is why new suppressions
    may count, "" for no reason; ``fork``: a pull request from another repository.
    """

    base: str | None = None
    trust_head: bool = True
    accepted: str = ""
    fork: bool = False


def policy(github: Mapping[str, str], ref: str | None) -> Policy:
    """Return the policy for what ``about`` said. Raises UsageError.

    What is pushed was accepted before, or needs no acceptance; a queue's group was pull requests.
    """
    name = github.get("GITHUB_EVENT_NAME", "")
    base = (ref or "").partition("...")[0] or None
    if name not in _PULLS:
        queued = base if name == "merge_group" else None
        return Policy(queued, accepted=f"the event {name} is about what was accepted before")
    pull = _payload(github).get("pull_request") or {}
    labels = [label.get("name") for label in pull.get("labels") or ()]
    labelled = f"the pull request carries the label {LABEL}" if LABEL in labels else ""
    return Policy(base, name == "pull_request", labelled, _is_fork(pull))


def _is_fork(pull: Mapping[str, Any]) -> bool:
    """Say whether the head is of another repository, or of one that is gone."""
    names = [((pull.get(side) or {}).get("repo") or {}).get("full_name") for side in _SIDES]
    return None in names or len(set(names)) > 1


_SIDES = ("base", "head")


@dataclass(frozen=True, slots=True)
class _Event:
    """An event beside the clone it runs in."""

    name: str
    payload: Any
    repo: Repo
    objects: Objects

    def text(self, *keys: str) -> str:
        """Return the text at that place of the payload. Raises UsageError."""
        value = self.payload
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, str):
            raise UnclearEvent(f"the event {self.name!r} has no {'.'.join(keys)}")
        return value

    def commit(self, *keys: str) -> str:
        """Return the commit id at that place, "" if it is all zeros. Raises UsageError."""
        value = self.text(*keys)
        if not _COMMIT.fullmatch(value):
            raise UnclearEvent(f"{'.'.join(keys)} of the event {self.name!r} is no commit id")
        return value if value.strip("0") else ""

    def has(self, commit: str) -> bool:
        """Say whether the clone has the commit."""
        return bool(commit) and self.objects.commit(commit) != ""

    def between(self, base: str, head: str) -> _Part:
        """Compare two commits of the event. Raises UsageError where one is not here."""
        for commit in (base, head):
            if not self.has(commit):
                raise NotFetched(f"{self.name}: commit {commit[:12]} is not in this clone")
        return "diff", f"{base}...{head}"


def _pull_request(event: _Event) -> _Part:
    """Compare the merge commit that is checked out with its first parent, the base's tip.

    The event's own base may be older than the merge, and needs more history.
    """
    head = event.commit("pull_request", "head", "sha")
    first, second, third = (event.objects.commit(f"HEAD^{number}") for number in (1, 2, 3))
    if first and second == head and not third:
        return "diff", f"{first}...{event.repo.head}"
    return event.between(event.commit("pull_request", "base", "sha"), head)


def _push(event: _Event) -> _Part:
    """Compare what the branch was with what it is; a new one with the default branch."""
    before, after = event.commit("before"), event.commit("after")
    if not after:
        raise UnclearEvent("the push deletes a branch; there is nothing to judge")
    if before and (event.has(before) or not event.payload.get("forced")):
        return event.between(before, after)
    default = event.text("repository", "default_branch")
    if event.text("ref") == f"refs/heads/{default}" or event.text("ref").startswith("refs/tags/"):
        return _anew(event, before, after)
    main = event.objects.commit(f"refs/remotes/origin/{default}")
    if not main:
        raise NotFetched(
            f"push: origin/{default}, to compare the branch with, is not in this clone"
        )
    return event.between(main, after)


def _anew(event: _Event, before: str, after: str) -> _Part:
    """Judge a new default branch or tag whole; after a forced push what it was is lost."""
    if before:
        raise UnclearEvent(f"push: {before[:12]}, which the forced push replaced, is gone")
    if not event.has(after):
        raise NotFetched(f"push: commit {after[:12]} is not in this clone")
    return "rev", after


def _merge_group(event: _Event) -> _Part:
    return event.between(
        event.commit("merge_group", "base_sha"), event.commit("merge_group", "head_sha")
    )


_DIFFS: Mapping[str, Callable[[_Event], _Part]] = {
    "pull_request": _pull_request,
    "pull_request_target": _pull_request,
    "push": _push,
    "merge_group": _merge_group,
}


def _payload(github: Mapping[str, str]) -> Any:
    path = Path(github.get("GITHUB_EVENT_PATH", ""))
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"GITHUB_EVENT_PATH {display_path(str(path))}: {error}") from error
