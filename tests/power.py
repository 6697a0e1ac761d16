"""Takes the power from a real daemon: what was not synced when it died is on the disk in part, torn, or not at all.

`python -m tests.power FOLDER VENUE/DURABILITY/SEED ...` runs, for each, an emulator that survives, and one daemon after the
other on the same files. In the daemon every sync of the journal's file is followed: what the files held when it began is what the disk holds
for certain when it has returned. After SIGKILL the files are put back as a disk would have them: that image, and of every
sector that was written since a part that chance picks.
Run by tests/test_power.py.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from ctosd.host.storage import writer
from ctosd.host.storage.database import wal_of
from ctosd.host.storage.redo import redo_of
from ctosd.host.storage.rowfile import RowFile
from ctosd.host.storage.store import FileStore
from tests import crashes

SECTOR = 512
DEATHS = 2
LOG_BYTES = 96 << 10
"""The journal's log is moved into its file so early, so that a death may fall before, in and after it."""
WITHIN_S = 30.0


class Disk:
    """What of a database is on the disk for certain, kept in `folder` for whoever cuts the power."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.path = path
        self._folder = folder / f"disk-{path.stem}"
        self._folder.mkdir(exist_ok=True)
        self._number = 0
        self._fd = -1
        self.lock = threading.RLock()

    def look(self) -> tuple[bytes, bytes]:
        """The files as they are now. The database itself is never closed again: that would drop SQLite's lock on it."""
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        wal = wal_of(self.path)
        return os.pread(self._fd, os.fstat(self._fd).st_size, 0), wal.read_bytes() if wal.exists() else b""

    def hold(self, image: tuple[bytes, bytes]) -> None:
        """`image` is on the disk from now on."""
        self._number += 1
        place = self._folder / f"image{self._number % 2}"
        place.mkdir(exist_ok=True)
        for name, data in zip(("db", "wal"), image, strict=True):
            (place / name).write_bytes(data)
        mark = self._folder / "durable.new"
        mark.write_text(place.name)
        os.replace(mark, self._folder / "durable")

    def held(self) -> tuple[bytes, bytes]:
        place = self._folder / (self._folder / "durable").read_text()
        return (place / "db").read_bytes(), (place / "wal").read_bytes()

    def is_log(self, fd: int) -> bool:
        wal = wal_of(self.path)
        return wal.exists() and os.path.samestat(wal.stat(), os.fstat(fd))


def follow(disk: Disk, store: Disk) -> None:
    """Hear of every sync of the journal and of the driver's store, in the process that is to die."""
    follow_journal(disk)
    sync, write, init = os.fdatasync, FileStore.write, FileStore.__init__

    def fdatasync(fd: int) -> None:
        for each in (disk, store):
            if each.is_log(fd):
                with each.lock:
                    image = each.look()
                    sync(fd)
                    each.hold(image)
                    return
        sync(fd)

    def opened(made: FileStore, *args: Any, **names: Any) -> None:
        init(made, *args, **names)
        if (made.path.parent / store.path.name) == made.path:
            store.hold(store.look())

    def written(made: FileStore, changes: Mapping[str, bytes | None]) -> None:
        write(made, changes)
        if not made._synced_behind:
            with store.lock:
                store.hold(store.look())

    setattr(os, "fdatasync", fdatasync)  # noqa: B010 - one way for all of them
    setattr(FileStore, "__init__", opened)  # noqa: B010 - one way for all of them
    setattr(FileStore, "write", written)  # noqa: B010 - one way for all of them


def follow_journal(disk: Disk) -> None:
    checkpoint, execute, insert, init = RowFile.checkpoint, RowFile._execute, RowFile.insert, RowFile.__init__

    def checkpointed(file: RowFile) -> None:
        with disk.lock:  # a sync behind the writers is over before the log begins anew
            os.fdatasync(file.wal_fd)
            checkpoint(file)

    def executed(file: RowFile, sql: str, parameters: tuple[object, ...] = ()) -> Any:
        found = execute(file, sql, parameters)
        if "wal_checkpoint" in sql:
            # All of the log is in the file now. Its old frames count no more: SQLite syncs the new header before it writes another.
            disk.hold((disk.look()[0], b""))
        return found

    def inserted(file: RowFile, entries: Any) -> None:
        insert(file, entries)
        if file._connection.execute("PRAGMA synchronous").fetchone()[0] == 2:  # FULL: a commit is a sync
            with disk.lock:
                disk.hold(disk.look())

    def opened(file: RowFile, *args: Any, **names: Any) -> None:
        init(file, *args, **names)
        disk.hold(disk.look())

    setattr(RowFile, "checkpoint", checkpointed)  # noqa: B010 - one way for all of them
    setattr(RowFile, "_execute", executed)  # noqa: B010 - one way for all of them
    setattr(RowFile, "insert", inserted)  # noqa: B010 - one way for all of them
    setattr(RowFile, "__init__", opened)  # noqa: B010 - one way for all of them
    setattr(writer, "WAL_LIMIT", LOG_BYTES)  # noqa: B010 - one way for all of them


