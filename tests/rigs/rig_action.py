"""action.yml under act: a real runner's steps, inputs, outputs and summary, without GitHub."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import GitRepo
from rigs.conftest import BAD, GOOD, ROOT, run, tool

WORKFLOW = """\
on: [pull_request, push, schedule]
permissions: {{contents: read}}
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7  # act has its own: it copies the work tree and .git
      - uses: owner/rlm-gate@v0
        id: gate
        with:
{inputs}
      - if: always()
        shell: bash
        env:
          OUTPUTS: ${{{{ toJSON(steps.gate.outputs) }}}}
        run: |
          printf '%s' "$OUTPUTS" > "{folder}/outputs.json"
          cp "${{{{ steps.gate.outputs.sarif-file }}}}" "{folder}/gate.sarif"
          cp "${{{{ steps.gate.outputs.junit-file }}}}" "{folder}/gate.xml"
"""


class Act:
    """One repository with a pull request merged, and what the action makes of it."""

    def __init__(self, repo: GitRepo, source: Path, folder: Path) -> None:
        self.repo, self.source, self.folder = repo, source, folder
        repo.commit("base", **{"kept.py": GOOD, "old.py": BAD})
        self.base = repo.git("rev-parse", "HEAD").strip()

    def pull_request(self, **files: str) -> dict[str, object]:
        """Merge a branch with these files as GitHub does; return the event."""
        self.repo.git("switch", "-q", "-c", "feature")
        head = self.repo.commit("feature", **files)
        self.repo.git("switch", "-q", "main")
        self.repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
        return {"pull_request": {"head": {"sha": head}, "base": {"sha": self.base}}}

    def judge(
        self, event: dict[str, object], code: int, name: str = "pull_request", **inputs: str
    ) -> str:
        """Run the workflow and return its log."""
        given = "\n".join(
            f"          {key.replace('_', '-')}: {value}" for key, value in inputs.items()
        )
        workflow = self.repo.path / ".github" / "workflows" / "gate.yml"
        workflow.parent.mkdir(parents=True, exist_ok=True)
        workflow.write_text(WORKFLOW.format(inputs=given, folder=self.folder))
        payload = self.folder / "event.json"
        payload.write_text(json.dumps(event))
        return run(
            *(tool("act"), name, "-P", "ubuntu-latest=-self-hosted", "-e", str(payload)),
            *("--pull=false", "--action-offline-mode", "--no-cache-server"),
            *("--env", f"PIP_CACHE_DIR={os.environ['PIP_CACHE_DIR']}"),
            *("--local-repository", f"owner/rlm-gate@v0={self.source}"),
            cwd=self.repo.path,
            code=code,
        )

    @property
    def outputs(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "outputs.json").read_text())
        return found

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture
def act(git_repo: GitRepo, source: Path, tmp_path: Path) -> Act:
    folder = tmp_path / "seen"
    folder.mkdir()
    return Act(git_repo, source, folder)


def test_a_pull_request_with_a_finding_fails_after_its_outputs_are_set(act: Act) -> None:
    event = act.pull_request(**{"bad.py": BAD})

    log = act.judge(event, 1, offline="true")

    assert act.outputs["verdict"] == "fail"
    assert act.outputs["exit-code"] == "1"
    assert act.outputs["findings"] == "1"
    results = json.loads(act.read("gate.sarif"))["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == ["security/shell-injection"]
    assert "bad.py" in act.read("gate.xml")
    assert "Summary - ## ❌ rlm-gate: fail" in log
    assert "❗  ::error file=bad.py,line=5" in log  # obeyed; other lines are shown as they are


def test_a_pull_request_without_a_key_is_inconclusive(act: Act) -> None:
    log = act.judge(
        act.pull_request(**{"new.py": "def add(a):\n    '''Add b.'''\n    return a\n"}),
        1,
        fail_on="info",
    )

    assert act.outputs["exit-code"] == "3", log
    assert "Two ways out" in log


def test_a_nightly_run_judges_everything(act: Act) -> None:
    act.judge({"schedule": "17 3 * * *"}, 1, name="schedule", offline="true", scope="all")

    assert act.outputs["findings"] == "2"  # old.py's, and this workflow's unpinned action


def test_no_input_runs_as_a_command(act: Act) -> None:
    act.judge(
        act.pull_request(**{"new.py": GOOD}),
        1,
        base=json.dumps('"; touch owned; echo $(touch owned) `touch owned`'),
        offline="true",
    )

    assert act.outputs["exit-code"] == "2"
    assert not list(act.repo.path.rglob("owned"))


def test_a_clean_pull_request_passes_and_its_modules_are_never_imported(act: Act) -> None:
    trap = f"open({str(act.folder / 'owned')!r}, 'w')\n"
    names = ("venv.py", "pip.py", "rlm_gate.py", "yaml.py", "sitecustomize.py")

    act.judge(act.pull_request(**dict.fromkeys(names, trap)), 0, offline="true", fail_on="never")

    assert act.outputs["verdict"] == "pass"
    assert act.outputs["exit-code"] == "0"
    assert not (act.folder / "owned").exists()


def test_schema_and_zizmor_accept_the_action() -> None:
    schema = ("--builtin-schema", "vendor.github-actions", "action.yml")
    run(tool("check-jsonschema"), *schema, cwd=ROOT)
    run(tool("zizmor"), "--offline", "--persona=auditor", "action.yml", cwd=ROOT)


def test_schema_and_zizmor_accept_our_workflows() -> None:
    workflows = [str(path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    schema = ("--builtin-schema", "vendor.github-workflows", *workflows)
    run(tool("check-jsonschema"), *schema, cwd=ROOT)
    zizmor = ("--offline", "--persona=pedantic", ".github/workflows")
    assert "No findings" in run(tool("zizmor"), *zizmor, cwd=ROOT)


def test_a_push_is_what_it_adds(act: Act) -> None:
    before = act.repo.git("rev-parse", "HEAD").strip()
    after = act.repo.commit("more", **{"bad.py": BAD})
    repository = {"default_branch": "main", "name": "name", "owner": {"login": "owner"}}
    event = {"before": before, "after": after, "ref": "refs/heads/main", "repository": repository}

    act.judge({**event, "forced": False}, 1, name="push", offline="true")

    assert act.outputs["findings"] == "1"
    assert "bad.py" in act.read("gate.xml")


def test_the_documented_workflow_fits_its_schema(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    workflow = tmp_path / "workflow.yml"
    workflow.write_text(page.partition("```yaml\n")[2].partition("```")[0])

    schema = ("--builtin-schema", "vendor.github-workflows", str(workflow))
    run(tool("check-jsonschema"), *schema, cwd=ROOT)
