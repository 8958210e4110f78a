"""What a rule claims about lines that exist, and what people accept of it."""

from __future__ import annotations

from rlm_gate.core.code import Span
from rlm_gate.core.levels import Acceptance, Confidence, Origin, Severity, Verification
from rlm_gate.core.records import dataclass


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
    folded into this one by the policy, sorted; ``also_matched`` are the rules that said the same of
    this place and yielded to this one.
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
    also_matched: tuple[str, ...] = ()

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
class Suppression:
    """What people accept, as it is written at ``place``; one baseline entry is one of them.

    ``rules`` are ids, () in a baseline entry of an unknown rule. A comment speaks of the lines of
    ``target``; an entry of the file form of the paths that ``patterns`` match, and of one finding
    if it has a ``fingerprint``; a baseline entry of the path and fingerprint. ``until`` is an ISO
    date, the last day it counts, or "". ``origin`` is who made a baselined finding. ``new``: the
    change under judgement adds it, or edits what it covers. ``refused`` says why it does not count,
    "" if it does.
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
