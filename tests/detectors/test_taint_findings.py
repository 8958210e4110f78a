"""Where a flow's finding stands, and when it is told: once for a place and rule, by its lines."""

from collections.abc import Sequence
from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Rule, Severity
from rlm_gate.detectors import taint
from rlm_gate.detectors._taint.reading import Reading

SINK = {"language": "python", "sink": "path", "calls": [{"call": "open", "args": [0]}]}
HEAD = "def f():\n    name = request.args['n']\n"


def seeking(*options: dict[str, Any], name: str = "security/path") -> Rule:
    detect = [Detect("taint", {**SINK, **one}) for one in options]
    return rule(name, detect=detect, severity=Severity.HIGH)


def found(code: str, rules: Sequence[Rule]) -> list[Finding]:
    items = taint.detect(corpus(source("a.py", code)), rules)
    return [one for one in items if isinstance(one, Finding)]


def test_a_finding_has_the_place_of_the_call_and_the_lines_of_its_way() -> None:
    [one] = found(f"{HEAD}    x = [open(\n        name)]\n", [seeking({})])
    assert (one.span.start, one.span.end, one.columns) == (3, 4, (10, 14))
    assert one.quote == "    x = [open(\n        name)]"
    assert (one.flow[0].path, one.flow[0].start) == ("a.py", 2)
    assert one.flow[-1].start in {3, 4}


def test_two_calls_of_a_line_are_two_findings_and_each_rule_tells_its_own() -> None:
    code = f"{HEAD}    open(name); open(name)\n"
    told = found(code, [seeking({}), seeking({}, name="security/other")])
    places = sorted((one.rule_id, one.columns) for one in told)
    both = [(5, 15), (17, 27)]
    assert places == [(name, at) for name in ("security/other", "security/path") for at in both]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_entries_that_find_one_place_the_worse_is_told(order: int) -> None:
    entries: list[dict[str, Any]] = [{"severity": "low"}, {}][::order]
    [one] = found(f"{HEAD}    open(name)\n", [seeking(*entries)])
    assert one.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"lines_lack": "open"}, 0),
        ({"lines_lack": "args"}, 1),
        ({"lines_have": "open"}, 1),
        ({"lines_have": "args"}, 0),
        ({"needs": r"request\.args"}, 1),
        ({"needs": "import flask"}, 0),
    ],
)
def test_the_lines_of_the_call_and_the_words_of_the_file_decide_whether_it_is_told(
    options: dict[str, str], count: int
) -> None:
    assert len(found(f"{HEAD}    open(name)\n", [seeking(options)])) == count


def test_what_one_entry_does_not_tell_another_one_may() -> None:
    lacking: dict[str, Any] = {"lines_lack": "open"}
    assert len(found(f"{HEAD}    open(name)\n", [seeking(lacking, {"severity": "low"})])) == 1


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (f"{HEAD}    open(name)\n", "What comes in at line 2 gets to line 3."),
        ("def f():\n    open(request.args['n'])\n", "What comes in at line 2 does harm there."),
        (
            f"{HEAD}    other = name\n    last = 'a' + other\n    open(last)\n",
            "What comes in at line 2 gets to line 5 by lines 3, 4.",
        ),
        (
            f"def read(path):\n    whole = 'a' + path\n    open(whole)\n\n{HEAD}    read(name)\n",
            "What comes in at line 6 gets to line 3 by line 2.",
        ),
    ],
)
def test_a_finding_says_in_words_by_which_lines_the_value_came(code: str, told: str) -> None:
    [one] = found(code, [seeking({})])
    assert one.explanation == told
    assert one.flow[-1].end == one.span.end


def test_a_value_of_unknown_origin_is_told_as_that() -> None:
    [one] = found("def f(name):\n    open(name)\n", [seeking({"sources": ["unknown"]})])
    assert (one.flow, one.explanation) == (
        (),
        "Nothing in this file says where the value comes from.",
    )


def test_what_a_function_saw_is_kept_as_long_as_its_number_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dictionary that is gone leaves its number to another, which would get its answers."""
    readings: list[Reading] = []

    def kept(*given: Any) -> Reading:
        readings.append(Reading(*given))
        return readings[-1]

    monkeypatch.setattr(taint, "Reading", kept)
    inner = "def outer(a):\n    def inner(x):\n        return a + x\n    return inner('k')\n\n"
    calls = "".join(f"    outer('{number}')\n" for number in range(9))
    found(f"{inner}{HEAD}{calls}    open(outer(name))\n", [seeking({})])
    [reading] = readings
    numbers = {key[1][1]: id(env) for key, (_, env) in reading.returned.items() if key[0]}  # type: ignore[index]
    assert len(numbers) > 9
    assert all(number == held for number, held in numbers.items())


ASKED = "    if os.path.exists(name): {}\n"


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        (ASKED.format("open(name)"), [3]),  # the look and what is done with it are one cause
        (ASKED.format("pass"), [3]),
        (f"{ASKED.format('pass')}    open(name)\n", [4]),
        (f"{ASKED.format('pass')}    open(request.args['m'])\n", [3, 4]),
    ],
)
def test_to_ask_for_a_file_that_is_then_opened_is_no_finding_of_its_own(
    code: str, lines: list[int]
) -> None:
    calls = [{"call": "{open,os.path.exists}", "args": [0]}]
    told = found(HEAD + code, [seeking({"calls": calls})])
    assert sorted(one.span.start for one in told) == lines
