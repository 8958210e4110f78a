"""Replies of earlier runs, in SQLite: JSON rows, each signed, shared safely between processes.

A row that does not verify is a miss; a file that is damaged or of another version is left alone
and reported in ``warnings``. Reading and writing never fail a run. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import threading
from pathlib import Path
from typing import Self

from rlm_gate.providers import ModelReply
from rlm_gate.rlm import wire

VERSION = 1
FILE = "replies.sqlite3"
MOST_BYTES = 512 * 2**20

_BUSY_SECONDS = 5.0
_SCHEMA = "CREATE TABLE IF NOT EXISTS reply (key TEXT PRIMARY KEY, reply TEXT, mac BLOB)"
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class ReplyCache:
    """A reply store for calls.Caller.

    ``secret`` signs the rows: who can write the file, as whoever fills a CI cache can, but does not
    know the secret, can't make the gate believe a reply.
    """

    def __init__(self, directory: Path, secret: bytes, *, most_bytes: int = MOST_BYTES) -> None:
        self.path = directory / FILE
        self.warnings: list[str] = []
        self._secret = secret
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, key: str) -> ModelReply | None:
        """Return the reply of that key, if there is one and its signature holds."""
        text, mac = self._run("SELECT reply, mac FROM reply WHERE key = ?", (key,)) or (None, None)
        if not isinstance(text, str) or not isinstance(mac, bytes):
            return None
        if not hmac.compare_digest(mac, self._mac(key, text)):
            return None
        try:
            return wire.reply_from_json(json.loads(text))
        except _MALFORMED:  # signed, but by a version that wrote replies differently
            return None

    def put(self, key: str, reply: ModelReply) -> None:
        """Keep the reply."""
        text = json.dumps(wire.reply_json(reply), separators=(",", ":"))
        row = (key, text, self._mac(key, text))
        self._run("INSERT OR REPLACE INTO reply VALUES (?, ?, ?)", row)

    def close(self) -> None:
        """Make room if it has grown too large, and close the file."""
        if self._database and self._size() > self._most_bytes:
            self._run("DELETE FROM reply WHERE rowid <= (SELECT avg(rowid) FROM reply)")
            self._run("VACUUM")
        with self._lock:
            database, self._database = self._database, None
        if database:
            database.close()

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            database = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            self._warn(f"can't be opened: {error}")
            return
        self._database = database
        self._run("PRAGMA trusted_schema = OFF")  # the file may come from a stranger
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = NORMAL")
        self._check_version()

    def _check_version(self) -> None:
        row = self._run("PRAGMA user_version")
        if row == (0,):
            self._run(_SCHEMA)
            self._run(f"PRAGMA user_version = {VERSION}")
        elif row and row != (VERSION,):
            self._stop(f"was written by another version ({row[0]}, not {VERSION})")

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> tuple[object, ...] | None:
        """Return the first row. A failure ends the use of the file, for this run."""
        with self._lock:
            if self._database is None:
                return None
            try:
                row: tuple[object, ...] | None = self._database.execute(
                    statement, values
                ).fetchone()
            except sqlite3.Error as error:
                failure = error
            else:
                return row
        self._stop(f"is damaged or in use: {failure}")
        return None

    def _stop(self, why: str) -> None:
        with self._lock:
            database, self._database = self._database, None
        if database:
            database.close()
            self._warn(why)

    def _warn(self, why: str) -> None:
        self.warnings.append(f"the reply cache {self.path} {why}; it is ignored, delete it to mend")

    def _size(self) -> int:
        pages, size = self._run("PRAGMA page_count"), self._run("PRAGMA page_size")
        return int(str(pages[0])) * int(str(size[0])) if pages and size else 0

    def _mac(self, key: str, text: str) -> bytes:
        signed = f"{VERSION}|{key}|{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, signed, hashlib.sha256).digest()
