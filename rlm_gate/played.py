"""Let the playbook judge a whole scope once: of the same files and findings it says the same.

What it came to is kept, signed, in the user's cache under all that its cells are shown, so that
an unchanged run starts no sandbox. What did not come to its end, or below the strict level of the
sandbox, is not kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rlm_gate import rlm
from rlm_gate.cachedir import entry_key, stamps
from rlm_gate.config import Settings
from rlm_gate.core import Finding
from rlm_gate.detectors import secrets
from rlm_gate.recall import findings_of, stored
from rlm_gate.rlm import audit
from rlm_gate.rlm.job import Job
from rlm_gate.rlm.layers import STRICT

_KIND: Final = "playbook"
_MOST_BYTES: Final = 8 << 20
"""All entries together; the oldest go first."""


def judge(job: Job, outcome: audit.Outcome, settings: Settings) -> None:
    """Add to the outcome what the playbook says, or said of exactly this before."""
    key = "" if settings.no_cache else _key(job, settings)
    said = settings.cache.read(_KIND, key) if key else None
    if said is not None:
        _again(json.loads(said), job, outcome)
        return
    before = len(outcome.findings)
    finished = audit.with_playbook(job, outcome)
    if not key or not finished or outcome.audit.sandbox != STRICT:
        return
    made = [[one.span.path, *stored(one)] for one in outcome.findings[before:]]
    if [*_findings(made)] != outcome.findings[before:]:
        return
    kept = json.dumps([finished, outcome.audit.playbook, outcome.audit.refused, made])
    if not secrets.find(kept):
        settings.cache.write(_KIND, key, kept.encode())
        settings.cache.trim(_KIND, _MOST_BYTES)


def _again(said: Sequence[Any], job: Job, outcome: audit.Outcome) -> None:
    finished, examined, refused, made = said
    job.ledger.loop(finished, "")
    outcome.findings.extend(_findings(made))
    outcome.audit = replace(
        outcome.audit, playbook=tuple(examined), sandbox=STRICT, refused=refused
    )


def _key(job: Job, settings: Settings) -> str:
    """Return the key of all that the cells are shown, and of the code that shows and runs them."""
    folder = Path(rlm.__file__).parent
    code = [stamps(folder / part) for part in ("", "sandbox", "playbooks", "prompts")]
    files = [[one.path, one.status, one.language, one.sha256] for one in job.corpus.files]
    found = [[one.span.path, *stored(one)] for one in job.candidates]
    shown = json.dumps([code, files, found, job.limits.never_send])
    return entry_key(_KIND, shown, repr(audit.played(job)), repr(settings.overrides))


def _findings(made: Sequence[Sequence[Any]]) -> Iterator[Finding]:
    for path, *one in made:
        yield from findings_of(path, [one])
