"""Stores for drivers: a small table of keys and bytes that is changed all or nothing, in a file or in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Literal

from ctosd.abi.errors import NotReady
from ctosd.host.storage.database import Layout, explain, open_database, wal_of
from ctosd.host.storage.syncer import Follower

_SCHEMA = "CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
LAYOUT = Layout(name="store", mark=0x43544F53, version=1, schema=_SCHEMA)

_CHECKPOINT_PAGES = 4000
"""16 MiB of log: the write that reaches it pays one checkpoint (about 1 ms: few pages, changed often)."""

_WIDE = 64  # the most keys in one statement

SYNC_S = 0.1
"""The least time between two syncs behind the writer."""


def _put(count: int) -> str:
    return "INSERT OR REPLACE INTO entries VALUES " + ",".join(["(?,?)"] * count)  # noqa: S608 - no input in it


_PUTS = [_put(count) for count in range(_WIDE + 1)]


class FileStore:
    """A store in its own SQLite file. A write that returned survives kill -9; loss of power may undo the writes of the
    last 0.1 s with durability `process`, and none with `power`.

    Opening raises `Misconfigured` or `NotReady`, see `ctosd.host.storage.database.open_database`.
    """

    def __init__(self, path: Path, *, durability: Literal["process", "power"] = "process") -> None:
        self.path = path
        self._connection = open_database(path, LAYOUT)
        self._connection.execute(f"PRAGMA synchronous={'FULL' if durability == 'power' else 'NORMAL'}")
        self._connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        self._closed = False
        self._synced_behind = durability == "process"
        self._follower: Follower | None = None
        self._failed = ""

    def read(self) -> Mapping[str, bytes]:
        """Everything. Raises `NotReady` or `Misconfigured` when the file cannot be read."""
        try:
            return dict(self._connection.execute("SELECT key, value FROM entries ORDER BY key"))
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Commit all changes or none, on this thread; None deletes a key. Raises `NotReady`: then nothing changed."""
        if self._failed:
            raise NotReady(self._failed)
        try:
            if 0 < len(changes) <= _WIDE and None not in changes.values():
                self._connection.execute(_PUTS[len(changes)], list(chain.from_iterable(changes.items())))
            elif changes:
                self._write_many(changes)
        except sqlite3.Error as error:
            if not self._closed and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise self._explain(error) from error
        if self._synced_behind and changes:
            self._follow()

    def _follow(self) -> None:
        if self._follower is None:
            self._follower = Follower(wal_of(self.path), SYNC_S, self._sync_failed)
        self._follower.written()

    def _sync_failed(self, error: OSError) -> None:
        # The kernel reports it once and drops the pages: another try would prove nothing.
        self._failed = f"{explain(error, self.path)}; restart ctosd when the disk is well"

    def close(self) -> None:
        """Empty the log into the file and close it. A second time does nothing."""
        self._closed = True
        if self._follower is not None:
            self._follower.close()
            self._follower = None
        self._connection.close()

    def _write_many(self, changes: Mapping[str, bytes | None]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_PUTS[1], [item for item in changes.items() if item[1] is not None])
        gone = [(key,) for key, value in changes.items() if value is None]
        self._connection.executemany("DELETE FROM entries WHERE key = ?", gone)
        self._connection.execute("COMMIT")

    def _explain(self, error: sqlite3.Error) -> Exception:
        if self._closed:
            return NotReady(f"{self.path} is closed: its driver was stopped")
        return explain(error, self.path)
