"""How long a client is waited for: in real time, also on a loop whose own clock is virtual and jumps over a year in seconds."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from ctosd.kernel.loop import VirtualLoop


class Handle(Protocol):
    def cancel(self) -> None: ...


def now() -> float:
    """Seconds of real time, from an arbitrary start."""
    return time.monotonic()


def call_later(seconds: float, call: Callable[[], None]) -> Handle:
    """Call once on the running loop, `seconds` from now."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        return loop.call_later(seconds, call)
    timer = threading.Timer(seconds, _hand_over, (loop, call))
    timer.daemon = True
    timer.start()
    return timer


def _hand_over(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has closed in the meantime
        loop.call_soon_threadsafe(call)


@contextlib.asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raises `TimeoutError` when the block takes longer."""
    loop = asyncio.get_running_loop()
    inside = True
    async with asyncio.timeout(None) as limit:

        def expire() -> None:
            if inside:
                limit.reschedule(loop.time())

        handle = call_later(seconds, expire)
        try:
            yield
        finally:
            inside = False
            handle.cancel()
