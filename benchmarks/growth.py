"""An audit of everything grows with the text: 1M to 100M characters, `check --all`, all packs.

    python benchmarks/growth.py [SIZE ...] [--svg FILE]      sizes in million characters

The models are scripted and answer at once, so the time is our own: reading, detectors, planning,
composing, journal, grounding, reports. One process a size, with nothing cached. Prints a table, and
draws it; ends in 1 if a character costs more processor time at the largest size than at the
smallest, or the process tree takes more than 2.5 bytes a character beyond the smallest.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from _generated import emptiest, repository
from _memory import Memory

from rlm_gate import gate, reports
from rlm_gate.cli import _opening
from rlm_gate.config import Flags, ScopeRequest
from rlm_gate.providers import ModelReply, ModelRequest, scripted

MILLION = 1_000_000
PER_FILE = 20_000
MOST = 2.5
SLACK = 1.0
LOOKS = ("for p in files: print(p, len(files[p]))", "done('nothing')")
WIDTH, HEIGHT, EDGE = 640, 320, 56


@dataclass(frozen=True)
class Row:
    """One size: characters, calls made, seconds by clock and processor, bytes at the peak."""

    chars: int
    calls: int
    seconds: float
    processor: float
    peak: int


def main() -> int:
    """Measure every size and say whether the bars are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=float, default=[1, 3, 10, 30, 100])
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--judge", metavar="REPOSITORY", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.judge:
        judge(given.judge)
        return 0
    print("| characters | calls | s | processor s | of it a million | peak MiB of the tree |")
    print("|---|---|---|---|---|---|", flush=True)
    rows = []
    for size in given.sizes:
        rows.append(measured(round(size * MILLION)))
        show(rows[-1])
    if given.svg:
        given.svg.write_text(drawn(rows), encoding="ascii")
    first, last = rows[0], rows[-1]
    slower = last.processor / last.chars / (first.processor / first.chars)
    print(f"a character at the largest size takes {slower:.2f} times the processor time")
    bytes_each = (last.peak - first.peak) / max(1, last.chars - first.chars)
    print(f"each character more takes {bytes_each:.2f} bytes of the process tree")
    return int(slower > SLACK or bytes_each > MOST)


def measured(chars: int) -> Row:
    """Judge a repository of that size in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        real = repository(Path(folder), chars, parts=200, per_file=PER_FILE)
        started, before = time.perf_counter(), processor()
        command = [sys.executable, __file__, "--judge", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with Memory(process.pid) as memory:
            said, _ = process.communicate()
        seconds = time.perf_counter() - started
        if process.returncode:
            sys.exit(f"the audit of {chars} characters failed")
        told = json.loads(said.splitlines()[-1])
        if told["failed"]:
            sys.exit(f"{told['failed']} calls failed")
        return Row(real, told["calls"], seconds, processor() - before, memory.peak)


def processor() -> float:
    """Return the seconds that ended children, and theirs, have kept a processor busy."""
    times = os.times()
    return times.children_user + times.children_system


def judge(folder: str) -> None:
    """Judge all of it, as ``check --all`` does, by models that find nothing; write the reports."""
    scope = ScopeRequest(mode="all", repo=folder)
    flags = Flags(scope=scope, max_usd=1e6, deadline=1e5)
    os.environ |= {"ANTHROPIC_API_KEY": "made-up", "RLM_GATE_CACHE_DIR": f"{folder}/.git/cache"}
    with _opening.opened(flags) as settings:
        verdict = gate.run(settings, provider=Nothing())
    for name in ("json", "sarif"):
        reports.write(f"{name}={folder}/.git/{name}", verdict)
    print(json.dumps({"calls": verdict.usage.calls, "failed": verdict.usage.failed_calls}))


class Nothing:
    """A provider whose models find nothing, at once."""

    name = "scripted"

    def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
        """Return the emptiest answer that the schema allows; as a root, look round and be done."""
        del timeout
        if request.tools:
            turns = sum(message.role == "assistant" for message in request.messages)
            return scripted.code(LOOKS[min(turns, 1)], request)
        return scripted.text(json.dumps(emptiest(request.schema)), request)


def show(row: Row) -> None:
    """Print a row of the table."""
    million = row.chars / MILLION
    print(
        f"| {million:,.1f}M | {row.calls:,} | {row.seconds:.1f} | {row.processor:.1f} "
        f"| {row.processor / million:.2f} | {row.peak / 2**20:.0f} |",
        flush=True,
    )


def drawn(rows: list[Row]) -> str:
    """Return the rows as a plot, both axes in powers of ten, with a straight line beside it."""
    least, most = rows[0].chars, rows[-1].chars
    floor, top = 1.0, 10 ** math.ceil(math.log10(max(row.processor for row in rows)))

    def at(chars: float, value: float) -> tuple[float, float]:
        across = math.log(chars / least) / math.log(most / least)
        up = math.log(max(value, floor) / floor) / math.log(top / floor)
        return EDGE + across * (WIDTH - 2 * EDGE), HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE)

    def line(points: list[tuple[float, float]], style: str) -> str:
        return f'<polyline fill="none" {style} points="{" ".join(map(_pair, points))}"/>'

    def text(x: float, y: float, said: str, anchor: str = "middle") -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{said}</text>'

    rate = rows[-1].processor / most
    parts = [
        line([at(least, top), at(least, floor), at(most, floor)], 'stroke="#888"'),
        line(
            [at(row.chars, row.chars * rate) for row in rows],
            'stroke="#bbb" stroke-dasharray="4 4"',
        ),
        line([at(row.chars, row.processor) for row in rows], 'stroke="#06c" stroke-width="2"'),
    ]
    for row in rows:
        x, y = at(row.chars, row.processor)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#06c"/>')
        parts.append(text(x, y - 10, f"{row.processor:.0f} s, {row.peak / 2**20:.0f} MiB"))
        parts.append(text(x, HEIGHT - EDGE + 18, f"{row.chars / MILLION:.0f}M"))
    parts.append(text(WIDTH / 2, HEIGHT - 12, "characters judged"))
    parts.append(
        text(EDGE, 20, "processor time of the audit, peak memory; dashed: linear", "start")
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = 'font-family="sans-serif" font-size="11" fill="#444"'
    back = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    return "\n".join([f"{head} {style}>", back, *parts, "</svg>", ""])


def _pair(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
