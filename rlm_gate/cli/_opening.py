"""From flags to settings, under the policy that holds; and back from what a run wrote down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rlm_gate import config, masks, policyref
from rlm_gate.repo import Repo


@contextmanager
def opened(flags: config.Flags, env: config.Environment | None = None) -> Iterator[config.Settings]:
    """Yield the settings; the folder that the policy is read from lasts as long as the context."""
    found = Repo.open(flags.scope.repo)
    trust = flags.trust_head
    with policyref.opened(found, flags.policy_ref, flags.scope, trust_head=trust) as home:
        settings = config.settings(flags, home.root, env)
        told = _invocation(replace(flags, today=settings.today))
        yield replace(settings, origin=home.origin, invocation=told)


def flags_of(recorded: Mapping[str, Any]) -> config.Flags:
    """Return the flags that a journal or a shard recorded."""
    written = dict(recorded)
    scope = config.ScopeRequest(**_tuples(written.pop("scope")))
    return config.Flags(scope=scope, **_tuples(written))


def _invocation(flags: config.Flags) -> dict[str, Any]:
    """Return what a journal needs so that ``rlm-gate replay`` can start the same run.

    A path with a secret in its name is masked, and such a run can't be replayed.
    """
    return masks.shown({"directory": str(Path.cwd()), "flags": asdict(replace(flags, replay=None))})


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with JSON's lists as the tuples they were."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