def torn(durable: bytes, written: bytes, random: Random, part: float) -> bytes:
    """`durable`, with that part of the sectors that were written since."""
    image = bytearray(durable)
    for start in range(0, len(written), SECTOR):
        sector = written[start : start + SECTOR]
        if durable[start : start + SECTOR] != sector and random.random() < part:
            image += bytes(max(0, start + len(sector) - len(image)))
            image[start : start + len(sector)] = sector
    return bytes(image)


def cut_power(folder: Path, venue: str, random: Random) -> dict[str, Any]:
    """Leave of the files what a disk would; tells what was lost."""
    part = random.choice((0.0, 0.5, 0.9))
    lost = 0
    for disk in disks(folder, venue):
        if not disk.path.exists():
            continue  # not every driver keeps a store
        for path, durable in zip((disk.path, wal_of(disk.path)), disk.held(), strict=True):
            written = path.read_bytes() if path.exists() else b""
            left = torn(durable, written, random, part)
            lost += sum(written[at : at + SECTOR] != left[at : at + SECTOR] for at in range(0, len(written), SECTOR))
            path.write_bytes(left)
        redo = redo_of(disk.path)
        if redo.exists():  # nothing of it is ever synced
            written = redo.read_bytes()
            redo.write_bytes(torn(bytes(len(written)), written, random, part))
    return {"sectors_lost": lost, "part": part}


def disks(folder: Path, venue: str) -> tuple[Disk, Disk]:
    """Of the journal and of the driver's store."""
    lib = folder / "var" / "lib"
    return Disk(folder, lib / "journal.db"), Disk(folder, lib / f"venue-{venue.partition('-')[0]}.db")


def life(folder: Path, venue: str, address: Mapping[str, Any], *, last: bool) -> None:
    follow(*disks(folder, venue))
    crashes.daemon(folder, venue, address, "", not last)


def audits(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in crashes.whole_lines(folder / "audits.jsonl")]


def await_audit(folder: Path, pid: int, count: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while len(audits(folder)) < count:
        done, _ = os.waitpid(pid, os.WNOHANG)
        if done or time.monotonic() > deadline:
            raise AssertionError(f"no audit {count}: {(folder / 'out').read_text()[-3000:]}")
        time.sleep(0.01)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def run(folder: Path, venue: str, durability: str, seed: int) -> None:
    """One emulator, a few lives on the same files, a cut between each two of them."""
    random = Random(f"{venue} {durability} {seed}")
    emulator, address = crashes.venue_process(folder, venue)
    (folder / "ctos.yaml").write_text(f"durability: {durability}" + crashes.configuration(venue, address))
    (folder / "audits.jsonl").touch()
    cuts: list[dict[str, Any]] = []
    try:
        for number in range(DEATHS + 1):
            last = number == DEATHS
            pid = crashes.forked(lambda last=last: life(folder, venue, address, last=last))  # type: ignore[misc]
            try:
                await_audit(folder, pid, number + 1)
                time.sleep(0 if last else random.uniform(0.3, 1.3))
            finally:
                kill(pid)
            if not last:
                cuts.append(cut_power(folder, venue, random))
    finally:
        crashes.stop(emulator)
    (folder / "told").write_text(json.dumps({"cuts": cuts, "audits": audits(folder)}))


def main(folder: Path, cases: list[str]) -> None:
    """Each case is written ``venue/durability/seed`` and gets a folder of that name."""
    split = [case.split("/") for case in cases]
    crashes.prepare(*(venue for venue, _, _ in split))
    pids = []
    for venue, durability, seed in split:
        place = folder / venue / durability / seed
        place.mkdir(parents=True)
        pids.append(crashes.forked(lambda p=place, v=venue, d=durability, s=seed: run(p, v, d, int(s))))  # type: ignore[misc]
    for pid in pids:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
