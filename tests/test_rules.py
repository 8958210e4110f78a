"""Every built-in rule proves itself, and the packs keep what users were promised."""

import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from rlm_gate import detectors, languages, packs, ruletest
from rlm_gate.core import Rule, Severity
from rlm_gate.packs import LoadedPack

PACKS = ("docs", "patterns", "performance", "security")
RULES = sorted(
    f"{path.parent.name}/{path.stem}" for path in packs.builtin_folder().glob("*/*.yaml")
)


@cache
def loaded() -> tuple[LoadedPack, ...]:
    return packs.load_files(None, None)


@cache
def rules() -> dict[str, Rule]:
    return {rule.id: rule for pack in loaded() for rule in pack.pack.rules}


def test_every_rule_file_is_a_rule() -> None:
    assert sorted(rules()) == RULES


@pytest.mark.parametrize("pack", PACKS)
def test_a_rule_finds_its_bad_examples_and_none_of_the_good_ones(pack: str) -> None:
    """By pack, since an engine starts once for all rules of a run, and two processes may share."""
    mine = [one for one in loaded() if one.pack.name == pack]
    outcome = ruletest.run(mine)
    assert [str(problem) for problem in outcome.failures] == []
    assert outcome.rules == sum(rule_id.startswith(f"{pack}/") for rule_id in RULES)
    assert outcome.examples >= 2 * outcome.rules


def test_no_pack_is_left_out() -> None:
    assert sorted(one.pack.name for one in loaded()) == sorted(PACKS)


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_serves_python_javascript_and_any_language(pack: str) -> None:
    mine = [rule for rule in rules().values() if rule.pack == pack]
    assert len(mine) >= 6
    for language in ("python", "javascript", "typescript"):
        assert any(language in rule.languages and rule.detect for rule in mine), language
    assert any(rule.languages == ("any",) for rule in mine)


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule_tells_why_and_how_in_plain_sentences(rule_id: str) -> None:
    rule = rules()[rule_id]
    assert len(rule.title) <= 70
    assert rule.message.endswith(".")
    assert len(rule.message) <= 100
    assert len(rule.help.why.split()) >= 6
    assert rule.help.fix
    assert not re.search(r"[^\x20-\x7e]", rule.title + rule.message)


@pytest.mark.parametrize("rule_id", RULES)
def test_a_question_says_what_makes_it_real_what_harmless_and_what_to_quote(rule_id: str) -> None:
    ask = rules()[rule_id].ask
    if ask:
        assert "Quote the" in ask.question or "quote the" in ask.question
        if ask.over == "chunk":
            assert "It is real when" in ask.question
            assert "It is harmless" in ask.question or "it is harmless" in ask.question


@pytest.mark.parametrize("rule_id", RULES)
def test_security_rules_name_their_weakness(rule_id: str) -> None:
    rule = rules()[rule_id]
    if rule.pack == "security":
        assert any(re.fullmatch(r"external/cwe/cwe-\d+", tag) for tag in rule.tags)


@pytest.mark.parametrize("rule_id", RULES)
def test_a_rule_that_blocks_by_a_detector_is_precise_or_verified(rule_id: str) -> None:
    rule = rules()[rule_id]
    if rule.detect and rule.severity >= Severity.HIGH:
        assert rule.precision.value == "high" or rule.verify == "refute"


@pytest.mark.parametrize("rule_id", RULES)
def test_questions_about_chunks_cost_nothing_where_they_can_not_apply(rule_id: str) -> None:
    rule = rules()[rule_id]
    if rule.ask and rule.ask.over == "chunk":
        assert rule.prefilter


HOSTILE = {
    name: text * (6_000 // len(text))
    for name, text in {
        "blank lines": "\n",
        "spaces": " ",
        "tabs and lines": "\t\n \n",
        "one word": "a",
        "quotes": "'",
        "braces": "{",
        "brackets": "[{(",
        "parameters": "/** @param {x} a ",
        "parameter lines": " * @param a b\n",
        "markers": "<<<<<<< x\n",
        "marked lines": "<<<<<<< x\n=======\n",
        "queries": "select x from t where a = '",
        "updates": "update x set ",
        "templates": "{{ x | ",
        "expressions": "${{ github. ",
        "loops": "for (",
        "decorators": "@a.b.c",
        "phrases": "Here's the updated TODO: add a the some [insert your lorem ipsum ",
        "comments": "# // /* ",
    }.items()
}


def patterns(rule: Rule) -> Iterator[str]:
    yield from rule.prefilter
    for entry in rule.detect:
        for key in ("pattern", *detectors.LINE_PATTERNS):
            if isinstance(entry.options.get(key), str):
                yield entry.options[key]


@pytest.mark.parametrize("rule_id", RULES)
def test_no_text_makes_a_pattern_slow(rule_id: str) -> None:
    for pattern in patterns(rules()[rule_id]):
        compiled = re.compile(pattern, re.MULTILINE)
        for name, text in HOSTILE.items():
            # a busy machine makes one look slow, not three
            assert any(seconds(compiled, text) < 0.2 for _ in range(3)), (pattern, name)


def seconds(compiled: re.Pattern[str], text: str) -> float:
    start = time.process_time()
    sum(1 for _ in compiled.finditer(text))
    return time.process_time() - start


def test_languages_of_rules_are_known() -> None:
    named = {language for rule in rules().values() for language in rule.languages}
    assert named <= languages.KNOWN | {"any"}


def test_this_repository_shows_no_secret_to_scanners() -> None:
    """The examples of the secret rules escape what scanners look for."""
    from rlm_gate.detectors import secrets

    root = Path(__file__).parents[1]
    files = [
        *root.glob("rules/**/*.yaml"),
        *root.glob("rlm_gate/**/*.py"),
        *root.glob("tests/**/*"),
    ]
    for path in files:
        if path.is_file() and path.suffix in {".py", ".yaml", ".json", ".md"}:
            certain = [one for one in secrets.find(path.read_text("utf-8")) if one.certain]
            assert certain == [], path
