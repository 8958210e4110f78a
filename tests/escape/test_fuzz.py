"""A short run of the fuzzer on programs of the day; ``fuzz.py`` runs for as long as asked."""

from __future__ import annotations

import pytest
from escape import fuzz
from hypothesis import given, settings
from hypothesis import strategies as st

SOURCES = fuzz.programs()


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 1 << 32))
def test_what_the_policy_accepts_keeps_its_promises(seed: int) -> None:
    fuzz.check_policy(fuzz.mutate(fuzz.chance(seed), SOURCES))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_no_source_does_worse_than_be_refused(source: str) -> None:
    fuzz.check_policy(source)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 32))
def test_no_damaged_frame_does_worse_than_a_violation(seed: int) -> None:
    fuzz.check_frame(fuzz.chance(seed))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_mutants_run_without_any_effect() -> None:
    outcomes = fuzz.run(minutes=0.05, seed=20260101)
    assert outcomes["accepted"] > 20
    assert outcomes["refused"] > 20


def test_the_promises_are_not_empty() -> None:
    """Each promise is broken by the plain tree of a program that the policy has not seen."""
    plain = {
        "a.b": "unguarded read",
        "a.b = 1": "unguarded store",
        "a[1] = 2": "unguarded store",
        "a.__b__ = 1": "the attribute",
        "__a__": "the name",
        "class A: pass": "without our metaclass",
        "try: pass\nexcept: pass": "bare except",
        "match a:\n case A(x): pass": "reads attributes",
        "async def f(): pass": "async",
    }
    for source, promise in plain.items():
        assert promise in "; ".join(fuzz.promises_broken(fuzz.ast.parse(source))), source
