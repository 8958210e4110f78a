"""Bones of a rule: wherever the rule matches, they match."""

from __future__ import annotations

from typing import Any

import pytest

from rlm_gate import examples, packs, syntax
from rlm_gate.detectors import _bones, astgrep, entries, reads
from rlm_gate.detectors._bones import bones
from rlm_gate.examples import Example


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"pattern": "$A == $A", "regex": "x"}, {"pattern": "$A == $A"}),
        ({"all": [{"pattern": "$A == $A"}, {"regex": "x"}, {"not": {"kind": "call"}}]},
         {"all": [{"pattern": "$A == $A"}]}),
        ({"pattern": "$A = $A", "has": {"field": "left", "regex": "x"}}, {"pattern": "$A = $A"}),
        ({"pattern": "$A = $A", "inside": {"kind": "block", "stopBy": {"kind": "class"}}},
         {"pattern": "$A = $A", "inside": {"kind": "block", "stopBy": {"kind": "class"}}}),
        # a search that an expression ends would end earlier without it
        ({"pattern": "$A = $A", "inside": {"kind": "block", "stopBy": {"regex": "x"}}},
         {"pattern": "$A = $A", "inside": {"kind": "block", "stopBy": "end"}}),
        ({"pattern": "$A = $A", "any": [{"kind": "call"}, {"regex": "x"}]}, {"pattern": "$A = $A"}),
        ({"matches": "same"}, {"all": [{"pattern": "$B is $B"}]}),
        ({"pattern": "$A = $A", "matches": "outside"}, {"pattern": "$A = $A"}),
    ],
)  # fmt: skip
def test_expressions_and_negations_are_left_out(rule: Any, expected: Any) -> None:
    utils = {"same": {"pattern": "$B is $B"}, "outside": {"kind": "call"}}
    assert bones({"rule": rule, "utils": utils}) == {"rule": expected}


@pytest.mark.parametrize(
    "rule",
    [
        {"pattern": "f($A, $B)"},
        {"pattern": "f($$$A, $_, $_)"},
        {"kind": "call", "regex": r"^(\w+)\($"},
        {"kind": "call", "not": {"pattern": "$A == $A"}},
        {"matches": "itself"},
    ],
)
def test_where_nothing_has_to_be_alike_bones_are_no_use(rule: Any) -> None:
    utils = {"itself": {"any": [{"matches": "itself"}, {"regex": "x"}]}}
    assert bones({"rule": rule, "utils": utils}) is None


def test_rules_find_nothing_in_their_own_examples_that_their_bones_do_not() -> None:
    files = ((pack, file) for pack in packs.load_files(None, None) for file in pack.files)
    written = (one for pack, file in files for one in examples.of_rule(pack, file))
    asked = found = 0
    for example in written:
        assert isinstance(example, Example)
        text, language = example.file.text, example.file.language
        for entry in entries(example.rule, "astgrep") if syntax.grammar(language) else ():
            if not reads(entry.options, language):
                continue
            config, _needs = astgrep._ready(entry.options, language)
            if (wanted := _bones.of(config)) is not None:
                asked += 1
                tree = syntax.Tree(text, language)
                if any(tree.find(config)):
                    found += 1
                    assert syntax.holds(tree.root, wanted), (example.rule.id, text)
    assert asked > found > 40
