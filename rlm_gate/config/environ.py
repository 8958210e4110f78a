"""Read the environment. The only module that does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from rlm_gate.config.values import Environment
from rlm_gate.routing import ADDRESSES, KEYS

_INPUT = "RLM_GATE_INPUT_"
_SYSTEMS = (
    *("GITLAB_CI", "CI_COMMIT_", "CI_DEFAULT_BRANCH", "CI_MERGE_REQUEST_", "CI_PIPELINE_SOURCE"),
    *("JENKINS_URL", "CHANGE_", "TAG_NAME", "GIT_PREVIOUS_", "BRANCH_IS_PRIMARY"),
)


def environment() -> Environment:
    """Read the environment."""
    variables = dict(os.environ)
    own = variables.get("RLM_GATE_CACHE_DIR")
    # Path.home() raises where there is none; a relative one would lie in what is judged
    home = _folder(os.path.expanduser("~")) or Path(os.devnull)  # noqa: PTH111
    return Environment(
        ci=variables.get("CI", "").lower() in {"true", "1"},
        keys=_firsts(variables, KEYS),
        addresses=_firsts(variables, ADDRESSES),
        github=_starting(variables, "GITHUB_", "RUNNER_TEMP"),
        system={} if "GITHUB_ACTIONS" in variables else _starting(variables, *_SYSTEMS),
        pre_commit=_starting(variables, "PRE_COMMIT"),
        no_color=bool(variables.get("NO_COLOR")),
        force_color=variables.get("FORCE_COLOR", "") not in {"", "0"},
        columns=_columns(variables.get("COLUMNS", "")),
        cache_dir=Path(own).absolute()
        if own
        else (_folder(variables.get("XDG_CACHE_HOME")) or home / ".cache") / "rlm-gate",
        state_dir=(_folder(variables.get("XDG_STATE_HOME")) or home / ".local/state") / "rlm-gate",
        inputs=_inputs(variables),
        in_commit="GIT_INDEX_FILE" in variables,
        ray_address=variables.get("RAY_ADDRESS", ""),
        today=_today(variables.get("SOURCE_DATE_EPOCH", "")),
    )


def child_environment(without: Iterable[str] = (), **extra: str) -> dict[str, str]:
    """Return the environment for a child process: our own, less some variables, with others."""
    dropped = set(without)
    return {name: value for name, value in os.environ.items() if name not in dropped} | extra


def _firsts(
    variables: Mapping[str, str], names: Mapping[str, tuple[str, ...]]
) -> Mapping[str, str]:
    """Return for every provider the first of its variables that says anything."""
    said = {who: next(filter(None, map(variables.get, known)), "") for who, known in names.items()}
    return {who: value for who, value in said.items() if value}


def _starting(variables: Mapping[str, str], *prefixes: str) -> Mapping[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(prefixes)}


def _inputs(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return the action's inputs by their names there: ``fail-on``."""
    return {
        name.removeprefix(_INPUT).lower().replace("_", "-"): value
        for name, value in _starting(variables, _INPUT).items()
        if value.strip()
    }


def _today(epoch: str) -> str:
    """Return the date in UTC; of SOURCE_DATE_EPOCH where a reproducible build sets it."""
    seconds = int(epoch) if epoch.isdecimal() and len(epoch) < 12 else None
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _columns(text: str) -> int | None:
    return int(text) if text.isdecimal() and int(text) else None


def _folder(text: str | None) -> Path | None:
    """Return the folder a variable names; the XDG specification has relative ones ignored."""
    path = Path(text) if text else None
    return path if path and path.is_absolute() else None
