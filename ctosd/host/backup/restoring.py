"""Putting a backup back. What lay there is moved aside, never deleted, and client ids go on above all that were used.

An id carries its boot's epoch: the second of that boot, or one more than the last epoch if the clock told less. Whatever was
started since the backup is unknown here, so the restored journal counts from the present second, as far ahead of the
clock as the backup was, plus `MARGIN`. Two restores of one backup differ by the time between them; a clock that
stands before the backup is refused, because then nothing of this holds.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

from ctosd.abi.errors import CallerMistake, CtosError, Misconfigured
from ctosd.core.ids import MAX_EPOCH
from ctosd.host.backup import checking
from ctosd.host.backup.checking import JOURNAL, Facts, Manifest
from ctosd.host.backup.copying import PRIVATE, copy_database, sync_file
from ctosd.host.backup.making import VIRTUAL
from ctosd.host.storage.database import explain, sync_directory, wal_of
from ctosd.host.storage.lock import InstanceLock

SECOND = 1_000_000_000
MARGIN = 10_000
"""Starts since the backup, or seconds of a clock that ran ahead, that can repeat no id."""

TAILS = ("", "-wal", "-shm", "-journal", "-redo")


def restore(folder: Path, lib: Path, now_ns: int, *, force: bool = False) -> tuple[Manifest, Path | None, int]:
    """Put the backup in `folder` into `lib`; returns its manifest, where the old files lie now, and the epoch.

    Raises:
        CallerMistake: the store there is newer or unreadable, and `force` was not said; nothing was changed.
        Misconfigured, NotReady: the backup is not whole, a daemon runs there, or the disk refuses.
    """
    manifest, faults = checking.verify(folder)
    if faults:
        raise Misconfigured(faults[0])
    if now_ns < manifest.time_ns:
        raise Misconfigured(
            f"this machine's clock stands before the backup ({manifest.time}): set it right first, or ids of orders"
            " could come twice"
        )
    owner = lib.stat().st_uid
    if owner != os.geteuid():  # what another user leaves here the daemon could not open
        raise Misconfigured(f"{lib} belongs to uid {owner}: run this as that user, with `sudo -u '#{owner}'`")
    with InstanceLock(lib / "lock"):
        draft = lib / f".restore-{os.getpid()}"
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o700)
            there = _there(lib, draft, force)
            _require_older(lib, there, manifest, force)
            boot = epoch(manifest, there.boot, now_ns)
            _draft(folder, draft, manifest, boot)
            aside = _swap(draft, lib, manifest, now_ns)
        except OSError as error:
            raise explain(error, Path(error.filename or lib)) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return manifest, aside, boot


def epoch(manifest: Manifest, there: int, now_ns: int) -> int:
    """What the restored journal counts on from. `there` is the epoch of the journal that it takes the place of."""
    lead = max(0, manifest.boot - manifest.time_ns // SECOND)
    boot = max(now_ns // SECOND + lead, manifest.boot, there) + MARGIN
    if boot >= MAX_EPOCH:
        raise Misconfigured(
            f"boot epoch {boot} does not fit in a client id: the clock was far wrong when the backup was made"
        )
    return boot


def _there(lib: Path, draft: Path, force: bool) -> Facts:
    """What the present journal says of itself."""
    path = lib / JOURNAL
    if not path.exists():
        return Facts()
    copy = draft / "present"
    try:
        copy_database(path, copy)  # by a copy: damage must not get worse by a look
        return checking.inspect(copy, path)
    except CtosError as error:
        if not force:
            raise CallerMistake(
                f"whether {path} is newer than the backup cannot be told: {error}; --force moves it aside, and deletes nothing"
            ) from None
        return Facts()
    finally:
        copy.unlink(missing_ok=True)


def _require_older(lib: Path, there: Facts, manifest: Manifest, force: bool) -> None:
    if there.last_seq > manifest.last_seq and not force:
        raise CallerMistake(
            f"{lib / JOURNAL} is newer than the backup (row {there.last_seq}, the backup ends at {manifest.last_seq}): what lies"
            " between would be forgotten; --force moves it aside, and deletes nothing"
        )


def _draft(folder: Path, draft: Path, manifest: Manifest, boot: int) -> None:
    for each in manifest.files:
        target = draft / each.name
        shutil.copyfile(folder / each.name, target)
        target.chmod(PRIVATE)
        if checking.digest(target) != each.sha256:
            raise Misconfigured(f"{folder / each.name} changed while it was read: use another backup")
        if each.name == JOURNAL:
            _raise_epoch(target, boot)
        sync_file(target)
    sync_directory(draft)


def _raise_epoch(path: Path, boot: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'boot'", (boot,))
    except sqlite3.Error as error:
        raise explain(error, path) from error
    finally:
        connection.close()


def _swap(draft: Path, lib: Path, manifest: Manifest, now_ns: int) -> Path | None:
    """A log must never meet another's file, and the journal's name never be free: it would be begun anew."""
    names = [each.name for each in manifest.files]
    old = {path.name for path in lib.glob("*.db")} - {VIRTUAL}
    old |= {name for name in names if any((lib / f"{name}{tail}").exists() for tail in TAILS)}
    aside = None
    if old:
        aside = lib / time.strftime("before-restore-%Y%m%dT%H%M%SZ", time.gmtime(now_ns // SECOND))
        while aside.exists():
            aside = aside.with_name(aside.name + "x")
        aside.mkdir(mode=0o700)
    for name in sorted(old | set(names), key=lambda name: (name == JOURNAL, name)):
        if aside is not None and name in old:
            _lay_aside(lib / name, aside, replaced=name in names)
        if name in names:
            os.rename(draft / name, lib / name)
    sync_directory(lib)
    return aside


def _lay_aside(path: Path, aside: Path, *, replaced: bool) -> None:
    if path.exists():
        os.link(path, aside / path.name)
    for log in (path.with_name(path.name + tail) for tail in TAILS[1:]):
        if log.exists() and log != wal_of(path):
            os.rename(log, aside / log.name)
    if wal_of(path).exists():
        os.rename(wal_of(path), aside / wal_of(path).name)
    sync_directory(aside)
    if not replaced:
        path.unlink()
