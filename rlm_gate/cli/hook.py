"""``rlm-gate hook``: what the pre-commit hooks call.

Finds out itself what the commit or push is about, in git: the file names that pre-commit would
pass leave deletions out, and a pushed branch need not be the one that is checked out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

from rlm_gate.cli import _flags, check, warn
from rlm_gate.config import Environment, Flags, ScopeRequest, environment
from rlm_gate.core import display_path
from rlm_gate.errors import EXIT_INTERRUPTED, EXIT_PASS, UsageError
from rlm_gate.repo import Repo

HELP = "Judge what a git hook is about: the index, a push, or everything."

_COMMIT_STAGES = ("pre-commit", "pre-merge-commit")
_WORDS = 4  # local ref, its object, remote ref, its object
_STAGES = (*_COMMIT_STAGES, "pre-push", "manual")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the stage, and the flags that a hook's ``args:`` may give."""
    parser.add_argument(
        "--stage", choices=_STAGES, default="pre-commit", help="default: %(default)s"
    )
    parser.add_argument(
        "--online", action="store_true", help="ask language models before a commit too"
    )
    parser.add_argument(
        "--remote", metavar="NAME", help="judge every ref of a push, as git lists them on stdin"
    )
    _flags.add_policy(parser)
    _flags.add_models(parser)
    _flags.add_output(parser)
    parser.set_defaults(paths=(), staged=False, diff=None, rev=None, all=False, repo=".")


def run(arguments: argparse.Namespace) -> int:
    """Judge what the stage is about; a commit without models, unless asked for."""
    env = environment()
    arguments.quiet = not arguments.verbose
    if arguments.remote is not None:
        return _each_ref(arguments)
    scope = _scope(arguments.stage, env)
    if scope is None:
        return EXIT_PASS
    return check.judge(_flags_for(arguments, scope), arguments)


def _each_ref(arguments: argparse.Namespace) -> int:
    """Judge every pushed ref; the first code that is not 0 is the push's."""
    if arguments.stage != "pre-push":
        raise UsageError("--remote belongs to --stage pre-push")
    if arguments.output or arguments.history:
        raise UsageError("a push may have several refs: with --remote, reports go to stdout only")
    code, judged = EXIT_PASS, set()
    for name, scope in list(_listed(arguments.remote)):
        if scope in judged:
            continue
        judged.add(scope)
        warn(display_path(name))
        code = check.judge(_flags_for(arguments, scope), arguments) or code
        if code >= EXIT_INTERRUPTED:
            break
    return code


def _listed(remote: str) -> Iterator[tuple[str, ScopeRequest]]:
    """Yield the refs that git lists, each with what it adds; deleted ones add nothing."""
    for line in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").splitlines():
        words = line.split(" ")
        if len(words) != _WORDS:
            raise UsageError(f"stdin: {line!r} is no line that git gives a pre-push hook")
        name, head, _, base = words
        scope = _since(base, head, remote)
        if scope:
            yield name, scope


def _flags_for(arguments: argparse.Namespace, scope: ScopeRequest) -> Flags:
    """Return the flags as the stage has them by default: a push is never held up by a lost key."""
    flags = replace(_flags.flags(arguments), scope=scope)
    if arguments.stage in _COMMIT_STAGES:
        return replace(flags, offline=flags.offline or not arguments.online)
    return replace(flags, on_inconclusive_unsaid="warn") if arguments.stage == "pre-push" else flags


def _scope(stage: str, env: Environment) -> ScopeRequest | None:
    """Return what is judged, None if a push only deletes.

    ``pre-commit run --from-ref --to-ref`` compares two refs at any stage.
    """
    refs = env.pre_commit
    if stage == "manual":
        return ScopeRequest("all")
    if stage == "pre-push":
        return _pushed(refs)
    if "PRE_COMMIT_FROM_REF" in refs:
        return ScopeRequest("diff", f"{refs['PRE_COMMIT_FROM_REF']}...{refs['PRE_COMMIT_TO_REF']}")
    return _committed(env)


def _committed(env: Environment) -> ScopeRequest:
    """Return the index; the whole tree where nobody commits and nothing is staged.

    That is ``pre-commit run --all-files``, in CI for one: nothing tells a hook of it, and the empty
    index would be a green without evidence.
    """
    if env.in_commit:
        return ScopeRequest("staged")
    repo = Repo.open()
    return ScopeRequest("staged" if repo and repo.staged() else "all")


def _pushed(refs: Mapping[str, str]) -> ScopeRequest | None:
    """Return what is pushed, whatever is checked out; a history new to the remote as a whole."""
    head = refs.get("PRE_COMMIT_TO_REF") or refs.get("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"
    base = refs.get("PRE_COMMIT_FROM_REF", "")
    return _since(base, head, refs.get("PRE_COMMIT_REMOTE_NAME", "origin"))


def _since(base: str, head: str, remote: str) -> ScopeRequest | None:
    """Return what ``head`` has that the remote has not, None if the ref is deleted.

    A new ref, and one whose old commit is not here, is compared with the remote's main branch.
    """
    if not head.strip("0"):
        return None
    names = (f"refs/remotes/{remote}/{name}" for name in ("HEAD", "main", "master"))
    known = (base, *names) if base.strip("0") else names
    since = next((one for one in known if _share_history(one, head)), None)
    return ScopeRequest("diff", f"{since}...{head}") if since else ScopeRequest("rev", head)


def _share_history(base: str, head: str) -> bool:
    repo = Repo.open()
    objects = repo.objects() if repo else None
    commits = [objects.commit(ref) for ref in (base, head)] if objects else []
    if not repo or "" in commits:
        return False
    try:
        return bool(repo.merge_base(*commits))
    except UsageError:
        return False
