"""Every report of every sample, byte for byte. UPDATE_GOLDEN=1 writes what is there now."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rlm_gate import reports
from rlm_gate.core import Verdict

_ENDINGS = {
    "beads": "beads.jsonl",
    "github": "github.txt",
    "gitlab": "gitlab.json",
    "html": "html",
    "json": "json",
    "junit": "junit.xml",
    "markdown": "md",
    "rdjson": "rdjson",
    "sarif": "sarif",
    "sarif-full": "full.sarif",
    "text": "txt",
}
_LONG = {("hostile", "json")}  # it holds the megabyte of the sample, as it should


def test_every_report_has_golden_files() -> None:
    assert sorted(_ENDINGS) == list(reports.names())


@pytest.mark.parametrize("name", sorted(_ENDINGS))
def test_a_report_is_exactly(
    name: str, samples: dict[str, Verdict], golden: Callable[[str, bytes], None]
) -> None:
    assert len(samples) >= 12
    for sample, verdict in samples.items():
        if (sample, name) not in _LONG:
            golden(f"{sample}.{_ENDINGS[name]}", reports.load(name).render(verdict))
