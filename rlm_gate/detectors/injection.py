"""Find text that speaks to the reviewer, and characters that hide or reorder what people read.

Sees text only: comments, strings, documents and names alike, for a model reads them all. What it
finds is data for the gate's own rules; packs may use it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rlm_gate import kept
from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile
from rlm_gate.detectors import (
    Complaint,
    Region,
    Text,
    asked_of,
    choice_complaints,
    entries,
    finding,
    line_complaints,
)
from rlm_gate.detectors import _disguise as disguise
from rlm_gate.detectors import _speech as speech

SPEECH, HINT, HIDDEN, MARKS = "speech", "hint", "hidden", "marks"
"""Plain orders to a reviewer; what may be meant for people, or is quoted; characters that reorder
code or carry text; those that translations and pages may need."""
_ENGINE = "injection"
_SORTS = (SPEECH, HINT, HIDDEN, MARKS)
_LESS = {SPEECH: HINT, HIDDEN: MARKS}
_MOST = 20
"""Most finds of a sort in one file that are reported; all their lines are known all the same."""

# Trojan Source (CVE-2021-42574): what reorders text. In prose the embeddings and isolates are what
# right-to-left languages need. An override turns words around, but one to the left before no Latin
# letter or digit turns nothing: translations place a mark of punctuation so.
_REORDERS = kept.expression("[\u202a-\u202e\u2066-\u2069]")
# Words of a right-to-left language alone, embedded and ended: as they are shown, so they are read.
_EMBEDDED = kept.expression(
    "[\u202b\u2067][\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc \u200c-\u200f]{1,80}[\u202c\u2069]"
)
_OVERRIDES = kept.expression(
    "\u202d(?![-+\\d() ]+(?:[^\\w]|\\Z))"
    "|\u202e(?=[^\n]*[^\\W\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc])"
)
# What carries data unseen: tags that are no flag's, long runs of invisible characters or selectors.
_CARRIES = kept.expression(
    "(?<![\U0001f3f4\U000e0020-\U000e007f])(?<![\U0001f3f4\U000e0020-\U000e007f]\u200d)"
    "[\U000e0020-\U000e007f]+"
    "|[\u200b-\u200d\u2060-\u2064\u180e\ufeff]{6,}|(?!([\ufe00-\ufe0f])\\1{3,}(?![\ufe00-\ufe0f]))"
    "[\ufe00-\ufe0f]{4,}|[\U000e0100-\U000e01ef]{3,}"
)
# Data that tests read: such a character is what they test, and no program or prose turns round.
_TEST_DATA = kept.expression(
    r"(?:^|/)(?:tests?|__tests__|testdata|fixtures)/.*\.(?:json|xml|csv)\Z", re.DOTALL
)
# What quotes such texts: tests, translations, and the pages that tell coding agents how to work.
_QUOTES = kept.expression(
    r"(?:^|/)(?:tests?|__tests__|testing|testdata|test-data|fixtures?|specs?|e2e|cypress|__snapshots__"
    r"|locales?|i18n|l10n|lang|langs|languages|translations?|_locales|\.cursor|\.claude|\.gemini|\.kiro|prompts?)/"
    r"|(?:^|/)(?:test_[^/]*|conftest)\.py\Z|[._-](?:test|tests|spec)\.\w+\Z|\.(?:po|pot|xlf|xliff|arb|resx"
    r"|prompt|cursorrules)\Z"
    r"|(?:^|/)(?:agents|claude|gemini|skill|copilot-instructions)\.md\Z"
    r"|(?:^|/)\.github/(?:workflows|agents|chatmodes|instructions|aw)/[^/]*\.md\Z",
    re.IGNORECASE,
)
# A range of them, as in a class of characters: it removes what others write.
_LISTED = kept.expression("[\u200b-\u206f\ufeff]-[\u200b-\u206f\ufeff]")
_FILLERS = kept.expression("[\u115f\u1160\u3164\uffa0]")
_UNSEEN = kept.expression(
    "[\u115f\u1160\u180e\u200b-\u200d\u202a-\u202e\u2060-\u2069\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0020-\U000e007e\U000e0100-\U000e01ef]"
)
_PROSE = frozenset(
    ("text", "markdown", "restructuredtext", "html", "json", "yaml", "xml", "ini", "svelte", "vue")
)


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``find``: speech or hint (it addresses the reviewer), hidden or marks (unseen ones)."""
    del languages  # any text can speak
    said = {key: value for key, value in options.items() if key != "severity"}
    yield from choice_complaints(said, "find", _SORTS)
    yield from line_complaints({key: options[key] for key in options.keys() - said.keys()})


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return None: any text."""
    del options
    return None


def version() -> str:
    """Return this module's own: the phrases are part of it."""
    return "13"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Yield what each file and its name say, once for each rule that asks for that sort."""
    for file, wanted in asked_of(corpus, rules):
        yield from _judge(file, wanted)


def find(text: str, language: str = "text", path: str = "") -> tuple[tuple[str, Region], ...]:
    """Return (sort, region) for all that a text says, in order; its lines end as in git."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    found = [*_speech(plain)]
    if not text.isascii():
        found += _hidden(plain, language, path)
    if _QUOTES.search(path):
        found = [(_LESS.get(sort, sort), region) for sort, region in found]
    return tuple(sorted(set(found), key=_order))


