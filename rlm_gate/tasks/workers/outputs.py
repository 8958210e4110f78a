"""Read each worker's outputs: files of task outputs, one text with headers, or commits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rlm_gate import history
from rlm_gate.core import split_lines
from rlm_gate.errors import UsageError
from rlm_gate.repo import Repo
from rlm_gate.scopes import check_commit
from rlm_gate.tasks._report import Sources, Text, parsed, read_text
from rlm_gate.tasks.logs import formats

SUFFIX: Final = ".output"
_HEADER: Final = re.compile(r"=== Worker (.+?) Outputs ===\s*")
_FILE: Final = re.compile(r"--- File: (.+?) ---\s*")
_COUNTER: Final = re.compile(r"(?<=.)[-_.]\d+$")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a worker, and the text that shows it: its first rows are the message."""

    sha: str
    subject: str
    path: str


@dataclass(slots=True)
class Worker:
    """A worker, the paths of its texts in the order they came, and its commits."""

    id: str
    paths: list[str] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)


@dataclass(slots=True)
class Crew:
    """All workers by id."""

    sources: Sources
    workers: dict[str, Worker] = field(default_factory=dict)

    def worker(self, name: str) -> Worker:
        """Return the worker of that id, a new one at its first mention."""
        return self.workers.setdefault(name, Worker(name))

    def add(self, name: str, text: Text) -> None:
        """Give a worker a text."""
        self.sources.add(text)
        self.worker(name).paths.append(text.path)


def from_files(crew: Crew, given: Sequence[str | Path]) -> None:
    """Read ``*.output`` files, folders of them, and texts with ``=== Worker id Outputs ===``.

    A file's worker is its name without ``.output`` and a counter after it (``w1-2.output`` is of
    w1); in a folder of folders it is the inner folder's name.
    """
    for one in given:
        path = Path(one)
        found = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not found:
            raise UsageError(f"{path}: no *{SUFFIX} file in this folder")
        for file in found:
            inner = file.parent.name if path.is_dir() and file.parent != path else ""
            _file(crew, file, inner)


def _file(crew: Crew, file: Path, folder: str) -> None:
    label = file.as_posix()
    content = read_text(file, label)
    if _HEADER.search(content):
        _headed(crew, label, content)
        return
    name = folder or _COUNTER.sub("", file.name.removesuffix(SUFFIX))
    crew.worker(name)
    _text(crew, name, label, split_lines(content), 1)


def _headed(crew: Crew, label: str, content: str) -> None:
    """Cut one text at its headers; the lines keep their numbers."""
    name, part, lines, start = "", 0, list[str](), 1
    for number, line in enumerate([*split_lines(content), "=== Worker  Outputs ==="], 1):
        header = _HEADER.fullmatch(line) or line == "=== Worker  Outputs ==="
        if not header and not _FILE.fullmatch(line):
            lines.append(line)
            continue
        if lines and name:
            part += 1
            _text(crew, name, f"{label}#{part}", lines, start)
        elif any(one.strip() for one in lines):
            crew.sources.malformed(label, start, "text before the first worker's header")
        match = _HEADER.fullmatch(line)
        name = match[1].strip() if match else name
        if match:
            crew.worker(name)
        lines, start = [], number + 1


def _text(crew: Crew, name: str, label: str, lines: Sequence[str], start: int) -> None:
    """Add a text, decoded where it is a transcript of JSON lines."""
    first = parsed(next((line for line in lines if line.strip()), ""))
    if isinstance(first, dict) and isinstance(first.get("type"), str):
        inner = Sources()
        formats.read({f"{label}.jsonl": "\n".join(lines)}, inner)
        for fault in inner.faults:
            crew.sources.malformed(label, fault.line + start - 1, fault.why)
        (text,) = inner.texts.values()
        origin = tuple(line + start - 1 for line in text.origin)
        crew.add(name, Text(label, text.text, origin))
        return
    crew.add(name, Text(label, "\n".join(lines), tuple(range(start, start + len(lines)))))


def from_history(crew: Crew, repo: str, span: str, branches: Iterable[str] = ()) -> None:
    """Read the commits of ``BASE..HEAD`` by author, or those of each branch since BASE.

    Without ``..`` the span is a head and everything behind it. A commit's text is its message and
    its diff. Raises UsageError for a range without a commit or a ref that git does not know.
    """
    base, dots, head = span.partition("..")
    tips = [(branch, branch) for branch in branches] or [("", head.strip(".") if dots else base)]
    since = base if dots and base else None
    if opened := Repo.open(repo):
        for ref in (*((since,) if since else ()), *(tip or "HEAD" for _, tip in tips)):
            check_commit(opened, ref)
    for name, tip in tips:
        for commit, patch in history.patches(repo, since, tip or "HEAD"):
            _commit(crew, name or commit.author or "unknown", commit, patch)
    if not crew.workers:
        raise UsageError(f"{span}: no commit in this range")


def _commit(crew: Crew, name: str, commit: history.Commit, patch: str) -> None:
    path = f"commits/{name}/{commit.sha[:12]}.patch"
    body = [*split_lines(commit.body), ""] if commit.body else []
    rows = [commit.subject, *body, *split_lines(patch)]
    worker = crew.worker(name)
    worker.commits.append(Commit(commit.sha, commit.subject, path))
    crew.add(name, Text(path, "\n".join(rows)))


def lines_of(crew: Crew, worker: Worker) -> Iterator[tuple[str, list[str]]]:
    """Yield each text of a worker with its rows."""
    for path in worker.paths:
        yield path, split_lines(crew.sources.texts[path].text)
