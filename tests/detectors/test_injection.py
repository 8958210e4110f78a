"""What the engine for texts that address the reviewer reports, and in which order."""

from rlm_gate.detectors import injection


def test_several_finds_on_a_line_are_in_the_order_of_their_columns() -> None:
    found = injection.find("a = '" + "\u202e x \u2066 y " * 6 + "'", "python")
    columns = [region.column for _, region in found]
    assert len(columns) == 12
    assert columns == sorted(columns)
