from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from rlm_gate import compiled, config, detectors, kept, rulefile
from rlm_gate.core import Ask, Confidence, Detect, Help, Rewrite, Rule, RulePack, Severity

if TYPE_CHECKING:
    from pathlib import Path

from rulepacks import FULL, PLAIN, load, mistakes, settings, write


def test_every_key_of_a_rule_arrives(tmp_path: Path) -> None:
    [pack] = load(write(tmp_path / "demo", full_rule=FULL))
    assert pack.name == "demo"
    assert pack.rules == (
        Rule(
            id="demo/full-rule",
            title="Full",
            severity=Severity.CRITICAL,
            precision=Confidence.HIGH,
            languages=("python", "javascript"),
            message="Stop.",
            help=Help("because", "do it", ("https://example.com/a",)),
            tags=("external/cwe/cwe-1",),
            aliases=("old/name",),
            include=("^src/",),
            exclude=(r"^(?:.+/)?[^/]*\.min\.js(?:/|\Z)",),
            detect=(Detect("regex", {"pattern": "ev[i]l"}),),
            prefilter=(r"\bevil",),
            ask=Ask("corpus", "Is it?"),
            verify="refute",
            enabled=False,
        ),
    )


def test_rules_and_packs_are_sorted_by_name(tmp_path: Path) -> None:
    write(tmp_path / "all" / "b", z=PLAIN, a=PLAIN)
    write(tmp_path / "all" / "a", m=PLAIN)
    found = load(tmp_path / "all")
    assert [rule.id for pack in found for rule in pack.rules] == ["a/m", "b/a", "b/z"]


