"""The journal's writer: a queue of rows, and the one thread that empties it in groups.

The thread polls every few milliseconds while there is work and sleeps for good only after a quiet while, so that a row
in a busy stretch costs its queue nothing but an append.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any

from ctosd.abi.errors import NotReady
from ctosd.host.storage.database import explain
from ctosd.host.storage.redo import Entry
from ctosd.host.storage.rowfile import BATCH, WAL_LIMIT, RowFile, batch_size
from ctosd.host.storage.syncer import Syncer

LINGER_S = 0.005
"""How long a first row waits for company, unless somebody waits for it."""

SYNC_S = 0.1
"""The least time between two syncs behind the writers."""

RETRY_S = 0.25
"""The time between two tries to write while the file refuses."""

CHECKPOINT_RETRY_S = 10.0

KEPT = 200_000
"""Rows that are kept in memory while the file refuses."""

CROWD = 65_536
"""Rows that a relaxed journal may lag behind before it makes its caller wait."""

_QUIET_ROUNDS = 100


class Writer:
    """Owns the file's lock. `committed` is the last sequence number in the file; `failed` why it refuses, or empty."""

    def __init__(self, file: RowFile, *, synced_behind: bool, relaxed: bool, on_progress: Callable[[], None]) -> None:
        self.pending: deque[Entry] = deque()
        self.asleep = False
        self.committed = file.last_seq
        self.wanted = 0  # the last sequence number that somebody waits for
        self.failed = ""
        self.closed = False
        self.lock = threading.Lock()
        self._file = file
        self._relaxed = relaxed
        self._on_progress = on_progress
        self._counts = {"commits": 0, "failures": 0, "dropped": 0}
        self._for_good = False  # a failure that no further try can mend
        self._closing = self._rung = False
        self._quiet = 0
        self._seen = self.committed
        self._synced_at = self._checkpoint_at = 0.0
        self._checkpoint_failed = ""
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._syncer = Syncer(file.wal_fd, file.last_seq, self._sync_failed) if synced_behind else None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    # -- any thread, in practice the loop's ------------------------------------------------------------------------------

    def ring(self) -> None:
        """Let the thread look at once."""
        if not self._rung:
            self._rung = True
            self._bell.put(None)

    def nudge(self) -> None:
        """What an append owes now and then: wake the thread, and keep the queue bounded."""
        if self.closed:
            raise NotReady(f"{self._file.path} is closed: nothing more is recorded in this run")
        if self.asleep:
            self.ring()
        if len(self.pending) > KEPT and self.failed:
            self._drop()
        elif self._relaxed and len(self.pending) > CROWD and not self.failed:
            self.drain(CROWD // 2)

    def drain(self, down_to: int = 0) -> bool:
        """Commit, waiting for whoever writes, until at most `down_to` rows are queued. False when the file refuses."""
        while len(self.pending) > down_to:
            with self.lock:
                if not self._commit_batch():
                    return False
        with self.lock:  # whoever held the lock before has finished its rows
            return not self.failed

    def close(self) -> None:
        """Write what is queued, end the threads, close the file. What cannot be written any more is told by `failed`."""
        self._closing = True
        self.ring()
        self._thread.join()
        if not self.drain():
            self.failed = f"{len(self.pending)} rows could not be written: {self.failed}"
        if self._syncer is not None:
            self._syncer.close()
        self.closed = self.asleep = True  # the next append is told by `nudge`
        try:
            self._file.close()
        except sqlite3.Error as error:
            self.failed = self.failed or str(explain(error, self._file.path))
        self._on_progress()

    def statistics(self) -> Mapping[str, Any]:
        synced = self._syncer.synced if self._syncer is not None else 0 if self._relaxed else self.committed
        return {
            "committed_seq": self.committed,
            "synced_seq": synced,
            "backlog": len(self.pending),
            "wal_bytes": self._file.wal_bytes,
            "checkpoints": self._file.checkpoints,
            "checkpoint_failed": self._checkpoint_failed,
            "syncs": self._syncer.syncs if self._syncer is not None else 0,
            **self._counts,
        }

    # -- holding the lock ---------------------------------------------------------------------------------------------------

    def _commit_batch(self) -> bool:
        """Commit the head of the queue as one transaction. Refused, it goes back to where it was."""
        if self._for_good:
            return False
        entries = [self.pending.popleft() for _ in range(batch_size(len(self.pending)))]
        if not entries:
            return not self.failed
        written = False
        try:
            self._file.insert(entries)
            written = True
        except sqlite3.Error as error:
            self._refused(error)
            return False
        finally:
            if not written:
                self.pending.extendleft(reversed(entries))
        self.committed = entries[-1][0]
        self.failed = ""
        self._counts["commits"] += 1
        self._on_progress()
        return True

    def _refused(self, error: Exception) -> None:
        self._counts["failures"] += 1
        self.failed = str(explain(error, self._file.path))
        self._on_progress()

    def _give_up(self, sentence: str) -> None:
        if not self._for_good:
            self._for_good = True
            self.failed = (
                f"{sentence} restart ctosd when the disk is well; it asks the venues what became of everything"
            )
            self._on_progress()

    # -- taking the lock ----------------------------------------------------------------------------------------------------

    def _drop(self) -> None:
        """Too much waits: forget the newest rows. With a gap in it the journal of this run is over."""
        with self.lock:
            while len(self.pending) > KEPT:
                self.pending.pop()
                self._counts["dropped"] += 1
            self._give_up(f"{self.failed}; more than {KEPT} rows waited and the newest are lost:")

    def _sync_failed(self, error: OSError) -> None:
        with self.lock:
            self._give_up(f"{explain(error, self._file.path)}; what was written last may not be on the disk:")

    # -- the thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            self._rest()
            self._write()
            self._sync_behind()
            self._checkpoint()

    def _rest(self) -> None:
        if self.failed:
            self._await_bell(RETRY_S)
        elif self.pending and self.wanted > self.committed:
            return
        elif self._quiet < _QUIET_ROUNDS:
            self._await_bell(LINGER_S)
        else:
            self.asleep = True
            if not self.pending and not self._closing:
                self._await_bell(None)
            self.asleep = False
            self._quiet = 0

    def _await_bell(self, timeout_s: float | None) -> None:
        try:
            self._bell.get(timeout=timeout_s)
        except Empty:
            pass
        self._rung = False

    def _write(self) -> None:
        if not self.pending:
            self._quiet += 1
            return
        self._quiet = 0
        for _ in range(
            len(self.pending) // BATCH + 2
        ):  # what comes meanwhile waits for the next round, and for company
            with self.lock:
                if not self._commit_batch():
                    return

    def _sync_behind(self) -> None:
        syncer = self._syncer
        if syncer is None or syncer.busy or syncer.synced >= self.committed or self._for_good:
            return
        self._quiet = 0  # no sleep before it is done
        now = time.monotonic()
        if now - self._synced_at >= SYNC_S:
            self._synced_at = now
            syncer.sync(self.committed)

    def _checkpoint(self) -> None:
        """When the log is long and nobody writes, or when it is very long. Refused, the log goes on growing."""
        busy, self._seen = self._seen != self.committed, self.committed
        size = self._file.wal_bytes
        if size < WAL_LIMIT or (busy and size < 4 * WAL_LIMIT) or time.monotonic() < self._checkpoint_at:
            return
        try:
            with self.lock:
                self._file.checkpoint()
            self._checkpoint_failed = ""
        except sqlite3.Error as error:
            self._checkpoint_failed = str(explain(error, self._file.path))
            self._checkpoint_at = time.monotonic() + CHECKPOINT_RETRY_S
