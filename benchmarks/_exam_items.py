"""The items of the audit's exam: changes of real repositories, drawn by a rule and a seed."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEED = 20261123
MOST_CALLS = 20
"""A change whose map takes more calls is left out: a reader by hand answers three a minute."""
SIZES = {"final": 20, "dev": 10}
"""How many commits of each side a list has."""
MET = frozenset({"pr017", "pr019", "pr042", "pr043", "pr044", "pr014.good"})
"""Items that readers met while the prompts were made: never in the final list."""
ITEMS = Path(__file__).with_name("exam_items.json")
BASE, HEAD = "base", "change"
"""The names that both sides have in an item's repository: they tell nothing."""


@dataclass(frozen=True)
class Item:
    """A change from ``base`` to ``head``; or, without a base, ``paths`` of a tree.

    ``flawed`` are (path, first, last line, CWEs) at ``head``; a good commit has none.
    """

    name: str
    repo: str
    base: str | None
    head: str
    flawed: tuple[tuple[str, int, int, tuple[int, ...]], ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Say whether nothing is known to be wrong with it."""
        return not self.flawed


def changes(score: Path) -> Mapping[str, Item]:
    """Return every introducing commit and every good one, by name."""
    introducing = json.loads((score / "introducing.json").read_text(encoding="utf-8"))
    fixes = json.loads((score / "cve_prs.json").read_text(encoding="utf-8"))
    made = [
        Item(
            one["id"],
            one["repo"],
            one["parent"],
            one["sha"],
            tuple((path, line, line, tuple(one["cwe"])) for path, line in one["lines"]),
        )
        for one in introducing
    ]
    for one in fixes:
        good = one.get("good")
        if good:
            made.append(Item(f"{one['id']}.good", one["repo"], good["parent"], good["sha"]))
    return {item.name: item for item in made}


def applications(score: Path, wanted: Mapping[str, Any]) -> Mapping[str, Item]:
    """Return the trees of ``wanted``: the application's own source, with the rows drawn of it."""
    from _exam_rows import APPS, EXAM_APPS

    made = {}
    for name, one in wanted.items():
        repo, revision = APPS[name]
        truth = json.loads((score / f"truth/{name}.json").read_text(encoding="utf-8"))["rows"]
        known: dict[tuple[str, int, int], set[int]] = {}
        for row in truth:
            known.setdefault((row["path"], row["start"], row["end"]), set()).update(row["cwe"])
        rows = [EXAM_APPS[number][1:] for number in one["rows"]]
        flawed = tuple((*row, tuple(sorted(known[row]))) for row in rows)
        made[name] = Item(name, repo, None, revision, flawed, tuple(one["paths"]))
    return made


def draw_rows() -> dict[str, list[int]]:
    """Return ten of the exam's rows of the two applications that are audited whole."""
    from _exam_rows import EXAM_APPS

    numbers = [number for number, row in EXAM_APPS.items() if row[0] in {"pygoat", "vulpy"}]
    drawn = sorted(random.Random(SEED).sample(numbers, 10))  # noqa: S311  # as above
    rows: dict[str, list[int]] = {}
    for number in drawn:
        rows.setdefault(EXAM_APPS[number][0], []).append(number)
    return rows


def draw(items: Mapping[str, Item], calls: Callable[[Item], int]) -> dict[str, list[str]]:
    """Return the lists, disjoint, the final one first and without what readers have met."""
    drawn: dict[str, list[str]] = {name: [] for name in SIZES}
    dice = random.Random(SEED)  # noqa: S311  # a draw that anyone can repeat
    for good in (False, True):
        names = sorted(name for name, item in items.items() if item.good is good)
        fitting = [name for name in names if calls(items[name]) <= MOST_CALLS]
        dice.shuffle(fitting)
        fitting.sort(key=lambda name: name in MET)  # stable: the met ones go last
        final = fitting[: SIZES["final"]]
        rest = [name for name in fitting if name not in final]
        dice.shuffle(rest)
        drawn["final"] += sorted(final)
        drawn["dev"] += sorted(rest[: SIZES["dev"]])
    return drawn


def in_order(listed: list[str], name: str) -> list[tuple[str, str]]:
    """Return (number, item) in an order that tells nothing, the same each time."""
    mixed = sorted(listed)
    random.Random(f"{SEED} {name}").shuffle(mixed)  # noqa: S311  # an order that can be repeated
    return [(f"{number:02}", one) for number, one in enumerate(mixed, 1)]


def prepare(folder: Path, mirror: Path, item: Item) -> Path:
    """Make a bare repository over a snapshot's objects, with both sides under neutral names."""
    target = folder / "repo"
    if not target.is_dir():
        source = mirror / item.repo.replace("/", "+") / "repo"
        if not (source / "objects").is_dir():
            raise SystemExit(f"{source}: no snapshot of {item.repo}; fetch it first")
        subprocess.run(["git", "init", "--quiet", "--bare", str(target)], check=True)
        alternates = target / "objects/info/alternates"
        alternates.write_text(f"{source / 'objects'}\n", encoding="utf-8")
        if (source / "shallow").is_file():
            (target / "shallow").write_bytes((source / "shallow").read_bytes())
        for name, sha in ((BASE, item.base), (HEAD, item.head)):
            if sha:
                full = git(target, "rev-parse", f"{sha}^{{commit}}").strip()
                git(target, "update-ref", f"refs/heads/{name}", full)
    return target


def scope(item: Item) -> list[str]:
    """Return the flags that make the gate judge the item in its prepared repository."""
    if item.base:
        return ["--diff", f"{BASE}...{HEAD}"]
    return ["--rev", HEAD, *item.paths]


def git(repo: Path, *words: str) -> str:
    """Return what git says, bytes that are no UTF-8 replaced."""
    done = subprocess.run(["git", "-C", str(repo), *words], check=True, capture_output=True)
    return done.stdout.decode("utf-8", "replace")


def text_at(repo: Path, ref: str, path: str) -> str:
    """Return a file's text at a side, "" where it is not there."""
    shown = ["git", "-C", str(repo), "cat-file", "blob", f"{ref}:{path}"]
    done = subprocess.run(shown, capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def planned_calls(gate: Path, repo: Path, item: Item) -> int:
    """Return how many calls the map of the item takes, by the gate's own estimate."""
    command = [str(gate), "estimate", "--format", "json", "--repo", str(repo), *scope(item)]
    done = subprocess.run(command, check=True, capture_output=True, cwd=repo)
    calls: int = json.loads(done.stdout)["totals"]["calls"]
    return calls
