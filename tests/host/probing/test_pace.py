"""Dials one after the other, as fast as the strictest venue takes them."""

from __future__ import annotations

import asyncio
from typing import Any

from ctosd.host.probing.pace import BURST, WINDOW_S, Pace
from ctosd.testing.rig import run_virtual


def test_no_window_holds_more_than_the_burst_and_hosts_are_counted_apart() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        pace, start, times = Pace(), loop.time(), []
        for _ in range(2 * BURST + 1):
            await pace.turn("wss://one.test:1/a")
            times.append(loop.time() - start)
        assert all(later - sooner >= WINDOW_S - 1e-6 for sooner, later in zip(times, times[BURST:], strict=False))
        assert times[BURST - 1] == 0
        before = loop.time()
        await pace.turn("wss://two.test/a")
        assert loop.time() == before

    run_virtual(main())


def test_who_comes_next_is_told_and_waited_for() -> None:
    """The driver's own dials are not held back, but the next trial waits until they are forgotten."""

    async def main() -> None:
        loop, pace, dialled = asyncio.get_running_loop(), Pace(), []

        async def dial(url: str, on_frame: Any, on_close: Any, **more: Any) -> Any:
            dialled.append((url, more["timeout_s"]))

        before = loop.time()
        await pace.rest()
        for _ in range(BURST + 2):
            await pace.noted(dial)("ws://one.test/", lambda frame, at: None, lambda reason: None, timeout_s=2)
        assert loop.time() == before
        assert dialled == [("ws://one.test/", 2)] * (BURST + 2)
        await pace.rest()
        assert loop.time() - before >= WINDOW_S - 1e-6

    run_virtual(main())
