"""What earlier runs found in files: the same bytes, rules and engines are not judged again.

One signed entry in the user's cache for each repository and rule set. For whole scopes alone: a
hook judges its few files sooner than the entry is read. What was not judged whole has no row.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, Final

from rlm_gate import detectors, rlm
from rlm_gate.cachedir import entry_key, stamps
from rlm_gate.config import Settings
from rlm_gate.core import (
    Confidence,
    Corpus,
    Finding,
    Fix,
    Origin,
    Rule,
    RulePack,
    Severity,
    Skip,
    SourceFile,
    Span,
    display_path,
    split_lines,
)
from rlm_gate.detectors import secrets
from rlm_gate.errors import GateError
from rlm_gate.symbols import Symbol
from rlm_gate.syntax import outline

Detecting = Callable[[Corpus], Iterator[Finding | Skip]]

_KIND: Final = "findings"
_MOST_BYTES: Final = 256 << 20
"""All entries together; the oldest go first."""
_APART: Final = frozenset(
    {"guides", "routes", "sarif", "zizmor"}
)  # they look at more than one file
_SECRETS: Final = "secrets"
_ANSWERS: Final = {True: "1", False: "0", None: "-"}
_Row = list[Any]
"""[sha256, language, answers of the prefilters, {engine: [finding, ...]}, symbols or None,
whether it was searched for secrets and has none, sizes of its blocks or None]"""


def opened(
    settings: Settings, corpus: Corpus, packs: Sequence[RulePack], rules: Sequence[Rule]
) -> Recall | None:
    """Return what is remembered of the corpus, None where nothing may be.

    ``rules`` are all that were chosen, those only a model could answer among them.
    """
    if settings.no_cache or not corpus.scope.whole or not corpus.files:
        return None
    try:
        versions = [f"{name} {detectors.load(name).version()}" for name in _engines(rules)]
    except GateError:  # an engine that is not there has its say elsewhere
        return None
    folder = corpus.root or settings.scope.repo
    root = os.fsencode(os.path.abspath(folder))  # noqa: PTH100  # Path.absolute keeps ".."
    packed = [f"{pack.name} {pack.version}" for pack in packs]
    ids = [rule.id for rule in rules]
    planner = stamps(Path(rlm.__file__).parent)  # the code that cuts a file into blocks
    key = entry_key(_KIND, root, json.dumps([5, sorted(packed), sorted(ids), versions, planner]))
    return Recall(settings, corpus, key, rules)


def _engines(rules: Sequence[Rule]) -> list[str]:
    used = {entry.engine for rule in rules for entry in rule.detect}
    return sorted({*used, "injection"} - _APART)


class Recall:
    """The rows of one corpus: those that fit are given back, the others are gathered anew."""

    def __init__(self, settings: Settings, corpus: Corpus, key: str, rules: Sequence[Rule]) -> None:
        self._cache = settings.cache
        self._key = key
        self._corpus = corpus
        self._prefilters = sorted({rule.prefilter for rule in rules if rule.prefilter})
        stored = self._cache.read(_KIND, key)
        self._stored: Mapping[str, _Row] = json.loads(stored) if stored else {}
        self._known = {
            file.path: self._stored[file.path] for file in corpus.files if self._fits(file)
        }
        fresh = tuple(file for file in corpus.files if file.path not in self._known)
        self.rest = replace(corpus, files=fresh)
        self._found: dict[str, dict[str, list[Finding]]] = defaultdict(dict)
        self._unsure: set[str] = set()
        self._outlines: dict[str, tuple[Symbol, ...]] = {}
        self._blocks: dict[str, list[int]] = {}
        self._told: dict[str, dict[tuple[str, ...], bool]] = {}
        self._broken = False
        self._answer_all()

    def judged(self, engine: str, detect: Detecting) -> Iterator[Finding | Skip]:
        """Return what the engine finds, in the order of the files; ``detect`` sees only the rest.

        It is called at once.
        """
        if engine in _APART:
            return detect(self._corpus)
        return self._joined(engine, detect(self.rest) if self.rest.files else iter(()))

    def _joined(self, engine: str, fresh: Iterator[Finding | Skip]) -> Iterator[Finding | Skip]:
        waiting = deque(
            (path, row[3][engine]) for path, row in self._known.items() if engine in row[3]
        )
        for item in fresh:
            path = item.span.path if isinstance(item, Finding) else item.path
            while path is not None and waiting and waiting[0][0] < path:
                yield from findings_of(*waiting.popleft())
            self._note(engine, item)
            yield item
        for path, found in waiting:
            yield from findings_of(path, found)

    def outline(self, file: SourceFile) -> tuple[Symbol, ...]:
        """Return the file's symbols: the remembered ones spare it from being parsed."""
        if file.path not in self._outlines:
            row = self._known.get(file.path)
            kept = row[4] if row else None
            self._outlines[file.path] = (
                outline(file.text, file.language)
                if kept is None
                else tuple(Symbol(*one) for one in kept)
            )
        return self._outlines[file.path]

    def blocks(self, file: SourceFile) -> Sequence[int]:
        """Return the sizes of what a model would be shown of the file."""
        row = self._known.get(file.path)
        if row and row[6] is not None:
            sizes: list[int] = row[6]
            return sizes
        from rlm_gate.rlm.estimate import blocks

        measured = self._blocks[file.path] = blocks(file)
        if row:
            self._known[file.path] = [*row[:6], measured]
        return measured

    def keep(self, outlines: Mapping[str, tuple[Symbol, ...]]) -> None:
        """Store the rows of what was judged whole, unless an engine broke.

        ``outlines`` has the symbols of the files for which they are known, by path.
        """
        self._outlines.update(outlines)
        fresh: dict[str, _Row] = {}
        for file in self.rest.files:
            row = None if file.path in self._unsure else self._row(file)
            if row:
                fresh[file.path] = row
        rows = {**self._known, **_without_secrets(fresh)}  # the known ones passed before
        if not self._broken and rows != self._stored:
            self._cache.write(_KIND, self._key, json.dumps(rows, separators=(",", ":")).encode())
            self._cache.trim(_KIND, _MOST_BYTES)

    def _fits(self, file: SourceFile) -> bool:
        row = self._stored.get(file.path)
        same = row is not None and [file.sha256, file.language] == row[:2]
        return same and file.status == "whole"

    def _answer_all(self) -> None:
        """Tell what was found out of the files before: prefilters, and texts without secrets."""
        for file in self._corpus.files:
            row = self._known.get(file.path)
            if row:
                self._answer(file, row[2])
                if row[5]:
                    secrets.is_clean(file.text)
                    secrets.is_clean(_shown(file))

    def _answer(self, file: SourceFile, answers: str) -> None:
        if answers not in self._told:  # files alike have the same
            said = zip(self._prefilters, answers, strict=True)
            self._told[answers] = {
                one: answer == _ANSWERS[True] for one, answer in said if answer != _ANSWERS[None]
            }
        detectors.prefilters(file).update(self._told[answers])

    def _note(self, engine: str, item: Finding | Skip) -> None:
        if isinstance(item, Finding):
            self._found[item.span.path].setdefault(engine, []).append(item)
            return
        concerned = item.path or self._named(item.what)
        self._broken |= concerned is None
        self._unsure.update([concerned] if concerned else [])

    def _named(self, what: str) -> str | None:
        """Return the path of a file that a skip names with or without a line, None for no file."""
        shown = {display_path(file.path): file.path for file in self.rest.files}
        return shown.get(what) or shown.get(what.rpartition(":")[0])

    def _row(self, file: SourceFile) -> _Row | None:
        known = detectors.prefilters(file)
        answers = "".join(_ANSWERS[known.get(one)] for one in self._prefilters)
        found = self._found.get(file.path, {})
        if _SECRETS in found:  # their quotes are masked in reports, and would not be here
            return None
        rows = {engine: [stored(one) for one in items] for engine, items in found.items()}
        same = all([*findings_of(file.path, rows[engine])] == found[engine] for engine in found)
        whole = same and file.status == "whole"
        symbols = [[*astuple(one)] for one in self.outline(file)] if found and whole else None
        blocks = self._blocks.get(file.path)
        clean = bool(found) and not any(map(secrets.secrets_of, (file.text, _shown(file))))
        return (
            [file.sha256, file.language, answers, rows, symbols, clean, blocks] if whole else None
        )


