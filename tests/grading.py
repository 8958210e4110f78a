"""How grave a flow is by the taint engine, or a piece of code by a built-in rule."""

from functools import cache
from typing import Any

from builders import corpus, rule, source

from rlm_gate import detectors, packs
from rlm_gate.core import Detect, Finding, Rule, Severity
from rlm_gate.detectors import taint

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def severities(path: str, code: str, **options: Any) -> list[Severity]:
    seeking = rule(detect=[Detect("taint", options)], severity=HIGH)
    found = taint.detect(corpus(source(path, code)), [seeking])
    return [one.severity for one in found if isinstance(one, Finding)]


def sink(language: str, kind: str, *calls: str, **more: Any) -> dict[str, Any]:
    told = [{"call": call, "args": [0]} for call in calls]
    return {"language": language, "sink": kind, "calls": told, **more}


@cache
def built_in() -> dict[str, Rule]:
    return {one.id: one for pack in packs.load_files(None, None) for one in pack.pack.rules}


def weights(rule_id: str, path: str, code: str) -> list[Severity]:
    """Return what the detectors of a built-in rule find in the code, each by its weight."""
    judging, file = built_in()[rule_id], source(path, code)
    return [
        one.severity
        for name in sorted({entry.engine for entry in judging.detect})
        for one in detectors.load(name).detect(corpus(file), [judging])
        if isinstance(one, Finding)
    ]


def heaviest(rule_id: str, path: str, code: str) -> Severity | None:
    return max(weights(rule_id, path, code), default=None)
