"""Remember the last run of a folder, for ``rlm-gate explain``: its JSON report, cached."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rlm_gate import config
from rlm_gate.core import Verdict, hashes

_KIND = "lastrun"


def remember(verdict: Verdict) -> None:
    """Keep the report with the rules that spoke. A cache that can't be written keeps nothing."""
    accepted = (one.finding for one in (*verdict.suppressed, *verdict.baselined))
    spoken = {one.rule_id for one in (*verdict.findings, *verdict.refuted, *accepted)}
    if spoken:
        from rlm_gate.reports.json import compact

        rules = tuple(rule for rule in verdict.rules if rule.id in spoken)
        config.environment().cache.write(_KIND, _key(), compact(replace(verdict, rules=rules)))


def report() -> bytes | None:
    """Return the report of this folder's last run that found something, None if there is none."""
    return config.environment().cache.read(_KIND, _key())


def journal() -> Path | None:
    """Return the newest journal of a run that was started here."""
    from rlm_gate.errors import GateError
    from rlm_gate.rlm.callers import check_of

    folder = config.environment().cache_dir / "journals"
    for path in sorted(folder.glob("*.jsonl"), reverse=True):
        with suppress(GateError, OSError):
            if check_of(path).get("directory") == str(Path.cwd()):
                return path
    return None


def _key() -> str:
    return hashes.sha256(os.fsencode(Path.cwd())).hexdigest()
