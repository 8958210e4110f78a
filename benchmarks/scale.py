"""200 repositories in one audit: in one process, as 4 shards, on Ray, and with a node killed.

    make rigs                                               # brings Ray into .venv/rigs/ray
    python benchmarks/scale.py [--repositories 200] [--chars 5000000]

The repositories lie side by side in one, as a nightly audit of an organisation has them: one
policy, one budget, one report. All packs, `check --rev HEAD`; sub-calls take 50 ms on a loopback
server that speaks the Messages API, find every `os.system` and have a second reader confirm it.
Every way begins with empty caches; shards share nothing. Prints a table; ends in 1 if a byte of a
report differs, or a call was made again whose reply had been sent a second before the kill.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _generated import emptiest, repository
from _memory import Memory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from batch_api import Endpoint, nothing, serving  # the path comes first
from batch_api import _mark as mark

ROOT = Path(__file__).parents[1]
PYTHON = Path(sys.prefix) / "rigs" / "ray" / "bin" / "python"
CLUSTER = ROOT / "tests" / "rigs" / "ray_cluster.py"
SHARDS = 4
RAY_SHARDS = 16
PER_FILE = 5_000
DELAY = 0.05
GRACE = 1.0
"""Seconds in which a reply that was sent reaches the record on the driver's machine."""
CHECK = [
    *(str(PYTHON), "-m", "rlm_gate", "check", "--rev", "HEAD"),
    *("--max-usd", "10000", "--deadline", "3600", "--quiet"),
]
REPORTS = ("json", "sarif", "html")
FLAW = "os.system(command)"
_ROW = re.compile(r"^\s*(\d+) ?\| *os\.system\(command\)", re.MULTILINE)


@dataclass
class Server(Endpoint):
    """An endpoint that notes when it first replied to what, and calls ``at`` at every reply."""

    replied: dict[str, float] = field(default_factory=dict)
    at: Callable[[], None] = lambda: None

    def asked(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a request, and note when."""
        reply = super().asked(body)
        self.replied.setdefault(mark(body), time.monotonic())
        self.at()
        return reply


@dataclass(frozen=True)
class Way:
    """What one way came to: seconds, calls, those made more than once, bytes at the peak."""

    name: str
    seconds: float
    calls: int
    again: int
    peak: int
    same: bool = True
    repeated: int = 0


def main() -> int:
    """Go all ways over the same input, and compare them with the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=200)
    parser.add_argument("--chars", type=int, default=5_000_000)
    given = parser.parse_args()
    server = Server(answer=answered, delay=DELAY)
    with tempfile.TemporaryDirectory() as folder, serving(server):
        bench = Bench(Path(folder), server)
        real = repository(bench.repo, given.chars, parts=given.repositories, per_file=PER_FILE)
        print(f"{given.repositories} repositories, {real:,} characters\n")
        print("| way | s | calls | again | peak MiB | same bytes | recorded and repeated |")
        print("|---|---|---|---|---|---|---|", flush=True)
        ways = []
        for go in (bench.alone, bench.shards, bench.ray, bench.killed):
            ways.append(go())
            show(ways[-1])
    return int(not all(way.same and not way.repeated for way in ways))


