"""Flag a change that users notice, in a project that keeps a changelog, without a line in it.

Noticed are options of a command line, exported names and deprecations that a change adds or takes
away, as the added and removed lines spell them. Whether a behaviour changed is for a model to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile
from rlm_gate.detectors import Complaint, Region, asked_of, entries, finding, unknown_keys

if TYPE_CHECKING:
    from rlm_gate.detectors._changelog import Noticed

READS_TREE = True

_ENGINE = "changelog"
_LANGUAGES = frozenset({"python", "javascript", "typescript", "tsx", "go", "rust"})


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Refuse every option: there is none."""
    yield from unknown_keys(options, ())
    if not _LANGUAGES & {*languages}:
        yield (), f"changelog reads {', '.join(sorted(_LANGUAGES))}; add one to the languages"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the languages whose exports and options are known."""
    del options
    return _LANGUAGES


def version() -> str:
    """Return this module's own."""
    return "1"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Judge a change as a whole; a commit on its way is none yet, its line may come in the next."""
    if corpus.scope.kind == "staged":
        return
    for rule in rules:
        if entries(rule, _ENGINE):
            files = [one for one, _ in asked_of(corpus, [rule]) if _is_changed(one)]
            if files:
                yield from _judge(corpus, files, rule)


def _is_changed(file: SourceFile) -> bool:
    return file.status not in {"whole", "deleted"} and file.language in _LANGUAGES


def _judge(corpus: Corpus, files: Sequence[SourceFile], rule: Rule) -> Iterator[Finding]:
    from rlm_gate.detectors import _changelog

    noticed = _changelog.noticed(files)
    if not noticed:
        return
    kept = _changelog.Kept.of(corpus)
    first: dict[str, list[Noticed]] = {}
    for one in noticed:
        where = kept.silent_for(one.file.path)
        if where:
            first.setdefault(where, []).append(one)
    for where, ones in sorted(first.items()):
        yield _finding(rule, where, ones)


def _finding(rule: Rule, where: str, ones: Sequence[Noticed]) -> Finding:
    one, lines = ones[0], ones[0].file.lines
    place = Region(one.start, 1, one.end, len(lines[one.end - 1]) + 1)
    made = finding(rule, one.file.path, lines, place, _ENGINE)
    more = f" (and {len(ones) - 1:,} more)" if ones[1:] else ""
    return replace(made, explanation=f"{one.what}{more}, and {where} has no line about it")
