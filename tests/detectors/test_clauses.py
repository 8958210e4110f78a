"""What a rule needs of a text: never more than one of its matches has."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rlm_gate import packs, syntax
from rlm_gate.detectors import astgrep, entries, reads
from rlm_gate.detectors._clauses import clauses, fit

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("rule", "needs"),
    [
        ({"pattern": "os.system($CMD, $$$REST)"}, [(("system",), False)]),
        ({"pattern": "$A.run($X)"}, [(("run",), False)]),
        ({"pattern": "$foo->bar($$$)"}, [(("bar",), False)]),
        ({"kind": "call", "regex": r"^(?:eval|exec)\("}, [(("eval(", "exec("), False)]),
        ({"regex": "(?i)^passw"}, [(("passw",), True)]),
        ({"any": [{"pattern": "eval($A)"}, {"regex": "(?i)exec"}]}, [(("eval", "exec"), True)]),
        ({"any": [{"pattern": "evalIt($A)"}, {"regex": "(?i)exec"}]},
         [(("evalit", "exec"), True)]),
        ({"all": [{"pattern": "eval($A)"}, {"has": {"regex": "abc", "stopBy": "end"}}]},
         [(("abc",), False), (("eval",), False)]),
        ({"matches": "call"}, [(("system",), False)]),
    ],
)  # fmt: skip
def test_a_rule_needs_the_words_of_what_it_matches(rule: Any, needs: Any) -> None:
    utils = {"call": {"pattern": "os.system($X)"}}
    assert [*clauses({"rule": rule, "utils": utils})] == needs


@pytest.mark.parametrize(
    ("wanted", "texts", "fits"),
    [
        ([], [""], True),
        ([(("abc",), False)], ["x abc"], True),
        ([(("abc",), False)], ["x ABC"], False),
        ([(("abc",), True)], ["x ABC"], True),
        ([(("abc", "def"), False)], ["def"], True),
        ([(("abc",), False), (("def",), False)], ["abc"], False),
        ([(("abc",), False), (("def",), False)], ["abc", "def"], True),
        # the kelvin sign is a k to re without case, and no k in lower case
        ([(("key",), True)], ["\N{KELVIN SIGN}ey"], True),
        ([(("key",), True)], ["\N{KELVIN SIGN} alone"], False),
    ],
)
def test_a_text_fits_that_has_one_of_each_clause(
    wanted: Any, texts: list[str], *, fits: bool
) -> None:
    assert fit(wanted, texts) is fits


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "call", "not": {"regex": "abc"}},
        {"kind": "call", "inside": {"pattern": "eval($A)"}},
        {"kind": "call", "precedes": {"regex": "abc"}, "follows": {"regex": "abc"}},
        {"any": [{"pattern": "eval($A)"}, {"kind": "call"}]},
        {"pattern": {"context": "eval($A)", "selector": "argument_list"}},
        {"matches": "outside"},
        {"matches": "itself"},
        {"regex": r"abc|(?i)def"},
        {"regex": r"(?i:abc)"},
        {"regex": r"\p{Greek}"},
        {"regex": r"[a-z&&[^b]c]"},
        {"regex": r"\<"},
        {
            "any": [
                {"pattern": "gr\N{LATIN SMALL LETTER O WITH DIAERESIS}sse($A)"},
                {"regex": "(?i)exec"},
            ]
        },
        {"pattern": "$A"},
        {"pattern": "f($AB)"},
    ],
)
def test_what_is_said_of_the_surroundings_or_not_understood_needs_nothing(rule: Any) -> None:
    utils = {"outside": {"regex": "abc"}, "itself": {"any": [{"matches": "itself"}]}}
    assert clauses({"rule": rule, "utils": utils}) == ()


def test_each_clause_is_wanted_in_one_of_the_texts() -> None:
    wanted = [(("abc", "def"), False), (("xyz",), True)]
    assert fit(wanted, ["a def", "XYZ"])
    assert not fit(wanted, ["a def", "xy z"])
    assert not fit(wanted, ["DEF", "xyz"])
    assert fit((), [])


@cache
def shipped() -> list[tuple[str, Any]]:
    rules = (rule for pack in packs.load_files(None, None) for rule in pack.pack.rules)
    return [(rule.id, one.options) for rule in rules for one in entries(rule, "astgrep")]


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("rlm_gate/repo.py", "python"),
        ("rlm_gate/objects.py", "python"),
        ("action.yml", "yaml"),
    ],
)
def test_no_rule_finds_anything_where_its_words_are_missing(path: str, language: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    tree = syntax.Tree(text, language)
    for rule_id, options in shipped():
        config, needs = astgrep._ready(options, language) if reads(options, language) else ({}, ())
        if config and not fit(needs, [text]):
            assert [*tree.find(config)] == [], rule_id


def test_few_rules_are_searched_for_in_a_plain_text() -> None:
    """Most rules name what they look for; those that do not are searched for everywhere."""
    known = [astgrep._ready(one, "python")[1] for _, one in shipped() if reads(one, "python")]
    assert sum(not needs for needs in known) <= len(known) / 3
