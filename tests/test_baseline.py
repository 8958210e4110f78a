"""The file of accepted findings: what is written comes back, and nothing else is an entry."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from builders import finding

from rlm_gate import baseline
from rlm_gate.core import Acceptance, Finding, Origin, Place, Span
from rlm_gate.errors import ConfigError

ONE, OTHER = "1" * 64, "2" * 64


def found(**more: object) -> Finding:
    return replace(finding("own/found", fingerprint=ONE), **more)  # type: ignore[arg-type]  # fields of Finding


def content(*entries: dict[str, object], head: str = '{"version": 1, "findings": [') -> bytes:
    return "\n".join([head, *(f"{json.dumps(one)}," for one in entries), "{}]}", ""]).encode()


def test_every_place_of_a_finding_and_who_made_it_comes_back() -> None:
    also = (Place(Span("b.py", 4, 4), OTHER),)
    written = baseline.render(baseline.entries_of([found(also=also, origin=Origin.MODEL)]))
    entries = baseline.parse(written)
    assert [(one.path, one.fingerprint, one.rules, one.origin) for one in entries] == [
        ("a.py", ONE, ("own/found",), Origin.MODEL),
        ("b.py", OTHER, ("own/found",), Origin.MODEL),
    ]
    assert baseline.render(entries) == written


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param({"fingerprint": ONE + "1", "path": "a"}, "64 hexadecimal", id="too long"),
        pytest.param({"fingerprint": "x" * 64, "path": "a"}, "64 hexadecimal", id="no digits"),
        pytest.param({"fingerprint": ONE}, "are texts", id="no path"),
        pytest.param({"fingerprint": ONE, "path": "a", "line": 1}, "unknown keys", id="a line"),
        pytest.param({"fingerprint": ONE, "path": "a", "origin": "me"}, "origin", id="origin"),
        pytest.param({"fingerprint": ONE, "path": "a", "origin": []}, "origin", id="a list"),
        pytest.param({"fingerprint": ONE, "path": "a", "rule": 1}, "are texts", id="a number"),
    ],
)
def test_what_is_no_entry_is_told_in_its_line(entry: dict[str, object], said: str) -> None:
    good: dict[str, object] = {"fingerprint": ONE, "path": "a.py"}
    with pytest.raises(ConfigError) as caught:
        baseline.parse(content(good, entry))
    [problem] = caught.value.problems
    assert problem.line == 3
    assert said in problem.text
    assert [one.path for one in baseline.salvage(content(good, entry))] == ["a.py"]


@pytest.mark.parametrize("mark", ["<<<<<<< ours", "=======", ">>>>>>> theirs", "||||||| base"])
def test_the_marks_of_a_merge_are_named(mark: str) -> None:
    with pytest.raises(ConfigError) as caught:
        baseline.parse(content({"fingerprint": ONE, "path": "a.py"}) + f"{mark}\n".encode())
    assert "a merge left its marks" in caught.value.problems[0].text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(content().removesuffix(b"{}]}\n"), id="without its end"),
        pytest.param(content() * 2, id="twice"),
    ],
)
def test_what_is_no_whole_baseline_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        baseline.parse(text)
    assert "not a baseline of version 1" in caught.value.problems[0].text


def test_what_is_nested_too_deeply_to_be_read_is_told() -> None:
    deep = content().replace(b"{}]}", b'{"path": ' + b"[" * 50_000 + b"]" * 50_000 + b"},\n{}]}")
    with pytest.raises(ConfigError) as caught:
        baseline.parse(deep)
    assert [(one.line, one.text[:8]) for one in caught.value.problems] == [(2, "not JSON")]
    opened = content().replace(b"{}]}", b"[" * 50_000)
    with pytest.raises(ConfigError, match="not a line of a baseline"):
        baseline.parse(opened)


def test_an_entry_alone_is_no_baseline() -> None:
    """Of a file that was cut to what happens to be JSON nobody knows what is missing."""
    alone = json.dumps({"fingerprint": ONE, "path": "a.py"}).encode()
    with pytest.raises(ConfigError, match="not a baseline of version 1"):
        baseline.parse(alone)
    assert [one.path for one in baseline.salvage(alone)] == ["a.py"]


def test_the_file_is_sorted_by_path_then_rule_then_fingerprint() -> None:
    made = [
        found(span=Span(path, 1, 1), rule_id=rule, fingerprint=name)
        for path, rule, name in (
            *(("b.py", "own/a", ONE), ("a.py", "own/b", ONE)),
            *(("a.py", "own/a", OTHER), ("a.py", "own/a", ONE)),
        )
    ]
    entries = baseline.parse(baseline.render(baseline.entries_of(made)))
    assert [(one.path, one.rules[0], one.fingerprint) for one in entries] == [
        *(("a.py", "own/a", ONE), ("a.py", "own/a", OTHER)),
        *(("a.py", "own/b", ONE), ("b.py", "own/a", ONE)),
    ]
    assert [one.place for one in entries] == [
        Span(baseline.BASELINE_FILE, n, n) for n in (2, 3, 4, 5)
    ]
    assert {one.kind for one in entries} == {Acceptance.BASELINE}


def test_an_entry_that_says_nothing_of_its_origin_is_a_detectors() -> None:
    [entry] = baseline.parse(content({"fingerprint": ONE, "path": "a.py"}))
    assert (entry.origin, entry.rules) == (Origin.DETECTOR, ())
    [again] = baseline.parse(baseline.render([replace(entry, origin=None)]))
    assert again.origin is Origin.DETECTOR


def test_a_file_that_begins_twice_is_no_baseline() -> None:
    head = content().split(b"\n")[0]
    with pytest.raises(ConfigError) as caught:
        baseline.parse(head + b"\n" + content())
    [problem] = caught.value.problems
    assert (problem.path, problem.line, problem.column) == (baseline.BASELINE_FILE, 1, 1)
