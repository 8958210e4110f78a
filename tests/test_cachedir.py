from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from rlm_gate import cachedir
from rlm_gate.cachedir import CacheDir, entry_key

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ab" * 32


@pytest.fixture
def cache(tmp_path: Path) -> CacheDir:
    return CacheDir(cache=tmp_path / "cache", state=tmp_path / "state")


@pytest.fixture(autouse=True)
def _no_key_in_memory() -> None:
    cachedir._key.cache_clear()


def entry(cache: CacheDir) -> Path:
    return cache.cache / "packs" / KEY


def test_what_was_written_is_read(cache: CacheDir) -> None:
    cache.write("packs", KEY, b"rules")
    assert cache.read("packs", KEY) == b"rules"
    cachedir._key.cache_clear()
    assert cache.read("packs", KEY) == b"rules"
    assert cache.read("packs", "cd" * 32) is None


def test_empty_content_is_content(cache: CacheDir) -> None:
    cache.write("packs", KEY, b"")
    assert cache.read("packs", KEY) == b""


@pytest.mark.parametrize("content", [b"", b"x", b"{}" * 100])
def test_a_planted_entry_is_a_miss(cache: CacheDir, content: bytes) -> None:
    cache.write("packs", KEY, b"rules")
    entry(cache).write_bytes(content)
    assert cache.read("packs", KEY) is None


def test_a_changed_byte_is_a_miss(cache: CacheDir) -> None:
    cache.write("packs", KEY, b"rules")
    stored = bytearray(entry(cache).read_bytes())
    for index in range(len(stored)):
        changed = stored.copy()
        changed[index] ^= 1
        entry(cache).write_bytes(changed)
        assert cache.read("packs", KEY) is None


def test_no_entry_stands_in_for_another(cache: CacheDir) -> None:
    cache.write("packs", KEY, b"rules")
    other = cache.cache / "config" / KEY
    other.parent.mkdir()
    other.write_bytes(entry(cache).read_bytes())
    (cache.cache / "packs" / "cd").write_bytes(entry(cache).read_bytes())
    assert cache.read("config", KEY) is None
    assert cache.read("packs", "cd") is None


def test_another_users_key_verifies_nothing(cache: CacheDir, tmp_path: Path) -> None:
    cache.write("packs", KEY, b"rules")
    assert CacheDir(cache=cache.cache, state=tmp_path / "other").read("packs", KEY) is None


def test_the_key_is_private_and_random(cache: CacheDir, tmp_path: Path) -> None:
    cache.write("packs", KEY, b"rules")
    file = cache.state / "cache.key"
    assert file.stat().st_mode & 0o777 == 0o600
    other = CacheDir(cache=tmp_path / "c2", state=tmp_path / "s2")
    other.write("packs", KEY, b"rules")
    assert (other.state / "cache.key").read_bytes() != file.read_bytes()
    assert sorted(path.name for path in cache.state.iterdir()) == ["cache.key"]


def test_a_key_that_others_can_read_is_replaced(cache: CacheDir) -> None:
    cache.write("packs", KEY, b"rules")
    file = cache.state / "cache.key"
    old = file.read_bytes()
    file.chmod(0o644)
    cachedir._key.cache_clear()
    assert cache.read("packs", KEY) is None
    assert file.read_bytes() != old
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_cut_key_is_replaced(cache: CacheDir) -> None:
    cache.write("packs", KEY, b"rules")
    file = cache.state / "cache.key"
    file.write_bytes(b"short")
    cachedir._key.cache_clear()
    assert cache.read("packs", KEY) is None
    cache.write("packs", KEY, b"rules")
    assert cache.read("packs", KEY) == b"rules"


def test_a_linked_key_switches_the_cache_off(cache: CacheDir, tmp_path: Path) -> None:
    cache.state.mkdir()
    planted = tmp_path / "planted"
    planted.write_bytes(b"k" * 32)
    planted.chmod(0o600)
    (cache.state / "cache.key").symlink_to(planted)
    cache.write("packs", KEY, b"rules")
    assert cache.read("packs", KEY) is None
    assert planted.read_bytes() == b"k" * 32


@pytest.mark.parametrize("blocked", ["cache", "state"])
def test_where_nothing_can_be_written_nothing_fails(cache: CacheDir, blocked: str) -> None:
    getattr(cache, blocked).write_text("a file where a folder should be")
    cache.write("packs", KEY, b"rules")
    assert cache.read("packs", KEY) is None


def test_a_folder_in_place_of_an_entry_is_a_miss(cache: CacheDir) -> None:
    entry(cache).mkdir(parents=True)
    cache.write("packs", KEY, b"rules")
    assert cache.read("packs", KEY) is None
    assert [path.name for path in (cache.cache / "packs").iterdir()] == [KEY]


def test_names_can_not_leave_the_cache(cache: CacheDir) -> None:
    for kind, key in (("..", KEY), ("packs", "../x"), ("a/b", KEY), ("packs", "")):
        with pytest.raises(ValueError, match="no name"):
            cache.write(kind, key, b"")


def test_writers_at_once_leave_one_whole_entry(cache: CacheDir) -> None:
    contents = [bytes([number]) * 100_000 for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: cache.write("packs", KEY, content), contents))
    assert cache.read("packs", KEY) in contents
    assert [path.name for path in (cache.cache / "packs").iterdir()] == [KEY]


def test_old_entries_go_now_and_then(cache: CacheDir) -> None:
    cache.write("packs", KEY, b"old")
    cache.write("packs", "cd" * 32, b"new")
    long_ago = time.time() - 40 * 24 * 3600
    os.utime(entry(cache), (long_ago, long_ago))
    cache.write("packs", "ef" * 32, b"any")
    assert entry(cache).exists()
    cache.write("packs", "00" * 32, b"the one that cleans up")
    assert not entry(cache).exists()
    assert cache.read("packs", "cd" * 32) == b"new"


def test_keys_differ_by_every_part_and_by_where_it_ends() -> None:
    keys = {entry_key("ab", "c"), entry_key("a", "bc"), entry_key("abc"), entry_key("ab", "c", "")}
    assert len(keys) == 4
    assert entry_key("ab", b"c") == entry_key("ab", "c")


def test_keys_change_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = entry_key("a")
    monkeypatch.setattr(cachedir, "__version__", "999")
    cachedir._code_version.cache_clear()
    try:
        assert entry_key("a") != before
    finally:
        cachedir._code_version.cache_clear()
