"""What a run is told: the flags, the environment and, joined with the file, the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from rlm_gate.cachedir import CacheDir
from rlm_gate.core import Budget, Severity
from rlm_gate.core.records import dataclass

DEFAULT_ROOT_MODEL = "sonnet"
DEFAULT_SUB_MODEL = "haiku"


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


EVERY_PACK = "default"  # in the place of a pack's name, where thresholds are given by pack


@dataclass(frozen=True, slots=True)
class Override:
    """Other rules for some paths; ``include`` are patterns for ``re.match``.

    ``packs``, where there are any, are the only ones whose rules count there. ``ignore`` and the
    keys of ``severity`` are rules or packs. ``fail_on`` has thresholds by pack, EVERY_PACK for all
    others; None is never. ``label`` names the paths for people.
    """

    include: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    packs: tuple[str, ...] | None = None
    fail_on: Mapping[str, Severity | None] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True, slots=True)
class Accepting:
    """What people may accept, by comment, file form or baseline.

    ``max_days``: how far ahead an expiry may be, and that there must be one. ``forbid_rules`` are
    rules or packs. ``new`` is deny, label, allow, or "" where nobody said.
    """

    require_reason: bool = True
    max_days: int | None = None
    forbid_rules: tuple[str, ...] = ()
    forbid_severities: tuple[Severity, ...] = ()
    new: str = ""


@dataclass(frozen=True, slots=True)
class PolicyOrigin:
    """Which commit the policy is of, where it is not that of what is judged; ``commit`` "" is none.

    ``remark`` is what reports must say first of it. ``changed`` are the policy files that the
    judged change touches, ``head`` what the policy files hold at its head.
    """

    commit: str = ""
    remark: str = ""
    changed: tuple[str, ...] = ()
    head: Mapping[str, bytes] = field(default_factory=dict, repr=False)


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
    force_color: bool
    columns: int | None
    cache_dir: Path
    state_dir: Path
    inputs: Mapping[str, str] = field(default_factory=dict)  # of action.yml, the empty ones not
    system: Mapping[str, str] = field(default_factory=dict)  # GitLab CI's or Jenkins' variables
    in_commit: bool = False  # git itself runs us, about a commit
    ray_address: str = ""  # Ray's own variable, RAY_ADDRESS
    today: str = "1970-01-01"  # ISO date in UTC, or that of SOURCE_DATE_EPOCH

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
    policy_ref: str | None = None
    trust_head: bool = True  # with its policy, where the base has none
    accept_new: str = ""  # why new suppressions may count
    accept_new_unsaid: str = "allow"  # suppressions.new where the file does not say it
    offline_without_key: bool = False
    no_ignores: bool = False
    import_sarif: tuple[str, ...] = ()
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
    today: str | None = None  # of the run that is replayed
    times: bool = False
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run does. ``packs`` None: every built-in pack and the repository's own.

    ``exclude`` and ``never_send`` are patterns for ``re.match``; ``fail_on`` None is "never", and
    ``pack_fail_on`` are thresholds by pack. ``accepted`` holds what the files of .rlm-gate that
    accept findings say, by their paths; ``today`` is what expiries are held against.
    ``replay`` is the journal whose answers stand in for models'; ``times`` puts the seconds of each
    call into the verdict, which no two runs then share; ``invocation`` is what a journal needs to
    start the run again. ``home`` is the folder that the policy is read from, ``origin``
    whose it is. ``accept_new`` is why new suppressions may count, "" for no reason, and
    ``accept_new_unsaid`` what holds for them where the file does not say it. ``projects`` are the
    sub-folders with a configuration of their own. ``pack_folders`` hold packs beside the built-in
    ones and the repository's. ``places`` has file, line and column of the packs and rules that the
    configuration names, ``locks`` the keys that sub-folders can't set and who says so.
    ``batch`` puts the map to the models by message batches.
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
    fail_on_asked: bool = False  # by the flag, which outranks what files say of packs and paths
    pack_fail_on: Mapping[str, Severity | None] = field(default_factory=dict)
    accepting: Accepting = Accepting()
    accepted: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    today: str = "1970-01-01"
    no_ignores: bool = False
    import_sarif: tuple[str, ...] = ()
    on_inconclusive: str = "fail"
    allow_reduced_sandbox: bool = False
    ci: bool = False
    no_cache: bool = False
    resume: bool = False
    replay: Path | None = None
    times: bool = False
    batch: bool = False
    invocation: Mapping[str, Any] = field(default_factory=dict)
    home: Path | None = None
    origin: PolicyOrigin = PolicyOrigin()
    accept_new: str = ""
    accept_new_unsaid: str = "allow"
    projects: tuple[str, ...] = ()
    pack_folders: tuple[str, ...] = ()
    places: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)
    locks: Mapping[str, str] | None = None

    @property
    def cache_dir(self) -> Path:
        """Where caches live."""
        return self.cache.cache
