"""Flag what a change adds without a word, and words about parameters that are gone.

``undocumented`` speaks of changes alone: of a public name that is added whole, in a file or folder
where most others have a comment. ``stale-parameters`` compares a docstring or Javadoc with the
signature below it, ``wrong-defaults`` the default values that a docstring or JSDoc gives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
    from rlm_gate.detectors._api import Symbol

Neighbours = dict[str, "tuple[bool, ...]"]
"""By path, which public names of a file that is not judged have a comment."""

READS_TREE = True
BY_FILE = True

_ENGINE = "api"
_UNDOCUMENTED, _STALE, _WRONG = "undocumented", "stale-parameters", "wrong-defaults"
_LANGUAGES = frozenset({"python", "javascript", "typescript", "tsx", "go", "java"})
_STALE_LANGUAGES = frozenset({"python", "java"})
_WRONG_LANGUAGES = frozenset({"python", "javascript", "typescript", "tsx"})
_SHARE = 0.8  # of the other public names have a comment
_FEW = 4  # of them in the file, else as many again in its folder
_SIBLINGS = 12  # files, as long as they have not shown ENOUGH names
_ENOUGH = 16  # names: more of the folder are not asked
_SILENT = _ENOUGH - math.ceil(_SHARE * _ENOUGH) + 1  # of them without a comment decide


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``find``: undocumented, stale-parameters or wrong-defaults."""
    yield from choice_complaints(options, "find", (_UNDOCUMENTED, _STALE, _WRONG))
    if not _LANGUAGES & {*languages}:
        yield (), f"api reads {', '.join(sorted(_LANGUAGES))}; add one to the rule's languages"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the languages whose comments are known."""
    some = {_STALE: _STALE_LANGUAGES, _WRONG: _WRONG_LANGUAGES}
    return some.get(str(options.get("find")), _LANGUAGES)


def version() -> str:
    """Return this module's own."""
    return "3"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Judge every file that a rule applies to."""
    beside: Neighbours = {}
    for file in corpus.files:
        wanted = [] if file.status == "deleted" else applying(rules, file)
        for rule in wanted:
            for entry in entries(rule, _ENGINE):
                if entry.options["find"] == _STALE:
                    yield from _stale(file, rule)
                elif entry.options["find"] == _WRONG:
                    yield from _wrong(file, rule)
                elif file.status != "whole":
                    yield from _undocumented(corpus, file, rule, beside)


def _stale(file: SourceFile, rule: Rule) -> Iterator[Finding]:
    if file.language not in _STALE_LANGUAGES:
        return
    from rlm_gate.detectors import _api

    lines = split_lines(file.text)
    for one in _api.described(file.text, file.language):
        if one.name in one.known:
            continue
        made = finding(rule, file.path, lines, _line(lines, one.line), _ENGINE)
        known = ", ".join(sorted(one.known - {"self", "cls"})) or "no parameter"
        flow = (made.span, Span(file.path, *one.signature))
        moved = file.touched(*one.signature) and not file.touched(one.line, one.line)
        told = f"{one.name} is described, and the signature has {known}"
        yield replace(made, explanation=told, flow=flow if moved else ())


def _wrong(file: SourceFile, rule: Rule) -> Iterator[Finding]:
    if file.language not in _WRONG_LANGUAGES:
        return
    from rlm_gate.detectors import _defaults

    lines = split_lines(file.text)
    for one in _defaults.differing(file.text, file.language):
        made = finding(rule, file.path, lines, _line(lines, one.line), _ENGINE)
        flow = (made.span, Span(file.path, *one.signature))
        moved = file.touched(*one.signature) and not file.touched(one.line, one.line)
        told = f"{one.name} is said to be {one.said} by default, and the signature has {one.real}"
        yield replace(made, explanation=told, flow=flow if moved else ())


def _undocumented(
    corpus: Corpus, file: SourceFile, rule: Rule, beside: Neighbours
) -> Iterator[Finding]:
    from rlm_gate.detectors import _api

    found = _api.symbols(file.text, file.language)
    added = [one for one in found if _is_added(file, one)]
    bare = [one for one in added if not one.documented]
    others = [one for one in found if one not in added]
    if not bare or not _documents(others, corpus, file, beside):
        return
    lines = split_lines(file.text)
    for one in bare:
        yield finding(rule, file.path, lines, _line(lines, one.start), _ENGINE)


def _is_added(file: SourceFile, one: Symbol) -> bool:
    return any(span.start <= one.start and one.end <= span.end for span in file.changed)


def _documents(
    others: Sequence[Symbol], corpus: Corpus, file: SourceFile, beside: Neighbours
) -> bool:
    """Say whether most of the other public names, here or else beside the file, have a comment."""
    from rlm_gate.detectors import _api

    known = [one.documented for one in others]
    if len(known) < _FEW:
        for path in _beside(corpus, file)[:_SIBLINGS]:
            if _enough(known):
                break
            if path not in beside:
                text = corpus.tree.get(path, "")
                beside[path] = _api.documented_beside(text, file.language)
            known = [*known, *beside[path]][:_ENOUGH]
        if len(known) < 2 * _FEW:
            return False
    return sum(known) >= _SHARE * len(known)


def _enough(known: Sequence[bool]) -> bool:
    """Say whether no further name could change the answer."""
    return len(known) >= _ENOUGH or known.count(False) >= _SILENT


def _beside(corpus: Corpus, file: SourceFile) -> list[str]:
    """Return the paths of the other files of its folder in its language, sorted."""
    return [path for path in corpus.beside(file.path) if language_of(path) == file.language]


def _line(lines: Sequence[str], line: int) -> Region:
    return Region(line, 1, line, len(lines[line - 1]) + 1)
