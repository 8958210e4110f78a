from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rlm_gate import packs, ruletest
from rlm_gate.errors import PackError

if TYPE_CHECKING:
    from pathlib import Path

RULE = """\
title: T
severity: low
precision: low
message: m
help: {{why: w, fix: f}}
languages: [python]
detect: [{{engine: regex, pattern: 'bad\\('}}]
fix: [{fix}]
tests:
  bad: [{bad}]
  good: [x]
"""
WAY = (
    "{engine: astgrep, language: python, rule: {pattern: bad($$$A)}, rewrite: 'good($$$A)',"
    " safety: safe, what: w}"
)


def failures(tmp_path: Path, fix: str, bad: str) -> list[str]:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "my-rule.yaml").write_text(RULE.format(fix=fix, bad=bad))
    outcome = ruletest.run(packs.load_files([str(folder)], None))
    return [f"{one.line}:{one.column}: {one.text}" for one in outcome.failures]


def test_an_example_proves_what_the_fix_makes_of_it(tmp_path: Path) -> None:
    assert failures(tmp_path, WAY, "{code: 'x = bad(1,  2)', fixed: 'x = good(1,  2)'}") == []


def test_a_pattern_of_text_rewrites_with_its_groups(tmp_path: Path) -> None:
    way = r"{engine: regex, pattern: '\bbad\((\w)', rewrite: 'good(\1', safety: safe, what: w}"
    assert failures(tmp_path, way, "{code: bad(x), fixed: good(x)}") == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("bad()", "8:7: demo/my-rule: no bad example has 'fixed' for it; add one"),
        ("{code: bad(1), fixed: good(2)}", "the fix makes something else of it:\ngood(1)"),
        ("{code: '# bad( 1', fixed: x}", "'fixed' is promised, but nothing here has a fix"),
        ("{code: bad(bad(1)), fixed: good(bad(1))}", "this good example is found by regex"),
    ],
)
def test_a_fix_that_proves_nothing_fails(bad: str, said: str, tmp_path: Path) -> None:
    assert any(said in one for one in failures(tmp_path, WAY, bad))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("$$$A)'", "$B)'", "8:80: fix[0]: rewrite: no pattern here has $B; there are: A"),
        ("language: python", "language: go", "8:35: fix[0]: 'go' is not among the rule's"),
        ("safety: safe", "safety: sure", "safety: 'sure' is not one of: safe or unsafe"),
        ("engine: astgrep", "engine: ruff", "engine: 'ruff' is not one of: astgrep or regex"),
        (", what: w", "", "'what' is missing; add it"),
    ],
)
def test_a_mistake_in_a_fix_is_told_at_its_place(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(PackError) as caught:
        failures(tmp_path, WAY.replace(old, new), "bad()")
    assert said in str(caught.value)
