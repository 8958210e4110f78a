"""What the language of cells accepts and refuses, row by row of docs/repl.md."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlm_gate.rlm.repl import Repl
from rlm_gate.rlm.sandbox.policy import RefusedCode, compile_cell

PAGE = (Path(__file__).parents[3] / "docs" / "repl.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[Any]:
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n#")[0]
    found = re.findall(r"^\| (`.*`) \| (.*) \|$", section, re.MULTILINE)
    assert found
    return [pytest.param(code_of(cell), note, id=note) for cell, note in found]


def code_of(cell: str) -> str:
    lines = [part.removeprefix("`").removesuffix("`") for part in cell.split("<br>")]
    return html.unescape("\n".join(lines)).replace("\\|", "|")


@pytest.fixture(scope="module")
def repl() -> Iterator[Repl]:
    with Repl(texts={"a": "b"}) as opened:
        yield opened


@pytest.mark.parametrize(("code", "note"), rows("As in Python"))
def test_accepted(repl: Repl, code: str, note: str) -> None:
    assert repl.run(code).error is None, note


@pytest.mark.parametrize(("code", "remedy"), rows("Refused before anything runs"))
def test_refused_as_a_whole(repl: Repl, code: str, remedy: str) -> None:
    cell = repl.run(f"print('ran')\n{code}")
    assert cell.error is not None
    assert cell.error.type == "NotAllowed"
    assert remedy in cell.error.message
    assert cell.error.line is not None
    assert cell.error.line > 1
    assert cell.error.source in code.splitlines()
    assert cell.output == ""


@pytest.mark.parametrize(("code", "remedy"), rows("Refused when it happens"))
def test_refused_at_run_time(repl: Repl, code: str, remedy: str) -> None:
    cell = repl.run(f"print('ran')\n{code}")
    assert cell.error is not None
    assert cell.error.type != "NotAllowed"
    assert remedy in cell.error.message
    assert cell.error.line == 2
    assert cell.output == "ran\n"


@pytest.mark.parametrize(
    "code",
    [
        *("x.__class__ = 1", "del x.__dict__", "x.gi_frame = 1", "x.gi_frame"),
        *("__init__ = 1", "def __init__(self): pass", "for __call__ in x: pass"),
        "def f():\n    global __init__",
    ],
)
def test_doors_of_the_language_are_shut_before_anything_runs(code: str) -> None:
    with pytest.raises(RefusedCode, match="not available") as refused:
        compile_cell(code, "cell")
    assert refused.value.kind == "NotAllowed"


@pytest.mark.parametrize("code", ["a\0b", "\ud800"])
def test_what_is_no_text_of_python_is_refused_as_such(code: str) -> None:
    with pytest.raises(RefusedCode) as refused:
        compile_cell(code, "cell")
    assert refused.value.kind == "SyntaxError"


@pytest.mark.parametrize(
    "shown",
    [
        *(
            'f"{f}"',
            'f"{f!s}"',
            'f"{f!r}"',
            'f"{f!a}"',
            'f"{f:}"',
            "f\"{f:{''}}\"",
            'f"{[f]!s:>9}"',
        ),
        *("str(f)", "repr(f)", "ascii([f])", "format(f)", 'format([f], "")'),
        *('"{}".format(f)', '"{!a}".format(f)', '"%s" % f', '"%a" % f'),
    ],
)
def test_no_value_shows_where_it_lies_in_memory(repl: Repl, shown: str) -> None:
    output = repl.run(f"def f(): pass\nprint({shown})").output
    assert "<function f>" in output


@pytest.mark.parametrize(
    "shown",
    [
        *("f\"{1.5:{'.2f'}}\"", "f\"{7:{''}}{7:}{'a':>{3}}\"", 'f"{chr(228)!a:>9}"'),
        *('format(255, "x")', "format(7)", "ascii([chr(228)])", '"{!a:>9}".format(chr(228))'),
    ],
)
def test_values_are_formatted_as_in_python(repl: Repl, shown: str) -> None:
    assert repl.run(f"print({shown})").output == f"{eval(shown)}\n"  # noqa: S307 - our own text


def test_every_refusal_of_a_cell_is_told_at_once() -> None:
    with pytest.raises(RefusedCode) as caught:
        compile_cell("a.__b__\nx = 1\ntry: pass\nexcept* ValueError: pass", "<cell 1>")
    assert caught.value.line == 1
    assert "line 3: except*" in caught.value.message


def test_names_of_the_page_are_the_names_of_a_cell(repl: Repl) -> None:
    """Those that need no host function are there in every run over files."""
    named = {"files", "grep", "read", "span", "chunks", "chunk_text", "chunk_lines", "results"}
    table = PAGE.partition("## Names")[2].partition("\n## ")[0]
    for name in sorted(named | {"show_vars", "llm_query_batched"}):
        assert f"`{name}" in table
        assert repl.run(name).error is None, name
