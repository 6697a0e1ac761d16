"""A bounded queue with a thread behind it: who puts never waits, who writes may."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

GATHER_S = 0.02  # a batch a write: the thread takes the interpreter from the loop at most 50 times a second
WARNING = 30
INFO = 20


class Drain:
    """Hands batches of lines to `write` on a thread of its own.

    When the queue fills because `write` blocks (a full pipe, a slow disk), lines are dropped and counted by level: debug
    from half full, info from three quarters, everything else when there is no room at all.
    """

    def __init__(self, name: str, write: Callable[[list[tuple[int, bytes]]], None], capacity: int = 16_384) -> None:
        self._write = write
        self._queue: deque[tuple[int, bytes]] = deque()
        self._rooms = (capacity // 2, capacity * 3 // 4, capacity)
        self._some = threading.Event()
        self._closing = threading.Event()
        self._counting = threading.Lock()
        self._batch = 0
        self.taken = 0
        self.dropped: dict[str, int] = {"debug": 0, "info": 0, "warning": 0}
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, level: int, line: bytes) -> None:
        """Queue one line. Returns at once, always."""
        queued = len(self._queue)
        if queued >= self._rooms[0] and queued >= self._room(level):
            self._drop(level)
            return
        self._queue.append((level, line))
        if not self._some.is_set():
            self._some.set()

    def flush(self, within_s: float = 2.0) -> bool:
        """Wait until what is queued is written. False when that took longer than `within_s`. Not for the loop."""
        last = time.monotonic() + within_s
        while self._queue or self._batch:
            if time.monotonic() > last:
                return False
            time.sleep(GATHER_S / 4)
        return True

    def close(self, within_s: float = 2.0) -> bool:
        """Write what is queued. False when that took longer than `within_s`: the thread is left to end with the process."""
        self._closing.set()
        self._some.set()
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def statistics(self) -> Mapping[str, Any]:
        return {"queued": len(self._queue) + self._batch, "written": self.taken, "dropped": dict(self.dropped)}

    def _room(self, level: int) -> int:
        return self._rooms[2] if level >= WARNING else self._rooms[1] if level >= INFO else self._rooms[0]

    def _drop(self, level: int) -> None:
        name = "warning" if level >= WARNING else "info" if level >= INFO else "debug"
        with self._counting:
            self.dropped[name] += 1

    def _run(self) -> None:
        while True:
            self._some.wait()
            closing = self._closing.wait(GATHER_S)
            self._some.clear()
            self._empty()
            if closing and not self._queue:
                return
            if closing:
                self._some.set()

    def _empty(self) -> None:
        """Take what is there now: lines that come meanwhile are the next batch."""
        queue = self._queue
        self._batch = len(queue)  # before they leave the queue: `flush` must see them in one or the other
        batch = [queue.popleft() for _ in range(self._batch)]
        if batch:
            self._write(batch)
            self._batch = 0
            self.taken += len(batch)
