from __future__ import annotations

from typing import Any

import pytest
from builders import corpus, source

from rlm_gate.core import Confidence, Detect, Finding, Fix, Help, Rule, Severity, Span
from rlm_gate.detectors import ruff
from rlm_gate.detectors._fixes import fix
from rlm_gate.fingerprint import stamp


def found(code: str, text: str) -> Finding:
    rule = Rule(
        id="own/rule",
        title="t",
        severity=Severity.LOW,
        precision=Confidence.HIGH,
        languages=("python",),
        message="m",
        help=Help("w", "f"),
        detect=(Detect("ruff", {"select": [code]}),),
    )
    (one,) = ruff.detect(corpus(source("a.py", text)), (rule,))
    assert isinstance(one, Finding)
    return one


def applied(text: str, made: Fix) -> str:
    lines = text.split("\n")
    lines[made.span.start - 1 : made.span.end] = made.text.split("\n") if made.text else []
    return "\n".join(lines)


def test_a_fix_of_ruff_is_a_change_of_whole_lines() -> None:
    text = "def f(x):\n    if x is 'naïve':\n        return 1\n"
    made = found("F632", text).fix
    assert made
    assert made.span == Span("a.py", 2, 2)
    assert made.text == "    if x == 'naïve':"
    assert made.safe


def test_edits_in_several_lines_are_one_fix() -> None:
    text = "import os\n\n\ndef f(a, b=[]):\n    return a, b\n"
    made = found("B006", text).fix
    assert made
    assert not made.safe
    mended = applied(text, made)
    assert "def f(a, b=None):\n    if b is None:\n        b = []\n    return a, b\n" in mended
    compile(mended, "a.py", "exec")


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        ("a: int, b: list[str] = []", "a: int, b: list[str] | None = None"),
        ("b: dict[str, list[int]]={}", "b: dict[str, list[int]] | None=None"),
        ("b: 'list[str]' = []", "b: 'list[str] | None' = None"),
        ("b: dict[str, 'C'] = {}", "b: dict[str, 'C'] | None = None"),
        ("b: list[str] | None = []", "b: list[str] | None = None"),
        ("b: Optional[List[str]] = []", "b: Optional[List[str]] = None"),
        ("b: Any = []", "b: Any = None"),
        ("b=[]", "b=None"),
        ("*, bb: int = 1, b: set[int] = set()", "*, bb: int = 1, b: set[int] | None = None"),
    ],
)
def test_a_default_that_becomes_none_says_so_in_its_type(given: str, mended: str) -> None:
    text = f"import os\n\n\ndef f({given}):\n    return b\n"
    made = found("B006", text).fix
    assert made
    assert f"def f({mended}):\n    if b is None:" in applied(text, made)


def test_lines_that_go_away_leave_no_empty_line() -> None:
    text = "import os\nimport sys\n\nprint(sys)\n"
    made = found("F401", text).fix
    assert made
    assert applied(text, made) == "import sys\n\nprint(sys)\n"


@pytest.mark.parametrize(
    "offered",
    [
        None,
        {"applicability": "display", "edits": [{}], "message": ""},
        {"applicability": "safe", "edits": [], "message": ""},
        {
            "applicability": "safe",
            "message": "",
            "edits": [
                {
                    "content": "",
                    "location": {"row": 1, "column": 1},
                    "end_location": {"row": 99, "column": 2},
                }
            ],
        },
    ],
    ids=["none", "for display only", "empty", "beyond the file"],
)
def test_there_is_not_always_a_fix(offered: Any) -> None:
    assert fix({"fix": offered}, "a.py", ["one", "two"]) is None


def test_a_fix_that_would_show_a_secret_is_left_out() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:36]
    text = f"def f(x):\n    if x is '{token}':\n        return 1\n"
    one = found("F632", text)
    assert one.fix
    assert token in one.fix.text
    (stamped,) = stamp([one], corpus(source("a.py", text)))
    assert stamped.fix is None
