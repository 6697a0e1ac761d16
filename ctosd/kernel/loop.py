"""The event loop of a virtual-clock run: the same asyncio, with time that jumps.

asyncio asks its selector to wait exactly when nothing is ready to run. That instant is when a simulated world may move:
`IdleSelector` hands it to the pump, which delivers recorded events and due timers until one of them wakes a task. So
tasks always finish what they can before time goes on, and the order of everything follows from the data alone.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from typing import Any

from ctosd.abi.driver import Feed
from ctosd.abi.events import MarketEvent
from ctosd.kernel.clock import NEVER, SECOND, Deadline, VirtualClock

CHUNK = 4096
"""Events between two looks at the sockets: a `ctosctl status` is answered while a run goes on."""

Head = tuple[int, MarketEvent]


class IdleSelector(selectors.DefaultSelector):
    """A selector that offers the idle loop to a pump before it would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: Callable[[float | None], bool] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.idle is not None and (timeout is None or timeout > 0) and self.idle(timeout):
            timeout = 0
        return super().select(timeout)


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on the virtual clock: `asyncio.sleep` and timeouts follow it too."""

    def __init__(self, clock: VirtualClock) -> None:
        selector = IdleSelector()
        super().__init__(selector)
        self.clock = clock
        self.woken = False
        self.pump = Pump(self, clock)
        selector.idle = self.pump.turn
        # As seconds since the epoch a float tells a quarter of a microsecond apart: asyncio's own nanosecond would vanish in
        # it, and a timer that is due exactly now would never be found due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.clock.time_ns / SECOND

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        self.woken = True
        return super().call_soon(callback, *args, context=context)


class Pump:
    """Moves the simulated world: feeds and timers, in the order of time."""

    def __init__(self, loop: VirtualLoop, clock: VirtualClock) -> None:
        self._loop = loop
        self._clock = clock
        self._sources: list[Iterator[Head]] = []
        self._sinks: list[Callable[[int, MarketEvent], None]] = []
        self._heads: list[Head | None] = []
        self._alarm: Deadline | None = None
        self._done: asyncio.Future[None] | None = None
        self.events = 0

    @property
    def feeds(self) -> int:
        return len(self._sources)

    def add(self, feed: Feed, deliver: Callable[[int, MarketEvent], None]) -> None:
        """Pump `feed` into `deliver` once `run` is awaited. The clock starts at the earliest event of all feeds."""
        source = iter(feed)
        head = next(source, None)
        self._sources.append(source)
        self._sinks.append(deliver)
        self._heads.append(head)
        if head is not None and (self._clock.time_ns == 0 or head[0] < self._clock.time_ns):
            self._clock.time_ns = head[0]

    async def run(self) -> None:
        """Let time go until every feed is at its end. Raises what broke the pump."""
        self._done = self._loop.create_future()
        await self._done

    def stop(self) -> None:
        """Let time stand still again."""
        self._finish(None)

    def turn(self, timeout: float | None) -> bool:
        """One idle instant of the loop. True when there is more to do than to wait."""
        if self._done is None:
            return self._skip(timeout)
        self._loop.woken = False
        self._set_alarm(timeout)
        try:
            self._advance()
        except Exception as error:
            self._finish(error)
        return True

    def _skip(self, timeout: float | None) -> bool:
        """Without a feed to follow, time goes to the timer that the loop would wait for, past those of the clock."""
        clock = self._clock
        if timeout is None and self._sources:
            return False  # a world that follows feeds stands still before and after its run
        target_ns = NEVER - 1 if timeout is None else clock.time_ns + int(timeout * SECOND) + 1_000
        self._loop.woken = False
        while clock.next_ns <= target_ns:
            clock.run_next()
            if self._loop.woken:
                return True
        if timeout is None:
            return False  # nothing will ever happen by itself: wait for the world
        clock.time_ns = max(clock.time_ns, target_ns)
        return True

    def _set_alarm(self, timeout: float | None) -> None:
        """asyncio's own timers bound the jump: wake the loop when its earliest is due."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if timeout is not None:
            # One microsecond more than asked: asyncio counts in floats and must find its timer due.
            self._alarm = self._clock.call_at(self._clock.time_ns + int(timeout * SECOND) + 1_000, self._wake)

    def _wake(self) -> None:
        self._loop.woken = True

    def _finish(self, error: Exception | None) -> None:
        done, self._done = self._done, None
        if done is not None and not done.done():
            done.set_exception(error) if error is not None else done.set_result(None)

    def _advance(self) -> None:
        """Up to a chunk of events, in the order of time, until a task is woken."""
        clock, end = self._clock, self.events + CHUNK
        while self.events < end and not self._loop.woken:
            index = self._earliest()
            if index < 0:
                self._finish(None)
                return
            if clock.next_ns <= self._heads[index][0]:  # type: ignore[index]
                clock.run_next()
            else:
                self._deliver(index, end)

    def _deliver(self, index: int, end: int) -> None:
        """The hot loop: one feed, until another one, a timer or a woken task is first."""
        clock, loop = self._clock, self._loop
        deliver, source, following = self._sinks[index], self._sources[index], self._heads[index]
        until = min((head[0] for i, head in enumerate(self._heads) if head is not None and i != index), default=NEVER)
        events = self.events
        try:
            while following is not None:
                now_ns, event = following
                if now_ns >= clock.next_ns or now_ns > until or events >= end:
                    break
                clock.time_ns = now_ns
                events += 1
                deliver(now_ns, event)
                following = next(source, None)
                if loop.woken:
                    break
        finally:
            self.events = events
            self._heads[index] = following

    def _earliest(self) -> int:
        best, found = NEVER, -1
        for index, head in enumerate(self._heads):
            if head is not None and head[0] < best:
                best, found = head[0], index
        return found
