"""The hostile and the benign snippets that lie beside the repository, where they do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import finding

from rlm_gate import corpus, decoding, reports, rulefile
from rlm_gate.config import ScopeRequest
from rlm_gate.core import Verdict
from rlm_gate.errors import SandboxDied
from rlm_gate.rlm import repl as repl_module
from rlm_gate.rlm.repl import Repl

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "sandbox"
TIMEOUT = 20.0


def given(name: str, *kinds: str) -> list[Any]:
    file = FOLDER / f"{name}.jsonl"
    if not file.exists():
        return [
            pytest.param({}, marks=pytest.mark.skip(f"{file.name} is not beside this checkout"))
        ]
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        pytest.param(row, id=row["id"])
        for row in rows
        if "code" in row and row.get("kind", "") in (kinds or ("",))
    ]


@pytest.mark.parametrize("case", given("hostile", "exec"))
def test_hostile_cell_ends_as_it_must(arena: Any, case: dict[str, Any]) -> None:
    timeout = 1.0 if "killed" in case["must"] else TIMEOUT
    outcome = arena.run(case["code"], timeout)
    assert outcome.effects == [], outcome.text
    must = case["must"].split("|")
    assert outcome.ended in must or (outcome.ended == "finished" and "contained" in must)
    never = [one.removeprefix("no_out:") for one in case["canary"] if one.startswith("no_out:")]
    assert [text for text in never if text in outcome.output] == []
    assert len(outcome.output) < 21_000
    assert outcome.seconds < timeout + 5


@pytest.mark.parametrize("case", given("hostile", "frame"))
def test_hostile_frame_kills_the_child(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = shutil.copy(Path(__file__).parent / "stand_in.py", tmp_path)
    code = re.sub(r"REPEAT\((.),(\d+)\)", lambda m: m[1] * int(m[2]), case["code"])
    body = bytes.fromhex(code) if case.get("raw") else code.encode()
    raw = body if case.get("raw") else len(body).to_bytes(4, "big") + body
    Path(f"{child}.answer").write_bytes(raw)
    monkeypatch.setattr(repl_module, "_CHILD", child)
    with Repl(context="") as repl:
        with pytest.raises(SandboxDied, match="protocol"):
            repl.run("1", 1.0)
        with pytest.raises(SandboxDied):
            repl.run("1", 1.0)


@pytest.mark.parametrize("case", given("hostile", "finding_text"))
def test_hostile_text_stays_text(case: dict[str, Any], arena: Any, verdict: Verdict) -> None:
    shown = arena.run(f"print({case['code']!r})").output
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", shown)
    told = replace(finding(), explanation=case["code"], message=case["code"])
    for name in reports.names():
        rendered = reports.load(name).render(replace(verdict, findings=(told,)))
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", rendered), name
        forged = rb"(?m)^\s*(::add-mask|::error file=a.py::|]]><testcase)"
        assert not re.search(forged, rendered), name


@pytest.mark.parametrize("case", given("hostile", "context"))
def test_hostile_material_is_carried(case: dict[str, Any]) -> None:
    text = material(case["code"])
    with Repl(texts={"a.txt": text}) as repl:
        cell = repl.run("print(len(files), len(files['a.txt']), len(list(chunks())) > 0)")
        assert cell.output == f"1 {len(text)} True\n"
        assert repl.run("print(1)").output == "1\n"
    with Repl(context=text) as repl:
        assert repl.run("print(len(context))").output == f"{len(text)}\n"


def material(macro: str) -> str:
    """Expand the macros of the corpus: REPEAT(text,n), U+hex, HEX(bytes)."""
    parts = []
    for part in re.findall(r"REPEAT\([^)]*\)|U\+[0-9A-F]+|HEX\([^)]*\)", macro):
        if part.startswith("REPEAT("):
            text, _, count = part[7:-1].rpartition(",")
            parts.append(text.replace("%0A", "\n") * int(count))
        elif part.startswith("U+"):
            parts.append(chr(int(f"0x{part[2:]}", 0)))
        else:
            content = bytes.fromhex(part[4:-1])
            decoded = decoding.decode(content)
            parts.append(decoded.text if decoded else content.decode("utf-8", "surrogateescape"))
    return "".join(parts)


@pytest.mark.parametrize("case", given("hostile", "repo"))
def test_hostile_checkout_is_only_read(case: dict[str, Any], tmp_path: Path, git_repo: Any) -> None:
    secret, marker = tmp_path / "secret", tmp_path / "marker"
    secret.write_text("kept")
    for line in case["code"].splitlines():
        plant(
            git_repo.path,
            line.replace("{{SECRET}}", str(secret)).replace("{{MARKER}}", str(marker)),
        )
    git_repo.commit()
    run_a_cell_from(git_repo.path)
    read = corpus.build(
        ScopeRequest(mode="all", repo=str(git_repo.path)), exclude=(), no_ignores=True
    )
    assert not marker.exists()
    assert "kept" not in "".join(read.tree[path] for path in read.tree)
    for file in git_repo.path.glob("rules/*.yml"):
        judged = rulefile.read("p", file.name, file.read_bytes(), "p")
        assert judged.problems
    assert not marker.exists()


def plant(folder: Path, line: str) -> None:
    """Do one line of the corpus: FILE(path)=content or SYMLINK(path -> target)."""
    if made := re.fullmatch(r"FILE\((.*?)\)=(.*)", line):
        target = folder / made[1]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(made[2])
    elif linked := re.fullmatch(r"SYMLINK\((.*?) -> (.*)\)", line):
        target = folder / linked[1]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(linked[2])


def run_a_cell_from(folder: Path) -> None:
    """Start a sandbox as a gate would whose working directory is the checkout."""
    code = (
        "from rlm_gate.rlm.repl import Repl\n"
        "with Repl(context='') as repl:\n"
        "    assert repl.run('import json, re; print(json.dumps(1))').output == '1\\n'\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, env=environment)


@pytest.mark.parametrize("case", given("benign"))
def test_benign_cell_prints_exactly_what_python_prints(case: dict[str, Any]) -> None:
    first = (FOLDER / "benign.jsonl").read_text(encoding="utf-8").splitlines()[0]
    context = json.loads(first)["context"]
    functions = {
        "llm_query": lambda _prompt, _spans=(), schema=None: "ok",  # noqa: ARG005 - the shape cells call
        "llm_query_parallel": lambda prompts, schema=None: ["ok"] * len(prompts),  # noqa: ARG005 - as above
    }
    with Repl(context=context, functions=functions) as repl:
        cell = repl.run(case["code"])
    assert cell.error is None
    assert cell.output == case["want_stdout"].replace("{LEN}", str(len(context)))
