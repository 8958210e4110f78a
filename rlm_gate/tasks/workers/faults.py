"""Faults in one worker's lines and commits: the gate's detectors, and documented heuristics."""

from __future__ import annotations

import ast
import hashlib
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rlm_gate import detectors, engines, packs
from rlm_gate.config import Settings
from rlm_gate.core import Corpus, Finding, Rule, Scope, Severity, SourceFile, Span, split_lines
from rlm_gate.languages import language_of
from rlm_gate.tasks.workers.added import Block, Line, Reading
from rlm_gate.tasks.workers.outputs import Commit

SECURITY, QUALITY, HYGIENE = "security", "code_quality", "git_hygiene"
COMPLETENESS, CONSISTENCY = "completeness", "consistency"
LONG = 60
"""Lines of a function that is hard to review."""
DEAD = 5
"""Lines of commented-out code in a row."""
MIXED_FILES, MIXED_FOLDERS = 20, 5
_SHORT: Final = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a worker's text that shows a fault; ``file`` and ``number`` where it then stands."""

    worker: str
    path: str
    row: int
    file: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, in whose work: the workers of its places, never another's."""

    kind: str
    category: str
    severity: Severity
    message: str
    places: tuple[Place, ...]

    @property
    def workers(self) -> tuple[str, ...]:
        """Who is concerned, sorted."""
        return tuple(sorted({place.worker for place in self.places}))


def place(block: Block, line: Line) -> Place:
    """Return where an added line stands."""
    return Place(block.worker, block.path, line.row, block.file, line.number)


def detected(blocks: Sequence[Block], settings: Settings) -> Iterator[Fault]:
    """Run the rules of the packs that have detectors over each worker's added lines.

    Every block is a file of its own, dedented, so that a function is read whole; a fragment that
    no parser takes is judged by the engines that read lines.
    """
    named = {
        f"{number:06}/{block.file}": block for number, block in enumerate(blocks) if block.file
    }
    named = {path: block for path, block in named.items() if block.added}
    if not named:
        return
    rules = _rules(settings)
    files = tuple(_source(path, block) for path, block in sorted(named.items()))
    tree = {file.path: file.text for file in files}
    corpus = Corpus(Scope("paths", "added lines"), files, (), tree)
    known = {rule.id: rule for rule in rules}
    for engine in sorted({entry.engine for rule in rules for entry in rule.detect}):
        served = tuple(rule for rule in rules if detectors.entries(rule, engine))
        for item in engines.behind_the_seam(engine, corpus, served):
            if isinstance(item, Finding):
                yield _fault(item, known[item.rule_id], named[item.span.path])


def _rules(settings: Settings) -> tuple[Rule, ...]:
    loaded = packs.load(settings, None)
    wanted = [rule for pack in loaded for rule in pack.rules if pack.name != "docs" and rule.detect]
    return tuple(rule for rule in wanted if rule.enabled)


def _fault(found: Finding, rule: Rule, block: Block) -> Fault:
    line = block.added[min(found.span.start, len(block.added)) - 1]
    category = SECURITY if rule.pack == "security" else QUALITY
    if rule.id == "patterns/merge-conflict-marker":
        category = HYGIENE
    return Fault(rule.id, category, found.severity, rule.message, (place(block, line),))


def _source(path: str, block: Block) -> SourceFile:
    text = textwrap.dedent(block.code)
    return SourceFile(
        path=path,
        status="whole",
        language=language_of(path, block.added[0].text),
        changed=(Span(path, 1, len(split_lines(text))),),
        removed=(),
        line_count=len(split_lines(text)),
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        read=lambda: text,
    )


_TODO: Final = re.compile(r"(?:#|//|/\*|<!--|--|\*)\s*(?:TODO|FIXME|HACK|XXX)\b")
_CODE: Final = re.compile(
    r"^\s*(?:#|//)\s*(?:[\w.\[\]]+\s*=[^=]|(?:if|for|while|return|def|var|let|"
    r"const)\b.*[:;)\w]$|[\w.]+\(.*\);?$|[}\])];?$)"
)


def in_lines(blocks: Iterable[Block]) -> Iterator[Fault]:
    """Find notes of unfinished work, commented-out code and functions of LONG lines or more."""
    for block in blocks:
        for line in block.added:
            if _TODO.search(line.text):
                why = "A note says that this is not finished."
                yield Fault("assess/unfinished", QUALITY, Severity.LOW, why, (place(block, line),))
        yield from _dead(block)
        yield from _long(block)


