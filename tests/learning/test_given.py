"""Which lines an example is made of, where the user names one of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlm_gate.errors import UsageError
from rlm_gate.learning import given
from rlm_gate.learning.given import Named, Shown

LONG = "def f(a):\n" + "    b = a\n" * 130


def cut(folder: Path, name: str, text: str, *bad: str, good: str = "") -> Shown:
    """Return the first bad example; ``good`` names lines of the same file."""
    (folder / name).write_text(text, encoding="utf-8")
    (folder / "plain.txt").write_text("nothing\n", encoding="utf-8")
    named = [Named(f"{folder / name}:{lines}", bad=True) for lines in bad]
    other = f"{folder / name}:{good}" if good else str(folder / "plain.txt")
    return given.read([*named, Named(other, bad=False)], None, None, lambda _path: False)[0]


def test_a_line_brings_the_function_around_it(tmp_path: Path) -> None:
    text = "import os\n\n\nclass A:\n    @route\n    def f(self):\n        x = 1\n        run(x)\n"
    shown = cut(tmp_path, "a.py", text, "8")
    assert shown.excerpt == "@route\ndef f(self):\n    x = 1\n    run(x)\n"
    assert shown.rows == (4, 4)


def test_a_line_of_no_function_brings_its_whole_statement(tmp_path: Path) -> None:
    shown = cut(tmp_path, "a.py", "import os\nrun(\n    1,\n)\nlast()\n", "2")
    assert shown.excerpt == "run(\n    1,\n)\n"


def test_a_line_of_a_long_function_brings_the_block_around_it(tmp_path: Path) -> None:
    block = "    try:\n        run(\n            a)\n    except Oops:\n        b = a\n"
    shown = cut(tmp_path, "a.py", f"{LONG}{block}{'    c = a' + chr(10)}", "133")
    assert shown.excerpt == "try:\n    run(\n        a)\nexcept Oops:\n    b = a\n"
    assert shown.rows == (2, 2)


def test_a_block_in_braces_ends_with_its_brace(tmp_path: Path) -> None:
    text = "if (a) {\n  try {\n    run(a);\n  } catch (error) {\n    log(error);\n  }\n}\n"
    assert cut(tmp_path, "a.js", text, "3").excerpt == text


def test_an_example_does_not_hold_one_of_the_other_kind(tmp_path: Path) -> None:
    text = "def f(a):\n    run(a)\n    walk(a)\n"
    shown = cut(tmp_path, "a.py", text, "2", good="3")
    assert shown.excerpt == "run(a)\n"


def test_php_stands_alone_with_its_opening_tag(tmp_path: Path) -> None:
    shown = cut(tmp_path, "a.php", "<?php\n$x = 1;\nrun($x);\n", "3")
    assert shown.excerpt == "<?php\nrun($x);\n"
    assert shown.rows == (2, 2)


def test_lines_that_are_no_whole_code_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name those of a whole statement or function"):
        cut(tmp_path, "a.py", "x = {\n" + "    1: 2,\n" * 40 + "}\n", "1")


def test_a_file_whose_name_ends_like_a_place_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "odd.py:2").write_text("run()\n", encoding="utf-8")
    (tmp_path / "good.py").write_text("walk()\n", encoding="utf-8")
    named = [
        Named(str(tmp_path / "odd.py:2"), bad=True),
        Named(str(tmp_path / "good.py"), bad=False),
    ]
    first = given.read(named, None, "python", lambda _path: False)[0]
    assert (first.excerpt, first.rows) == ("run()\n", None)
