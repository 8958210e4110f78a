"""Compare the security pack with bandit on bandit's own examples, file by file.

    python benchmarks/bandit_examples.py EXAMPLES [--bandit PROGRAM] [--all] [--missing]

EXAMPLES is the folder of that name in bandit's source distribution; bandit itself is a program on
PATH, or the one named. A line of bandit's (medium or high severity) counts as found where a finding
of ours touches it or a line beside it. A line is good where bandit finds nothing of any severity,
not even with --ignore-nosec: what we find there is listed as extra. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

Lines = dict[str, dict[int, str]]
SERIOUS = {"MEDIUM", "HIGH"}
GATE = Path(sys.executable).with_name("rlm-gate")
PACKS = ("security", "performance/request-without-timeout")


def main() -> None:
    """Run both tools and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", type=Path)
    parser.add_argument("--bandit", default="bandit")
    parser.add_argument("--all", action="store_true", help="files without a difference too")
    parser.add_argument("--missing", action="store_true", help="list lines that only bandit finds")
    asked = parser.parse_args()
    serious, any_of_theirs = of_bandit(asked.examples, asked.bandit)
    ours = of_the_gate(asked.examples, PACKS)
    rows = [row(name, serious, any_of_theirs, ours) for name in sorted({*serious, *ours})]
    print("| file | bandit, medium and high | found of these | ours where bandit has nothing |")
    print("|---|---|---|---|")
    for name, theirs, found, extra in rows:
        if asked.all or found < theirs or extra:
            print(f"| {name} | {theirs} | {found} | {extra} |")
    totals = [str(sum(one[part] for one in rows)) for part in (1, 2, 3)]
    print(f"| all {len(rows)} | {' | '.join(totals)} |")
    if asked.missing:
        for name, lines in sorted(serious.items()):
            for line, test in sorted(lines.items()):
                if not touched(line, ours.get(name, {})):
                    print(f"{name}:{line}: {test}")


def row(name: str, serious: Lines, theirs: Lines, ours: Lines) -> tuple[str, int, int, int]:
    """Return the file, bandit's serious lines, how many of them are found, and our own lines."""
    wanted, mine = serious.get(name, {}), ours.get(name, {})
    found = sum(touched(line, mine) for line in wanted)
    known = theirs.get(name, {})
    extra = sum(not any(touched(line, known) for line in range(*one)) for one in places(mine))
    return name, len(wanted), found, extra


def places(mine: dict[int, str]) -> list[tuple[int, int]]:
    """Return our findings as ranges of lines: what touches and has one rule is one of them."""
    ranges: list[tuple[int, int]] = []
    for line in sorted(mine):
        if ranges and ranges[-1][1] == line and mine[line - 1] == mine[line]:
            ranges[-1] = (ranges[-1][0], line + 1)
        else:
            ranges.append((line, line + 1))
    return ranges


def touched(line: int, lines: dict[int, str]) -> bool:
    """Say whether one of the lines is this one or beside it."""
    return any(near in lines for near in (line - 1, line, line + 1))


def of_bandit(examples: Path, program: str) -> tuple[Lines, Lines]:
    """Return the lines of medium and high severity, and those of any."""
    serious: Lines = defaultdict(dict)
    everything: Lines = defaultdict(dict)
    for one in results(examples, program):
        if one["issue_severity"] in SERIOUS:
            serious[one["filename"].removeprefix("./")][one["line_number"]] = one["test_id"]
    for one in results(examples, program, "--ignore-nosec"):
        for line in one["line_range"] or [one["line_number"]]:
            everything[one["filename"].removeprefix("./")][line] = one["test_id"]
    return serious, everything


def results(examples: Path, program: str, *flags: str) -> list[dict[str, Any]]:
    """Return bandit's results as its JSON has them; it ends in 1 where there are any."""
    command = [program, "-q", "-r", ".", "-f", "json", *flags]
    done = subprocess.run(command, cwd=examples, capture_output=True, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return found


def of_the_gate(examples: Path, packs: tuple[str, ...]) -> Lines:
    """Return the lines of our findings in Python files, ignoring nothing."""
    command = [str(GATE), "check", ".", "--offline", "--no-ignores"]
    command += [word for pack in packs for word in ("--select", pack)]
    command += ["--fail-on", "never", "--format", "json"]
    done = subprocess.run(command, cwd=examples, capture_output=True, check=True)
    lines: Lines = defaultdict(dict)
    for one in json.loads(done.stdout)["findings"]:
        for place in (one, *one["also"]):
            if place["path"].endswith(".py"):
                for line in range(place["start_line"], place["end_line"] + 1):
                    lines[place["path"]][line] = one["rule"]
    return lines


if __name__ == "__main__":
    main()
