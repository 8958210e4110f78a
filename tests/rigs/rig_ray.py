"""A real Ray cluster of two nodes on this machine; one of them is killed while shards run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from batch_api import Endpoint, nothing, serving
from conftest import GitRepo

PYTHON = Path(sys.prefix) / "rigs" / "ray" / "bin" / "python"
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
FILES = 400
SHARDS = 2
MANY = FILES - 50
"""When so many calls were made, each of both shards had most of its replies."""
AT_ONCE = 48
"""The most calls that one shard has under way."""


@dataclass
class Cluster:
    """Two nodes and the environment in which a driver finds them."""

    process: subprocess.Popen[str]
    env: dict[str, str]

    def kill_one(self) -> None:
        """Kill the node that the driver is not on."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("kill\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "killed\n"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint(delay=0.05)) as served:
        yield served


@contextmanager
def cluster(endpoint: Endpoint, folder: Path) -> Iterator[Cluster]:
    assert PYTHON.exists(), "Ray's environment is missing; run: make rigs"
    env = {
        **os.environ,
        "ANTHROPIC_API_KEY": "made-" + "up",
        "ANTHROPIC_BASE_URL": endpoint.url,
        "RLM_GATE_CACHE_DIR": str(folder / "node"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    script = Path(__file__).with_name("ray_cluster.py")
    command = [str(PYTHON), "-W", "ignore", str(script)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            env["RAY_ADDRESS"] = process.stdout.readline().strip()
            env["RLM_GATE_CACHE_DIR"] = str(folder / "driver")
            yield Cluster(process, env)
        finally:
            process.stdin.close()


@pytest.fixture
def project(git_repo: GitRepo) -> Path:
    git_repo.write(".rlm-gate/rules/own/ask.yaml", RULE)
    for number in range(FILES):
        git_repo.write(f"app{number}.py", f"import os\n\n\nprint({number})\n")
    git_repo.commit()
    return git_repo.path


def check(*flags: str, shards: int = SHARDS) -> list[str]:
    spread = ["--executor", "ray", "--shards", str(shards)] if shards else []
    rules = ["--rules", ".rlm-gate/rules", "--rev", "HEAD", "--quiet"]
    return [str(PYTHON), "-m", "rlm_gate", "check", *rules, *spread, *flags]


def ended(command: list[str], where: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=where, env=env, capture_output=True, text=True, check=False, timeout=80
    )


@dataclass
class Crisis:
    """Something that befalls a run once the endpoint was asked often; until then it answers."""

    endpoint: Endpoint
    asked: int
    here: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Find nothing, and hold back what is asked while it lasts."""
        if len(self.endpoint.single) >= self.asked:
            self.here.set()
            self.over.wait(30)
        return nothing(body)


def test_a_killed_node_changes_no_byte_and_repeats_no_recorded_call(
    endpoint: Endpoint, project: Path, tmp_path: Path
) -> None:
    with cluster(endpoint, tmp_path) as nodes:
        one, other, killed = (tmp_path / f"{name}.json" for name in ("one", "other", "killed"))
        alone = ended(check("--no-cache", f"--output=json={one}", shards=0), project, nodes.env)
        assert alone.returncode == 0, alone.stderr
        asked = Counter(endpoint.single)
        assert len(asked) == FILES
        endpoint.single.clear()

        spread = ended(check("--no-cache", f"--output=json={other}"), project, nodes.env)
        assert spread.returncode == 0, spread.stderr
        assert other.read_bytes() == one.read_bytes()
        assert Counter(endpoint.single) == asked
        assert re.fullmatch(
            r"rlm-gate: the shards paid \$0\.\d*[1-9]\d*\nrlm-gate: this run paid \$0\.0000 .*\n",
            spread.stderr,
        )

        endpoint.single.clear()
        crisis = Crisis(endpoint, asked=MANY)
        endpoint.answer = crisis.answer

        def kill() -> None:
            crisis.here.wait(60)
            nodes.kill_one()
            crisis.over.set()

        killer = threading.Thread(target=kill)
        killer.start()
        rest = ended(check("--no-cache", f"--output=json={killed}"), project, nodes.env)
        killer.join()
    assert rest.returncode == 0, rest.stderr
    assert killed.read_bytes() == one.read_bytes()
    assert set(endpoint.single) == set(asked)
    again = len(endpoint.single) - FILES
    assert again <= AT_ONCE, "what was under way on that node, and no more"


def test_an_interrupt_keeps_what_came_for_the_next_run(
    endpoint: Endpoint, project: Path, tmp_path: Path
) -> None:
    with cluster(endpoint, tmp_path) as nodes:
        crisis = Crisis(endpoint, asked=MANY)
        endpoint.answer = crisis.answer
        report = tmp_path / "report.json"
        with subprocess.Popen(
            check(f"--output=json={report}"), cwd=project, env=nodes.env
        ) as process:
            assert crisis.here.wait(60)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 143
            crisis.over.set()
        assert report.exists()
        before = len(endpoint.single)
        assert before < FILES
        done = ended(check(f"--output=json={report}"), project, nodes.env)
        assert done.returncode == 0, done.stderr
    assert len(endpoint.single) - FILES <= 2 * AT_ONCE, "what was under way on both nodes"
    assert not (tmp_path / "node").exists(), "replies are kept where the driver is"


def test_no_cluster_is_told_with_what_to_do(project: Path, tmp_path: Path) -> None:
    env = {
        **os.environ,
        "ANTHROPIC_API_KEY": "made-" + "up",
        "RLM_GATE_CACHE_DIR": str(tmp_path),
        "RAY_ADDRESS": "127.0.0.1:1",
    }
    done = ended(check(), project, env)
    assert done.returncode == 3
    assert "127.0.0.1:1: Connection refused" in done.stderr
    assert "ray start --head" in done.stderr
    assert "Traceback" not in done.stderr
