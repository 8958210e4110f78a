from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from rlm_gate import cachedir, kept
from rlm_gate.cachedir import CacheDir

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import GitRepo

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


def test_an_expression_of_another_re_is_made_and_not_kept(
    cache: CacheDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    from re import _compiler  # type: ignore[attr-defined]  # what typeshed does not tell of

    monkeypatch.delattr(_compiler, "_code")
    monkeypatch.setattr(re, "compile", lambda *_: None)
    with kept.opened(cache):
        assert kept.expression("a+") is None
    head = next((cache.cache / "kept").iterdir()).read_bytes()[32:]
    assert json.loads(head.partition(b"\n")[0]) == [{}, {}]


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
