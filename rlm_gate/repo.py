"""Run git. The only module that does; it asks plumbing, and never lets git run anything else.

No hook, filter, textconv or external diff is started, no configuration of the user's changes what
is read, nothing is written. Names and refs are data: they never become options or patterns.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from pathlib import Path
from threading import Thread, Timer
from typing import IO, Final

from rlm_gate import listings, patches
from rlm_gate.config import child_environment
from rlm_gate.core.records import dataclass
from rlm_gate.errors import GitError, UsageError
from rlm_gate.objects import LIMIT, NotStarted, Objects, starting

_TIMEOUT: Final = 600.0
_EMPTY_TREES: Final = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_GIT: Final = (
    *("git", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs"),
    *("-c", "core.quotePath=off"),
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.safecrlf=false"),
    *("-c", "core.splitIndex=false"),
    *("-c", f"core.bigFileThreshold={LIMIT}"),  # larger ones are not diffed, nor held in memory
    *("-c", "diff.suppressBlankEmpty=false"),
)
_DIFF: Final = (
    *("-r", "-M", "-l1000", "--raw", "-z", "--no-abbrev", "-p", "-U0", "--inter-hunk-context=0"),
    *("--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "--submodule=short"),
    *("--ignore-submodules=dirty", "--src-prefix=a/", "--dst-prefix=b/", "--diff-algorithm=myers"),
    "--indent-heuristic",
)
_QUESTIONS: Final = ("--is-inside-work-tree", "--is-shallow-repository", "--show-object-format")
_OPENING: Final = (*_GIT, "rev-parse", *_QUESTIONS, "--show-cdup", "HEAD^{commit}")
_STAGED: Final = ("diff-index", "--cached")
_OBJECTS: Final = (*_GIT, "cat-file", "--batch")
_OF_THIS_REPOSITORY: Final = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE"),
)
_DISTURBING: Final = (
    *("GIT_DIFF_OPTS", "GIT_EXTERNAL_DIFF", "GIT_ATTR_SOURCE", "GIT_GLOB_PATHSPECS"),
    *("GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_LITERAL_PATHSPECS"),
)
_SHUT: Final = re.compile(rb"^warning: could not open directory '(.*?)/?': ", re.MULTILINE)


class GitMissing(GitError):
    """There is no git to run."""

    remedy = "Install git 2.30 or later and make sure that it is on PATH."


class UntrustedRepository(GitError):
    """The repository belongs to somebody else, and git refuses to read it."""

    remedy = "If you trust it, run the command that git names above."


class NoMergeBase(UsageError):
    """Two commits have no common ancestor, or it was not fetched."""

    remedy = (
        "Fetch the history: 'git fetch --unshallow', or 'fetch-depth: 0' in actions/checkout"
        " (2 is enough for a merge commit and its parents)."
    )


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository. ``root`` is its work tree, None where there is none; ``head`` "" if unborn."""

    directory: str
    root: str | None
    head: str
    shallow: bool
    empty_tree: str
    environment: Mapping[str, str]
    begun: _Begun | None = field(default=None, compare=False)

    @classmethod
    def open(cls, directory: str = ".") -> Repo | None:
        """Find the repository of a directory; None if there is none. Raises UsageError, GitError.

        ``GIT_DIR`` and its like, which git sets for a hook, count for the current directory only.
        """
        if not Path(directory).is_dir():
            raise UsageError(f"{directory}: no such directory")
        here = Path(directory).resolve()
        environment = _environment(here)
        begun = _BEGUN.get(str(here))
        done = begun.opening() if begun else _run(_OPENING, str(here), environment)
        answers = os.fsdecode(done.stdout).split("\n")
        if len(answers) <= len(_QUESTIONS):
            if b"not a git repository (or any" in done.stderr:
                return None
            raise _failure(_OPENING, done.returncode, done.stderr)
        root = str((here / answers[3]).resolve()) if answers[0] == "true" else None
        head = "" if done.returncode else answers[-2]
        shallow, empty_tree = answers[1] == "true", _EMPTY_TREES[answers[2]]
        return cls(root or str(here), root, head, shallow, empty_tree, environment, begun)

    def staged(self) -> list[patches.Change]:
        """Return what the index changes against HEAD."""
        return self._diff(*_STAGED, "HEAD" if self.head else self.empty_tree)

    def unstaged(self) -> list[patches.Change]:
        """Return what the tracked files of the work tree, as they are, change against HEAD."""
        since = self.head or self.empty_tree
        return self._diff("diff-index", since, configuration=self._no_filters())

    def between(self, base: str, head: str) -> list[patches.Change]:
        """Return what lies between two commits."""
        return self._diff("diff-tree", base, head)

    def messages(
        self, base: str | None, head: str, limit: int = 100, path: str = ""
    ) -> list[tuple[str, str]]:
        """Return (id, whole message) of the commits after ``base`` up to ``head``, newest first.

        With a path, only of those that touch it.
        """
        since = [f"^{base}"] if base else []
        form = ("--format=%H%n%B%x00", "--no-show-signature", "--no-color", "--no-patch")
        said = self._ask(
            "log", *form, f"--max-count={limit}", head, *since, "--", *filter(None, [path])
        )
        records = said.decode("utf-8", "replace").split("\0")[:-1]
        return [
            (sha, text) for sha, _, text in (one.lstrip("\n").partition("\n") for one in records)
        ]

    def merge_base(self, base: str, head: str) -> str:
        """Return the best common ancestor of two commits."""
        done = _run((*_GIT, "merge-base", base, head), self.directory, self.environment)
        if done.returncode:
            cause = "this clone is shallow" if self.shallow else "their histories are unrelated"
            raise NoMergeBase(f"{base[:12]} and {head[:12]} have no common ancestor: {cause}")
        return done.stdout.decode().split("\n")[0]

    def work_tree(self, paths: Sequence[str] = ()) -> list[listings.Entry]:
        """Return the files of the work tree that git tracks or does not ignore; some may be gone.

        What a sparse checkout left out is to be read from its object.
        """
        listing = ("-t", "-s", "--cached", "--others", "--exclude-standard")
        return listings.work_tree(self._listed("ls-files", *listing, "--", *paths, tag=b"? "))

    def untracked(self) -> list[listings.Entry]:
        """Return the files that git neither tracks nor ignores."""
        records = self._listed("ls-files", "--others", "--exclude-standard")
        return [listings.untracked(os.fsdecode(record)) for record in records]

    def index(self) -> list[listings.Entry]:
        """Return the files of the index."""
        return listings.index(self._listed("ls-files", "-s"))

    def tree(self, commit: str) -> list[listings.Entry]:
        """Return the files of a commit, with their sizes."""
        return listings.tree(self._listed("ls-tree", "-r", "-l", commit)) if commit else []

    def attributes(
        self, paths: Iterable[str], names: Sequence[str], *, commit: str = "", cached: bool = False
    ) -> dict[str, dict[str, str]]:
        """Return path -> attribute -> value by the .gitattributes of commit, index or work tree."""
        asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
        source = ("--cached",) if commit or cached else ()
        command = ("-c", f"core.attributesFile={os.devnull}", "check-attr", *source, "-z")
        with self._index_of(commit) as variables:
            answer = self._ask(*command, "--stdin", *names, stdin=asked, variables=variables)
        values: dict[str, dict[str, str]] = {}
        fields = [os.fsdecode(field) for field in answer.split(b"\0")]
        for path, name, value in zip(fields[0::3], fields[1::3], fields[2::3], strict=False):
            values.setdefault(path, {})[name] = value
        return values

    def objects(self) -> Objects:
        """Return a reader of objects; its process starts when it is first asked."""
        begun = self.begun.taken(_OBJECTS) if self.begun else None
        return Objects(_OBJECTS, self.directory, self.environment, begun)

    def refs(self) -> list[str]:
        """Return the short names of all branches and tags."""
        return os.fsdecode(self._ask("for-each-ref", "--format=%(refname:short)")).split("\n")[:-1]

    def hooks(self) -> tuple[Path, bool]:
        """Return where git looks for hooks, and whether that is this repository's own folder.

        The user's configuration counts here: it may name one folder for all repositories.
        """
        command = ("git", "rev-parse", "--git-path", "hooks", "--git-common-dir")
        done = _run(command, self.directory, self.environment)
        if done.returncode:
            raise _failure(command, done.returncode, done.stderr)
        answers = os.fsdecode(done.stdout).split("\n")
        folder, common = ((Path(self.directory) / answer).resolve() for answer in answers[:2])
        homes = [common, *([Path(self.root).resolve()] if self.root else [])]
        return folder, any(folder.is_relative_to(home) for home in homes)

    def _ask(
        self, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> bytes:
        command, environment = (*_GIT, *arguments), {**self.environment, **(variables or {})}
        done = _run(command, self.directory, environment, stdin)
        if done.returncode:
            raise _failure(command, done.returncode, done.stderr)
        return done.stdout

    def _listed(self, name: str, *arguments: str, tag: bytes = b"") -> list[bytes]:
        """Return the records, and folders nobody may open as files: who reads them is told so."""
        command = (*_GIT, name, "-z", *arguments)
        done = _run(command, self.directory, self.environment)
        if done.returncode:
            raise _failure(command, done.returncode, done.stderr)
        shut = [tag + path for path in _SHUT.findall(done.stderr)]
        return [*done.stdout.split(b"\0")[:-1], *shut]

    def _diff(
        self, command: str, *arguments: str, configuration: Sequence[str] = ()
    ) -> list[patches.Change]:
        whole = (*_GIT, *configuration, command, *_DIFF, *arguments, "--")
        begun = self.begun.taken(whole) if self.begun else None
        with _stream(whole, self.directory, self.environment, begun) as output:
            return list(patches.parse(output))

    def _no_filters(self) -> list[str]:
        """Turn off every configured filter: git would run it on files of the work tree."""
        listing = ("config", "--name-only", "-z", "--get-regexp", r"^filter\.")
        done = _run((*_GIT, *listing), self.directory, self.environment)
        keys = os.fsdecode(done.stdout).split("\0")[:-1]
        off = ("clean=", "process=", "required=false")
        drivers = sorted({key.rpartition(".")[0] for key in keys})
        return [word for one in drivers for to in off for word in ("-c", f"{one}.{to}")]

    @contextmanager
    def _index_of(self, commit: str) -> Iterator[Mapping[str, str]]:
        """Give git an index made of the commit: before 2.40 it reads attributes from no tree."""
        if not commit:
            yield {"GIT_ATTR_NOSYSTEM": "1"}
            return
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            variables = {"GIT_INDEX_FILE": f"{folder}/index", "GIT_ATTR_NOSYSTEM": "1"}
            self._ask("read-tree", commit, variables=variables)
            yield variables


def begin(directory: str) -> None:
    """Let git begin what a check of the index asks it first; it answers while modules load here.

    ``end`` is to be called. What fails fails when it is asked for.
    """
    here = Path(directory).resolve()
    with suppress(OSError, NotStarted):
        _BEGUN[str(here)] = _Begun(str(here), _environment(here))


def end() -> None:
    """Forget what was begun; what nobody asked for is ended."""
    while _BEGUN:
        _BEGUN.popitem()[1].end()


class _Begun:
    """Processes that were started before anyone asked for what they say. Raises OSError."""

    def __init__(self, directory: str, environment: Mapping[str, str]) -> None:
        staged = (*_GIT, *_STAGED[:1], *_DIFF, *_STAGED[1:], "HEAD", "--")
        self._owner = os.getpid()
        self._opening = _asking(_OPENING, directory, environment)
        self._said: subprocess.CompletedProcess[bytes] | None = None
        self._others = {
            staged: _asking(staged, directory, environment),
            _OBJECTS: Objects.process(_OBJECTS, directory, environment),
        }

    def opening(self) -> subprocess.CompletedProcess[bytes]:
        """Return what git says of the repository: the same however often it is asked."""
        if self._said is None:
            try:
                said = self._opening.communicate(timeout=_TIMEOUT)
            except subprocess.TimeoutExpired as error:
                raise _silent(_OPENING) from error
            self._said = subprocess.CompletedProcess(_OPENING, self._opening.returncode, *said)
        return self._said

    def taken(self, command: Sequence[str]) -> subprocess.Popen[bytes] | None:
        """Return the process of a command, once; None where there is none, or in a fork."""
        return self._others.pop(tuple(command), None) if self._owner == os.getpid() else None

    def end(self) -> None:
        """End what nobody took."""
        for process in (self._opening, *self._others.values()):
            with process:
                process.kill()


_BEGUN: Final[dict[str, _Begun]] = {}


def version() -> str:
    """Return what git calls itself. Raises GitMissing where there is none."""
    done = _run(("git", "--version"), os.curdir, _environment(Path.cwd()))
    return os.fsdecode(done.stdout).strip()


def _environment(here: Path) -> dict[str, str]:
    """Keep what git set for a hook, unless another directory was asked for."""
    elsewhere = () if here == Path.cwd() else _OF_THIS_REPOSITORY
    return child_environment((*_DISTURBING, *elsewhere), LC_ALL="C", GIT_TERMINAL_PROMPT="0")


def _run(
    command: Sequence[str], directory: str, environment: Mapping[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    try:
        with starting(_shown(command)):
            return subprocess.run(
                command,
                cwd=directory,
                env=environment,
                input=stdin,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
            )
    except FileNotFoundError as error:
        raise GitMissing("git was not found") from error
    except subprocess.TimeoutExpired as error:
        raise _silent(command) from error


def _silent(command: Sequence[str]) -> GitError:
    return GitError(f"{_shown(command)}: no answer in {_TIMEOUT:.0f} s")


def _asking(
    command: Sequence[str], directory: str, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with starting(_shown(command)):
        return subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@contextmanager
def _stream(
    command: Sequence[str],
    directory: str,
    environment: Mapping[str, str],
    begun: subprocess.Popen[bytes] | None = None,
) -> Iterator[IO[bytes]]:
    """Read what a command prints while it prints it: a diff can be larger than memory."""
    with begun or _asking(command, directory, environment) as process:
        if not process.stdout or not process.stderr:
            raise GitError(f"{_shown(command)}: no pipes")
        complaints: list[bytes] = []
        listener = Thread(target=complaints.extend, args=(process.stderr,))
        watchdog = Timer(_TIMEOUT, process.kill)
        with starting(f"a thread for {_shown(command)}"):
            listener.start()
            watchdog.start()
        try:
            yield process.stdout
            process.stdout.read()
            listener.join()
        finally:
            watchdog.cancel()
    if process.returncode:
        raise _failure(command, process.returncode, b"".join(complaints))


def _failure(command: Sequence[str], status: int, complaint: bytes) -> GitError:
    said = complaint.decode(errors="replace").strip() or f"exit status {status}"
    kind = UntrustedRepository if "dubious ownership" in said else GitError
    return kind(f"{_shown(command)}: {said}")


def _shown(command: Sequence[str]) -> str:
    """Return the command without what every command begins with."""
    return " ".join(("git", *command[len(_GIT) :]))
