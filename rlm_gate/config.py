"""Join defaults, ``.rlm-gate.yaml`` and flags into Settings. The only reader of the environment.

Knows what was asked for, not whether it exists: rules are looked up by ``packs``, models by
``rlm.prices``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlm_gate.cachedir import CacheDir, entry_key
from rlm_gate.core import Budget, Severity
from rlm_gate.errors import ConfigError, Problem, UsageError
from rlm_gate.routing import ADDRESSES, KEYS, route

CONFIG_FILE = ".rlm-gate.yaml"
DEFAULT_ROOT_MODEL = "sonnet"
DEFAULT_SUB_MODEL = "haiku"

_MISSPELT = (".rlm-gate.yml", "rlm-gate.yaml", "rlm-gate.yml")
_DIFF_LIMITS = (1.0, 600.0)  # dollars, seconds
_WHOLE_LIMITS = (5.0, 3600.0)
_READ_LIMIT = (1 << 20) + 1  # enough for yamlmarks to see that a file is too large
_CACHE_KIND = "config"
_INPUT = "RLM_GATE_INPUT_"


@dataclass(frozen=True, slots=True)
class ScopeRequest:
    """What the command line asked for. ``mode``: worktree, staged, diff, rev or all.

    ``ref`` is "BASE" or "BASE...HEAD" for diff, the revision for rev. ``paths`` narrow any scope;
    alone (worktree) they mean whole files from disk. ``repo`` is the directory to start from.
    """

    mode: str = "worktree"
    ref: str | None = None
    paths: tuple[str, ...] = ()
    repo: str = "."

    @property
    def whole(self) -> bool:
        """Say whether every line of the files counts, not only what changed."""
        return self.mode in {"rev", "all"} or (self.mode == "worktree" and bool(self.paths))


@dataclass(frozen=True, slots=True)
class Models:
    """The models by the names people gave. ``mode``: on, offline (asked for) or no-key.

    ``missing`` are the variables that would hold the keys of the providers of these models.
    """

    root: str = DEFAULT_ROOT_MODEL
    sub: str = DEFAULT_SUB_MODEL
    mode: str = "no-key"
    allowed: tuple[str, ...] = ()
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """Other rules for some paths; ``include`` are patterns for ``re.match``."""

    include: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Environment:
    """Every environment variable that is used anywhere, read once.

    ``keys`` and ``addresses`` are those of providers, by their names.
    """

    ci: bool
    keys: Mapping[str, str] = field(repr=False)
    addresses: Mapping[str, str]
    github: Mapping[str, str]
    pre_commit: Mapping[str, str]
    no_color: bool
    columns: int | None
    cache_dir: Path
    state_dir: Path
    inputs: Mapping[str, str] = field(default_factory=dict)  # of action.yml, the empty ones not
    in_commit: bool = False  # git itself runs us, about a commit

    @property
    def cache(self) -> CacheDir:
        """The user's cache, with its signing key in the user's state."""
        return CacheDir(cache=self.cache_dir, state=self.state_dir)


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of a check; None or () is "not given"."""

    scope: ScopeRequest = ScopeRequest()
    config: str | None = None
    rules: tuple[str, ...] | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str | None = None
    no_ignores: bool = False
    offline: bool = False
    root_model: str | None = None
    sub_model: str | None = None
    max_usd: float | None = None
    max_calls: int | None = None
    deadline: float | None = None
    on_inconclusive: str | None = None
    on_inconclusive_unsaid: str = "fail"  # where neither the flag nor the file says it
    allow_reduced_sandbox: bool = False
    no_cache: bool = False
    resume: bool = False
    replay: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run does. ``packs`` None: every built-in pack and the repository's own.

    ``exclude`` and ``never_send`` are patterns for ``re.match``; ``fail_on`` None is "never".
    ``replay`` is the journal whose answers stand in for models'; ``invocation`` is what a journal
    needs to start the run again.
    """

    scope: ScopeRequest
    models: Models
    budget: Budget
    cache: CacheDir
    packs: tuple[str, ...] | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: Severity | None = Severity.HIGH
    exclude: tuple[str, ...] = ()
    never_send: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    no_ignores: bool = False
    on_inconclusive: str = "fail"
    allow_reduced_sandbox: bool = False
    ci: bool = False
    no_cache: bool = False
    resume: bool = False
    replay: Path | None = None
    invocation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cache_dir(self) -> Path:
        """Where caches live."""
        return self.cache.cache


def environment() -> Environment:
    """Read the environment."""
    variables = dict(os.environ)
    own = variables.get("RLM_GATE_CACHE_DIR")
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # Path.home() raises where there is none
    return Environment(
        ci=variables.get("CI", "").lower() in {"true", "1"},
        keys=_firsts(variables, KEYS),
        addresses=_firsts(variables, ADDRESSES),
        github=_starting(variables, "GITHUB_", "RUNNER_TEMP"),
        pre_commit=_starting(variables, "PRE_COMMIT"),
        no_color=bool(variables.get("NO_COLOR")),
        columns=_columns(variables.get("COLUMNS", "")),
        cache_dir=Path(own).absolute()
        if own
        else (_folder(variables.get("XDG_CACHE_HOME")) or home / ".cache") / "rlm-gate",
        state_dir=(_folder(variables.get("XDG_STATE_HOME")) or home / ".local/state") / "rlm-gate",
        inputs=_inputs(variables),
        in_commit="GIT_INDEX_FILE" in variables,
    )


def child_environment(without: Iterable[str] = (), **extra: str) -> dict[str, str]:
    """Return the environment for a child process: our own, less some variables, with others."""
    dropped = set(without)
    return {name: value for name, value in os.environ.items() if name not in dropped} | extra


def settings(flags: Flags, root: Path | None, env: Environment | None = None) -> Settings:
    """Return what the flags, the configuration below ``root`` and the environment come to.

    Raises ConfigError with every mistake of the file, UsageError for a flag that makes no sense.
    """
    env = env or environment()
    written = _configuration(flags, root, env.cache)
    return Settings(
        scope=flags.scope,
        models=_models(flags, written, env),
        budget=_budget(flags, written["budget"]),
        cache=env.cache,
        packs=_packs(flags, written.get("packs"), root),
        select=flags.select,
        ignore=flags.ignore,
        fail_on=_threshold(flags.fail_on or written["fail_on"]),
        exclude=tuple(written["exclude"]),
        never_send=tuple(written["never_send"]),
        overrides=tuple(_override(entry) for entry in written["overrides"]),
        no_ignores=flags.no_ignores,
        on_inconclusive=flags.on_inconclusive
        or written.get("on_inconclusive", flags.on_inconclusive_unsaid),
        allow_reduced_sandbox=flags.allow_reduced_sandbox,
        ci=env.ci,
        no_cache=flags.no_cache,
        resume=flags.resume,
        replay=flags.replay,
    )


def read_file(path: Path) -> bytes:
    """Return the start of a regular file, longer than YAML may be. Raises OSError, also for a pipe.

    What a repository holds may be a link to an endless device.
    """
    if not path.is_file():
        path.stat()  # raises what is wrong with it
        raise OSError(0, "not a regular file")
    with path.open("rb") as file:
        return file.read(_READ_LIMIT)


_NOTHING_WRITTEN: Mapping[str, Any] = {
    "fail_on": "high",
    "models": {},
    "budget": {},
    "exclude": [],
    "never_send": [],
    "overrides": [],
}


def _configuration(flags: Flags, root: Path | None, cache: CacheDir) -> Mapping[str, Any]:
    """Return what the file says, with globs as patterns; validated once per content."""
    path = _config_file(flags, root)
    if path is None:
        return _NOTHING_WRITTEN
    label = flags.config or CONFIG_FILE
    try:
        content = read_file(path)
    except OSError as error:
        raise ConfigError((Problem(label, 1, 1, f"can't be read: {error.strerror}"),)) from error
    key = entry_key(_CACHE_KIND, content)
    stored = cache.read(_CACHE_KIND, key)
    if stored is not None:
        return dict(json.loads(stored))
    parsed = _parse(content, label)
    cache.write(_CACHE_KIND, key, json.dumps(parsed).encode())
    return parsed


def _config_file(flags: Flags, root: Path | None) -> Path | None:
    if flags.config is not None:
        path = Path(flags.config)
        if not path.exists():
            raise UsageError(f"--config {flags.config}: no such file")
        return path
    if root is None:
        return None
    path = root / CONFIG_FILE
    if os.path.lexists(path):
        return path
    for name in _MISSPELT:
        if (root / name).exists():
            text = f"this file is not read; rename it to {CONFIG_FILE}"
            raise ConfigError((Problem(name, 1, 1, text),))
    return None


def _parse(content: bytes, label: str) -> Mapping[str, Any]:
    from rlm_gate import globs, schemas, yamlmarks

    document = yamlmarks.parse_bytes(content, label)
    model, problems = schemas.check(schemas.ConfigModel, document)
    if model is None:
        raise ConfigError(problems)
    written = model.model_dump(by_alias=True, exclude_none=True)
    written.setdefault("models", {})
    for key in ("exclude", "never_send"):
        written[key] = globs.to_regex(written[key])
    for entry in written["overrides"]:
        entry["include"] = globs.to_regex(entry.pop("paths"))
    return written


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


def _columns(text: str) -> int | None:
    return int(text) if text.isdecimal() and int(text) else None


def _folder(text: str | None) -> Path | None:
    """Return the folder a variable names; the XDG specification has relative ones ignored."""
    path = Path(text) if text else None
    return path if path and path.is_absolute() else None