def lines(text: str, language: str = "text", path: str = "") -> frozenset[int]:
    """Return the numbers of the lines that speak or hide something."""
    return frozenset(
        number
        for _, region in find(text, language, path)
        for number in range(region.start, region.end + 1)
    )


def _order(one: tuple[str, Region]) -> tuple[int, int, str, int, int]:
    sort, region = one
    return region.start, region.end, sort, region.column, region.end_column


def shouts(text: str) -> bool:
    """Say whether a text that is no code speaks to a reviewer plainly, or hides something."""
    return any(sort in _LESS for sort, _ in find(text))


@lru_cache(maxsize=4096)
def speaks(text: str) -> bool:
    """Say whether a short text (a message, a cell's output) speaks or hides something."""
    return bool(find(text))


@lru_cache(maxsize=4096)
def name_speaks(path: str) -> bool:
    """Say whether a path speaks, its words written in any way, or hides something."""
    said = disguise.name_words(path)
    return any(next(speech.find(view), None) for view in disguise.views(said)) or bool(
        not path.isascii() and (_OVERRIDES.search(path) or _CARRIES.search(path))
    )


def _judge(file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    raw = file.text
    found = [*find(raw, file.language, file.path)] if raw else []
    named = name_speaks(file.path)
    if not (found or named):
        return
    text = _cut(raw)
    if named:
        top = Region(1, 1, 1, len(text.lines[0]) + 1)
        found = [(SPEECH, top), *(one for one in found if one[1].start > 1)]
    for rule in rules:
        told: list[Region] = []
        for entry in sorted(
            entries(rule, _ENGINE), key=lambda one: _SORTS.index(one.options["find"])
        ):
            wanted = (region for sort, region in found if sort == entry.options["find"])
            regions = _apart(wanted, told)
            told += regions
            for region in regions[:_MOST]:
                yield finding(rule, file.path, text.lines, region, _ENGINE, entry.options)


def _apart(regions: Iterator[Region], told: Sequence[Region]) -> list[Region]:
    """Return the regions without those that share a line with one before, or one told already."""
    kept: list[Region] = []
    for region in regions:
        after = not kept or region.start > kept[-1].end
        if after and all(region.start > one.end or region.end < one.start for one in told):
            kept.append(region)
    return kept


_cut = lru_cache(maxsize=2)(Text.of)  # only where something was found, which is seldom


def _speech(text: str) -> Iterator[tuple[str, Region]]:
    """Look at every view; only the first has the columns of the text, the others its lines."""
    first = True
    for view in disguise.views(text):
        exact = first and len(view) == len(text)
        first = False
        for start, end, loud in speech.heard(view):
            cut = _cut(text)
            region = cut.region(start, end) if exact else _whole_lines(cut, view, start, end)
            yield SPEECH if loud else HINT, region


def _whole_lines(cut: Text, view: str, start: int, end: int) -> Region:
    first = min(view.count("\n", 0, start), len(cut.lines) - 1)
    last = min(first + view.count("\n", start, max(start, end - 1)), len(cut.lines) - 1)
    line = cut.lines[first]
    if first == last and len(line) > _LONG and (words := _WORD.findall(view[start:end])):
        said = re.search(_BETWEEN.join(words), line, re.IGNORECASE)
        if said:
            return Region(first + 1, said.start() + 1, first + 1, said.end() + 1)
    return Region(first + 1, 1, last + 1, len(cut.lines[last]) + 1)


_LONG = 400  # characters of a line in which nobody finds the words by himself
_WORD = kept.expression(r"[a-z0-9]+")
_BETWEEN = r"(?:[^a-z0-9]|\\u[0-9a-f]{4}|\\[nrt]|&\w{2,6};){1,24}?"


def _shapes(language: str, path: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    if _TEST_DATA.search(path):
        return ((HIDDEN, _CARRIES),)
    if language in _PROSE:
        return (MARKS, _OVERRIDES), (HIDDEN, _CARRIES)
    return (HIDDEN, _REORDERS), (HIDDEN, _CARRIES), (HIDDEN, _FILLERS)


def _hidden(text: str, language: str, path: str) -> Iterator[tuple[str, Region]]:
    if not _UNSEEN.search(text):
        return
    plain = _EMBEDDED.sub(lambda match: " " * len(match[0]), text)
    for sort, shape in _shapes(language, path):
        for match in shape.finditer(plain if shape is _REORDERS else text):
            listed = _LISTED.search(text, max(0, match.start() - 3), match.end() + 3)
            yield MARKS if listed else sort, _cut(text).region(*match.span())
