"""Where a condition says that there is nothing, nothing can do harm; near misses still can."""

from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Severity
from rlm_gate.detectors import taint


def found(path: str, code: str, **options: Any) -> list[int]:
    seeking = rule(detect=[Detect("taint", options)], severity=Severity.HIGH)
    told = taint.detect(corpus(source(path, code)), [seeking])
    return [one.span.start for one in told if isinstance(one, Finding)]


def sent(condition: str, branch: str = "res.send('no ' + id);", after: str = "") -> list[int]:
    code = "app.get('/', (req, res) => {\n  const id = req.query.id, arr = load();\n"
    code += "  const other = req.query.other;\n"
    code += f"  if ({condition}) {{ {branch} return; }}\n  {after}\n}});\n"
    calls = [{"call": "**.res.send", "args": [0]}]
    return found("a.js", code, language="javascript", sink="xss", calls=calls)


def run(condition: str, branch: str = "system('no ' + name)") -> list[int]:
    code = (
        "from flask import request\n@app.route('/')\ndef go():\n    name = request.args['name']\n"
    )
    code += f"    if {condition}:\n        {branch}\n"
    calls = [{"call": "system", "args": [0]}]
    return found("a.py", code, language="python", sink="shell", calls=calls)


@pytest.mark.parametrize(
    "condition",
    ["!id", "!id && !other", "!(id || other)", "id == null", "id === undefined", "id === ''"],
)
def test_a_branch_for_what_is_missing_sends_nothing(condition: str) -> None:
    assert sent(condition) == []
    assert sent(condition, after="res.send('is ' + id);") == [5]


@pytest.mark.parametrize(
    "condition",
    [
        "!id || other",
        "!(id && other)",
        "!known(id)",
        "!arr.includes(id)",
        "!id.match(/x/)",
        "id",
        "!id.length || !other.length",
    ],
)
def test_a_branch_that_may_have_something_sends_it(condition: str) -> None:
    assert sent(condition) == [4]


def test_a_match_that_failed_is_empty_but_not_the_text_that_was_searched() -> None:
    code = "app.get('/', (req, res) => {\n  const m = req.query.id.match(/^a$/);\n"
    code += "  if (!m) { res.send('no ' + req.query.id); }\n});\n"
    calls = [{"call": "**.res.send", "args": [0]}]
    assert found("a.js", code, language="javascript", sink="xss", calls=calls) == [3]


def test_what_is_set_anew_in_the_branch_is_sent() -> None:
    assert sent("!id", "id = req.query.b; res.send('no ' + id);") == [4]


def test_the_other_branch_and_members_are_known_to_be_empty_too() -> None:
    assert sent("id", "ok();", "res.send('no ' + id);") == []
    assert sent("!req.query.id", "res.send(req.query.id);") == []
    assert sent("!req.query.id", "res.send(req.query.other);") == [4]


@pytest.mark.parametrize(
    "condition", ["not name", "name is None", "not name and not go", "not (name or go)"]
)
def test_nothing_runs_where_python_says_that_there_is_none(condition: str) -> None:
    assert run(condition) == []


@pytest.mark.parametrize(
    "condition",
    [
        "not name or go",
        "not (name and go)",
        "not known(name)",
        "name is not None",
        "not name.find('x')",
    ],
)
def test_something_runs_where_python_may_have_it(condition: str) -> None:
    assert run(condition) == [6]


def test_python_forgets_that_it_was_empty_when_it_is_set() -> None:
    assert run("not name", "name = request.args['b']; system(name)") == [6]
