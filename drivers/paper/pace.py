"""A recorded market at the pace of the wall clock, or a multiple of it.

Plain timer callbacks: no task is current while events are delivered. Events keep their recorded stamps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ctosd.abi import Clock, MarketEvent, Timer

BATCH = 200
"""Events in one turn: after that others get the loop."""
REST_NS = 500_000
"""Between two turns, so that a feed that cannot keep its pace leaves the loop to others."""
LATE_NS = 1_000_000_000
"""Who is later than this goes on from where he is instead of catching up."""

Deliver = Callable[[int, MarketEvent], None]


class Pacer:
    """Delivers a feed so that the distances of its times are kept, divided by `speed`."""

    def __init__(self, clock: Clock, feed: Iterable[tuple[int, MarketEvent]], deliver: Deliver, speed: float) -> None:
        self._clock = clock
        self._source: Iterator[tuple[int, MarketEvent]] = iter(feed)
        self._deliver = deliver
        self._speed = speed
        self._head: tuple[int, MarketEvent] | None = None
        self._wall_ns = self._feed_ns = 0
        self._timer: Timer | None = None
        self._stopped = False
        self.events = 0
        self.late = 0

    def start(self) -> None:
        """The first event comes with the next turn of the loop."""
        self._wall_ns = self._clock.now_ns()
        self._timer = self._clock.call_at(self._wall_ns, self._begin)

    def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._head = next(self._source, None)
        if self._head is not None:
            self._wall_ns, self._feed_ns = self._clock.now_ns(), self._head[0]
            self._turn()

    def _due(self, feed_ns: int) -> int:
        """The wall's time of an event."""
        return self._wall_ns + int((feed_ns - self._feed_ns) / self._speed)

    def _turn(self) -> None:
        now_ns = self._clock.now_ns()
        head = self._head
        if head is not None and now_ns - self._due(head[0]) > LATE_NS:
            self.late += 1
            self._wall_ns, self._feed_ns = now_ns, head[0]
        left = BATCH
        while head is not None and left and not self._stopped and self._due(head[0]) <= now_ns:
            left -= 1
            self.events += 1
            self._deliver(*head)
            head = self._head = next(self._source, None)
        if head is not None and not self._stopped:
            self._timer = self._clock.call_at(max(self._due(head[0]), self._clock.now_ns() + REST_NS), self._turn)
