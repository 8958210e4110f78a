from __future__ import annotations

import importlib
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from rlm_gate import cachedir, kept
from rlm_gate.cachedir import CacheDir

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import GitRepo

Fake = Callable[[pytest.MonkeyPatch], None]
OTHER = vars(importlib.import_module("re._compiler"))["_code"](
    importlib.import_module("re._parser").parse("b?", 0), 0
)
PATTERNS = [
    (r"a|b", 0),
    (r"(?P<name>\w+)=(?P<value>[^\s;]*)(;)?", re.IGNORECASE),
    (r"(?m)^\s*x\Z", re.DOTALL),
    ("[\u200b-\u206f]-(?=\u00df)", re.IGNORECASE),
]


@pytest.fixture
def cache(tmp_path: Path) -> CacheDir:
    cachedir._key.cache_clear()
    return CacheDir(cache=tmp_path / "cache", state=tmp_path / "state")


@pytest.mark.parametrize(("pattern", "flags"), PATTERNS)
def test_a_kept_expression_is_the_one_re_makes_and_is_not_read_again(
    cache: CacheDir, monkeypatch: pytest.MonkeyPatch, pattern: str, flags: int
) -> None:
    with kept.opened(cache):
        kept.expression(pattern, flags)
    expected = re.compile(pattern, flags)
    re.purge()
    monkeypatch.setattr(re, "compile", None)  # whoever asks it fails

    with kept.opened(cache):
        again = kept.expression(pattern, flags)

    assert again == expected  # its flags and its code
    assert (again.groups, again.groupindex) == (expected.groups, expected.groupindex)
    text = "x\nname=1;NAME=2\u200b-\u00df a\n x"
    assert [one.groupdict() for one in again.finditer(text)] == [
        one.groupdict() for one in expected.finditer(text)
    ]


def test_a_fact_is_told_once_and_then_by_every_process(cache: CacheDir) -> None:
    asked: list[str] = []

    def told(text: str) -> list[int]:
        asked.append(text)
        return [len(text)]

    for _ in range(2):
        with kept.opened(cache):
            assert [kept.fact("length", one, told) for one in ("ab", "c", "ab")] == [[2], [1], [2]]
    assert asked == ["ab", "c"]


def test_a_fact_has_one_shape_in_every_process_and_is_held_once(cache: CacheDir) -> None:
    for _ in range(2):
        with kept.opened(cache):
            told = kept.fact("both", "ab", lambda text: (text, len(text)), tuple)
            assert told == ("ab", 2)
            assert kept.fact("both", "ab", lambda text: (text, 0), tuple) is told


def test_facts_of_two_kinds_about_one_text_are_apart(cache: CacheDir) -> None:
    with kept.opened(cache):
        assert kept.fact("a", "b c", len) == 3
        assert kept.fact("a b", "c", len) == 1 or kept.fact("ab", "c", len) == 1


def test_what_a_stranger_wrote_is_not_believed(cache: CacheDir) -> None:
    with kept.opened(cache):
        kept.fact("length", "ab", len)
    [entry] = (cache.cache / "kept").iterdir()
    entry.write_bytes(entry.read_bytes().replace(b":2", b":9"))

    with kept.opened(cache):
        assert kept.fact("length", "ab", len) == 2


def test_nothing_is_written_where_nothing_is_new(cache: CacheDir) -> None:
    for _ in range(2):
        with kept.opened(cache):
            kept.expression("a+")
            kept.fact("length", "ab", len)
        [entry] = (cache.cache / "kept").iterdir()
        entry.chmod(0o400)
    assert entry.stat().st_mode & 0o777 == 0o400  # a new file would have its own


