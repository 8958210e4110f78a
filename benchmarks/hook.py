"""The hook beside its peers: three changed files of Django, staged, offline.

    python benchmarks/hook.py [--django DIR] [--work DIR] [--runs N]

Installs rlm-gate (as a wheel), bandit and semgrep into environments of their own below --work,
runs them in turns on the same files, and prints medians and ratios. Exits 1 if a bar is missed.
Peak memory is the resident memory of the whole process tree, taken in runs of its own: looking
costs time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RULES = Path(__file__).with_name("rules")
DJANGO = "django==5.2.*"
CHANGED = ("django/core/management/base.py", "django/http/request.py", "django/utils/text.py")
ADDED = """

def run_report(request, connection):
    name = request.GET["name"]
    cursor = connection.cursor()
    cursor.execute(f"SELECT * FROM reports WHERE name = '{name}'")
    return subprocess.run("render " + name, shell=True)
"""
MEBIBYTE = 1 << 20


@dataclass(slots=True)
class Tool:
    """A tool, how it is called on the files, and what it took."""

    name: str
    requirement: str
    arguments: tuple[str, ...]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


def main() -> int:
    """Measure and print."""
    arguments = parsed()
    work = arguments.work.resolve()
    django = arguments.django or downloaded(work)
    stage(django)
    tools = (
        Tool("rlm-gate", str(ROOT), ("check", "--staged", "--offline")),
        Tool("bandit", "bandit", ("--quiet", *CHANGED)),
        Tool("semgrep", "semgrep", (*semgrep_flags(), *CHANGED)),
    )
    environment = clean_environment(work)
    for tool in tools:
        install(tool, work)
    for number in range(arguments.runs + 1):
        for tool in tools:
            time_once(tool, work, django, environment, keep=number > 0)
    for tool in tools * 3:
        tool.memory.append(peak_memory(command(tool, work), django, environment))
    return report(tools)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    default = Path.home() / ".cache" / "rlm-gate-benchmarks"
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--django", type=Path, help="an unpacked source distribution of Django")
    parser.add_argument("--work", type=Path, default=default, help="default: %(default)s")
    parser.add_argument("--runs", type=int, default=9, help="default: %(default)s")
    return parser.parse_args()


def semgrep_flags() -> tuple[str, ...]:
    """Return the flags that keep semgrep off the network and silent."""
    quiet = ("--metrics=off", "--disable-version-check", "--quiet")
    return ("scan", "--config", str(RULES), *quiet)


def downloaded(work: Path) -> Path:
    """Return Django's source distribution, unpacked."""
    sources = work / "sources"
    if not any(sources.glob("django-*/")):
        sources.mkdir(parents=True, exist_ok=True)
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:")
        subprocess.run([*pip, "--dest", str(sources), DJANGO], check=True)
        with tarfile.open(next(sources.glob("django-*.tar.gz"))) as archive:
            archive.extractall(sources, filter="data")
    return next(sources.glob("django-*/"))


def stage(django: Path) -> None:
    """Make it a repository, and stage three files with a vulnerable function each."""
    if not (django / ".git").exists():
        git(django, "init", "--quiet")
        git(django, "add", "--all")
        author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        git(django, *author, "commit", "--quiet", "--message=django")
    git(django, "reset", "--quiet", "--hard")
    for name in CHANGED:
        with (django / name).open("a") as file:
            file.write(ADDED)
    git(django, "add", *CHANGED)


def git(directory: Path, *arguments: str) -> None:
    """Run git there."""
    subprocess.run(["git", *arguments], cwd=directory, check=True)


def install(tool: Tool, work: Path) -> None:
    """Install the tool into its environment; our own anew each time, as a wheel."""
    venv = work / "venvs" / tool.name
    if not (venv / "bin" / tool.name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip_install(venv, tool.requirement)
    elif tool.requirement == str(ROOT):
        pip_install(venv, "--force-reinstall", "--no-deps", tool.requirement)


def pip_install(venv: Path, *requirements: str) -> None:
    """Install, byte-compiled, which is pip's way."""
    pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet")
    subprocess.run([*pip, "--disable-pip-version-check", *requirements], check=True)


def clean_environment(work: Path) -> dict[str, str]:
    """Return an environment without this terminal's habits, with caches below the work folder."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "XDG_CACHE_HOME": str(work / "cache"), "XDG_STATE_HOME": str(work / "state")}


def command(tool: Tool, work: Path) -> list[str]:
    """Return the whole command line."""
    return [str(work / "venvs" / tool.name / "bin" / tool.name), *tool.arguments]


def time_once(
    tool: Tool, work: Path, django: Path, environment: dict[str, str], *, keep: bool
) -> None:
    """Run the tool once; the first round only warms the caches."""
    with subprocess.Popen(
        command(tool, work),
        cwd=django,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        start = time.perf_counter()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 1}:
        raise SystemExit(f"{tool.name} failed with exit code {process.returncode}")
    if keep:
        tool.seconds.append(seconds)
        tool.cpu.append(usage.ru_utime + usage.ru_stime)


def peak_memory(line: Sequence[str], directory: Path, environment: dict[str, str]) -> int:
    """Return the most bytes that the process and its descendants held at one time."""
    peak = 0
    with subprocess.Popen(
        line,
        cwd=directory,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.002)
    return peak


def resident(pid: int, parent: str = "") -> int:
    """Return the bytes of memory that a process and its descendants hold, 0 if it is gone.

    A child that has yet to become another program is its parent's memory seen twice (vfork): its
    numbers are the same.
    """
    try:
        memory = Path(f"/proc/{pid}/statm").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pages = 0 if memory == parent else int(memory.split()[1])
    except (OSError, IndexError):
        return 0
    inner = sum(resident(int(child), memory) for child in children)
    return pages * os.sysconf("SC_PAGE_SIZE") + inner


def report(tools: Sequence[Tool]) -> int:
    """Print medians and bars; return 1 if one is missed."""
    ours, bandit, semgrep = tools
    print(f"three staged files of Django, {len(ours.seconds)} runs in turns, medians")
    for tool in tools:
        least = f"(least {min(tool.seconds):.3f})"
        memory = f"{max(tool.memory) / MEBIBYTE:.0f} MiB"
        cpu = f"{median(tool.cpu):.3f} s of CPU"
        print(f"  {tool.name:9} {median(tool.seconds):.3f} s {least}  {cpu}  {memory}")
    to_bandit = median(bandit.seconds) / median(ours.seconds)
    to_semgrep = median(semgrep.seconds) / median(ours.seconds)
    memory = max(ours.memory) / MEBIBYTE
    bars = (
        (f"{to_bandit:.2f}x as fast as bandit (bar: faster)", to_bandit > 1),
        (f"{to_semgrep:.1f}x as fast as semgrep (bar: 6x)", to_semgrep >= 6),
        (f"{memory:.0f} MiB (bar: 45)", memory <= 45),
    )
    for text, reached in bars:
        print(f"  {'reached' if reached else 'MISSED '}  {text}")
    return 0 if all(reached for _, reached in bars) else 1


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


if __name__ == "__main__":
    sys.exit(main())
