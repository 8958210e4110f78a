"""Say which known flaws an audit's plan reaches. Asks no model; costs are those of the plan.

    python benchmarks/exam_plan.py MIRROR SCORE [--set fixes|introducing|exam ...] [--row ID ...]

MIRROR holds bare snapshots, owner+name/repo; SCORE holds cve_prs.json, introducing.json, truth/
and sarif_lib.py, whose grouping of CWEs into families is used. A reverted fix is the diff from the
fix to its parent; rows of the deliberately vulnerable applications are planned as whole trees.
A row is reached if every one of its flawed ranges is judged (a reverted fix: within 3 lines, for
what it deletes has only neighbours) by a call with a rule of at most 3 CWE families, one of them
the row's. Ends in 1 below 95 % of the fixes and exam rows, or above a likely $0.10 of the map per
1,000 changed lines, added and deleted. "Likely" and "at most" are those of the plan's JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _exam_rows import APPS, EXAM_APPS, EXAM_FIXES

GATE = Path(sys.executable).with_name("rlm-gate")
REACHED, DOLLARS = 0.95, 0.10
FAMILIES = 3
SLACK = 3
SETS = ("fixes", "introducing", "exam")
Families = Callable[[Iterable[int]], set[str]]


@dataclass(frozen=True)
class Row:
    """A flaw: its lines as (path, start, end) at ``head``, which is judged against ``base``."""

    name: str
    repo: str
    base: str | None
    head: str
    cwes: tuple[int, ...]
    flawed: tuple[tuple[str, int, int], ...]
    slack: int = 0


@dataclass(frozen=True)
class Met:
    """How a plan meets a row: which ranges it reaches, by which rules, beside which context."""

    row: Row
    reached: int
    rules: tuple[str, ...]
    context: tuple[str, ...]
    why: str


def main() -> int:
    """Plan each row's change, print the table and the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mirror", type=Path)
    parser.add_argument("score", type=Path)
    parser.add_argument("--set", action="append", choices=SETS, dest="sets")
    parser.add_argument("--row", action="append")
    parser.add_argument("--select", action="append", default=[])
    asked = parser.parse_args()
    families = grouping(asked.score / "sarif_lib.py")
    missed = False
    with tempfile.TemporaryDirectory() as scratch:
        plans = Plans(asked.mirror, Path(scratch), asked.select)
        for name in asked.sets or SETS:
            rows = [
                row for row in rows_of(name, asked.score) if not asked.row or row.name in asked.row
            ]
            missed |= table(name, rows, plans, families)
    return int(missed)


def table(name: str, rows: Sequence[Row], plans: Plans, families: Families) -> bool:
    """Print a set's rows and figures; say whether it missed a bar."""
    print(f"\n## {name}\n\n| row | repository | CWE | ranges | rules | context spans | why not |")
    print("|---|---|---|---|---|---|---|")
    for repo in dict.fromkeys(row.repo for row in rows):
        plans.repository(repo)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(plans.warm, dict.fromkeys((row.repo, row.base, row.head) for row in rows)))
    found = [meet(row, plans.of(row), families) for row in rows]
    for one in found:
        ranges = f"{one.reached}/{len(one.row.flawed)}"
        cells = (one.row.name, one.row.repo, ", ".join(map(str, one.row.cwes)), ranges)
        kinds = Counter(one.context)
        spans = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        print(f"| {' | '.join(cells)} | {' '.join(one.rules)} | {spans} | {one.why} |", flush=True)
    whole = sum(one.reached == len(one.row.flawed) for one in found)
    part = sum(bool(one.reached) for one in found)
    share = whole / max(1, len(found))
    print(
        f"\nSCORE {name}: reached whole {whole}/{len(found)} ({share:.3f}), in part or whole {part}"
    )
    worst, likely = dollars(rows, plans)
    print(f"map per 1,000 changed lines: likely ${likely:.4f}, at most ${worst:.4f}")
    return name != "introducing" and (share < REACHED or likely > DOLLARS)


def dollars(rows: Sequence[Row], plans: Plans) -> tuple[float, float]:
    """Return the map's (worst, likely) price per 1,000 changed lines of all changes together."""
    changes = {(row.repo, row.base, row.head): plans.of(row)["totals"] for row in rows}
    diffs = [totals for (_, base, _), totals in changes.items() if base]
    lines = sum(totals["added_lines"] + totals["removed_lines"] for totals in diffs)
    worst = sum(totals["map_usd"] for totals in diffs)
    likely = sum(totals["likely_map_usd"] for totals in diffs)
    return 1000 * worst / max(1, lines), 1000 * likely / max(1, lines)


def meet(row: Row, plan: dict[str, Any], families: Families) -> Met:
    """Hold a plan against a row."""
    want = families(row.cwes)
    tagged = {rule["id"]: families(cwes(rule)) for rule in plan["rules"]}
    good = {rule for rule, covers in tagged.items() if covers & want and len(covers) <= FAMILIES}
    reached = 0
    rules: set[str] = set()
    context: list[str] = []
    whys: list[str] = []
    for part in row.flawed:
        calls = [call for call in plan["calls"] if judges(call, part, row.slack)]
        sharp = [call for call in calls if good & set(call["rules"])]
        reached += bool(sharp)
        rules.update(rule for call in sharp for rule in good & set(call["rules"]))
        if sharp:
            context.extend(span["why"].split()[0] for span in sharp[0]["context"])
        else:
            whys.append(why(part, calls, {one for one in tagged if tagged[one] & want}, good))
    return Met(row, reached, tuple(sorted(rules)), tuple(context), "; ".join(dict.fromkeys(whys)))


