"""What the caller of a session chooses: its models and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rlm_gate.core import Budget
from rlm_gate.providers import Provider
from rlm_gate.rlm.pace import WORKERS


@dataclass(frozen=True, slots=True)
class RLMConfig:
    """Models and limits of a session. None is no limit; seconds, tokens and counts otherwise.

    ``sub_provider`` is a provider or its name, None for the session's. ``max_depth`` is how deep
    ``rlm_query`` may nest. ``coverage`` "all" refuses an answer while a line of a Corpus was passed
    to no sub-call. A model without a known price is fine unless ``max_usd`` is set. ``cache_dir``
    keeps replies for later sessions, ``journal_dir`` a record of each session; None: neither.
    """

    root_model: str = "sonnet"
    sub_model: str = "haiku"
    sub_provider: str | Provider | None = None
    max_iterations: int = 20
    max_sub_calls: int = 100
    max_usd: float | None = None
    max_tokens: int | None = None
    deadline: float | None = None
    cell_timeout: float = 10.0
    max_depth: int = 1
    coverage: str = "none"
    root_max_tokens: int = 8192
    allow_reduced_sandbox: bool = False
    cache_dir: Path | None = None
    journal_dir: Path | None = None
    parallel_sub_calls: int = WORKERS  # most model calls at once; 1: one after the other

    def budget(self) -> Budget:
        """Return the limits as the account keeps them."""
        return Budget(
            usd=self.max_usd,
            max_calls=self.max_sub_calls,
            max_tokens=self.max_tokens,
            max_turns=self.max_iterations,
            deadline=self.deadline if self.deadline is not None else float("inf"),
            cell_timeout=self.cell_timeout,
            user_usd=self.max_usd is not None,
        )
