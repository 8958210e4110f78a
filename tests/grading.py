"""How grave the taint engine says a flow is, of one file and one rule."""

from typing import Any

from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Severity
from rlm_gate.detectors import taint

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def severities(path: str, code: str, **options: Any) -> list[Severity]:
    seeking = rule(detect=[Detect("taint", options)], severity=HIGH)
    found = taint.detect(corpus(source(path, code)), [seeking])
    return [one.severity for one in found if isinstance(one, Finding)]


def sink(language: str, kind: str, *calls: str, **more: Any) -> dict[str, Any]:
    told = [{"call": call, "args": [0]} for call in calls]
    return {"language": language, "sink": kind, "calls": told, **more}
