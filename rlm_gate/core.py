"""The types every part shares. Frozen values, standard library only.

Paths are repository-relative, with forward slashes, as ``os.fsdecode`` gives them (a name that is
not UTF-8 carries surrogate escapes). Lines are 1-based, ends inclusive.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


class Severity(enum.IntEnum):
    """How bad a true finding of a rule is. The rule decides; no model does."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        """The name users write: ``high``."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Severity:
        """Return the severity of that label. Raises KeyError on any other word."""
        return _SEVERITIES[label]


_SEVERITIES = {severity.label: severity for severity in Severity}


class Confidence(enum.StrEnum):
    """How far a finding is trusted. Set by the host from rule precision and verification."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Origin(enum.StrEnum):
    """Who says so. ``detector`` includes the playbooks: code of ours, no model."""

    DETECTOR = "detector"
    IMPORTED = "imported"
    MODEL = "model"


class Verification(enum.StrEnum):
    """What the second call, which argues against a candidate, came to."""

    NOT_ASKED = "not asked"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNCLEAR = "unclear"
    FAILED = "call failed"


class Status(enum.StrEnum):
    """The verdict. FAIL outranks INCONCLUSIVE outranks PASS."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Lines ``start`` to ``end`` of a file, 1-based, end inclusive."""

    path: str
    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        """Say whether the two share a line."""
        return self.path == other.path and self.start <= other.end and other.start <= self.end

    def __len__(self) -> int:
        return self.end - self.start + 1


