"""What GitLab CI and Jenkins say about the run. Reads their variables, asks git, judges nothing.

As with GitHub's events: never everything for want of a base, and never nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rlm_gate.cli._event import LABEL, Policy, UnclearEvent
from rlm_gate.errors import UsageError
from rlm_gate.repo import Repo

_EVERYTHING = frozenset({"schedule", "web", "api", "trigger", "pipeline", "chat"})


class NotFetchedHere(UsageError):
    """The clone has not what the run is to be compared with."""

    remedy = (
        "Fetch it before: in GitLab CI 'GIT_DEPTH: 0', and 'git fetch origin BRANCH' for another"
        " branch; in Jenkins a refspec that has the target branch. Or name it with --diff."
    )


@dataclass(frozen=True, slots=True)
class Told:
    """Mode and ref of a ScopeRequest, and whose policy holds."""

    mode: str
    ref: str | None
    policy: Policy


def about(variables: Mapping[str, str], repo: Repo) -> Told | None:
    """Return what the run is about, None where neither system speaks. Raises UsageError."""
    if variables.get("GITLAB_CI"):
        return _gitlab(variables, repo)
    if variables.get("JENKINS_URL"):
        return _jenkins(variables, repo)
    return None


def _gitlab(variables: Mapping[str, str], repo: Repo) -> Told:
    source = variables.get("CI_PIPELINE_SOURCE", "")
    if source == "merge_request_event":
        return _merge_request(variables, repo)
    if source in _EVERYTHING:
        return _all(source)
    if source == "push":
        return _gitlab_push(variables, repo)
    raise UnclearEvent(f"GitLab CI: the pipeline source {source!r} is about no commits")


def _merge_request(variables: Mapping[str, str], repo: Repo) -> Told:
    """Compare with the target's tip where its result was merged, else with where it branched."""
    names = ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "CI_MERGE_REQUEST_DIFF_BASE_SHA")
    base = next(filter(None, (variables.get(name) for name in names)), "")
    if not base:
        raise UnclearEvent(f"GitLab CI: neither {' nor '.join(names)} is set")
    labelled = LABEL in variables.get("CI_MERGE_REQUEST_LABELS", "").split(",")
    projects = {
        variables.get(f"CI_MERGE_REQUEST_{side}PROJECT_PATH", "") for side in ("", "SOURCE_")
    }
    return _change(
        repo,
        base,
        accepted=f"the merge request carries the label {LABEL}" if labelled else "",
        fork=len(projects) > 1,
    )


def _gitlab_push(variables: Mapping[str, str], repo: Repo) -> Told:
    before = variables.get("CI_COMMIT_BEFORE_SHA", "")
    default = variables.get("CI_DEFAULT_BRANCH", "")
    branch = variables.get("CI_COMMIT_BRANCH", "")
    if variables.get("CI_COMMIT_TAG") or (branch == default and not before.strip("0")):
        return _anew(repo)
    return _added(repo, before if before.strip("0") else f"refs/remotes/origin/{default}")


def _jenkins(variables: Mapping[str, str], repo: Repo) -> Told:
    target = variables.get("CHANGE_TARGET", "")
    if target:
        fork = bool(variables.get("CHANGE_FORK"))
        return _change(repo, f"refs/remotes/origin/{target}", fork=fork)
    if variables.get("TAG_NAME"):
        return _anew(repo)
    names = ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", "GIT_PREVIOUS_COMMIT")
    before = next(filter(None, (variables.get(name) for name in names)), "")
    if before:
        return _added(repo, before)
    if variables.get("BRANCH_IS_PRIMARY") == "true":
        return _anew(repo)
    raise UnclearEvent("Jenkins: neither CHANGE_TARGET nor GIT_PREVIOUS_COMMIT is set")


def _change(repo: Repo, base: str, *, accepted: str = "", fork: bool = False) -> Told:
    """Tell of a change that somebody wants merged: the base's policy judges it."""
    ref = _between(repo, base)
    return Told("diff", ref, Policy(ref.partition("...")[0], accepted=accepted, fork=fork))


def _added(repo: Repo, base: str) -> Told:
    return Told("diff", _between(repo, base), _pushed("push"))


def _anew(repo: Repo) -> Told:
    return Told("rev", repo.head, _pushed("push"))


def _all(event: str) -> Told:
    return Told("all", None, _pushed(event))


def _pushed(event: str) -> Policy:
    return Policy(accepted=f"the event {event} is about what was accepted before")


def _between(repo: Repo, base: str) -> str:
    objects = repo.objects()
    try:
        found = objects.commit(base)
    finally:
        objects.close()
    if not found:
        raise NotFetchedHere(f"{base.removeprefix('refs/remotes/')} is not in this clone")
    return f"{found}...{repo.head}"
