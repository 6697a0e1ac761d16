"""SQLite files of the house: how they are made, opened, checked, and how their failures are said.

A file comes into being whole: it is built beside its place and renamed, so an empty or half-made one is always damage and
never our own doing. While it is open it is locked for other programs (SQLite 3.7.0 to 3.51.2 can corrupt a WAL that two
connections checkpoint), and nothing else in this process may open and close it: POSIX would drop that lock.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ctosd.abi.errors import CtosError, Misconfigured, NotReady

_WAIT_S = 1.0  # how long a program that still holds the file may take to let go
_STATEMENTS = 128  # prepared statements kept: one for each size of batch


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds. `mark` is SQLite's application_id, `version` its user_version."""

    name: str
    mark: int
    version: int
    schema: str


def open_database(path: Path, layout: Layout) -> sqlite3.Connection:
    """Open `path`, made first when it is missing, checked; it is in WAL mode, autocommit, synchronous=FULL.

    The connection may be used from any thread, one at a time.

    Raises:
        Misconfigured: a person must act: no permission, damage, not our file, written by a newer release.
        NotReady: it may pass: disk full, I/O error, open in another program.
    """
    try:
        _require_whole(path)
        if not path.exists():
            _create(path, layout)
        connection = _connect(path, "rw")
    except (OSError, sqlite3.Error) as error:
        raise explain(error, path) from error
    try:
        _check(connection, path, layout)
    except (OSError, sqlite3.Error) as error:
        connection.close()
        raise explain(error, path) from error
    except CtosError:
        connection.close()
        raise
    return connection


def explain(error: Exception, path: Path) -> CtosError:
    """The error that `error` means for the daemon, as a sentence with the place and the remedy."""
    if isinstance(error, OSError):
        return _explain_system(error, path)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _full(path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return NotReady(f"{path} is open in another program: end it (`fuser -v {path}` names it), then start again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        return _forbidden(path, str(error))
    return NotReady(f"{path} cannot be read or written ({error}): check the disk, its quota and the kernel's log")


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a loss of power."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _require_whole(path: Path) -> None:
    """Refuse what SQLite would take for a new file, dropping or misplacing what its log still holds."""
    wal = wal_of(path)
    logged = wal.exists() and wal.stat().st_size > 0
    if not path.exists():
        if logged:
            raise Misconfigured(
                f"{wal} lies there without {path.name}: put {path.name} back beside it, or move it away"
            )
    elif path.is_file() and path.stat().st_size == 0:
        raise Misconfigured(
            f"{path} is empty (0 bytes), which ctosd never leaves behind: restore it from a backup, or move it"
            f"{f' and {wal.name}' if logged else ''} away to start with a new one"
        )


def _create(path: Path, layout: Layout) -> None:
    """Build the file under another name, sync it, and only then give it its own."""
    _make_directory(path.parent)
    draft = path.with_name(path.name + ".new")
    for leftover in (draft, draft.with_name(draft.name + "-journal")):
        leftover.unlink(missing_ok=True)
    connection = _connect(draft, "rwc")
    try:
        connection.executescript(
            f"PRAGMA application_id={layout.mark}; PRAGMA user_version={layout.version}; BEGIN; {layout.schema} COMMIT;"
        )
    finally:
        connection.close()
    os.rename(draft, path)
    sync_directory(path.parent)


def _make_directory(directory: Path) -> None:
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    sync_directory(directory.parent)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=_WAIT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )


def _check(connection: sqlite3.Connection, path: Path, layout: Layout) -> None:
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    mark, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if mark != layout.mark:
        raise Misconfigured(
            f"{path} is a SQLite file, but not ctosd's {layout.name}: move it away, or name another path"
        )
    if version != layout.version:
        raise Misconfigured(
            f"{path} has layout {version} and this ctosd knows layout {layout.version}: install the release that wrote"
            " it, or move it away to start with a new one"
        )
    if _pragma(connection, "journal_mode=WAL") != "wal":
        raise Misconfigured(f"{path} cannot use SQLite's write-ahead log: put it on a local file system")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    verdict = _pragma(connection, "quick_check(1)")
    if verdict != "ok":
        raise _damaged(path, " ".join(str(verdict).replace("*", "").split()))


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _explain_system(error: OSError, path: Path) -> CtosError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(path)
    if error.errno in (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return NotReady(f"{path} cannot be used now ({error.strerror}): check the disk and the kernel's log")
    return _forbidden(path, error.strerror or str(error))


def _full(path: Path) -> NotReady:
    return NotReady(
        f"the disk under {path} is full: free some space there; what waits is written as soon as there is room"
    )


def _damaged(path: Path, detail: str) -> Misconfigured:
    return Misconfigured(
        f"{path} is damaged ({detail}): keep it and {wal_of(path).name} for a look, and restore a backup or move both away;"
        " orders and positions are then read from the venues"
    )


def _forbidden(path: Path, detail: str) -> Misconfigured:
    return Misconfigured(
        f"{path} cannot be opened for writing by uid {os.geteuid()} ({detail}): check that its directory exists, who owns"
        " it and its mode"
    )
