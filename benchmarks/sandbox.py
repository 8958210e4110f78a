"""What the sandbox costs: the table of its requirements, measured here (median of 15).

Run it alone: ``python benchmarks/sandbox.py [--rounds N]``. Linux only (it reads /proc).
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rlm_gate.rlm.repl import Limits, Repl

MEBIBYTE = 1 << 20
LINES = "    return value if value else other  # and so on\n"
LOOP = """
found = 0
for line in text.split("\\n"):
    if line.strip().startswith("return"):
        found += 1
"""


def main() -> None:
    """Print one line for each requirement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"{'what':44} {'must':>9} {'is':>9}")
    show("start, 1M characters", "120 ms", milliseconds(lambda: start(1_000_000), rounds))
    show("start, 100M characters", "400 ms", milliseconds(lambda: start(100_000_000), rounds // 3))
    show("start, 100M characters in 10k files", "400 ms", milliseconds(start_files, rounds // 3))
    with Repl(context="", functions={"llm_query": answer}) as repl:
        show("cell round trip", "1 ms", milliseconds(lambda: repl.run("1"), rounds * 20))
        calls = "for i in range(1000): llm_query('x')"
        show("callback", "0.5 ms", milliseconds(lambda: repl.run(calls), rounds) / 1000)
    show("guarded / plain loop, 10M characters", "2 x", guarded(rounds // 3), "x")
    for name, extra in (("ASCII", ""), ("one emoji", "\N{GRINNING FACE}")):
        child, host = memory(extra)
        show(f"child, 100M characters, {name}", "300 MiB" if not extra else "700 MiB", child, "MiB")
        show(f"host above its base, {name}", "150 MiB", host, "MiB")


def show(what: str, must: str, value: float, unit: str = "ms") -> None:
    """Print a row."""
    print(f"{what:44} {must:>9} {value:7.2f} {unit}", flush=True)


def answer(_prompt: str, _spans: object = (), schema: object = None) -> str:  # noqa: ARG001 - the shape of llm_query
    """Stand for a model."""
    return "ok"


def milliseconds(act: Callable[[], object], rounds: int) -> float:
    """Return the median time of an act."""
    times = []
    for _ in range(max(3, rounds)):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


TEXTS = {size: LINES * (size // len(LINES)) for size in (1_000_000, 100_000_000)}
FILES = {f"src/module_{number}.py": LINES * 208 for number in range(10_000)}


def start(size: int) -> None:
    """Start and end a session, without the time of the end."""
    repl = Repl(context=TEXTS[size])
    repl.__enter__()
    repl.close()


def start_files() -> None:
    """Start over many files."""
    with Repl(texts=FILES):
        pass


def guarded(rounds: int) -> float:
    """Return how many times longer the loop takes in the sandbox than plainly."""
    text = TEXTS[100_000_000][:10_000_000]
    plain = compile(LOOP, "plain", "exec")
    unguarded = milliseconds(lambda: exec(plain, {"text": text}), rounds)  # noqa: S102 - our own loop
    with Repl(context=text) as repl:
        inside = milliseconds(lambda: repl.run(f"text = context\n{LOOP}", 60.0), rounds)
    return inside / unguarded


def memory(extra: str) -> tuple[float, float]:
    """Return the child's and the host's memory with 100M characters, from a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--memory", extra], check=True, capture_output=True, text=True
    )
    child, host = done.stdout.split()
    return float(child), float(host)


def measure(extra: str) -> None:
    """Print the resident memory of the child, and the host's peak above its base."""
    text = LINES * (100_000_000 // len(LINES)) + extra
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with Repl(context=text, limits=Limits()) as repl:
        repl.run("len(context)")
        child = repl._child  # noqa: SLF001 - a benchmark looks inside
        assert child is not None  # noqa: S101 - it just ran a cell
        status = Path(f"/proc/{child._process.pid}/status").read_text(encoding="ascii")  # noqa: SLF001 - as above
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(int(resident.split()[1]) / 1024, host - base)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        measure(sys.argv[2])
    else:
        main()