def test_the_version_follows_names_and_content_and_nothing_else(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", one=PLAIN, two=PLAIN)
    [first] = load(folder)
    (folder / "README.md").write_text("no rule")
    os.utime(folder / "one.yaml", (1, 1))
    assert load(folder) == (first,)
    copy = write(tmp_path / "elsewhere" / "demo", one=PLAIN, two=PLAIN)
    assert load(copy) == (first,)
    (folder / "two.yaml").rename(folder / "three.yaml")
    [renamed] = load(folder)
    write(folder, three=PLAIN.replace("low", "high"))
    [changed] = load(folder)
    assert len({first.version, renamed.version, changed.version}) == 3
    assert changed.rules[1].severity is Severity.HIGH


def test_the_compiled_form_is_the_same_and_leaves_out_the_tests(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", full_rule=FULL, plain=PLAIN)
    found = load(folder)
    stored = compiled.dumps(found)
    assert compiled.loads(stored) == found
    assert b"evil()" not in stored
    assert load(folder) == found


def test_no_field_of_a_rule_is_lost_on_the_way_through_the_cache() -> None:
    every = Rule(
        id="demo/full",
        title="Full",
        severity=Severity.LOW,
        precision=Confidence.MEDIUM,
        languages=("python", "go"),
        message="Do it.",
        help=Help("why", "fix", ("https://example.org/",)),
        tags=("a",),
        aliases=("demo/old",),
        yields_to=("demo/other",),
        include=("src",),
        exclude=("docs",),
        detect=(Detect("regex", {"pattern": "a", "lines": [1, {"b": None}]}),),
        prefilter=("p",),
        ask=Ask("corpus", "Is it?"),
        verify="refute",
        enabled=False,
        fix=(Rewrite("astgrep", {"rule": {"pattern": "$A"}}, "b", safe=False, what="it"),),
        supporting=Severity.INFO,
    )
    for one in fields(Rule):
        assert getattr(every, one.name) != one.default, "a field that this test does not know"
    pack = RulePack("demo", "1", (every, replace(every, id="demo/more", include=("lib",))))
    [read] = compiled.loads(compiled.dumps([pack]))
    assert read == pack
    options = read.rules[0].detect[0].options
    assert ("pattern" in options, "other" in options, len(options)) == (True, False, 2)
    assert {**options} == {"pattern": "a", "lines": [1, {"b": None}]}


def test_loading_from_the_cache_needs_neither_yaml_nor_pydantic(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", full_rule=FULL)
    load(folder)
    code = (
        "import sys; from rlm_gate import config, packs;"
        f"packs.load(config.settings(config.Flags(rules=({str(folder)!r},)), None), None);"
        "heavy = {'yaml', 'pydantic', 'pathspec', 'ast_grep_py', 'asyncio'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_builtin_rule_rewritten_at_the_same_size_and_time_is_read_again(builtin: Path) -> None:
    path = builtin / "security/plain.yaml"
    [before] = load()
    first = path.stat()
    while path.stat().st_ctime_ns == first.st_ctime_ns:  # the clock of files has ticks
        path.write_text(PLAIN.replace("Plain", "Other"))
    os.utime(path, ns=(first.st_atime_ns, first.st_mtime_ns))

    [after] = load()

    assert [before.rules[0].title, after.rules[0].title] == ["Plain", "Other"]
    assert before.version != after.version


def written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Which files there are and when they were written: reading may change a file's other times."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_a_repositorys_own_rules_are_known_by_what_they_hold(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", plain=PLAIN)
    [before] = load(folder)
    shutil.copytree(folder, tmp_path / "elsewhere/demo")
    cached = written(settings().cache_dir / "packs")
    assert load(tmp_path / "elsewhere/demo") == (before,)
    assert written(settings().cache_dir / "packs") == cached


def test_what_entries_hand_to_their_engines_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    stored = compiled.dumps(load(write(tmp_path / "demo", plain=PLAIN)))
    assert stored.count(b'{"pattern": "todo"}') == 1
    [broken] = compiled.loads(stored.replace(b'{"pattern": "todo"}', b'{"pattern": "todo"]'))
    assert broken.rules[0].title == "Plain"
    with pytest.raises(json.JSONDecodeError):
        broken.rules[0].detect[0].options["pattern"]


def test_building_a_pack_leaves_nothing_for_every_hook_to_read(tmp_path: Path) -> None:
    shape = PLAIN.replace(
        "{engine: regex, pattern: todo}",
        "{engine: astgrep, language: python, rule: {kind: call, regex: '^mark\\w+\\('}}",
    ).replace("[any]", "[python]")
    write(tmp_path / "own", shape=shape)
    with kept.opened(config.environment().cache):
        assert load(tmp_path / "own")
        table = kept._Table.current
        assert table
        assert [one for one in table._facts if "mark" in one] == []


@pytest.mark.cold
def test_a_planted_cache_entry_is_not_believed(tmp_path: Path) -> None:
    folder = write(tmp_path / "demo", full_rule=FULL)
    found = load(folder)
    [entry] = (settings().cache_dir / "packs").iterdir()
    entry.write_bytes(entry.read_bytes()[:32] + compiled.dumps(()))
    assert load(folder) == found


def test_every_mistake_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    bad = PLAIN.replace("severity: low", "severity: hihg").replace("pattern: todo", "pattern: '('")
    write(tmp_path / "all" / "a", one=bad, two="title: [")
    write(tmp_path / "all" / "b", three=PLAIN + "x: 1\n", Four=PLAIN)
    (tmp_path / "all" / "b" / "latin.yaml").write_bytes(b"title: \xe9")
    found = mistakes(tmp_path / "all")
    assert [one.split(": ")[0].removeprefix(f"{tmp_path}/all/") for one in found] == [
        "a/one.yaml:2:11",
        "a/one.yaml:5:35",
        "a/two.yaml:2:1",
        "b/Four.yaml:1:1",
        "b/latin.yaml:1:8",
        "b/three.yaml:9:1",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param(
            "engine: regex",
            "engine: regx",
            "5:19: unknown engine 'regx'; known are api, astgrep, ",
            id="engine",
        ),
        pytest.param("pattern: todo", "patern: todo", "unknown option 'patern'", id="option"),
        pytest.param(
            "engine: regex",
            "engine: regex, severity: high",
            "detect[0]: severity: an entry's is at most its rule's (low)",
            id="an entry graver than its rule",
        ),
        pytest.param(", pattern: todo", "", "pattern: write a regular expression", id="no option"),
        pytest.param(
            "{engine: regex, pattern: todo}",
            "{engine: ruff, select: [S102]}, {engine: regex}",
            "detect[1]: ",
            id="second entry",
        ),
        pytest.param("precision: medium\n", "", "1:1: 'precision' is missing", id="precision"),
        pytest.param(
            "detect: [{engine: regex, pattern: todo}]\n",
            "",
            "1:1: add 'detect' or 'ask'",
            id="judges nothing",
        ),
        pytest.param("[any]", "[cobol]", "unknown language 'cobol'", id="language"),
        pytest.param(
            "pattern: todo",
            "pattern: '^(a+)+$'",
            '5:35: detect[0].pattern: each further "a" of a text doubles the time',
            id="exponential",
        ),
        pytest.param(
            "pattern: todo",
            "pattern: 'a', lines_lack: '(?:(x+)\\1?)+y'",
            "detect[0].lines_lack: each further",
            id="exponential by a reference",
        ),
        pytest.param(
            "title:", "prefilter: ['(a|a)*b']\ntitle:", "prefilter[0]: each", id="prefilter"
        ),
        pytest.param(
            "{engine: regex, pattern: todo}",
            "{engine: taint, language: any, sink: sqll, calls: [{call: f}]}",
            "detect[0]: sink: unknown harm 'sqll'; did you mean 'sql'?",
            id="harm",
        ),
        pytest.param(
            "title:",
            "yields_to: [security/sql-injectoin]\ntitle:",
            "1:13: yields_to: no rule is called 'security/sql-injectoin'; did you mean",
            id="a built-in rule that is not loaded",
        ),
        pytest.param(
            "title:",
            "yields_to: [secruity/sql-injection]\ntitle:",
            "1:13: yields_to: no pack is called 'secruity'; did you mean 'security'?",
            id="a pack",
        ),
    ],
)
def test_what_the_engines_know_is_checked(old: str, new: str, problem: str, tmp_path: Path) -> None:
    found = mistakes(write(tmp_path / "demo", rule=PLAIN.replace(old, new)))
    assert any(problem in one for one in found), found


def test_a_language_that_is_no_list_is_one_mistake(tmp_path: Path) -> None:
    detect = "{engine: astgrep, language: python, rule: {pattern: a()}}"
    text = PLAIN.replace("{engine: regex, pattern: todo}", detect).replace("[any]", "python")
    [told] = mistakes(write(tmp_path / "demo", rule=text))
    assert "languages: a list is wanted" in told


def test_a_question_alone_is_a_rule_and_needs_no_precision(tmp_path: Path) -> None:
    text = PLAIN.replace(
        "detect: [{engine: regex, pattern: todo}]", "ask: {over: chunk, question: q}"
    )
    [pack] = load(write(tmp_path / "demo", rule=text.replace("precision: medium\n", "")))
    assert pack.rules[0].detect == ()
    assert pack.rules[0].precision is Confidence.LOW


def test_an_engine_that_can_not_check_its_options_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rlm_gate.detectors import ruff

    monkeypatch.setattr(ruff, "binary", lambda: None)
    ruff._stable_codes.cache_clear()
    ruff.version.cache_clear()
    text = PLAIN.replace("engine: regex, pattern: todo", "engine: ruff, select: [S102]")
    found = mistakes(write(tmp_path / "demo", rule=text.replace("[any]", "[python]")))
    assert "no ruff binary" in found[0]


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ("[demo/b]", "[]", "a.yaml:9:11: alias 'demo/b' belongs to demo/b"),
        ("[old/x]", "[old/x]", "b.yaml:9:11: alias 'old/x' belongs to demo/a"),
        ("[demo/a]", "[]", "a.yaml:9:11: alias 'demo/a' belongs to demo/a"),
        ("[old/x, old/x]", "[]", "a.yaml:9:18: alias 'old/x' belongs to demo/a"),
    ],
)
def test_no_alias_belongs_to_two_rules(
    first: str, second: str, problem: str, tmp_path: Path
) -> None:
    folder = write(
        tmp_path / "demo", a=f"{PLAIN}aliases: {first}\n", b=f"{PLAIN}aliases: {second}\n"
    )
    [found] = mistakes(folder)
    assert problem in found


def test_an_alias_of_another_pack_is_a_clash_too(tmp_path: Path) -> None:
    write(tmp_path / "all" / "one", a=PLAIN)
    write(tmp_path / "all" / "two", a=f"{PLAIN}aliases: [one/a]\n")
    [found] = mistakes(tmp_path / "all")
    assert "two/a.yaml:9:11: alias 'one/a' belongs to one/a" in found


KEYS = ["pattern", "not", "select", "language", "rule", "regex", "kind", "has", "sources", "x"]
OPTIONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["python", "a", "(", "$A", ""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(detectors.names()), st.dictionaries(st.sampled_from(KEYS), OPTIONS))
@settings_of_hypothesis(max_examples=200, deadline=None)
def test_no_options_of_any_engine_raise(engine: str, options: dict[str, object]) -> None:
    entry = json.dumps({"engine": engine} | options)
    text = PLAIN.replace("{engine: regex, pattern: todo}", entry).replace("[any]", "[python]")
    file = rulefile.read("demo", "rule.yaml", text.encode(), "rule.yaml")
    assert (file.rule is None) == bool(file.problems)
