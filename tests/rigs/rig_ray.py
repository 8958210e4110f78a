"""A real Ray cluster of two nodes on this machine; one of them is killed while shards run."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from batch_api import Endpoint, serving
from conftest import GitRepo

from rlm_gate.cli import main

ray = pytest.importorskip("ray", reason="pip install 'rlm-gate[ray]' brings it")

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
FILES = 40


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("killing", [False, True], ids=["both nodes live", "one node is killed"])
def test_two_nodes_give_the_same_bytes_as_one_process(
    *, killing: bool, git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    git_repo.write(".rlm-gate/rules/own/ask.yaml", RULE)
    for number in range(FILES):
        git_repo.write(f"app{number}.py", f"import os\n\n\nprint({number})\n")
    git_repo.commit()
    monkeypatch.chdir(git_repo.path)
    endpoint = Endpoint(delay=0.05)
    check = ["check", "--rev", "HEAD", "--rules", ".rlm-gate/rules", "--quiet"]
    with serving(endpoint):
        monkeypatch.setenv("ANTHROPIC_API_KEY", "made-" + "up")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", endpoint.url)
        one, other = tmp_path / "one.json", tmp_path / "other.json"
        assert main([*check, "--no-cache", "--output", f"json={one}"]) == 0
        endpoint.single.clear()
        monkeypatch.setenv("RLM_GATE_CACHE_DIR", str(tmp_path / "cache"))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        node = cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        try:
            if killing:
                threading.Timer(
                    6.0, lambda: cluster.remove_node(node, allow_graceful=False)
                ).start()
            given = ["--executor", "ray", "--shards", "8", "--output", f"json={other}"]
            assert main([*check, *given]) == 0
        finally:
            ray.shutdown()
            cluster.shutdown()
    assert one.read_bytes() == other.read_bytes()
    asked = Counter(endpoint.single)
    assert len(asked) == FILES
    again = sum(asked.values()) - FILES  # sent, and not recorded when their node was killed
    assert again <= (FILES // 8 if killing else 0)
