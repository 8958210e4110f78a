"""The detectors beside their peers: a hook, a change of 50 files, all of Django, all of it again.

    python benchmarks/detectors.py [--django DIR] [--work DIR] [--runs N]

Installs rlm-gate (as a wheel), bandit, ruff and semgrep into environments of their own below --work
and runs them in turns on the same files, offline. semgrep gets as many rules as our packs have
detectors (_semgrep_rules.py says how they are made). Memory is that of the process tree, in runs of
its own. Exits 1 if a bar of the design is missed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import _semgrep_rules
import hook
from hook import MEBIBYTE, Tool

RUFF = "S,B,PERF,ASYNC,F,E9,PLE,PLW,SIM115,RUF006,D417,C414"
FILES = 50
BANDIT, RUFF_NAME, SEMGREP, OURS = "bandit", "ruff", "semgrep", "rlm-gate"


@dataclass(slots=True)
class Row:
    """One thing to do, by each tool: its arguments, then what it took."""

    name: str
    commands: Mapping[str, tuple[str, ...]]
    runs: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    def median(self, tool: str) -> float:
        """Return the tool's median, seconds."""
        return statistics.median(self.seconds[tool])


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tools are and where they run."""

    work: Path
    django: Path
    environment: dict[str, str]

    def line(self, tool: str, arguments: Sequence[str]) -> list[str]:
        """Return the whole command line."""
        return [str(self.work / "venvs" / tool / "bin" / tool), *arguments]


def main() -> int:
    """Measure and print."""
    arguments = hook.parsed()
    work = arguments.work.resolve()
    django = (arguments.django or hook.downloaded(work)).resolve()
    place = Place(work, django, hook.clean_environment(work))
    for name in (OURS, BANDIT, RUFF_NAME, SEMGREP):
        hook.install(Tool(name, str(hook.ROOT) if name == OURS else name, ()), work)
    rules = work / "semgrep-rules.yaml"
    sorts = _semgrep_rules.write(rules)
    total = sum(sorts.values())
    print(f"semgrep has {total} rules: {', '.join(f'{n} {s}' for s, n in sorted(sorts.items()))}")
    few = max(2, arguments.runs // 4)
    hook.stage(django)
    staged = row("hook, 3 files", hook.CHANGED, rules, arguments.runs)
    show(measure(staged, place))
    many = stage_many(django)
    change = row(f"change of {FILES} files", many, rules, few)
    show(measure(change, place))
    subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=django, check=True)
    whole = row("all of Django, cold", (".",), rules, 1)
    show(measure(whole, place))
    again, same = unchanged(place, few)
    show(again)
    return verdict(staged, change, whole, again, same=same)


def row(name: str, paths: Sequence[str], rules: Path, runs: int) -> Row:
    """Return what each tool is called with for these paths; ours knows a change by itself."""
    quiet = ("--metrics=off", "--disable-version-check", "--quiet")
    whole = list(paths) == ["."]
    ours = ("check", "--all", "--offline", "--no-cache") if whole else CHECK_STAGED
    commands = {
        OURS: ours,
        BANDIT: ("--quiet", *(("-r",) if whole else ()), *paths),
        RUFF_NAME: ("check", "--isolated", "--no-cache", "--exit-zero", "--quiet",
                    f"--select={RUFF}", *paths),
        SEMGREP: ("scan", "--config", str(rules), *quiet, *paths),
    }  # fmt: skip
    return Row(name, commands, runs)


CHECK_STAGED = ("check", "--staged", "--offline")


def stage_many(django: Path) -> tuple[str, ...]:
    """Stage a vulnerable function at the end of files from all over Django."""
    subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=django, check=True)
    found = sorted(path for path in django.glob("django/**/*.py") if path.stat().st_size > 2000)
    chosen = found[:: max(1, len(found) // FILES)][:FILES]
    for path in chosen:
        with path.open("a") as file:
            file.write(hook.ADDED)
    names = tuple(str(path.relative_to(django)) for path in chosen)
    subprocess.run(["git", "add", *names], cwd=django, check=True)
    return names


def measure(one: Row, place: Place) -> Row:
    """Run every tool in turns, the first round only to warm the disk, then look at the memory.

    What takes minutes runs once, and is looked at in that run: that costs a hundredth of a second.
    """
    for number in range(one.runs + 1 if one.runs > 1 else 0):
        for tool, arguments in one.commands.items():
            seconds = timed(place.line(tool, arguments), place)
            one.seconds.setdefault(tool, []).extend([seconds] if number else [])
    for tool, arguments in one.commands.items():
        start = time.perf_counter()
        peak = hook.peak_memory(place.line(tool, arguments), place.django, place.environment)
        one.seconds.setdefault(tool, []).extend(
            [time.perf_counter() - start] if one.runs == 1 else []
        )
        one.memory[tool] = peak / MEBIBYTE
    return one


def timed(line: Sequence[str], place: Place, report: Path | None = None) -> float:
    """Return the seconds of one run. Raises SystemExit if it failed."""
    with (report or Path(os.devnull)).open("wb") as output:
        start = time.perf_counter()
        done = subprocess.run(
            line, cwd=place.django, env=place.environment, stdout=output,
            stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{line[0]} failed with exit code {done.returncode}")
    return seconds


def unchanged(place: Place, runs: int) -> tuple[Row, bool]:
    """Judge all again, with what was kept; say whether the reports are the same to the byte."""
    arguments = ("check", "--all", "--offline", "--format", "json")
    one = Row("the same again", {OURS: arguments}, runs)
    line = place.line(OURS, arguments)
    reports = [place.work / f"report-{number}.json" for number in range(runs + 1)]
    times = [timed(line, place, report) for report in reports]
    one.seconds[OURS] = times[1:]
    one.memory[OURS] = hook.peak_memory(line, place.django, place.environment) / MEBIBYTE
    return one, len({report.read_bytes() for report in reports}) == 1


def show(one: Row) -> None:
    """Print a row of each tool."""
    print(f"{one.name}, {one.runs} runs in turns, medians")
    for tool in one.commands:
        least = f"(least {min(one.seconds[tool]):.2f})"
        memory = f"{one.memory[tool]:.0f} MiB"
        print(f"  {tool:9} {one.median(tool):8.2f} s {least}  {memory}", flush=True)


def verdict(staged: Row, change: Row, whole: Row, again: Row, *, same: bool) -> int:
    """Print the bars; return 1 if one is missed."""

    def times(one: Row, tool: str) -> float:
        return one.median(tool) / one.median(OURS)

    bars = (
        (f"hook {times(staged, BANDIT):.2f}x as fast as bandit (bar: faster)",
         times(staged, BANDIT) > 1),
        (f"hook {times(staged, SEMGREP):.1f}x as fast as semgrep (bar: 6x)",
         times(staged, SEMGREP) >= 6),
        (f"hook {staged.memory[OURS]:.0f} MiB (bar: 45)", staged.memory[OURS] <= 45),
        (f"change {times(change, BANDIT):.2f}x as fast as bandit (bar: 1.5x)",
         times(change, BANDIT) >= 1.5),
        (f"change {times(change, SEMGREP):.1f}x as fast as semgrep (bar: 4x)",
         times(change, SEMGREP) >= 4),
        (f"all {times(whole, SEMGREP):.1f}x as fast as semgrep (bar: 3x)",
         times(whole, SEMGREP) >= 3),
        (f"all {whole.memory[OURS]:.0f} MiB (bar: 250)", whole.memory[OURS] <= 250),
        (f"again {again.median(OURS):.2f} s (bar: 2)", again.median(OURS) <= 2),
        ("again the same bytes" if same else "again OTHER bytes", same),
    )  # fmt: skip
    for text, reached in bars:
        print(f"  {'reached' if reached else 'MISSED '}  {text}")
    return 0 if all(reached for _, reached in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
