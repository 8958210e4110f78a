"""Every command that the pages show is run, in a small repository that has what they name."""

from __future__ import annotations

import html
import io
import re
import shlex
import shutil
from pathlib import Path

import picture
import pytest
from conftest import GitRepo

from rlm_gate.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / ".claude" / "skills" / "rlm-gate" / "SKILL.md",
]
# What is no call of ours, and who runs it instead.
OTHERS = {
    "modal": "needs an account: docs/scale.md says so",
    "podman": "needs a registry: docs/scale.md says what was run instead",
    "make": "tests/test_docs.py knows the targets; CI runs them",
    "pip": "tests/rigs/rig_install.py",
    "pipx": "tests/rigs/rig_install.py",
    "uvx": "tests/rigs/rig_install.py",
    "pre-commit": "tests/rigs/rig_hooks.py",
    "python": "benchmarks are run by hand; CONTRIBUTING.md",
}
# Calls that mean something only after another run; their own tests make that run.
NOT_ALONE = {
    "rlm-gate explain src/app.py:2": "tests/cli/test_explain.py",
    "rlm-gate check --rev HEAD --shard 1/4 --shard-file shard-1.json": "tests/scale/test_shards.py",
    "rlm-gate merge 'shard-*.json' --output sarif=gate.sarif": "tests/scale/test_shards.py",
    "rlm-gate check --rev HEAD --executor ray --shards 64": "tests/rigs/rig_ray.py",
    "rlm-gate check --rev HEAD --executor ray://head:10001": "tests/rigs/rig_ray.py",
    "rlm-gate check --rev HEAD --executor modal --shards 64": "tests/scale/test_modal.py",
    "rlm-gate audit-many repos.yaml --out audits --max-usd 50": "tests/cli/test_audit_many.py",
    "rlm-gate rules test": "tests/test_rules.py",
}
ISSUE = '{"id": "a-1", "title": "One", "status": "open", "priority": 1, "issue_type": "task"}\n'
CODE = "def price(amount):\n    return amount * 2\n"


def shown() -> list[str]:
    """Return the lines of all shell blocks, once each, without comments."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip() and not line.startswith("#"):
                    found[shlex.join(shlex.split(line, comments=True))] = None
    return list(found)


OURS = [line for line in shown() if line.startswith("rlm-gate ") and line not in NOT_ALONE]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repository ``work`` and those beside it that the pages name."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "A")
            patch.setenv(f"GIT_{who}_EMAIL", "a@example.com")
        for name in ("api", "web", "shop", "client", "work"):
            repo = GitRepo(folder / name)
            repo.path.mkdir()
            repo.git("init", "-q", "-b", "main")
            repo.commit("first", **{"core.py": CODE})
        _fill(repo)
    return folder


def _fill(repo: GitRepo) -> None:
    log = "2026-01-01 00:00:01 ERROR host a.example: timeout\n"
    repo.commit(
        "all that the pages name",
        **{
            "src/app.py": CODE,
            "logs/app.log": log,
            "outputs/worker-1.output": "It works.\n",
            "criteria.md": "# Criteria\n\n- It works.\n",
            "issue.md": "# An issue\n\nMake it work.\n",
            "session-42-1760000000000.log": log,
            ".harness/session-42-1760000000000.log": log,
            "transcripts/session-1-1760000000000.log": log,
            ".beads/issues.jsonl": ISSUE,
            "issues.json": f"[{ISSUE}]",
            "answer.json": '{"type": "object"}',
        },
    )
    repo.git("tag", "v1.0")
    repo.git("update-ref", "refs/remotes/origin/main", "HEAD")
    for branch in ("release", "worker-1", "worker-2", "feature"):
        repo.git("switch", "-q", "-c", branch, "main")
        repo.commit(f"more on {branch}", **{f"src/{branch}.py": CODE})


@pytest.mark.parametrize("line", OURS)
def test_it_runs(
    line: str,
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    kept = shutil.ignore_patterns("cache", "state")
    shutil.copytree(made, tmp_path / "pages", symlinks=True, ignore=kept)
    monkeypatch.chdir(tmp_path / "pages" / "work")
    monkeypatch.setenv("RLM_GATE_CACHE_DIR", str(made / "cache"))  # rules are compiled once
    monkeypatch.setenv("XDG_STATE_HOME", str(made / "state"))

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("y\ny\n"))

    words = shlex.split(line)[1:]
    if words[0] == "baseline" and words[1] != "create":
        main(["baseline", "create", "--offline", "--quiet"])
    code = main(words)

    said = capfd.readouterr()
    # 1 and 3 are verdicts: a finding blocks, or a model would have been needed.
    assert code in {0, 1, 3}, said.err
    assert "Traceback" not in said.err
    assert said.out or said.err


def test_every_other_line_is_run_by_somebody_else() -> None:
    others = {line.split()[0] for line in shown() if not line.startswith("rlm-gate ")}

    assert others <= set(OTHERS)


def test_what_can_not_run_alone_is_still_shown() -> None:
    assert set(NOT_ALONE) <= set(shown())
    assert all((ROOT / test).exists() for test in NOT_ALONE.values())


def test_the_picture_shows_what_the_gate_says_and_loads_nothing() -> None:
    drawn = picture.TARGET.read_text(encoding="utf-8")
    plain = "".join(html.unescape(re.sub(r"<[^>]+>", "", drawn)).split())
    said = re.sub(r"\x1b\[[0-9;]*m", "", picture.captured())

    places = re.findall(r"^app\.py:\d+:\d+\s+\w+\s+\S+/\S+", said, re.MULTILINE)
    assert len(places) == 2
    missing = [place for place in places if "".join(place.split()) not in plain]
    assert missing == [], "run: make picture"
    assert "FAIL" in plain
    assert set(re.findall(r"https?://[^\"')\s]+", drawn)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in drawn