def why(part: tuple[str, int, int], calls: list[Any], akin: set[str], good: set[str]) -> str:
    """Say what keeps a flawed range from being asked about."""
    path = part[0]
    if not calls:
        return f"{path}:{part[1]} is in no call"
    met = {rule for call in calls for rule in call["rules"]} & akin
    if met:
        return f"{path}: only under wide rules: {' '.join(sorted(met))}"
    if good:
        return f"{path}: not under {' '.join(sorted(good))}"
    return f"{path}: no rule of the family is in the plan"


def judges(call: dict[str, Any], part: tuple[str, int, int], slack: int) -> bool:
    """Say whether a call is asked about some line of the range."""
    path, start, end = part
    return call["path"] == path and any(
        one["start"] <= end + slack and start - slack <= one["end"] for one in call["judged"]
    )


def cwes(rule: dict[str, Any]) -> list[int]:
    """Return the CWEs that a rule's tags name."""
    marks = (tag.rpartition("cwe-") for tag in rule["tags"] if "cwe/cwe-" in tag)
    return [int(number) for _, _, number in marks if number.isdigit()]


class Plans:
    """Plans of changes, each made once. Snapshots are read through a scratch repository."""

    def __init__(self, mirror: Path, scratch: Path, select: Sequence[str]) -> None:
        self.mirror, self.scratch = mirror, scratch
        self.flags = [word for name in select for word in ("--select", name)]
        self.made: dict[tuple[str, str | None, str], dict[str, Any]] = {}

    def of(self, row: Row) -> dict[str, Any]:
        """Return the plan of the row's change."""
        return self.made[row.repo, row.base, row.head]

    def warm(self, key: tuple[str, str | None, str]) -> None:
        """Make a plan."""
        if key in self.made:
            return
        repo, base, head = key
        folder = self.repository(repo)
        scope = ["--rev", head]
        if base:
            scope = ["--diff", f"{base}...{onto(folder, base, head)}"]
        command = [str(GATE), "estimate", "--format", "json", "--no-ignores", "--repo", str(folder)]
        done = subprocess.run(
            [*command, *scope, *self.flags], check=True, capture_output=True, cwd=folder
        )
        self.made[key] = json.loads(done.stdout)

    def repository(self, repo: str) -> Path:
        """Return a repository of our own over the snapshot's objects, which stay as they are."""
        name = repo.replace("/", "+")
        folder = self.scratch / name
        if not folder.is_dir():
            subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
            source = self.mirror / name / "repo"
            objects = source / "objects"
            if not objects.is_dir():
                raise SystemExit(f"{source}: no snapshot of {repo}; fetch it first")
            (folder / "objects/info/alternates").write_text(f"{objects}\n", encoding="utf-8")
            if (source / "shallow").is_file():
                (folder / "shallow").write_bytes((source / "shallow").read_bytes())
        return folder


def onto(folder: Path, base: str, head: str) -> str:
    """Return a commit with the tree of ``head`` on top of ``base``: a fix's revert, for one."""
    who = ["-c", "user.name=exam", "-c", "user.email=exam@example.org"]
    command = ["git", *who, "commit-tree", f"{head}^{{tree}}", "-p", base, "-m", "Change"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def rows_of(name: str, score: Path) -> Iterator[Row]:
    """Yield the rows of a set."""
    if name == "introducing":
        yield from introducing(score)
        return
    fixes = {row.name: row for row in reverted(score)}
    if name == "fixes":
        yield from fixes.values()
        return
    yield from applications(score)
    for number, ident in EXAM_FIXES.items():
        row = fixes[ident]
        yield Row(f"exam {number}", row.repo, row.base, row.head, row.cwes, row.flawed, row.slack)


def reverted(score: Path) -> Iterator[Row]:
    """Yield the reverted fixes: from the fix to its parent."""
    for one in json.loads((score / "cve_prs.json").read_text(encoding="utf-8")):
        flawed = tuple(
            (file["path"], start, end) for file in one["files"] for start, end in file["bad_lines"]
        )
        yield Row(
            one["id"], one["repo"], one["sha"], one["parent"], tuple(one["cwe"]), flawed, SLACK
        )


def introducing(score: Path) -> Iterator[Row]:
    """Yield the commits that brought a flaw in."""
    for one in json.loads((score / "introducing.json").read_text(encoding="utf-8")):
        flawed = tuple((path, line, line) for path, line in one["lines"])
        yield Row(one["id"], one["repo"], one["parent"], one["sha"], tuple(one["cwe"]), flawed)


def applications(score: Path) -> Iterator[Row]:
    """Yield the rows of the deliberately vulnerable applications; the truth knows their CWEs."""
    for number, (app, path, start, end) in EXAM_APPS.items():
        truth = json.loads((score / f"truth/{app}.json").read_text(encoding="utf-8"))
        cwes = {
            cwe
            for one in truth["rows"]
            if (one["path"], one["start"], one["end"]) == (path, start, end)
            for cwe in one["cwe"]
        }
        if not cwes:
            raise SystemExit(f"exam row {number}: {path}:{start}-{end} is not in truth/{app}.json")
        repo, revision = APPS[app]
        yield Row(
            f"exam {number}", repo, None, revision, tuple(sorted(cwes)), ((path, start, end),)
        )


def grouping(path: Path) -> Families:
    """Return the scorers' function from CWE numbers to families."""
    spec = importlib.util.spec_from_file_location("sarif_lib", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: no such module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Families = module.fams
    return found


if __name__ == "__main__":
    sys.exit(main())
