"""Talk to the GitHub runner: annotations, step outputs, the job summary.

Whatever else is printed while ``Log`` is open is obeyed by nobody: paths, code and models' words
may look like the runner's commands.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from rlm_gate import masks
from rlm_gate.core import Status, Verdict
from rlm_gate.errors import GateError, UsageError
from rlm_gate.reports import github as workflow_commands
from rlm_gate.reports import markdown
from rlm_gate.reports._digest import blocks
from rlm_gate.reports.github import escaped

_NO_KEY = """
### Two ways out

This job has no API key, so the questions that only a model can judge were not put. A pull request
from a fork never gets one.

- Judge by detectors alone: `fork-policy: offline` for pull requests from forks, `offline: true` for
  all. Every report then says that no model was asked.
- Give the job a key: `anthropic-api-key`, from a secret of the repository; the keys of other
  providers in the job's `env`. For forks there is a recipe with `pull_request_target` and a label
  in docs/ci.md.
"""


class Log:
    """The step's log, deaf to commands but for those given to ``command``."""

    def __enter__(self) -> Self:
        self._stop()
        return self

    def __exit__(self, *_: object) -> None:
        """Stay deaf: what is printed after this, a traceback say, is no command either."""

    def command(self, lines: str) -> None:
        """Print lines that the runner shall obey."""
        sys.stdout.write(f"::{self._token}::\n{lines}")
        self._stop()

    def _stop(self) -> None:
        self._token = secrets.token_hex(16)
        sys.stdout.write(f"::stop-commands::{self._token}\n")
        sys.stdout.flush()


def tell(verdict: Verdict, files: Mapping[str, str], github: Mapping[str, str]) -> str:
    """Write outputs and summary, and return the annotations."""
    summary = markdown.render(verdict).decode()
    if verdict.status is Status.INCONCLUSIVE and verdict.audit.mode == "no-key":
        summary += _NO_KEY
    _append(github, "GITHUB_STEP_SUMMARY", summary)
    outputs = {
        "verdict": verdict.status.value,
        "findings": str(len(verdict.findings)),
        "blocking": str(sum(blocks(one, verdict) for one in verdict.findings)),
        "verdict-scope": "full" if verdict.audit.mode == "models" else "deterministic",
        **{f"{name}-file": path for name, path in files.items()},
    }
    _append(github, "GITHUB_OUTPUT", "".join(map(_output, outputs, outputs.values())))
    return _offline_warning(verdict) + workflow_commands.render(verdict).decode()


def _offline_warning(verdict: Verdict) -> str:
    """Warn where questions were left out that the rules have: the verdict is of detectors alone."""
    if verdict.audit.mode != "offline" or not verdict.audit.not_evaluated:
        return ""
    text = "No language model was asked: this verdict is of detectors alone."
    return f"::warning title=rlm-gate%3A deterministic verdict::{text}\n"


def tell_error(error: GateError, github: Mapping[str, str]) -> str:
    """Write that there is no verdict to outputs and summary, and return the annotation."""
    _append(github, "GITHUB_OUTPUT", _output("verdict", "error"))
    text = masks.shown(error.told("ci"))
    quoted = "".join(f"    {line}\n" for line in text.splitlines())
    _append(github, "GITHUB_STEP_SUMMARY", f"## ❌ rlm-gate: no verdict\n\n{quoted}")
    return f"::error title=rlm-gate%3A no verdict::{escaped(text)}\n"


def _output(name: str, value: str) -> str:
    """Return the output in the form for any text: no value ends it before its time."""
    end = secrets.token_hex(16)
    return f"{name}<<{end}\n{value}\n{end}\n"


def _append(github: Mapping[str, str], variable: str, text: str) -> None:
    path = github.get(variable)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{variable} {path}: {error.strerror}") from error
