"""What may take for ever is refused; what rules usually say is not."""

from __future__ import annotations

import pytest

from rlm_gate.learning import patience


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+b",
        r"(?:a|b)*c",
        r"(?:\s*\w+\s*)*=",
        r"(?:(?:a?){2,})x",
        r"(?:x\d*){20}",
        r"(\w+)\s+\1",
        r"(?P<q>['\"]).*(?P=q)",
        r"(?x) a b",
    ],
)
def test_shapes_whose_time_doubles_are_refused(pattern: str) -> None:
    assert patience.problem(pattern, [])


def test_slow_shapes_that_only_a_trial_shows_are_refused_in_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "SECONDS", 1)
    assert "too slow" in patience.problem(r"\w*\w*\w*\w*\w*!", [])


def test_a_slow_sample_is_part_of_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 1)
    pattern = "[\u0430-\u044f]+" * 5 + "!"  # no text of our own has such letters
    assert patience.problem(pattern, []) == ""
    assert "too slow" in patience.problem(pattern, ["\u0436" * 4000])


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bexecute\(.*%",
        r"(?:foo|bar){1,3}x",
        r"requests\.(?:get|post)\([^)\n]*\)",
        r"(?i)password\s*=\s*['\"][^'\"]+",
        r"(?:\w+\.)?objects",
        r"^\s*except\s*:\s*pass",
        r"[(+*]+x",
        r"a\(b\)+",
        r"(?<!\w)eval\(",
    ],
)
def test_usual_patterns_pass(pattern: str) -> None:
    assert patience.problem(pattern, ["requests.get(x)\n"]) == ""
