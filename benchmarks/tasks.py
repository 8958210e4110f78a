"""Dense and sparse tasks through the whole loop: time and memory grow with the text, not faster.

    python benchmarks/tasks.py [--rounds N]

Root and readers are scripted, and read what they are sent: the answers are checked. ``label`` is
made like OOLONG (every record needs a reader; counts, and pairs of users), ``needle`` is found by
search, ``read`` is the same needle found by readers of every part. Ledger, cache and journal are
on. Prints a table; exits 1 if an answer is wrong or a task of ten times the size takes more than
fifteen times the time or the memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random

from engine import MEBIBYTE, Watch

from rlm_gate import RLMConfig, RLMSession
from rlm_gate.providers import ModelRequest
from rlm_gate.providers.scripted import ScriptedProvider

WORDS = {
    "place": ("river", "harbour", "street", "mountain", "bridge"),
    "person": ("teacher", "painter", "captain", "sister", "doctor"),
    "number": ("dozen", "hundred", "percent", "quarter", "double"),
    "food": ("bread", "pepper", "cherry", "noodle", "butter"),
}
USERS = 100
NEEDLE = "The vault of Lisbon opens with 48213."
FILLER = "Nothing of note was written down on this day, as on so many days before it.\n"
SLACK = 1.5

LABEL = [
    "lines = context.split('\\n')\nprint(len(lines), lines[:2])",
    """
schema = {"type": "array", "items": {"enum": ["place", "person", "number", "food"]}}
groups = chunk_lines(context, 400)
labels = []
for start in range(0, len(groups), 100):
    prompts = ["Label each record, in order.\\n" + group for group in groups[start:start + 100]]
    for group, answer in zip(groups[start:start + 100], llm_query_parallel(prompts, schema=schema)):
        labels.extend(answer if answer and len(answer) == group.count("\\n") + 1 else [None])
print(len(labels), labels[:5])
""",
    """
users = {}
for line, label in zip(lines, labels):
    user = line.split(" | ")[1]
    users.setdefault(label, set()).add(user)
both = sorted(users["place"] & users["food"])
pairs = [list(pair) for pair in itertools.combinations(both, 2)]
print(len(pairs))
done({"counts": dict(collections.Counter(labels)), "pairs": len(pairs), "first": pairs[:3]})
""",
]
SEARCH = [
    "print(len(context))\nprint(context[:200])",
    "at = context.find('vault of Lisbon')\nprint(at, context[at - 80:at + 80])",
    "done(re.search(r'vault of Lisbon opens with (\\d+)', context).group(1))",
]
READ = [
    "parts = chunk_text(context, 250_000, 100)\nprint(len(parts))",
    """
found = []
for start in range(0, len(parts), 20):
    prompts = ["What opens the vault of Lisbon? Say no if it is not here.\\n\\n" + part
               for part in parts[start:start + 20]]
    found.extend(answer for answer in llm_query_parallel(prompts) if answer and answer != "no")
print(found)
""",
    "done(found[0])",
]


@dataclass(frozen=True, slots=True)
class Task:
    """A text, the root's cells, what a reader answers, and the right answer."""

    text: str
    cells: list[str]
    reader: Callable[[ModelRequest], str]
    answer: object


def label_task(records: int) -> Task:
    """Make records of one label each, which only their words tell."""
    chance = Random(7)  # noqa: S311  # test data
    rows = []
    for number in range(records):
        label = chance.choice(list(WORDS))
        user = f"user{chance.randrange(USERS):02}"
        said = f"it was the {chance.choice(WORDS[label])} again, and no one knew why"
        rows.append((f"day {number % 365} | {user} | {said}", label, user))
    who = {kind: {user for _, label, user in rows if label == kind} for kind in WORDS}
    pairs = [list(pair) for pair in combinations(sorted(who["place"] & who["food"]), 2)]
    counts = dict(Counter(label for _, label, _ in rows))
    answer = {"counts": counts, "pairs": len(pairs), "first": pairs[:3]}
    return Task("\n".join(row for row, _, _ in rows), LABEL, labelled, answer)


def labelled(request: ModelRequest) -> str:
    """Label each record by its words."""
    meanings = {word: label for label, words in WORDS.items() for word in words}
    lines = request.messages[-1].text.split("\n")[1:]
    return json.dumps([meanings[line.split(" ")[8]] for line in lines])


