"""How fixes are put into a text, and when they are taken back."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builders import finding, rule

from rlm_gate import fixing
from rlm_gate.core import (
    Audit,
    Corpus,
    Coverage,
    Detect,
    Finding,
    Fix,
    Rule,
    Scope,
    Skip,
    Span,
    Status,
    Usage,
    Verdict,
)
from rlm_gate.decoding import Decoded
from rlm_gate.fixing import _State, _Work


def mended(start: int, end: int, text: str, name: str = "own/a") -> Finding:
    fix = Fix(Span("a.txt", start, end), text, safe=True)
    return replace(finding(name, "a.txt", start), fix=fix)


def work(text: str, *wanted: tuple[str, int]) -> _Work:
    return _Work("a.txt", "text", text, wanted, unsafe=False)


def state(skips: int = 0, trouble: int = 0, *, broken: bool = False, **counts: int) -> _State:
    named = {f"own/{name}": count for name, count in counts.items()}
    return _State([], skips, Counter(named), (trouble, broken))


def test_fixes_that_share_a_line_are_not_made_at_once() -> None:
    first, second, third = mended(1, 2, "x"), mended(2, 2, "y"), mended(3, 3, "z")
    assert fixing._apart([third, second, first]) == [first, third]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_places_and_line_ends_stay_when_a_fix_above_takes_or_adds_lines(end: str) -> None:
    text = end.join(("one", "two", "three", "four")) + end
    fixes = [mended(1, 1, "1\n1"), mended(2, 3, "2"), mended(4, 4, "")]
    done, _ = fixing._applied(work(text), fixes)
    assert done == end.join(("1", "1", "2")) + end


def test_a_last_line_without_an_end_gets_none() -> None:
    assert fixing._applied(work("one\ntwo"), [mended(2, 2, "2\n3")])[0] == "one\n2\n3"


def test_every_line_of_a_fix_may_be_mended_by_the_rules_of_all_it_replaced() -> None:
    _, allowed = fixing._applied(
        work("one\ntwo\nthree\n", ("own/a", 1), ("own/b", 2)), [mended(1, 2, "1\n2\n3")]
    )
    both = frozenset({"own/a", "own/b"})
    assert allowed == [both, both, both, frozenset()]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(state(a=2), state(a=1), "", id="one less"),
        pytest.param(state(a=1), state(a=1), "still there", id="still there"),
        pytest.param(state(a=1), state(a=2), "own/a finds more", id="more of it"),
        pytest.param(state(a=1), state(b=1), "own/b finds more", id="another rule"),
        pytest.param(state(a=1, b=1), state(b=1), "", id="another as before"),
        pytest.param(state(a=1), state(1), "no longer judge", id="an engine fails"),
        pytest.param(state(a=1), state(0, 1), "no longer parses", id="a piece is broken"),
        pytest.param(state(0, 1, a=1), state(0, 1), "", id="broken before"),
        pytest.param(
            state(0, 2, a=1), state(0, 1, broken=True), "no longer parses", id="worse for Python"
        ),
    ],
)
def test_what_makes_a_text_worse_is_said(before: _State, after: _State, said: str) -> None:
    told = fixing._worse(before, after, [mended(1, 1, "x")])
    assert said in told
    assert bool(told) is bool(said)


def test_of_fixes_made_at_once_only_those_that_make_it_worse_are_undone() -> None:
    """One rule finds what is bad; what the fix of line 2 makes of it, another one finds."""
    rules = tuple(rule(name, detect=[Detect("regex", {})]) for name in ("own/a", "own/b"))

    def detect(_engine: str, corpus: Corpus, _rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        for number, line in enumerate(corpus.files[0].text.splitlines(), 1):
            if line.startswith("bad"):
                text = "odd" if line == "bad 2" else "good"
                yield replace(mended(number, number, text), quote=line)
            elif line == "odd":
                yield finding("own/b", "a.txt", number, quote=line)

    text = "bad 1\nbad 2\nbad 3\n"
    wanted = work(text, *(("own/a", line) for line in (1, 2, 3)))
    content = text.encode()
    done = fixing._mended(wanted, fixing.Judge(rules, detect), Decoded(text, "UTF-8"), content)
    assert done.after == "good\nbad 2\ngood\n"
    assert (done.fixable, done.fixed) == (3, 2)
    assert [(one.finding.quote, one.why) for one in done.undone] == [
        ("bad 2", "own/b finds more than before")
    ]


def test_one_by_one_fixes_that_add_lines_still_go_where_they_belong() -> None:
    rules = tuple(rule(name, detect=[Detect("regex", {})]) for name in ("own/a", "own/b"))

    def detect(_engine: str, corpus: Corpus, _rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        for number, line in enumerate(corpus.files[0].text.splitlines(), 1):
            if line.startswith("bad"):
                text = "odd" if line == "bad 3" else f"import\ngood {line[4:]}"
                yield replace(mended(number, number, text), quote=line)
            elif line == "odd":
                yield finding("own/b", "a.txt", number, quote=line)

    text = "bad 1\nplain\nbad 2\nplain\nbad 3\n"
    wanted = work(text, *(("own/a", line) for line in (1, 3, 5)))
    content = text.encode()
    done = fixing._mended(wanted, fixing.Judge(rules, detect), Decoded(text, "UTF-8"), content)
    assert done.after == "import\ngood 1\nplain\nimport\ngood 2\nplain\nbad 3\n"
    assert (done.fixable, done.fixed) == (3, 2)


@pytest.mark.parametrize(
    ("language", "text", "trouble"),
    [
        ("python", "print 1\n", (0, True)),
        ("python", "return 1\n", (0, False)),
        ("python", "f(**a, *b)\n", (0, True)),
        ("python", "x = '\0'\n", (3, True)),
        ("javascript", "x = a ?? b;\n", (0, False)),
        ("javascript", "x = = b;\n", (1, False)),
        ("text", "x = = b\n", (0, False)),
    ],
)
def test_a_text_is_in_trouble_where_its_grammar_or_python_can_not_read_it(
    language: str, text: str, trouble: tuple[int, bool]
) -> None:
    assert fixing._trouble(language, text) == trouble


def judged(text: str | None, kind: str, *findings: Finding) -> Verdict:
    """Return a verdict on a.txt as it was read; None where nobody kept its text."""
    return Verdict(
        *(Status.FAIL, Scope(kind, kind), None, findings, (), frozenset(), ()),
        *(Coverage(0, 0, ()), Usage(), Audit("models")),
        *((rule("own/a", detect=[Detect("regex", {})]),), ()),
        text=lambda _path: text,
    )


def taken_away(_engine: str, corpus: Corpus, _rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Find every bad line, which is to be good."""
    for number, line in enumerate(corpus.files[0].text.splitlines(), 1):
        if line == "bad":
            yield mended(number, number, "good")


