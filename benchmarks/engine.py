"""The engine beside its peers and beside no engine at all, on one fake endpoint in one run.

    python benchmarks/engine.py [--work DIR] [--rounds N]

Installs rlm-gate (as a wheel), rlms and dspy into environments of their own below --work. Each
case holds one warm process per engine and runs a session in each, in turns. The floor is the
official SDK in a loop with 32 threads: what any engine pays that uses it. Prints the least of the
rounds, since other work on the machine can only add. Exits 1 if a bar is missed.

Sub-calls and turns are timed by the endpoint: from a root's cell to the next request of the root.
Memory is taken in runs of its own, for looking costs time: the peak of the private and file pages
of the whole process tree and each memory file once, mapped or not ("MiB"), and how much of it the
warm process with the text did not hold before ("more").
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
MEBIBYTE = 1 << 20
LINES = "def total(items):  # TODO tell why\n    return sum(item.price for item in items)\n\n"
SIZES = {"1K": 1_000, "10M": 10_000_000, "100M": 100_000_000}
FIRST_TURNS = 5
REQUIREMENTS = {
    "rlm-gate": str(ROOT),
    "floor": "anthropic>=2,<3",
    "rlms": "rlms==0.1.3",
    "dspy": "dspy>=3.4,<3.5",
}
PATHS = {"rlm-gate": "", "floor": "", "rlms": "/v1", "dspy": "/v1"}


@dataclass(slots=True)
class Row:
    """What one engine took: the least of all rounds, by the column's name."""

    engine: str
    figures: dict[str, float] = field(default_factory=dict)

    def least(self, column: str, value: float) -> None:
        """Keep the value if it is the least of its column."""
        self.figures[column] = min(value, self.figures.get(column, value))


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are and how often to look."""

    work: Path
    port: int
    rounds: int

    def python(self, engine: str) -> str:
        """Return the interpreter of the engine's environment."""
        return str(self.work / "venvs" / f"engine-{engine}" / "bin" / "python")

    def text(self, size: str) -> Path:
        """Return a file of that many characters."""
        path = self.work / f"text-{size}"
        if not path.exists():
            wanted = SIZES[size]
            path.write_text((LINES * (wanted // len(LINES) + 1))[:wanted], encoding="ascii")
        return path

    def start(self, engine: str, case: str, *more: str) -> Peer:
        """Start the engine's process for a case and wait until it is warm."""
        url = f"http://127.0.0.1:{self.port}/{engine}/{case}{PATHS[engine]}"
        line = [self.python(engine), str(HERE / "_engines.py"), engine, url, *more]
        line += ["--work", str(self.work / "scratch")]
        return Peer(line, self.work)

    def marks(self) -> list[tuple[float, float]]:
        """Return when root requests came and were answered since the last time."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/marks") as reply:
            found: list[tuple[float, float]] = json.load(reply)
        return found


class Peer:
    """A process that runs a session for each line it is sent."""

    def __init__(self, line: Sequence[str], work: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        folders = {
            "HOME": str(work / "home"),
            "XDG_CACHE_HOME": str(work / "cache"),
            "XDG_STATE_HOME": str(work / "state"),
        }
        self.errors = (work / "errors.txt").open("a+")
        self.process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**kept, **folders},
            text=True,
        )
        self.first = self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()
        self.errors.close()

    def hear(self) -> dict[str, float]:
        """Return the next line of JSON; other lines are the engine's own chatter."""
        assert self.process.stdout  # noqa: S101  # it was asked for
        for line in self.process.stdout:
            if line.startswith("{"):
                said: dict[str, float] = json.loads(line)
                return said
        raise SystemExit(f"{self.process.args}: ended without an answer; see {self.errors.name}")

    def session(self) -> dict[str, float]:
        """Run one session."""
        assert self.process.stdin  # noqa: S101  # it was asked for
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.hear()


def main() -> int:
    """Measure and print."""
    default = Path.home() / ".cache" / "rlm-gate-benchmarks"
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, default=default, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    given = parser.parse_args()
    work = given.work.resolve()
    for folder in ("scratch", "home"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    for engine, requirement in REQUIREMENTS.items():
        install(work / "venvs" / f"engine-{engine}", requirement)
    rows = [Row(engine) for engine in REQUIREMENTS]
    load = os.getloadavg()[0]
    with endpoint() as port:
        bench = Bench(work, port, given.rounds)
        for measure in (imports, sessions, sub_calls, turns, memory):
            measure(bench, rows)
    print(f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after")
    return report(rows)


def install(venv: Path, requirement: str) -> None:
    """Make the environment; ours is installed anew each time."""
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    if not (venv / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([*pip, "--quiet", requirement], check=True)
        (venv / "installed").touch()
    elif requirement == str(ROOT):
        again = ["--quiet", "--force-reinstall", "--no-deps", requirement]
        subprocess.run([*pip, *again], check=True)


@contextmanager
def endpoint() -> Iterator[int]:
    """Run the fake endpoint and yield its port."""
    with subprocess.Popen(
        [sys.executable, str(HERE / "_fake_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout  # noqa: S101  # it was asked for
        yield int(server.stdout.readline())
        server.communicate()


def imports(bench: Bench, rows: Sequence[Row]) -> None:
    """Import the public names in new processes."""
    for _ in range(bench.rounds * 2):
        for row in rows:
            with bench.start(row.engine, "import") as peer:
                row.least("import", peer.first["wall"])
                row.least("import MiB", peer.first["resident"] / MEBIBYTE)


def in_turns(
    bench: Bench, rows: Sequence[Row], case: str, size: str, take: Callable[[Row, float], None]
) -> None:
    """Run sessions of a case, one engine after the other; ``take`` gets each one's seconds."""
    with ExitStack() as stack:
        text = ("--text", str(bench.text(size)))
        peers = {
            row.engine: stack.enter_context(bench.start(row.engine, case, *text)) for row in rows
        }
        for _ in range(bench.rounds):
            for row in rows:
                bench.marks()
                said = peers[row.engine].session()
                row.least(f"{case} {size} cpu", said["cpu"])
                take(row, said["wall"])


def sessions(bench: Bench, rows: Sequence[Row]) -> None:
    """Time whole sessions of three turns over large texts."""
    for size in ("10M", "100M"):

        def take(row: Row, seconds: float, column: str = f"{size} s") -> None:
            row.least(column, seconds)

        in_turns(bench, rows, "load", size, take)


def sub_calls(bench: Bench, rows: Sequence[Row]) -> None:
    """Time 200 sub-calls: from the cell that makes them to the next request."""

    def take(row: Row, _seconds: float) -> None:
        _, asked, after, *_ = bench.marks()
        row.least("200 calls", after[0] - asked[1])

    in_turns(bench, rows, "batch", "1K", take)


def turns(bench: Bench, rows: Sequence[Row]) -> None:
    """Time what lies between an answer of the root and its next request."""
    for size in ("1K", "10M"):

        def take(row: Row, _seconds: float, column: str = f"ms/turn {size}") -> None:
            marks = bench.marks()[FIRST_TURNS:]
            gaps = [after[0] - before[1] for before, after in pairwise(marks)]
            row.least(column, statistics.median(gaps) * 1000)

        in_turns(bench, rows, "turns", size, take)


def memory(bench: Bench, rows: Sequence[Row]) -> None:
    """Take the peak of the process tree above what it held before."""
    for size in ("10M", "100M"):
        for row in rows:
            with bench.start(row.engine, "load", "--text", str(bench.text(size))) as peer:
                watch = Watch(peer.process.pid)
                with watch:
                    peer.session()
                row.least(f"{size} MiB", watch.peak / MEBIBYTE)
                row.least(f"{size} more", (watch.peak - watch.before) / MEBIBYTE)


class Watch(threading.Thread):
    """Looks at a process tree every few milliseconds."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.pid = pid
        self.before = self.peak = held(pid)
        self.over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        """Look until it is over."""
        while not self.over.is_set():
            self.peak = max(self.peak, held(self.pid))
            time.sleep(0.003)


def held(pid: int) -> int:
    """Return the bytes that the tree holds: its own pages, and each memory file once."""
    files: dict[int, int] = {}
    total = 0
    for one in family(pid):
        total += own_pages(one)
        files.update(memory_files(one))
    return total + sum(files.values())


def family(pid: int) -> Iterator[int]:
    """Yield the process and its descendants, whichever thread started them.

    A child that runs its parent's command line was forked and not yet replaced: its pages are the
    parent's, and would be counted twice.
    """
    yield pid
    line = read(Path(f"/proc/{pid}/cmdline"))
    for thread in listed(f"/proc/{pid}/task"):
        for child in read(Path(f"/proc/{pid}/task/{thread}/children")).split():
            if read(Path(f"/proc/{child}/cmdline")) != line:
                yield from family(int(child))


def own_pages(pid: int) -> int:
    """Return the bytes of its resident pages, less those of memory files."""
    fields = read(Path(f"/proc/{pid}/status")).split("\n")
    kinds = ("RssAnon:", "RssFile:")
    return sum(int(line.split()[1]) * 1024 for line in fields if line.startswith(kinds))


def memory_files(pid: int) -> Iterator[tuple[int, int]]:
    """Yield inode and bytes of the memory files that the process holds open."""
    for name in listed(f"/proc/{pid}/fd"):
        link = Path(f"/proc/{pid}/fd/{name}")
        try:
            if str(link.readlink()).startswith("/memfd:"):
                status = link.stat()
                yield status.st_ino, status.st_blocks * 512
        except OSError:
            continue


def listed(folder: str) -> list[str]:
    """Return what is in the folder, nothing if its process is gone."""
    try:
        return os.listdir(folder)  # noqa: PTH208  # pathlib raises in the middle of its loop
    except OSError:
        return []


def read(path: Path) -> str:
    """Return the file, nothing if its process is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


def report(rows: Sequence[Row]) -> int:
    """Print the table and the bars; return 1 if one is missed."""
    columns = [
        "import", "import MiB", "10M s", "10M MiB", "10M more", "100M s", "100M MiB", "100M more",
        "200 calls", "batch 1K cpu", "ms/turn 1K", "ms/turn 10M",
    ]  # fmt: skip
    print(f"{'':9}" + "".join(f"{column:>13}" for column in columns))
    for row in rows:
        print(f"{row.engine:9}" + "".join(f"{row.figures[name]:13.3f}" for name in columns))
    missed = 0
    for text, reached in bars({row.engine: row.figures for row in rows}):
        print(f"  {'reached' if reached else 'MISSED '}  {text}")
        missed += not reached
    return 1 if missed else 0


def bars(found: dict[str, dict[str, float]]) -> Iterator[tuple[str, bool]]:
    """Yield each bar of the design with whether it is reached."""
    ours, floor = found["rlm-gate"], found["floor"]
    text = SIZES["100M"] / MEBIBYTE
    yield f"import {ours['import']:.3f} s (bar: 0.15)", ours["import"] <= 0.15
    yield f"100M session {ours['100M s']:.3f} s (bar: 0.5)", ours["100M s"] <= 0.5
    ratio = ours["100M more"] / text
    yield f"100M session: tree {ratio:.2f}x the text (bar: 2.5)", ratio <= 2.5
    for size in ("1K", "10M"):
        taken, least = ours[f"ms/turn {size}"], floor[f"ms/turn {size}"]
        yield f"{taken:.2f} ms a turn at {size}, floor {least:.2f} (bar: 2)", taken <= 2
    to_floor = ours["200 calls"] / floor["200 calls"]
    yield f"200 calls: {to_floor:.2f}x the floor (bar: 1.2)", to_floor <= 1.2
    for peer in ("rlms", "dspy"):
        times = found[peer]["200 calls"] / ours["200 calls"]
        yield f"200 calls: {times:.1f}x as fast as {peer} (bar: 2)", times >= 2
        for column in ("10M s", "10M MiB", "100M s", "100M MiB", "ms/turn 1K", "ms/turn 10M"):
            times = found[peer][column] / ours[column]
            yield f"{column}: {times:.1f}x better than {peer} (bar: better)", times > 1


if __name__ == "__main__":
    sys.exit(main())
