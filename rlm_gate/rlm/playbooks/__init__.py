"""REPL cells written by us: what the sandboxed REPL can tell without any model (design §7.10)."""

from __future__ import annotations

from rlm_gate.core.records import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One cell of a playbook: the rule it serves and what it looked at, for the report."""

    rule_id: str
    examined: str
    code: str