def _shown(file: SourceFile) -> str:
    """Return the text as fingerprints see it."""
    return "\n".join(split_lines(file.text))


def _without_secrets(rows: Mapping[str, _Row]) -> dict[str, _Row]:
    """Return the rows whose text is no secret: a file named by one is judged every time."""
    if not secrets.find("\n".join([*rows, json.dumps(list(rows.values()))])):
        return dict(rows)
    return {
        path: row for path, row in rows.items() if not secrets.find(f"{path}\n{json.dumps(row)}")
    }


def stored(found: Finding) -> list[Any]:
    """Return the finding as JSON has it, without its path."""
    fix = found.fix
    return [
        found.rule_id,
        found.severity.value,
        found.confidence.value,
        found.message,
        [found.span.start, found.span.end],
        found.quote,
        found.origin.value,
        found.engine,
        found.columns,
        [[one.path, one.start, one.end] for one in found.flow],
        fix and [fix.span.path, fix.span.start, fix.span.end, fix.text, fix.safe, fix.what],
        found.explanation,
    ]


def findings_of(path: str, rows: Iterable[Sequence[Any]]) -> Iterator[Finding]:
    """Yield the findings in the file of that path that ``stored`` made the rows of."""
    for rule_id, severity, confidence, message, lines, quote, origin, *rest in rows:
        engine, columns, flow, fix, explanation = rest
        yield Finding(
            rule_id=rule_id,
            severity=Severity(severity),
            confidence=Confidence(confidence),
            message=message,
            explanation=explanation,
            span=Span(path, *lines),
            quote=quote,
            origin=Origin(origin),
            engine=engine,
            columns=columns and (columns[0], columns[1]),
            flow=tuple(Span(*one) for one in flow),
            fix=fix and Fix(Span(*fix[:3]), *fix[3:]),
        )
