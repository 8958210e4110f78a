"""Which default values of comments are compared with the code, and which mean something else."""

from __future__ import annotations

import pytest

from rlm_gate.detectors import _defaults

GOOGLE = (
    'def f(a={}, b=1):\n    """F.\n\n    Args:\n        a: what. {}\n        b: other.\n    """\n'
)


def told(real: str, words: str) -> list[tuple[str, str]]:
    found = _defaults.differing(GOOGLE.format(real, words), "python")
    return [(one.said, one.real) for one in found]


@pytest.mark.parametrize(
    ("real", "words", "said"),
    [
        ("5", "Defaults to 3.", "3"),
        ("5", "Default: 3", "3"),
        ("5", "The default is ``3``.", "3"),
        ("False", "Defaults to True.", "True"),
        ("0", "Defaults to False.", "False"),
        ("8", "or None. Defaults to None.", "None"),
        ("'rb'", 'Defaults to "r".', '"r"'),
        ("1.5", "Further words\n            here. Defaults to 2.5", "2.5"),
    ],
)
def test_another_value_than_the_signature_has_is_told(real: str, words: str, said: str) -> None:
    assert told(real, words) == [(said, real)]


@pytest.mark.parametrize(
    ("real", "words"),
    [
        ("5", "Defaults to 5."),
        ("5.0", "Defaults to 5."),
        ("None", "Defaults to 3."),  # the body puts it in
        ("SIZE", "Defaults to 3."),
        ("5", "Defaults to 3 if b is set."),
        ("5", "Defaults to 5000 ms."),
        ("5", "Defaults to 3 * b."),
        ("5", "Defaults to 3, else it defaults to 5."),
        ("'\\n'", 'Defaults to "\\\\n".'),
        ("'Reading...'", 'Defaults to "Reading".'),
        ("'none'", "Defaults to None."),
        ("True", "Defaults to on."),
    ],
)
def test_what_may_mean_the_same_is_left_alone(real: str, words: str) -> None:
    assert told(real, words) == []


def test_what_is_said_of_the_next_parameter_is_not_taken_for_this_one() -> None:
    code = GOOGLE.format("5", "Any.").replace("other.", "other. Defaults to 1.")
    assert [*_defaults.differing(code, "python")] == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("/** @param {number} [a=1] x */\nexport const f = (a = 2) => a;\n", ["a"]),
        ("class A {\n  /** @param {number} [a=1] x */\n  f(a = 2) { return a; }\n}\n", ["a"]),
        ("/** @param {string} [a=fast] x */\nfunction f(a = 'slow') { return a; }\n", ["a"]),
        ("/** @param {string} [a=fast] x */\nfunction f(a = 'fast') { return a; }\n", []),
        ("/** @param {object} [a={}] x */\nfunction f(a = []) { return a; }\n", []),
        ("/** @param {number} [a=1] x */\nfunction f(b = 2) { return b; }\n", []),
    ],
)
def test_jsdoc_gives_defaults_in_brackets(code: str, names: list[str]) -> None:
    assert [one.name for one in _defaults.differing(code, "javascript")] == names
