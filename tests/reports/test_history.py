from __future__ import annotations

from pathlib import Path

import pytest

from rlm_gate.core import Verdict
from rlm_gate.errors import UsageError
from rlm_gate.reports import _history


def test_runs_come_back_in_the_order_they_were_added(
    tmp_path: Path, samples: dict[str, Verdict]
) -> None:
    file = tmp_path / "nightly" / "history.jsonl"
    assert _history.read(file) == ()
    _history.add(file, samples["failed"], when="2026-11-01T03:17:00Z", commit="a" * 40)
    _history.add(file, samples["inconclusive"], when="2026-11-02T03:17:00Z", commit="b" * 40)
    first, second = _history.read(file)
    assert (first.when, first.status, first.blocking) == ("2026-11-01T03:17:00Z", "fail", 2)
    assert dict(first.findings)["high"] == 3
    assert (second.commit, second.usd) == ("b" * 40, None)


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", '{"version": 2}', '"x"', '{"version": 1, "when": "x"}']
)
def test_a_broken_line_is_named_with_its_place(line: str, tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    file.write_text(f"\n{line}\n")
    with pytest.raises(UsageError, match=r"h\.jsonl:2: "):
        _history.read(file)


def test_a_file_that_can_not_be_read_or_written_is_told(
    tmp_path: Path, samples: dict[str, Verdict]
) -> None:
    with pytest.raises(UsageError, match="--history"):
        _history.read(tmp_path)
    with pytest.raises(UsageError, match="--history"):
        _history.add(tmp_path, samples["passed"], when="", commit="")
