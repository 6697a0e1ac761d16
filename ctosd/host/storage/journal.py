"""The journal: the append-only record of what was meant and what happened, on SQLite, through one writer thread.

With durability `process` a row that an order waits for goes into the redo log at once (`storage.redo`), and the writer
brings it into SQLite behind it.

`append`, `commit_now` and `committed` belong to the event loop's thread alone: they take no lock of their own and lean on
being called one after the other. Reading, closing and statistics are for any one thread that comes after or beside.

Durability: `process` survives kill -9 when `commit_now` or `committed` says so, and is synced to disk about every 0.1 s behind; `power` is
synced before a commit returns. `relaxed` promises nothing until `close` and never holds the caller up: for simulated runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from ctosd.abi.errors import NotReady
from ctosd.host.storage.redo import Entry
from ctosd.host.storage.rowfile import RowFile
from ctosd.host.storage.writer import Writer
from ctosd.kernel import ports
from ctosd.kernel.ports import Row

Durability = Literal["process", "power"]

_NUDGE_MASK = 0xFFF  # how often an append looks after the length of the queue


def open_journal(
    path: Path | None, *, durability: Durability = "process", now_ns: int = 0, relaxed: bool = False
) -> ports.Journal:
    """The journal of this start of the daemon: in the file `path`, or with None in memory, gone with the process.

    A file's boot epoch is raised and synced to disk before this returns: to the last one plus 1, or to the second that
    `now_ns` lies in if that is more. Memory is always boot 1, so that a simulated run gives the same ids each time.

    Raises:
        Misconfigured, NotReady: see `ctosd.host.storage.database.open_database`.
    """
    if path is None:
        return MemoryJournal()
    return Journal(path, durability=durability, now_ns=now_ns, relaxed=relaxed)


class Journal:
    """A journal in a file."""

    def __init__(
        self, path: Path, *, durability: Durability = "process", now_ns: int = 0, relaxed: bool = False
    ) -> None:
        file = RowFile(path, now_ns=now_ns)
        self._redo = file.redo
        if relaxed:
            file.relax("OFF")
        elif durability == "process":
            file.relax("NORMAL")
        self.path = path
        self.boot = file.boot
        self.failed = ""
        self.seq = file.last_seq
        self._file = file
        self._durability: str = "relaxed" if relaxed else durability
        self._relaxed = relaxed
        self._here = not relaxed and durability == "process"
        self._unsafe: list[Entry] = []  # rows that are neither in the redo log nor, for all we know, in SQLite
        self._safe = file.last_seq  # up to here they are in one of them
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = False
        self._writer = Writer(file, synced_behind=self._here, relaxed=relaxed, on_progress=self._on_progress)
        self._pending = self._writer.pending

    def append(self, kind: str, key: str, body: bytes, time_ns: int) -> int:
        """Queue one row and return its sequence number; the writer thread commits it within some milliseconds."""
        self.seq = seq = self.seq + 1
        entry = (seq, self.boot, time_ns, kind, key, body)
        self._pending.append(entry)
        if self._here:
            self._unsafe.append(entry)
        if self._writer.asleep or not seq & _NUDGE_MASK:
            self._writer.nudge()
            self._unsafe = self._uncommitted()
        return seq

    def commit_now(self, seq: int) -> bool:
        """Make everything up to `seq` as durable as it must be if that needs no waiting; False when it must be awaited."""
        if self._here and not self.failed:
            return seq <= self._safe or seq <= self._writer.committed or self._write_ahead()
        return self._relaxed and not self.failed

    def _write_ahead(self) -> bool:
        rows = self._uncommitted()
        if not rows:
            return True
        if not self._redo.write(rows, self._writer.committed):
            self._unsafe = rows  # a gap in the log would cost those behind it
            return False
        self._unsafe, self._safe = [], rows[-1][0]
        return True

    def _uncommitted(self) -> list[Entry]:
        committed = self._writer.committed
        return [entry for entry in self._unsafe if entry[0] > committed]

    async def committed(self, seq: int) -> None:
        """Return when `seq` is as durable as the configuration asks. Raises `NotReady` when the journal failed."""
        writer = self._writer
        if seq <= writer.committed or (self._relaxed and not self.failed):
            return
        if self.failed:
            raise NotReady(self.failed)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # whoever waited on another loop is gone with it
            self._loop, self._waiters, self._told = loop, [], False
        future = loop.create_future()
        self._waiters.append((seq, future))
        writer.wanted = max(writer.wanted, seq)
        writer.ring()
        # The writer may have been faster than the entry in the list.
        if seq > writer.committed:
            await future

    def rows(self, kinds: tuple[str, ...] | None = None, after: int = 0) -> Iterator[Row]:
        """All rows behind `after`, oldest first, up to the last one appended before this call; queued ones are written
        first. Raises `NotReady` when they cannot be."""
        until = self.seq
        if not self._writer.drain():
            raise NotReady(self.failed or self._writer.failed)
        return self._read(kinds, after, until)

    def _read(self, kinds: tuple[str, ...] | None, after: int, until: int) -> Iterator[Row]:
        while after < until:
            with self._writer.lock:
                after, entries = self._file.span(kinds, after, until)
            for entry in entries:
                yield Row(*entry)

    def close(self) -> None:
        """Write what is queued, end the threads and close the file. If rows could not be written, `failed` says so."""
        if not self._writer.closed:
            self._writer.close()
            self.failed = self._writer.failed

    def statistics(self) -> Mapping[str, Any]:
        return {
            "seq": self.seq,
            "boot": self.boot,
            "durability": self._durability,
            "failed": self.failed,
            "waiting": len(self._waiters),
            "redone": self._file.redone,
            "ahead": self._redo.writes,
            "ahead_refused": self._redo.refused,
            **self._writer.statistics(),
        }

    # -- waiters -----------------------------------------------------------------------------------------------------------

    def _on_progress(self) -> None:
        """Called by whoever committed or failed, on any thread: one trip to the loop, however many wait."""
        self.failed = self._writer.failed
        if self._waiters and not self._told and self._loop is not None:
            self._told = True
            try:
                self._loop.call_soon_threadsafe(self._settle)
            except RuntimeError:  # the loop is closed, and with it everybody who waited
                self._told = False

    def _settle(self) -> None:
        self._told = False
        done, failed = self._writer.committed, self.failed
        if self._writer.closed and not failed:
            failed = f"{self.path} was closed before this was written"
        waiters, self._waiters = self._waiters, []
        for seq, future in waiters:
            if future.done():
                continue
            if seq <= done:
                future.set_result(None)
            elif failed:
                future.set_exception(NotReady(failed))
            else:
                self._waiters.append((seq, future))


class MemoryJournal:
    """A journal without a file and without a thread: every row is committed when it is appended."""

    def __init__(self) -> None:
        self.boot = 1
        self.failed = ""
        self._rows: list[tuple[int, str, str, bytes]] = []

    def append(self, kind: str, key: str, body: bytes, time_ns: int) -> int:
        self._rows.append((time_ns, kind, key, body))
        return len(self._rows)

    def commit_now(self, seq: int) -> bool:
        return True

    async def committed(self, seq: int) -> None:
        return

    def rows(self, kinds: tuple[str, ...] | None = None, after: int = 0) -> Iterator[Row]:
        return self._read(kinds, after, len(self._rows))

    def _read(self, kinds: tuple[str, ...] | None, after: int, until: int) -> Iterator[Row]:
        for seq in range(after + 1, until + 1):
            time_ns, kind, key, body = self._rows[seq - 1]
            if kinds is None or kind in kinds:
                yield Row(seq, self.boot, time_ns, kind, key, body)

    def close(self) -> None:
        return

    def statistics(self) -> Mapping[str, Any]:
        rows = len(self._rows)
        return {
            "seq": rows,
            "boot": self.boot,
            "durability": "memory",
            "failed": "",
            "committed_seq": rows,
            "backlog": 0,
        }
