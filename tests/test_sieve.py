from __future__ import annotations

from dataclasses import replace

import pytest
from builders import rule, source

from rlm_gate.core import Applies, Narrowed, Rule, SourceFile
from rlm_gate.detectors import applies
from rlm_gate.sieve import Sieve

RULES = (
    rule("security/any"),
    rule("security/python", languages=("python",)),
    replace(rule("security/code"), exclude=("^(?:.+/)?tests/",)),
    replace(rule("docs/pages", prefilter=("import",)), include=(r"^(?:.+/)?[^/]*\.md(?:/|\Z)",)),
    rule("security/asks", languages=("python", "go"), prefilter=("import", "zebra")),
)
FILES = [
    source(f"{folder}{number}{ending}", text)
    for folder in ("", "src/", "src/tests/", "docs/")
    for number in range(3)
    for ending in (".py", ".md", ".go")
    for text in ("import os\n", "x\n")
]
NARROWED = Narrowed(
    applies,
    lambda one, path: path.startswith("docs/") and one.id == "security/any",
    lambda path: path.startswith("docs/"),
)


def by_number(one: Rule, file: SourceFile) -> str:
    return "prefilter" if "1" in file.path and one.id == "security/any" else applies(one, file)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(applies, id="detectors"),
        pytest.param(NARROWED, id="narrowed by policy"),
        pytest.param(by_number, id="any other"),
    ],
)
def test_a_sieve_says_of_each_file_what_each_rule_says(asked: Applies) -> None:
    sieve = Sieve(RULES, asked)
    for file in FILES:
        answers = sieve.of(file)
        said = {one.id: asked(one, file) for one in RULES}
        assert [one.id for one in answers.fitting] == [one for one in said if not said[one]]
        assert {one.id for one in answers.prefiltered} == {
            one for one, why in said.items() if why == "prefilter"
        }
        assert {one.id for one in answers.away} == {
            one for one, why in said.items() if why in {"language", "path"}
        }


def test_every_file_is_in_one_group_with_those_that_get_the_same_answers() -> None:
    groups = Sieve(RULES, applies).groups(FILES)
    assert sorted(file.path for _, files in groups for file in files) == sorted(
        file.path for file in FILES
    )
    for answers, files in groups:
        for file in files:
            assert not any(applies(one, file) for one in answers.fitting)
    assert len(groups) < len(FILES) / 2


def test_a_rule_is_asked_once_of_all_places_alike_not_once_a_file() -> None:
    asked: list[str] = []

    def off(_rule: Rule, path: str) -> bool:
        asked.append(path)
        return False

    sieve = Sieve(RULES, Narrowed(applies, off, lambda _path: None))
    many = [source(f"src/{number}.py", "import os\n") for number in range(200)]
    assert len(sieve.groups(many)) == 1
    assert {*asked} == {"src/0.py"}
    assert len(asked) <= 3 * len(RULES)


def test_a_text_that_changed_is_searched_again() -> None:
    sieve = Sieve(RULES, applies)
    before, after = source("a.py", "x = 1\n"), source("a.py", "import os\n")
    assert "security/asks" not in {one.id for one in sieve.of(before).fitting}
    assert "security/asks" in {one.id for one in sieve.of(after).fitting}
