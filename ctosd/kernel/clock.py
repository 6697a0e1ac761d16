"""The clock port's two hands: the wall and the virtual one, over the same heap of timers.

One heap serves every deadline of the kernel. On the wall clock the event loop is armed for its earliest entry; on the
virtual clock time jumps from event to event, and timers that are due run in between, in the order of their times.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Protocol

from ctosd.abi.clock import Clock

SECOND = 1_000_000_000
NEVER = 1 << 63


class SteadyClock(Clock, Protocol):
    """A clock that also tells a time which nobody sets."""

    def steady_ns(self) -> int: ...


class Deadline:
    """One timer. Cancelling leaves a hole in the heap that is skipped when its time comes."""

    __slots__ = ("call", "seq", "when_ns")

    def __init__(self, when_ns: int, seq: int, call: Callable[[], None]) -> None:
        self.when_ns = when_ns
        self.seq = seq
        self.call: Callable[[], None] | None = call

    def __lt__(self, other: Deadline) -> bool:
        return (self.when_ns, self.seq) < (other.when_ns, other.seq)

    def cancel(self) -> None:
        self.call = None


class _Timers:
    """The heap that both clocks share."""

    def __init__(self) -> None:
        self._heap: list[Deadline] = []
        self._seq = 0

    def _push(self, when_ns: int, call: Callable[[], None]) -> Deadline:
        self._seq += 1
        deadline = Deadline(when_ns, self._seq, call)
        heapq.heappush(self._heap, deadline)
        return deadline

    def _next_ns(self) -> int:
        heap = self._heap
        while heap and heap[0].call is None:
            heapq.heappop(heap)
        return heap[0].when_ns if heap else NEVER

    def _pop_due(self, now_ns: int) -> Callable[[], None] | None:
        if self._next_ns() > now_ns:
            return None
        return heapq.heappop(self._heap).call

    def pending(self) -> int:
        return sum(1 for deadline in self._heap if deadline.call is not None)


class WallClock(_Timers):
    """UTC as the machine tells it. Timers ride on the running loop, and keep their distance when somebody sets the clock."""

    virtual = False

    def __init__(self) -> None:
        super().__init__()
        self._handle: asyncio.TimerHandle | None = None
        self._armed_ns = NEVER

    def now_ns(self) -> int:
        return time.time_ns()

    def steady_ns(self) -> int:
        """Time that only goes forward, at its own pace; it has no date."""
        return time.monotonic_ns()

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Deadline:
        due_ns = self.steady_ns() + when_ns - self.now_ns()
        deadline = self._push(due_ns, call)
        if due_ns < self._armed_ns:
            self._arm(due_ns)
        return deadline

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _arm(self, when_ns: int) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._armed_ns = when_ns
        delay = max(0.0, (when_ns - self.steady_ns()) / SECOND)
        self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._armed_ns = NEVER
        try:
            # A batch is bounded, so that timers which set timers cannot starve the loop.
            for _ in range(256):
                call = self._pop_due(self.steady_ns())
                if call is None:
                    break
                call()
        finally:
            if (following := self._next_ns()) < self._armed_ns:
                self._arm(following)


class VirtualClock(_Timers):
    """Time that moves only when the pump moves it (`kernel.loop`)."""

    virtual = True

    def __init__(self, start_ns: int = 0) -> None:
        super().__init__()
        self.time_ns = start_ns
        self.next_ns = NEVER

    def now_ns(self) -> int:
        return self.time_ns

    def steady_ns(self) -> int:
        return self.time_ns

    def call_at(self, when_ns: int, call: Callable[[], None]) -> Deadline:
        deadline = self._push(max(when_ns, self.time_ns), call)
        self.next_ns = min(self.next_ns, deadline.when_ns)
        return deadline

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # on a `VirtualLoop` this is virtual time

    def run_next(self) -> None:
        """Move to the timer that `next_ns` tells of and run it. Was it cancelled meanwhile, time does not move."""
        due = self._next_ns()
        if due <= self.next_ns < NEVER:
            self.time_ns = max(self.time_ns, due)
            call = self._pop_due(self.time_ns)
            if call is not None:
                call()
        self.next_ns = self._next_ns()
