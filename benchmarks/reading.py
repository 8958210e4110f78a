"""Draw findings at random for a person to read, and count them by lines. Offline, no models.

    python benchmarks/reading.py FOLDER... [--seed N] [--draw 50] [--level high] [--context 4]
                                [--select RULE|PACK ...]

Each FOLDER is a work tree, or a bare repository (of which HEAD is judged). The default packs judge
it. Prints how many findings of that severity or above each has per 2,000 lines, then those drawn: a
row of a Markdown table each, its last two cells left to the reader, and with --context its code
below. A finding that the report folds counts once for each place. The same folders, seed and rules
draw the same findings.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

GATE = Path(sys.executable).with_name("rlm-gate")
LEVELS = ("info", "low", "medium", "high", "critical")
EVERY = 2_000  # lines


class Place(NamedTuple):
    """A place of a finding; they sort as they are drawn from."""

    folder: str
    path: str
    line: int
    rule: str
    severity: str
    quote: str


def main() -> None:
    """Judge the folders, count, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draw", type=int, default=50)
    parser.add_argument("--level", choices=LEVELS, default="high")
    parser.add_argument("--select", action="append", help="judge by these rules or packs alone")
    parser.add_argument("--context", type=int, default=0, help="lines of code around each")
    asked = parser.parse_args()
    wanted = LEVELS[LEVELS.index(asked.level) :]
    print(f"| folder | lines | {asked.level} or above | per {EVERY:,} lines | all findings |")
    print("|---|---|---|---|---|")
    found: list[Place] = []
    for folder in asked.folders:
        verdict = judged(folder, asked.select or [])
        everything = places(folder, verdict)
        mine = [one for one in everything if one.severity in wanted]
        found += mine
        lines = verdict["coverage"]["lines"]
        rate = f"{len(mine) * EVERY / lines:.2f}" if lines else "-"
        print(f"| {folder.name} | {lines:,} | {len(mine)} | {rate} | {len(everything)} |")
    drawn = draw(found, asked.draw, asked.seed)
    print(f"\n{len(drawn)} of {len(found)} drawn, seed {asked.seed}\n")
    print("| rule | place | true? | why |\n|---|---|---|---|")
    for one in drawn:
        print(f"| {one.rule} | {one.folder} {one.path}:{one.line} | | |")
    by_name = {folder.name: folder for folder in asked.folders}
    for one in drawn if asked.context else ():
        shown = around(text_of(by_name[one.folder], one.path), one.line, asked.context)
        print(f"\n{one.rule} ({one.severity}) {one.folder} {one.path}:{one.line}\n{shown}")


def draw(found: Sequence[Place], most: int, seed: int) -> list[Place]:
    """Return that many of them at random, or all, in order."""
    everything = sorted(found)
    chosen = random.Random(seed).sample(everything, min(most, len(everything)))  # noqa: S311  # a draw of findings
    return sorted(chosen)


def judged(folder: Path, select: Sequence[str] = ()) -> Mapping[str, Any]:
    """Return the JSON report of the default packs; a file that nothing can parse leaves it open."""
    scope = ["--repo", str(folder), "--rev", "HEAD"] if is_bare(folder) else ["--all"]
    command = [str(GATE), "check", *scope, "--offline", "--fail-on", "never", "--format", "json"]
    command += ["--on-inconclusive", "warn"]
    command += [word for name in select for word in ("--select", name)]
    where = None if is_bare(folder) else folder
    done = subprocess.run(command, cwd=where, capture_output=True, check=True)
    report: Mapping[str, Any] = json.loads(done.stdout)
    return report


def places(folder: Path, verdict: Mapping[str, Any]) -> list[Place]:
    """Return the findings, each place of a folded one on its own."""
    return [
        Place(
            folder.name,
            place["path"],
            place["start_line"],
            one["rule"],
            one["severity"],
            place.get("quote", ""),
        )
        for one in verdict["findings"]
        for place in (one, *one["also"])
    ]


def text_of(folder: Path, path: str) -> str:
    """Return a file of the work tree, or of HEAD."""
    if not is_bare(folder):
        return (folder / path).read_text(encoding="utf-8", errors="replace")
    command = ["git", f"--git-dir={folder}", "show", f"HEAD:{path}"]
    done = subprocess.run(command, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def around(text: str, line: int, context: int) -> str:
    """Return the lines around a line, numbered."""
    lines = text.splitlines()
    first, last = max(1, line - context), min(len(lines), line + context)
    return "\n".join(f"{number:>5} {lines[number - 1]}" for number in range(first, last + 1))


def is_bare(folder: Path) -> bool:
    """Say whether it is a bare repository."""
    return not (folder / ".git").exists() and (folder / "HEAD").is_file()


if __name__ == "__main__":
    main()
