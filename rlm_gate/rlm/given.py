"""What an audit is about, and what of it the root is given in its REPL (design §7.2).

Everything is masked, and what must never be sent is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rlm_gate.core import Corpus, Finding, Origin, Rule, SourceFile
from rlm_gate.errors import GitError
from rlm_gate.rlm import mapping, planner
from rlm_gate.rlm.entries import entry_points
from rlm_gate.rlm.job import Job
from rlm_gate.rlm.looks import Looks
from rlm_gate.rlm.masking import mask, masked_quote, masked_removed
from rlm_gate.rlm.withheld import hidden


def variables(
    job: Job,
    asked: tuple[Rule, ...],
    found: Sequence[Finding],
    outside: Sequence[mapping.Outside],
) -> dict[str, Any]:
    """Return the variables of the root's REPL. ``asked`` are the rules it answers for."""
    unsent = hidden(job.corpus, job.limits.never_send)
    files = [file for file in job.corpus.files if file.path not in unsent]
    return {
        "changed": [[span.path, span.start, span.end] for file in files for span in file.in_scope],
        "removed": [
            [file.path, block.after_line, block.text]
            for file in files
            for block in masked_removed(file.removed)
        ],
        "diff": "" if job.corpus.scope.whole else "\n\n".join(text for _, text in _parts(files)),
        "commits": _commits(job.corpus),
        "candidates": _candidates(job, found, unsent),
        "entries": _entries(job, files) if asked else [],  # the playbook looks at none
        "outside": [[one.path, one.line, one.what] for one in dict.fromkeys(outside)],
        "rules": _told(asked),
        "sharp": _told(sharp(job)) if asked else [],
    }


def candidates(job: Job, found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return what was found on judged lines so far, by detectors and the readers of blocks."""
    return _candidates(job, found, hidden(job.corpus, job.limits.never_send))


def _candidates(job: Job, found: Sequence[Finding], unsent: frozenset[str]) -> list[dict[str, Any]]:
    return [
        {
            "rule": one.rule_id,
            "severity": one.severity.label,
            "path": one.span.path,
            "line": one.span.start,
            "quote": masked_quote(job.corpus, one),
            "message": one.explanation or one.message,
            "by": "reviewer" if one.origin is Origin.MODEL else "detector",
        }
        for one in (*job.candidates, *found)
        if one.span.path not in unsent and _is_judged(job.corpus, one)
    ]


def sharp(job: Job) -> tuple[Rule, ...]:
    """Return the map's rules that the root may report under: those of the judged languages.

    A prefilter looks at one file; what the root follows may begin in another.
    """
    return tuple(
        rule
        for rule in job.rules
        if rule.ask
        and rule.ask.over == "chunk"
        and any(job.applies(rule, file) in {"", "prefilter"} for file in job.corpus.files)
    )


def to_meet(job: Job, asked: Sequence[Rule], texts: Mapping[str, str]) -> Looks:
    """Return what the root has to meet: the judged files that one of its rules applies to."""
    unsent = hidden(job.corpus, job.limits.never_send)
    files = [
        file
        for file in job.corpus.files
        if file.path not in unsent and any(not job.applies(rule, file) for rule in asked)
    ]
    parts = () if job.corpus.scope.whole else _parts(files)
    return Looks((file.path for file in files), tuple(texts), parts)


def _entries(job: Job, files: Iterable[SourceFile]) -> list[list[Any]]:
    """Return the ways into what a whole audit judges; a change starts from its own lines."""
    if not job.corpus.scope.whole:
        return []
    texts = ((file.path, mask(file.text)) for file in files)
    return [[span.path, span.start, text] for span, text in entry_points(texts)]


def _told(rules: Iterable[Rule]) -> list[dict[str, str]]:
    return [
        {"id": rule.id, "title": rule.title, "question": rule.ask.question}
        for rule in rules
        if rule.ask
    ]


def _is_judged(corpus: Corpus, one: Finding) -> bool:
    """Say whether the finding touches a judged line: detectors read whole files."""
    file = corpus.file(one.span.path)
    return file is None or any(part.overlaps(one.span) for part in file.in_scope)


def _parts(files: Iterable[SourceFile]) -> Iterator[tuple[str, str]]:
    """Yield the parts of the REPL's ``diff``: path, and heading with rows."""
    for file in files:
        for call in planner.hunks(file):
            yield file.path, f"=== {file.path} ({file.status})\n{mapping.rendered(call)}"


def _commits(corpus: Corpus) -> list[dict[str, str]]:
    """Return what the authors said of the change; unreadable history is no reason to stop."""
    scope = corpus.scope
    if corpus.repo is None or scope.kind != "diff" or not scope.head:
        return []
    from rlm_gate import history

    with suppress(GitError):
        return [
            {"subject": mask(one.subject), "body": mask(one.body)}
            for one in history.commits(corpus.repo, scope.base, scope.head)
        ]
    return []
