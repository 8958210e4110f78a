"""A real monorepo audited in full: minutes and dollars, with a model that takes a second a call.

    .venv/bin/python benchmarks/monorepo.py DIR [--seconds 1] [--max-usd 5] [--copies 1]

DIR holds the sources, in git or not; a copy of it is judged by ``check --all``, the root loop and
second readers with it. Of several copies no two files are the same, so every call is made. The
endpoint is on the loopback and bills by a model of its own, which errs upwards: a token is 3 bytes
of what was sent; what ``cache_control`` marks is written at its first use and read later, if it has
CACHED tokens at least; an answer has ANSWER tokens at least.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from batch_api import Endpoint, nothing, serving  # the path comes first

BYTES, CACHED, ANSWER = 3, 4096, 200
MOST_SECONDS, MOST_USD = 600.0, 0.80
LOOKS = (
    "for p in files: print(p, len(files[p]))",
    "hits = grep(r'catch\\s*\\(|throw new|TODO|async ', paths=None)\nprint(len(hits), hits[:40])",
    "said = llm_query_parallel([(f'What is {p}?', span(p, 1, 80)) for p in list(files)[:40]])",
    "print([str(one)[:80] for one in said])",
    "for p in list(files)[:10]: print(outline(p))",
    "print(len(candidates), candidates[:5], coverage())",
    "done('looked')",
)
UNCLEAR = {"verdict": "unclear", "reason": "none", "path": "", "row": 1, "quote": ""}
VERDICT = {**UNCLEAR, "argument": "the lines do not say", "addressed_to_reviewer": False}
GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com")


@dataclass
class Billing(Endpoint):
    """An endpoint that answers each kind of call in its form, and bills it."""

    written: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    guard: threading.Lock = field(default_factory=threading.Lock)
    now: int = 0
    most: int = 0

    def asked(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer a request of its own, and count how many are under way."""
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return super().asked(body)
        finally:
            with self.guard:
                self.now -= 1

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the reply, with what it costs."""
        kind, block, stop = _answer(body)
        reply = {**super().message(body), "content": [block], "stop_reason": stop}
        with self.guard:
            usage = self._usage(body, block)
            self.kinds[kind] += 1
            self.tokens.update({f"{kind} {name}": count for name, count in usage.items()})
        return {**reply, "usage": usage}

    def _usage(self, body: dict[str, Any], block: dict[str, Any]) -> dict[str, int]:
        usage = Counter[str]()
        so_far, size, done = hashlib.sha256(body["model"].encode()), 0, 0
        for part in _parts(body):
            text = json.dumps({**part, "cache_control": None}, ensure_ascii=False).encode()
            so_far.update(text)
            size += len(text) // BYTES
            if "cache_control" in part and size >= CACHED:
                known = so_far.hexdigest() in self.written
                name = "cache_read" if known else "cache_creation"
                usage[f"{name}_input_tokens"] += size - done
                self.written.add(so_far.hexdigest())
                done = size
        usage["input_tokens"] += size - done
        usage["output_tokens"] = max(ANSWER, len(json.dumps(block)) // BYTES)
        return dict(usage)


def _parts(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what is sent in the order in which a prompt cache reads it."""
    yield from body.get("tools", ())
    yield {"schema": body.get("output_config", {})}
    yield from body.get("system", ())
    for message in body["messages"]:
        content = message["content"]
        yield from [{"text": content}] if isinstance(content, str) else content


def _answer(body: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
    if "tools" in body:
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        call = {"type": "tool_use", "id": f"c{turn}", "name": "run_python"}
        return "root", {**call, "input": {"code": LOOKS[min(turn, len(LOOKS) - 1)]}}, "tool_use"
    form = json.dumps(body.get("output_config", {}))
    if "verdict" in form:
        return "second reading", {"type": "text", "text": json.dumps(VERDICT)}, "end_turn"
    if form == "{}":
        return "sub-call", {"type": "text", "text": "It serves the module."}, "end_turn"
    return "map", *nothing(body)


def main() -> int:
    """Audit a copy; print what it took, and 1 if that is over the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0, help="what a call takes")
    parser.add_argument("--max-usd", default="5")
    parser.add_argument("--copies", type=int, default=1)
    given = parser.parse_args()
    endpoint = Billing(delay=given.seconds)
    with tempfile.TemporaryDirectory() as folder, serving(endpoint):
        repo = Path(folder, "repo")
        for number in range(given.copies):
            _copy(given.directory, repo / f"part{number}", number)
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
            subprocess.run([*GIT, *words], cwd=repo, check=True)
        _describe(repo)
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "rlm_gate", "check", "--all", "--max-usd", given.max_usd]
        env = {
            **os.environ,
            "ANTHROPIC_API_KEY": "made-up",
            "ANTHROPIC_BASE_URL": endpoint.url,
            "RLM_GATE_CACHE_DIR": str(Path(folder, "cache")),
        }
        started = time.monotonic()
        done = subprocess.run(
            [*command, "--output", f"json={report}", "--quiet"],
            cwd=repo,
            env=env,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - started
        told = json.loads(report.read_bytes())
    return _judged(told, endpoint, seconds, done.returncode)


def _copy(source: Path, target: Path, number: int) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".git"))
    for path in target.rglob("*.ts*") if number else ():
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("\n\n", f"\n// part {number}\n\n"), encoding="utf-8")


def _describe(repo: Path) -> None:
    files = [path for path in repo.rglob("*.ts*") if ".git" not in path.parts]
    size = sum(len(path.read_text(encoding="utf-8")) for path in files)
    folders = len({path.parent for path in files})
    print(f"TypeScript: {len(files)} files in {folders} folders, {size:,} characters")


def _judged(told: dict[str, Any], endpoint: Billing, seconds: float, code: int) -> int:
    usd = told["usage"]["usd"]
    covered = {key: told["coverage"][key] for key in ("files", "lines", "required_missing")}
    print(f"verdict: {told['status']}, exit {code}; usage {json.dumps(told['usage'])}")
    print("calls:", dict(endpoint.kinds))
    print("tokens:", dict(sorted(endpoint.tokens.items())))
    print("coverage:", covered, dict(Counter(gap["reason"] for gap in told["coverage"]["gaps"])))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    work = (
        f"{used.ru_utime + used.ru_stime:.1f} s of CPU, largest process {used.ru_maxrss >> 10} MiB"
    )
    print(f"{work}; at most {endpoint.most} calls at once")
    print(f"{seconds:.1f} s (limit {MOST_SECONDS:.0f}), ${usd:.4f} (limit {MOST_USD:.2f})")
    return int(seconds > MOST_SECONDS or usd > MOST_USD)


if __name__ == "__main__":
    sys.exit(main())
