"""A message batch of 5,000 requests on the loopback: 3 % fail, 1 % expire, kill -9 in the middle.

    .venv/bin/python benchmarks/batches.py [REQUESTS]

Prints what the endpoint saw: batches, single calls, and how often each request was made.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from batch_api import Endpoint, serving, some_fail  # the path comes first

RULE = """\
title: A command a caller chooses
severity: high
precision: high
languages: [python]
ask: {over: chunk, question: Can a caller choose the command?}
message: Pass a list.
help: {why: It runs what it gets., fix: Pass a list.}
tests:
  bad: ["os.system(command)"]
  good: ["print(1)"]
"""
GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com")


def main() -> None:
    """Make the repository, kill the first run while its batch is under way, let the second end."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    endpoint = Endpoint(batch_seconds=3.0, fate=some_fail)
    came = threading.Event()
    endpoint.on_batch = came.set
    with tempfile.TemporaryDirectory() as folder, serving(endpoint):
        repo = Path(folder, "repo")
        rule = repo / ".rlm-gate/rules/own/ask.yaml"
        rule.parent.mkdir(parents=True)
        rule.write_text(RULE)
        for number in range(count):
            (repo / f"app{number}.py").write_text(f"import os\n\n\nprint({number})\n")
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
            subprocess.run([*GIT, *words], cwd=repo, check=True)
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "rlm_gate", "check", "--rev", "HEAD", "--batch"]
        command += ["--resume", "--max-usd", "1000", "--rules", ".rlm-gate/rules"]
        command += ["--output", f"json={report}", "--quiet"]
        env = {
            **os.environ,
            "ANTHROPIC_API_KEY": "made-up",
            "ANTHROPIC_BASE_URL": endpoint.url,
            "RLM_GATE_CACHE_DIR": str(Path(folder, "cache")),
        }
        started = time.monotonic()
        first = subprocess.Popen(command, cwd=repo, env=env)
        came.wait()
        time.sleep(1.0)
        os.kill(first.pid, signal.SIGKILL)
        print(f"killed {time.monotonic() - started:.1f} s after the start: {first.wait()}")
        started = time.monotonic()
        done = subprocess.run(command, cwd=repo, env=env, check=False)
        print(f"the second run took {time.monotonic() - started:.1f} s: exit {done.returncode}")
        print("usage:", json.loads(report.read_bytes())["usage"])
    batched = [custom_id for one in endpoint.batches for custom_id in one.requests]
    print(f"batches: {[len(one.requests) for one in endpoint.batches]}")
    print(f"single calls, of failed and expired ones: {len(endpoint.single)}")
    print("most often put into a batch:", max(Counter(batched).values()))
    print("most often asked singly:", max(Counter(endpoint.single).values()))
    answered = Counter(endpoint.answered + endpoint.single)
    print(f"answered: {len(answered)} of {count}, most often {max(answered.values())}")


if __name__ == "__main__":
    main()