def _dead(block: Block) -> Iterator[Fault]:
    run: list[Line] = []
    for line in [*block.added, Line(0, 0, "")]:
        if _CODE.match(line.text):
            run.append(line)
            continue
        if len(run) >= DEAD:
            why = f"{len(run)} lines of code are commented out."
            yield Fault("assess/dead-code", QUALITY, Severity.LOW, why, (place(block, run[0]),))
        run = []


def _long(block: Block) -> Iterator[Fault]:
    for function in functions(block):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length >= LONG:
            why = f"{function.name} has {length} lines: too long to review."
            where = (place(block, block.added[function.lineno - 1]),)
            yield Fault("assess/long-function", QUALITY, Severity.MEDIUM, why, where)


def functions(block: Block) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the Python functions of a block, none where it is no whole Python."""
    if language_of(block.file) != "python":
        return []
    try:
        tree = ast.parse(textwrap.dedent(block.code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


_EMPTY: Final = re.compile(
    r"(?:wip|fix(?:es|ed)?|bug ?fix|update[sd]?|changes?|stuff|more stuff|misc|tmp|temp"
    r"|test(?:s|ing)?|asdf\w*|foo|\W*|save|checkpoint|done|work|cleanup|minor(?: changes?)?)[.!]*",
    re.IGNORECASE,
)
_AUTOSQUASH: Final = re.compile(r"(?:fixup|squash|amend)! ")
_CONFLICT: Final = re.compile(r"(?:<{7}|>{7})(?: |$)")
_ARTEFACT: Final = re.compile(
    r"(?:^|/)(?:__pycache__|node_modules|\.idea|\.vscode|\.pytest_cache|\.mypy_cache|dist|build|target"
    r"|\.venv|venv|coverage|htmlcov)/|\.(?:pyc|pyo|class|o|obj|exe|dll|so|log|orig|rej|swp|tmp|bak)$"
    r"|(?:^|/)(?:\.DS_Store|Thumbs\.db|npm-debug\.log)$"
)
_PRIVATE: Final = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example|sample|template)\w+)?|id_rsa|.*\.pem)$"
)


def in_commits(worker: str, commits: Sequence[Commit], read: dict[str, Reading]) -> Iterator[Fault]:
    """Find messages that say nothing, autosquash commits, artefacts and commits of everything."""
    for commit in commits:
        top = (Place(worker, commit.path, 1),)
        subject = commit.subject.strip()
        if _EMPTY.fullmatch(subject) or len(subject) < _SHORT:
            why = "The commit message does not say what was done."
            yield Fault("assess/commit-message", HYGIENE, Severity.LOW, why, top)
        if _AUTOSQUASH.match(subject):
            why = "A commit that was to be squashed is still here."
            yield Fault("assess/autosquash", HYGIENE, Severity.LOW, why, top)
        files = read[commit.path].files
        folders = {file.partition("/")[0] for file in files if "/" in file}
        if len(files) >= MIXED_FILES and len(folders) >= MIXED_FOLDERS:
            why = f"One commit changes {len(files)} files in {len(folders)} top folders."
            yield Fault("assess/mixed-commit", HYGIENE, Severity.MEDIUM, why, top)


def in_files(worker: str, path: str, reading: Reading) -> Iterator[Fault]:
    """Find what belongs in no repository, by its path, and conflict markers in any file."""
    for file, row in reading.files.items():
        where = (Place(worker, path, row, file, 1),)
        if _PRIVATE.search(file):
            why = "A file with private settings or keys is committed."
            yield Fault("assess/private-file", HYGIENE, Severity.HIGH, why, where)
        elif _ARTEFACT.search(file):
            why = "A file that tools make is committed."
            yield Fault("assess/artefact", HYGIENE, Severity.LOW, why, where)
    for block in reading.blocks:
        marks = [line for line in block.added if _CONFLICT.match(line.text)]
        if len(marks) > 1:
            why = "Conflict markers are left in the file."
            where = (place(block, marks[0]),)
            yield Fault("assess/conflict-markers", HYGIENE, Severity.HIGH, why, where)
