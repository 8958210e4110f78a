"""Findings of several places, spread for the formats that mark lines."""

from __future__ import annotations

from dataclasses import replace

from builders import finding

from rlm_gate.core import Place, Span
from rlm_gate.reports._causes import spread


def test_what_is_told_of_a_value_and_its_way_is_told_of_the_first_place_alone() -> None:
    way, said = (Span("a.py", 2, 2), Span("a.py", 3, 3)), "What comes in at line 2 gets to line 3."
    other = Place(Span("b.py", 7, 7), "f")
    whole = replace(finding(line=3), engine="taint", flow=way, explanation=said, also=(other,))
    first, second = spread([whole])
    assert (first.flow, first.explanation) == (way, said)
    assert (second.span, second.flow, second.explanation) == (other.span, (), "")
    copied = replace(whole, engine="copies")
    assert [one.explanation for one in spread([copied])] == [said, said]
