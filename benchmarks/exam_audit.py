"""Give the audit an exam: commits that brought a flaw in, among good ones, before blind readers.

    python benchmarks/exam_audit.py draw  --mirror M --score S
    python benchmarks/exam_audit.py count --mirror M --score S --list dev
    python benchmarks/exam_audit.py run   --mirror M --score S --list dev --state D --servers URL...
    python benchmarks/exam_audit.py look  (as run)
    python benchmarks/exam_audit.py score --mirror M --score S --list dev --state D [--each]

M holds bare snapshots, owner+name/repo; S holds introducing.json, cve_prs.json, truth/ and
sarif_lib.py. `draw` writes the names of two disjoint lists by a fixed seed, before any answer is
seen: changes whose map takes at most 20 calls; what readers met while prompts were made is never in
the final list. `run` runs the whole `rlm-gate check` on each item, in an order that tells
nothing, over the anthropic provider, one item a server at a time; whatever answers the Messages API
there is the reader. Base and head have neutral names, and nothing of the labels is near a request.
An item that was done is not run again; one that was cut short goes on where it stopped. `look` puts
one plain request an item to the same kind of reader. D knows the labels: readers never see it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import _exam_look
import _exam_score
from _exam_items import (
    ITEMS,
    SEED,
    Item,
    applications,
    changes,
    draw,
    in_order,
    planned_calls,
    prepare,
    scope,
)

GATE = Path(sys.executable).with_name("rlm-gate")
CONFIG = "version: 1\nbudget: {call_timeout: 2500, deadline: 21600}\n"
"""A reader by hand takes minutes where a model takes seconds; the dollar limit is the default."""
JUDGED = {0, 1, 3}
TREES = "full"


def main() -> int:
    """Do what was asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("draw", "count", "run", "look", "score"))
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--items", type=Path, default=ITEMS)
    parser.add_argument("--list", default="dev", help="dev, final or full")
    parser.add_argument("--state", type=Path)
    parser.add_argument("--servers", nargs="+", default=[])
    parser.add_argument("--only", nargs="+", help="only these items, by their number")
    parser.add_argument("--each", action="store_true", help="score: a row for each item")
    asked = parser.parse_args()
    if asked.what == "draw":
        return drawn(asked)
    items = chosen(asked)
    if asked.what == "count":
        return counted(asked, items)
    if asked.state is None:
        parser.error("--state DIR is needed")
    if asked.what == "score":
        return scored(asked, items)
    if not asked.servers:
        parser.error("--servers URL... is needed")
    work = audited if asked.what == "run" else looked
    return served(asked, items, work)


def chosen(asked: argparse.Namespace) -> dict[str, Item]:
    """Return the list's items by number, in the order they are run."""
    lists = json.loads(asked.items.read_text(encoding="utf-8"))
    if asked.list not in lists:
        raise SystemExit(f"{asked.items}: no list {asked.list!r}")
    every = changes(asked.score)
    if asked.list == TREES:
        every = applications(asked.score, lists[TREES])
    named = in_order(list(lists[asked.list]), asked.list)
    return {number: every[name] for number, name in named if not asked.only or number in asked.only}


def drawn(asked: argparse.Namespace) -> int:
    """Draw the lists and write them; what else stands in the file is kept."""
    every = changes(asked.score)
    counts = {name: _calls(asked, item) for name, item in every.items()}
    lists = draw(every, lambda item: counts[item.name])
    kept = json.loads(asked.items.read_text(encoding="utf-8")) if asked.items.exists() else {}
    text = json.dumps({**kept, **lists}, indent=1)
    asked.items.write_text(f"{text}\n", encoding="utf-8")
    for name, names in lists.items():
        print(f"{name}: {len(names)} items, {sum(counts[one] for one in names)} calls of the map")
    print(f"seed {SEED}")
    return 0


def counted(asked: argparse.Namespace, items: Mapping[str, Item]) -> int:
    """Print how many calls the map of each item takes."""
    total = 0
    for number, item in items.items():
        calls = _calls(asked, item)
        total += calls
        print(number, calls, flush=True)
    print(f"{asked.list}: {len(items)} items, {total} calls of the map")
    return 0


def _calls(asked: argparse.Namespace, item: Item) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        return planned_calls(GATE, prepare(Path(scratch), asked.mirror, item), item)


