"""What judges a stranger's text must not hang on it: every expression of ours, by our own proof."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import rlm_gate
from rlm_gate import words, yamlmarks
from rlm_gate.detectors._ambiguity import doubled

RULES = sorted((Path(__file__).parents[1] / "rules").glob("*/*.yaml"))
UNREAD = {"rlm_gate.__main__", "rlm_gate.scale.ray", "rlm_gate.scale.modal"}  # need extras


def kept(value: Any) -> Iterator[re.Pattern[str]]:
    """Yield the expressions in a module's value: itself, its methods, what containers hold."""
    value = getattr(value, "__self__", value)
    if isinstance(value, dict):
        value = tuple(value.values())
    for one in value if isinstance(value, (tuple, list, set, frozenset)) else (value,):
        if isinstance(one, re.Pattern) and isinstance(one.pattern, str):
            yield one
        elif isinstance(one, str) and ")" in one:  # the parts that an expression is made of
            yield from compiled([one])


def compiled(texts: Iterable[str]) -> Iterator[re.Pattern[str]]:
    for text in texts:
        try:
            yield re.compile(text)
        except re.error:
            continue


def told(value: Any) -> Iterator[str]:
    """Yield the texts of a rule, less its examples and what ast-grep reads in linear time."""
    if isinstance(value, dict):
        linear = {"rule", "constraints", "utils"} if value.get("engine") == "astgrep" else set()
        for key in value.keys() - linear - {"tests", "help"}:
            yield from told(value[key])
    elif isinstance(value, list):
        for one in value:
            yield from told(one)
    elif isinstance(value, str):
        yield value


def slow(patterns: Iterable[re.Pattern[str]]) -> dict[str, str]:
    told = {one.pattern: doubled(one.pattern, one.flags, references=True) for one in patterns}
    return {pattern: text for pattern, text in told.items() if text}


@pytest.mark.filterwarnings("ignore")  # a word of prose read as an expression may warn
def test_no_expression_of_a_module_takes_exponential_time() -> None:
    names = [found.name for found in pkgutil.walk_packages(rlm_gate.__path__, "rlm_gate.")]
    modules = [importlib.import_module(name) for name in names if name not in UNREAD]
    patterns = {one for module in modules for value in vars(module).values() for one in kept(value)}
    assert len(patterns) > 300
    assert slow(patterns) == {}


@pytest.mark.filterwarnings("ignore")
def test_no_expression_of_a_rule_takes_exponential_time() -> None:
    documents = (yamlmarks.parse_bytes(path.read_bytes(), path.name) for path in RULES)
    texts = {one for document in documents for one in told(words.filled(document).data)}
    assert not any("(?&" in one for one in texts)
    assert len(texts) > 1000
    assert slow(compiled(texts)) == {}


def test_rule_files_are_yaml_for_every_reader() -> None:
    """libyaml takes some plain texts in flow style that PyYAML's own reader refuses."""
    for path in RULES:
        yaml.load(path.read_text(), yaml.SafeLoader)
