from __future__ import annotations

from rlm_gate.phrases import counted, listed


def test_counts_and_lists_read_as_a_sentence() -> None:
    assert [counted(number, "line") for number in (0, 1, 12_000)] == [
        "0 lines",
        "1 line",
        "12,000 lines",
    ]
    assert [counted(number, "entry") for number in (1, 2)] == ["1 entry", "2 entries"]
    assert counted(2, "day") == "2 days"
    assert listed(["a", "b", "c"], 3) == "a, b, c"
    assert listed(["a", "b", "c"], 1) == "a and 2 more"
