"""Who judges which rule: a model where one is asked, else engines, a playbook, or nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import corpus, rule, source

from rlm_gate import config, judging
from rlm_gate.core import Detect
from rlm_gate.rlm.playbooks.audit import SERVED

REGEX = [Detect("regex", {"pattern": "x"})]
RULES = (
    rule("own/block", ask="chunk"),
    rule("own/whole", ask="corpus"),
    rule("own/both", ask="chunk", detect=REGEX),
    rule("own/code", detect=REGEX),
)
FILE = source("a.py", "x\n", status="modified", changed=[(1, 1)])


def settings(tmp_path: Path, mode: str, *, ci: bool = False) -> config.Settings:
    made = config.settings(config.Flags(), tmp_path)
    return replace(made, ci=ci, models=replace(made.models, mode=mode))


@pytest.mark.parametrize(
    ("mode", "ci", "asks"),
    [
        ("on", False, True),
        ("on", True, True),
        ("no-key", True, True),
        ("no-key", False, False),
        ("offline", False, False),
        ("offline", True, False),
        ("off", True, False),
    ],
)
def test_questions_belong_to_a_run_with_models_and_without_a_key_to_ci_alone(
    tmp_path: Path, mode: str, *, ci: bool, asks: bool
) -> None:
    chosen = settings(tmp_path, mode, ci=ci)
    assert judging.asks(chosen) is asks
    found = judging.judges(chosen, RULES, frozenset())
    assert found.chunk == ({"own/block", "own/both"} if asks else set())
    assert found.corpus == ({"own/whole"} if asks else set())
    assert found.playbook == frozenset()
    assert found.unasked == ("no API key" if mode == "no-key" else "not sent")


def test_a_playbook_serves_whole_scopes_where_nobody_is_asked(tmp_path: Path) -> None:
    whole, part = corpus(FILE), corpus(FILE, kind="diff")
    quiet, loud = settings(tmp_path, "offline"), settings(tmp_path, "on")
    assert SERVED
    assert judging.played(quiet, whole) == SERVED
    assert judging.played(quiet, part) == frozenset()
    assert judging.played(loud, whole) == frozenset()
    assert judging.judges(quiet, RULES, SERVED).playbook == SERVED
