"""A consistent copy of a SQLite file that another process writes, taken without a lock: the daemon notices nothing.

The daemon holds its files locked, so SQLite's own backup cannot read them. Their bytes can be read, and write-ahead logging says
what they mean: within one generation of the log (the salts in its header tell generations apart) a page that changes in
the file stands in the log too. So the file first, the log second, and the log's header unchanged at the end: together
they are the store as of the log's last whole commit. SQLite then folds the log into the copy, dropping a torn tail. A
journal's redo log, copied last, has what its process had not committed yet.

Only for files that another process holds: closing one in the process that holds it would let go of its lock (POSIX).
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from ctosd.abi.errors import Misconfigured, NotReady
from ctosd.host.storage.database import explain, wal_of
from ctosd.host.storage.redo import RedoLog, redo_of
from ctosd.host.storage.rowfile import redo

PRIVATE = 0o600
PATIENCE = 40
"""Copies that are tried before a store counts as written too fast."""

_PAUSE_S = 0.05
_HEADER = 32
_CHUNK = 1 << 20


def copy_database(source: Path, target: Path) -> None:
    """Make `target`, which must not exist, the present content of `source`, as one file without a log.

    Raises:
        Misconfigured: `source` is missing, damaged or may not be read.
        NotReady: it may pass: the disk is full, or the store is written faster than it can be copied.
    """
    if not source.is_file():
        raise Misconfigured(f"{source}: no such file; name the daemon's directory with --var DIR")
    try:
        for _ in range(PATIENCE):
            if _copied(source, target):
                return _fold(source, target)
            time.sleep(_PAUSE_S)
    except OSError as error:
        raise explain(error, Path(error.filename or source)) from error
    raise NotReady(f"{source} is written faster than it can be copied: try again when less is traded")


def _copied(source: Path, target: Path) -> bool:
    before = _generation(source)
    for each in (target, wal_of(target), redo_of(target)):
        each.unlink(missing_ok=True)
    _copy(source, target)
    if wal_of(source).exists():
        try:
            _copy(wal_of(source), wal_of(target))
        except FileNotFoundError:
            return False
    if redo_of(source).exists():
        _copy(redo_of(source), redo_of(target))
    return _generation(source) == before


def _generation(source: Path) -> tuple[object, ...]:
    """Unchanged as long as what was read since belongs together."""
    state = source.stat()
    try:
        with wal_of(source).open("rb") as log:
            header = log.read(_HEADER)
    except FileNotFoundError:
        header = b""
    # Without a log nothing may touch the file; with one, checkpoints may.
    return (state.st_ino, header) if header else (state.st_ino, state.st_mtime_ns, state.st_size)


def _copy(source: Path, target: Path) -> None:
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
    with source.open("rb") as reader, open(fd, "wb") as writer:
        while chunk := reader.read(_CHUNK):
            writer.write(chunk)


def _fold(source: Path, target: Path) -> None:
    """Put the log into the file. Raises for a source that SQLite cannot read."""
    try:
        connection = sqlite3.connect(target, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            _redo(connection, redo_of(target))
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explain(error, source) from error
    sync_file(target)


def _redo(connection: sqlite3.Connection, path: Path) -> None:
    if path.exists():
        log = RedoLog(path)
        try:
            redo(connection, log)
        finally:
            log.close()
            path.unlink()


def sync_file(path: Path) -> None:
    """Make what was written to `path` survive a loss of power."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
