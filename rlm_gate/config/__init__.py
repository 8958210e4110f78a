"""Join defaults, ``.rlm-gate.yaml`` and flags into Settings.

Knows what was asked for, not whether it exists: rules are looked up by ``packs``, models by
``rlm.prices``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlm_gate.config.environ import child_environment, environment
from rlm_gate.config.files import (
    BASELINE_FILE,
    CONFIG_FILE,
    SUPPRESSIONS_FILE,
    Layer,
    accepted,
    read_file,
)
from rlm_gate.config.layers import Stack, nested, stack
from rlm_gate.config.values import (
    DEFAULT_ROOT_MODEL,
    DEFAULT_SUB_MODEL,
    EVERY_PACK,
    Accepting,
    Environment,
    Flags,
    Models,
    Override,
    PolicyOrigin,
    ScopeRequest,
    Settings,
)
from rlm_gate.core import Budget, Severity, folders_above
from rlm_gate.errors import UsageError
from rlm_gate.routing import KEYS, route

__all__ = [
    "BASELINE_FILE",
    "CONFIG_FILE",
    "EVERY_PACK",
    "SUPPRESSIONS_FILE",
    "Accepting",
    "Environment",
    "Flags",
    "Models",
    "Override",
    "PolicyOrigin",
    "ScopeRequest",
    "Settings",
    "child_environment",
    "environment",
    "read_file",
    "settings",
    "with_nested",
]

_DIFF_LIMITS = (1.0, 600.0)  # dollars, seconds
_WHOLE_LIMITS = (5.0, 3600.0)
_BATCH_SECONDS = 86_400.0
"""After that a message batch expires."""


def settings(flags: Flags, root: Path | None, env: Environment | None = None) -> Settings:
    """Return what the flags, the configuration below ``root`` and the environment come to.

    Raises ConfigError with every mistake of the file, UsageError for a flag that makes no sense.
    """
    env = env or environment()
    files = stack(flags, root, env.cache)
    said = files.joined()
    by_pack = _thresholds(said["fail_on"])
    run = by_pack.pop(EVERY_PACK, Severity.HIGH)
    return Settings(
        scope=flags.scope,
        models=_models(flags, said, env),
        budget=_budget(flags, said["budget"]),
        cache=env.cache,
        packs=_packs(flags, files, root),
        select=flags.select,
        ignore=flags.ignore,
        fail_on=_threshold(flags.fail_on) if flags.fail_on else run,
        fail_on_asked=flags.fail_on is not None,
        pack_fail_on={} if flags.fail_on else by_pack,
        exclude=tuple(said["exclude"]),
        never_send=tuple(said["never_send"]),
        overrides=tuple(
            _override(entry, thresholds=not flags.fail_on) for entry in said["overrides"]
        ),
        accepting=_accepting(said["suppressions"]),
        accepted=accepted(root),
        today=flags.today or env.today,
        no_ignores=flags.no_ignores,
        import_sarif=flags.import_sarif,
        on_inconclusive=flags.on_inconclusive
        or said.get("on_inconclusive", flags.on_inconclusive_unsaid),
        allow_reduced_sandbox=flags.allow_reduced_sandbox,
        ci=env.ci,
        no_cache=flags.no_cache,
        resume=flags.resume,
        replay=flags.replay,
        times=flags.times,
        batch=flags.batch,
        home=root,
        accept_new=flags.accept_new,
        accept_new_unsaid=flags.accept_new_unsaid,
        pack_folders=() if flags.rules is not None else tuple(map(str, files.packages)),
        places={
            name: place
            for name, place in _places(files, root)
            if not (name == "models.root" and flags.root_model)
            and not (name == "models.sub" and flags.sub_model)
        },
        locks=files.locks() if flags.config is None else None,
    )


def with_nested(settings: Settings, paths: Iterable[str]) -> Settings:
    """Add the configurations of the folders that these paths are in; the nearest wins.

    Raises ConfigError with all of their mistakes. ``--config`` stands in for all files.
    """
    if settings.home is None or settings.locks is None:
        return settings
    below = sorted(folders_above(paths) - {""})
    found = nested(settings.home, below, settings.locks, settings.cache)
    if not found:
        return settings
    places, thresholds = dict(settings.places), not settings.fail_on_asked
    for _, layer in found:
        places |= _named_at(layer, {})
    return replace(
        settings,
        projects=tuple(sorted(folder for folder, _ in found)),
        exclude=(*settings.exclude, *_globs(found, "exclude")),
        never_send=(*settings.never_send, *_globs(found, "never_send")),
        overrides=(
            *settings.overrides,
            *(one for each in found for one in _own(*each, thresholds=thresholds)),
        ),
        places=places,
    )


def _globs(found: Iterable[tuple[str, Layer]], key: str) -> Iterator[str]:
    for folder, layer in found:
        yield from (_below(folder, pattern) for pattern in layer.values.get(key, ()))


def _own(folder: str, layer: Layer, *, thresholds: bool) -> Iterator[Override]:
    """Yield what a sub-project decides for its own files, as overrides."""
    if thresholds and "fail_on" in layer.values:
        said = _thresholds(layer.values["fail_on"])
        yield Override((_below(folder, ""),), fail_on=said, label=f"{folder}/")
    if "packs" in layer.values:
        yield Override((_below(folder, ""),), packs=tuple(layer.values["packs"]))
    for entry in layer.values.get("overrides", ()):
        override = _override(entry, thresholds=thresholds)
        include = tuple(_below(folder, pattern) for pattern in override.include)
        yield replace(override, include=include, label=f"{folder}/: {override.label}")


def _below(folder: str, pattern: str) -> str:
    """Return the pattern for paths from the root of one for paths from the folder."""
    return f"^{re.escape(folder)}/(?:{pattern.removeprefix('^')})"


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
        mode="offline" if _is_off(flags, written, mode) else mode,
        allowed=tuple(named.get("allowed", ())),
        prices=named.get("prices", {}),
        missing=missing if mode == "no-key" else (),
    )


def _is_off(flags: Flags, written: Mapping[str, Any], mode: str) -> bool:
    asked = flags.offline or written["models"] == "off"
    return asked or (flags.offline_without_key and mode == "no-key")


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
    deadline = _BATCH_SECONDS if flags.batch else deadline
    asked_usd = _first(flags.max_usd, written.get("usd"))
    return Budget(
        usd=_first(asked_usd, usd),
        max_calls=_first(flags.max_calls, written.get("calls")),
        max_tokens=written.get("tokens"),
        max_turns=written.get("turns", default.max_turns),
        deadline=_first(
            flags.deadline, written.get("deadline"), _BATCH_SECONDS if flags.batch else deadline
        ),
        cell_timeout=written.get("cell_timeout", default.cell_timeout),
        call_timeout=written.get("call_timeout", default.call_timeout),
        user_usd=asked_usd is not None,
    )


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _packs(flags: Flags, files: Stack, root: Path | None) -> tuple[str, ...] | None:
    """Return the packs to load; a folder is relative to the root, or to the file extended."""
    layer = files.says("packs")
    if flags.rules is not None:
        return flags.rules
    if layer is None:
        return None
    return tuple(_pack(name, layer, files, root) for name in layer.values["packs"])


def _pack(name: str, layer: Layer, files: Stack, root: Path | None) -> str:
    folder = (root or Path()) if layer is files.layers[-1] else layer.folder
    return str(folder / name) if "/" in name else name


def _places(files: Stack, root: Path | None) -> Iterator[tuple[str, tuple[str, int, int]]]:
    for layer in files.layers:
        names = {
            name: _pack(name, layer, files, root)
            for name in layer.values.get("packs", ())
            if layer is files.says("packs")
        }
        yield from _named_at(layer, names).items()
        for role in ("models.root", "models.sub"):
            if role in layer.marks:
                yield role, (layer.label, *layer.marks[role])


def _named_at(layer: Layer, packs: Mapping[str, str]) -> dict[str, tuple[str, int, int]]:
    """Return where a file names packs and rules, by what the settings call them."""
    places = {}
    for name, mark in layer.marks.items():
        kind, slash, called = name.partition("/")
        if slash and kind in {"packs", "overrides"}:
            places[packs.get(called, called)] = (layer.label, *mark)
    return places


def _override(entry: Mapping[str, Any], *, thresholds: bool) -> Override:
    """Return the override; ``--fail-on`` outranks its ``thresholds`` too."""
    return Override(
        include=tuple(entry["include"]),
        ignore=tuple(entry.get("ignore", ())),
        severity={rule: Severity.parse(label) for rule, label in entry.get("severity", {}).items()},
        fail_on=_thresholds(entry.get("fail_on", {})) if thresholds else {},
        label=entry["label"],
    )


def _accepting(said: Mapping[str, Any]) -> Accepting:
    default = Accepting()
    return Accepting(
        require_reason=said.get("require_reason", default.require_reason),
        max_days=said.get("max_days"),
        forbid_rules=tuple(said.get("forbid_rules", ())),
        forbid_severities=tuple(map(Severity.parse, said.get("forbid_severities", ()))),
        new=said.get("new", default.new),
    )


def _thresholds(said: str | Mapping[str, str]) -> dict[str, Severity | None]:
    """Return thresholds by pack; one alone is for every pack."""
    by_pack = {EVERY_PACK: said} if isinstance(said, str) else said
    return {pack: _threshold(label) for pack, label in by_pack.items()}


def _threshold(label: str) -> Severity | None:
    if label == "never":
        return None
    try:
        return Severity.parse(label)
    except KeyError as error:
        raise UsageError(f"--fail-on {label}: no such severity") from error
