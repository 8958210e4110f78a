"""Which acceptances a change brings along, and whether they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import corpus, source

from rlm_gate import config, newness
from rlm_gate.config import BASELINE_FILE, SUPPRESSIONS_FILE, Accepting, Settings
from rlm_gate.core import Acceptance, Corpus, Span, Suppression
from rlm_gate.errors import ConfigError, Problem

TEXT = "one\ntwo\nthree\nfour\nfive\n"
CHANGE = corpus(source("a.py", TEXT, status="modified", changed=[(2, 2)]), kind="diff")


def comment(line: int, target: int | None = None, **more: Any) -> Suppression:
    at, code = (Span("a.py", number, number) for number in (line, target or line))
    made = Suppression(Acceptance.COMMENT, at, ("own/a",), reason="so", target=code, path="a.py")
    return replace(made, **more)


def entry(name: str = "own/a", line: int = 1) -> Suppression:
    return Suppression(
        Acceptance.FILE, Span("s", line, line), (name,), reason="so", patterns=("a",)
    )


def read(files: Mapping[str, bytes]) -> tuple[Suppression, ...]:
    """Understand a list of rules, one a line."""
    said = files.get(SUPPRESSIONS_FILE, b"").decode().split()
    if "broken" in said:
        raise ConfigError((Problem(SUPPRESSIONS_FILE, 1, 1, "not YAML"),))
    return tuple(entry(name, line) for line, name in enumerate(said, 1))


def settled(
    tmp_path: Path,
    *comments: Suppression,
    judged: Corpus = CHANGE,
    rule: str | None = "deny",
    now: str = "",
    before: str = "",
    **more: Any,
) -> newness.Accepting:
    settings: Settings = config.settings(config.Flags(), tmp_path)
    written = {SUPPRESSIONS_FILE: now.encode()} if now else {}
    settings = replace(settings, accepting=Accepting(new=rule), accepted=written, **more)
    was = {SUPPRESSIONS_FILE: before.encode()}
    return newness.settle(comments, settings, judged, read, lambda: was)


def refused(outcome: newness.Accepting) -> list[bool]:
    return [bool(one.refused) for one in outcome.suppressions]


@pytest.mark.parametrize(
    ("line", "target", "new"),
    [
        pytest.param(1, 1, False, id="elsewhere"),
        pytest.param(2, 3, True, id="the comment is added"),
        pytest.param(1, 2, True, id="the code below it is edited"),
    ],
)
def test_a_comment_is_new_where_the_change_adds_it_or_edits_its_code(
    tmp_path: Path, line: int, target: int, *, new: bool
) -> None:
    outcome = settled(tmp_path, comment(line, target))
    assert refused(outcome) == [new]
    assert [one.new for one in outcome.suppressions] == [new]
    assert len(outcome.preface) == new


@pytest.mark.parametrize(
    ("rule", "more", "counts"),
    [
        ("deny", {"accept_new": "the flag"}, False),
        ("label", {}, False),
        ("label", {"accept_new": "the flag"}, True),
        ("allow", {}, True),
    ],
)
def test_whether_new_ones_count_is_the_policys_to_say(
    tmp_path: Path, rule: str, more: dict[str, Any], *, counts: bool
) -> None:
    outcome = settled(tmp_path, comment(2), rule=rule, **more)
    assert refused(outcome) == [not counts]
    [told] = outcome.preface  # counted or not, it is said first
    assert told.startswith("New suppression, a.py:2 [own/a] -- so: ")
    assert ("does not count" in told) is not counts


def test_in_a_whole_tree_nothing_is_new(tmp_path: Path) -> None:
    whole = corpus(source("a.py", TEXT))
    outcome = settled(tmp_path, comment(2), judged=whole, now="own/a")
    assert refused(outcome) == [False, False]
    assert outcome.preface == ()


def test_what_is_wrong_with_a_new_one_is_not_hidden_by_its_being_new(tmp_path: Path) -> None:
    outcome = settled(tmp_path, comment(2, refused="it names no rule"))
    assert [one.refused for one in outcome.suppressions] == ["it names no rule"]
    kept = settled(tmp_path, comment(2, refused="it names no rule"), rule="allow")
    assert [one.refused for one in kept.suppressions] == ["it names no rule"]


def test_entries_are_new_one_for_one(tmp_path: Path) -> None:
    outcome = settled(tmp_path, now="own/a own/a own/b", before="own/b own/a")
    assert refused(outcome) == [False, True, False], "the second of own/a is new"


def test_a_change_of_the_file_that_can_not_be_read_counts_for_nothing(tmp_path: Path) -> None:
    base = replace(
        config.settings(config.Flags(), tmp_path).origin,
        commit="1" * 40,
        head={SUPPRESSIONS_FILE: b"broken", BASELINE_FILE: b""},
    )
    outcome = settled(tmp_path, now="own/a", origin=base)
    assert [one.rules for one in outcome.suppressions] == [("own/a",)]
    [told] = outcome.preface
    assert "no accepted findings count" in told
    assert f"{SUPPRESSIONS_FILE}:1:1" in told
    better = replace(base, head={SUPPRESSIONS_FILE: b"own/a own/b"})
    outcome = settled(tmp_path, now="own/a", origin=better)
    assert refused(outcome) == [False, True]
