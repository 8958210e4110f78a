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


def accepted_find(line: int) -> Suppression:
    at = Span(BASELINE_FILE, line, line)
    return Suppression(Acceptance.BASELINE, at, ("own/a",), path="a.py", fingerprint=f"{line}")


def read(files: Mapping[str, bytes]) -> tuple[Suppression, ...]:
    """Understand a list of rules, one a line."""
    said = files.get(SUPPRESSIONS_FILE, b"").decode().split()
    if "broken" in said:
        raise ConfigError((Problem(SUPPRESSIONS_FILE, 1, 1, "not YAML"),))
    numbered = enumerate(said, 1)
    return tuple(accepted_find(n) if name == "found" else entry(name, n) for n, name in numbered)


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


def test_code_of_several_lines_and_several_edits_are_looked_at_whole(tmp_path: Path) -> None:
    long = replace(comment(1), target=Span("a.py", 1, 4))
    assert refused(settled(tmp_path, long)) == [True]
    twice = corpus(source("a.py", TEXT, status="modified", changed=[(2, 2), (4, 4)]), kind="diff")
    for line, new in ((1, False), (2, True), (3, False), (4, True)):
        assert refused(settled(tmp_path, comment(line), judged=twice)) == [new], line


def test_a_comment_of_a_file_that_is_not_judged_is_not_new(tmp_path: Path) -> None:
    at = Span("b.py", 2, 2)
    assert refused(settled(tmp_path, comment(2, place=at, path="b.py"))) == [False]
    elsewhere = replace(comment(2, place=at, path="b.py"), target=at)
    assert refused(settled(tmp_path, elsewhere)) == [False]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("deny", "does not count: the policy lets no change accept its own findings"),
        ("label", "does not count: the change under judgement adds it, or the code it covers"),
        ("allow", "counts: suppressions.new is allow."),
    ],
)
def test_what_is_said_first_names_the_place_the_rules_the_reason_and_why(
    tmp_path: Path, rule: str, said: str
) -> None:
    both = replace(comment(1, 2), rules=("own/a", "own/b"), reason="")
    [told] = settled(tmp_path, both, rule=rule).preface
    head = "Suppression of code that this change edits, a.py:1 [own/a, own/b]: "
    assert told.startswith(head + said)


def test_the_file_form_is_told_by_its_place_too(tmp_path: Path) -> None:
    [told] = settled(tmp_path, now="own/a own/b", before="own/a").preface
    assert told.startswith("New suppression, s:2 [own/b] -- so: does not count: ")


def test_where_new_ones_count_the_commit_before_is_not_read(tmp_path: Path) -> None:
    """A hook has no time for what changes nothing."""
    outcome = settled(tmp_path, now="own/a", before="broken", rule="allow")
    assert refused(outcome) == [False]
    assert refused(settled(tmp_path, before="broken")) == [], "nor where nothing is accepted"


def test_new_entries_of_the_baseline_are_told_by_their_number(tmp_path: Path) -> None:
    outcome = settled(tmp_path, now="found own/b found", before="found")
    assert refused(outcome) == [False, True, True]
    assert [one.new for one in outcome.suppressions] == [False, True, True]
    first, second = outcome.preface
    assert first.startswith("New suppression, s:2 [own/b]")
    assert second.startswith(f"New entries in {BASELINE_FILE}: 1. They don't count: the policy")
    origin = config.settings(config.Flags(), tmp_path).origin
    head = replace(origin, commit="1" * 40, head={SUPPRESSIONS_FILE: b"found found"})
    counted = settled(tmp_path, origin=head, rule="allow")
    assert counted.preface == (
        f"New entries in {BASELINE_FILE}: 2. They count: suppressions.new is allow.",
    )


@pytest.mark.parametrize(("number", "rest"), [(50, []), (51, ["And 1 more new suppressions."])])
def test_fifty_are_named_and_the_rest_is_counted(
    tmp_path: Path, number: int, rest: list[str]
) -> None:
    preface = settled(tmp_path, now="own/a " * number + "found").preface
    named = [one for one in preface if one.startswith("New suppression,")]
    assert len(named) == 50
    assert [one for one in preface if one.startswith("And ")] == rest


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
