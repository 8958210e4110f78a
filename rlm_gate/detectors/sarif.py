"""Take in what other scanners found, from SARIF 2.1.0 files. Runs none of them.

``file`` is the path, relative to the repository; ``tool`` and ``rules`` narrow it to a tool and its
rule ids. A result counts only where its lines stand in the judged text: one that does not fit is a
Skip, for the scan is then of other code. ``imported`` makes rules of a file without any of ours.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlm_gate.core import (
    Confidence,
    Corpus,
    Detect,
    Finding,
    Help,
    Origin,
    Rule,
    RulePack,
    Severity,
    Skip,
    SourceFile,
    Span,
    display_path,
)
from rlm_gate.detectors import Complaint, _sarif, applies, entries, listed, unknown_keys
from rlm_gate.errors import EngineError, UsageError

_ENGINE = "sarif"
_MASKED = re.compile(r"REDACTED|\*{3}")
_NOWHERE = r"(?!)"  # include nothing: () would include all
_SLUG = re.compile(r"[^a-z0-9]+")
_PRECISION = {
    "very-high": Confidence.HIGH,
    "high": Confidence.HIGH,
    "low": Confidence.LOW,
}


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``file``, ``tool`` and ``rules``; whether the file exists is known at the run."""
    del languages
    yield from unknown_keys(options, ("file", "tool", "rules"))
    if not isinstance(options.get("file"), str) or not options["file"]:
        yield ("file",) if "file" in options else (), "file: write the path of a SARIF file"
    if not isinstance(options.get("tool", ""), str):
        yield ("tool",), "tool: write the name of the tool as in its SARIF"
    if "rules" in options and not listed(options["rules"]):
        yield ("rules",), "rules: list the tool's rule ids"


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return None: a scanner may judge any text."""
    del options
    return None


def version() -> str:
    """Of this module; the files' content is no part of it."""
    return "2"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Yield the results of each file that a rule names, and what could not be taken over."""
    wanted: dict[str, list[tuple[Rule, Detect]]] = defaultdict(list)
    for rule in rules:
        for entry in entries(rule, _ENGINE):
            wanted[entry.options["file"]].append((rule, entry))
    files = {file.path: file for file in corpus.files if file.status != "deleted"}
    for name, takers in sorted(wanted.items()):
        concerned = tuple(sorted({rule.id for rule, _ in takers}))
        try:
            runs = _sarif.read(Path(corpus.root or ".", name))
        except EngineError as error:
            yield Skip(display_path(name), f"sarif: {error}", blocking=True, rule_ids=concerned)
            continue
        for run in runs:
            yield from _run(run, takers, files, corpus.root)


def imported(names: Sequence[str], root: str | None = None) -> tuple[RulePack, ...]:
    """Return a pack for each tool of the files: a rule of ours for each of its rules with results.

    Its severity is the worst of the rule's results; it applies to the files they are in. Raises
    UsageError for a file that is no SARIF.
    """
    packs: dict[str, dict[str, _Gathered]] = defaultdict(dict)
    digests: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        path = Path(name).absolute()
        try:
            runs = _sarif.read(path)
        except EngineError as error:
            raise UsageError(f"--import-sarif: {error}") from error
        for run in runs:
            pack = f"sarif-{_slug(run.tool)}"
            digests[pack].append(hashlib.sha256(path.read_bytes()).hexdigest())
            _gather(run, str(path), root, packs[pack])
    return tuple(
        RulePack(pack, hashlib.sha256("".join(digests[pack]).encode()).hexdigest(), rules)
        for pack, gathered in sorted(packs.items())
        if (rules := tuple(_rules(pack, gathered)))
    )


@dataclass(slots=True)
class _Gathered:
    """What the files say of one rule of a tool."""

    tool: str
    kind: _sarif.Kind
    severity: Severity = Severity.INFO
    files: dict[str, None] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)


def _gather(run: _sarif.Run, file: str, root: str | None, gathered: dict[str, _Gathered]) -> None:
    for result in run.results:
        kind = run.kinds.get(result.rule, _sarif.Kind(result.rule))
        one = gathered.setdefault(result.rule, _Gathered(run.tool, kind))
        one.severity = max(one.severity, result.severity)
        one.files[file] = None
        path = _sarif.local_path(result.place, run.bases, root) if result.place else None
        if path:
            one.paths.add(path)


def _rules(pack: str, gathered: Mapping[str, _Gathered]) -> Iterator[Rule]:
    """Make the rules; ids of the tool that differ in punctuation alone are numbered."""
    slugs: Counter[str] = Counter()
    for rule_id, one in sorted(gathered.items()):
        slug = _slug(rule_id)
        slugs[slug] += 1
        number = f"--{slugs[slug]}" if slugs[slug] > 1 else ""
        title = one.kind.title or rule_id
        yield Rule(
            id=f"{pack}/{slug}{number}",
            title=title[:70],
            severity=one.severity,
            precision=_PRECISION.get(one.kind.precision, Confidence.MEDIUM),
            languages=("any",),
            message=f"{one.tool} {rule_id}: {title}"[:200],
            help=Help(
                why=one.kind.help or title,
                fix=f"See the documentation of {one.tool} for {rule_id}.",
                links=(one.kind.link,) if one.kind.link else (),
            ),
            tags=one.kind.tags,
            include=tuple(re.escape(path) + r"\Z" for path in sorted(one.paths)) or (_NOWHERE,),
            detect=tuple(
                Detect(_ENGINE, {"file": file, "tool": one.tool, "rules": [rule_id]})
                for file in one.files
            ),
            verify="refute",
        )


def _slug(text: str) -> str:
    return _SLUG.sub("-", text.lower()).strip("-")[:80].strip("-") or "unnamed"


def _run(
    run: _sarif.Run,
    takers: Sequence[tuple[Rule, Detect]],
    files: Mapping[str, SourceFile],
    root: str | None,
) -> Iterator[Finding | Skip]:
    mine = [one for one in takers if one[1].options.get("tool", run.tool) == run.tool]
    rule_ids = tuple(sorted({rule.id for rule, _ in mine}))
    if run.trouble and mine:
        yield Skip(f"sarif: {run.tool}", run.trouble, blocking=True, rule_ids=rule_ids)
    passed: Counter[str] = Counter()
    for result in run.results:
        for rule, entry in mine:
            if result.rule in listed(entry.options.get("rules", result.rule)):
                taken = _take(result, rule, run, files, root)
                if isinstance(taken, str):
                    passed[taken] += 1
                else:
                    yield taken
    for why, count in sorted(passed.items()):
        yield Skip(f"sarif: {run.tool}", f"{count} results {why}")


def _take(
    result: _sarif.Result,
    rule: Rule,
    run: _sarif.Run,
    files: Mapping[str, SourceFile],
    root: str | None,
) -> Finding | Skip | str:
    """Ground one result: a Finding, a Skip where it is stale, or why it is none of ours."""
    if result.suppressed:
        return "are suppressed in the tool"
    path = _sarif.local_path(result.place, run.bases, root) if result.place else None
    file = files.get(path) if path else None
    if result.place is None or file is None:
        return "are about no file that is judged here"
    if applies(rule, file):
        return "are about files that the rule leaves out"
    lines = file.lines
    quote = _quote(result.place, lines)
    if quote is None and result.commit:
        return "are about other commits"
    if quote is None:
        what = f"{display_path(file.path)}:{result.place.start}"
        why = f"{run.tool} {result.rule} is about other text than stands here; scan again"
        return Skip(what, f"sarif: {why}", path=file.path, rule_ids=(rule.id,))
    start = max(1, result.place.start)
    return Finding(
        rule_id=rule.id,
        severity=rule.severity,
        confidence=rule.precision,
        message=rule.message,
        span=Span(file.path, start, start + len(quote) - 1),
        quote="\n".join(quote),
        origin=Origin.IMPORTED,
        engine=_slug(run.tool),
        explanation=result.message,
        flow=tuple(_flow(result, run, files, root)),
    )


def _quote(place: _sarif.Place, lines: Sequence[str]) -> Sequence[str] | None:
    """Return the lines of the place, None where they do not exist or the tool saw other ones."""
    start = max(1, place.start)
    found = lines[start - 1 : max(start, place.end)]
    if not found or place.end > len(lines):
        return None
    seen, here = _packed(place.snippet), _packed("\n".join(found))
    fits = seen in here or here in seen or _MASKED.search(place.snippet)
    return found if fits or _fits_around(place, lines) else None


def _fits_around(place: _sarif.Place, lines: Sequence[str]) -> bool:
    """Say whether the text around is still there: bandit quotes the wrong line of long calls."""
    first, text = place.around
    count = len(text.splitlines())
    return bool(text and first) and _packed(text) == _packed(
        "\n".join(lines[first - 1 : first - 1 + count])
    )


def _packed(text: str) -> str:
    return "".join(text.split())


def _flow(
    result: _sarif.Result, run: _sarif.Run, files: Mapping[str, SourceFile], root: str | None
) -> Iterator[Span]:
    for place in result.flow:
        path = _sarif.local_path(place, run.bases, root)
        file = files.get(path) if path else None
        if file and 0 < place.start <= file.line_count:
            yield Span(file.path, place.start, min(place.end, file.line_count))
