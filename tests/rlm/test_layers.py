"""What the layers are called, and which of them make the sandbox strict."""

from __future__ import annotations

import pytest

from rlm_gate.rlm import layers
from rlm_gate.rlm.layers import describe, level
from rlm_gate.rlm.sandbox.lockdown import Lockdown, Wanted

ALL = [(name, "") for name in layers._TABLE]


def without(*names: str) -> str:
    return level(describe([(name, "gone" if name in names else "") for name, _ in ALL]))


def test_a_layer_nobody_reported_is_missing() -> None:
    lacking = [layer.name for layer in describe(ALL[1:]) if not layer.applied]
    assert lacking == [ALL[0][0]]


@pytest.mark.parametrize(
    "names",
    [
        ("seccomp",),
        ("landlock",),
        ("landlock", "network"),
        ("identity", "processes", "host-memory", "dumpable", "audit-hook", "parent-death"),
    ],
)
def test_one_wall_and_the_limits_are_strict(names: tuple[str, ...]) -> None:
    assert without(*names) == "strict"


@pytest.mark.parametrize(
    "names",
    [
        ("seccomp", "landlock"),
        ("seccomp", "network"),
        ("memory",),
        ("cpu",),
        ("files",),
        ("policy",),
        ("imports",),
        ("descriptors",),
        ("own-process",),
    ],
)
def test_less_than_that_is_reduced(names: tuple[str, ...]) -> None:
    assert without(*names) == "reduced"


def test_every_layer_says_what_it_stops_and_how_to_get_it() -> None:
    for layer in describe([]):
        assert layer.stops
        assert layer.remedy
        assert layer.why == "not reported"


def test_the_child_reports_layers_the_table_knows() -> None:
    """With every step left out, applying does nothing: the names are what is compared."""
    everything = frozenset(name for name, _ in ALL)
    report = Lockdown(Wanted(memory=1, cpu_seconds=1, parent=1, skip=everything)).apply()
    names = {name for name, _ in report}
    assert names | {"host-memory", "own-process", "policy"} == everything
    assert {why for _, why in report} == {"left out on purpose"}