def test_a_table_that_would_be_too_large_stays_as_it_was(
    cache: CacheDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept.opened(cache):
        kept.fact("length", "ab", len)
    [entry] = (cache.cache / "kept").iterdir()
    before = entry.read_bytes()
    monkeypatch.setattr(kept, "_MOST_BYTES", 2000)

    with kept.opened(cache):
        assert kept.fact("twice", "ab" * 999, lambda text: text * 2) == "ab" * 1998

    assert entry.read_bytes() == before


def test_an_entry_of_its_own_is_made_once_and_verified(cache: CacheDir) -> None:
    asked: list[str] = []

    def told(text: str) -> dict[str, tuple[int, ...]]:
        asked.append(text)
        return {"lengths": (len(text),)}

    for _ in range(2):
        with kept.opened(cache):
            assert kept.entry("sizes", "ab", told) == {"lengths": [2]}
    assert asked == ["ab"]
    [entry] = (cache.cache / "kept").iterdir()
    entry.write_bytes(entry.read_bytes().replace(b"[2]", b"[9]"))
    with kept.opened(cache):
        assert kept.entry("sizes", "ab", told) == {"lengths": [2]}
    assert kept.entry("sizes", "abc", told) == {"lengths": [3]}  # where no table is open


def test_tables_that_nobody_reads_any_more_go(
    cache: CacheDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write("kept", "0a", b"x" * 4000)
    old = cache.cache / "kept" / "0a"
    os.utime(old, (1, 1))
    with kept.opened(cache):
        kept.fact("length", "ab", len)
    assert old.exists()
    monkeypatch.setattr(kept, "_ALL_BYTES", 3000)

    with kept.opened(cache):
        kept.fact("length", "abc", len)

    assert not old.exists()
    assert len([*(cache.cache / "kept").iterdir()]) == 1


def test_what_is_asked_aside_is_not_kept(cache: CacheDir) -> None:
    with kept.opened(cache):
        with kept.aside():
            assert kept.fact("length", "ab", len) == 2
            assert kept.expression("a+") == re.compile("a+")
        kept.fact("length", "abc", len)
    with kept.opened(cache):
        assert kept.fact("length", "ab", lambda _: 9) == 9
        assert kept.fact("length", "abc", lambda _: 9) == 3


def test_each_table_is_read_alone(cache: CacheDir) -> None:
    for name in ("change", "whole"):
        with kept.opened(cache, name):
            assert kept.fact("length", "ab", lambda _, name=name: name) == name
    with kept.opened(cache, "change"):
        assert kept.fact("length", "ab", len) == "change"
    assert len([*(cache.cache / "kept").iterdir()]) == 2


def test_a_hook_does_not_read_what_a_whole_run_needed(git_repo: GitRepo) -> None:
    import subprocess

    from rlm_gate import config

    git_repo.commit("first", **{"a.py": "x = 1\n", "b.js": "eval(location.hash)\n"})
    git_repo.write("a.py", "x = 2\n")
    git_repo.git("add", "-A")
    for scope in ("--staged", "--all", "--staged"):
        command = [sys.executable, "-m", "rlm_gate", "check", scope, "--offline"]
        subprocess.run(command, cwd=git_repo.path, capture_output=True, check=False)
    cache = config.environment().cache
    sizes = {}
    for name in ("change", "whole"):
        with kept.opened(cache, name):
            table = kept._Table.current
            assert table
            sizes[name] = len(table._facts)

    assert 0 < sizes["change"] < sizes["whole"]


def lacks(module: str, name: str) -> Fake:
    return lambda patch: patch.delattr(importlib.import_module(module), name)


def has(module: str, name: str, other: Callable[..., Any]) -> Fake:
    return lambda patch: patch.setattr(importlib.import_module(module), name, other)


def gone(module: str) -> Fake:
    return lambda patch: patch.setitem(sys.modules, module, None)


@pytest.mark.parametrize(
    "fake",
    [
        pytest.param(gone("re._parser"), id="no parser of that name"),
        pytest.param(gone("re._compiler"), id="no compiler of that name"),
        pytest.param(gone("_sre"), id="no engine of that name"),
        pytest.param(lacks("re._parser", "parse"), id="a parser without parse"),
        pytest.param(lacks("re._compiler", "_code"), id="a compiler without _code"),
        pytest.param(lacks("_sre", "compile"), id="an engine without compile"),
        pytest.param(has("re._compiler", "_code", lambda _tree: []), id="_code asks for less"),
        pytest.param(has("_sre", "compile", lambda _code: None), id="compile asks for less"),
        pytest.param(has("re._compiler", "_code", lambda *_: OTHER), id="code of something else"),
        pytest.param(has("re._compiler", "_code", lambda *_: [99, 1]), id="code nobody can read"),
        pytest.param(has("re._compiler", "_code", lambda *_: [-1]), id="code of other numbers"),
        pytest.param(has("re._compiler", "_code", lambda *_: [1 << 40]), id="code of larger ones"),
        pytest.param(has("re._compiler", "_code", lambda *_: None), id="no code at all"),
        pytest.param(has("_sre", "compile", lambda *_: None), id="compile makes nothing"),
    ],
)
def test_an_expression_of_another_re_is_made_and_not_kept(
    cache: CacheDir, monkeypatch: pytest.MonkeyPatch, fake: Fake
) -> None:
    made = re.compile("a+")
    with monkeypatch.context() as patch:
        patch.setattr(re, "compile", lambda *_: made)  # what that re itself would do
        fake(patch)
        with kept.opened(cache):
            assert kept.expression("a+") is made
    head = next((cache.cache / "kept").iterdir()).read_bytes()[32:]
    assert json.loads(head.partition(b"\n")[0]) == [{}, {}]


def test_an_expression_is_compiled_once_by_the_process_that_keeps_it(cache: CacheDir) -> None:
    with kept.opened(cache):
        made = kept.expression("a+")
        re.purge()  # re remembers it too
        assert kept.expression("a+") is made
        assert kept.expression("a+", re.IGNORECASE) != made


def test_within_an_open_table_another_one_is_not_opened(cache: CacheDir, tmp_path: Path) -> None:
    other = CacheDir(cache=tmp_path / "other", state=tmp_path / "state")
    with kept.opened(cache):
        outer = kept._Table.current
        with kept.opened(other):
            assert kept.fact("length", "ab", len) == 2
        assert kept._Table.current is outer is not None
    assert not other.cache.exists()
    with kept.opened(cache):
        assert kept.fact("length", "ab", lambda _: None) == 2


def test_a_table_closes_and_is_kept_where_the_work_is_interrupted(cache: CacheDir) -> None:
    with suppress(KeyboardInterrupt), kept.opened(cache):
        kept.fact("length", "ab", len)
        raise KeyboardInterrupt
    assert kept._Table.current is None
    with kept.opened(cache):
        assert kept.fact("length", "ab", lambda _: None) == 2


def test_without_a_table_all_is_made() -> None:
    assert kept.expression("a+", re.IGNORECASE) == re.compile("a+", re.IGNORECASE)
    assert kept.fact("length", "ab", len) == 2


def test_a_second_hook_reads_its_expressions_from_the_table(git_repo: GitRepo) -> None:
    """Hardly any expression is compiled by the second of two runs on the same change."""
    import subprocess
    import sys

    git_repo.commit("first", **{"a.py": "x = 1\n"})
    git_repo.write("a.py", "import os\n\n\ndef f(request):\n    os.system(request.GET['a'])\n")
    git_repo.git("add", "-A")
    script = (
        "import re, sys, json\n"
        "read = []\n"
        "make = re._compiler.compile\n"
        "re._compiler.compile = lambda text, flag: (read.append(str(text)), make(text, flag))[1]\n"
        "from rlm_gate import cli\n"
        "cli.main(['check', '--staged', '--offline'])\n"
        "sys.stderr.write(json.dumps(read))"
    )
    counts = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=git_repo.path, capture_output=True, check=True
        )
        counts.append(len(json.loads(done.stderr)))

    first, second = counts
    assert first > 200
    assert second < first / 2
