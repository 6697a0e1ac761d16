"""Syncs a log to disk behind its writers: one thread, one fdatasync at a time, holding no lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from ctosd.host.storage.database import sync_directory

_END = -1


class Syncer:
    """Syncs `fd` when told to. `synced` is the last sequence number that loss of power cannot undo."""

    def __init__(self, fd: int, synced: int, on_failed: Callable[[OSError], None]) -> None:
        self._fd = fd
        self._on_failed = on_failed
        self._orders: SimpleQueue[int] = SimpleQueue()
        self.synced = synced
        self.busy = False
        self.syncs = 0
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def sync(self, seq: int) -> None:
        """Sync in the background what is written up to `seq`. One at a time: see `busy`."""
        self.busy = True
        self._orders.put(seq)

    def close(self) -> None:
        self._orders.put(_END)
        self._thread.join()

    def _run(self) -> None:
        while (seq := self._orders.get()) != _END:
            try:
                os.fdatasync(self._fd)
                self.synced = max(self.synced, seq)
                self.syncs += 1
            except OSError as error:
                # The kernel drops what it could not write and reports it once: another try would prove nothing.
                self._on_failed(error)
                return
            finally:
                self.busy = False


class Follower:
    """Syncs `path` whenever it was `written`, at most every `every_s`. After a sync that failed there is no other."""

    def __init__(self, path: Path, every_s: float, on_failed: Callable[[OSError], None]) -> None:
        self._path = path
        self._every_s = every_s
        self._on_failed = on_failed
        self._news = threading.Event()
        self._end = threading.Event()
        self._named = False
        self.syncs = 0
        self._thread = threading.Thread(target=self._run, name="store-sync", daemon=True)
        self._thread.start()

    def written(self) -> None:
        self._news.set()

    def close(self) -> None:
        self._end.set()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                self._news.wait()
                self._end.wait(self._every_s)
                self._news.clear()
                self._sync()
        except OSError as error:
            self._on_failed(error)

    def _sync(self) -> None:
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)
        if not self._named:
            sync_directory(self._path.parent)
            self._named = True
        self.syncs += 1
