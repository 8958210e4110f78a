"""Whether a rule may match in a text: never no where it does, and mostly no where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from rlm_gate import examples, packs, syntax
from rlm_gate.core import SourceFile
from rlm_gate.detectors import astgrep, entries, reads
from rlm_gate.detectors._chances import _ROOTS, outlook
from rlm_gate.symbols import KINDS

_SOME = {"python": 2}  # every so manieth example; fewer where no keywords are known


@pytest.mark.parametrize(
    ("rule", "text", "may"),
    [
        ({"regex": "^exec$"}, "cursor.execute(1)", True),
        ({"kind": "call", "has": {"field": "function", "regex": "^exec$"}}, "a.execute(1)", False),
        ({"kind": "call", "has": {"field": "function", "regex": "^exec$"}}, "0if exec(1)else 2",
         True),
        ({"has": {"field": "function", "regex": r"^f\(\)$"}}, "f()(1)", True),
        ({"regex": r"^a[$^]\^b$"}, "a$^b", True),
        ({"regex": r"^a[$^]\^b$"}, "a b", False),
        ({"regex": r"\bab\b"}, "xabx", True),
        ({"regex": "(?i:AB)c"}, "abc", True),
        ({"regex": "(?i:AB)c"}, "abC", False),
        ({"regex": "x(?i)y"}, "a", True),
        ({"regex": r"a*+b"}, "b", True),
        ({"regex": r"a\w"}, "a\N{COMBINING ACUTE ACCENT}", True),
        ({"regex": r"a\w"}, "a ", False),
        # loops in a loop are not looked for: at every place of a file that would take hours
        ({"regex": r"^(?:\S+\s+)*?ab\s.*-cd"}, "x -cd\nx ab y", True),
        ({"regex": r"^(?:\S+\s+)*?ab\s.*-cd"}, "x ab y", False),
        ({"regex": r"^ab\s.*-cd"}, "x -cd\nx ab y", False),
        ({"kind": "for_statement"}, "while x: pass", False),
        ({"kind": "for_statement"}, "for x in y: pass", True),
        ({"kind": "call", "inside": {"kind": "while_statement", "stopBy": "end"}}, "f()", False),
        ({"kind": "call", "inside": {"kind": "module", "regex": "flask"}}, "f()", True),
        ({"kind": "call", "inside": {"kind": "module", "regex": "django"}}, "f()", False),
        ({"kind": "call", "inside": {"regex": "django"}}, "f()", True),
        ({"kind": "call", "not": {"regex": "abc"}}, "f()", True),
        ({"kind": "call", "follows": {"kind": "for_statement"}}, "f()", True),
        ({"any": [{"kind": "lambda"}, {"regex": "abc"}]}, "f()", False),
        ({"any": [{"kind": "lambda"}, {"kind": "call"}]}, "f()", True),
        ({"all": [{"has": {"pattern": "run($A)"}}, {"regex": "abc"}]}, "abc", False),
        ({"matches": "loop"}, "f()", False),
        ({"matches": "outside"}, "f()", True),
    ],
)  # fmt: skip
def test_a_text_may_hold_a_match_unless_something_is_missing(
    rule: Any, text: str, *, may: bool
) -> None:
    utils = {"loop": {"kind": "for_statement"}, "outside": {"kind": "for_statement"}}
    chance, _ = outlook({"rule": rule, "utils": utils}, "python")
    assert chance(text, f"import flask\n{text}") is may


@pytest.mark.parametrize(
    ("rule", "kinds"),
    [
        ({"kind": "call", "regex": "a"}, {"call"}),
        ({"any": [{"kind": "call"}, {"kind": "lambda"}]}, {"call", "lambda"}),
        ({"any": [{"kind": "call"}, {"pattern": "f($A)"}]}, set()),
        ({"all": [{"regex": "a"}, {"kind": "call"}]}, {"call"}),
        ({"matches": "it", "has": {"kind": "lambda"}}, {"call"}),
        ({"has": {"kind": "lambda"}}, set()),
    ],
)
def test_the_kinds_of_what_a_rule_matches_are_known_if_it_names_them(
    rule: Any, kinds: set[str]
) -> None:
    assert {*outlook({"rule": rule, "utils": {"it": {"kind": "call"}}}, "python").kinds} == kinds


@pytest.mark.parametrize("language", sorted({*KINDS, *syntax._UNNAMED}))
def test_the_whole_text_is_known_by_its_kind_in_every_grammar(language: str) -> None:
    assert syntax.Tree("x\n", language).root.kind() in _ROOTS


def test_whatever_a_shipped_rule_matches_in_an_example_it_may_match() -> None:
    """In the whole text, and in the outermost piece that holds the match."""
    bad = (
        one
        for pack in packs.load_files(("security",), None)
        for file in pack.files
        for one in examples.of_rule(pack, file)
        if isinstance(one, examples.Example)
        and one.bad
        and (one.place[1] % _SOME.get(one.file.language, 8) == 0)
    )
    matching = 0
    for one in bad:
        language = one.file.language
        for entry in entries(one.rule, "astgrep"):
            if reads(entry.options, language):
                matching += matched(one.file, astgrep.config(entry.options, language))
    assert matching > 200


def matched(file: SourceFile, config: dict[str, Any]) -> int:
    """Return how many pieces of the file the rule matches; it must be said that it may."""
    tree = syntax.Tree(file.text, file.language)
    whole = tree.root.text()
    chance, kinds = outlook(config, file.language)
    pieces = [tree.root, *(() if tree.may_match_root(config) else tree.parts(lambda *_lines: True))]
    held = [one for one in pieces if [*tree.find(config, [one])]]
    for one in held:
        assert chance(one.text(), whole), (one.text(), config)
        assert not kinds or any(one.find(kind=kind) for kind in kinds), (one.text(), config)
    return len(held)
