"""Write SARIF of the security pack for labelled corpora, ready for a scorer. Offline, no models.

    python benchmarks/corpora.py OUT FOLDER... [--select RULE|PACK ...]

Each FOLDER is a corpus as it was fetched (nothing of it is kept here); OUT receives FOLDER.sarif,
with a result of its own for each place of a finding that the report folds into one.
Prints findings by severity, lines and seconds of each, as a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

GATE = Path(sys.executable).with_name("rlm-gate")
LEVELS = ("critical", "high", "medium", "low", "info")


def main() -> None:
    """Judge every corpus and print a row of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--select", action="append")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    print(f"| corpus | lines | {' | '.join(LEVELS)} | a line of high or above per | seconds |")
    print(f"|---|---|{'---|' * len(LEVELS)}---|---|")
    for folder in asked.folders:
        print(row(folder, asked.out.absolute(), asked.select or ["security"]))


def row(folder: Path, out: Path, select: list[str]) -> str:
    """Judge a folder; return its row."""
    verdict = out / f"{folder.name}.json"
    command = [str(GATE), "check", ".", "--offline", "--no-ignores"]
    command += [word for name in select for word in ("--select", name)]
    command += ["--fail-on", "never", "--quiet", "--output", f"json={verdict}"]
    command += ["--output", f"sarif={out / folder.name}.sarif"]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    unfold(out / f"{folder.name}.sarif")
    judged = json.loads(verdict.read_text(encoding="utf-8"))
    found = Counter(one["severity"] for one in judged["findings"])
    lines, serious = judged["coverage"]["lines"], found["critical"] + found["high"]
    rate = f"{lines // serious} lines" if serious else "none"
    counts = " | ".join(str(found[level]) for level in LEVELS)
    return f"| {folder.name} | {lines} | {counts} | {rate} | {seconds:.1f} |"


def unfold(path: Path) -> None:
    """Give each place of a finding a result of its own: scorers look at the first place alone."""
    log = json.loads(path.read_text(encoding="utf-8"))
    for run in log["runs"]:
        results = run.get("results", [])
        for one in list(results):
            further = [*one["locations"][1:], *one.get("relatedLocations", [])]
            results += [{**one, "locations": [place]} for place in further]
    path.write_text(json.dumps(log), encoding="utf-8")


if __name__ == "__main__":
    main()
