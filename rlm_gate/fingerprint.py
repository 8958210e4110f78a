"""Name a finding so that it survives moved lines and renamed files (design §3).

Knows text and symbols, not git: two branches give a finding the same fingerprint on their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from rlm_gate.core import Corpus, Finding, Fix, SourceFile, hashes, split_lines
from rlm_gate.detectors import secrets
from rlm_gate.symbols import Symbol
from rlm_gate.syntax import outline

Outlined = Callable[[SourceFile], tuple[Symbol, ...]]
"""Return the symbols of a file."""


def outlined(file: SourceFile) -> tuple[Symbol, ...]:
    """Parse the file for its symbols."""
    return outline(file.text, file.language)


def stamp(
    findings: Iterable[Finding],
    corpus: Corpus,
    oldest: Mapping[str, str] | None = None,
    symbols: Outlined = outlined,
) -> Iterator[Finding]:
    """Yield the findings with fingerprints and with secrets masked in what they quote.

    ``oldest`` has the first name of every renamed rule: fingerprints keep to it. ``symbols`` may
    know those of a file already.
    """
    names = oldest or {}
    files = {file.path: file for file in corpus.files}
    views: dict[str, _View] = {}
    for finding in findings:
        path = finding.span.path
        if path not in views:
            views[path] = _View.of(files.get(path), symbols)
        yield replace(
            finding,
            quote=views[path].masked_quote(finding),
            explanation=views[path].hinted(finding.explanation),
            fingerprint=views[path].fingerprint(finding, names.get(finding.rule_id, "")),
            fix=None if _tells(finding.fix) else finding.fix,
        )


def _tells(fix: Fix | None) -> bool:
    """Say whether the fix would show a secret: masked, it would put the mask into the file."""
    return fix is not None and secrets.mask(fix.text)[0] != fix.text


class _View:
    """One file as fingerprints see it: collapsed lines, symbols, how often a text occurred."""

    def __init__(self, lines: list[str], symbols: tuple[Symbol, ...], text: str = "") -> None:
        self._raw = lines
        self._text = text or "\n".join(lines)
        self._masked: list[str] | None = None
        self._collapsed: dict[int, str] = {}
        self._symbols = symbols

    @classmethod
    def of(cls, file: SourceFile | None, symbols: Outlined) -> _View:
        if file is None:
            return cls([], ())
        if file.status == "deleted":
            text = "\n".join(block.text for block in file.removed)
            return cls(split_lines(text), outline(text, file.language))
        text = file.text
        return cls(split_lines(text), symbols(file), "" if "\r" in text else text)

    def masked_quote(self, finding: Finding) -> str:
        """Mask what is quoted as part of its file: one line of a key does not look like a key."""
        start, end = finding.span.start, finding.span.end
        if "\n".join(self._raw[start - 1 : end]) != finding.quote:
            return self.hinted(finding.quote)
        if self._masked is None:
            self._masked = secrets.hinted(self._text).split("\n")
        return "\n".join(self._masked[start - 1 : end])

    def hinted(self, words: str) -> str:
        """Show people's hints for secrets, also where a model's words hold its pseudonyms."""
        if secrets.PSEUDONYM in words:
            words = secrets.unmask(words, secrets.mask("\n".join(self._raw))[1])
        return secrets.hinted(words)

    def fingerprint(self, finding: Finding, oldest: str) -> str:
        """Hash rule, masked text, enclosing symbol, and which occurrence within it this is."""
        start, end = finding.span.start, finding.span.end
        text = self._lines(start - 1, end) or [_collapse(finding.quote)]
        symbol = self._enclosing(start, end)
        first, last = (symbol.start, symbol.end) if symbol else (1, len(self._raw))
        if symbol is None:
            first, last = 1, start
        occurrence = sum(
            1
            for line in range(first, min(start, last) + 1)
            if self._lines(line - 1, line) == text[:1]
            and self._lines(line - 1, line - 1 + len(text)) == text
        )
        name = symbol.name if symbol else ""
        masked = secrets.mask("\n".join(text))[0]
        parts = (oldest or finding.rule_id, masked, name, str(occurrence))
        return hashes.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def _lines(self, start: int, end: int) -> list[str]:
        """Return the lines from one 0-based number to before another, collapsed when asked for."""
        known = self._collapsed
        numbers = range(len(self._raw))[start:end]
        known.update((one, _collapse(self._raw[one])) for one in numbers if one not in known)
        return [known[one] for one in numbers]

    def _enclosing(self, start: int, end: int) -> Symbol | None:
        around = [one for one in self._symbols if one.start <= start and end <= one.end]
        return min(around, key=lambda one: one.end - one.start, default=None)


def _collapse(line: str) -> str:
    return " ".join(line.split())
