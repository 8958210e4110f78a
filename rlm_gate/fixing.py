"""Apply the fixes of findings to the work tree, and keep only what made a file better.

Works on texts in memory and judges them again: a fix stays where its finding is gone, no rule finds
more than before, and the file still parses. Each file is then replaced at once, or not at all.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rlm_gate import examples, rewrites, syntax
from rlm_gate.core import Corpus, Finding, Rule, Skip, Verdict, split_lines
from rlm_gate.decoding import Decoded
from rlm_gate.sources import understand

PASSES = 10
Detect = Callable[[str, Corpus, Sequence[Rule]], Iterator[Finding | Skip]]
"""An engine by its name, asked to judge; the gate's seam, so that a broken one is a Skip."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_END = re.compile(r"(?:\r\n|\r|\n)\Z")
_MARKS = {"UTF-16-LE": "utf-16-le", "UTF-16-BE": "utf-16-be"}


@dataclass(frozen=True, slots=True)
class Undone:
    """A fix that was not kept, and why."""

    finding: Finding
    why: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """A file and what became of it. ``content`` is what to write, None where nothing changed.

    ``fixable`` counts its findings that have a fix of the wanted safety, ``fixed`` those gone.
    """

    path: str
    before: str
    after: str
    sha256: str
    content: bytes | None
    fixable: int
    fixed: int
    undone: tuple[Undone, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A file with fixable findings that was left alone, and why."""

    path: str
    why: str
    fixable: int


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges texts that are nowhere but here, by the rules of a verdict."""

    rules: Sequence[Rule]
    detect: Detect

    def found(self, path: str, language: str, text: str) -> tuple[list[Finding], int]:
        """Return the findings in a text, with fixes, and how many skips name the file."""
        file = examples.whole_file(path, language, text)
        corpus = examples.corpus_of([file])
        engines = sorted({entry.engine for rule in self.rules for entry in rule.detect})
        findings: dict[tuple[object, ...], Finding] = {}
        skips = 0
        for engine in engines:
            mine = [one for one in self.rules if any(e.engine == engine for e in one.detect)]
            for item in self.detect(engine, corpus, mine):
                if isinstance(item, Skip):
                    skips += 1
                else:
                    findings.setdefault((item.rule_id, item.span, item.columns), item)
        named = rewrites.attach(findings.values(), self.rules, {path: file}.get)
        return sorted(named, key=lambda one: one.sort_key), skips


def fix(verdict: Verdict, root: Path, detect: Detect, *, unsafe: bool) -> Iterator[Fixed | Refused]:
    """Yield what becomes of each file with fixable findings, in the order of paths. Writes nothing.

    Only findings that the verdict shows are fixed: not what is suppressed or in the baseline.
    """
    judge_rules = tuple(rule for rule in verdict.rules if rule.detect)
    wanted: dict[str, list[tuple[str, int]]] = {}
    offered: Counter[str] = Counter()
    for finding in verdict.findings:
        if not _usable(finding, unsafe=unsafe):
            continue
        for place in finding.places:
            wanted.setdefault(place.path, []).append((finding.rule_id, place.start))
            offered[place.path] += 1
    for path in sorted(wanted):
        content = _content(root, path)
        if isinstance(content, str):
            yield Refused(path, content, offered[path])
            continue
        language, decoded = understand(path, content)
        judged = verdict.text(path)
        if decoded is None or _encoded(decoded.text, decoded, content) != content:
            yield Refused(path, "could not be written back as it was read", offered[path])
        elif judged != decoded.text and not (judged is None and verdict.scope.kind in _ON_DISK):
            yield Refused(path, "the work tree has another text than was judged", offered[path])
        else:
            work = _Work(path, language, decoded.text, wanted[path], unsafe)
            yield _mended(work, Judge(judge_rules, detect), decoded, content)


def write(root: Path, one: Fixed) -> str:
    """Put the fixed content in place; return why not, "" if done. Links are never followed."""
    if one.content is None:
        return ""
    now = _content(root, one.path)
    if isinstance(now, str):
        return now
    if hashlib.sha256(now).hexdigest() != one.sha256:
        return "changed while it was being fixed"
    target = root / one.path
    try:
        mode = target.stat().st_mode & 0o7777
        handle, name = tempfile.mkstemp(prefix=".rlm-gate-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(one.content)
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
    except OSError as error:
        return f"can't be written: {error.strerror}"
    return ""


_ON_DISK = {"worktree", "all", "paths"}


def _usable(finding: Finding, *, unsafe: bool) -> bool:
    return finding.fix is not None and (finding.fix.safe or unsafe)


def _content(root: Path, path: str) -> bytes | str:
    """Return the bytes of a plain file below the root, else why it is none."""
    target = root / path
    if os.path.realpath(target) != os.path.join(os.path.realpath(root), *path.split("/")):  # noqa: PTH118  # compared as text, nothing resolved
        return "behind a symbolic link, or outside the repository"
    if not target.is_file():
        return "not in the work tree"
    if not os.access(target, os.W_OK):
        return "not writable"
    try:
        return target.read_bytes()
    except OSError as error:
        return f"can't be read: {error.strerror}"


def _encoded(text: str, decoded: Decoded, original: bytes) -> bytes | None:
    """Return the text as bytes as the file had them, None where its encoding can't say it."""
    mark = original[: len(original) - len(_bare(original, decoded))]
    try:
        return mark + text.encode(_MARKS.get(decoded.encoding, decoded.encoding))
    except (UnicodeError, LookupError):
        return None


def _bare(content: bytes, decoded: Decoded) -> bytes:
    for mark in (
        b"\xef\xbb\xbf",
        b"\xff\xfe\x00\x00",
        b"\x00\x00\xfe\xff",
        b"\xff\xfe",
        b"\xfe\xff",
    ):
        if content.startswith(mark) and decoded.encoding.startswith("UTF"):
            return content[len(mark) :]
    return content


@dataclass(slots=True)
class _Work:
    """A file on its way: its text, and which rules may be mended in each of its lines."""

    path: str
    language: str
    text: str
    wanted: Sequence[tuple[str, int]]
    unsafe: bool
    allowed: list[frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        lines = [set[str]() for _ in split_lines(self.text)]
        for rule_id, line in self.wanted:
            if 1 <= line <= len(lines):
                lines[line - 1].add(rule_id)
        self.allowed = [frozenset(one) for one in lines]

    def targets(self, found: Sequence[Finding]) -> list[Finding]:
        """Return the findings that are to be mended."""
        return [
            one
            for one in found
            if _usable(one, unsafe=self.unsafe)
            and one.span.start <= len(self.allowed)
            and one.rule_id in self.allowed[one.span.start - 1]
        ]


@dataclass(frozen=True, slots=True)
class _State:
    """A text as it is judged: how often each rule finds something, and its skips."""

    found: list[Finding]
    skips: int
    counts: Mapping[str, int]
    broken: tuple[int, bool]


def _mended(work: _Work, judge: Judge, decoded: Decoded, content: bytes) -> Fixed:
    before = work.text
    state = _judged(work, judge, work.text)
    fixable = len(work.targets(state.found))
    undone: dict[tuple[str, str], Undone] = {}
    for _ in range(PASSES):
        targets = [one for one in work.targets(state.found) if _key(one) not in undone]
        batch = _apart(targets)
        if not batch:
            break
        state = _pass(work, judge, state, batch, undone)
    left = len(work.targets(state.found))
    encoded = _encoded(work.text, decoded, content) if work.text != before else None
    if work.text != before and encoded is None:
        why = f"the fix can't be written in {decoded.encoding}"
        lost = tuple(Undone(one, why) for one in work.targets(_judged(work, judge, before).found))
        return Fixed(work.path, before, before, "", None, fixable, 0, lost)
    digest = hashlib.sha256(content).hexdigest()
    fixed = max(0, fixable - left)
    why_not = tuple(undone.values())
    return Fixed(work.path, before, work.text, digest, encoded, fixable, fixed, why_not)


def _pass(
    work: _Work,
    judge: Judge,
    state: _State,
    batch: Sequence[Finding],
    undone: dict[tuple[str, str], Undone],
) -> _State:
    """Apply fixes that lie apart: all at once, and where that made something worse, one by one."""
    text, allowed = _applied(work, batch)
    after = _judged(work, judge, text)
    if not _worse(state, after, batch):
        work.text, work.allowed = text, allowed
        return after
    if len(batch) == 1:
        undone[_key(batch[0])] = Undone(batch[0], _worse(state, after, batch))
        return state
    for one in reversed(batch):  # from the end: the places of the others stay
        state = _pass(work, judge, state, [one], undone)
    return state


def _key(finding: Finding) -> tuple[str, str]:
    return finding.rule_id, " ".join(finding.quote.split())


def _apart(targets: Sequence[Finding]) -> list[Finding]:
    """Return the findings whose fixes share no line, the first in the file first."""
    chosen: list[Finding] = []
    last = 0
    for one in sorted(targets, key=lambda one: (_span(one)[0], one.sort_key)):
        start, end = _span(one)
        if start > last:
            chosen.append(one)
            last = end
    return chosen


def _span(finding: Finding) -> tuple[int, int]:
    return (finding.fix.span.start, finding.fix.span.end) if finding.fix else (0, 0)


def _applied(work: _Work, batch: Sequence[Finding]) -> tuple[str, list[frozenset[str]]]:
    """Return the text with these fixes, line ends as they are in the file, and its lines' rules."""
    lines = _LINE.findall(work.text)
    allowed = list(work.allowed)
    usual = Counter(mark[0] for line in lines if (mark := _END.search(line))).most_common(1)
    newline = usual[0][0] if usual else "\n"
    for one in reversed(batch):
        if one.fix is None:
            continue
        start, end = _span(one)
        last = _END.search(lines[end - 1])
        new = one.fix.text.split("\n") if one.fix.text else []
        ends = [newline] * (len(new) - 1) + [last[0] if last else ""]
        lines[start - 1 : end] = [f"{line}{tail}" for line, tail in zip(new, ends, strict=False)]
        rules = frozenset[str]().union(*allowed[start - 1 : end])
        allowed[start - 1 : end] = [rules] * len(new)
    return "".join(lines), allowed


def _judged(work: _Work, judge: Judge, text: str) -> _State:
    found, skips = judge.found(work.path, work.language, text)
    counts = Counter(one.rule_id for one in found)
    return _State(found, skips, counts, _trouble(work.language, text))


def _trouble(language: str, text: str) -> tuple[int, bool]:
    """Return how many pieces the grammar can't read, and whether Python can't compile the text."""
    broken = False
    if language == "python":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ast.parse(text)
            except (SyntaxError, ValueError):
                broken = True
    known = syntax.grammar(language) is not None
    return (len(syntax.parse(text, language).trouble()) if known else 0), broken


def _worse(before: _State, after: _State, batch: Sequence[Finding]) -> str:
    """Say what the fixes made worse, "" if nothing."""
    if after.broken > before.broken or after.broken[1] > before.broken[1]:
        return "the file no longer parses"
    if after.skips > before.skips:
        return "an engine can no longer judge the file"
    mended = Counter(one.rule_id for one in batch)
    for rule_id, count in sorted(after.counts.items()):
        if count > before.counts.get(rule_id, 0) - mended[rule_id]:
            still = rule_id in mended and count <= before.counts.get(rule_id, 0)
            return "the finding is still there" if still else f"{rule_id} finds more than before"
    return ""
