"""What the root must have met before it may end, counted by the host."""

from __future__ import annotations

from typing import Any

import pytest

from rlm_gate.rlm.looks import Looks

PATHS = ("a.py", "b.py", "c.py", "docs/d.md")
PARTS = [("a.py", "=== a.py (modified)\n+import os\n+os.system(x)"), ("c.py", "=== c.py (added)")]


def looks() -> Looks:
    return Looks(("a.py", "c.py"), PATHS, PARTS)


def test_files_that_were_loaded_are_met() -> None:
    seen = looks()
    assert seen.objection() == ("2 of 2 judged files were neither read nor searched, first a.py")
    seen.met([[0, 2]])
    assert "1 of 2 judged files" in seen.objection()
    seen.met([[2, 4]])
    assert seen.objection() == ""


def test_a_part_of_the_diff_that_was_shown_is_met() -> None:
    seen = looks()
    seen.shown("nothing of it")
    seen.shown(f"first\n{PARTS[0][1]}\nlast")
    assert "first c.py" in seen.objection()
    seen.shown(PARTS[1][1] + "\n")
    assert seen.objection() == ""


def test_a_heading_alone_is_no_part() -> None:
    seen = looks()
    seen.shown("=== a.py (modified)\n")
    assert "first a.py" in seen.objection()


@pytest.mark.parametrize(
    "sent",
    [None, "all", {"a": 1}, [[0, 99]], [[-1, 3]], [[3, 0]], [["0", "4"]], [0, 4], [[0.0, 4.0]]],
)
def test_nonsense_from_the_sandbox_meets_nothing(sent: Any) -> None:
    seen = looks()
    seen.met(sent)
    assert "2 of 2" in seen.objection()


def test_nothing_to_meet_is_no_objection() -> None:
    assert Looks((), PATHS).objection() == ""
