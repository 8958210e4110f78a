"""A provider that dies at any call: no green verdict over what nobody saw, and no finding lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import GitRepo
from injection.obedient import KEY, Obedient

from rlm_gate.cli import main
from rlm_gate.rlm import pace

QUOTE = "os.system(command)"
APP = "import os\n\n\ndef run{0}(command):\n    os.system(command)\n"
CELLS = (
    "hits = grep(r'os\\.system', 'app*.py')\nprint(hits, [files[path] for path in files])",
    "for h in hits[:1]:\n    print(finding(rules[0]['id'], h.path, h.line, h.text, 'again'))",
    "done('one')",
)
CALLS = 3 + 3 + 4  # map, turns, second readings of three finds of the map and the root's one
ECHO = b'{"type": "error", "error": {"type": "api_error", "message": "seen: @HEADERS@"}}'
DEATHS = {
    "reset": (0, b""),
    "server": (500, ECHO),
    "overloaded": (529, ECHO),
    "auth": (401, ECHO),
    "garbage": (200, b"<html>@HEADERS@</html>"),
    "refusal": (
        200,
        (
            b'{"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],'
            b' "stop_reason": "refusal", "usage": {"input_tokens": 1, "output_tokens": 0}}'
        ),
    ),
}

# Every call number with one death at least, and each death in every third call.
DYING = [
    (number, death)
    for number in range(1, CALLS + 1)
    for index, death in enumerate(DEATHS)
    if death == "server" or (number + index) % 3 == 0
]


class Honest(Obedient):
    """Finds the flaw in every file, and confirms it."""

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if request.get("tools"):
            turn = min(len(request["messages"]) // 2, len(CELLS) - 1)
            cell = {"code": CELLS[turn]}
            return {"type": "tool_use", "id": "t", "name": "run_python", "input": cell}, "tool_use"
        block, stop = super().answer(request)
        said = json.loads(block["text"])
        if "verdict" in said:
            said |= {"verdict": "confirmed", "reason": "none", "quote": "", "row": 0}
        else:
            found = {"rule": "ask/ask", "row": 5, "quote": QUOTE, "explanation": "a caller"}
            said["findings"] = [found]
        return {"type": "text", "text": json.dumps(said)}, stop


@pytest.fixture
def project(repo: GitRepo, model: Obedient, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    """Three files with the flaw; calls are made one by one, and nobody waits for a second try."""
    model.answer = Honest().answer  # type: ignore[method-assign]  # an honest one for once
    monkeypatch.setattr(pace, "TRIES", 1)
    monkeypatch.setattr(pace, "_FIRST_PAUSE", 600.0)
    monkeypatch.setattr(pace, "_LONGEST_PAUSE", 600.0)
    for number in range(3):
        repo.write(f"app{number}.py", APP.format(number))
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "change")
    return repo


def check(repo: GitRepo) -> tuple[int, dict[str, Any]]:
    left = repo.path.parent / "left"
    outputs = [f"--output={name}={left / name}" for name in ("json", "sarif", "markdown", "junit")]
    packs = ["--rules=packs/ask", "--rules=packs/loop"]
    code = main(["check", "--diff", "main", "--no-cache", *packs, *outputs, "--deadline", "5"])
    return code, json.loads((left / "json").read_bytes())


def test_the_run_that_dies_nowhere_asks_as_often_as_the_deaths_assume(
    project: GitRepo, model: Obedient
) -> None:
    code, document = check(project)
    assert code == 1
    assert len(model.bodies) == CALLS
    assert {one["verification"] for one in document["findings"]} == {"confirmed"}
    assert document["coverage"]["gaps"] == []


@pytest.mark.parametrize(("number", "death"), DYING)
def test_a_provider_that_dies_at_a_call_makes_nothing_green_and_loses_no_finding(
    project: GitRepo,
    model: Obedient,
    death: str,
    number: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model.broken = lambda count: DEATHS[death] if count >= number else None
    code, document = check(project)
    printed = capsys.readouterr()
    assert code != 0, "something was not examined or not verified"
    places = {one["path"] for found in document["findings"] for one in (found, *found["also"])}
    assert len(places) >= min(number - 1, 3), "what the map had found is still there"
    assert document["coverage"]["gaps"] or any(
        one["verification"] == "call failed" for one in document["findings"]
    )
    left = project.path.parent / "left"
    texts = {str(one): one.read_bytes() for one in left.rglob("*") if one.is_file()}
    texts |= {"stdout": printed.out.encode(), "stderr": printed.err.encode()}
    assert [name for name, text in texts.items() if KEY.encode() in text] == []
