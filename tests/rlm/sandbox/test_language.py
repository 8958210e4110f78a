"""The language of cells is Python: what is accepted prints what plain Python prints."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlm_gate.rlm.repl import MODULES, Repl

CONTEXT = "a\n# b\ncd\n"
_TEXT = (Path(__file__).parent / "programs.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def repl() -> Iterator[Repl]:
    with Repl(context=CONTEXT) as opened:
        yield opened


@pytest.mark.parametrize("program", PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
@pytest.mark.filterwarnings("ignore")
def test_program_prints_what_plain_python_prints(repl: Repl, program: str) -> None:
    cell = repl.run(program)
    assert cell.error is None, cell.error
    assert cell.output == plainly(program)


def plainly(program: str) -> str:
    names: dict[str, Any] = {"context": CONTEXT, "__name__": "__main__"}
    exec(f"import {', '.join(MODULES)}", names)  # noqa: S102 - our own programs
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        exec(program, names)  # noqa: S102 - as above
    return shown.getvalue()
