"""The types every part shares. Frozen values, standard library only.

Paths are repository-relative, with forward slashes, as ``os.fsdecode`` gives them (a name that is
not UTF-8 carries surrogate escapes). Lines are 1-based, ends inclusive.
"""

from __future__ import annotations

from rlm_gate.core.applying import Applies, Narrowed
from rlm_gate.core.code import (
    Corpus,
    Removed,
    Scope,
    Skip,
    SourceFile,
    Span,
    display_path,
    folders_above,
    merge_spans,
    project_of,
    split_lines,
)
from rlm_gate.core.evidence import (
    Budget,
    Coverage,
    Estimate,
    FileCoverage,
    Gap,
    LanguageCoverage,
    RuleCoverage,
    Usage,
)
from rlm_gate.core.findings import (
    Accepted,
    Finding,
    Fix,
    Notice,
    Place,
    Suppression,
)
from rlm_gate.core.levels import (
    Acceptance,
    Confidence,
    Origin,
    Severity,
    Status,
    Verification,
)
from rlm_gate.core.rules import (
    Ask,
    Detect,
    Help,
    Rewrite,
    Rule,
    RulePack,
)
from rlm_gate.core.verdict import (
    Audit,
    ModelCall,
    PastRun,
    RootTurn,
    Trajectory,
    Verdict,
)

__all__ = [
    "Acceptance",
    "Accepted",
    "Applies",
    "Ask",
    "Audit",
    "Budget",
    "Confidence",
    "Corpus",
    "Coverage",
    "Detect",
    "Estimate",
    "FileCoverage",
    "Finding",
    "Fix",
    "Gap",
    "Help",
    "LanguageCoverage",
    "ModelCall",
    "Narrowed",
    "Notice",
    "Origin",
    "PastRun",
    "Place",
    "Removed",
    "Rewrite",
    "RootTurn",
    "Rule",
    "RuleCoverage",
    "RulePack",
    "Scope",
    "Severity",
    "Skip",
    "SourceFile",
    "Span",
    "Status",
    "Suppression",
    "Trajectory",
    "Usage",
    "Verdict",
    "Verification",
    "display_path",
    "folders_above",
    "merge_spans",
    "project_of",
    "split_lines",
]
