"""The journal's file: rows in SQLite, append-only, written a batch a statement. Whoever calls holds the journal's lock.

One multi-row INSERT in autocommit mode is one transaction and one call into SQLite, so the interpreter's lock is let go
once a batch and not once a row: with a busy thread beside it, the latter costs 5 ms a row.
"""

from __future__ import annotations

import os
import sqlite3
from itertools import chain
from pathlib import Path

from ctosd.host.storage.database import Layout, explain, open_database, sync_directory, wal_of
from ctosd.host.storage.redo import Entry, RedoLog, redo_of

BATCH = 512
"""Rows in the largest statement (SQLite takes 32,766 parameters)."""

SMALL = 64
"""Up to here there is a prepared statement for every number of rows; above, for multiples of it."""

WAL_LIMIT = 4 << 20
"""Bytes of log after which a checkpoint is due."""

_PAGE = 4096
_SPAN = 2048  # rows looked at in one read, so that the lock is not held long

_SCHEMA = """
    CREATE TABLE rows (seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, time_ns INTEGER NOT NULL,
                       kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL);
    CREATE TRIGGER rows_stay BEFORE DELETE ON rows BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TRIGGER rows_keep BEFORE UPDATE ON rows BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('boot', 0), ('checkpoint', 0);
"""
LAYOUT = Layout(name="journal", mark=0x43544F4A, version=1, schema=_SCHEMA)


def _insert(count: int) -> str:
    return "INSERT INTO rows VALUES " + ",".join(["(?,?,?,?,?,?)"] * count)  # noqa: S608 - no input in it


_ONE = _insert(1)
_MANY = {count: _insert(count) for count in (*range(2, SMALL + 1), *range(2 * SMALL, BATCH + 1, SMALL))}


def batch_size(backlog: int) -> int:
    """How many of `backlog` rows the next statement takes."""
    if backlog <= SMALL:
        return backlog
    return min(backlog // SMALL * SMALL, BATCH)


def redo(connection: sqlite3.Connection, log: RedoLog) -> int:
    """Commit the rows of `log` that the process which wrote them did not get to; returns how many that were.

    Rows of another journal are none of them, nor is what stands behind a gap. Raises `sqlite3.Error`.
    """
    last, boot = connection.execute(
        "SELECT (SELECT COALESCE(MAX(seq), 0) FROM rows), value FROM meta WHERE name = 'boot'"
    ).fetchone()
    late: list[Entry] = []
    for entry in log.entries():
        if entry[0] == last + len(late) + 1 and entry[1] == boot:
            late.append(entry)
    connection.execute("BEGIN")
    connection.executemany(_ONE, late)
    connection.execute("COMMIT")
    return len(late)


class RowFile:
    """An open journal file with its redo log. `boot` is already one further, and on disk.

    `redone` rows were found in the log alone: their process died before it had committed them.
    """

    def __init__(self, path: Path, *, now_ns: int) -> None:
        self.path = path
        self._connection = open_database(path, LAYOUT)
        try:
            self.last_seq = int(self._execute("SELECT COALESCE(MAX(seq), 0) FROM rows").fetchone()[0])
            self._insert = self._connection.cursor().execute  # one for all: making it is a tenth of a small commit
            self.redo = RedoLog(redo_of(path))
            self.redone = redo(self._connection, self.redo)
            self.last_seq += self.redone
            self.boot = self._next_boot(now_ns)
            self.redo.clear()
            sync_directory(path.parent)
            self.wal_fd = os.open(wal_of(path), os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, sqlite3.Error) as error:
            if "redo" in vars(self):
                self.redo.close()
            self._connection.close()
            raise explain(error, path) from error
        self.wal_bytes = os.fstat(self.wal_fd).st_size
        self.checkpoints = 0

    def relax(self, mode: str) -> None:
        """From now on sync at checkpoints only (`mode` NORMAL), or never (OFF)."""
        self._execute(f"PRAGMA synchronous={mode}")

    def insert(self, entries: list[Entry]) -> None:
        """Commit `entries`, as many as `batch_size` said. Raises `sqlite3.Error`; then none of them is written."""
        if len(entries) == 1:
            self._insert(_ONE, entries[0])
            self.wal_bytes += _PAGE + len(entries[0][5])
        else:
            self._insert(_MANY[len(entries)], list(chain.from_iterable(entries)))
            self.wal_bytes += _PAGE + sum([len(entry[5]) for entry in entries])

    def span(self, kinds: tuple[str, ...] | None, after: int, until: int) -> tuple[int, list[Entry]]:
        """The rows of the next stretch behind `after`, and the sequence number up to which it reaches."""
        last = min(after + _SPAN, until)
        wanted = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds is not None else ""
        query = f"SELECT * FROM rows WHERE seq > ? AND seq <= ?{wanted} ORDER BY seq"  # noqa: S608 - question marks only
        return last, self._execute(query, (after, last, *(kinds or ()))).fetchall()

    def checkpoint(self) -> None:
        """Move the log into the file, syncing both, and begin a new log here: its first write syncs its header."""
        busy, _, _ = self._execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if not busy:
            self._execute("UPDATE meta SET value = value + 1 WHERE name = 'checkpoint'")
            self.wal_bytes = _PAGE
            self.checkpoints += 1

    def close(self) -> None:
        """Empty the log into the file and close both. Raises `sqlite3.Error`; the file is closed all the same."""
        try:
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            os.close(self.wal_fd)
            self.redo.close()
            self._connection.close()

    def _next_boot(self, now_ns: int) -> int:
        """At least the present second, so that no epoch comes twice even when the file is deleted or restored."""
        least = now_ns // 1_000_000_000
        raised = "UPDATE meta SET value = MAX(value + 1, ?) WHERE name = 'boot' RETURNING value"
        return int(self._execute(raised, (least,)).fetchall()[0][0])

    def _execute(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, parameters)
