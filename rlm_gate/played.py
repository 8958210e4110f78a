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
from rlm_gate.core import Audit, Finding
from rlm_gate.detectors import secrets
from rlm_gate.recall import findings_of, stored
from rlm_gate.rlm import audit
from rlm_gate.rlm.job import Job
from rlm_gate.rlm.layers import STRICT

_KIND: Final = "playbook"
_MOST_BYTES: Final = 8 << 20
"""All entries together; the oldest go first."""


def judge(job: Job, described: Audit, settings: Settings) -> audit.Outcome:
    """Return what the playbook says, or said of exactly this before. ``described``: the run."""
    key = "" if settings.no_cache else _key(job, settings)
    said = settings.cache.read(_KIND, key) if key else None
    if said is not None:
        return _again(json.loads(said), job, described)
    outcome = audit.Outcome(described)
    finished = audit.with_playbook(job, outcome)
    if key and finished and outcome.audit.sandbox == STRICT:
        _keep(finished, outcome, settings, key)
    return outcome


def _keep(finished: Sequence[str], outcome: audit.Outcome, settings: Settings, key: str) -> None:
    made = [[one.span.path, *stored(one)] for one in outcome.findings]
    kept = json.dumps([finished, outcome.audit.playbook, outcome.audit.refused, made])
    if [*_findings(made)] == outcome.findings and not secrets.find(kept):
        settings.cache.write(_KIND, key, kept.encode())
        settings.cache.trim(_KIND, _MOST_BYTES)


def _again(said: Sequence[Any], job: Job, described: Audit) -> audit.Outcome:
    finished, examined, refused, made = said
    job.ledger.loop(finished, "")
    told = replace(described, playbook=tuple(examined), sandbox=STRICT, refused=refused)
    return audit.Outcome(told, [*_findings(made)])


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
