"""No more WebSockets at once than venues take: a probe that is refused for its haste has found nothing out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from ctosd.abi.transport import Dial, Headers, Socket

BURST, WINDOW_S = 3, 1.1
"""To one host: OKX opens three a second for one address, which is the least of all venues."""


class Pace:
    """Shared by everything that dials one venue."""

    def __init__(self) -> None:
        self._turns: dict[str, deque[float]] = {}

    async def turn(self, url: str) -> None:
        """Return when the host of `url` may be dialled again."""
        now = asyncio.get_running_loop().time()
        taken = self._taken(url)
        due = max(now, taken[0] + WINDOW_S) if len(taken) == BURST else now
        taken.append(due)
        if due > now:
            await asyncio.sleep(due - now)

    async def rest(self) -> None:
        """Return when every host has forgotten what was dialled: who comes next keeps the limits by himself."""
        last = max((turns[-1] for turns in self._turns.values() if turns), default=0.0)
        wait_s = last + WINDOW_S - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def noted(self, dial: Dial) -> Dial:
        """`dial`, each time noted, and never held back."""

        async def note_and_dial(
            url: str,
            on_frame: Callable[[bytes, int], None],
            on_close: Callable[[str], None],
            *,
            headers: Headers = (),
            timeout_s: float = 10.0,
        ) -> Socket:
            self._taken(url).append(asyncio.get_running_loop().time())
            return await dial(url, on_frame, on_close, headers=headers, timeout_s=timeout_s)

        return note_and_dial

    def _taken(self, url: str) -> deque[float]:
        return self._turns.setdefault(urlsplit(url).hostname or "", deque(maxlen=BURST))
