"""Whether a rule applies to a file, as everybody asks it: the gate, its books, policy, planner."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from rlm_gate.core.code import SourceFile
from rlm_gate.core.records import dataclass
from rlm_gate.core.rules import Rule

Applies = Callable[[Rule, SourceFile], str]
"""Say why a rule does not apply to a file ("language", "path", "prefilter"), or "" if it does."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """``applies``, less the rules that ``off`` takes off a path; that is "path" too.

    ``off`` says the same of all paths of one ``kind``.
    """

    applies: Applies
    off: Callable[[Rule, str], bool]
    kind: Callable[[str], Hashable]

    def __call__(self, rule: Rule, file: SourceFile) -> str:
        """Answer as ``Applies`` does."""
        return "path" if self.off(rule, file.path) else self.applies(rule, file)
