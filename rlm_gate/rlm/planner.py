"""Cut the judged lines into chunks and meet each with its rules, before the first call (§7.1).

Knows layout, not syntax: it cuts where a least-indented line follows a blank one, in any language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rlm_gate.core import Corpus, Removed, Rule, SourceFile, Span, merge_spans, split_lines
from rlm_gate.rlm.ledger import Applies

CHUNK_CHARS = 24_000
"""Most characters of one chunk (design §7.1): a sub-model reads that much with care."""
RULES_PER_CALL = 8
"""Most questions of one call (design §7.1)."""
MAP_TOKENS = 4096
"""Room for one answer of the map: some thirty findings. More from one chunk is noise."""
ROOT_TOKENS = 8192
"""Room for one turn of the root: a long cell."""
CONTEXT_LINES = 12
"""Lines shown around a hunk that is not cut at a symbol; they earn no coverage."""
NEAR_CHARS = 8_000
"""Of a request of their own, changed imports would take about as much for its rules and context."""
_HEAD_LINES = 40
_HEAD_SEARCH = 400
_IMPORT = re.compile(
    r"import\b|from\b.*\bimport\b|export\b.*\bfrom\b|#\s*(?:include|import)\b|using\b|use\b"
    r"|package\b|namespace\b|require|extern\s+crate\b|mod\b|library\(|source\b|load\("
    r"|(?:const|let|var)\b.*=\s*(?:await\s+)?(?:require|import)\("
)
"""What brings names into a file, at the start of a line, in any of the usual languages."""
_CONTINUED = re.compile(r"\s+\S|[)\]}]")
_DIFF_LINES = 3


@dataclass(frozen=True, slots=True)
class MapCall:
    """One call of the map: some lines of one file, met by at most eight rules.

    ``judged`` are the lines it earns coverage for; ``shown`` the lines the model sees, with the
    deleted ones of ``removed`` among them. Rules that don't fit into one call meet the chunk in
    ``groups`` calls, of which this is number ``group`` from 0; ``together`` are the rules of all of
    them, for what the calls have in common must begin with the same bytes to be cached.
    """

    file: SourceFile
    shown: Span
    judged: tuple[Span, ...]
    removed: tuple[Removed, ...]
    rules: tuple[Rule, ...]
    group: int = 0
    groups: int = 1
    together: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line longer than a chunk: no call can show it, so its pairs are missing."""

    span: Span
    rules: tuple[Rule, ...]


def plan(corpus: Corpus, rules: Sequence[Rule], applies: Applies) -> Iterator[MapCall | TooLong]:
    """Yield every call of the map, in the order of files and lines."""
    asked = [rule for rule in rules if rule.ask and rule.ask.over == "chunk"]
    for file in corpus.files:
        fitting = [rule for rule in asked if not applies(rule, file)]
        if not fitting:
            continue
        for chunk in _chunks(file):
            if isinstance(chunk, Span):
                yield TooLong(chunk, tuple(fitting))
                continue
            groups = _groups(fitting)
            for number, group in enumerate(groups):
                yield MapCall(file, *chunk, group, number, len(groups), tuple(fitting))


