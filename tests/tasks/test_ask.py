from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from loopback import serve
from pytest_httpserver import HTTPServer

from rlm_gate.cli import main
from rlm_gate.errors import UsageError
from rlm_gate.tasks import Options, ask

LOG = "start of the log\n" + "nothing happened here\n" * 500 + "host db7 timed out after 30 s\n"
TRUE = {"path": "log.txt", "line": 502, "quote": "host db7 timed out after 30 s"}
FALSE = {"path": "log.txt", "line": 3, "quote": "host db9 timed out after 99 s"}


def asked(
    server: HTTPServer, answer: Any, *evidence: dict[str, Any], schema: Any = None, **more: Any
) -> tuple[Any, list[dict[str, Any]]]:
    bodies: list[dict[str, Any]] = []
    done = f"done({{'answer': {answer!r}, 'evidence': {list(evidence)!r}}})"
    provider = serve(server, ["print(len(files))", done], bodies)
    request = ask.Request("Which host timed out?", (), schema, {"log.txt": LOG})
    return ask.run(request, Options(provider=provider, no_cache=True, **more)), bodies


def test_an_answer_comes_with_the_lines_that_show_it(httpserver: HTTPServer) -> None:
    result, bodies = asked(httpserver, "db7", TRUE, FALSE)
    assert result.conclusive
    assert result.answer.value == "db7"
    assert [(one.path, one.line) for one in result.answer.evidence] == [("log.txt", 502)]
    assert len(result.dropped) == 1
    assert all("timed out after" not in json.dumps(body["messages"][:1]) for body in bodies)
    assert "log.txt:502 `host db7" in ask.render(result, "markdown").decode()


def test_an_answer_whose_quotes_are_invented_is_withheld(httpserver: HTTPServer) -> None:
    result, _ = asked(httpserver, "db9", FALSE)
    assert not result.conclusive
    assert result.answer.value is None
    assert b"db9\n" not in ask.render(result, "markdown")


def test_an_answer_has_the_shape_of_the_schema(httpserver: HTTPServer) -> None:
    schema = {"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}}}
    result, _ = asked(httpserver, {"host": "db7"}, TRUE, schema=schema)
    assert result.answer.value == {"host": "db7"}
    httpserver.clear()
    result, _ = asked(httpserver, {"hosts": 3}, TRUE, schema=schema, max_usd=0.3)
    assert not result.conclusive
    assert result.answer.value is None


def test_the_limit_in_dollars_holds(httpserver: HTTPServer) -> None:
    bodies: list[dict[str, Any]] = []
    provider = serve(httpserver, ["print('x' * 20000)"], bodies)
    options = Options(provider=provider, no_cache=True, max_usd=0.15)
    result = ask.run(ask.Request("What?", (), None, {"log.txt": LOG}), options)
    assert not result.conclusive
    assert result.usage.usd is not None
    assert 0 < result.usage.usd <= 0.15


@pytest.mark.parametrize("flags", [(), ("--offline",)])
def test_without_a_model_there_is_no_answer_but_the_way_to_one_and_its_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    (tmp_path / "log.txt").write_text(LOG)
    assert main(["ask", "Which host?", str(tmp_path), *flags]) == 3
    said = capsys.readouterr().out
    assert "needs a model" in said
    assert "at most; the run's limit is $1.00" in said
    assert "db7" not in said


def test_standard_input_is_a_text_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"one line of text\n")))
    assert main(["ask", "What?", "-", "--offline"]) == 3
    assert "17 bytes" in capsys.readouterr().out


@pytest.mark.parametrize("schema", ["[", "[]", '{"type": "nothing"}'])
def test_a_schema_that_is_none_is_a_usage_error(tmp_path: Path, schema: str) -> None:
    (tmp_path / "s.json").write_text(schema)
    (tmp_path / "a.txt").write_text("text")
    given = ["ask", "What?", str(tmp_path / "a.txt"), "--schema", str(tmp_path / "s.json")]
    assert main(given) == 2


def test_a_question_about_nothing_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        ask.run(ask.Request("What?", (str(tmp_path / "no"),)), Options(offline=True))
    with pytest.raises(UsageError, match="empty"):
        ask.run(ask.Request(" ", ("x",)), Options(offline=True))
