"""Cut the judged lines into chunks and meet each with its rules, before the first call (§7.1).

Knows layout, not syntax: it cuts where a least-indented line follows a blank one, in any language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rlm_gate.core import Applies, Corpus, Removed, Rule, SourceFile, Span, merge_spans, split_lines
from rlm_gate.sieve import Sieve

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
    them, for what the calls have in common must begin with the same bytes to be cached. Changed
    imports are shown with the change that follows; the lines between them are ``left_out``.
    """

    file: SourceFile
    shown: Span
    judged: tuple[Span, ...]
    removed: tuple[Removed, ...]
    rules: tuple[Rule, ...]
    group: int = 0
    groups: int = 1
    together: tuple[Rule, ...] = ()
    left_out: Span | None = None

    @property
    def parts(self) -> tuple[Span, ...]:
        """The lines that are shown, without those left out."""
        return _parts(self.shown, self.left_out)


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line longer than a chunk: no call can show it, so its pairs are missing."""

    span: Span
    rules: tuple[Rule, ...]


def plan(corpus: Corpus, rules: Sequence[Rule], applies: Applies) -> Iterator[MapCall | TooLong]:
    """Yield every call of the map, in the order of files and lines."""
    for file, groups in meetings(corpus, rules, applies):
        fitting = tuple(rule for group in groups for rule in group)
        for chunk in _chunks(file):
            if isinstance(chunk, Span):
                yield TooLong(chunk, fitting)
                continue
            for number, group in enumerate(groups):
                yield replace(
                    chunk, rules=group, group=number, groups=len(groups), together=fitting
                )


def meetings(
    corpus: Corpus, rules: Sequence[Rule], applies: Applies
) -> Iterator[tuple[SourceFile, list[tuple[Rule, ...]]]]:
    """Yield each file that a rule asks about, with the rules of each call that meets a chunk."""
    sieve = Sieve((rule for rule in rules if rule.ask and rule.ask.over == "chunk"), applies)
    for file in corpus.files:
        if fitting := sieve.of(file).fitting:
            yield file, _groups(fitting)


def _groups(rules: Sequence[Rule]) -> list[tuple[Rule, ...]]:
    """Return the rules in as few calls as they need, evenly: no call for one question alone."""
    calls = -(-len(rules) // RULES_PER_CALL)
    return [
        tuple(rules[number * len(rules) // calls : (number + 1) * len(rules) // calls])
        for number in range(calls)
    ]


def over_corpus(rules: Iterable[Rule], corpus: Corpus, applies: Applies) -> tuple[Rule, ...]:
    """Return the ``corpus`` rules that apply to some judged file: those the root loop answers."""
    asked = tuple(rule for rule in rules if rule.ask and rule.ask.over == "corpus")
    sieve, met = Sieve(asked, applies), set[str]()
    for file in corpus.files:
        if len(met) == len(asked):
            break
        met.update(rule.id for rule in sieve.of(file).fitting)
    return tuple(rule for rule in asked if rule.id in met)


def shown_parts(file: SourceFile) -> Iterator[MapCall]:
    """Yield the parts of a file that a reader of the change sees, with no rule attached."""
    for chunk in _chunks(file):
        if not isinstance(chunk, Span):
            yield chunk


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


def _chunks(file: SourceFile) -> Iterator[MapCall | Span]:
    """Yield the parts to show, with no rule attached, or a span that no call can show."""
    if file.status == "deleted":
        for removed in _batches(file.removed, CHUNK_CHARS):
            yield MapCall(file, Span(file.path, 1, 1), file.in_scope, removed, ())
        return
    lines = file.lines
    scope = file.in_scope
    whole = file.status == "whole"
    pieces = (
        part for region in _regions(scope, lines, whole=whole) for part in _cut(region, lines)
    )
    for piece, left_out in _with_imports(pieces, lines, whole=whole):
        judged = tuple(_clip(scope, piece))
        size = sum(_size(lines, part) for part in _parts(piece, left_out))
        if judged and size > CHUNK_CHARS:
            yield piece
        elif judged:
            room = max(CHUNK_CHARS - size, CHUNK_CHARS // 2)
            for removed in _batches(_removed_in(file, piece), room):
                yield MapCall(file, piece, judged, removed, (), left_out=left_out)


def _parts(shown: Span, left_out: Span | None) -> tuple[Span, ...]:
    if left_out is None:
        return (shown,)
    above = Span(shown.path, shown.start, left_out.start - 1)
    return (above, Span(shown.path, left_out.end + 1, shown.end))


def _with_imports(
    pieces: Iterable[Span], lines: Sequence[str], *, whole: bool
) -> Iterator[tuple[Span, Span | None]]:
    """Join a piece that only imports with the next one: alone it would meet every rule in vain."""
    imports: Span | None = None
    for piece in pieces:
        if imports and _size(lines, imports) + _size(lines, piece) <= CHUNK_CHARS:
            yield _joined(imports, piece, lines)
            imports = None
            continue
        if imports:
            yield imports, None
        imports = piece if not whole and _only_imports(lines, piece) else None
        if imports is None:
            yield piece, None
    if imports:
        yield imports, None


def _joined(imports: Span, piece: Span, lines: Sequence[str]) -> tuple[Span, Span | None]:
    shown = Span(piece.path, imports.start, piece.end)
    between = piece.start - imports.end - 1
    if between <= CONTEXT_LINES and _size(lines, shown) <= CHUNK_CHARS:
        return shown, None
    return shown, Span(piece.path, imports.end + 1, piece.start - 1)


def _only_imports(lines: Sequence[str], piece: Span) -> bool:
    rows = lines[piece.start - 1 : piece.end]
    return all(not row.strip() or _IMPORT.match(row) or _CONTINUED.match(row) for row in rows)


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
        if current and wide.start <= current.end + 1:
            current = Span(span.path, current.start, max(current.end, wide.end))
            continue
        if current:
            yield current
        current = wide
    if current:
        yield current


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
