from __future__ import annotations

import itertools
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_gate import config, globs, packs

if TYPE_CHECKING:
    from pathlib import Path

PATHS = (
    "a.py",
    "src/a.py",
    "src/deep/a.py",
    "tests/a.py",
    "x/tests/b.txt",
    "build/out/a.o",
    "docs/a b.md",
    "a[1].txt",
    "é/u.txt",
)


def matches(glob: str, path: str) -> bool:
    [pattern] = globs.to_regex([glob])
    return re.match(pattern, path) is not None


@pytest.mark.parametrize(
    "glob",
    [
        "*.py",
        "/*.py",
        "src/*.py",
        "src/**/*.py",
        "**/a.py",
        "tests/",
        "tests/**",
        "/tests",
        "tests",
        "build/*",
        "build/**/a.o",
        "a?b",
        "*/",
        "*",
        "**",
        "docs/a b.md",
        "a\\[1\\].txt",
        "[ab].py",
        "[!b].py",
        "é",
        "nothing",
    ],
)
def test_a_glob_means_what_git_says(glob: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(glob + "\n", encoding="utf-8")
    for path in PATHS:
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    command = ["git", "-c", "core.quotePath=off", "check-ignore", "--no-index", *PATHS]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert [path for path in PATHS if matches(glob, path)] == done.stdout.splitlines()


@pytest.mark.parametrize(
    ("glob", "remedy"),
    [
        ("!a", "'exclude'"),
        ("", "leave it out"),
        ("  ", "leave it out"),
        ("# note", "write '\\#'"),
        ("./a", "leave out './'"),
        ("a//b", "one slash"),
        ("../a", "repository's root"),
        ("a/../b", "repository's root"),
        ("*.{js,ts}", "one glob each"),
        ("[[:alpha:]]", "write the characters out"),
        ("a[", "not a glob"),
        ("a\\", "not a glob"),
        ("[z-a]", "not a glob"),
        ("/", "not a glob"),
    ],
)
def test_a_glob_that_could_never_match_is_refused(glob: str, remedy: str) -> None:
    assert remedy in globs.mistake(glob)


def test_patterns_can_be_joined() -> None:
    joined = "|".join(f"(?:{pattern})" for pattern in globs.to_regex(["a/", "b/", "*.c"]))
    assert [path for path in ("a/x", "y/b/x", "y.c", "z") if re.match(joined, path)] == [
        "a/x",
        "y/b/x",
        "y.c",
    ]


def test_a_line_feed_in_a_name_hides_nothing() -> None:
    assert not matches("/a", "a\n")
    assert matches("*.py", "x\ny.py")
    assert matches("*/", "x\n/y.py")


@given(st.text(max_size=20))
def test_any_text_is_judged_and_what_passes_compiles(glob: str) -> None:
    if not globs.mistake(glob):
        [pattern] = globs.to_regex([glob])
        re.compile(pattern)


_GLOBS = (
    *("tests/**", "test_*.py", "*.test.*", "/src/test/", "docs/", "action.yml", "*_test.go"),
    *("a*b*c", "*", "a?b.py", "[ab]c/", "/x", "/x/y.py", "**/*.md", "x/**/y", "a.b/*.c", "*/_*/"),
    *("a**b", "**", "/**", "x/*", "ÿ*", "a\\*b", "*a*a*", "a*a"),
)
_PATH_PARTS = (
    *("tests", "test_a.py", "test_.py", "a.test.js", "src", "test", "docs", "action.yml", "x", "y"),
    *("y.py", "aXbXc", "abc", "ab", "a-b.py", "a_test.go", "bc", "_p", "m.md", "a.b", "q.c", "ÿz"),
    *("a\nb", "tests\n", "aa", "a", "a*b", "action.yml.bak", "atests"),
)


@pytest.mark.parametrize("glob", _GLOBS)
def test_a_matcher_says_what_the_pattern_says(glob: str) -> None:
    [pattern] = globs.to_regex([glob])
    fits = globs.matcher(pattern)
    for size in (1, 2):
        for parts in itertools.product(_PATH_PARTS, repeat=size):
            path = "/".join(parts)
            assert fits(path) == (re.match(pattern, path) is not None), path


@pytest.mark.parametrize("glob", [*_GLOBS, "node_modules", "conftest.py", "*local*"])
def test_a_pattern_of_a_name_matches_where_a_part_of_the_path_has_that_name(glob: str) -> None:
    [pattern] = globs.to_regex([glob])
    if not globs.of_a_name(pattern):
        return
    for parts in itertools.product(("conftest.py", "node_modules", *_PATH_PARTS), repeat=2):
        if "\n" not in "".join(parts):
            path, names = "/".join(parts), [re.match(pattern, part) for part in parts]
            assert any(names) == (re.match(pattern, path) is not None), path


def test_patterns_of_a_name_are_told_from_others() -> None:
    said = {glob: globs.of_a_name(*globs.to_regex([glob])) for glob in _GLOBS}
    assert {"test_*.py", "*.test.*", "action.yml"} <= {glob for glob, so in said.items() if so}
    assert not any(said[glob] for glob in ("tests/**", "docs/", "/x", "/x/y.py", "x/*", "a?b.py"))


def test_most_patterns_of_the_builtin_packs_need_no_regular_expression() -> None:
    rules = [rule for pack in packs.load(config.settings(config.Flags(), None), None)
             for rule in pack.rules]  # fmt: skip
    patterns = {one for rule in rules for one in (*rule.include, *rule.exclude)}
    plain = [one for one in patterns if globs._plain(one)]
    assert len(plain) >= 0.9 * len(patterns)
    for pattern in patterns:
        for path in ("a/tests/b.py", "tests/b.py", "tests", "a/test_b.py", "docs/x.md", "a.b.c"):
            assert globs.matcher(pattern)(path) == (re.match(pattern, path) is not None), pattern
