"""Texts with their secrets taken out, before anything is sent (design §7.3).

Whole files are masked, so that a cut through a key can't leak half of it. Quotes are looked up in
the masked text, so a model's pseudonym finds its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rlm_gate.core import Corpus, Finding, Removed, SourceFile, split_lines
from rlm_gate.detectors import secrets


@dataclass(frozen=True, slots=True)
class Masked(Mapping[str, str]):
    """A mapping path -> text that masks as it reads. ``hidden`` paths are not there at all."""

    texts: Mapping[str, str]
    hidden: frozenset[str] = frozenset()

    def __getitem__(self, path: str) -> str:
        if path in self.hidden:
            raise KeyError(path)
        return mask(self.texts[path])

    def __contains__(self, path: object) -> bool:
        return path not in self.hidden and path in self.texts

    def __iter__(self) -> Iterator[str]:
        return (path for path in self.texts if path not in self.hidden)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Judged(Mapping[str, str]):
    """A mapping path -> text of the files that are judged, and of no other."""

    corpus: Corpus

    def __getitem__(self, path: str) -> str:
        file = self.corpus.file(path)
        if file is None:
            raise KeyError(path)
        return file.text

    def __iter__(self) -> Iterator[str]:
        return (file.path for file in self.corpus.files)

    def __len__(self) -> int:
        return len(self.corpus.files)


def masked_lines(file: SourceFile) -> list[str]:
    """Return the file's lines with secrets masked: as many lines as it has."""
    return split_lines(mask(file.text))


def masked_removed(removed: tuple[Removed, ...]) -> tuple[Removed, ...]:
    """Return the removed blocks with secrets masked."""
    return tuple(Removed(block.after_line, mask(block.text)) for block in removed)


def judged_text(corpus: Corpus, path: str) -> str | None:
    """Return a path's masked text at the judged side, None if there is no such text."""
    file = corpus.file(path)
    text = file.text if file else corpus.tree.get(path)
    return None if text is None else mask(text)


def masked_quote(corpus: Corpus, finding: Finding) -> str:
    """Return a finding's quote masked as part of its file: never what the detector read itself.

    What a reader quoted of removed lines is masked as part of those.
    """
    file = corpus.file(finding.span.path)
    lines = masked_lines(file) if file and file.status != "deleted" else []
    shown = "\n".join(lines[finding.span.start - 1 : finding.span.end])
    if file and finding.quote not in shown and _was_removed(file, finding.quote):
        return finding.quote
    return shown or mask(finding.quote)


def _was_removed(file: SourceFile, quote: str) -> bool:
    return any(quote in block.text for block in masked_removed(file.removed))


@lru_cache(maxsize=16)
def mask(text: str) -> str:
    """Return the text with every secret replaced by its pseudonym."""
    return secrets.mask(text)[0]