@dataclass(frozen=True, slots=True)
class Removed:
    """Lines that a change deletes: their text, and the surviving line they stood after (0: top)."""

    after_line: int
    text: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A judged text file. ``text`` is read when first asked for, through the corpus' bounded cache.

    ``changed`` is the judged part: the added lines of a diff, or the whole file. ``status`` is one
    of added, modified, renamed, deleted, whole. A deleted file has no text and no changed lines.
    ``sha256`` is of the bytes as stored. ``notes`` are facts a report should carry ("read as
    Latin-1").
    """

    path: str
    status: str
    language: str
    changed: tuple[Span, ...]
    removed: tuple[Removed, ...]
    line_count: int
    sha256: str
    read: Callable[[], str] = field(repr=False, compare=False)
    old_path: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The decoded text, line ends as they are in the file. "" for a deleted file."""
        return self.read()

    @property
    def lines(self) -> list[str]:
        r"""The lines without their ends. Only \n, \r\n and \r end a line, as in git and ruff."""
        return split_lines(self.text)

    @property
    def in_scope(self) -> tuple[Span, ...]:
        """Return the lines that must be examined: changed ones and the neighbours of deletions.

        A deleted file has no lines left; line 1 stands for it, so that its loss can be missing.
        """
        if self.status == "deleted":
            return (Span(self.path, 1, 1),)
        last = self.line_count
        neighbours = [
            Span(self.path, max(1, block.after_line), min(last, block.after_line + 1))
            for block in self.removed
            if last
        ]
        return tuple(merge_spans((*self.changed, *neighbours)))

    def touched(self, start: int, end: int) -> bool:
        """Say whether lines ``start`` to ``end`` hold a changed line or enclose a removed one."""
        return any(span.start <= end and start <= span.end for span in self.changed) or any(
            start <= block.after_line < end for block in self.removed
        )


def split_lines(text: str) -> list[str]:
    r"""Split at \n, \r\n and \r alone: ``str.splitlines`` also cuts at form feeds and U+2028."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that could not be judged. It is reported, never dropped.

    ``blocking`` makes the verdict INCONCLUSIVE whatever the rules' severities. With ``path`` and
    ``rule_ids`` the pairs (every judged line of that file, those rules) count as missing; a
    ``rule_ids`` without a path means those rules on every file.
    """

    what: str
    why: str
    blocking: bool = False
    path: str | None = None
    rule_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What is judged. ``kind``: worktree, staged, diff, rev, all or paths; ``label`` is for people.

    ``whole`` scopes (rev, all, paths) judge every line; the others what changed.
    """

    kind: str
    label: str
    base: str | None = None
    head: str | None = None

    @property
    def whole(self) -> bool:
        """Say whether every line of every file is judged."""
        return self.kind in {"rev", "all", "paths"}


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is judged (``files``), what was left out and why, and the whole tree beside it.

    ``tree`` maps every text path at the judged side to its text, read when asked for; it serves the
    REPL's ``files`` and is never touched by the offline hook. ``root`` is the directory the paths
    are relative to, None for a bare repository.
    """

    scope: Scope
    files: tuple[SourceFile, ...]
    skipped: tuple[Skip, ...]
    tree: Mapping[str, str] = field(repr=False)
    root: str | None = None

    def file(self, path: str) -> SourceFile | None:
        """Return the judged file of that path."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True, slots=True)
class Detect:
    """One entry of a rule's ``detect:``: an engine by file name, and the options it checked."""

    engine: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """The question only a model can judge. ``over``: chunk (map) or corpus (root loop)."""

    over: str
    question: str


@dataclass(frozen=True, slots=True)
class Help:
    """What a report tells the author: why it matters, how to mend it, where to read on."""

    why: str
    fix: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    r"""One entry of a rule's ``fix:``. What the engine's ``options`` match becomes ``text``.

    ``text`` has ast-grep's variables ($A, $$$REST) or, for the engine regex, groups (\1). ``safe``
    says that the meaning stays; ``what`` is the fix in a few words.
    """

    engine: str
    options: Mapping[str, Any]
    text: str
    safe: bool
    what: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A validated rule. ``id`` is ``<pack>/<stem>``, stable for ever; see docs/rules.md.

    ``languages`` is ``("any",)`` for every text file. ``include`` and ``exclude`` are regular
    expressions over the path, compiled from the pack's gitignore-style globs. ``prefilter`` are
    regular expressions, any of which must match for the rule to apply to a file.
    """

    id: str
    title: str
    severity: Severity
    precision: Confidence
    languages: tuple[str, ...]
    message: str
    help: Help
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    detect: tuple[Detect, ...] = ()
    prefilter: tuple[str, ...] = ()
    ask: Ask | None = None
    verify: str = "none"
    enabled: bool = True
    fix: tuple[Rewrite, ...] = ()

    @property
    def pack(self) -> str:
        """The pack's name: the part before the slash."""
        return self.id.partition("/")[0]


@dataclass(frozen=True, slots=True)
class RulePack:
    """A folder of rules. ``version`` is a hash of the content of its files."""

    name: str
    version: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where else a finding stands: the same rule on the same text, with its own fingerprint."""

    span: Span
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that mends a finding: the whole lines of ``span`` become ``text``.

    ``text`` has no line end after its last line; "" takes the lines away. ``safe``: whoever made
    the fix says that it keeps what the code means. ``what`` is the fix in a few words.
    """

    span: Span
    text: str
    safe: bool
    what: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's claim about lines that exist. ``quote`` is what the host read there.

    ``columns`` are 1-based code points of the first and last line, the end exclusive. ``flow`` are
    the places a value passes, source first. ``engine`` is the detector's or the model's name.
    ``explanation`` is a model's words, capped; ``fingerprint`` is filled in by the gate,
    and so are ``owners``, as CODEOWNERS names them. ``also`` are further places of the same cause,
    folded into this one by the policy, sorted.
    """

    rule_id: str
    severity: Severity
    confidence: Confidence
    message: str
    span: Span
    quote: str
    origin: Origin
    engine: str
    columns: tuple[int, int] | None = None
    explanation: str = ""
    verification: Verification = Verification.NOT_ASKED
    flow: tuple[Span, ...] = ()
    fingerprint: str = ""
    owners: tuple[str, ...] = ()
    fix: Fix | None = None
    also: tuple[Place, ...] = ()

    @property
    def identity(self) -> tuple[str, str]:
        """Which finding of a run it is: a file and its copy have findings of one fingerprint."""
        return (self.fingerprint, self.span.path)

    @property
    def places(self) -> tuple[Span, ...]:
        """Every place it stands at, its own first; what overlaps is one place."""
        places = [self.span]
        for other in self.also:
            if not any(other.span.overlaps(one) for one in places):
                places.append(other.span)
        return tuple(places)

    @property
    def sort_key(self) -> tuple[str, int, int, tuple[int, int], str, str]:
        """The one order of every report: by place, then by rule."""
        span = self.span
        columns = self.columns or (0, 0)
        return (span.path, span.start, span.end, columns, self.rule_id, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run. ``usd`` None means no dollar limit; seconds, tokens and counts otherwise.

    ``user_usd`` tells a limit the user set (an unpriced model is then an error) from the default.
    """

    usd: float | None = 1.0
    max_calls: int | None = None
    max_tokens: int | None = None
    max_turns: int = 20
    deadline: float = 600.0
    cell_timeout: float = 10.0
    call_timeout: float = 180.0
    user_usd: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent. ``usd`` is None when any call had no known price: unknown is never 0."""

    calls: int = 0
    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    failed_calls: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that a rule should have judged and nobody did, with the reason.

    ``required``: the rule's severity there reaches the threshold, so no verdict can pass over it.
    """

    rule_id: str
    span: Span
    reason: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """Counts of (line, rule) pairs for one rule. in_scope = not_applicable + the rest."""

    rule_id: str
    in_scope: int
    not_applicable: int
    prefiltered: int
    detector: int
    model: int
    missing: int

    @property
    def applicable(self) -> int:
        """Pairs that somebody had to judge."""
        return self.detector + self.model + self.missing


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """Who examined one file. ``lines`` are those in scope.

    ``engines`` are the detectors that finished on it. ``by_model`` and ``missing`` count lines:
    those that a model judged under some rule, and those that some rule should have seen and did
    not.
    """

    path: str
    lines: int
    engines: tuple[str, ...]
    by_model: int
    missing: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Who examined what. ``gaps`` lists every missing line range.

    ``engines`` maps an engine to (files, lines) it finished; ``without_rules`` names languages in
    scope for which no deterministic rule exists, with their file counts. ``by_file`` is sorted.
    """

    files: int
    lines: int
    rules: tuple[RuleCoverage, ...]
    gaps: tuple[Gap, ...] = ()
    engines: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    without_rules: Mapping[str, int] = field(default_factory=dict)
    by_file: tuple[FileCoverage, ...] = ()

    @property
    def required_missing(self) -> int:
        """Count the missing (line, rule) pairs without which no verdict can pass."""
        return sum(len(gap.span) for gap in self.gaps if gap.required)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An upper bound of what an audit with models would send, from its own plan.

    ``calls``, the tokens and ``map_usd`` are the map's: one call a chunk and group of rules.
    ``turns`` are the most that the root loop may take, 0 without one. ``usd`` is the most that the
    whole run can cost: the map alone where nothing follows it, else the run's limit, which it never
    exceeds. None is an unknown price or no limit.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    map_usd: float | None
    turns: int
    usd: float | None
    root_model: str
    sub_model: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What the model part was, for the first lines of a report.

    ``mode``: models, offline (asked for), no-key (a terminal without a key). ``not_evaluated`` are
    the rules whose question nobody put. ``refused`` counts findings whose evidence was not found.
    ``playbook`` lists what our own cells in the sandbox examined; ``sandbox`` is its level, "" when
    no sandbox ran. ``missing_keys`` are the variables that would have held the keys.
    """

    mode: str
    root_model: str = ""
    sub_model: str = ""
    not_evaluated: tuple[str, ...] = ()
    refused: int = 0
    playbook: tuple[str, ...] = ()
    sandbox: str = ""
    estimate: Estimate | None = None
    notes: tuple[str, ...] = ()
    missing_keys: tuple[str, ...] = ()


class Acceptance(enum.StrEnum):
    """How people accept findings: a comment in the code, the file form, or the baseline."""

    COMMENT = "comment"
    FILE = "file"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Suppression:
    """What people accept, as it is written at ``place``; one baseline entry is one of them.

    ``rules`` are ids, () in a baseline entry of an unknown rule. A comment speaks of the lines of
    ``target``; an entry of the file form of the paths that ``patterns`` match, and of one finding
    if it has a ``fingerprint``; a baseline entry of the path and fingerprint. ``until`` is an ISO
    date, the last day it counts, or "". ``origin`` is who made a baselined finding. ``new``: the
    change under judgement adds it. ``refused`` says why it does not count, "" if it does.
    """

    kind: Acceptance
    place: Span
    rules: tuple[str, ...]
    reason: str = ""
    owner: str = ""
    until: str = ""
    target: Span | None = None
    patterns: tuple[str, ...] = ()
    path: str = ""
    fingerprint: str = ""
    origin: Origin | None = None
    new: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that does not count, and what accepts it."""

    finding: Finding
    by: Suppression


@dataclass(frozen=True, slots=True, order=True)
class Notice:
    """Something about the policy that people should mend; it changes no verdict.

    ``kind`` is a word of the policy's, such as ``unused-suppression``; ``text`` says what is wrong
    and what to do. ``place`` is where it is written, line 0 for the whole file.
    """

    place: Span
    kind: str
    text: str


def _no_text(_path: str) -> str | None:
    """Know no text."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One model call, as reports tell of it; long texts are cut, secrets masked.

    ``purpose``: map, sub or verify, or root for a turn. ``about`` is a place or the beginning of a
    prompt. ``error`` is "" if it answered. ``usd`` is the logical cost, the same whether a cache
    held the reply; None is unknown. ``seconds`` are None unless times were asked for: no two runs
    take equally long.
    """

    purpose: str
    model: str
    about: str
    answer: str = ""
    error: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RootTurn:
    """One turn of the root loop: its call, the cell it ran, and the sub-calls of that cell."""

    number: int
    call: ModelCall
    code: str = ""
    output: str = ""
    error: str = ""
    calls: tuple[ModelCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What the models did: the turns of the root loop, and the calls outside of it, in order."""

    turns: tuple[RootTurn, ...] = ()
    calls: tuple[ModelCall, ...] = ()


@dataclass(frozen=True, slots=True)
class PastRun:
    """One line of a history file. ``when`` is as written there; ``findings`` count by severity."""

    when: str
    commit: str
    status: str
    findings: tuple[tuple[str, int], ...]
    blocking: int
    lines: int
    usd: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one run; every report renders this and nothing else.

    ``findings`` are sorted; ``blocking`` holds the identities of those that fail the gate, and
    ``held`` of those that reach their threshold and do not. ``threshold`` is the run's;
    ``thresholds`` are others, (for what, severity), None being never. ``rules`` are the selected
    ones, ``packs`` their (name, version). ``reasons`` say what makes the evidence incomplete;
    ``interrupted`` is what stopped the run, "" if nothing did. ``suppressed`` and ``baselined`` are
    in no count. ``text`` reads a judged file, None for one whose bytes may not be what UTF-8 makes
    of it. ``history`` are the runs before this one, oldest first, where a file of them was given.
    ``preface`` is what a report says first: whose policy holds, and what people newly accept.
    ``projects`` are the sub-folders with a configuration of their own.
    """

    status: Status
    scope: Scope
    threshold: Severity | None
    findings: tuple[Finding, ...]
    refuted: tuple[Finding, ...]
    blocking: frozenset[tuple[str, str]]
    skipped: tuple[Skip, ...]
    coverage: Coverage
    usage: Usage
    audit: Audit
    rules: tuple[Rule, ...]
    packs: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...] = ()
    interrupted: str = ""
    preface: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    trajectory: Trajectory = Trajectory()
    history: tuple[PastRun, ...] = ()
    held: frozenset[tuple[str, str]] = frozenset()
    thresholds: tuple[tuple[str, Severity | None], ...] = ()
    suppressed: tuple[Accepted, ...] = ()
    baselined: tuple[Accepted, ...] = ()
    notices: tuple[Notice, ...] = ()
    text: Callable[[str], str | None] = field(default=_no_text, repr=False, compare=False)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive (design: a format never changes it)."""
        return {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 3}[self.status]

    def rule(self, rule_id: str) -> Rule | None:
        """Return the selected rule of that id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


def display_path(path: str) -> str:
    """Return the path for people and text formats: control characters and non-UTF-8 escaped."""
    return "".join(_escape(char) for char in path)


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return char


def merge_spans(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans of one or more files sorted, with touching ones joined."""
    current: Span | None = None
    for span in sorted(spans):
        if current and span.path == current.path and span.start <= current.end + 1:
            current = Span(current.path, current.start, max(current.end, span.end))
            continue
        if current:
            yield current
        current = span
    if current:
        yield current
