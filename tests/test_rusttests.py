"""Where a file of Rust begins to hold its own tests."""

import math

import pytest
from builders import corpus, rule, source

from rlm_gate import rusttests
from rlm_gate.core import Detect, Finding
from rlm_gate.detectors import astgrep


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fn a() {}\n\n#[cfg(test)]\nmod tests {\n", 2),
        ("#[cfg(test)]\n#[allow(dead_code)]\npub(crate) mod checks {\n", 0),
        ("#[cfg(all(test, unix))]\nmod tests {\n", 0),
        ("#[cfg(test)]\nmod tests;\nfn a() {}\n", math.inf),
        ('#[cfg(feature = "test")]\nmod tests {\n', math.inf),
        ("fn a() {}\n", math.inf),
    ],
)
def test_the_module_that_is_built_for_tests_alone_holds_them(text: str, line: float) -> None:
    assert rusttests.begin(text) == line


def test_shapes_within_the_tests_of_a_file_are_not_told() -> None:
    options = {"language": "rust", "rule": {"kind": "call_expression"}}
    code = "fn a() { b(); }\n\n#[cfg(test)]\nmod tests {\n    fn c() { d(); }\n}\n"
    found = astgrep.detect(
        corpus(source("a.rs", code)), [rule(detect=[Detect("astgrep", options)])]
    )
    assert [one.span.start for one in found if isinstance(one, Finding)] == [1]
