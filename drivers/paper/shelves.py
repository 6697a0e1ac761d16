"""A synthetic symbol's whole book, kept from look to look: only what changed since the last look is worked out.

It is for those who tell a deep book by its changes; the levels are those of `Stream.orderbook`.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from drivers.paper.stream import Stream


class Shelf:
    """One side. `levels` are prices and sizes as of the last `turn`; `away` is -1 for bids and 1 for asks."""

    def __init__(self, stream: Stream, away: int, count: int) -> None:
        self.levels: dict[float, float] = {}
        self._stream = stream
        self._step = away * stream.spacing
        self._count = count
        self._first = self._last = 0  # of the levels behind the touch, in steps of the grid
        self._sizes: dict[int, tuple[float, int]] = {}  # step -> (price, until when its size stays)
        self._ends: list[tuple[int, int]] = []
        self._touch = 0.0
        self._seen_ns = 0

    def turn(self, best: int, touch: tuple[float, float], ns: int) -> set[float]:
        """Become the side as it stands at `ns`. Returns every price whose size may have changed."""
        moved: set[float] = set()
        if ns < self._seen_ns:  # a clock that was set back
            self._move(0, 0, ns, moved)
        self._seen_ns = ns
        if self._touch:
            self._drop(self._touch, moved)
        first = best // self._step + 1
        self._move(first, first + self._count - 1 if self._step > 0 else min(first + self._count - 1, 0), ns, moved)
        self._renew(ns, moved)
        self._touch, self.levels[touch[0]] = touch
        moved.add(touch[0])
        return moved

    def _move(self, first: int, last: int, ns: int, moved: set[float]) -> None:
        """Let the levels behind the touch be those from step `first` on, before step `last`."""
        was_first, was_last = self._first, self._last
        for gone in (range(was_first, min(was_last, first)), range(max(was_first, last), was_last)):
            for step in gone:
                self._drop(self._sizes.pop(step)[0], moved)
        for come in (range(first, min(last, was_first)), range(max(first, was_last), last)):
            for step in come:
                self._put(step, ns, moved)
        self._first, self._last = first, last

    def _renew(self, ns: int, moved: set[float]) -> None:
        """Work out the sizes anew that changed meanwhile."""
        while self._ends and self._ends[0][0] <= ns:
            end_ns, step = heappop(self._ends)
            if self._sizes.get(step, (0.0, 0))[1] == end_ns:
                self._put(step, ns, moved)

    def _put(self, step: int, ns: int, moved: set[float]) -> None:
        stream, count = self._stream, step * self._step
        price, end_ns = stream.prices.value(count), stream.depth.end_ns(count, ns)
        self._sizes[step] = price, end_ns
        self.levels[price] = stream.sizes.value(stream.depth.at(count, ns))
        heappush(self._ends, (end_ns, step))
        moved.add(price)

    def _drop(self, price: float, moved: set[float]) -> None:
        del self.levels[price]
        moved.add(price)


class Shelves:
    """Both sides, `count` levels each."""

    def __init__(self, stream: Stream, count: int, now_ns: Callable[[], int]) -> None:
        self._stream = stream
        self._now_ns = now_ns
        self._bids, self._asks = Shelf(stream, -1, count), Shelf(stream, 1, count)
        self.bids, self.asks = self._bids.levels, self._asks.levels
        self.best_bid = self.best_ask = 0.0

    def turn(self) -> tuple[set[float], set[float]]:
        """Become the book as it stands now; the bids and the asks that may have changed."""
        ns = self._now_ns()
        quote = self._stream.quote(ns)
        bid, ask = self._stream.touch
        self.best_bid, self.best_ask = quote.bid, quote.ask
        return (
            self._bids.turn(bid, (quote.bid, quote.bid_size), ns),
            self._asks.turn(ask, (quote.ask, quote.ask_size), ns),
        )