def haystack(characters: int) -> str:
    """Return a text of that size with the needle at 73 %."""
    text = FILLER * (characters // len(FILLER))
    at = int(characters * 0.73) // len(FILLER) * len(FILLER)
    return f"{text[:at]}{NEEDLE}\n{text[at:]}"


def needle_task(characters: int) -> Task:
    """Find the needle by search."""
    return Task(haystack(characters), SEARCH, lambda _request: "", "48213")


def read_task(characters: int) -> Task:
    """Find the needle by reading everything."""
    return Task(haystack(characters), READ, read, "48213")


def read(request: ModelRequest) -> str:
    """Answer as a reader of one part would."""
    text = request.messages[-1].text
    at = text.find("Lisbon opens with ")
    return text[at + 18 : at + 23] if at >= 0 else "no"


TASKS: dict[str, tuple[Callable[[int], Task], tuple[int, int], str]] = {
    "label": (label_task, (1_000, 100_000), "records"),
    "needle": (needle_task, (10_000_000, 100_000_000), "characters"),
    "read": (read_task, (10_000_000, 100_000_000), "characters"),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--run", nargs=2, metavar=("TASK", "SIZE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        one(given.run[0], int(given.run[1]))
        return 0
    columns = "".join(f"{name:>12}" for name in ("text MiB", "calls", "s", "cpu s", "peak MiB"))
    print(
        f"{'task':8}{'size':>24}{columns}   peak: of the tree, above the warm process with the text"
    )
    straight = [grows(name, given.rounds) for name in TASKS]
    return 0 if all(straight) else 1


def grows(name: str, rounds: int) -> bool:
    """Measure both sizes of a task and say whether it grows in proportion."""
    _, sizes, unit = TASKS[name]
    rows = []
    for size in sizes:
        tried = [measured(name, size) for _ in range(rounds)]
        least = {key: min(row[key] for row in tried) for key in tried[0]}
        shown = ("text", "calls", "s", "cpu", "peak")
        columns = "".join(f"{least[key]:12.2f}" for key in shown)
        print(f"{name:8}{size:>13,} {unit:10}{columns}", flush=True)
        rows.append(least)
    small, large = rows
    factor = SLACK * sizes[1] / sizes[0]
    straight = all(large[key] <= max(small[key], 0.05) * factor for key in ("s", "cpu", "peak"))
    print(f"  {'reached' if straight else 'MISSED '}  {name} grows in proportion")
    return straight


def measured(name: str, size: int) -> dict[str, float]:
    """Run a task in a process of its own and watch its memory."""
    with subprocess.Popen(
        [sys.executable, __file__, "--run", name, str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin  # noqa: S101  # it was asked for
        assert process.stdout  # noqa: S101  # it was asked for
        process.stdout.readline()
        watch = Watch(process.pid)
        with watch:
            process.stdin.write("go\n")
            process.stdin.flush()
            line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{name} {size}: failed")
    return {**json.loads(line), "peak": (watch.peak - watch.before) / MEBIBYTE}


def one(name: str, size: int) -> None:
    """Run a task after a small one has warmed everything."""
    make, sizes, _ = TASKS[name]
    with tempfile.TemporaryDirectory() as folder:
        run(make(sizes[0] // 1000 + 10), Path(folder), "warm up")
        task = make(size)
        print("ready", flush=True)
        sys.stdin.readline()
        began, used = time.perf_counter(), processor()
        calls = run(task, Path(folder), "measure")
        print(
            json.dumps(
                {
                    "text": len(task.text) / MEBIBYTE,
                    "calls": calls,
                    "s": time.perf_counter() - began,
                    "cpu": processor() - used,
                }
            )
        )


def run(task: Task, folder: Path, query: str) -> int:
    """Run the session, check its answer, and return how many sub-calls it made."""
    config = RLMConfig(
        max_sub_calls=5000,
        max_usd=10_000.0,
        cell_timeout=600.0,
        cache_dir=folder / "cache",
        journal_dir=folder / "journals",
    )
    provider = ScriptedProvider(task.reader, root=[*cells(task.cells)])
    result = RLMSession(task.text, provider, config).run(query)
    if result.answer != task.answer:
        raise SystemExit(f"wrong: {result.error} {result.answer} instead of {task.answer}")
    return result.sub_calls


def cells(sources: list[str]) -> Iterator[dict[str, str]]:
    """Yield what the scripted root does."""
    return ({"code": source} for source in sources)


def processor() -> float:
    """Return the processor seconds of this process and the children it has waited for."""
    return (
        os.times().user
        + os.times().system
        + sum(
            getattr(resource.getrusage(resource.RUSAGE_CHILDREN), name)
            for name in ("ru_utime", "ru_stime")
        )
    )


if __name__ == "__main__":
    sys.exit(main())