@dataclass
class Bench:
    """One input and one server; every way begins with empty caches."""

    folder: Path
    server: Server
    repo: Path = field(init=False)
    expected: int = 0

    def __post_init__(self) -> None:
        self.repo = self.folder / "repo"
        self.repo.mkdir()

    def alone(self) -> Way:
        """Go in one process."""
        with self.measured("one process") as way:
            way.run(self.check("one"), "one")
        self.expected = len(self.server.single)
        return way.over()

    def shards(self) -> Way:
        """Go as in a matrix of CI jobs: four at once, then the one that joins them."""
        files = [str(self.folder / f"shard{number}.json") for number in range(1, SHARDS + 1)]
        with self.measured(f"{SHARDS} shards, then merge") as way:
            way.run_all(
                [
                    [*CHECK, "--shard", f"{number}/{SHARDS}", "--shard-file", file]
                    for number, file in enumerate(files, 1)
                ]
            )
            way.run([str(PYTHON), "-m", "rlm_gate", "merge", *files, *self.outputs("s")], "joins")
        return way.over(same=self.same("s"))

    def ray(self) -> Way:
        """Go on two nodes."""
        with self.cluster() as (_, env), self.measured("Ray, 2 nodes") as way:
            way.run(self.spread("ray"), "driver", env)
        return way.over(same=self.same("ray"))

    def killed(self) -> Way:
        """Go on two nodes, and kill one half-way."""
        self.server.single.clear()
        moment: list[float] = []

        def kill() -> None:
            half.wait()
            moment.append(time.monotonic())
            print("kill", file=nodes.stdin, flush=True)
            next(iter(nodes.stdout or ()))

        half = threading.Event()
        self.server.at = lambda: len(self.server.single) * 2 >= self.expected and half.set()
        with self.cluster() as (nodes, env):
            killer = threading.Thread(target=kill)
            killer.start()
            with self.measured("Ray, one of 2 nodes killed half-way") as way:
                way.run(self.spread("killed"), "driver", env)
            killer.join()
        twice = [one for one, count in Counter(self.server.single).items() if count > 1]
        sure = moment[0] - GRACE
        repeated = sum(self.server.replied[one] < sure for one in twice)
        return way.over(same=self.same("killed"), repeated=repeated)

    def check(self, name: str) -> list[str]:
        """Return the command that writes the reports of that name."""
        return [*CHECK, *self.outputs(name)]

    def spread(self, name: str) -> list[str]:
        """Return the command that has Ray make the shards."""
        return [*self.check(name), "--executor", "ray", "--shards", str(RAY_SHARDS)]

    def outputs(self, name: str) -> list[str]:
        """Return the flags for its reports."""
        return [f"--output={kind}={self.folder / name}.{kind}" for kind in REPORTS]

    def same(self, name: str) -> bool:
        """Say whether its reports are those of one process, byte for byte."""
        return all(
            (self.folder / f"{name}.{kind}").read_bytes()
            == (self.folder / f"one.{kind}").read_bytes()
            for kind in REPORTS
        )

    @contextmanager
    def cluster(self) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
        """Yield two nodes and the variables by which a driver finds them."""
        pipe = subprocess.PIPE
        env = {**os.environ, **self.variables(), "RAY_USAGE_STATS_ENABLED": "0"}
        env["RAY_worker_niceness"] = "0"  # as the other ways' processes
        with subprocess.Popen(
            [str(PYTHON), "-W", "ignore", str(CLUSTER)],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        ) as nodes:
            yield nodes, {"RAY_ADDRESS": next(iter(nodes.stdout or ())).strip()}
            nodes.communicate()

    def variables(self) -> dict[str, str]:
        """Return the key and the address of the models."""
        return {"ANTHROPIC_API_KEY": "made-" + "up", "ANTHROPIC_BASE_URL": self.server.url}

    @contextmanager
    def measured(self, name: str) -> Iterator[Run]:
        """Yield what runs commands; all processes that this one has started are measured."""
        self.server.single.clear()
        self.server.replied.clear()
        run = Run(name, self, time.perf_counter())
        with Memory(os.getpid(), without=os.getpid()) as memory:
            yield run
        run.seconds = time.perf_counter() - run.seconds
        run.peak = memory.peak


@dataclass
class Run:
    """The commands of one way."""

    name: str
    bench: Bench
    seconds: float
    peak: int = 0

    def run(self, command: list[str], cache: str, env: dict[str, str] | None = None) -> None:
        """Run a command to its end. A finding fails the gate, and is what is wanted here."""
        with self.started(command, cache, env) as process:
            process.communicate()
        self.expect(process, {1})

    def run_all(self, commands: list[list[str]]) -> None:
        """Run commands at once, each as on a machine of its own."""
        running = [self.started(one, f"shard{at}") for at, one in enumerate(commands)]
        for process in running:
            process.communicate()
            self.expect(process, {0})

    def started(
        self, command: list[str], cache: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command, with a cache of its own."""
        own = {"RLM_GATE_CACHE_DIR": str(self.bench.folder / "caches" / f"{self.name}-{cache}")}
        return subprocess.Popen(
            command,
            cwd=self.bench.repo,
            env={**os.environ, **self.bench.variables(), **own, **(env or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def expect(self, process: subprocess.Popen[bytes], codes: set[int]) -> None:
        """End the benchmark where a command failed."""
        if process.returncode not in codes:
            sys.exit(f"{self.name}: exit {process.returncode}: {process.args}")

    def over(self, *, same: bool = True, repeated: int | None = None) -> Way:
        """Return what it came to; without a kill no call may be made twice."""
        counts = Counter(self.bench.server.single)
        again = sum(counts.values()) - len(counts)
        known = again if repeated is None else repeated
        return Way(self.name, self.seconds, sum(counts.values()), again, self.peak, same, known)


def answered(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Find what a caller chose, in whatever block it stands, and confirm it."""
    if "tools" in body:
        return nothing(body)
    schema = body["output_config"]["format"]["schema"]
    answer = emptiest(schema)
    shown = _ROW.search(json.dumps(body["messages"]).replace("\\n", "\n"))
    if "findings" in answer and shown:
        rule = schema["properties"]["findings"]["items"]["properties"]["rule"]["enum"][0]
        found = {"rule": rule, "row": int(shown[1]), "quote": FLAW, "explanation": "its caller's"}
        answer["findings"] = [found]
    return {"type": "text", "text": json.dumps(answer)}, "end_turn"


def show(way: Way) -> None:
    """Print a row of the table."""
    print(
        f"| {way.name} | {way.seconds:.1f} | {way.calls:,} | {way.again} "
        f"| {way.peak / 2**20:.0f} | {'yes' if way.same else 'NO'} | {way.repeated} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
