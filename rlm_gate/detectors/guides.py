"""Flag what pages promise and the tree does not hold: files, anchors, labels, commands.

Reads Markdown and reStructuredText. Nothing outside the tree is looked up. In a change it also
reads the pages that stayed as they were, where a file or heading that they point at went away: the
finding is on the link, its flow ends where the change took the target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rlm_gate import kept
from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile, Span, split_lines
from rlm_gate.detectors import (
    Complaint,
    Region,
    applying,
    choice_complaints,
    entries,
    finding,
)
from rlm_gate.languages import language_of

if TYPE_CHECKING:
    from rlm_gate.detectors._guides import Broken, Guides

READS_TREE = True

_ENGINE = "guides"
_CHOICES = ("links", "commands")
_LANGUAGES = frozenset({"markdown", "restructuredtext"})
_MOST = 2_000  # pages that a change did not touch

_TO_COME: Final = kept.expression(
    r"(?i)\bcoming soon\b|\bnot (?:yet )?(?:there|written|implemented)\b"
)


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``find``: links or commands."""
    yield from choice_complaints(options, "find", _CHOICES)
    if not _LANGUAGES & {*languages}:
        yield (), "guides reads pages; add markdown or restructuredtext to the rule's languages"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the languages of pages."""
    del options
    return _LANGUAGES


def version() -> str:
    """Return this module's own."""
    return "2"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Judge the pages of the corpus, and those beside it that point at what a change takes away."""
    pages = [file for file in corpus.files if file.language in _LANGUAGES and _is_there(file)]
    if not pages and not _takes(corpus):
        return
    from rlm_gate.detectors import _guides

    guides = None
    for file in (*pages, *_untouched(corpus)):
        wanted = applying(rules, file)
        if wanted:
            guides = guides or _guides.Guides.of(corpus)
            yield from _judge(guides, file, wanted)


def _is_there(file: SourceFile) -> bool:
    return file.status != "deleted"


def _takes(corpus: Corpus) -> bool:
    return bool(corpus.gone) or any(file.removed for file in corpus.files)


def _untouched(corpus: Corpus) -> Iterator[SourceFile]:
    """Yield the pages outside the change that name what it takes away."""
    if corpus.scope.whole:
        return
    from rlm_gate.detectors import _guides

    names = _guides.lost_names(corpus)
    if not names:
        return
    judged = {file.path for file in corpus.files}
    others = sorted(path for path in corpus.paths() - judged if language_of(path) in _LANGUAGES)
    for path in others[:_MOST]:
        text = corpus.tree.get(path, "")
        if any(name in text for name in names):
            yield _guides.page_of(path, text)


def _judge(guides: Guides, file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    lines = split_lines(file.text)
    own = guides.corpus.file(file.path) is not None
    for rule in rules:
        wanted = {entry.options["find"] for entry in entries(rule, _ENGINE)}
        for broken in guides.broken(file, wanted):
            if (own or broken.cause) and broken.line <= len(lines) and not _planned(lines, broken):
                yield _finding(rule, file.path, lines, broken)


def _planned(lines: Sequence[str], broken: Broken) -> bool:
    """Say whether the page says, there or in the line above, that it is still to come."""
    said = lines[max(broken.line - 2, 0) : broken.line]
    return not broken.cause and any(_TO_COME.search(line) for line in said)


def _finding(rule: Rule, path: str, lines: Sequence[str], broken: Broken) -> Finding:
    line = lines[broken.line - 1]
    place = Region(broken.line, 1, broken.line, len(line) + 1)
    made = finding(rule, path, lines, place, _ENGINE)
    flow = (Span(path, broken.line, broken.line), broken.cause) if broken.cause else ()
    return replace(made, explanation=broken.why, flow=flow)
