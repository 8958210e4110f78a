"""What comes in through each web framework, and what its own means make harmless."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_gate import examples, packs
from rlm_gate.core import Detect, Finding, Rule
from rlm_gate.detectors import taint

_PROGRAMS = dict(
    re.findall(
        r"^## (\S+)\n\n```text\n(.*?)^```$",
        Path(__file__).with_name("frameworks.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)
_FINDS = re.compile(r"# finds: (\S+)$")


@pytest.fixture(scope="module")
def rules() -> list[Rule]:
    """Return the rules with what they follow from outside or from a model, and nothing else."""
    kept = []
    for loaded in packs.load_files([str(packs.builtin_folder() / "security")], None):
        for rule in loaded.pack.rules:
            flows = tuple(one for one in rule.detect if one.engine == "taint" and _is_sure(one))
            kept += [replace(rule, detect=flows)] if flows else []
    return kept


def _is_sure(detect: Detect) -> bool:
    return "unknown" not in detect.options.get("sources", ())


@pytest.mark.parametrize("name", sorted(_PROGRAMS))
def test_of_a_framework_s_program_the_flaws_are_found_and_nothing_else(
    name: str, rules: list[Rule]
) -> None:
    code = _PROGRAMS[name]
    wanted = {
        (number, f"security/{mark[1]}")
        for number, line in enumerate(code.split("\n"), 1)
        if (mark := _FINDS.search(line))
    }
    file = examples.whole_file("src/app.py", "python", code)
    found = taint.detect(examples.corpus_of([file]), rules)
    got = {(one.span.start, one.rule_id) for one in found if isinstance(one, Finding)}
    assert got == wanted


def test_all_frameworks_have_a_program() -> None:
    assert len(_PROGRAMS) == 19
