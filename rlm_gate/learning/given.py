"""Read the examples that a rule is to be learned from: lines of files, whole files, a YAML file.

Secrets are masked here, once: what the model sees and what the rule's tests keep is the same text.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rlm_gate import config, decoding, examples, languages, schemas, symbols, syntax, yamlmarks
from rlm_gate.core import SourceFile, Span, display_path, split_lines
from rlm_gate.errors import ConfigError, UsageError
from rlm_gate.rlm.masking import mask

MOST_EXAMPLES = 20
MOST_ROWS = 120
MOST_CHARS = 6_000
_STATEMENT = 20  # rows that one statement may take
_BLOCK_ROWS = 40
_TENTH = 10  # what an engine reads over, too
_GOES_ON = re.compile(
    r"\s*(?:except|finally|else|elif|catch|rescue|ensure|end|case|default|[)}\]])"
)
_PLACE = re.compile(r"(?P<path>.+?):(?P<first>[0-9]+)(?:-(?P<last>[0-9]+))?\Z", re.DOTALL)
_FUNCTIONS = frozenset({"function", "method"})


@dataclass(frozen=True, slots=True)
class Shown:
    """One example. ``label`` is how people named it.

    ``excerpt`` goes to the model and into the rule's tests; of it ``rows`` (1-based, inclusive)
    must be found, None: any. ``file`` is the file it was cut out of, ``lines`` the same rows there;
    None where the example is whole.
    """

    label: str
    bad: bool
    language: str
    excerpt: str
    rows: tuple[int, int] | None = None
    file: SourceFile | None = None
    lines: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """What the command line says of one example: ``FILE``, ``FILE:LINE`` or ``FILE:FIRST-LAST``."""

    text: str
    bad: bool


def read(
    named: Sequence[Named], sheet: str | None, language: str | None, hidden: Callable[[Path], bool]
) -> tuple[Shown, ...]:
    """Return the examples, the bad ones first.

    ``sheet`` is a YAML file of ``bad`` and ``good``; ``language`` is that of every text whose name
    does not tell; ``hidden`` says which files no model may see. Raises UsageError,
    ConfigError with every mistake of the sheet.
    """
    wanted = [_Wanted.of(one, language, hidden) for one in named]
    shown = [one.shown([other for other in wanted if other is not one]) for one in wanted]
    shown += _sheet(sheet, language) if sheet else []
    for bad, flag, what in (
        (True, "--bad", "code that the rule must find"),
        (False, "--good", "code that looks like it and is right"),
    ):
        if not any(one.bad is bad for one in shown):
            raise UsageError(f"no {flag} example: show {what}, as {flag} FILE:LINE")
    if len(shown) > MOST_EXAMPLES:
        raise UsageError(
            f"{len(shown)} examples; {MOST_EXAMPLES} are the most: choose telling ones"
        )
    return tuple(sorted(shown, key=lambda one: not one.bad))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file of which lines, or all, are an example."""

    named: Named
    file: SourceFile
    masked: tuple[str, ...]
    lines: tuple[int, int] | None

    @classmethod
    def of(cls, named: Named, language: str | None, hidden: Callable[[Path], bool]) -> _Wanted:
        path, lines = _place(named.text)
        text = _text(path, hidden)
        masked = tuple(split_lines(mask(text)))
        spoken = language or languages.language_of(path.name, masked[0] if masked else "")
        whole = examples.whole_file(str(path), spoken, text)
        if not "".join(masked).strip():
            raise UsageError(f"{display_path(str(path))}: the file is empty, so it shows nothing")
        if lines and not 1 <= lines[0] <= lines[1] <= len(masked):
            where = display_path(named.text)
            raise UsageError(f"{where}: there are no such lines; the file has {len(masked)}")
        return cls(named, whole, masked, lines)

    def shown(self, others: Sequence[_Wanted]) -> Shown:
        """Cut the example out: the function around it, unless that holds one of the other kind."""
        label = display_path(self.named.text)
        if self.lines is None:
            excerpt = "\n".join(self.masked) + "\n"
            _check_size(label, excerpt)
            return Shown(label, self.named.bad, self.file.language, excerpt)
        first, last = self._around(others)
        excerpt, shift = _standing(self.masked[first - 1 : last], self.file)
        _check_size(label, excerpt)
        start, end = self.lines
        rows = (start - first + 1 + shift, end - first + 1 + shift)
        return Shown(
            label, self.named.bad, self.file.language, excerpt, rows, self.file, self.lines
        )

    def _around(self, others: Sequence[_Wanted]) -> tuple[int, int]:
        start, end = self.lines or (1, 1)
        functions = [
            (symbol.start, symbol.end)
            for symbol in _outline(self.file)
            if symbol.kind in _FUNCTIONS and symbol.start <= start and end <= symbol.end
        ]
        end = self._statement(start, end)
        blocks = [*_blocks(self.masked, start, end)]
        spans = [*sorted(functions, key=_length)[:1], *sorted(blocks, key=_length, reverse=True)]
        for first, last in spans:
            if last - first < MOST_ROWS and not self._clashes(first, last, others):
                excerpt, _ = _standing(self.masked[first - 1 : last], self.file)
                if _reads(excerpt, self.file.language):
                    return first, last
        return start, end

    def _clashes(self, first: int, last: int, others: Sequence[_Wanted]) -> bool:
        """Say whether an example of the other kind is in these lines."""
        return any(
            other.named.bad is not self.named.bad
            and other.file.path == self.file.path
            and other.lines is not None
            and first <= other.lines[1]
            and other.lines[0] <= last
            for other in others
        )

    def _statement(self, start: int, end: int) -> int:
        """Return where the statement ends that begins in these lines."""
        most = min(len(self.masked), end + _STATEMENT)
        for last in range(end, most + 1):
            excerpt, _ = _standing(self.masked[start - 1 : last], self.file)
            if _reads(excerpt, self.file.language):
                return last
        if _reads(
            _standing(self.masked[start - 1 : end], self.file)[0], self.file.language, _TENTH
        ):
            return end
        label = display_path(self.named.text)
        raise UsageError(
            f"{label}: these lines alone are no {self.file.language};"
            " name those of a whole statement or function, as FILE:FIRST-LAST"
        )


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def _blocks(lines: Sequence[str], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the blocks around some lines, by their indentation, of at most 40 rows."""
    depth = _depth(lines[start - 1])
    for first in range(start - 1, max(0, start - _BLOCK_ROWS), -1):
        line = lines[first - 1]
        if not line.strip() or _depth(line) >= depth:
            continue
        depth = _depth(line)
        last = end
        while last < len(lines) and (
            _depth(lines[last]) > depth
            or not lines[last].strip()
            or (_depth(lines[last]) == depth and _GOES_ON.match(lines[last]))
        ):
            last += 1
        while not lines[last - 1].strip():
            last -= 1
        if last - first < _BLOCK_ROWS:
            yield first, last


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _place(text: str) -> tuple[Path, tuple[int, int] | None]:
    """Part a path from the lines it names; a file that is really called so wins."""
    found = None if Path(text).exists() else _PLACE.match(text)
    if not found:
        return Path(text), None
    first = int(found["first"])
    return Path(found["path"]), (first, int(found["last"] or first))


def _text(path: Path, hidden: Callable[[Path], bool]) -> str:
    name = display_path(str(path))
    if hidden(path):
        raise UsageError(
            f"{name}: no model may see this file (never_send, or a file of secrets);"
            " write the example into a file of its own"
        )
    try:
        decoded = decoding.decode(config.read_file(path))
    except OSError as error:
        lines = "; lines are numbers: FILE:LINE or FILE:FIRST-LAST" if ":" in path.name else ""
        raise UsageError(f"{name}: can't be read: {error.strerror}{lines}") from error
    if decoded is None:
        raise UsageError(f"{name}: a binary file; an example is code as text")
    return decoded.text


def _standing(lines: Sequence[str], file: SourceFile) -> tuple[str, int]:
    """Return the lines as a text that stands alone, and by how many rows they were moved down."""
    text = textwrap.dedent("\n".join(lines)) + "\n"
    if file.language == "php" and "<?" not in text:
        return f"<?php\n{text}", 1
    return text, 0


def _outline(file: SourceFile) -> tuple[symbols.Symbol, ...]:
    return syntax.outline(file.text, file.language) if syntax.grammar(file.language) else ()


def _reads(text: str, language: str, share: int = 0) -> bool:
    """Say whether the grammar reads it; ``share``: though it stumbles over one row in so many."""
    if not syntax.grammar(language):
        return True
    spans = syntax.parse(text, language).trouble()
    broken = {row for first, last in spans for row in range(first, last + 1)}
    return not broken or 0 < len(broken) * share <= len(split_lines(text))


def _check_size(label: str, excerpt: str) -> None:
    rows = len(split_lines(excerpt))
    if rows > MOST_ROWS or len(excerpt) > MOST_CHARS:
        raise UsageError(
            f"{label}: {rows} lines, {len(excerpt):,} characters; an example has at most"
            f" {MOST_ROWS} and {MOST_CHARS:,}: name the lines it is about, as FILE:LINE"
        )


def _sheet(path: str, language: str | None) -> list[Shown]:
    name = display_path(path)
    try:
        content = config.read_file(Path(path))
    except OSError as error:
        raise UsageError(f"--examples {name}: can't be read: {error.strerror}") from error
    document = yamlmarks.parse_bytes(content, name)
    model, problems = schemas.check(schemas.SamplesModel, document)
    if model is None:
        raise ConfigError(problems, remedy="Correct the lines above; docs/rules.md shows the form.")
    shown = []
    for bad, kind, samples in ((True, "bad", model.bad), (False, "good", model.good)):
        for index, sample in enumerate(samples):
            line = document.mark((kind, index))[0]
            one = _sample(f"{name}:{line}", sample, language)
            _check_size(one.label, one.excerpt)
            shown.append(replace(one, bad=bad))
    return shown


def _sample(label: str, sample: schemas.Written, language: str | None) -> Shown:
    if isinstance(sample, schemas.ChangeModel) or getattr(sample, "fixed", None) is not None:
        raise UsageError(f"{label}: write code as text, or {{lang, code}}; patterns see no change")
    code = sample if isinstance(sample, str) else sample.code
    spoken, path = (None, None) if isinstance(sample, str) else (sample.lang, sample.path)
    found = spoken or (languages.language_of(path) if path else None) or language
    if not found:
        raise UsageError(f"{label}: which language is it? Add lang: to the example, or --language")
    return Shown(label, bad=True, language=found, excerpt=mask(code))


def digest(shown: Sequence[Shown]) -> str:
    """Return a hash of all that the examples say."""
    told = [(one.label, one.bad, one.language, one.excerpt, one.rows, one.lines) for one in shown]
    return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()


def span(shown: Shown) -> Span | None:
    """Return the lines of the whole file that the example is about."""
    if shown.file is None or shown.lines is None:
        return None
    return Span(shown.file.path, *shown.lines)
