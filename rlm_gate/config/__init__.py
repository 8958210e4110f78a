"""Join defaults, ``.rlm-gate.yaml`` and flags into Settings.

Knows what was asked for, not whether it exists: rules are looked up by ``packs``, models by
``rlm.prices``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlm_gate.config.environ import child_environment, environment
from rlm_gate.config.files import CONFIG_FILE, read_file, written
from rlm_gate.config.values import (
    DEFAULT_ROOT_MODEL,
    DEFAULT_SUB_MODEL,
    Environment,
    Flags,
    Models,
    Override,
    ScopeRequest,
    Settings,
)
from rlm_gate.core import Budget, Severity
from rlm_gate.errors import UsageError
from rlm_gate.routing import KEYS, route

__all__ = [
    "CONFIG_FILE",
    "Environment",
    "Flags",
    "Models",
    "Override",
    "ScopeRequest",
    "Settings",
    "child_environment",
    "environment",
    "read_file",
    "settings",
]

_DIFF_LIMITS = (1.0, 600.0)  # dollars, seconds
_WHOLE_LIMITS = (5.0, 3600.0)


def settings(flags: Flags, root: Path | None, env: Environment | None = None) -> Settings:
    """Return what the flags, the configuration below ``root`` and the environment come to.

    Raises ConfigError with every mistake of the file, UsageError for a flag that makes no sense.
    """
    env = env or environment()
    said = written(flags, root, env.cache)
    return Settings(
        scope=flags.scope,
        models=_models(flags, said, env),
        budget=_budget(flags, said["budget"]),
        cache=env.cache,
        packs=_packs(flags, said.get("packs"), root),
        select=flags.select,
        ignore=flags.ignore,
        fail_on=_threshold(flags.fail_on or said["fail_on"]),
        exclude=tuple(said["exclude"]),
        never_send=tuple(said["never_send"]),
        overrides=tuple(_override(entry) for entry in said["overrides"]),
        no_ignores=flags.no_ignores,
        on_inconclusive=flags.on_inconclusive
        or said.get("on_inconclusive", flags.on_inconclusive_unsaid),
        allow_reduced_sandbox=flags.allow_reduced_sandbox,
        ci=env.ci,
        no_cache=flags.no_cache,
        resume=flags.resume,
        replay=flags.replay,
    )


def _models(flags: Flags, written: Mapping[str, Any], env: Environment) -> Models:
    named = {} if written["models"] == "off" else written["models"]
    root = flags.root_model or named.get("root", DEFAULT_ROOT_MODEL)
    sub = flags.sub_model or named.get("sub", DEFAULT_SUB_MODEL)
    used = dict.fromkeys(route(name).provider for name in (root, sub))
    missing = tuple(KEYS[name][0] for name in used if name not in env.keys)
    mode = "no-key" if missing and not flags.replay else "on"
    return Models(
        root=root,
        sub=sub,
        mode="offline" if flags.offline or written["models"] == "off" else mode,
        allowed=tuple(named.get("allowed", ())),
        prices=named.get("prices", {}),
        missing=missing if mode == "no-key" else (),
    )


def _budget(flags: Flags, written: Mapping[str, Any]) -> Budget:
    for name, value in (
        ("--max-usd", flags.max_usd),
        ("--max-calls", flags.max_calls),
        ("--deadline", flags.deadline),
    ):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{name} {value}: a number of 0 or more is wanted")
    default = Budget()
    usd, deadline = _WHOLE_LIMITS if flags.scope.whole else _DIFF_LIMITS
    asked_usd = _first(flags.max_usd, written.get("usd"))
    return Budget(
        usd=_first(asked_usd, usd),
        max_calls=_first(flags.max_calls, written.get("calls")),
        max_tokens=written.get("tokens"),
        max_turns=written.get("turns", default.max_turns),
        deadline=_first(flags.deadline, written.get("deadline"), deadline),
        cell_timeout=written.get("cell_timeout", default.cell_timeout),
        call_timeout=written.get("call_timeout", default.call_timeout),
        user_usd=asked_usd is not None,
    )


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _packs(flags: Flags, written: list[str] | None, root: Path | None) -> tuple[str, ...] | None:
    """Return the packs to load; paths in the file are relative to the repository's root."""
    if flags.rules is not None:
        return flags.rules
    if written is None:
        return None
    return tuple(str((root or Path()) / name) if "/" in name else name for name in written)


def _override(entry: Mapping[str, Any]) -> Override:
    return Override(
        include=tuple(entry["include"]),
        ignore=tuple(entry["ignore"]),
        severity={rule: Severity.parse(label) for rule, label in entry["severity"].items()},
    )


def _threshold(label: str) -> Severity | None:
    if label == "never":
        return None
    try:
        return Severity.parse(label)
    except KeyError as error:
        raise UsageError(f"--fail-on {label}: no such severity") from error
