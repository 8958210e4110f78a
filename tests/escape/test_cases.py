"""Attacks of our own, from cases.md: each is stopped, and leaves no trace."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

_CASE = re.compile(r"^## (?P<head>.+?)\n```python\n(?P<code>.*?)```$", re.MULTILINE | re.DOTALL)
_TEXT = (Path(__file__).parent / "cases.md").read_text(encoding="utf-8")


def cases() -> list[Any]:
    made = []
    for match in _CASE.finditer(_TEXT):
        name, *options = (part.strip() for part in match["head"].split("|"))
        never = [one.removeprefix("never: ") for one in options if one.startswith("never: ")]
        made.append(pytest.param(match["code"], never, "contained" in options, id=name))
    return made


@pytest.mark.parametrize(("code", "never", "may_finish"), cases())
def test_attack_is_stopped_without_a_trace(
    arena: Any, code: str, never: list[str], may_finish: bool
) -> None:
    outcome = arena.run(code, 1.0)
    assert outcome.effects == [], outcome.text
    assert outcome.ended in {"refused", "raises", "killed"} or may_finish, outcome.text
    assert [text for text in never if text in outcome.output] == []
    assert outcome.seconds < 1.0 + 5
