"""The virtual loop: time jumps only when nothing can run, events and timers come in the order of their times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ctosd.abi import MarketEvent, Quote
from ctosd.kernel.clock import VirtualClock
from ctosd.kernel.loop import VirtualLoop

SECOND = 1_000_000_000


class Ticks:
    """A feed of quotes at given seconds."""

    def __init__(self, name: str, *seconds: float) -> None:
        self.name, self.seconds = name, seconds

    def __iter__(self) -> Iterator[tuple[int, MarketEvent]]:
        for second in self.seconds:
            at = int(second * SECOND)
            yield at, Quote(self.name, "A/B", second, 1.0, second, 1.0, at)

    def statistics(self) -> Mapping[str, Any]:
        return {}


def run(main: Any) -> Any:
    clock = VirtualClock()
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main(clock, runner.get_loop()))


def test_an_hour_of_sleep_takes_no_time() -> None:
    async def main(clock: VirtualClock, loop: VirtualLoop) -> None:
        began = time.monotonic()
        await asyncio.sleep(3600)
        assert clock.now_ns() >= 3600 * SECOND
        assert time.monotonic() - began < 1

    run(main)


def test_feeds_merge_by_time_and_the_clock_stands_at_each_event() -> None:
    async def main(clock: VirtualClock, loop: VirtualLoop) -> None:
        seen: list[tuple[str, float]] = []

        def deliver(at: int, event: Any) -> None:
            assert clock.now_ns() == at
            seen.append((event.venue, event.bid))

        loop.pump.add(Ticks("a", 1, 4, 5), deliver)
        loop.pump.add(Ticks("b", 2, 3, 5), deliver)
        await loop.pump.run()
        assert seen == [("a", 1), ("b", 2), ("b", 3), ("a", 4), ("a", 5), ("b", 5)]
        assert loop.pump.events == 6

    run(main)


def test_timers_of_both_kinds_run_between_events() -> None:
    async def main(clock: VirtualClock, loop: VirtualLoop) -> None:
        seen: list[Any] = []
        loop.pump.add(Ticks("a", 10, 20, 30), lambda at, event: seen.append(at // SECOND))
        clock.call_at(15 * SECOND, lambda: seen.append("clock"))

        async def sleeper() -> None:
            await asyncio.sleep(15)  # from 10 on
            seen.append("asyncio")

        task = asyncio.ensure_future(sleeper())
        await asyncio.sleep(0)
        await loop.pump.run()
        await task
        assert seen == [10, "clock", 20, "asyncio", 30]

    run(main)


def test_a_timer_that_was_cancelled_carries_time_nowhere() -> None:
    """Neither past a task that sleeps nor past an event: the timer behind it waits for its own time."""

    async def main(clock: VirtualClock, loop: VirtualLoop) -> None:
        seen: list[tuple[str, int]] = []

        def note(name: str) -> None:
            seen.append((name, round(clock.now_ns() / SECOND)))

        hole, later = clock.call_at(3 * SECOND, lambda: note("never")), clock.call_at(9 * SECOND, lambda: note("timer"))
        hole.cancel()
        await asyncio.sleep(4)
        note("slept")
        loop.pump.add(Ticks("a", 6, 12), lambda at, event: note("event"))
        hole = clock.call_at(5 * SECOND, lambda: note("never"))
        hole.cancel()
        await loop.pump.run()
        assert seen == [("slept", 4), ("event", 6), ("timer", 9), ("event", 12)]
        assert later.when_ns == 9 * SECOND

    run(main)


def test_a_woken_task_finishes_before_time_goes_on() -> None:
    async def main(clock: VirtualClock, loop: VirtualLoop) -> None:
        mail: asyncio.Queue[int] = asyncio.Queue()
        seen: list[tuple[int, int]] = []

        async def worker() -> None:
            while True:
                at = await mail.get()
                await asyncio.sleep(0)
                seen.append((at, clock.now_ns()))

        task = asyncio.ensure_future(worker())
        loop.pump.add(Ticks("a", *range(1, 2000)), lambda at, event: mail.put_nowait(at))
        await loop.pump.run()
        task.cancel()
        assert len(seen) >= 1998
        assert all(at == now for at, now in seen)

    run(main)


def test_what_breaks_the_pump_is_raised_to_the_one_who_waits() -> None:
    async def main(clock: VirtualClock, loop: VirtualLoop) -> None:
        def broken(at: int, event: Any) -> None:
            raise ValueError("bad event")

        loop.pump.add(Ticks("a", 1), broken)
        with pytest.raises(ValueError, match="bad event"):
            await loop.pump.run()

    run(main)


def test_a_run_can_be_stopped() -> None:
    async def main(clock: VirtualClock, loop: VirtualLoop) -> None:
        loop.pump.add(Ticks("a", *range(1, 100_000)), lambda at, event: None)
        clock.call_at(50 * SECOND, loop.pump.stop)
        await loop.pump.run()
        assert loop.pump.events < 100

    run(main)