def served(
    asked: argparse.Namespace,
    items: Mapping[str, Item],
    work: Callable[[Path, Path, Item, str], str],
) -> int:
    """Give each server one item at a time until none is left; say what each came to."""
    waiting: queue.SimpleQueue[tuple[str, Item]] = queue.SimpleQueue()
    for pair in items.items():
        waiting.put(pair)
    failed: list[str] = []

    def serve(url: str) -> None:
        while True:
            try:
                number, item = waiting.get_nowait()
            except queue.Empty:
                return
            folder = asked.state / "items" / number
            folder.mkdir(parents=True, exist_ok=True)
            start = time.monotonic()
            repo = prepare(folder, asked.mirror, item)
            trouble = work(folder, repo, item, url)
            if trouble:
                failed.append(number)
            spent = round(time.monotonic() - start)
            print(f"{number}: {trouble or 'done'} ({spent} s)", flush=True)

    threads = [threading.Thread(target=serve, args=(url,)) for url in asked.servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1 if failed else 0


def audited(folder: Path, repo: Path, item: Item, url: str) -> str:
    """Run the gate on an item; return what went wrong, "" if it was judged, now or before."""
    report = folder / "report.json"
    if report.exists():
        return ""
    config = folder / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    cache = folder / "cache"
    outputs = (f"json={folder / 'partial.json'}", f"sarif={folder / 'report.sarif'}")
    command = [str(GATE), "check", *scope(item), "--repo", str(repo), "--config", str(config)]
    command += [word for output in outputs for word in ("--output", output)]
    if cache.exists():
        command.append("--resume")
    done = subprocess.run(
        [*command, "--quiet"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RLM_GATE_CACHE_DIR": str(cache),
            "ANTHROPIC_API_KEY": "exam",
            "ANTHROPIC_BASE_URL": url,
        },
        cwd=folder,
        capture_output=True,
        check=False,
    )
    (folder / "stderr.txt").write_bytes(done.stderr)
    if done.returncode not in JUDGED or not (folder / "partial.json").exists():
        return f"exit {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}"
    interrupted = _exam_score.read_json(folder / "partial.json")["interrupted"]
    if interrupted:
        return f"interrupted: {interrupted}"
    (folder / "partial.json").rename(report)
    return ""


def looked(folder: Path, repo: Path, item: Item, url: str) -> str:
    """Put the plain look of an item; return what went wrong, "" if it was answered."""
    kept = folder / "look.json"
    if kept.exists():
        return ""
    try:
        told = _exam_look.ask(url, _exam_look.request(repo, item))
    except OSError as error:
        return str(error)
    kept.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return ""


def scored(asked: argparse.Namespace, items: Mapping[str, Item]) -> int:
    """Print what the audit and the plain look came to on the items that are done.

    Each report's SARIF is copied to the state's sarif/ under the item's name, for other scorers.
    """
    families = grouping(asked.score / "sarif_lib.py")
    repos = {item.name: asked.state / "items" / number / "repo" for number, item in items.items()}
    kept = asked.state / "sarif"
    kept.mkdir(parents=True, exist_ok=True)
    for number, item in items.items():
        report = asked.state / "items" / number / "report.sarif"
        if report.exists():
            shutil.copyfile(report, kept / f"{item.name}.sarif")
    readings: tuple[tuple[str, str, Callable[[Item, dict[str, Any]], _exam_score.Answer]], ...] = (
        ("audit", "report.json", _exam_score.of_audit),
        ("look", "look.json", _exam_score.of_look),
    )
    for name, file, read in readings:
        answers = [
            read(item, _exam_score.read_json(path))
            for number, item in items.items()
            if (path := asked.state / "items" / number / file).exists()
        ]
        if answers:
            print(f"\n## {asked.list}, {name}: {len(answers)} of {len(items)} items done\n")
            print(_exam_score.table(answers, repos, families, every=asked.each))
    return 0


def grouping(path: Path) -> _exam_score.Families:
    """Return the scorers' function from CWE numbers to families."""
    spec = importlib.util.spec_from_file_location("sarif_lib", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: no such module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: _exam_score.Families = module.fams
    return found


if __name__ == "__main__":
    sys.exit(main())
