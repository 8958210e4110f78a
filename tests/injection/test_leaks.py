"""No secret of the repository reaches a report, stderr, a journal, a cache or a model."""

from __future__ import annotations

import json

import pytest
from conftest import GitRepo
from injection.obedient import APP, Obedient

from rlm_gate import reports
from rlm_gate.cli import main

SECRET = "AKIA" + "QX7ZP3RW5TBN2LDV"
HINT = "AKIA…2LDV"
PACKS = ("--rules=packs/code", "--rules=packs/ask", "--rules=packs/loop")


def run(repo: GitRepo, capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, str]:
    """Run the real command line with every report; return all it left, by name."""
    left = repo.path.parent / "left"
    outputs = [f"--output={name}={left / name}" for name in reports.names()]
    code = main(["check", *flags, *PACKS, *outputs, "--deadline", "20"])
    printed = capsys.readouterr()
    files = {str(one.relative_to(left)): one for one in left.rglob("*") if one.is_file()}
    texts = {name: one.read_bytes().decode("utf-8", "replace") for name, one in files.items()}
    return {**texts, "stdout": printed.out, "stderr": printed.err, "code": str(code)}


def leaks(left: dict[str, str], model: Obedient | None = None) -> list[str]:
    """Name what holds the secret, the names of files too."""
    found = [name for name, text in left.items() if SECRET in text or SECRET in name]
    return found + [body for body in (model.bodies if model else []) if SECRET in body]


@pytest.fixture
def named(repo: GitRepo) -> GitRepo:
    """Files of every fate whose names hold a secret: judged, renamed, deleted, binary, moved."""
    repo.write(f"gone-{SECRET}.py", "print(1)\n" * 9)
    repo.write(f"moved-{SECRET}.py", "import os\n" * 30)
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "before")
    repo.git("branch", "-f", "base")
    repo.git("mv", f"moved-{SECRET}.py", f"new-{SECRET}.py")
    repo.git("rm", "-q", f"gone-{SECRET}.py")
    repo.write(f"{SECRET}/app.py", APP.format(inside="x = 1"))
    repo.write(f"{SECRET}.py", f"# rlm-gate: ignore[code/code]\n{APP.format(inside='y = 2')}")
    repo.write(f"bin-{SECRET}.dat", b"\0\1\2")
    repo.write(f"bad-{SECRET}.py", "def (:\n")
    repo.write("plain.py", APP.format(inside=f"open({SECRET + '.txt'!r})"))
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", f"drop {SECRET}.py")
    return repo


@pytest.mark.parametrize("scope", [["--diff", "base"], ["--all"]], ids=["diff", "all"])
def test_a_secret_in_a_name_is_masked_in_all_that_a_run_leaves(
    scope: list[str], named: GitRepo, model: Obedient, capsys: pytest.CaptureFixture[str]
) -> None:
    left = run(named, capsys, *scope)
    assert left["code"] == "1"
    assert model.bodies
    assert any("journals" in name for name in left)
    assert leaks(left, model) == []
    found = json.loads(left["json"])["findings"]
    places = {one["path"] for finding in found for one in (finding, *finding["also"])}
    assert places >= {f"{HINT}/app.py", "plain.py"}
    assert [name for name in ("html", "markdown", "junit") if HINT not in left[name]] == []


def test_a_named_path_and_its_replay_leak_nothing(
    named: GitRepo, model: Obedient, capsys: pytest.CaptureFixture[str]
) -> None:
    left = run(named, capsys, f"{SECRET}/app.py", f"{SECRET}.py", "plain.py")
    assert leaks(left, model) == []
    (journal,) = (named.path.parent / "left/cache/journals").glob("*.jsonl")
    assert main(["replay", str(journal)]) == 2
    printed = capsys.readouterr()
    assert f"{HINT}/app.py: no such file" in printed.err
    assert SECRET not in printed.out + printed.err


def test_a_secret_in_a_line_shows_its_ends_to_people_and_a_pseudonym_to_models(
    repo: GitRepo, model: Obedient, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write("app.py", f"import os\nkey = {SECRET!r}\nos.system(command + {SECRET!r})\n")
    left = run(repo, capsys)
    assert leaks(left, model) == []
    (found,) = json.loads(left["json"])["findings"]
    assert found["quote"] == f"os.system(command + '{HINT}')"
    sent = "".join(json.dumps(json.loads(body), ensure_ascii=False) for body in model.bodies)
    assert "\u2039secret:aws-access-key:" in sent


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", f"{SECRET}.py"],
        ["check", "--rules", f"{SECRET}"],
        ["check", "--config", f"{SECRET}.yaml"],
        ["check", "--offline", "--output", f"nothing={SECRET}"],
        ["check", "--diff", SECRET],
        ["explain", "abcd", "--report", f"{SECRET}.json"],
        ["replay", f"{SECRET}.jsonl"],
        ["baseline", "check", "--repo", SECRET],
        ["rules", "validate", SECRET],
    ],
    ids=" ".join,
)
def test_an_error_names_no_secret(
    arguments: list[str], repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write(".rlm-gate.yaml", "version: 1\n")
    assert main(arguments) in {1, 2, 3}
    printed = capsys.readouterr()
    assert printed.err
    assert SECRET not in printed.out + printed.err


def test_a_broken_configuration_below_a_secret_name_is_named_by_its_hint(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    repo.write(f"{SECRET}/.rlm-gate.yaml", "versoin: 1\n")
    repo.write(f"{SECRET}/a.py", "x = 1\n")
    assert main(["check", "--all", "--offline"]) == 2
    assert f"{HINT}/.rlm-gate.yaml:1:1" in capsys.readouterr().err