def _groups(rules: Sequence[Rule]) -> list[tuple[Rule, ...]]:
    """Return the rules in as few calls as they need, evenly: no call for one question alone."""
    calls = -(-len(rules) // RULES_PER_CALL)
    return [
        tuple(rules[number * len(rules) // calls : (number + 1) * len(rules) // calls])
        for number in range(calls)
    ]


def over_corpus(rules: Iterable[Rule], corpus: Corpus, applies: Applies) -> tuple[Rule, ...]:
    """Return the ``corpus`` rules that apply to some judged file: those the root loop answers."""
    return tuple(
        rule
        for rule in rules
        if rule.ask
        and rule.ask.over == "corpus"
        and any(not applies(rule, file) for file in corpus.files)
    )


def shown_parts(file: SourceFile) -> Iterator[MapCall]:
    """Yield the parts of a file that a reader of the change sees, with no rule attached."""
    for chunk in _chunks(file):
        if not isinstance(chunk, Span):
            yield MapCall(file, *chunk, ())


def hunks(file: SourceFile) -> Iterator[MapCall]:
    """Yield the changed parts of a file as a diff shows them: a few lines around each."""
    last = file.line_count
    wide = [
        Span(file.path, max(1, span.start - _DIFF_LINES), min(last, span.end + _DIFF_LINES))
        for span in file.in_scope
        if last
    ] or list(file.in_scope)
    for part in merge_spans(wide):
        yield MapCall(file, part, tuple(_clip(file.in_scope, part)), _removed_in(file, part), ())


def imports_head(file: SourceFile, lines: Sequence[str], before: int) -> Span | None:
    """Return the file's imports as context for a chunk that starts below them.

    From the first import on, wherever it stands: a line put above must not change a request.
    """
    above = min(before - 1, len(lines))
    top = range(1, min(above, _HEAD_SEARCH) + 1)
    start = next((number for number in top if _IMPORT.match(lines[number - 1])), 0)
    if not start:
        return None
    last = min(above, start + _HEAD_LINES - 1)
    end = max(number for number in range(start, last + 1) if _IMPORT.match(lines[number - 1]))
    while end < last and _CONTINUED.match(lines[end]):
        end += 1
    while end >= start and sum(map(len, lines[start - 1 : end])) > CHUNK_CHARS // 4:
        end -= 1
    return Span(file.path, start, end) if end >= start else None


def _chunks(
    file: SourceFile,
) -> Iterator[tuple[Span, tuple[Span, ...], tuple[Removed, ...]] | Span]:
    """Yield (shown, judged parts of it, removed blocks in it), or a span no call can show."""
    if file.status == "deleted":
        for removed in _batches(file.removed, CHUNK_CHARS):
            yield Span(file.path, 1, 1), file.in_scope, removed
        return
    lines = file.lines
    scope = file.in_scope
    for region in _regions(scope, lines, whole=file.status == "whole"):
        for piece in _cut(region, lines):
            judged = tuple(_clip(scope, piece))
            size = _size(lines, piece)
            if judged and size > CHUNK_CHARS:
                yield piece
            elif judged:
                room = max(CHUNK_CHARS - size, CHUNK_CHARS // 2)
                for removed in _batches(_removed_in(file, piece), room):
                    yield piece, judged, removed


def _removed_in(file: SourceFile, piece: Span) -> tuple[Removed, ...]:
    first = 0 if piece.start == 1 else piece.start
    return tuple(one for one in file.removed if first <= one.after_line <= piece.end)


def _batches(removed: Sequence[Removed], room: int) -> Iterator[tuple[Removed, ...]]:
    """Yield the removed blocks in as many calls as they need, at least one, long blocks cut."""
    batch: list[Removed] = []
    size = 0
    for piece in (part for block in removed for part in _slices(block, room)):
        if batch and size + len(piece.text) > room:
            yield tuple(batch)
            batch, size = [], 0
        batch.append(piece)
        size += len(piece.text)
    yield tuple(batch)


def _slices(removed: Removed, room: int) -> Iterator[Removed]:
    part: list[str] = []
    size = 0
    for line in split_lines(removed.text):
        if part and size + len(line) + 1 > room:
            yield Removed(removed.after_line, "\n".join(part))
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    yield Removed(removed.after_line, "\n".join(part))


def _regions(scope: Iterable[Span], lines: Sequence[str], *, whole: bool) -> Iterator[Span]:
    """Widen each judged part to what a reader needs around it, joining what then touches."""
    if whole:
        yield from scope
        return
    current: Span | None = None
    for span in scope:
        wide = _widen(span, lines)
        if current and (wide.start <= current.end + 1 or _leads_to(current, wide, lines)):
            current = Span(span.path, current.start, max(current.end, wide.end))
            continue
        if current:
            yield current
        current = wide
    if current:
        yield current


def _leads_to(imports: Span, wide: Span, lines: Sequence[str]) -> bool:
    """Say whether the first part only imports, near enough to be read with the next one."""
    head = lines[imports.start - 1 : imports.end]
    joined = Span(wide.path, imports.start, wide.end)
    between = _size(lines, joined) - _size(lines, imports) - _size(lines, wide)
    return (
        between <= NEAR_CHARS
        and _size(lines, joined) <= CHUNK_CHARS
        and all(not line.strip() or _IMPORT.match(line) or _CONTINUED.match(line) for line in head)
    )


def _widen(span: Span, lines: Sequence[str]) -> Span:
    """Grow to the enclosing top-level pieces if they fit, else by a few lines."""
    start, end = span.start, span.end
    while start > 1 and not _starts_piece(lines, start):
        start -= 1
    while end < len(lines) and not _starts_piece(lines, end + 1):
        end += 1
    wide = Span(span.path, start, end)
    if _size(lines, wide) <= CHUNK_CHARS:
        return wide
    return Span(
        span.path, max(1, span.start - CONTEXT_LINES), min(len(lines), span.end + CONTEXT_LINES)
    )


def _cut(region: Span, lines: Sequence[str]) -> Iterator[Span]:
    """Cut a region into pieces of at most CHUNK_CHARS, at the best seam before the limit."""
    start = region.start
    while start <= region.end:
        end = _furthest(lines, start, region.end)
        if end < region.end:
            end = _seam(lines, start, end)
        yield Span(region.path, start, end)
        start = end + 1


def _furthest(lines: Sequence[str], start: int, last: int) -> int:
    if _size(lines, Span("", start, last)) <= CHUNK_CHARS:
        return last
    size = 0
    for line in range(start, last + 1):
        size += len(lines[line - 1]) + 1
        if size > CHUNK_CHARS:
            return max(start, line - 1)
    return last


def _seam(lines: Sequence[str], start: int, end: int) -> int:
    """Return the last line of the piece: before a top-level start, else a blank line, else end."""
    floor = start + (end - start) // 4
    for line in range(end, floor, -1):
        if _starts_piece(lines, line + 1):
            return line
    for line in range(end, floor, -1):
        if not lines[line - 1].strip():
            return line
    return end


def _starts_piece(lines: Sequence[str], number: int) -> bool:
    """Say whether a top-level piece starts here: an unindented line after a blank one."""
    if number <= 1 or number > len(lines):
        return True
    line = lines[number - 1]
    opens = bool(line) and not line[0].isspace() and line[0] not in ")]}"
    return opens and not lines[number - 2].strip()


def _clip(spans: Iterable[Span], piece: Span) -> Iterator[Span]:
    for span in spans:
        if span.overlaps(piece):
            yield Span(span.path, max(span.start, piece.start), min(span.end, piece.end))


def _size(lines: Sequence[str], span: Span) -> int:
    shown = lines[span.start - 1 : span.end]
    return sum(map(len, shown)) + len(shown)
