"""The scales and states that findings and verdicts are told in."""

from __future__ import annotations

import enum


class Severity(enum.IntEnum):
    """How bad a true finding of a rule is. The rule decides; no model does."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        """The name users write: ``high``."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Severity:
        """Return the severity of that label. Raises KeyError on any other word."""
        return _SEVERITIES[label]


_SEVERITIES = {severity.label: severity for severity in Severity}


class Confidence(enum.StrEnum):
    """How far a finding is trusted. Set by the host from rule precision and verification."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Origin(enum.StrEnum):
    """Who says so. ``detector`` includes the playbooks: code of ours, no model."""

    DETECTOR = "detector"
    IMPORTED = "imported"
    MODEL = "model"


class Verification(enum.StrEnum):
    """What the second call, which argues against a candidate, came to."""

    NOT_ASKED = "not asked"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNCLEAR = "unclear"
    FAILED = "call failed"


class Status(enum.StrEnum):
    """The verdict. FAIL outranks INCONCLUSIVE outranks PASS."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Acceptance(enum.StrEnum):
    """How people accept findings: a comment in the code, the file form, or the baseline."""

    COMMENT = "comment"
    FILE = "file"
    BASELINE = "baseline"
