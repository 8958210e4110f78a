"""Which rules a run takes, by what somebody names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rlm_gate import ownrules, packs
from rlm_gate.core import Confidence, Help, Rule, RulePack, Severity
from rlm_gate.errors import UsageError

if TYPE_CHECKING:
    pass


def rule(name: str, *aliases: str, enabled: bool = True) -> Rule:
    return Rule(
        id=name,
        title="t",
        severity=Severity.LOW,
        precision=Confidence.LOW,
        languages=("any",),
        message="m",
        help=Help("w", "f"),
        aliases=aliases,
        enabled=enabled,
    )


PACKS = (
    RulePack("b", "1", (rule("b/two"), rule("b/off", enabled=False))),
    RulePack("a", "1", (rule("a/one", "a/once"), rule("a/b"))),
)


@pytest.mark.parametrize(
    ("select", "ignore", "chosen"),
    [
        ([], [], ["a/b", "a/one", "b/two"]),
        (["a"], [], ["a/b", "a/one"]),
        (["a/"], [], ["a/b", "a/one"]),
        (["a/one", "b"], [], ["a/one", "b/two"]),
        (["a/once"], [], ["a/one"]),
        (["b/off"], [], ["b/off"]),
        (["b", "b/off"], [], ["b/off", "b/two"]),
        ([], ["a"], ["b/two"]),
        ([], ["a/once"], ["a/b", "b/two"]),
        (["a"], ["a/one"], ["a/b"]),
        (["gate/hidden-text"], [], ["gate/hidden-text"]),
        (["gate", "b"], ["b"], sorted(ownrules.OWN_IDS | {"gate/policy-changed"})),
    ],
)
def test_selection(select: list[str], ignore: list[str], chosen: list[str]) -> None:
    assert sorted(one.id for one in packs.select(PACKS, select, ignore)) == chosen


@pytest.mark.parametrize(
    ("select", "ignore", "said"),
    [
        (["a/noe"], [], "'a/noe'; did you mean 'a/one'?"),
        ([], ["c"], "'c'; known are a, b, gate"),
        (["a/on"], [], "no rule or pack is called 'a/on'"),
        ([""], [], "no rule or pack is called ''"),
        (["gate/hiden-text"], [], "did you mean 'gate/hidden-text'?"),
        ([], ["gate/hidden-text"], "--ignore gate/hidden-text: the gate's own rules guard"),
        ([], ["gate"], "run in every run"),
        ([], ["gate/nope"], "no rule or pack is called 'gate/nope'"),
        (["a"], ["a/"], "no rule is left to judge by"),
    ],
)
def test_a_name_that_means_nothing_is_refused(
    select: list[str], ignore: list[str], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        packs.select(PACKS, select, ignore)
    assert said in str(caught.value)


def test_a_rule_that_was_meant_is_looked_for_by_its_name_within_the_pack() -> None:
    """The packs' name is part of every id: as whole texts any two of a pack are alike."""
    loaded = [RulePack("security", "1", (rule("security/sql-injection"), rule("security/zip")))]
    with pytest.raises(UsageError, match="known are security/sql-injection, security/zip"):
        packs.select(loaded, ["security/sqli"])
    with pytest.raises(UsageError, match="did you mean 'security/sql-injection'"):
        packs.select(loaded, ["security/sql-injectoin"])
