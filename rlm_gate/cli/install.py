"""``rlm-gate install``: hooks of git's own, which see every ref of a push.

They replace nobody else's hook, and say what they are in their second line.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from rlm_gate.cli._tell import tell
from rlm_gate.core import display_path
from rlm_gate.errors import EXIT_PASS, UsageError, writing
from rlm_gate.repo import Repo

HELP = "Write git's own hooks, which see every ref of a push; or take them out again."

HOOKS = ("pre-commit", "pre-merge-commit", "pre-push")
MARK = "# Written by 'rlm-gate install'; 'rlm-gate install --uninstall' takes it out."
_KEPT = ".before-rlm-gate"
_SCRIPT = """\
#!/bin/sh
{mark}
python={python}
if [ -x "$python" ]; then set -- "$python" -P -m rlm_gate hook {flags}
elif command -v rlm-gate >/dev/null; then set -- rlm-gate hook {flags}
else
  echo "rlm-gate is gone: install it again, or remove $0" >&2
  exit 1
fi
exec "$@"
"""
_DEADLINE = 120
_BARE = (
    "There is no work tree here: the hooks judge what linked work trees commit and what is pushed"
    " from here. Nothing judges what is pushed to it: run 'rlm-gate check --diff' or CI there."
)


class ForeignHook(UsageError):
    """There is a hook already, of somebody else."""

    remedy = (
        f"Call 'rlm-gate hook --stage STAGE' from it; or give --force, which keeps it as *{_KEPT}."
    )


class SharedHooks(UsageError):
    """core.hooksPath names a folder outside of the repository."""

    remedy = (
        "All repositories that use that folder would get the hook: give --force if you mean it, or"
        " set core.hooksPath for this repository alone."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which hooks, and how far it may go."""
    parser.add_argument(
        "--hook",
        choices=HOOKS,
        action="append",
        help="only this hook; repeatable (default: all)",
    )
    parser.add_argument("--uninstall", action="store_true", help="take the hooks out again")
    parser.add_argument(
        "--force", action="store_true", help=f"put another hook aside as *{_KEPT}, and write ours"
    )
    parser.add_argument("--repo", metavar="DIR", default=".", help="the repository")


def run(arguments: argparse.Namespace) -> int:
    """Write or remove the hooks, and say what was done to each."""
    folder, bare = _place(arguments.repo, force=arguments.force or arguments.uninstall)
    names = tuple(arguments.hook or HOOKS)
    work = (
        remove(folder, names)
        if arguments.uninstall
        else write(folder, names, force=arguments.force)
    )
    tell(work)
    if bare and not arguments.uninstall:
        tell([_BARE])
    return EXIT_PASS


def place(directory: str, *, force: bool = False) -> Path:
    """Return the folder of the repository's hooks. Raises UsageError."""
    return _place(directory, force=force)[0]


def _place(directory: str, *, force: bool) -> tuple[Path, bool]:
    """Return that folder, and whether no work tree is there: commits come from linked ones."""
    repo = Repo.open(directory)
    if repo is None:
        raise NoRepository(f"{directory}: no git repository")
    folder, own = repo.hooks()
    if not own and not force:
        raise SharedHooks(f"core.hooksPath is {display_path(str(folder))}")
    return folder, repo.root is None


class NoRepository(UsageError):
    """There is no repository to put hooks into."""

    remedy = "Run 'git init' first, or name the repository with --repo."


def foreign(folder: Path, names: tuple[str, ...] = HOOKS) -> list[str]:
    """Return the hooks that are there and not ours."""
    there = [name for name in names if (folder / name).exists() or (folder / name).is_symlink()]
    return [name for name in there if not _ours(folder / name)]


def write(folder: Path, names: tuple[str, ...], *, force: bool = False) -> Iterator[str]:
    """Write the hooks and tell of each. Raises ForeignHook before anything is written."""
    others = foreign(folder, names)
    if others and not force:
        found = ", ".join(display_path(str(folder / name)) for name in others)
        raise ForeignHook(f"{found}: not written by rlm-gate")
    with writing(display_path(str(folder))):
        folder.mkdir(parents=True, exist_ok=True)
    return _written(folder, names, others)


def _written(folder: Path, names: tuple[str, ...], others: list[str]) -> Iterator[str]:
    for name in names:
        path = folder / name
        shown = display_path(str(path))
        text = script(name)
        if name in others:
            path.replace(_aside(path))
            yield f"{shown}: the hook that was there is kept as {_aside(path).name}"
        elif path.exists() and path.read_text(encoding="utf-8") == text:
            path.chmod(0o755)
            yield f"{shown}: is there already"
            continue
        with writing(shown):
            _put(path, text)
        yield f"{shown}: written"


def _put(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.rlm-gate-new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def remove(folder: Path, names: tuple[str, ...]) -> Iterator[str]:
    """Remove our hooks, bring back what they put aside, and tell of each; others are left alone."""
    for name in names:
        path = folder / name
        shown = display_path(str(path))
        if not _ours(path):
            yield f"{shown}: {'not ours, left alone' if path.exists() else 'is not there'}"
            continue
        path.unlink()
        if _aside(path).exists():
            _aside(path).replace(path)
            yield f"{shown}: the hook that was there before is back"
        else:
            yield f"{shown}: removed"


def script(name: str) -> str:
    """Return the hook's text. git gives a push's remote as arguments and its refs on stdin."""
    flags = f"--stage {name}"
    if name == "pre-push":
        flags += f' --deadline {_DEADLINE} --remote="$1"'
    return _SCRIPT.format(mark=MARK, python=shlex.quote(sys.executable), flags=flags)


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}{_KEPT}")


def _ours(path: Path) -> bool:
    try:
        return MARK in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