@pytest.mark.parametrize(
    ("text", "kind", "fixed"),
    [
        ("bad\n", "worktree", True),
        ("bad\n", "staged", True),
        (None, "all", True),
        (None, "paths", True),
        (None, "worktree", True),
        (None, "staged", False),
        (None, "diff", False),
        ("bad\nx\n", "worktree", False),
        ("bad\nx\n", "staged", False),
    ],
)
def test_a_file_is_only_fixed_where_it_has_the_text_that_was_judged(
    tmp_path: Path, text: str | None, kind: str, *, fixed: bool
) -> None:
    (tmp_path / "a.txt").write_bytes(b"bad\n")
    verdict = judged(text, kind, mended(1, 1, "good"))
    [one] = fixing.fix(verdict, tmp_path, taken_away, unsafe=False)
    if fixed:
        assert isinstance(one, fixing.Fixed)
        assert (one.content, one.fixed, one.fixable) == (b"good\n", 1, 1)
    else:
        assert isinstance(one, fixing.Refused)
        assert (one.why, one.fixable) == ("the work tree has another text than was judged", 1)
    assert (tmp_path / "a.txt").read_bytes() == b"bad\n"


def test_only_what_has_a_fix_that_may_be_made_counts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"bad\n")
    bare = finding("own/a", "a.txt", 1)
    risky = replace(bare, fix=Fix(Span("a.txt", 1, 1), "good", safe=False))
    assert [*fixing.fix(judged(None, "all", bare), tmp_path, taken_away, unsafe=True)] == []
    assert [*fixing.fix(judged(None, "all", risky), tmp_path, taken_away, unsafe=False)] == []
    [one] = fixing.fix(judged(None, "all", bare, risky), tmp_path, taken_away, unsafe=True)
    assert one.fixable == 1


def test_a_file_that_nobody_may_write_is_left_alone_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_bytes(b"bad\n")
    monkeypatch.setattr(os, "access", lambda _path, how: how != os.W_OK)
    [one] = fixing.fix(
        judged(None, "all", mended(1, 1, "good")), tmp_path, taken_away, unsafe=False
    )
    assert one == fixing.Refused("a.txt", "not writable", 1)


def test_a_fix_that_the_encoding_can_not_say_is_not_made() -> None:
    rules = (rule("own/a", detect=[Detect("regex", {})]),)

    def detect(_engine: str, corpus: Corpus, _rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        for number, line in enumerate(corpus.files[0].text.splitlines(), 1):
            if line == "bad \N{LATIN SMALL LETTER E WITH ACUTE}":
                yield mended(number, number, "good \N{RIGHTWARDS ARROW}")

    text = "bad \N{LATIN SMALL LETTER E WITH ACUTE}\n"
    content = text.encode("latin-1")
    decoded = Decoded(text, "ISO-8859-1")
    done = fixing._mended(work(text, ("own/a", 1)), fixing.Judge(rules, detect), decoded, content)
    assert (done.before, done.after, done.content) == (text, text, None)
    assert (done.fixable, done.fixed) == (1, 0)
    assert [one.why for one in done.undone] == ["the fix can't be written in ISO-8859-1"]
