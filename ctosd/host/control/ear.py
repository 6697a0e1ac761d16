"""An ear on the log: what a follower has heard and not yet sent."""

from __future__ import annotations

import asyncio
from collections import deque


class Ear:
    """What a follower of the log has heard and not yet sent. Call it from any thread; wait for it on the loop."""

    def __init__(self, most: int) -> None:
        self.lines: deque[str] = deque(maxlen=most)
        self._heard = 0
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._woken = False
        self.closed = False

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._event.set)

    def take(self) -> list[str]:
        """Everything heard so far, oldest first; a reader that was too slow has lost the oldest."""
        self._woken = False
        self._event.clear()
        taken = []
        while self.lines:
            taken.append(self.lines.popleft())
        return taken

    async def wait(self) -> None:
        """Return when there is something to take, or nothing will come any more."""
        await self._event.wait()

    def close(self) -> None:
        self.closed = True
        self._event.set()
