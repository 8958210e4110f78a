"""Print precision and recall of the checkpoint heuristics on generated, labelled logs.

    .venv/bin/python benchmarks/checkpoint.py [CASES]

The logs and labels come from tests/logbook.py, written before the heuristics, by the same author:
the figures show what the patterns cover, not how they fare on strangers' logs.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import logbook  # lives beside the tests

from rlm_gate.tasks._report import Sources
from rlm_gate.tasks.logs.formats import read
from rlm_gate.tasks.logs.indicators import signs


def main(count: int) -> None:
    """Judge that many logs of each format."""
    counts: Counter[tuple[str, bool, bool]] = Counter()
    for case in logbook.cases(100, count):
        shown = {sign.indicator for sign in signs(read(case.files, Sources()), logbook.ISSUE)}
        for one in logbook.INDICATORS:
            counts[one, one in case.labels, one in shown] += 1
    print(f"{'indicator':22} precision  recall")
    for one in logbook.INDICATORS:
        right = counts[one, True, True]
        found, there = right + counts[one, False, True], right + counts[one, True, False]
        print(f"{one:22} {right:4}/{found:<4}  {right:4}/{there:<4}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
