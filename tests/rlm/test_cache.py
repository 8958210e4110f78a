from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rlm_gate.providers import ModelReply, TokenUsage, ToolCall
from rlm_gate.rlm import cache
from rlm_gate.rlm.cache import ReplyCache

SECRET = b"s" * 32
REPLY = ModelReply(
    "yes é\ud800",
    (ToolCall("t1", "run_python", {"code": "1"}),),
    "tool_use",
    TokenUsage(1, 2, 3, 4, 5),
    [{"type": "thinking", "signature": "s"}],
)


def fill(directory: Path, *keys: str) -> Path:
    with ReplyCache(directory, SECRET) as store:
        for key in keys:
            store.put(key, REPLY)
        assert store.warnings == []
        return store.path


def edit(path: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(statement, values)
    database.close()


def read(directory: Path, key: str = "k", secret: bytes = SECRET) -> tuple[object, list[str]]:
    with ReplyCache(directory, secret) as store:
        return store.get(key), store.warnings


def test_a_reply_is_there_again_in_the_next_run(tmp_path: Path) -> None:
    fill(tmp_path / "deep" / "down", "k")
    assert read(tmp_path / "deep" / "down") == (REPLY, [])
    assert read(tmp_path / "deep" / "down", "other") == (None, [])


def test_another_secret_does_not_verify(tmp_path: Path) -> None:
    fill(tmp_path, "k")
    assert read(tmp_path, secret=b"t" * 32) == (None, [])


def test_a_row_that_was_changed_is_a_miss(tmp_path: Path) -> None:
    path = fill(tmp_path, "k")
    edit(path, "UPDATE reply SET reply = replace(reply, 'yes', 'no')")
    assert read(tmp_path) == (None, [])


def test_a_row_moved_under_another_key_is_a_miss(tmp_path: Path) -> None:
    path = fill(tmp_path, "k")
    edit(path, "UPDATE reply SET key = 'other'")
    assert read(tmp_path, "other") == (None, [])


@pytest.mark.parametrize("mac", [None, "text", b"", b"x" * 32])
def test_a_row_without_its_signature_is_a_miss(tmp_path: Path, mac: object) -> None:
    path = fill(tmp_path, "k")
    edit(path, "UPDATE reply SET mac = ?", mac)
    assert read(tmp_path) == (None, [])


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"text": 1', "[" * 100_000])
def test_a_signed_row_of_another_form_is_a_miss(tmp_path: Path, text: str) -> None:
    path = fill(tmp_path, "k")
    with ReplyCache(tmp_path, SECRET) as store:
        edit(path, "UPDATE reply SET reply = ?, mac = ?", text, store._mac("k", text))
        assert store.get("k") is None
        assert store.warnings == []


def test_rows_are_json(tmp_path: Path) -> None:
    path = fill(tmp_path, "k")
    database = sqlite3.connect(path)
    (text,) = database.execute("SELECT reply FROM reply").fetchone()
    database.close()
    assert json.loads(text)["stop_reason"] == "tool_use"


def test_a_file_of_another_version_is_left_alone_with_a_warning(tmp_path: Path) -> None:
    path = fill(tmp_path, "k")
    edit(path, "PRAGMA user_version = 2")
    with ReplyCache(tmp_path, SECRET) as store:
        assert store.get("k") is None
        store.put("k", REPLY)
        assert store.get("k") is None
        assert "another version (2, not 1)" in store.warnings[0]
        assert len(store.warnings) == 1
    edit(path, "PRAGMA user_version = 1")
    assert read(tmp_path)[0] == REPLY


def test_a_file_that_is_no_database_is_ignored_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / cache.FILE).write_bytes(b"not a database" * 100)
    with ReplyCache(tmp_path, SECRET) as store:
        assert store.get("k") is None
        store.put("k", REPLY)
        assert len(store.warnings) == 1
        assert "is damaged" in store.warnings[0]


def test_another_programs_database_is_ignored_with_a_warning(tmp_path: Path) -> None:
    edit(tmp_path / cache.FILE, "CREATE TABLE reply (a)")
    found, warnings = read(tmp_path)
    assert found is None
    assert len(warnings) == 1


@pytest.mark.parametrize("seed", range(12))
def test_damage_anywhere_is_a_miss_and_never_an_error(tmp_path: Path, seed: int) -> None:
    keys = [f"k{n}" for n in range(200)]
    path = fill(tmp_path, *keys)
    raw = bytearray(path.read_bytes())
    dice = random.Random(seed)  # noqa: S311  (dice for damage, not for secrets)
    for _ in range(200):
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    path.write_bytes(raw[: len(raw) // 2] if seed % 3 == 0 else raw)
    with ReplyCache(tmp_path, SECRET) as store:
        for key in keys:
            assert store.get(key) in (None, REPLY)
        store.put("new", REPLY)
        assert len(store.warnings) <= 1


@pytest.mark.parametrize("where", ["a file in the way", "/proc/nowhere"])
def test_a_directory_that_can_not_be_made_fails_no_run(tmp_path: Path, where: str) -> None:
    (tmp_path / "a file in the way").write_text("")
    found, warnings = read(tmp_path / where)
    assert found is None
    assert "can't be opened" in warnings[0]


def test_many_threads_share_one(tmp_path: Path) -> None:
    with ReplyCache(tmp_path, SECRET) as store:

        def work(name: int) -> None:
            for n in range(50):
                store.put(f"{name}-{n}", REPLY)
                assert store.get(f"{name}-{n}") == REPLY

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.warnings == []
        assert all(store.get(f"{name}-49") for name in range(8))


def test_many_processes_share_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rlm_gate.providers import ModelReply;"
        "from rlm_gate.rlm.cache import ReplyCache\n"
        "with ReplyCache(Path(sys.argv[1]), b's' * 32) as store:\n"
        "    for n in range(100):\n"
        "        store.put(f'{sys.argv[2]}-{n}', ModelReply(str(n)))\n"
        "        assert store.get(f'{sys.argv[2]}-{n}'), n\n"
        "    sys.exit(str(store.warnings) if store.warnings else 0)"
    )
    crowd = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(name)])
        for name in range(5)
    ]
    assert [process.wait() for process in crowd] == [0] * 5
    with ReplyCache(tmp_path, SECRET) as store:
        found = [store.get(f"{name}-{n}") for name in range(5) for n in range(100)]
    assert all(found)


def test_a_cache_that_grew_too_large_forgets_its_older_half(tmp_path: Path) -> None:
    fill(tmp_path, *(f"k{n}" for n in range(100)))
    ReplyCache(tmp_path, SECRET, most_bytes=1000).close()
    with ReplyCache(tmp_path, SECRET) as store:
        assert store.get("k0") is None
        assert store.get("k99") == REPLY
        assert store.warnings == []


def test_closed_it_answers_nothing(tmp_path: Path) -> None:
    store = ReplyCache(tmp_path, SECRET)
    store.close()
    store.close()
    store.put("k", REPLY)
    assert store.get("k") is None
    assert store.warnings == []
